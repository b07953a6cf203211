#include "masking/normal_form.h"

#include <utf8proc.h>

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

// What a character is to the words around it: itself in lower case, or the ASCII mark that does the same. 0:
// it is only there for how the text looks (a soft hyphen).
utf8proc_int32_t as_in_words(utf8proc_int32_t codepoint) {
  // Forms as wide as East Asian letters.
  constexpr utf8proc_int32_t kWideFirst = 0xff01;
  constexpr utf8proc_int32_t kWideLast = 0xff5e;
  if (codepoint >= kWideFirst && codepoint <= kWideLast) codepoint -= kWideFirst - '!';
  if (codepoint <= 0x7f) return codepoint;
  constexpr utf8proc_int32_t kZeroWidthSpace = 0x200b;
  constexpr utf8proc_int32_t kIsolateLast = 0x206f;  // of the marks of direction and joining
  switch (utf8proc_category(codepoint)) {
    case UTF8PROC_CATEGORY_PD:
      return codepoint <= 0x2011 ? '-' : ' ';  // hyphens; dashes stand between words
    case UTF8PROC_CATEGORY_PC:
      return '_';
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO:
      return '\'';
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
      return ' ';
    case UTF8PROC_CATEGORY_CF:
      return codepoint >= kZeroWidthSpace && codepoint <= kIsolateLast ? ' ' : 0;
    default:
      break;
  }
  constexpr utf8proc_int32_t kFinalSigma = 0x3c2;
  const utf8proc_int32_t lower = utf8proc_tolower(codepoint);
  return lower == kFinalSigma ? lower + 1 : lower;
}

constexpr utf8proc_int32_t kSharpS = 0xdf;  // in capitals two letters
constexpr utf8proc_int32_t kCapitalSharpS = 0x1e9e;

// Byte by byte where it is no UTF-8.
void fold_into_words(std::string& text) {
  thread_local std::string from;
  from.swap(text);
  text.clear();
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(from.data());
  auto left = static_cast<utf8proc_ssize_t>(from.size());
  while (left > 0) {
    utf8proc_int32_t codepoint = 0;
    utf8proc_ssize_t size = *at <= 0x7f ? 0 : utf8proc_iterate(at, left, &codepoint);
    if (size <= 0) {
      text.push_back(static_cast<char>(*at));  // its case is folded with the words
      size = 1;
    } else if (codepoint == kSharpS || codepoint == kCapitalSharpS) {
      text.append("ss");
    } else if (const utf8proc_int32_t folded = as_in_words(codepoint); folded != 0) {
      utf8proc_uint8_t bytes[4];
      text.append(reinterpret_cast<const char*>(bytes),
                  static_cast<size_t>(utf8proc_encode_char(folded, bytes)));
    }
    at += size;
    left -= size;
  }
}

constexpr size_t kApartMax = 3;
constexpr std::string_view kApart = " ().-/+";
constexpr std::string_view kTrunk = "(0)";  // which is dialled inside the country alone

// Whether two groups of digits with this between them may belong to one number; the second has `size` digits.
bool is_near(std::string_view between, size_t size) {
  constexpr size_t kThousands = 3;
  if (between == ",") return size == kThousands;
  size_t apart = between.size();
  if (const size_t trunk = between.find(kTrunk); trunk != std::string_view::npos) {
    apart -= kTrunk.size();
    return apart <= kApartMax &&
           between.substr(0, trunk).find_first_not_of(kApart) == std::string_view::npos &&
           between.substr(trunk + kTrunk.size()).find_first_not_of(kApart) == std::string_view::npos;
  }
  return apart <= kApartMax && between.find_first_not_of(kApart) == std::string_view::npos;
}

}  // namespace

bool NormalText::is_word_byte(char c) { return kind_of(c) == Kind::kLetter; }
bool NormalText::is_inner_byte(char c) { return kind_of(c) == Kind::kInner; }

void NormalText::read(std::string_view text, size_t whole_max) {
  text = text.substr(0, character_start(text, kTextMax));
  number_.clear();
  ascii_ = is_ascii(text);
  if (ascii_) {
    split(text, whole_max);
  } else {
    static const TextCodec kUtf8;
    prepared_.clear();
    if (!kUtf8.append_canonical(text, prepared_)) prepared_.assign(text);
    fold_into_words(prepared_);
    split(prepared_, whole_max);
  }
  text = folded(text);
  bool only = !text.empty() && text.size() <= 4 * kDigitsMax;
  for (size_t i = 0; only && i < text.size(); ++i)
    only = is_digit(text[i]) || text[i] == ',' || kApart.find(text[i]) != std::string_view::npos;
  if (!only) return;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with(kTrunk)) i += kTrunk.size();
    if (i < text.size() && is_digit(text[i])) number_.push_back(text[i]);
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
    if (at > 0 && groups > 0 && text.substr(at - 1).starts_with(kTrunk)) {
      ++at;
      continue;
    }
    size_t end = at + 1;
    while (end < text.size() && is_digit(text[end])) ++end;
    const bool of_word =
        (at > 0 && is_word_byte(text[at - 1])) || (end < text.size() && is_word_byte(text[end]));
    if (of_word) {  // "4f1234567e"
      groups = 0;
      at = end;
      continue;
    }
    if (groups > 0) {
      const size_t from = run[groups - 1].end;
      if (!is_near(text.substr(from, at - from), end - at)) groups = 0;
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
