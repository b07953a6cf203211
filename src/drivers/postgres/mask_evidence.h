// What masking leaves behind for the proof: a table's evidence when it is loaded, and all of a database's
// from what is recorded in the copy, earlier runs' included.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "masking/plan.h"
#include "masking/program.h"
#include "model/proof.h"

namespace ytb::postgres {

struct TableOutcome {
  std::string database;
  const masking::TablePlan& plan;
  std::string treatment;                         // "masked", "emptied", "omitted"
  const masking::RowProgram* program = nullptr;  // none where no row was streamed
  const masking::RowCounts& counts;
  uint64_t rows_before = 0;
  uint64_t rows_after = 0;
  double seconds = 0;
};
// For record_loaded: model::to_json of an Evidence with this one table.
std::string evidence_of(const TableOutcome& outcome);

// Adds the database's tables, kept ones too, and its notes.
Status gather_evidence(Connection& session, const masking::DatabasePlan& plan, model::Evidence& all);

}  // namespace ytb::postgres
