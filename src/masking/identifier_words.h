// The words of an identifier: "eMailAddr2" is "email address". Of columns and tables, in whatever way they
// are spelled: snake_case, camelCase, run together, abbreviated, with an accent, in the plural.
// Private to the masking room; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ytb::masking {

// "firstName2" → "first name 2": lower-case words with single spaces, accents of the common Latin letters
// taken off.
std::string words_of(std::string_view name);

// The same as a list, each in the singular, common abbreviations written out, words that are run together
// ("kundennr", "filename") taken apart where every part is known (vocabulary.h). "x of y" becomes "y x", so
// that the last word is what the whole is: "date of birth", "fecha de nacimiento".
std::vector<std::string> normal_words_of(std::string_view name);

// "addresses" → "address", "cities" → "city"; "status" stays.
std::string singular(std::string_view word);

}  // namespace ytb::masking
