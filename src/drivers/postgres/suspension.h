// What would run production's code in a session of ours is switched off in the catalog: for as long as
// anything in the copy is raw, and in every look that we take afterwards. Nothing is dropped, and everything
// comes back exactly as it was: what is off is recorded in the transaction that switches it off (in the
// progress store), and struck out in the one that switches it on again.
//
// Of a database: generated columns and indexes that run code, statistics objects over such expressions (the
// planner evaluates what is constant in either, for every query), and the constraints, NOT NULL and defaults
// of all domains. Of a table, while it is written: see TableSuspension.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/table_checks.h"

namespace ytb::postgres {

// Indexes that are not live (pg_index.indislive): DROP INDEX CONCURRENTLY was under way in production, or was
// cut off. Nothing reads or writes them, so masking would leave their files as they are. They are dropped;
// one that something depends on becomes an ordinary invalid index, which is written anew with its table.
// Before suspend_code(), which tells what it switched off by the same mark; afterwards it does nothing. Needs
// event triggers off (ensure_progress). What was done is recorded.
Status clear_dead_indexes(Connection& session);

// Once in each database, before the first statement that reads a user table.
Status suspend_code(Connection& session);

struct SuspendedColumn {
  std::string name;
  std::string expression;  // "" of a virtual one, which nothing stores
  std::string type;        // qualified, with modifiers
  bool not_null = false;
};
struct SuspendedTable {
  int64_t oid = 0;
  int64_t owner = 0;
  std::string schema, name;
  std::vector<SuspendedColumn> columns;
};
// Tables with generated columns that are suspended.
Result<std::vector<SuspendedTable>> suspended_tables(Connection& session);
// Generated columns are computed by the server again, in new and changed rows.
Status resume_columns(Connection& session, int64_t table);

struct SuspendedIndex {
  int64_t oid = 0;
  int64_t table = 0;
  std::string schema, name;
  bool partitioned = false;  // without storage of its own
  bool unusable = false;     // not valid in production (a build that failed), and of no constraint
};
Result<std::vector<SuspendedIndex>> suspended_indexes(Connection& session);
// As valid, ready and living as it was.
Status resume_index(Connection& session, int64_t index);
// One that production cannot use, either: to build it would fail as it did there. Recorded.
Status drop_unusable_index(Connection& session, const SuspendedIndex& index);

// VACUUM FULL marks indexes of a table valid, but unique ones: which were not is recorded before it, once,
// and said again after it, and once more where a run was cut off in between.
Status keep_index_marks(Connection& session, int64_t table);
Status restore_index_marks(Connection& session);

// Domains and statistics objects. Nothing raw may be left by now.
Status resume_definitions(Connection& session);

// Lets the rows of a table be written without CHECKs, triggers, rules, row security and partition bounds, and
// whatever its replica identity. Recorded: may be committed. The table's own indexes stay.
Status suspend_table(Connection& session, int64_t table);
Status resume_table(Connection& session, int64_t table);

// What suspend_code() and suspend_table() recorded and nobody has resumed.
Wrong still_suspended(Connection& session);

// For reading: what switches indexes and statistics objects off likewise, without a record. To be asked once
// in a session while nothing is suspended, and executed first in each transaction that looks, which the
// caller rolls back. The session must not have read those tables before: what it knows of their indexes it
// keeps.
struct ReadingSuspension {
  std::string statements;
  std::set<int64_t> relations;  // whose planning would evaluate something: only they need it
};
Result<ReadingSuspension> suspension_for_reading(Connection& session);

// Relations that ANALYZE runs code for, and those with suspended columns.
Result<std::vector<int64_t>> coded_tables(Connection& session);

}  // namespace ytb::postgres
