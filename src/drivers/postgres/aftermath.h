// After the tables: what else in a database still holds or describes the original values. Every step may be
// repeated.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "masking/plan.h"

namespace ytb::postgres {

// Tables touched by the plan, and what is left to do after them.
struct Aftermath {
  std::vector<int64_t> touched;     // masked and emptied tables
  std::vector<int64_t> to_analyze;  // they and their ancestors, foreign tables not among or below them
  std::vector<int64_t> unanalyzed;  // ancestors with a foreign table below: statistics stay empty
};

// Collations of another library version: text indexes that may be corrupt are rebuilt, untouched tables' too.
Status rebuild_for_collations(Connection& session);
// Sequences of masked integers go above their maximum.
Status raise_sequences(Connection& session, const masking::DatabasePlan& plan);
// In a local copy deletes all statistics, on RDS those of touched tables, their indexes, ancestors,
// materialized views and foreign tables, and writes the statistics catalogs anew, so that nothing raw is left
// in their files.
Result<Aftermath> forget_statistics(Connection& session, const std::vector<int64_t>& touched);
// Which relations ANALYZE is to go over for these tables, ancestors last.
Result<Aftermath> plan_analysis(Connection& session, const std::vector<int64_t>& touched);
Status analyze(Connection& session, int64_t relation);
// A table with its indexes, by VACUUM FULL, which does not look whether what is unique is so. Indexes that
// are not valid in production stay that, whenever it is cut off (in a local copy, after suspend_code()).
Status write_anew(Connection& session, int64_t table);
// Kept tables with dropped columns are written anew: the bytes of those columns were judged by nobody.
Status rewrite_dropped_columns(Connection& session, const std::vector<int64_t>& kept);
// Values of composite types from which attributes were dropped keep those attributes' bytes, whatever column,
// array, range or other composite they lie in. They are put together anew from what is left of them, and
// their tables written anew, less those in `touched`: they were streamed as text, and are new or empty. While
// domains are suspended (suspension.h). Gives the tables.
Result<std::vector<int64_t>> forget_dropped_attributes(Connection& session,
                                                       const std::vector<int64_t>& touched);
// WAL written before now goes.
Status discard_wal(Connection& session);

}  // namespace ytb::postgres
