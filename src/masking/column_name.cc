#include "masking/column_name.h"

#include <algorithm>

#include "base/text.h"
#include "masking/identifier_words.h"

namespace ytb::masking {
namespace {

using std::string_view;

// Says how a value is written, and not what it is.
constexpr std::array<string_view, 26> kForms{
    "value", "text", "string",     "plain",     "old",        "new",       "previous",  "prev",  "original",
    "orig",  "raw",  "html",       "markdown",  "md",         "lower",     "lowercase", "upper", "null",
    "json",  "js",   "normalized", "canonical", "normalised", "formatted", "line",      "temp"};
// The value is unreadable, and tells whose it is all the same.
constexpr std::array<string_view, 12> kCiphers{"encrypted", "ciphertext", "cipher", "enc",
                                               "hash",      "hashed",     "digest", "iv",
                                               "salt",      "bidx",       "bcrypt", "sha"};
// Of a secret alone: "secret_data".
constexpr std::array<string_view, 4> kContainers{"data", "info", "blob", "content"};
constexpr std::array<string_view, 21> kAdjectives{
    "normalized", "normalised", "sort",    "short",       "display",   "search",  "original",
    "canonical",  "long",       "other",   "alternative", "alternate", "alt",     "previous",
    "old",        "new",        "desired", "current",     "shown",     "printed", "localized"};

}  // namespace

string_view ColumnName::before_last() const {
  return words.size() > 1 ? string_view(words[words.size() - 2]) : string_view();
}

ColumnName read_name(string_view column) {
  ColumnName name;
  name.words = normal_words_of(column);
  // "company_name_or_null", "village_or_colony"
  auto either = std::find(name.words.begin(), name.words.end(), "or");
  if (either != name.words.begin() && either != name.words.end()) name.words.erase(either, name.words.end());
  if (name.words.size() > 1 && name.words.back() == "no") name.words.back() = "number";
  for (const std::string& word : name.words)
    name.encrypted = name.encrypted || word == "encrypted" || word == "ciphertext" || word == "bidx";
  if (name.words.empty()) return name;
  name.last = name.words.back();
  const std::string plain = words_of(column);
  const size_t blank = plain.rfind(' ');
  const std::string written = blank == std::string::npos ? plain : plain.substr(blank + 1);
  name.plural = singular(written) != written;
  return name;
}

FoundMeaning find_meaning(Words words) {
  FoundMeaning found;
  bool contained = false;
  while (!words.empty()) {
    found.meaning = meaning_at_head(words, found.phrase);
    if (found.meaning != nullptr && contained && !found.meaning->secret) found.meaning = nullptr;
    if (found.meaning != nullptr || words.size() == 1) return found;
    const std::string& last = words.back();
    const bool cipher = is_one_of(last, kCiphers);
    const bool container = is_one_of(last, kContainers);
    if (!cipher && !container && last != "source" && !is_number(last) && !is_one_of(last, kForms))
      return found;
    contained = contained || container;
    found.cipher = found.cipher || cipher;
    words = words.first(words.size() - 1);
  }
  return found;
}

bool is_number(string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Words without_forms(Words words) {
  while (words.size() > 1 && (is_number(words.back()) || is_one_of(words.back(), kForms)))
    words = words.first(words.size() - 1);
  return words;
}

Words without_adjectives(Words words) {
  while (!words.empty() && is_one_of(words.back(), kAdjectives)) words = words.first(words.size() - 1);
  return words;
}

bool says_name(string_view word) {
  return word == "name" || word == "nom" || word == "nome" || word == "nombre" || word == "naam";
}

bool is_made_from(const Column& column, const Column& other) {
  constexpr std::array<string_view, 5> kMade{"slug", "permalink", "handle", "initial", "namespace"};
  constexpr std::array<string_view, 4> kNames{"first_name", "last_name", "person_name", "username"};
  constexpr std::array<string_view, 4> kParts{"first", "last", "full", "user"};
  if (column.type_class != TypeClass::kText || other.type_class != TypeClass::kText) return false;
  // Cheap for the many that are made from nothing.
  const std::string plain = to_lower_ascii(column.name);
  const bool perhaps = std::any_of(kMade.begin(), kMade.end(),
                                   [&](string_view word) { return plain.find(word) != std::string::npos; });
  if (!perhaps || column.name == other.name) return false;
  const ColumnName made = read_name(column.name);
  if (!is_one_of(made.last, kMade)) return false;
  const Words before = Words(made.words).first(made.words.size() - 1);
  const ColumnName name = read_name(other.name);
  if (name.words.empty()) return false;
  if (!says_name(name.last)) {
    const FoundMeaning found = find_meaning(name.words);
    return before.empty() && found.meaning != nullptr && is_one_of(found.meaning->masker, kNames);
  }
  const Words of = without_adjectives(Words(name.words).first(name.words.size() - 1));
  if (before.empty() && !of.empty() && is_one_of(of.back(), kParts)) return true;
  return std::equal(before.begin(), before.end(), of.begin(), of.end());
}

std::string kind_of(string_view name) {
  if (words_of(name) == "id") return {};
  const ColumnName read = read_name(name);
  FoundMeaning found = find_meaning(read.words);
  if (found.meaning == nullptr) found.meaning = meaning_anywhere(read.words, found.phrase);
  if (found.meaning == nullptr) return join(read.words, " ");
  const string_view masker = found.meaning->masker;
  // What is hashed, what is moved by noise and what no masker follows from is of many kinds.
  const bool many = masker == "hash" || masker == "number_noise" || masker == "judge";
  return many ? found.phrase : std::string(masker);
}

}  // namespace ytb::masking
