#include "drivers/postgres/large_objects.h"

#include <fmt/format.h>

#include "drivers/postgres/progress_store.h"

namespace ytb::postgres {
namespace {

// Each object that a statement unlinks takes a lock (max_locks_per_transaction).
constexpr int kUnlinkedAtOnce = 1000;
constexpr std::string_view kLargeObjectsStep = "large objects";
constexpr std::string_view kOrphaned =
    "pg_largeobject l WHERE NOT EXISTS (SELECT FROM pg_largeobject_metadata m WHERE m.oid = l.loid)";

}  // namespace

Status remove_large_objects(Connection& session) {
  // By number, each round from where the last one ended: nothing is vacuumed between them, and whoever begins
  // at the start walks over all that is dead again.
  std::string last = "0";
  for (;;) {  // ends: numbers grow
    YTB_ASSIGN(
        Rows removed,
        session.query(fmt::format("SELECT count(lo_unlink(oid)), max(oid) FROM (SELECT oid FROM "
                                  "pg_largeobject_metadata WHERE oid > $1::oid ORDER BY oid LIMIT {}) AS few",
                                  kUnlinkedAtOnce),
                      {last}));
    if (removed.integer(0, 0) == 0) break;
    last = removed.text(0, 1);
  }
  if (session.kind() == SessionKind::kMaster) return {};
  YTB_ASSIGN(std::string bytes, session.value("SELECT pg_relation_size('pg_largeobject')"));
  if (bytes == "0") return {};
  YTB_TRY(session.execute("DELETE FROM pg_largeobject"));
  return session.execute("VACUUM (FULL) pg_largeobject");
}

Status remove_orphaned_large_objects(Connection& session) {
  YTB_ASSIGN(bool removed, step_done(session, kLargeObjectsStep));
  if (!removed) {
    YTB_ASSIGN(std::string found,
               session.value(fmt::format("SELECT count(DISTINCT l.loid) FROM {}", kOrphaned)));
    if (found == "0") return {};
    Status done = in_transaction(session, [&]() -> Status {
      YTB_TRY(session.execute(fmt::format("DELETE FROM {}", kOrphaned)));
      YTB_TRY(record_deed(session, fmt::format("{} large objects that nothing names removed", found)));
      return record_step(session, kLargeObjectsStep);
    });
    YTB_TRY(std::move(done));
  }
  // The bytes of deleted rows go with the old file.
  return session.execute("VACUUM (FULL) pg_largeobject");
}

Result<std::vector<std::string>> large_objects_left(Connection& session, bool kept) {
  std::vector<std::string> wrong;
  auto look = [&](std::string_view what, const std::string& sql) -> Status {
    YTB_ASSIGN(Rows rows, session.query(sql));
    if (!rows.empty()) wrong.push_back(fmt::format("{} {}", what, rows.text(0, 0)));
    return {};
  };
  if (!kept) YTB_TRY(look("large object", "SELECT oid FROM pg_largeobject_metadata LIMIT 1"));
  // On RDS nobody but the provider reads the bytes, and nobody writes catalogs.
  if (session.kind() != SessionKind::kMaster) {
    YTB_TRY(look(kept ? "bytes that no large object names: number" : "bytes of large object",
                 kept ? fmt::format("SELECT l.loid FROM {} LIMIT 1", kOrphaned)
                      : std::string("SELECT loid FROM pg_largeobject LIMIT 1")));
  }
  return wrong;
}

}  // namespace ytb::postgres
