// Evaluates an Expression over the values of one row, as PostgreSQL would. Private to the masking room.
//
// Three outcomes matter: true (or NULL, which satisfies a CHECK), false, and unknown: where the tree holds
// what is not judged here, a value is not given, or the answer depends on the database (collations, time
// zones). Unknown never becomes true or false but where logic allows it (false AND unknown).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "masking/catalog.h"
#include "masking/expression.h"

namespace ytb::masking {

struct Datum {
  enum class Kind { kUnknown, kNull, kBoolean, kNumber, kText, kTime, kBytes };
  Kind kind = Kind::kUnknown;
  bool truth = false;
  long double number = 0;
  std::string text{};        // UTF-8; of kBytes: the bytes
  bool any_type = false;     // a constant in quotes without a cast: as its context reads it
  bool folds_case = false;   // compared without regard to case
  bool padded = false;       // char(n) that is shorter than n: its blanks count in patterns only
  bool json = false;         // text: a document
  int64_t microseconds = 0;  // of kTime, from 2000-01-01
  bool zoned = false;        // with time zone
};

// A value in COPY's text format, without its escapes, as the column's type reads it.
Datum read_datum(const Column& column, std::string_view text);
// The characters of a text; nullopt for other than text.
size_t count_characters(std::string_view utf8);

// `lookup`: the value of a column by name; asked for kValue with "".
using Lookup = std::function<Datum(std::string_view column)>;
Datum evaluate(const Expression& expression, const Lookup& lookup);

// Whether a row may have it: true and NULL are allowed, false is not.
enum class Outcome { kAllowed, kForbidden, kUnknown };
Outcome holds(const Expression& condition, const Lookup& lookup);

}  // namespace ytb::masking
