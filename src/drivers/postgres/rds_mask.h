// What masking without a superuser does to a database before its first table and after its last, around the
// table loads that it shares with the other profile: foreign keys, NOT VALID constraints and forced row
// security set aside and put back, and the proof by comparison that everything is as it was.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"

namespace ytb::postgres {

// Writes down what the database looks like and sets aside, in one transaction and once, whatever would refuse
// the loads of `touched`.
Status set_database_aside(Connection& session, const std::vector<int64_t>& touched);
// Puts back all but the guards. `validate` is given the foreign keys to be validated, beside each other if it
// likes, and returns when all are.
Status put_database_back(Connection& session,
                         const std::function<Status(const std::vector<int64_t>&)>& validate);
// After the last statement that reads a table.
Status put_guards_back(Connection& session);

// Constraints, indexes, triggers, owners, rights, column settings, statistics objects, rules and policies now
// against those of set_database_aside, one line each; empty is what the proof wants.
Result<std::vector<std::string>> identity_differences(Connection& session);

// Tables whose columns keep the value that ADD COLUMN … DEFAULT gave older rows: only a rewrite forgets it.
Result<std::vector<int64_t>> with_missing_values(Connection& session, const std::vector<int64_t>& touched);

// kUnsupported names a table of `tables` that is not the master's to rewrite: VACUUM would only warn.
Status must_own(Connection& session, const std::vector<int64_t>& tables);

// For checks after masking: forced row security, which would refuse the master's reading, is off until the
// caller rolls its transaction back. Of which tables: until then no other session reads them.
Result<std::set<int64_t>> suspend_guards(Connection& session);

}  // namespace ytb::postgres
