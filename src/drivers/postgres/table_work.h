// One table's masking, in steps that a crash can part: read it in ranges, load it in one transaction that
// records itself, rebuild its indexes. Nothing that hangs on the table is dropped (POSTGRES.md, "identity
// kept").
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/progress_store.h"
#include "masking/originals.h"
#include "masking/plan.h"
#include "masking/program.h"
#include "model/proof.h"

namespace ytb::postgres {

struct TableFacts {
  int64_t oid = 0;
  uint64_t pages = 0;       // of the heap
  uint64_t size_bytes = 0;  // heap and TOAST
  bool has_triggers = false;
  bool is_partition = false;
  int checks = 0;                      // pg_class.relchecks
  std::vector<int64_t> valid_indexes;  // rebuilt afterwards; suspended ones (suspension.h) are not among them
  std::vector<int64_t> invalid_indexes;  // left exactly as they are: never used, not rebuilt
  std::vector<bool> invalid_ready;       // their indisready
};
Result<TableFacts> read_facts(Connection& session, const masking::QualifiedName& name);

// Heap pages [first, last) of a table; last 0: to its end.
struct PageRange {
  uint64_t first = 0;
  uint64_t last = 0;
};
// Ranges of about kRangeBytes each; a single one before 14, where each would be a full scan.
std::vector<PageRange> ranges_of(const TableFacts& facts, int major);

// Streams a range through the program into `sink`: masked rows without header and trailer. `originals`: what
// was replaced is remembered there; null: nowhere.
Result<masking::RowCounts> read_range(Connection& session, const masking::QualifiedName& name,
                                      PageRange range, const masking::RowProgram& program,
                                      masking::Originals* originals,
                                      const std::function<Status(std::string_view)>& sink);

// The checksum of kept rows in what lies in a range now (`kept`: RowProgram::compile_kept).
Result<masking::KeptRows> read_kept(Connection& session, const masking::QualifiedName& name, PageRange range,
                                    const masking::RowProgram& kept);

struct Filled {
  std::string evidence;
  KeptSums kept;
};
struct LoadRequest {
  const masking::QualifiedName& name;
  const TableFacts& facts;
  // Called in the transaction, the table being locked and still as it was. May be empty.
  std::function<Status(Connection&)> before_truncate;
  // Called when the table is empty: puts the masked rows in and returns what to record with them.
  std::function<Result<Filled>(Connection&)> fill;
};
// TRUNCATE ONLY, the rows and the progress row, in one transaction. Nothing of production's runs in it: the
// table's CHECKs, triggers and partition bounds are off for its length, the rest is (suspension.h).
Status load_table(Connection& session, const LoadRequest& request);
// For LoadRequest::fill: COPY FREEZE of `source`, a whole COPY stream.
Status copy_rows(Connection& session, const masking::QualifiedName& name, const masking::RowProgram& program,
                 const std::function<Status(std::string&)>& source, uint64_t rows_expected);
// Rebuilds one index; one that is valid already is left alone (an earlier run did it).
Status rebuild_index(Connection& session, int64_t index);
// What an error means where masked values were stored, or an index or key built over them; `state`: its
// SQLSTATE.
Error if_policy_must_change(Error error, std::string_view state);

// As a cloud's master: statements that run production's own functions (index expressions, CHECKs, views) may
// need its search path. They are tried under ours, then under the database's own; the session has ours after.
inline const std::string kOwnPath = "pg_catalog,pg_temp";
Status with_search_paths(Connection& session, const std::function<Status()>& work);

}  // namespace ytb::postgres
