// A column's name taken apart: what its last words mean, those passed over that only say how the value is
// written. Private to the masking room; thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "masking/catalog.h"
#include "masking/vocabulary.h"

namespace ytb::masking {

using Words = std::span<const std::string>;

template <size_t Size>
constexpr bool is_one_of(std::string_view word, const std::array<std::string_view, Size>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

struct ColumnName {
  std::vector<std::string> words;  // normal_words_of()
  std::string last;                // of words; empty: there are none
  bool plural = false;             // "tokens"
  bool encrypted = false;          // "encrypted_…", "…_ciphertext"
  [[nodiscard]] std::string_view before_last() const;
};
ColumnName read_name(std::string_view column);

struct FoundMeaning {
  const Meaning* meaning = nullptr;
  std::string phrase;
  bool cipher = false;  // a hash or the like of it: "email_digest"
};
FoundMeaning find_meaning(Words words);

bool is_number(std::string_view word);
// Without numbers and words at the end that say how a value is written: "name_normalized" is a name.
Words without_forms(Words words);
// Without words at the end that say which of several: "other names" without "names".
Words without_adjectives(Words words);
// Whether the word is "name", in some language.
bool says_name(std::string_view word);

// Whether the texts of a column are made from those of another of its table, by their names, so that they
// must go where these go: "slug" from "name", "company_slug" from "company_name".
bool is_made_from(const Column& column, const Column& other);

// What a column is about, by its name: what columns of numbers and dates must have in common for a value of
// one to be an original of another. "dob" and "birth_date" are one kind, "annual_salary" and "salary" are,
// "pin" and "iban" are not; where the name speaks of no person, its words are the kind. "id" is none ("").
std::string kind_of(std::string_view name);

}  // namespace ytb::masking
