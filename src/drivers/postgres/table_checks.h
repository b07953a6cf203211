// Checks of one database's tables. Each returns what is wrong, nothing when all is well; names and counts
// only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "model/proof.h"

namespace ytb::postgres {

using Wrong = Result<std::vector<std::string>>;

struct TouchedTables {
  std::string database;
  std::vector<const model::TableEvidence*> tables;  // masked, emptied, omitted
  std::vector<int64_t> oids;
};
Result<TouchedTables> touched_in(Connection& session, const std::string& database,
                                 const model::Evidence& evidence);

Wrong wrong_row_counts(Connection& session, const TouchedTables& touched);
// Anti-join of every validated foreign key that has a touched table on either side.
// Comparing keys may run production's code, where operators, types or casts are not the server's: those are
// left to broken_coded_keys(), which asks in the session that `asker` gives where there is such a key.
enum class CodedKeys { kToo, kNotThem };
Wrong broken_foreign_keys(Connection& session, const TouchedTables& touched, CodedKeys coded);
Wrong broken_coded_keys(Connection& session, const TouchedTables& touched,
                        const std::function<Result<Connection*>()>& asker);
// Before anything is loaded: rows that refer to nothing in production itself, under the keys that need none
// of production's code to compare. Recorded, and forgiven by broken_foreign_keys() in exactly that number.
Status count_orphans(Connection& session, const std::vector<int64_t>& tables);
Wrong invalid_indexes(Connection& session, const TouchedTables& touched);
// What was set aside in the catalog while loading is back.
Wrong left_aside(Connection& session);
// Statistics made before the tables were loaded, by the transaction that wrote them.
Wrong old_statistics(Connection& session, const TouchedTables& touched);
// The transaction that loaded the last of the tables; "": none was. Transactions are counted over the server.
Result<std::string> youngest_load(Connection& session, const TouchedTables& touched);
// Populated materialized views of any database that were made before that.
Wrong old_views(Connection& session, const std::string& load);
// Rows in a database that was omitted.
Wrong rows_left(Connection& session);

}  // namespace ytb::postgres
