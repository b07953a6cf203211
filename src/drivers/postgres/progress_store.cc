#include "drivers/postgres/progress_store.h"

#include <fmt/format.h>

#include "base/text.h"
#include "drivers/postgres/catalog_reader.h"
#include "drivers/postgres/own_marks.h"

namespace ytb::postgres {
namespace {

constexpr std::string_view kMarkOfAny = "yesterdaytabase: progress of masking, format ";

std::string enabling(char state) {
  switch (state) {
    case 'O':
      return "ENABLE";
    case 'R':
      return "ENABLE REPLICA";
    case 'A':
      return "ENABLE ALWAYS";
    default:
      return "DISABLE";
  }
}

// Commands on event triggers fire none; in the catalog nothing can be in the way.
Status set_trigger(Connection& session, std::string_view name, std::string_view state) {
  if (session.kind() == SessionKind::kMaster) {
    return session.execute(
        fmt::format("ALTER EVENT TRIGGER {} {}", session.identifier(name), enabling(state[0])));
  }
  YTB_TRY(session.execute("UPDATE pg_event_trigger SET evtenabled = $2::\"char\" WHERE evtname = $1",
                          {std::string(name), std::string(state)}));
  // What fires at logins is looked for only where the database says that it has such (17 and later).
  if (state == "D" || session.major() < 17) return {};
  return session.execute(
      "UPDATE pg_database SET dathasloginevt = true WHERE datname = current_database() AND EXISTS (SELECT "
      "FROM pg_event_trigger WHERE evtname = $1 AND evtevent = 'login')",
      {std::string(name)});
}

Status create_progress(Connection& session) {
  YTB_ASSIGN(Rows triggers,
             session.query("SELECT evtname, evtenabled FROM pg_event_trigger WHERE evtenabled <> 'D' AND "
                           "pg_has_role(evtowner, 'USAGE')"));
  for (int row = 0; row < triggers.count(); ++row) YTB_TRY(set_trigger(session, triggers.at(row, 0), "D"));
  YTB_TRY(session.execute(in_progress(fmt::format(
      "CREATE SCHEMA {0}; REVOKE ALL ON SCHEMA {0} FROM PUBLIC; COMMENT ON SCHEMA {0} IS '{1}';"
      "CREATE TABLE @event_triggers (name text PRIMARY KEY, state text NOT NULL);"
      "CREATE TABLE @deeds (id int GENERATED ALWAYS AS IDENTITY, line text PRIMARY KEY);"
      "CREATE TABLE @steps (step text PRIMARY KEY);"
      "CREATE TABLE @orphans (key oid PRIMARY KEY, rows bigint NOT NULL);"
      "CREATE TABLE @tables (relation oid PRIMARY KEY, indexed bool NOT NULL, evidence text NOT NULL, "
      "indexes text NOT NULL, kept_read text NOT NULL, kept_found text NOT NULL)",
      kProgressSchema, kProgressMark))));
  for (int row = 0; row < triggers.count(); ++row) {
    YTB_TRY(session.execute(in_progress("INSERT INTO @event_triggers VALUES ($1, $2)"),
                            {triggers.text(row, 0), triggers.text(row, 1)}));
    YTB_TRY(record_deed(session,
                        fmt::format("event trigger {} switched off while masking, and on again as it was",
                                    printable(triggers.at(row, 0)))));
  }
  return session.commit();
}

}  // namespace

std::string in_progress(std::string_view text) {
  std::string out(text);
  for (size_t at = out.find('@'); at != std::string::npos; at = out.find('@', at)) {
    out.replace(at, 1, std::string(kProgressSchema) + ".");
  }
  return out;
}

Result<bool> has_progress(Connection& session) {
  YTB_ASSIGN(Rows rows,
             session.query("SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace "
                           "WHERE nspname = $1",
                           {std::string(kProgressSchema)}));
  if (rows.empty()) return false;
  if (rows.at(0, 0) == kProgressMark) return true;
  if (rows.at(0, 0).starts_with(kMarkOfAny)) {
    return Error{.code = Code::kRefused,
                 .message = "the masking of this copy was begun by another version of yesterdaytabase",
                 .hint = "delete this unfinished copy; the next refresh begins with a new one"};
  }
  return Error{.code = Code::kRefused,
               .message = fmt::format("production has a schema called {}", kProgressSchema),
               .hint = "the name is reserved: rename the schema in production"};
}

Status ensure_progress(Connection& session) {
  YTB_ASSIGN(bool there, has_progress(session));
  if (there) return {};
  YTB_TRY(session.execute("BEGIN"));
  Status made = create_progress(session);
  session.roll_back();
  return made;
}

Status remove_progress(Connection& session) {
  YTB_ASSIGN(bool there, has_progress(session));
  if (!there) return {};
  YTB_TRY(session.execute("BEGIN"));
  auto remove = [&]() -> Status {
    YTB_ASSIGN(Rows triggers, session.query(in_progress("SELECT name, state FROM @event_triggers")));
    // The schema first: what is switched on again must not see it go.
    YTB_TRY(session.execute(fmt::format("DROP SCHEMA {} CASCADE", kProgressSchema)));
    for (int row = 0; row < triggers.count(); ++row) {
      YTB_TRY(set_trigger(session, triggers.at(row, 0), triggers.at(row, 1)));
    }
    return session.commit();
  };
  Status removed = remove();
  session.roll_back();
  return removed;
}

Status record_deed(Connection& session, std::string_view line) {
  return session.execute(in_progress("INSERT INTO @deeds (line) VALUES ($1) ON CONFLICT DO NOTHING"),
                         {std::string(line)});
}

Result<std::vector<std::string>> recorded_deeds(Connection& session) {
  std::vector<std::string> lines;
  YTB_ASSIGN(bool there, has_progress(session));
  if (!there) return lines;
  YTB_ASSIGN(Rows rows, session.query(in_progress("SELECT line FROM @deeds ORDER BY id")));
  for (int row = 0; row < rows.count(); ++row) lines.push_back(rows.text(row, 0));
  return lines;
}

Result<std::map<int64_t, uint64_t>> recorded_orphans(Connection& session) {
  std::map<int64_t, uint64_t> orphans;
  YTB_ASSIGN(bool there, has_progress(session));
  if (!there) return orphans;
  YTB_ASSIGN(Rows rows, session.query(in_progress("SELECT key, rows FROM @orphans")));
  for (int row = 0; row < rows.count(); ++row) {
    orphans[rows.integer(row, 0)] = static_cast<uint64_t>(rows.integer(row, 1));
  }
  return orphans;
}

Status record_orphans(Connection& session, int64_t key, uint64_t rows) {
  return session.execute(
      in_progress("INSERT INTO @orphans VALUES ($1::oid, $2::bigint) ON CONFLICT DO NOTHING"),
      {std::to_string(key), std::to_string(rows)});
}

Result<bool> step_done(Connection& session, std::string_view step) {
  YTB_ASSIGN(Rows rows,
             session.query(in_progress("SELECT FROM @steps WHERE step = $1"), {std::string(step)}));
  return !rows.empty();
}

Status record_step(Connection& session, std::string_view step) {
  return session.execute(in_progress("INSERT INTO @steps VALUES ($1) ON CONFLICT DO NOTHING"),
                         {std::string(step)});
}

Result<std::map<int64_t, TableProgress>> recorded_tables(Connection& session) {
  std::map<int64_t, TableProgress> out;
  YTB_ASSIGN(Rows rows,
             session.query(in_progress(
                 "SELECT relation, indexed, evidence, indexes, kept_read, kept_found FROM @tables")));
  for (int row = 0; row < rows.count(); ++row) {
    TableProgress progress{.indexed = rows.truth(row, 1),
                           .kept = {.read = rows.text(row, 4), .found = rows.text(row, 5)},
                           .evidence = rows.text(row, 2),
                           .indexes = {}};
    for (const std::string& oid : split(rows.at(row, 3), ',')) {
      if (!oid.empty()) progress.indexes.push_back(std::stoll(oid));
    }
    out[rows.integer(row, 0)] = std::move(progress);
  }
  return out;
}

Status record_loaded(Connection& session, int64_t table, const std::string& evidence, const KeptSums& kept,
                     const std::vector<int64_t>& indexes) {
  return session.execute(in_progress("INSERT INTO @tables VALUES ($1::oid, $2::bool, $3, $4, $5, $6)"),
                         {std::to_string(table), indexes.empty() ? "true" : "false", evidence,
                          fmt::format("{}", fmt::join(indexes, ",")), kept.read, kept.found});
}

Status record_found(Connection& session, int64_t table, const std::string& sum) {
  return session.execute(in_progress("UPDATE @tables SET kept_found = $2 WHERE relation = $1::oid"),
                         {std::to_string(table), sum});
}

Status record_indexed(Connection& session, int64_t table) {
  return session.execute(in_progress("UPDATE @tables SET indexed = true WHERE relation = $1::oid"),
                         {std::to_string(table)});
}

}  // namespace ytb::postgres
