#include "drivers/postgres/rds_mask.h"

#include <fmt/format.h>

#include "base/text.h"
#include "drivers/postgres/catalog_reader.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/rds_aside.h"
#include "drivers/postgres/rds_table.h"

namespace ytb::postgres {
namespace {

constexpr std::string_view kStep = "set aside";
constexpr size_t kShownMax = 10;

std::string identity_table() { return std::string(kProgressSchema) + ".identity"; }

// `touched` and everything above it.
std::string family(const std::vector<int64_t>& touched) {
  return fmt::format(
      "WITH RECURSIVE up (oid) AS (SELECT unnest(ARRAY[{}]::oid[]) UNION SELECT i.inhparent FROM up JOIN "
      "pg_inherits "
      "i ON i.inhrelid = up.oid) ",
      touched.empty() ? "0" : fmt::format("{}", fmt::join(touched, ",")));
}

// One line for each thing that has a definition; $-free, the schema of ours left out.
std::string identity_query() {
  constexpr std::string_view kLines =
      "WITH mine AS (SELECT c.oid::regclass::text AS name, c.* FROM pg_class c WHERE c.oid >= 16384 AND "
      "c.relpersistence <> 't' AND c.relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname IN "
      "('pg_toast', "
      "'{0}'))) "
      "SELECT format('constraint %s of %s: %s (local %s, inherited %s) %s', k.conname, k.conrelid::regclass, "
      "pg_get_constraintdef(k.oid), k.conislocal, k.coninhcount, obj_description(k.oid, 'pg_constraint')) AS "
      "line FROM "
      "pg_constraint k WHERE k.conparentid = 0 AND k.conrelid IN (SELECT oid FROM mine) "
      "UNION ALL SELECT format('constraint %s of domain %s: %s %s', k.conname, k.contypid::regtype, "
      "pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint')) FROM pg_constraint k WHERE "
      "k.contypid >= "
      "16384 "
      "UNION ALL SELECT format('index %s: %s (identity %s, clustered %s, tablespace %s, owner %s) %s', "
      "m.name, "
      "pg_get_indexdef(i.indexrelid), i.indisreplident, i.indisclustered, m.reltablespace, "
      "m.relowner::regrole, "
      "obj_description(m.oid, 'pg_class')) FROM pg_index i JOIN mine m ON m.oid = i.indexrelid WHERE "
      "i.indisvalid "
      "UNION ALL SELECT format('trigger of %s: %s (%s)', t.tgrelid::regclass, pg_get_triggerdef(t.oid), "
      "t.tgenabled) "
      "FROM pg_trigger t WHERE {1} AND t.tgrelid IN (SELECT oid FROM mine) "
      "UNION ALL SELECT format('relation %s: %s, owner %s, rights %s, row security %s %s, identity %s, "
      "options %s', m.name, m.relkind, m.relowner::regrole, m.relacl, m.relrowsecurity, "
      "m.relforcerowsecurity, "
      "m.relreplident, m.reloptions) FROM mine m WHERE m.relkind IN ('r', 'p', 'v', 'm', "
      "'S', 'f') "
      "UNION ALL SELECT format('column %s of %s: %s, rights %s, statistics %s, options %s, storage %s, not "
      "null %s', "
      "a.attname, m.name, format_type(a.atttypid, a.atttypmod), a.attacl, a.attstattarget, a.attoptions, "
      "a.attstorage, "
      "a.attnotnull) FROM pg_attribute a JOIN mine m ON m.oid = a.attrelid WHERE a.attnum > 0 AND NOT "
      "a.attisdropped "
      "AND m.relkind IN ('r', 'p', 'm', 'f') "
      "UNION ALL SELECT format('statistics: %s, owner %s, target %s, %s', pg_get_statisticsobjdef(s.oid), "
      "s.stxowner::regrole, s.stxstattarget, obj_description(s.oid, 'pg_statistic_ext')) FROM "
      "pg_statistic_ext s "
      "UNION ALL SELECT format('rule of %s: %s (%s)', r.ev_class::regclass, pg_get_ruledef(r.oid), "
      "r.ev_enabled) FROM "
      "pg_rewrite r WHERE r.ev_class IN (SELECT oid FROM mine) "
      "UNION ALL SELECT format('policy %s of %s', p.polname, p.polrelid::regclass) FROM pg_policy p";
  return fmt::format(kLines, kProgressSchema, kUserTriggers);
}

std::string with_comment(Connection& session, const Rows& rows, int row, int column, const std::string& on) {
  if (rows.is_null(row, column)) return {};
  return fmt::format("; COMMENT ON CONSTRAINT {} IS {}", on, session.literal(rows.at(row, column)));
}

Status take_off(Connection& session, const std::vector<Aside>& asides, const std::string& statement) {
  for (const Aside& aside : asides) {
    auto id = put_aside(session, aside);
    if (!id.ok()) return std::move(id).error();
  }
  Status done = session.execute(statement);
  if (done.ok()) return done;
  return std::move(done).error().while_doing("setting aside " + printable(asides.front().name));
}

Status set_keys_aside(Connection& session, const std::vector<int64_t>& touched) {
  YTB_ASSIGN(Rows keys,
             session.query(
                 family(touched) +
                 "SELECT k.conname, n.nspname, c.relname, c.relkind = 'p', pg_get_constraintdef(k.oid), "
                 "k.convalidated, obj_description(k.oid, 'pg_constraint'), k.conrelid FROM pg_constraint k "
                 "JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
                 "k.contype = 'f' AND k.conparentid = 0 AND (k.conrelid IN (SELECT oid FROM up) OR "
                 "k.confrelid IN (SELECT oid FROM up)) ORDER BY k.oid"));
  for (int row = 0; row < keys.count(); ++row) {
    std::string table = session.qualified(keys.at(row, 1), keys.at(row, 2));
    std::string name = session.identifier(keys.at(row, 0));
    // A partitioned table's key cannot be NOT VALID (tablecmds.c): it is validated as it is added.
    bool partitioned = keys.truth(row, 3);
    bool validate = keys.truth(row, 5) && !partitioned;
    const std::string as_commented = fmt::format("{} ON {}", name, table);
    std::string shown = fmt::format("foreign key {} of {}", name, table);
    std::vector<Aside> asides = {
        {.phase = AsidePhase::kKey,
         .relation = keys.integer(row, 7),
         .name = shown,
         .restore = fmt::format("ALTER TABLE {}{} ADD CONSTRAINT {} {}{}{}", partitioned ? "" : "ONLY ",
                                table, name, keys.at(row, 4), validate ? " NOT VALID" : "",
                                with_comment(session, keys, row, 6, as_commented))}};
    if (validate) {
      asides.push_back({.phase = AsidePhase::kValidate,
                        .relation = keys.integer(row, 7),
                        .name = shown,
                        .restore = fmt::format("ALTER TABLE ONLY {} VALIDATE CONSTRAINT {}", table, name)});
    }
    YTB_TRY(take_off(
        session, asides,
        fmt::format("ALTER TABLE {}{} DROP CONSTRAINT {}", partitioned ? "" : "ONLY ", table, name)));
  }
  return {};
}

// They hold for new rows only, and every row of a load is new.
Status set_unproven_aside(Connection& session, const std::vector<int64_t>& touched) {
  YTB_ASSIGN(
      Rows checks,
      session.query(
          family(touched) +
          "SELECT k.conname, n.nspname, c.relname, pg_get_constraintdef(k.oid), obj_description(k.oid, "
          "'pg_constraint'), k.conrelid FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid "
          "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE k.contype = 'c' AND NOT k.convalidated "
          "AND k.conislocal AND k.conrelid IN (SELECT oid FROM up) ORDER BY EXISTS (SELECT FROM "
          "pg_inherits i WHERE i.inhrelid = k.conrelid), k.oid"));
  for (int row = 0; row < checks.count(); ++row) {
    std::string table = session.qualified(checks.at(row, 1), checks.at(row, 2));
    std::string name = session.identifier(checks.at(row, 0));
    const std::string as_commented = fmt::format("{} ON {}", name, table);
    YTB_TRY(take_off(
        session,
        {{.phase = AsidePhase::kCheck,
          .relation = checks.integer(row, 5),
          .name = fmt::format("CHECK {} of {}", name, table),
          .restore = fmt::format("ALTER TABLE {} ADD CONSTRAINT {} {}{}", table, name, checks.at(row, 3),
                                 with_comment(session, checks, row, 4, as_commented))}},
        fmt::format("ALTER TABLE {} DROP CONSTRAINT {}", table, name)));
  }
  YTB_ASSIGN(
      Rows domains,
      session.query(
          family(touched) +
          ", used (type) AS (SELECT atttypid FROM pg_attribute WHERE attrelid IN (SELECT oid FROM up) AND "
          "attnum "
          "> 0 AND NOT attisdropped UNION SELECT x.next FROM (SELECT unnest(ARRAY[t.typbasetype, t.typelem]) "
          "AS "
          "next FROM used JOIN pg_type t ON t.oid = used.type) x WHERE x.next <> 0) SELECT k.conname, "
          "n.nspname, "
          "t.typname, pg_get_constraintdef(k.oid), obj_description(k.oid, 'pg_constraint') FROM "
          "pg_constraint k "
          "JOIN pg_type t ON t.oid = k.contypid JOIN pg_namespace n ON n.oid = t.typnamespace WHERE NOT "
          "k.convalidated AND k.contypid IN (SELECT type FROM used) ORDER BY k.oid"));
  for (int row = 0; row < domains.count(); ++row) {
    std::string type = session.qualified(domains.at(row, 1), domains.at(row, 2));
    std::string name = session.identifier(domains.at(row, 0));
    const std::string as_commented = fmt::format("{} ON DOMAIN {}", name, type);
    YTB_TRY(take_off(
        session,
        {{.phase = AsidePhase::kCheck,
          .relation = 0,
          .name = fmt::format("CHECK {} of domain {}", name, type),
          .restore = fmt::format("ALTER DOMAIN {} ADD CONSTRAINT {} {}{}", type, name, domains.at(row, 3),
                                 with_comment(session, domains, row, 4, as_commented))}},
        fmt::format("ALTER DOMAIN {} DROP CONSTRAINT {}", type, name)));
  }
  return {};
}

Result<std::vector<std::pair<int64_t, std::string>>> guarded_tables(Connection& session) {
  YTB_ASSIGN(Rows rows,
             session.query("SELECT c.oid, n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid "
                           "= c.relnamespace WHERE c.relforcerowsecurity AND c.relkind IN ('r', 'p') AND "
                           "c.relpersistence <> 't' AND pg_has_role(c.relowner, 'USAGE') ORDER BY c.oid"));
  std::vector<std::pair<int64_t, std::string>> tables;
  for (int row = 0; row < rows.count(); ++row) {
    tables.emplace_back(rows.integer(row, 0), session.qualified(rows.at(row, 1), rows.at(row, 2)));
  }
  return tables;
}

Status set_guards_aside(Connection& session) {
  YTB_ASSIGN(auto tables, guarded_tables(session));
  for (const auto& [oid, name] : tables) {
    YTB_TRY(take_off(session,
                     {{.phase = AsidePhase::kGuard,
                       .relation = oid,
                       .name = "forced row security of " + name,
                       .restore = fmt::format("ALTER TABLE ONLY {} FORCE ROW LEVEL SECURITY", name)}},
                     fmt::format("ALTER TABLE ONLY {} NO FORCE ROW LEVEL SECURITY", name)));
  }
  return {};
}

Status put_back(Connection& session, AsidePhase phase) {
  YTB_ASSIGN(std::vector<int64_t> ids, asides_of(session, phase));
  for (int64_t id : ids) YTB_TRY(restore_aside(session, id));
  return {};
}

}  // namespace

Status set_database_aside(Connection& session, const std::vector<int64_t>& touched) {
  YTB_TRY(ensure_ledger(session));
  YTB_ASSIGN(bool done, step_done(session, kStep));
  if (done) return {};
  YTB_TRY(must_own(session, touched));
  return in_transaction(session, [&]() -> Status {
    YTB_TRY(session.execute(fmt::format("CREATE TABLE {} AS {}", identity_table(), identity_query())));
    YTB_TRY(set_guards_aside(session));
    YTB_TRY(set_keys_aside(session, touched));
    YTB_TRY(set_unproven_aside(session, touched));
    return record_step(session, kStep);
  });
}

Status put_database_back(Connection& session,
                         const std::function<Status(const std::vector<int64_t>&)>& validate) {
  for (AsidePhase phase : {AsidePhase::kIndex, AsidePhase::kCheck, AsidePhase::kKey}) {
    YTB_TRY(put_back(session, phase));
  }
  YTB_ASSIGN(std::vector<int64_t> keys, asides_of(session, AsidePhase::kValidate));
  return validate(keys);
}

Status put_guards_back(Connection& session) { return put_back(session, AsidePhase::kGuard); }

Result<std::vector<std::string>> identity_differences(Connection& session) {
  std::vector<std::string> found;
  YTB_ASSIGN(bool known, step_done(session, kStep));
  if (!known) return found;
  YTB_ASSIGN(Rows rows,
             session.query(fmt::format(
                 "WITH now AS ({0}), gone AS (SELECT line FROM {1} EXCEPT ALL SELECT line FROM now), "
                 "made AS (SELECT line FROM now EXCEPT ALL SELECT line FROM {1}) SELECT 'before: ' "
                 "|| line FROM gone UNION ALL SELECT 'now: ' || line FROM made LIMIT {2}",
                 identity_query(), identity_table(), kShownMax)));
  for (int row = 0; row < rows.count(); ++row) found.push_back(printable(rows.at(row, 0)));
  return found;
}

Result<std::vector<int64_t>> with_missing_values(Connection& session, const std::vector<int64_t>& touched) {
  std::vector<int64_t> out;
  if (touched.empty()) return out;
  YTB_ASSIGN(Rows rows,
             session.query(fmt::format("SELECT DISTINCT attrelid FROM pg_attribute WHERE atthasmissing AND "
                                       "attrelid IN ({}) ORDER BY 1",
                                       fmt::join(touched, ","))));
  for (int row = 0; row < rows.count(); ++row) out.push_back(rows.integer(row, 0));
  return out;
}

Status must_own(Connection& session, const std::vector<int64_t>& tables) {
  if (tables.empty()) return {};
  YTB_ASSIGN(Rows rows,
             session.query(fmt::format("SELECT c.oid::regclass, c.relowner::regrole FROM pg_class c WHERE "
                                       "c.oid IN ({}) AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1",
                                       fmt::join(tables, ","))));
  if (rows.empty()) return {};
  return Error{.code = Code::kUnsupported,
               .message = fmt::format("table {} is not the master's to change: it belongs to {}",
                                      printable(rows.at(0, 0)), printable(rows.at(0, 1))),
               .hint =
                   "in production: give it to a role that the master administers and that is no member of "
                   "the master"};
}

Result<std::set<int64_t>> suspend_guards(Connection& session) {
  std::set<int64_t> suspended;
  YTB_ASSIGN(auto tables, guarded_tables(session));
  if (tables.empty()) return suspended;
  // Production's event triggers are on again once our traces are gone; commands on them fire none.
  YTB_ASSIGN(Rows triggers, session.query("SELECT evtname FROM pg_event_trigger WHERE evtenabled <> 'D' AND "
                                          "pg_has_role(evtowner, 'USAGE')"));
  for (int row = 0; row < triggers.count(); ++row) {
    YTB_TRY(session.execute(
        fmt::format("ALTER EVENT TRIGGER {} DISABLE", session.identifier(triggers.at(row, 0)))));
  }
  for (const auto& [oid, name] : tables) {
    YTB_TRY(session.execute(fmt::format("ALTER TABLE ONLY {} NO FORCE ROW LEVEL SECURITY", name)));
    suspended.insert(oid);
  }
  return suspended;
}

}  // namespace ytb::postgres
