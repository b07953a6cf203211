#include "drivers/postgres/rds_table.h"

#include <fmt/format.h>

#include "base/text.h"
#include "drivers/postgres/aftermath.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/rds_aside.h"

namespace ytb::postgres {
namespace {

std::string enabling(char state) {
  switch (state) {
    case 'R':
      return "ENABLE REPLICA TRIGGER";
    case 'A':
      return "ENABLE ALWAYS TRIGGER";
    default:
      return "ENABLE TRIGGER";
  }
}

// Indexes that a statement can bring back to the letter. Those of constraints, of a partitioned index, chosen
// for replication or CLUSTER, in a tablespace, with settings of their own or with something that depends on
// them stay, and COPY maintains them.
constexpr std::string_view kPlainIndexes =
    "SELECT i.indexrelid, n.nspname, c.relname, pg_get_indexdef(i.indexrelid), obj_description(i.indexrelid, "
    "'pg_class'), i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n "
    "ON n.oid "
    "= c.relnamespace WHERE i.indrelid = $1::oid AND i.indislive AND NOT EXISTS (SELECT FROM pg_constraint k "
    "WHERE "
    "k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) AND NOT EXISTS (SELECT FROM pg_inherits h "
    "WHERE "
    "h.inhrelid = i.indexrelid) AND NOT i.indisreplident AND NOT i.indisclustered AND c.reltablespace = 0 "
    "AND NOT "
    "EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = i.indexrelid AND (a.attstattarget >= 0 OR "
    "a.attoptions "
    "IS NOT NULL)) AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass AND "
    "d.refobjid = i.indexrelid) AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = "
    "'pg_class'::regclass AND "
    "d.objid = i.indexrelid AND d.deptype IN ('e', 'x')) ORDER BY i.indexrelid";

Result<std::vector<int64_t>> set_indexes_aside(Connection& session, const LoadRequest& request) {
  std::vector<int64_t> ids;
  YTB_ASSIGN(Rows rows, session.query(kPlainIndexes, {std::to_string(request.facts.oid)}));
  for (int row = 0; row < rows.count(); ++row) {
    std::string name = session.qualified(rows.at(row, 1), rows.at(row, 2));
    if (rows.truth(row, 5)) {
      std::string restore = rows.text(row, 3);
      if (!rows.is_null(row, 4)) {
        restore += fmt::format("; COMMENT ON INDEX {} IS {}", name, session.literal(rows.at(row, 4)));
      }
      YTB_ASSIGN(int64_t id, put_aside(session, {.phase = AsidePhase::kIndex,
                                                 .relation = request.facts.oid,
                                                 .name = "index " + name,
                                                 .restore = restore}));
      ids.push_back(id);
    } else {
      // TRUNCATE would make it valid, and a unique one might then refuse rows that production has.
      YTB_TRY(record_deed(session, fmt::format("note: index {} was not valid in production: dropped",
                                               printable(rows.at(row, 2)))));
    }
    YTB_TRY(session.execute("DROP INDEX " + name));
  }
  return ids;
}

Result<Rows> switch_triggers_off(Connection& session, const LoadRequest& request, const std::string& name) {
  YTB_ASSIGN(Rows triggers,
             session.query(
                 fmt::format("SELECT t.tgname, t.tgenabled FROM pg_trigger t WHERE t.tgrelid = $1::oid AND "
                             "{} AND t.tgenabled <> 'D' ORDER BY 1",
                             kUserTriggers),
                 {std::to_string(request.facts.oid)}));
  if (!triggers.empty())
    YTB_TRY(session.execute(fmt::format("ALTER TABLE ONLY {} DISABLE TRIGGER USER", name)));
  return triggers;
}

Status switch_triggers_on(Connection& session, const Rows& triggers, const std::string& name) {
  // Deferred uniqueness is asked for now: ALTER TABLE refuses while checks are pending.
  YTB_TRY(session.execute("SET CONSTRAINTS ALL IMMEDIATE"));
  for (int row = 0; row < triggers.count(); ++row) {
    YTB_TRY(session.execute(fmt::format("ALTER TABLE ONLY {} {} {}", name, enabling(triggers.at(row, 1)[0]),
                                        session.identifier(triggers.at(row, 0)))));
  }
  return {};
}

using Fill = std::function<Result<Filled>(const std::string& name)>;

Status load_in_transaction(Connection& session, const LoadRequest& request, std::vector<int64_t>& indexes,
                           const Fill& truncate_and_fill) {
  std::string name = session.qualified(request.name.schema, request.name.name);
  YTB_TRY(session.execute("LOCK TABLE ONLY " + name + " IN ACCESS EXCLUSIVE MODE"));
  YTB_ASSIGN(Rows triggers, switch_triggers_off(session, request, name));
  // Definitions are written down under our path, whatever path the rows need.
  YTB_ASSIGN(std::string path, session.value("SHOW search_path"));
  YTB_TRY(session.execute("SELECT set_config('search_path', $1, true)", {kOwnPath}));
  YTB_ASSIGN(indexes, set_indexes_aside(session, request));
  YTB_TRY(session.execute("SELECT set_config('search_path', $1, true)", {path}));
  YTB_ASSIGN(Filled filled, truncate_and_fill(name));
  YTB_TRY(switch_triggers_on(session, triggers, name));
  return record_loaded(session, request.facts.oid, filled.evidence, filled.kept, indexes);
}

Status load(Connection& session, const LoadRequest& request, std::vector<int64_t>& indexes,
            const Fill& fill) {
  std::string state;
  Status loaded = in_transaction(session, [&] {
    Status done = load_in_transaction(session, request, indexes, fill);
    state = session.last_state();
    return done;
  });
  if (!loaded.ok() && session.server_encoding() != "UTF8") (void)session.use_utf8();
  if (!loaded.ok())
    return if_policy_must_change(std::move(loaded).error().while_doing("loading " + to_string(request.name)),
                                 state);
  return {};
}

// Statistics objects keep the values of their last ANALYZE, and of a single row too: they are made anew.
Status renew_statistics_objects(Connection& session, int64_t table) {
  YTB_ASSIGN(
      Rows rows,
      session.query("SELECT n.nspname, s.stxname, pg_get_statisticsobjdef(s.oid), r.rolname, "
                    "coalesce(s.stxstattarget, -1), obj_description(s.oid, 'pg_statistic_ext') FROM "
                    "pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace JOIN pg_roles r ON "
                    "r.oid = s.stxowner WHERE s.stxrelid = $1::oid",
                    {std::to_string(table)}));
  for (int row = 0; row < rows.count(); ++row) {
    std::string name = session.qualified(rows.at(row, 0), rows.at(row, 1));
    YTB_TRY(session.execute(fmt::format("DROP STATISTICS {}; {}; ALTER STATISTICS {} OWNER TO {}", name,
                                        rows.at(row, 2), name, session.identifier(rows.at(row, 3)))));
    if (rows.integer(row, 4) >= 0) {
      YTB_TRY(session.execute(fmt::format("ALTER STATISTICS {} SET STATISTICS {}", name, rows.at(row, 4))));
    }
    if (!rows.is_null(row, 5)) {
      YTB_TRY(session.execute(
          fmt::format("COMMENT ON STATISTICS {} IS {}", name, session.literal(rows.at(row, 5)))));
    }
  }
  return {};
}

struct OneRow {
  std::string columns;  // quoted, generated ones apart
  std::string bytes;    // a COPY stream of text; empty: the table has no row
};

Result<OneRow> take_one_row(Connection& session, const LoadRequest& request, const std::string& name) {
  YTB_ASSIGN(Rows columns,
             session.query("SELECT attname FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND "
                           "NOT attisdropped AND attgenerated = '' ORDER BY attnum",
                           {std::to_string(request.facts.oid)}));
  OneRow one;
  for (int row = 0; row < columns.count(); ++row) {
    one.columns += (row == 0 ? "" : ", ") + session.identifier(columns.at(row, 0));
  }
  if (one.columns.empty()) return one;
  YTB_TRY(session.copy_out(fmt::format("COPY (SELECT {} FROM ONLY {} LIMIT 1) TO STDOUT", one.columns, name),
                           [&](std::string_view bytes) -> Status {
                             one.bytes += bytes;
                             return {};
                           }));
  return one;
}

Status analyze_with_one_row(Connection& session, const LoadRequest& request, const std::string& name,
                            const OneRow& one) {
  bool given = false;
  auto source = [&](std::string& out) -> Status {
    if (!given) out = one.bytes;
    given = true;
    return {};
  };
  YTB_ASSIGN(uint64_t rows,
             session.copy_in(fmt::format("COPY {} ({}) FROM STDIN", name, one.columns), source));
  if (rows != 1) return Error{.code = Code::kInternal, .message = "one row was not one row", .hint = {}};
  YTB_ASSIGN(Aftermath family, plan_analysis(session, {request.facts.oid}));
  for (int64_t relation : family.to_analyze) YTB_TRY(analyze(session, relation));
  return session.execute("TRUNCATE ONLY " + name);
}

}  // namespace

Status load_rds_table(Connection& session, const LoadRequest& request, std::vector<int64_t>& indexes) {
  return load(session, request, indexes, [&](const std::string& name) -> Result<Filled> {
    YTB_TRY(session.execute("TRUNCATE ONLY " + name));
    return request.fill(session);
  });
}

Status empty_rds_table(Connection& session, const LoadRequest& request, std::vector<int64_t>& indexes) {
  return load(session, request, indexes, [&](const std::string& name) -> Result<Filled> {
    YTB_ASSIGN(OneRow one, take_one_row(session, request, name));
    YTB_ASSIGN(Filled filled, request.fill(session));
    YTB_TRY(session.execute("TRUNCATE ONLY " + name));
    if (!one.bytes.empty()) YTB_TRY(analyze_with_one_row(session, request, name, one));
    YTB_TRY(renew_statistics_objects(session, request.facts.oid));
    return filled;
  });
}

}  // namespace ytb::postgres
