#include "masking/needles.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "base/check.h"
#include "masking/normal_form.h"
#include "masking/signs.h"
#include "masking/text_codec.h"
#include "masking/words.h"

namespace ytb::masking {
namespace {

uint32_t hash_of(const char* block, unsigned bits) {
  uint32_t word = 0;
  std::memcpy(&word, block, sizeof word);
  return word * 0x9e3779b1U >> (32 - bits);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Names and words are in catalogs and programs, too; addresses, numbers and whole lines are not.
bool tells(std::string_view needle) {
  constexpr size_t kLong = 24;
  constexpr ptrdiff_t kDigits = 6;
  return needle.size() >= kLong || needle.find('@') != std::string_view::npos ||
         std::count_if(needle.begin(), needle.end(), is_digit) >= kDigits;
}

// Whether `side` ends in bytes that are not UTF-8: what comes next begins anew there, as a field does behind
// the header of a value of 63 bytes and more.
bool ends_outside_text(std::string_view side) {
  constexpr size_t kCharacterMax = 4;
  size_t size = 1;
  while (size < kCharacterMax && size < side.size() && (side[side.size() - size] & 0xc0) == 0x80) ++size;
  const std::string_view character = side.substr(side.size() - size);
  return text_prefix(character) < character.size();
}

// Whether a word goes on before `side`'s end, as words are in a normal form.
bool word_before(std::string_view side) {
  for (size_t i = side.size(); i-- > 0;) {
    const char c = side[i];
    if (NormalText::is_word_byte(c)) return (c & 0x80) == 0 || !ends_outside_text(side.substr(0, i + 1));
    if (!NormalText::is_inner_byte(c)) return false;
  }
  return false;
}

bool word_behind(std::string_view side) {
  for (const char c : side) {
    if (NormalText::is_word_byte(c)) return true;
    if (!NormalText::is_inner_byte(c)) return false;
  }
  return false;
}

// How long the header before a field says that it is: postgres.h, varattrib_1b and varattrib_4b,
// little-endian.
bool is_field(std::string_view before, const NeedleText& needle) {
  const auto fits = [&](size_t size) {
    return needle.cut ? size > NeedleText::kBytesMax : size == needle.bytes.size();
  };
  const auto last = static_cast<unsigned char>(before.empty() ? '\0' : before.back());
  if ((last & 1) != 0 && last > 1 && fits((last >> 1) - 1)) return true;
  uint32_t header = 0;
  if (before.size() < sizeof header) return false;
  std::memcpy(&header, before.data() + before.size() - sizeof header, sizeof header);
  constexpr uint32_t kFieldMax = 1U << 30;
  return (header & 3) == 0 && header >> 2 > sizeof header && header >> 2 <= kFieldMax &&
         fits((header >> 2) - sizeof header);
}

// Every word that a masker takes from a list or puts together of two.
const std::set<std::string, std::less<>>& pseudonym_words() {
  static const std::set<std::string, std::less<>> words = [] {
    std::set<std::string, std::less<>> made;
    for (auto list : {first_names(), street_kinds(), company_trades(), company_forms()}) {
      for (std::string_view word : list) made.emplace(word);
    }
    for (auto [heads, tails] :
         {std::pair(last_name_heads(), last_name_tails()), std::pair(place_heads(), place_tails())}) {
      for (std::string_view head : heads) {
        for (std::string_view tail : tails) made.insert(std::string(head) + std::string(tail));
      }
    }
    return made;
  }();
  return words;
}

// Masking may have given it to somebody: it is made of its words and of nothing else but figures, or is one
// of the telephone numbers that belong to nobody.
bool may_be_pseudonym(std::string_view needle) {
  std::string digits;
  bool words = false;
  for (size_t at = 0; at < needle.size();) {
    if (!NormalText::is_word_byte(needle[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < needle.size() && NormalText::is_word_byte(needle[end])) ++end;
    const std::string_view word = needle.substr(at, end - at);
    at = end;
    if (std::all_of(word.begin(), word.end(), is_digit)) {
      digits += word;
      continue;
    }
    if (!pseudonym_words().contains(word)) return false;
    words = true;
  }
  return words || is_fictitious_phone(digits);
}

}  // namespace

NeedleSamples::Column& NeedleSamples::column(const std::string& name) {
  std::lock_guard lock(mutex_);
  return columns_[name];
}

void NeedleSamples::add(Column& column, std::vector<Kept>& values) {
  std::lock_guard lock(mutex_);
  for (Kept& value : values) {
    if (!column.wants(value.digest) || may_be_pseudonym(value.text.bytes)) continue;
    if (!column.digests_.insert(value.digest).second) continue;
    column.kept_.push_back(std::move(value));
    std::push_heap(column.kept_.begin(), column.kept_.end());
    if (column.kept_.size() <= per_column_) continue;
    std::pop_heap(column.kept_.begin(), column.kept_.end());
    column.digests_.erase(column.kept_.back().digest);
    column.kept_.pop_back();
    column.below_.store(column.kept_.front().digest, std::memory_order_relaxed);
  }
  values.clear();
}

NeedleText NeedleText::of(std::string_view stored) {
  return {.bytes = std::string(stored.substr(0, kBytesMax)),
          .cut = stored.size() > kBytesMax,
          .binary = text_prefix(stored) < stored.size()};
}

std::vector<NeedleText> NeedleSamples::needles_where(const std::function<bool(const Kept&)>& wanted) const {
  std::lock_guard lock(mutex_);
  std::vector<NeedleText> needles;
  for (const auto& [name, column] : columns_) {
    for (const Kept& kept : column.kept_) {
      if (wanted(kept)) needles.push_back(kept.text);
    }
  }
  std::sort(needles.begin(), needles.end());
  needles.erase(std::unique(needles.begin(), needles.end()), needles.end());
  return needles;
}

NeedleSearch::NeedleSearch(std::vector<NeedleText> needles)
    : shifts_(size_t{1} << kTableBits, kWindow - kBlock + 1), first_of_hash_((size_t{1} << kTableBits) + 1) {
  // The window of a needle is where it differs from the others: many begin alike ("https://", "+49 30").
  std::vector<uint32_t> of_hash(size_t{1} << kTableBits);
  for (NeedleText& text : needles) {
    const std::string& bytes = text.bytes;
    YTB_CHECK(bytes.size() >= kWindow);
    Needle needle;
    needle.tells = text.cut || tells(bytes);
    uint32_t least = kOfOneHashMax;
    for (size_t at = 0; at + kWindow <= bytes.size() && least > 0; ++at) {
      const uint32_t hash = hash_of(bytes.data() + at + kWindow - kBlock, kTableBits);
      if (of_hash[hash] >= least) continue;
      least = of_hash[hash];
      needle.hash = hash;
      needle.window = at;
    }
    if (least == kOfOneHashMax) continue;
    ++of_hash[needle.hash];
    for (size_t at = 0; at + kBlock <= kWindow; ++at) {
      uint8_t& shift = shifts_[hash_of(bytes.data() + needle.window + at, kTableBits)];
      shift = std::min(shift, static_cast<uint8_t>(kWindow - kBlock - at));
    }
    needle.text = std::move(text);
    needles_.push_back(std::move(needle));
  }
  std::sort(needles_.begin(), needles_.end(),
            [](const Needle& a, const Needle& b) { return a.hash < b.hash; });
  for (size_t hash = 0; hash < of_hash.size(); ++hash)
    first_of_hash_[hash + 1] = first_of_hash_[hash] + of_hash[hash];
}

bool NeedleSearch::stands(const Needle& needle, std::string_view bytes, size_t begin, Looking looking) {
  const NeedleText& text = needle.text;
  if (bytes.substr(begin, text.bytes.size()) != text.bytes) return false;
  if (text.binary) return true;
  const bool telling = looking == Looking::kTelling || looking == Looking::kTellingFields;
  if (telling && !needle.tells) return false;
  const std::string_view before = bytes.substr(0, begin);
  if (is_field(before, text)) return true;
  const bool fields = looking == Looking::kFields || looking == Looking::kTellingFields;
  return !fields && !word_before(before) &&
         (text.cut || !word_behind(bytes.substr(begin + text.bytes.size())));
}

uint64_t NeedleSearch::count(std::string_view bytes, size_t from, size_t to, Looking looking) const {
  uint64_t found = 0;
  if (needles_.empty() || bytes.size() < kWindow) return 0;
  to = std::min(to, bytes.size() - kWindow + 1);
  auto step = [&](size_t& at) {
    const uint32_t hash = hash_of(bytes.data() + at + kWindow - kBlock, kTableBits);
    if (const uint8_t shift = shifts_[hash]; shift > 0) {
      at += shift;
      return;
    }
    for (uint32_t i = first_of_hash_[hash]; i < first_of_hash_[hash + 1]; ++i) {
      const Needle& needle = needles_[i];
      if (at >= needle.window && stands(needle, bytes, at - needle.window, looking)) ++found;
    }
    ++at;
  };
  // Each step waits for the one before it: several windows at once make use of that time.
  constexpr size_t kLanes = 4;
  const size_t share = to > from ? (to - from) / kLanes : 0;
  std::array<size_t, kLanes> at{};
  std::array<size_t, kLanes> end{};
  for (size_t lane = 0; lane < kLanes; ++lane) {
    at[lane] = from + lane * share;
    end[lane] = lane + 1 == kLanes ? to : at[lane] + share;
  }
  auto all_go_on = [&] {
    bool go_on = true;
    for (size_t lane = 0; lane < kLanes; ++lane) go_on = go_on && at[lane] < end[lane];
    return go_on;
  };
  while (all_go_on()) {
    for (size_t& each : at) step(each);
  }
  for (size_t lane = 0; lane < kLanes; ++lane) {
    while (at[lane] < end[lane]) step(at[lane]);
  }
  return found;
}

}  // namespace ytb::masking
