// A guess at what a column holds, from its name, its table's name, its type and its comment. Private to the
// masking room: `policy propose` adds samples, and the plan's findings suggest lines to add with it.
#pragma once

#include <set>
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
  bool secret = false;  // what was found is a password, key or token
};

// What the rows of a database's tables are called, in the singular: `tax_id` beside a table `taxes` is
// perhaps a reference, and not a tax number.
class RowNames {
 public:
  RowNames() = default;
  explicit RowNames(const Database& database);
  // What the rows are called that a column of this name refers to, by the last words before "id"; "": none.
  [[nodiscard]] std::string rows_for(std::string_view column) const;

 private:
  std::set<std::string, std::less<>> names_;
};

Guess guess_column(const Table& table, const Column& column, const RowNames& rows = {});
// What a person who has to judge the column can write: "person_name, hash, null or keep".
std::string candidates_for(const Column& column);
// Whether `masker` is known and serves the column's type.
bool masker_serves(std::string_view masker, const Column& column);
// "  email: email   # character varying(50)": a line for the policy that is safe to take as it is. What
// cannot be guessed is hashed or emptied where a masker can, so that nobody keeps by pasting.
// Somebody, or its values, called a column doubtful that is marked `judge`: its name alone does not decide
// then that it is kept.
enum class Marked { kNothing, kJudge };
std::string policy_line(const Table& table, const Column& column, Marked marked = Marked::kNothing);
// The same without indentation, to be written in place of a `judge`; "" where it would say `judge` again.
std::string deciding_line(const Table& table, const Column& column, Marked marked = Marked::kNothing);

}  // namespace ytb::masking
