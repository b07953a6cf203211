#include "drivers/postgres/rds_aside.h"

#include <fmt/format.h>

#include "base/text.h"
#include "drivers/postgres/catalog_reader.h"
#include "drivers/postgres/table_work.h"

namespace ytb::postgres {
namespace {

std::string ledger() { return std::string(kProgressSchema) + ".aside"; }

Error explained(Error error, const std::string& state, std::string_view name) {
  error = std::move(error).while_doing(fmt::format("putting back {}", printable(name)));
  if (state == "23503") {
    error.code = Code::kPolicy;
    error.hint = "both sides of the key must be masked alike; rows of production that break it must go there";
  }
  return if_policy_must_change(std::move(error), state);
}

}  // namespace

Status ensure_ledger(Connection& session) {
  return session.execute(fmt::format(
      "CREATE TABLE IF NOT EXISTS {} (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, phase int NOT "
      "NULL, relation oid NOT NULL, name text NOT NULL, restore text NOT NULL)",
      ledger()));
}

Result<int64_t> put_aside(Connection& session, const Aside& aside) {
  YTB_ASSIGN(
      std::string id,
      session.value(fmt::format("INSERT INTO {} (phase, relation, name, restore) VALUES ($1::int, $2::oid, "
                                "$3, $4) RETURNING id",
                                ledger()),
                    {std::to_string(static_cast<int>(aside.phase)), std::to_string(aside.relation),
                     aside.name, aside.restore}));
  return std::stoll(id);
}

Result<std::vector<int64_t>> asides_of(Connection& session, AsidePhase phase) {
  // The last off is the first on: a child's constraint before its parent's merges with it.
  YTB_ASSIGN(Rows rows,
             session.query(fmt::format("SELECT id FROM {} WHERE phase = $1::int ORDER BY id DESC", ledger()),
                           {std::to_string(static_cast<int>(phase))}));
  std::vector<int64_t> ids;
  for (int row = 0; row < rows.count(); ++row) ids.push_back(rows.integer(row, 0));
  return ids;
}

Status restore_aside(Connection& session, int64_t id) {
  YTB_ASSIGN(Rows rows,
             session.query(fmt::format("SELECT name, restore FROM {} WHERE id = $1::int", ledger()),
                           {std::to_string(id)}));
  if (rows.empty()) return {};
  std::string state;
  Status done = with_search_paths(session, [&] {
    Status put = in_transaction(session, [&]() -> Status {
      YTB_TRY(session.execute(rows.at(0, 1)));
      return session.execute(fmt::format("DELETE FROM {} WHERE id = {}", ledger(), id));
    });
    if (!put.ok()) state = session.last_state();
    return put;
  });
  if (!done.ok()) return explained(std::move(done).error(), state, rows.at(0, 0));
  return {};
}

Result<std::vector<std::string>> still_aside(Connection& session) {
  std::vector<std::string> names;
  YTB_ASSIGN(Rows there,
             session.query("SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
                           "n.nspname = $1 AND c.relname = 'aside'",
                           {std::string(kProgressSchema)}));
  if (there.empty()) return names;
  YTB_ASSIGN(Rows rows, session.query(fmt::format("SELECT name FROM {} ORDER BY phase, id", ledger())));
  for (int row = 0; row < rows.count(); ++row)
    names.push_back(printable(rows.at(row, 0)) + " was not put back");
  return names;
}

}  // namespace ytb::postgres
