// The ledger of what was taken off while masking without a superuser: foreign keys, plain indexes,
// constraints that are NOT VALID, forced row security. An entry is the statement that puts the thing back; it
// is written in the transaction that takes the thing off and deleted in the one that puts it back, so that a
// run killed anywhere leaves a ledger that the next one carries out. It lies in the progress schema of the
// database.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"

namespace ytb::postgres {

// Put back in this order.
enum class AsidePhase {
  kIndex = 1,     // after its table is loaded
  kCheck = 2,     // NOT VALID constraints, of tables and of domains
  kKey = 3,       // foreign keys, NOT VALID yet
  kValidate = 4,  // what makes them valid
  kGuard = 5,     // FORCE ROW LEVEL SECURITY, when nothing has to be read any more
};

struct Aside {
  AsidePhase phase = AsidePhase::kIndex;
  int64_t relation = 0;  // 0: none
  std::string name;      // for messages
  std::string restore;   // statements, all names qualified
};

// Makes the ledger where it is missing; ensure_progress() comes first.
Status ensure_ledger(Connection& session);
// In the caller's transaction. Returns the entry's id.
Result<int64_t> put_aside(Connection& session, const Aside& aside);
// Ids of a phase, in the order in which they are to be put back.
Result<std::vector<int64_t>> asides_of(Connection& session, AsidePhase phase);
// Puts one back in a transaction of its own; one that is back already is left alone.
Status restore_aside(Connection& session, int64_t id);
// What is still aside, by name. Empty where there is no ledger.
Result<std::vector<std::string>> still_aside(Connection& session);

}  // namespace ytb::postgres
