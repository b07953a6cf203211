// What words of column and table names mean. General words of people, of their papers and of software, in
// English and, where it is about people, in German, French, Spanish, Italian and Portuguese: a word is here
// because of what it means anywhere, and never for the sake of one schema.
// Private to the masking room; thread-safe.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace ytb::masking {

// What a value may be written as, beside text.
struct Forms {
  bool integer = false;  // a number of digits: a telephone number, a postcode
  bool number = false;   // a measure: a latitude, a salary
  bool uuid = false;     // something random
};

// Something of a person, and what replaces it.
struct Meaning {
  std::string_view masker;  // "judge": sensitive, and no masker follows from the name
  Forms forms;
  bool secret = false;  // it lets somebody in
};

// The longest phrase of `words` (normal_words_of) that ends at the last of them: in English and German the
// last word says what the whole is ("email_type" is a type). Romance languages put it first ("nom_client"):
// their words are looked for at the beginning, too. `phrase` is set to what was found. Null: none.
const Meaning* meaning_at_head(std::span<const std::string> words, std::string& phrase);
// The first phrase anywhere among the words. Null: none.
const Meaning* meaning_anywhere(std::span<const std::string> words, std::string& phrase);

// Words by what they say of a column that they end, or of a row whose table they name.
bool is_person(std::string_view word);          // "customer": a row or value of it is somebody
bool is_perhaps_person(std::string_view word);  // "client": somebody, or a program
bool is_firm(std::string_view word);            // "supplier"
bool describes(std::string_view word);          // "type", "limit": how something is, not what
bool is_thing(std::string_view word);           // "file", "plan": software's, of nobody
bool is_free_text(std::string_view word);       // "comment"
bool guards(std::string_view word);             // "invitation": a code or key of it is a secret
bool is_known(std::string_view word);           // any of these, or a word of a phrase

}  // namespace ytb::masking
