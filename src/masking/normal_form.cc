#include "masking/normal_form.h"

#include <algorithm>
#include <array>

#include "masking/text_codec.h"

namespace ytb::masking {
namespace {

enum class Kind : uint8_t {
  kLetter,  // and digits, and every byte that is not ASCII
  kInner,   // belongs to a word between two letters
  kBreak,
  kSpace,
};

constexpr std::array<Kind, 256> kinds() {
  std::array<Kind, 256> table{};
  for (size_t byte = 0; byte < table.size(); ++byte) {
    const auto c = static_cast<char>(byte);
    const bool letter =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || byte >= 0x80;
    const bool space = byte <= ' ' || byte == 0x7f;
    table[byte] = letter                                                      ? Kind::kLetter
                  : space                                                     ? Kind::kSpace
                  : NormalText::kInnerBytes.find(c) != std::string_view::npos ? Kind::kInner
                                                                              : Kind::kBreak;
  }
  return table;
}
constexpr std::array<Kind, 256> kKinds = kinds();

Kind kind_of(char c) { return kKinds[static_cast<unsigned char>(c)]; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Bytes of a character that parts words, at the start of `text`; 0: it does not. The no-break space, General
// Punctuation (U+2000 to U+206F), and the marks and spaces of East Asian writing (U+3000 to U+3002).
size_t foreign_break(std::string_view text) {
  if (text.starts_with("\xc2\xa0")) return 2;
  if (text.size() < 3) return 0;
  const auto third = static_cast<unsigned char>(text[2]);
  if (text.starts_with("\xe2\x80") || (text.starts_with("\xe2\x81") && third <= 0xaf)) return 3;
  return text.starts_with("\xe3\x80") && third <= 0x82 ? 3 : 0;
}

// Whether it stands between an apostrophe's sides: ’ parts words as ' does, and both are no white space.
bool is_quote(std::string_view text) {
  return text.starts_with("\xe2\x80\x98") || text.starts_with("\xe2\x80\x99") ||
         text.starts_with("\xe2\x80\x9c") || text.starts_with("\xe2\x80\x9d");
}

void part_foreign(std::string& text) {
  size_t to = 0;
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = std::string_view(text).substr(at);
    const size_t size = static_cast<unsigned char>(text[at]) < 0x80 ? 0 : foreign_break(rest);
    if (size == 0) {
      text[to++] = text[at++];
      continue;
    }
    text[to++] = is_quote(rest) ? '\'' : ' ';
    at += size;
  }
  text.resize(to);
}

constexpr size_t kApartMax = 3;
constexpr std::string_view kApart = " ().-/+";

}  // namespace

bool NormalText::is_word_byte(char c) { return kind_of(c) == Kind::kLetter; }

void NormalText::read(std::string_view text, size_t whole_max) {
  text = text.substr(0, kTextMax);
  number_.clear();
  if (is_ascii(text)) {
    split(text, whole_max);
  } else {
    static const TextCodec kUtf8;
    prepared_.clear();
    if (!kUtf8.append_canonical(text, prepared_)) prepared_.assign(text);
    fold_case(prepared_);
    part_foreign(prepared_);
    split(prepared_, whole_max);
  }
  bool only = !text.empty() && text.size() <= 4 * kDigitsMax;
  for (size_t i = 0; only && i < text.size(); ++i)
    only = is_digit(text[i]) || kApart.find(text[i]) != std::string_view::npos;
  if (!only) return;
  for (char c : text) {
    if (is_digit(c)) number_.push_back(c);
  }
  if (number_.size() < kDigitsMin || number_.size() > kDigitsMax) number_.clear();
}

void NormalText::split(std::string_view text, size_t whole_max) {
  text_.clear();
  words_.clear();
  bool chunk = true;
  size_t at = 0;
  while (at < text.size() && text_.size() <= whole_max) {
    const Kind kind = kind_of(text[at]);
    if (kind != Kind::kLetter) {
      if (kind == Kind::kSpace) chunk = true;
      ++at;
      continue;
    }
    size_t end = at + 1;  // of the last letter of the word so far
    size_t next = end;
    for (; next < text.size(); ++next) {
      const Kind here = kind_of(text[next]);
      if (here == Kind::kLetter) {
        end = next + 1;
      } else if (here != Kind::kInner) {
        break;
      }
    }
    if (!text_.empty()) text_.push_back(' ');
    const auto begin = static_cast<uint32_t>(text_.size());
    text_.append(text.substr(at, end - at));
    for (size_t i = begin; i < text_.size(); ++i) {
      char& c = text_[i];
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    words_.push_back({begin, static_cast<uint32_t>(text_.size()), chunk});
    chunk = false;
    at = next;
  }
}

std::string_view NormalText::phrase(size_t first, size_t count) const {
  const uint32_t begin = words_.at(first).begin;
  return std::string_view(text_).substr(begin, words_.at(first + count - 1).end - begin);
}

size_t NormalText::chunk_words(size_t first) const {
  if (!words_.at(first).opens_chunk) return 1;
  size_t end = first + 1;
  while (end < words_.size() && !words_[end].opens_chunk) ++end;
  return end - first;
}

void NormalText::for_each_number(std::string_view text,
                                 const std::function<void(std::string_view digits)>& take) {
  // The groups before the present one that may still belong to a number with it: each has a digit at least.
  struct Group {
    size_t begin, end;
  };
  std::array<Group, kDigitsMax> run{};
  size_t groups = 0;
  std::string digits;
  size_t at = 0;
  while (at < text.size()) {
    if (!is_digit(text[at])) {
      ++at;
      continue;
    }
    size_t end = at + 1;
    while (end < text.size() && is_digit(text[end])) ++end;
    if (groups > 0) {
      const size_t from = run[groups - 1].end;
      const std::string_view between = text.substr(from, at - from);
      const bool near =
          between.size() <= kApartMax && between.find_first_not_of(kApart) == std::string_view::npos;
      if (!near) groups = 0;
    }
    if (groups == run.size()) {
      std::copy(run.begin() + 1, run.end(), run.begin());
      --groups;
    }
    run[groups++] = {at, end};
    // All numbers that end with this group.
    size_t length = 0;
    for (size_t first = groups; first-- > 0;) {
      length += run[first].end - run[first].begin;
      if (length > kDigitsMax) break;
      if (length < kDigitsMin) continue;
      digits.clear();
      for (size_t i = first; i < groups; ++i)
        digits.append(text.substr(run[i].begin, run[i].end - run[i].begin));
      take(digits);
    }
    at = end;
  }
}

}  // namespace ytb::masking
