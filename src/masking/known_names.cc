#include "masking/known_names.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/text.h"

namespace ytb::masking {
namespace {

constexpr size_t kValuesMax = 1000;
constexpr size_t kValueBytesMax = 4096;
constexpr size_t kNameBytesMin = 3;  // shorter ones are in every text; a letter that is a word has three
constexpr size_t kNameLettersMin = 2;
constexpr size_t kParticleMax = 3;
constexpr size_t kNamesMin = 2;    // different ones that have to be found
constexpr size_t kFewOfMany = 20;  // one in so many values

// Small letters that are more than a letter with marks, or are spelled otherwise where there are none.
struct Spelling {
  utf8proc_int32_t letter;
  std::string_view plain;
  std::string_view spelled;
};
constexpr Spelling kSpellings[] = {{0xe4, "a", "ae"},  // ä
                                   {0xf6, "o", "oe"},  // ö
                                   {0xf8, "o", "oe"},  // ø
                                   {0xfc, "u", "ue"},  // ü
                                   {0xe5, "a", "aa"},  // å
                                   {0xe6, "ae", "ae"}, {0xdf, "ss", "ss"}, {0x111, "d", "d"},
                                   {0x131, "i", "i"},  {0x142, "l", "l"}};

// A letter in lower case, without its marks. `spelled`: as where there are no marks, "ue" for "ü".
void append_letter(utf8proc_int32_t letter, bool spelled, std::string& out) {
  const utf8proc_int32_t lower = utf8proc_tolower(letter);
  const auto* found = std::find_if(std::begin(kSpellings), std::end(kSpellings),
                                   [&](const Spelling& each) { return each.letter == lower; });
  if (found != std::end(kSpellings)) {
    out += spelled ? found->spelled : found->plain;
    return;
  }
  utf8proc_int32_t parts[8];
  int boundary = 0;
  const utf8proc_ssize_t count = utf8proc_decompose_char(
      lower, parts, std::size(parts),
      static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK | UTF8PROC_COMPAT), &boundary);
  for (utf8proc_ssize_t i = 0; i < count && i < static_cast<utf8proc_ssize_t>(std::size(parts)); ++i) {
    utf8proc_uint8_t bytes[4];
    out.append(reinterpret_cast<const char*>(bytes),
               static_cast<size_t>(utf8proc_encode_char(parts[i], bytes)));
  }
}

enum class Of { kLower, kUpper, kDigit, kMark, kNothing };

Of kind_of(utf8proc_int32_t codepoint) {
  switch (utf8proc_category(codepoint)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT:
      return Of::kUpper;
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return Of::kLower;
    case UTF8PROC_CATEGORY_ND:
      return Of::kDigit;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
      return Of::kMark;
    default:
      return Of::kNothing;
  }
}

struct Word {
  std::string text;      // in its plain form
  bool capital = false;  // it began with one
};

struct Form {
  bool spelled = false;  // "ue" for "ü"
  bool joined = false;   // all words of the text as one: "obrien", "annamarie"
};

// The words of a text: runs of letters, without the digits after them ("okonkwo7"), apart also where a
// capital follows a small letter ("TeamOkonkwo").
std::vector<Word> words_of(std::string_view text, Form form) {
  std::vector<Word> words;
  std::string word;
  bool capital = false;
  size_t letters = 0;
  bool digits = false;  // after letters
  bool number = false;  // begins with digits, or has letters after them: "3ada9" of a checksum
  auto end = [&] {
    if (!number && word.size() >= kNameBytesMin && letters >= kNameLettersMin)
      words.push_back({.text = word, .capital = capital});
    word.clear();
    letters = 0;
    digits = number = false;
  };
  Of before = Of::kNothing;
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(std::min(text.size(), kValueBytesMax));
  while (left > 0) {
    utf8proc_int32_t codepoint = 0;
    const utf8proc_ssize_t size = utf8proc_iterate(at, left, &codepoint);
    const Of kind = size <= 0 ? Of::kNothing : kind_of(codepoint);
    at += std::max<utf8proc_ssize_t>(size, 1);
    left -= std::max<utf8proc_ssize_t>(size, 1);
    if (kind == Of::kMark) continue;
    if (!form.joined && (kind == Of::kNothing || (kind == Of::kUpper && before == Of::kLower))) end();
    before = kind;
    if (kind == Of::kNothing) continue;
    if (kind == Of::kDigit) {
      digits = true;
      number = number || letters == 0;
      continue;
    }
    number = number || digits;
    if (letters == 0) capital = kind == Of::kUpper;
    append_letter(codepoint, form.spelled, word);
    ++letters;
  }
  end();
  return words;
}

}  // namespace

bool holds_names(const MaskerSpec& masker) {
  return masker.name == "person_name" || masker.name == "first_name" || masker.name == "last_name";
}

void KnownNames::add(const std::string& database, const std::string& called,
                     const std::vector<std::string>& values) {
  const size_t number = columns_.size();
  columns_.emplace_back(database, called);
  for (size_t i = 0; i < values.size() && i < kValuesMax; ++i) {
    for (const bool spelled : {false, true}) {
      std::vector<Word> words = words_of(values[i], {.spelled = spelled});
      // "von der" of a longer name is in every other text.
      if (words.size() > 1)
        std::erase_if(words,
                      [](const Word& word) { return !word.capital && word.text.size() <= kParticleMax; });
      for (Word& word : words) names_.emplace(std::move(word.text), number);
      for (Word& name : words_of(values[i], {.spelled = spelled, .joined = true}))
        names_.emplace(std::move(name.text), number);
    }
  }
}

KnownNames::Found KnownNames::found_in(const std::vector<std::string>& values) const {
  Found found;
  if (names_.empty()) return found;
  std::set<std::string> names;
  std::vector<size_t> by_column(columns_.size());
  for (size_t i = 0; i < values.size() && i < kValuesMax; ++i) {
    bool holds = false;
    for (Word& word : words_of(values[i], {})) {
      const auto known = names_.find(word.text);
      if (known == names_.end()) continue;
      holds = true;
      ++by_column[known->second];
      names.insert(std::move(word.text));
    }
    found.values += holds ? 1 : 0;
  }
  found.names = names.size();
  if (found.values > 0) {
    const auto most = std::max_element(by_column.begin(), by_column.end());
    std::tie(found.database, found.column) = columns_[static_cast<size_t>(most - by_column.begin())];
  }
  return found;
}

std::string KnownNames::Found::where(const std::string& from_database) const {
  return printable(database == from_database ? column : database + " " + column);
}

bool KnownNames::Found::tells(size_t of_values) const {
  return names >= kNamesMin && values * kFewOfMany >= of_values;
}

}  // namespace ytb::masking
