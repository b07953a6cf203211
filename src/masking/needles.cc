#include "masking/needles.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "base/check.h"
#include "masking/normal_form.h"
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

// Whether what a word stands before, or behind, belongs to it: as words are in a normal form.
bool word_goes_on(std::string_view side, bool at_its_end) {
  for (size_t i = 0; i < side.size(); ++i) {
    const char c = at_its_end ? side[side.size() - 1 - i] : side[i];
    if (NormalText::is_word_byte(c)) return true;
    if (NormalText::kInnerBytes.find(c) == std::string_view::npos) return false;
  }
  return false;
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
  return words || digits.find("55501") != std::string::npos || digits.find("7700900") != std::string::npos;
}

}  // namespace

NeedleSamples::Column& NeedleSamples::column(const std::string& name) {
  std::lock_guard lock(mutex_);
  return columns_[name];
}

void NeedleSamples::add(Column& column, std::vector<Kept>& values) {
  std::lock_guard lock(mutex_);
  for (Kept& value : values) {
    if (!column.wants(value.digest)) continue;
    column.kept_.push_back(std::move(value));
    std::push_heap(column.kept_.begin(), column.kept_.end());
    if (column.kept_.size() <= per_column_) continue;
    std::pop_heap(column.kept_.begin(), column.kept_.end());
    column.kept_.pop_back();
    column.below_.store(column.kept_.front().digest, std::memory_order_relaxed);
  }
  values.clear();
}

std::vector<std::string> NeedleSamples::those(const std::function<bool(const Kept&)>& wanted) const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> needles;
  for (const auto& [name, column] : columns_) {
    for (const Kept& kept : column.kept_) {
      if (!may_be_pseudonym(kept.bytes) && wanted(kept)) needles.push_back(kept.bytes);
    }
  }
  std::sort(needles.begin(), needles.end());
  needles.erase(std::unique(needles.begin(), needles.end()), needles.end());
  return needles;
}

NeedleSearch::NeedleSearch(std::vector<std::string> needles)
    : shifts_(size_t{1} << kTableBits, kWindow - kBlock + 1), first_of_hash_((size_t{1} << kTableBits) + 1) {
  // The window of a needle is where it differs from the others: many begin alike ("https://", "+49 30").
  std::vector<uint32_t> of_hash(size_t{1} << kTableBits);
  for (std::string& bytes : needles) {
    YTB_CHECK(bytes.size() >= kWindow);
    Needle needle;
    needle.tells = tells(bytes);
    needle.binary = text_prefix(bytes) < bytes.size() && bytes.size() < NeedleSamples::kBytesMax;
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
    needle.bytes = std::move(bytes);
    needles_.push_back(std::move(needle));
  }
  std::sort(needles_.begin(), needles_.end(),
            [](const Needle& a, const Needle& b) { return a.hash < b.hash; });
  for (size_t hash = 0; hash < of_hash.size(); ++hash)
    first_of_hash_[hash + 1] = first_of_hash_[hash] + of_hash[hash];
}

bool NeedleSearch::stands(const Needle& needle, std::string_view bytes, size_t begin, Looking looking) {
  const size_t size = needle.bytes.size();
  if (bytes.substr(begin, size) != needle.bytes) return false;
  if (needle.binary) return true;
  if (looking == Looking::kTelling && !needle.tells) return false;
  // As a field: postgres.h, varattrib_1b and varattrib_4b, little-endian.
  if (begin >= 1 && static_cast<unsigned char>(bytes[begin - 1]) == ((size + 1) << 1 | 1)) return true;
  uint32_t header = 0;
  if (begin >= sizeof header) std::memcpy(&header, bytes.data() + begin - sizeof header, sizeof header);
  if (header == (size + sizeof header) << 2) return true;
  if (looking == Looking::kFields) return false;
  return !word_goes_on(bytes.substr(0, begin), true) &&
         (size == NeedleSamples::kBytesMax || !word_goes_on(bytes.substr(begin + size), false));
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
