// What has been done inside a copy, kept inside the copy: in a schema of ours, one per database, in the same
// transactions as the deeds. verify() removes it, so that nothing of it is left when the door opens.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"

namespace ytb::postgres {

// Makes the schema where it is missing, event triggers being switched off (and remembered) in the same
// transaction. kRefused where production has a schema of that name.
Status ensure_progress(Connection& session);
Result<bool> has_progress(Connection& session);
// Event triggers exactly as they were, then the schema goes; both or neither.
Status remove_progress(Connection& session);

// A statement in which every @ stands for our schema and a dot.
std::string in_progress(std::string_view sql);

// One line of evidence; the same line twice is one. To be called in the transaction of the deed.
Status record_deed(Connection& session, std::string_view line);
Result<std::vector<std::string>> recorded_deeds(Connection& session);

// Of masking, where all of it is done in this database.
inline constexpr std::string_view kFinishedStep = "finished";
// Where all that derives from masked rows was computed as well.
inline constexpr std::string_view kComputedStep = "computed";
// Before the first table was loaded: what referred to nothing in production.
inline constexpr std::string_view kOrphansStep = "orphans";
// A step of the whole database: "statistics".
Result<bool> step_done(Connection& session, std::string_view step);
Status record_step(Connection& session, std::string_view step);

// Checksums of a table's kept columns (masking/kept_rows.h): as its rows were read, and as they were found in
// the table that was written. Empty: not read yet; both: it keeps no column, or no row was written.
struct KeptSums {
  std::string read;
  std::string found;
};
struct TableProgress {
  bool indexed = false;  // all indexes rebuilt as well
  KeptSums kept;
  std::string evidence;          // model::to_json of an Evidence with this one table
  std::vector<int64_t> indexes;  // to be rebuilt: those that were valid
};
Result<std::map<int64_t, TableProgress>> recorded_tables(Connection& session);
Status record_loaded(Connection& session, int64_t table, const std::string& evidence, const KeptSums& kept,
                     const std::vector<int64_t>& indexes);
Status record_found(Connection& session, int64_t table, const std::string& sum);
Status record_indexed(Connection& session, int64_t table);

// Rows that referred to nothing when nothing was masked yet, by foreign key.
Result<std::map<int64_t, uint64_t>> recorded_orphans(Connection& session);
Status record_orphans(Connection& session, int64_t key, uint64_t rows);

}  // namespace ytb::postgres
