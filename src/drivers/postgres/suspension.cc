#include "drivers/postgres/suspension.h"

#include <fmt/format.h>

#include "base/text.h"
#include "drivers/postgres/production_code.h"
#include "drivers/postgres/progress_store.h"

namespace ytb::postgres {
namespace {

constexpr std::string_view kStep = "code suspended";

std::vector<std::string> first_column(const Rows& rows) {
  std::vector<std::string> out;
  for (int row = 0; row < rows.count(); ++row) out.push_back(printable(rows.at(row, 0)));
  return out;
}

// A relation's cached list of indexes and statistics objects goes only with its own row (inval.c).
constexpr std::string_view kForgetCached = R"sql(
  UPDATE pg_catalog.pg_class SET relname = relname WHERE oid IN (
    SELECT i.indrelid FROM pg_catalog.pg_index i WHERE NOT i.indislive
    UNION SELECT o.relation FROM @statistics o))sql";

Status create_tables(Connection& session) {
  return session.execute(in_progress(R"sql(
    CREATE TABLE @generated (relation oid, number int2, kind "char", not_null bool NOT NULL,
                             PRIMARY KEY (relation, number));
    CREATE TABLE @indexes (index oid PRIMARY KEY, valid bool NOT NULL, ready bool NOT NULL);
    CREATE TABLE @marks (index oid PRIMARY KEY, valid bool NOT NULL, ready bool NOT NULL);
    CREATE TABLE @statistics (object oid PRIMARY KEY, relation oid NOT NULL);
    CREATE TABLE @constraints (object oid PRIMARY KEY, type oid NOT NULL, instead oid NOT NULL);
    CREATE TABLE @domains (type oid PRIMARY KEY, not_null bool NOT NULL, stored pg_node_tree, written text);
    CREATE TABLE @coded (relation oid PRIMARY KEY);
    CREATE TABLE @written (relation oid PRIMARY KEY, triggers bool NOT NULL, checks int2 NOT NULL,
                           rules bool NOT NULL, guarded bool NOT NULL, forced bool NOT NULL,
                           partition bool NOT NULL, identity "char" NOT NULL))sql"));
}

std::string list_of(const std::vector<int64_t>& oids) {
  return oids.empty() ? "0" : fmt::format("{}", fmt::join(oids, ","));
}

// Two constraints of one name cannot have the same type: each gets one of its own that there is not.
Status record_definitions(Connection& session) {
  YTB_ASSIGN(CodedDefinitions coded, coded_definitions(session));
  std::string columns = "(0,0)";
  for (const auto& [relation, number] : coded.columns) columns += fmt::format(",({},{})", relation, number);
  return session.execute(in_progress(fmt::format(R"sql(
    INSERT INTO @generated SELECT attrelid, attnum, attgenerated, attnotnull FROM pg_catalog.pg_attribute
      WHERE (attrelid, attnum) IN ({});
    INSERT INTO @indexes SELECT indexrelid, indisvalid, indisready FROM pg_catalog.pg_index
      WHERE indexrelid IN ({});
    INSERT INTO @statistics SELECT oid, stxrelid FROM pg_catalog.pg_statistic_ext WHERE oid IN ({});
    INSERT INTO @coded SELECT oid FROM pg_catalog.pg_class WHERE oid IN ({})
      OR oid IN (SELECT relation FROM @generated);
    INSERT INTO @constraints SELECT oid, contypid, (4294967295 - row_number() OVER ())::text::oid
      FROM pg_catalog.pg_constraint WHERE contypid >= 16384;
    INSERT INTO @domains SELECT oid, typnotnull, typdefaultbin, typdefault FROM pg_catalog.pg_type
      WHERE typtype = 'd' AND oid >= 16384 AND (typnotnull OR typdefaultbin IS NOT NULL))sql",
                                                 columns, list_of(coded.indexes), list_of(coded.statistics),
                                                 list_of(coded.tables))));
}

// Without `attgenerated` but with `atthasdef` the server would look for a default that it cannot use.
Status switch_off(Connection& session) {
  YTB_TRY(session.execute(in_progress(R"sql(
    UPDATE pg_catalog.pg_attribute a SET attgenerated = '', atthasdef = false, attnotnull = false
      FROM @generated g WHERE a.attrelid = g.relation AND a.attnum = g.number;
    UPDATE pg_catalog.pg_index i SET indislive = false FROM @indexes o WHERE i.indexrelid = o.index;
    UPDATE pg_catalog.pg_statistic_ext s SET stxrelid = 0 FROM @statistics o WHERE s.oid = o.object;
    UPDATE pg_catalog.pg_constraint k SET contypid = o.instead FROM @constraints o WHERE k.oid = o.object;
    UPDATE pg_catalog.pg_type t SET typnotnull = false, typdefaultbin = NULL, typdefault = NULL
      FROM @domains o WHERE t.oid = o.type)sql")));
  return session.execute(in_progress(kForgetCached));
}

}  // namespace

Status clear_dead_indexes(Connection& session) {
  YTB_ASSIGN(bool suspended, step_done(session, kStep));
  if (suspended) return {};
  YTB_ASSIGN(Rows rows, session.query(R"sql(
    SELECT i.indexrelid, n.nspname, c.relname, c.relkind = 'i' AND NOT c.relispartition AND NOT EXISTS (SELECT
        FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid)
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
      JOIN pg_catalog.pg_class t ON t.oid = i.indrelid AND t.relkind IN ('r', 'm', 'p', 't')
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE NOT i.indislive AND i.indexrelid >= 16384 ORDER BY i.indexrelid)sql"));
  const bool master = session.kind() == SessionKind::kMaster;  // who writes no catalogs
  for (int row = 0; row < rows.count(); ++row) {
    const bool free = rows.truth(row, 3);
    if (master && (!free || rows.at(row, 1) == "pg_toast")) continue;
    const std::string name = session.qualified(rows.at(row, 1), rows.at(row, 2));
    const std::string revive = fmt::format(R"sql(
      UPDATE pg_catalog.pg_index SET indislive = true, indisready = false, indisvalid = false
        WHERE indexrelid = {0};
      UPDATE pg_catalog.pg_class SET relname = relname
        WHERE oid = (SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = {0}))sql",
                                           rows.at(row, 0));
    Status done = in_transaction(session, [&]() -> Status {
      // One of TOAST may be dropped only while it is not valid (tablecmds.c).
      const std::string drop = master ? "DROP INDEX " + name
                                      : fmt::format(
                                            "UPDATE pg_catalog.pg_index SET indisvalid = false WHERE "
                                            "indexrelid = {} AND indisvalid; DROP "
                                            "INDEX {}",
                                            rows.at(row, 0), name);
      YTB_TRY(session.execute(free ? drop : revive));
      return record_deed(session, fmt::format("index {}.{}, which production was about to drop, {}",
                                              printable(rows.at(row, 1)), printable(rows.at(row, 2)),
                                              free ? "was dropped" : "was marked invalid"));
    });
    YTB_TRY(std::move(done));
  }
  return {};
}

Status suspend_code(Connection& session) {
  YTB_ASSIGN(bool done, step_done(session, kStep));
  if (done) return {};
  return in_transaction(session, [&]() -> Status {
    YTB_TRY(create_tables(session));
    YTB_TRY(record_definitions(session));
    YTB_TRY(switch_off(session));
    return record_step(session, kStep);
  });
}

Result<std::vector<SuspendedTable>> suspended_tables(Connection& session) {
  YTB_ASSIGN(Rows rows, session.query(in_progress(R"sql(
    SELECT c.oid, c.relowner, n.nspname, c.relname, a.attname, g.not_null,
           CASE WHEN g.kind = 's' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
           pg_catalog.format_type(a.atttypid, a.atttypmod)
      FROM @generated g JOIN pg_catalog.pg_class c ON c.oid = g.relation
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_attribute a ON a.attrelid = g.relation AND a.attnum = g.number
      JOIN pg_catalog.pg_attrdef d ON d.adrelid = g.relation AND d.adnum = g.number
      ORDER BY c.oid, g.number)sql")));
  std::vector<SuspendedTable> tables;
  for (int row = 0; row < rows.count(); ++row) {
    if (tables.empty() || tables.back().oid != rows.integer(row, 0)) {
      tables.push_back({.oid = rows.integer(row, 0),
                        .owner = rows.integer(row, 1),
                        .schema = rows.text(row, 2),
                        .name = rows.text(row, 3),
                        .columns = {}});
    }
    tables.back().columns.push_back({.name = rows.text(row, 4),
                                     .expression = rows.text(row, 6),
                                     .type = rows.text(row, 7),
                                     .not_null = rows.truth(row, 5)});
  }
  return tables;
}

Status resume_columns(Connection& session, int64_t table) {
  return session.execute(in_progress(fmt::format(R"sql(
    UPDATE pg_catalog.pg_attribute a SET attgenerated = g.kind, atthasdef = true, attnotnull = g.not_null
      FROM @generated g WHERE a.attrelid = g.relation AND a.attnum = g.number AND g.relation = {0};
    DELETE FROM @generated WHERE relation = {0})sql",
                                                 table)));
}

Result<std::vector<SuspendedIndex>> suspended_indexes(Connection& session) {
  YTB_ASSIGN(Rows rows, session.query(in_progress(R"sql(
    SELECT c.oid, i.indrelid, n.nspname, c.relname, c.relkind = 'I', NOT o.valid AND c.relkind = 'i' AND NOT
        c.relispartition AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = c.oid)
      FROM @indexes o
      JOIN pg_catalog.pg_class c ON c.oid = o.index JOIN pg_catalog.pg_index i ON i.indexrelid = o.index
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ORDER BY c.oid)sql")));
  std::vector<SuspendedIndex> indexes;
  for (int row = 0; row < rows.count(); ++row) {
    indexes.push_back({.oid = rows.integer(row, 0),
                       .table = rows.integer(row, 1),
                       .schema = rows.text(row, 2),
                       .name = rows.text(row, 3),
                       .partitioned = rows.truth(row, 4),
                       .unusable = rows.truth(row, 5)});
  }
  return indexes;
}

Status resume_index(Connection& session, int64_t index) {
  return session.execute(in_progress(fmt::format(R"sql(
    UPDATE pg_catalog.pg_index i SET indislive = true, indisvalid = o.valid, indisready = o.ready
      FROM @indexes o WHERE i.indexrelid = o.index AND o.index = {0};
    UPDATE pg_catalog.pg_class SET relname = relname
      WHERE oid = (SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = {0});
    DELETE FROM @indexes WHERE index = {0})sql",
                                                 index)));
}

Status drop_unusable_index(Connection& session, const SuspendedIndex& index) {
  return in_transaction(session, [&]() -> Status {
    YTB_TRY(session.execute("DROP INDEX " + session.qualified(index.schema, index.name)));
    YTB_TRY(session.execute(in_progress(fmt::format("DELETE FROM @indexes WHERE index = {}", index.oid))));
    return record_deed(session,
                       fmt::format("note: index {}.{}, which is not valid in production, was dropped",
                                   printable(index.schema), printable(index.name)));
  });
}

Status keep_index_marks(Connection& session, int64_t table) {
  return session.execute(in_progress(fmt::format(R"sql(
    INSERT INTO @marks SELECT indexrelid, indisvalid, indisready FROM pg_catalog.pg_index
      WHERE indrelid = {} AND indislive AND NOT (indisvalid AND indisready) ON CONFLICT DO NOTHING)sql",
                                                 table)));
}

Status restore_index_marks(Connection& session) {
  return session.execute(in_progress(R"sql(
    UPDATE pg_catalog.pg_index i SET indisvalid = m.valid, indisready = m.ready FROM @marks m
      WHERE i.indexrelid = m.index;
    DELETE FROM @marks)sql"));
}

Status resume_definitions(Connection& session) {
  return session.execute(in_progress(R"sql(
    UPDATE pg_catalog.pg_statistic_ext s SET stxrelid = o.relation FROM @statistics o WHERE s.oid = o.object;
    UPDATE pg_catalog.pg_class SET relname = relname WHERE oid IN (SELECT relation FROM @statistics);
    UPDATE pg_catalog.pg_constraint k SET contypid = o.type FROM @constraints o WHERE k.oid = o.object;
    UPDATE pg_catalog.pg_type t SET typnotnull = o.not_null, typdefaultbin = o.stored, typdefault = o.written
      FROM @domains o WHERE t.oid = o.type;
    DELETE FROM @statistics;
    DELETE FROM @constraints;
    DELETE FROM @domains)sql"));
}

Status suspend_table(Connection& session, int64_t table) {
  return session.execute(in_progress(fmt::format(R"sql(
    INSERT INTO @written SELECT oid, relhastriggers, relchecks, relhasrules, relrowsecurity,
      relforcerowsecurity, relispartition, relreplident FROM pg_catalog.pg_class WHERE oid = {0}
      ON CONFLICT DO NOTHING;
    UPDATE pg_catalog.pg_class SET relhastriggers = false, relchecks = 0, relhasrules = false,
      relrowsecurity = false, relforcerowsecurity = false, relispartition = false, relreplident = 'f'
      WHERE oid = {0})sql",
                                                 table)));
}

Status resume_table(Connection& session, int64_t table) {
  return session.execute(in_progress(fmt::format(R"sql(
    UPDATE pg_catalog.pg_class c SET relhastriggers = w.triggers, relchecks = w.checks,
      relhasrules = w.rules, relrowsecurity = w.guarded, relforcerowsecurity = w.forced,
      relispartition = w.partition, relreplident = w.identity FROM @written w
      WHERE c.oid = w.relation AND w.relation = {0};
    DELETE FROM @written WHERE relation = {0})sql",
                                                 table)));
}

Wrong still_suspended(Connection& session) {
  YTB_ASSIGN(bool any, step_done(session, kStep));
  if (!any) return std::vector<std::string>{};
  YTB_ASSIGN(Rows rows, session.query(in_progress(R"sql(
    SELECT 'a computed column of ' || relation::regclass FROM @generated
    UNION ALL SELECT 'index ' || index::regclass FROM @indexes
    UNION ALL SELECT 'marks of index ' || index::regclass FROM @marks
    UNION ALL SELECT 'a statistics object of ' || relation::regclass FROM @statistics
    UNION ALL SELECT 'constraints of domain ' || type::regtype FROM @constraints
    UNION ALL SELECT 'domain ' || type::regtype FROM @domains
    UNION ALL SELECT 'guards of ' || relation::regclass FROM @written)sql")));
  return first_column(rows);
}

Result<ReadingSuspension> suspension_for_reading(Connection& session) {
  YTB_ASSIGN(CodedDefinitions coded, coded_definitions(session));
  const std::string indexes = list_of(coded.indexes);
  const std::string statistics = list_of(coded.statistics);
  ReadingSuspension suspension;
  suspension.statements = fmt::format(R"sql(
    UPDATE pg_catalog.pg_index SET indislive = false WHERE indexrelid IN ({0});
    UPDATE pg_catalog.pg_statistic_ext SET stxrelid = 0 WHERE oid IN ({1}))sql",
                                      indexes, statistics);
  YTB_ASSIGN(Rows rows, session.query(fmt::format(
                            "SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid IN ({}) UNION "
                            "SELECT stxrelid FROM pg_catalog.pg_statistic_ext WHERE oid IN ({})",
                            indexes, statistics)));
  for (int row = 0; row < rows.count(); ++row) suspension.relations.insert(rows.integer(row, 0));
  return suspension;
}

Result<std::vector<int64_t>> coded_tables(Connection& session) {
  std::vector<int64_t> out;
  YTB_ASSIGN(Rows rows, session.query(in_progress("SELECT relation FROM @coded")));
  for (int row = 0; row < rows.count(); ++row) out.push_back(rows.integer(row, 0));
  return out;
}

}  // namespace ytb::postgres
