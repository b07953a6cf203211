#include "drivers/postgres/table_checks.h"

#include <fmt/format.h>

#include "base/text.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/server_messages.h"

namespace ytb::postgres {
namespace {

std::string list_of(const std::vector<int64_t>& oids) {
  return oids.empty() ? "0" : fmt::format("{}", fmt::join(oids, ","));
}

std::string name_of(const model::TableEvidence& table) {
  return printable(fmt::format("{} {}.{}", table.database, table.schema, table.table));
}

std::vector<std::string> first_column(const Rows& rows) {
  std::vector<std::string> out;
  for (int row = 0; row < rows.count(); ++row) out.push_back(printable(rows.at(row, 0)));
  return out;
}

// One foreign key as RI_Initial_Check (ri_triggers.c) asks it, of a table with rows of its own.
struct ForeignKeyQuery {
  int64_t oid = 0;
  std::string name;
  std::string child, parent;
  std::string on, any_null, all_null, parent_null;
  bool match_full = false;
  bool coded = false;  // its operators, types, casts or partition keys may be production's code
};

std::string to_sql(const ForeignKeyQuery& key) {
  std::string wanted =
      key.match_full ? fmt::format("NOT ({})", key.all_null) : fmt::format("NOT ({})", key.any_null);
  return fmt::format("SELECT count(*) FROM ONLY {} c LEFT JOIN {} p ON {} WHERE {} AND {}", key.child,
                     key.parent, key.on, key.parent_null, wanted);
}

// A row for each pair of columns of a foreign key. In doubt a key counts as coded.
constexpr std::string_view kKeys = R"sql(
  SELECT k.oid, k.conname, cn.nspname, c.relname, pn.nspname, p.relname, k.confmatchtype = 'f', ca.attname,
    pa.attname, opn.nspname, op.oprname, p.relkind,
    pcn.nspname, pc.collname,
    op.oid >= 16384 OR ca.atttypid >= 16384 OR pa.atttypid >= 16384 OR EXISTS (SELECT FROM pg_cast t
      WHERE t.castfunc >= 16384 AND t.castsource IN (ca.atttypid, pa.atttypid))
    OR p.relkind = 'p' AND EXISTS (SELECT FROM pg_partitioned_table t WHERE t.partexprs IS NOT NULL
      OR EXISTS (SELECT FROM unnest(t.partclass) AS k (oid) WHERE k.oid >= 16384))
  FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace
    JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
    CROSS JOIN unnest(k.conkey, k.confkey, k.conpfeqop) WITH ORDINALITY AS u (ck, pk, op, place)
    JOIN pg_attribute ca ON ca.attrelid = c.oid AND ca.attnum = u.ck
    JOIN pg_attribute pa ON pa.attrelid = p.oid AND pa.attnum = u.pk
    JOIN pg_operator op ON op.oid = u.op JOIN pg_namespace opn ON opn.oid = op.oprnamespace
    -- Of two collations neither is implied; the server takes that of the key referred to.
    LEFT JOIN pg_collation pc ON pc.oid = pa.attcollation AND ca.attcollation <> pa.attcollation
    LEFT JOIN pg_namespace pcn ON pcn.oid = pc.collnamespace
  WHERE k.contype = 'f' AND k.convalidated AND c.relkind = 'r'
    -- A key to a partitioned table has a copy for each partition: no key by itself.
    AND NOT EXISTS (SELECT FROM pg_constraint q WHERE q.oid = k.conparentid AND q.conrelid = k.conrelid)
    AND (c.oid IN ({0}) OR p.oid IN ({0}) OR p.relkind = 'p')
  ORDER BY k.oid, u.place)sql";

Result<std::vector<ForeignKeyQuery>> foreign_keys_of(Connection& session,
                                                     const std::vector<int64_t>& tables) {
  YTB_ASSIGN(Rows rows, session.query(fmt::format(kKeys, list_of(tables))));
  std::vector<ForeignKeyQuery> keys;
  std::string last;
  for (int row = 0; row < rows.count(); ++row) {
    if (rows.at(row, 0) != last) {
      last = rows.text(row, 0);
      keys.push_back({.oid = rows.integer(row, 0),
                      .name = rows.text(row, 1),
                      .child = session.qualified(rows.at(row, 2), rows.at(row, 3)),
                      .parent = (rows.at(row, 11) == "p" ? "" : "ONLY ") +
                                session.qualified(rows.at(row, 4), rows.at(row, 5)),
                      .on = {},
                      .any_null = {},
                      .all_null = {},
                      .parent_null = {},
                      .match_full = rows.truth(row, 6)});
    }
    ForeignKeyQuery& key = keys.back();
    std::string child = "c." + session.identifier(rows.at(row, 7));
    std::string parent = "p." + session.identifier(rows.at(row, 8));
    bool first = key.on.empty();
    std::string collation;
    if (!rows.is_null(row, 13))
      collation = " COLLATE " + session.qualified(rows.at(row, 12), rows.at(row, 13));
    key.on += fmt::format("{}{} OPERATOR({}.{}) {}{}", first ? "" : " AND ", parent,
                          session.identifier(rows.at(row, 9)), rows.at(row, 10), child, collation);
    key.any_null += fmt::format("{}{} IS NULL", first ? "" : " OR ", child);
    key.all_null += fmt::format("{}{} IS NULL", first ? "" : " AND ", child);
    key.coded = key.coded || rows.truth(row, 14);
    if (first) key.parent_null = parent + " IS NULL";
  }
  return keys;
}

// `before`: as many rows referred to nothing in production itself; equal values stay equal, so that no other
// rows can have taken their places.
Status ask(Connection& session, const ForeignKeyQuery& key, uint64_t before,
           std::vector<std::string>& wrong) {
  YTB_ASSIGN(std::string orphans, session.value(to_sql(key)));
  if (std::stoull(orphans) > before) {
    wrong.push_back(fmt::format("{} rows of {} refer to nothing ({})", orphans, printable(key.child),
                                printable(key.name)));
  }
  return {};
}

}  // namespace

Result<TouchedTables> touched_in(Connection& session, const std::string& database,
                                 const model::Evidence& evidence) {
  TouchedTables touched{.database = database, .tables = {}, .oids = {}};
  for (const model::TableEvidence& table : evidence.tables) {
    if (table.database != database || table.treatment == "kept") continue;
    YTB_ASSIGN(Rows rows,
               session.query("SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
                             "WHERE n.nspname = $1 AND c.relname = $2",
                             {table.schema, table.table}));
    if (rows.empty()) {
      return Error{.code = Code::kProof, .message = fmt::format("{} has gone", name_of(table)), .hint = {}};
    }
    touched.tables.push_back(&table);
    touched.oids.push_back(rows.integer(0, 0));
  }
  return touched;
}

Wrong wrong_row_counts(Connection& session, const TouchedTables& touched) {
  std::vector<std::string> wrong;
  for (const model::TableEvidence* table : touched.tables) {
    YTB_ASSIGN(std::string now,
               session.value("SELECT count(*) FROM ONLY " + session.qualified(table->schema, table->table)));
    uint64_t expected = table->treatment == "masked" ? table->rows_before : 0;
    if (now != std::to_string(expected) || table->rows_after != expected) {
      wrong.push_back(fmt::format("{} has {} rows instead of {}", name_of(*table), now, expected));
    }
  }
  return wrong;
}

Wrong broken_foreign_keys(Connection& session, const TouchedTables& touched, CodedKeys coded) {
  YTB_ASSIGN(std::vector<ForeignKeyQuery> keys, foreign_keys_of(session, touched.oids));
  using Orphans = std::map<int64_t, uint64_t>;
  YTB_ASSIGN(Orphans before, recorded_orphans(session));
  std::vector<std::string> wrong;
  for (const ForeignKeyQuery& key : keys) {
    if (!key.coded || coded == CodedKeys::kToo) YTB_TRY(ask(session, key, before[key.oid], wrong));
  }
  return wrong;
}

Status count_orphans(Connection& session, const std::vector<int64_t>& tables) {
  if (tables.empty()) return {};
  YTB_ASSIGN(std::vector<ForeignKeyQuery> keys, foreign_keys_of(session, tables));
  for (const ForeignKeyQuery& key : keys) {
    if (key.coded) continue;
    YTB_ASSIGN(std::string orphans, session.value(to_sql(key)));
    if (orphans == "0") continue;
    YTB_TRY(record_orphans(session, key.oid, std::stoull(orphans)));
    YTB_TRY(record_deed(session,
                        fmt::format("note: {} rows of {} referred to nothing in production already, and do "
                                    "so here (foreign key {})",
                                    orphans, printable(key.child), printable(key.name))));
  }
  return {};
}

Wrong broken_coded_keys(Connection& session, const TouchedTables& touched,
                        const std::function<Result<Connection*>()>& asker) {
  YTB_ASSIGN(std::vector<ForeignKeyQuery> keys, foreign_keys_of(session, touched.oids));
  std::vector<std::string> wrong;
  for (const ForeignKeyQuery& key : keys) {
    if (!key.coded) continue;
    YTB_ASSIGN(Connection * other, asker());
    YTB_TRY(other->execute("BEGIN READ ONLY"));
    Status asked = ask(*other, key, 0, wrong);
    other->roll_back();
    if (asked.ok()) continue;
    if (asked.error().code == Code::kSpace) return asked.error();
    // The text may be production's own.
    return Error{.code = Code::kProof,
                 .message = fmt::format("{} of {} could not be asked: SQLSTATE {}", printable(key.name),
                                        printable(key.child), shown_state(other->last_state())),
                 .hint = {}};
  }
  return wrong;
}

Wrong invalid_indexes(Connection& session, const TouchedTables& touched) {
  std::vector<std::string> wrong;
  // What was not valid in production is allowed to be as it was; with the progress gone, nothing is. A store
  // without tables is one that was made after it, for a session of the proof's.
  std::string rebuilt;
  std::map<int64_t, TableProgress> tables;
  YTB_ASSIGN(bool known, has_progress(session));
  if (known) {
    YTB_ASSIGN(tables, recorded_tables(session));
  }
  if (!tables.empty()) {
    std::vector<int64_t> oids;
    for (const auto& [oid, progress] : tables) {
      oids.insert(oids.end(), progress.indexes.begin(), progress.indexes.end());
      if (!progress.indexed)
        wrong.push_back(fmt::format("the indexes of relation {} were not all rebuilt", oid));
    }
    rebuilt = fmt::format(" AND indexrelid IN ({})", list_of(oids));
  }
  YTB_ASSIGN(Rows rows,
             session.query(fmt::format("SELECT indexrelid::regclass FROM pg_index WHERE indrelid IN ({}) AND "
                                       "NOT (indisvalid AND indisready AND indislive){}",
                                       list_of(touched.oids), rebuilt)));
  for (const std::string& name : first_column(rows)) wrong.push_back(name + " is not valid");
  return wrong;
}

Wrong left_aside(Connection& session) {
  YTB_ASSIGN(
      Rows rows,
      session.query(
          "SELECT 'triggers of ' || c.oid::regclass FROM pg_class c WHERE NOT c.relhastriggers AND "
          "EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid) UNION ALL SELECT 'CHECKs of ' || "
          "c.oid::regclass FROM pg_class c WHERE c.relkind IN ('r', 'p', 'f') AND c.relchecks <> (SELECT "
          "count(*) FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'c') UNION ALL "
          "SELECT 'a constraint of no table and no domain: ' || conname FROM pg_constraint WHERE "
          "conrelid = 0 AND NOT EXISTS (SELECT FROM pg_type t WHERE t.oid = contypid) UNION ALL SELECT "
          "'index ' || indexrelid::regclass FROM pg_index WHERE NOT indislive UNION ALL SELECT 'statistics "
          "object ' || "
          "stxname FROM pg_statistic_ext WHERE stxrelid = 0 UNION ALL SELECT 'partition bounds of ' || "
          "oid::regclass FROM pg_class WHERE relpartbound IS NOT NULL AND NOT relispartition"));
  return first_column(rows);
}

Wrong old_statistics(Connection& session, const TouchedTables& touched) {
  // The row of pg_class was last written when the table was loaded (REINDEX and ANALYZE write it in place),
  // and a statistic's when ANALYZE made it: a greater age is a statistic of the original values.
  YTB_ASSIGN(
      Rows rows,
      session.query(fmt::format(
          "WITH RECURSIVE up (oid, age) AS (SELECT oid, age(xmin) FROM pg_class WHERE oid IN ({}) UNION "
          "SELECT "
          "i.inhparent, up.age FROM up JOIN pg_inherits i ON i.inhrelid = up.oid), young (oid, age) AS "
          "(SELECT "
          "oid, min(age) FROM up GROUP BY oid), with_indexes (oid, age) AS (SELECT oid, age FROM young UNION "
          "SELECT i.indexrelid, y.age FROM young y JOIN pg_index i ON i.indrelid = y.oid) SELECT DISTINCT "
          "s.starelid::regclass::text FROM pg_statistic s JOIN with_indexes w ON w.oid = s.starelid WHERE "
          "age(s.xmin) > w.age UNION SELECT DISTINCT s.starelid::regclass::text || ' (foreign)' FROM "
          "pg_statistic "
          "s JOIN pg_class c ON c.oid = s.starelid WHERE c.relkind = 'f' UNION SELECT e.stxname::text FROM "
          "pg_statistic_ext e JOIN pg_statistic_ext_data d ON d.stxoid = e.oid JOIN young y ON y.oid = "
          "e.stxrelid WHERE age(d.xmin) > y.age",
          list_of(touched.oids))));
  return first_column(rows);
}

Result<std::string> youngest_load(Connection& session, const TouchedTables& touched) {
  return session.value(fmt::format(
      "SELECT coalesce((SELECT xmin::text FROM pg_class WHERE oid IN ({}) ORDER BY age(xmin) LIMIT 1), '')",
      list_of(touched.oids)));
}

Wrong old_views(Connection& session, const std::string& load) {
  if (load.empty()) return std::vector<std::string>{};
  YTB_ASSIGN(Rows rows, session.query("SELECT v.oid::regclass FROM pg_class v WHERE v.relkind = 'm' AND "
                                      "v.relispopulated AND age(v.xmin) > age($1::xid)",
                                      {load}));
  return first_column(rows);
}

Wrong rows_left(Connection& session) {
  std::vector<std::string> wrong;
  YTB_ASSIGN(Rows tables,
             session.query("SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = "
                           "c.relnamespace WHERE c.relkind = 'r' AND c.oid >= 16384 AND c.relpersistence "
                           "<> 't' AND n.nspname <> 'yesterdaytabase_progress'"));
  for (int row = 0; row < tables.count(); ++row) {
    std::string name = session.qualified(tables.at(row, 0), tables.at(row, 1));
    YTB_ASSIGN(Rows any, session.query(fmt::format("SELECT FROM ONLY {} LIMIT 1", name)));
    if (!any.empty()) wrong.push_back(printable(name) + " has rows");
  }
  YTB_ASSIGN(Rows rest,
             session.query("SELECT 'materialized view ' || oid::regclass FROM pg_class WHERE relkind = 'm' "
                           "AND relispopulated LIMIT 10"));
  for (const std::string& found : first_column(rest)) wrong.push_back(found);
  return wrong;
}

}  // namespace ytb::postgres
