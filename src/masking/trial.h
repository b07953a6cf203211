// Constraints that PostgreSQL alone can judge, as they need production's code: rows to try them with, made up
// and masked, and what the server's answers mean (ports/schema_trial.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "masking/catalog.h"
#include "masking/plan.h"

namespace ytb::masking {

// Whether a masker that had `refused` of `tried` values refused has to be taken for one that violates the
// constraint: so that in a table of that many rows (-1: not known) one at least is to be expected.
// `independent`: what it gives has nothing to do with the value, so that other rows fare alike.
bool is_often_refused(size_t refused, size_t tried, bool independent, int64_t rows_estimate);

struct TrialRow {
  using Fields = std::vector<std::optional<std::string>>;  // by ConstraintTrial::columns, as text; NULL: none
  Fields before;
  Fields after;
};

// What could be written in place of the masker, and what it gives for the rows, in their order.
struct TrialAlternative {
  MaskerSpec spec;
  std::vector<TrialRow::Fields> after;
};

struct ConstraintTrial {
  std::string what;    // "CHECK constraint t_check", for messages
  std::string about;   // "column public.t.a (text) of shop"
  std::string masker;  // of that column
  std::string database;
  QualifiedName table;
  std::string constraint;  // as the server calls it; "": the length of `generated`
  bool of_domain = false;
  std::string generated;              // a generated column that the trial is about; "": none
  std::vector<std::string> columns;   // stored ones, that `rows` have
  std::vector<std::string> computed;  // generated ones that are computed from those
  std::vector<TrialRow> rows;
  bool follows_the_value = false;          // what a masker gives lies near what it was given, or has its form
  bool has_kept = false;                   // columns that are not masked, whose real values nobody here knows
  bool becomes_null = false;               // a generated column that may be: where code of production's fails
  int64_t rows_estimate = -1;              // of the table; -1: nobody knows
  std::vector<TrialAlternative> others{};  // best first; asked about where the masker is refused
};

enum class TrialOutcome {
  kAllowed,
  kForbidden,  // by the constraint
  kFailed,     // for something else, an error of production's code among it
};

struct TrialAnswer {
  std::string why_not;  // not "": it could not be tried, and why
  struct Row {
    TrialOutcome before = TrialOutcome::kFailed;
    TrialOutcome after = TrialOutcome::kFailed;
  };
  std::vector<Row> rows;   // by ConstraintTrial::rows
  bool runs_code = false;  // of production's
  // Of ConstraintTrial::others, the first whose values are all allowed where the rows were before masking,
  // or, where none of them was, everywhere.
  std::optional<size_t> satisfied_by{};
};
// Whether the others are to be asked about.
bool is_refused(const TrialAnswer& answer);

// Of every finding that can be tried.
std::vector<std::shared_ptr<const ConstraintTrial>> trials_of(const PlanCheck& check);
// What became of them, in the order of trials_of(): findings go, become errors, or say why they stay. With
// one error there is no plan any more.
void settle_trials(const std::vector<TrialAnswer>& answers, PlanCheck& check);

}  // namespace ytb::masking
