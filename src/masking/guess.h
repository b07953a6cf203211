// A guess at what a column holds, from its name, its table's name, its type and its comment. Private to the
// masking room: `policy propose` adds samples, and the plan's findings suggest lines to add with it.
#pragma once

#include <string>
#include <string_view>

#include "masking/catalog.h"
#include "masking/policy.h"

namespace ytb::masking {

struct Guess {
  MaskerSpec masker;     // "judge" where names and types decide nothing
  std::string evidence;  // "name 'email'", "boolean column"
  bool personal =
      false;  // the name speaks of a person: samples may sharpen the masker, never turn it into keep
};

// "firstName2" → "first name 2": lower-case words with single spaces, accents of the common Latin letters
// taken off.
std::string words_of(std::string_view name);
Guess guess_column(const Table& table, const Column& column);
// Whether `masker` is known and serves the column's type.
bool masker_serves(std::string_view masker, const Column& column);
// What a column is about, by its name: what columns of numbers and dates must have in common for a value of
// one to be an original of another. "dob" and "birth_date" are one kind, "annual_salary" and "salary" are,
// "pin" and "iban" are not; where the name speaks of no person, its words are the kind. "id" is none ("").
std::string kind_of(std::string_view name);
// "  email: email   # character varying(50)": a line for the policy that is safe to take as it is. What
// cannot be guessed is hashed or emptied where a masker can, so that nobody keeps by pasting.
std::string policy_line(const Table& table, const Column& column);
// The same without indentation, to be written in place of a `judge`; "" where it would say `judge` again.
std::string deciding_line(const Table& table, const Column& column);

}  // namespace ytb::masking
