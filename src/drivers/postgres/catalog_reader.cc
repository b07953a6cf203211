#include "drivers/postgres/catalog_reader.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <unordered_map>

#include "base/text.h"
#include "config/expression_text.h"
#include "drivers/postgres/definition_reader.h"
#include "masking/names.h"
#include "masking/types.h"

namespace ytb::postgres {
namespace {

using masking::Column;
using masking::RelationKind;
using masking::Table;

constexpr int64_t kFirstUserOid = 16384;  // FirstNormalObjectId (transam.h)
constexpr int kDomainDepthMax = 32;
constexpr int kVarHeader = 4;  // VARHDRSZ, part of varchar's and numeric's typmod

struct Type {
  std::string name;
  char kind = 'b';
  bool is_array = false;
  int64_t element = 0;
  int64_t base = 0;
  int32_t base_modifier = -1;
  bool binary = false;
  bool not_null = false;
};

struct Reader {
  Connection& session;
  bool in_copy = false;
  std::vector<Table> tables;
  std::unordered_map<int64_t, size_t> by_oid;
  std::unordered_map<int64_t, Type> types;
  std::unordered_map<int64_t, std::vector<std::string>> labels;
  std::unordered_map<int64_t, std::vector<masking::Check>> domain_checks;

  Table* find(int64_t oid) {
    auto found = by_oid.find(oid);
    return found == by_oid.end() ? nullptr : &tables[found->second];
  }
  Status read_relations();
  Status read_types();
  Status read_columns();
  Status read_keys();
  Status read_domain_checks();
  Status read_checks();
  Status read_computed();
  Status read_exclusions();
  Result<Rows> query_expressions(std::string_view sql);
  Status read_inheritance();
  Status read_partition_keys();
  bool has_binary_io(int64_t oid, int depth) const;
  bool is_xml(int64_t type) const;  // or a domain over it
  void describe_type(Column& column, int64_t type, int32_t modifier) const;
};

// Of libc alone: what ICU knows comes with the server.
constexpr std::string_view kLocales = R"sql(
  SELECT DISTINCT name
  FROM (
    SELECT unnest(ARRAY[datcollate, datctype]) FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT unnest(ARRAY[co.collcollate, co.collctype])
    FROM pg_collation co
    WHERE co.collprovider = 'c' AND co.oid IN (
      SELECT a.attcollation
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm', 'i') AND c.relpersistence <> 't')
  ) used (name)
  WHERE name IS NOT NULL
  ORDER BY 1)sql";

// What "user relation" means in every query here: tables in any schema, temporary ones of dead sessions
// apart.
std::string user_relations(bool in_copy) {
  return fmt::format("c.relkind IN ('r', 'p', 'f', 'm') AND c.relpersistence <> 't' AND c.oid >= {}{}",
                     kFirstUserOid,
                     in_copy ? fmt::format(" AND n.nspname <> '{}'", kProgressSchema) : std::string());
}

Status Reader::read_relations() {
  // relpages costs no lock on production; in a copy it may never have been counted.
  std::string size = in_copy ? "CASE WHEN c.relkind IN ('r', 'm') THEN pg_table_size(c.oid) ELSE 0 END"
                             : "(greatest(c.relpages, 0)::int8 + coalesce(greatest(t.relpages, 0), 0)) * "
                               "current_setting('block_size')::int8";
  YTB_ASSIGN(Rows rows,
             session.query(fmt::format(
                 "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.reltuples::int8, {}, "
                 "c.relrowsecurity FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN "
                 "pg_class t ON "
                 "t.oid = c.reltoastrelid WHERE {} ORDER BY n.nspname, c.relname",
                 size, user_relations(in_copy))));
  for (int row = 0; row < rows.count(); ++row) {
    Table table;
    table.name = {rows.text(row, 1), rows.text(row, 2)};
    char kind = rows.at(row, 3)[0];
    table.kind = kind == 'p'   ? RelationKind::kPartitioned
                 : kind == 'f' ? RelationKind::kForeignTable
                 : kind == 'm' ? RelationKind::kMaterializedView
                               : RelationKind::kTable;
    table.unlogged = rows.at(row, 4) == "u";
    table.rows_estimate = rows.integer(row, 5);
    table.size_bytes = static_cast<uint64_t>(rows.integer(row, 6));
    table.row_security = rows.truth(row, 7);
    by_oid[rows.integer(row, 0)] = tables.size();
    tables.push_back(std::move(table));
  }
  return {};
}

Status Reader::read_types() {
  YTB_ASSIGN(
      Rows rows,
      session.query("SELECT t.oid, t.typname, t.typtype, t.typcategory = 'A', t.typelem, t.typbasetype, "
                    "t.typtypmod, s.oid IS NOT NULL AND r.oid IS NOT NULL, t.typnotnull FROM pg_type t "
                    // Not in C (13) nor internal (12) it would be code of production's, run by reading.
                    "LEFT JOIN pg_proc s ON s.oid = t.typsend AND s.prolang IN (12, 13) "
                    "LEFT JOIN pg_proc r ON r.oid = t.typreceive AND r.prolang IN (12, 13)"));
  for (int row = 0; row < rows.count(); ++row) {
    types[rows.integer(row, 0)] = Type{.name = rows.text(row, 1),
                                       .kind = rows.at(row, 2)[0],
                                       .is_array = rows.truth(row, 3),
                                       .element = rows.integer(row, 4),
                                       .base = rows.integer(row, 5),
                                       .base_modifier = static_cast<int32_t>(rows.integer(row, 6)),
                                       .binary = rows.truth(row, 7),
                                       .not_null = rows.truth(row, 8)};
  }
  YTB_ASSIGN(Rows enums,
             session.query("SELECT enumtypid, enumlabel FROM pg_enum ORDER BY enumtypid, enumsortorder"));
  for (int row = 0; row < enums.count(); ++row) labels[enums.integer(row, 0)].push_back(enums.text(row, 1));
  return {};
}

// Composite types and a user's own ranges are asked for in text: what lies within them may lack a binary
// form, and text always works.
bool Reader::has_binary_io(int64_t oid, int depth) const {
  auto found = types.find(oid);
  if (found == types.end() || depth > kDomainDepthMax) return false;
  const Type& type = found->second;
  if (type.kind == 'd') return has_binary_io(type.base, depth + 1);
  if (type.kind == 'c' || type.kind == 'p') return false;
  if ((type.kind == 'r' || type.kind == 'm') && oid >= kFirstUserOid) return false;
  if (type.is_array && type.element != 0) return type.binary && has_binary_io(type.element, depth + 1);
  return type.binary;
}

bool Reader::is_xml(int64_t type) const {
  constexpr int64_t kXml = 142;  // pg_type.dat
  for (int depth = 0; depth < kDomainDepthMax && type != kXml; ++depth) {
    auto found = types.find(type);
    if (found == types.end() || found->second.kind != 'd') return false;
    type = found->second.base;
  }
  return type == kXml;
}

void Reader::describe_type(Column& column, int64_t type, int32_t modifier) const {
  column.has_binary_io = has_binary_io(type, 0);
  const Type* now = nullptr;
  for (int depth = 0; depth < kDomainDepthMax; ++depth) {
    auto found = types.find(type);
    if (found == types.end()) return;
    now = &found->second;
    column.not_null = column.not_null || now->not_null;
    if (now->kind != 'd') break;
    if (auto checks = domain_checks.find(type); checks != domain_checks.end()) {
      column.domain_checks.insert(column.domain_checks.end(), checks->second.begin(), checks->second.end());
    }
    if (now->base_modifier >= 0) modifier = now->base_modifier;
    type = now->base;
  }
  if (now == nullptr) return;
  column.base_type = now->name;
  // xml_out leaves out most of a declaration ("<?xml …?>"), and xml_recv converts from the encoding in it.
  // The value is the text that xml_in took.
  if (is_xml(type)) column.read_as = "text";
  if (now->is_array && is_xml(now->element)) column.read_as = "text[]";
  if (!column.read_as.empty()) column.has_binary_io = false;
  column.type_class =
      masking::classify_type({.typname = now->name, .typtype = now->kind, .is_array = now->is_array});
  column.blank_padded = now->name == "bpchar";
  column.case_insensitive = column.case_insensitive || now->name == "citext";
  if (auto found = labels.find(type); found != labels.end()) column.enum_labels = found->second;
  if (modifier < kVarHeader) return;
  if (now->name == "varchar" || now->name == "bpchar") column.length_max = modifier - kVarHeader;
  if (now->name == "numeric") {
    column.precision = ((modifier - kVarHeader) >> 16) & 0xffff;
    // Eleven bits, signed since 15 (numeric.c, numeric_typmod_scale).
    column.scale = (((modifier - kVarHeader) & 0x7ff) ^ 1024) - 1024;
  }
}

Status Reader::read_columns() {
  // While a copy is being masked, columns that run code look like others (suspension.h).
  std::string suspended = "false";
  if (in_copy) {
    YTB_ASSIGN(std::string any,
               session.value(fmt::format("SELECT to_regclass('{}.generated') IS NOT NULL", kProgressSchema)));
    if (any == "t") {
      suspended = fmt::format(
          "EXISTS (SELECT FROM {}.generated g WHERE g.relation = a.attrelid AND g.number = a.attnum)",
          kProgressSchema);
    }
  }
  YTB_ASSIGN(
      Rows rows,
      session.query(fmt::format(
          "SELECT a.attrelid, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), a.atttypid, "
          "a.atttypmod, "
          "a.attnotnull, a.attgenerated <> '' OR {}, a.attidentity <> '', a.attisdropped, d.description, "
          "NOT coalesce(co.collisdeterministic, true), s.sequence FROM pg_attribute a "
          "JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
          "LEFT JOIN pg_description d ON d.classoid = 'pg_class'::regclass AND d.objoid = a.attrelid "
          "AND d.objsubid = "
          "a.attnum LEFT JOIN pg_collation co ON co.oid = a.attcollation "
          "LEFT JOIN (SELECT dep.refobjid, dep.refobjsubid, min(format('%I.%I', sn.nspname, "
          "sc.relname)) AS sequence "
          "FROM pg_depend dep JOIN pg_class sc ON sc.oid = dep.objid AND sc.relkind = 'S' JOIN "
          "pg_namespace sn ON "
          "sn.oid = sc.relnamespace WHERE dep.classid = 'pg_class'::regclass AND dep.refclassid = "
          "'pg_class'::regclass AND dep.deptype IN ('a', 'i') GROUP BY 1, 2) s ON s.refobjid = "
          "a.attrelid AND "
          "s.refobjsubid = a.attnum WHERE a.attnum > 0 AND {} ORDER BY a.attrelid, a.attnum",
          suspended, user_relations(in_copy))));
  for (int row = 0; row < rows.count(); ++row) {
    Table* table = find(rows.integer(row, 0));
    if (table == nullptr) continue;  // made since the first query
    if (rows.truth(row, 9)) {
      table->dropped_columns.push_back(rows.text(row, 1));
      continue;
    }
    Column column;
    column.name = rows.text(row, 1);
    column.number = static_cast<int>(rows.integer(row, 2));
    column.type = rows.text(row, 3);
    column.not_null = rows.truth(row, 6);
    column.generated = rows.truth(row, 7);
    column.identity = rows.truth(row, 8);
    column.comment = rows.text(row, 10);
    column.case_insensitive = rows.truth(row, 11);
    column.sequence = rows.text(row, 12);
    describe_type(column, rows.integer(row, 4), static_cast<int32_t>(rows.integer(row, 5)));
    table->columns.push_back(std::move(column));
  }
  return {};
}

Status Reader::read_keys() {
  YTB_ASSIGN(
      Rows indexes,
      session.query(
          "SELECT i.indrelid, c.relname, i.indisunique, i.indisprimary, i.indpred IS NOT NULL OR "
          "i.indexprs IS NOT NULL, (SELECT json_agg(a.attname ORDER BY k.place) FROM "
          "unnest(i.indkey) WITH ORDINALITY AS k (number, place) JOIN pg_attribute a ON a.attrelid = "
          "i.indrelid AND a.attnum = k.number WHERE k.place <= i.indnkeyatts), "
          // What an expression uses is recorded as a dependency; a predicate's columns are among them.
          "CASE WHEN i.indexprs IS NOT NULL THEN (SELECT json_agg(DISTINCT a.attname) FROM pg_depend d "
          "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid WHERE d.classid = "
          "'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid AND d.refclassid = "
          "'pg_catalog.pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid > 0 AND "
          "a.attnum <> ALL (i.indkey)) END, "
          // The attribute is there from version 15 on.
          "COALESCE((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) "
          "FROM pg_index i JOIN "
          "pg_class c ON c.oid = i.indexrelid ORDER BY i.indrelid, c.relname"));
  for (int row = 0; row < indexes.count(); ++row) {
    Table* table = find(indexes.integer(row, 0));
    if (table == nullptr) continue;
    table->indexes.push_back({.name = indexes.text(row, 1),
                              .columns = json_strings(indexes.at(row, 5)),
                              .unique = indexes.truth(row, 2),
                              .primary = indexes.truth(row, 3),
                              .partial_or_expression = indexes.truth(row, 4),
                              .expression_columns = json_strings(indexes.at(row, 6)),
                              .nulls_not_distinct = indexes.truth(row, 7)});
  }
  auto names = [](std::string_view relation, std::string_view numbers) {
    return fmt::format(
        "(SELECT json_agg(a.attname ORDER BY k.place) FROM unnest(k0.{}) WITH ORDINALITY AS k (number, "
        "place) JOIN pg_attribute a ON a.attrelid = k0.{} AND a.attnum = k.number)",
        numbers, relation);
  };
  YTB_ASSIGN(Rows keys,
             session.query(fmt::format(
                 "SELECT k0.conrelid, k0.conname, {}, n.nspname, c.relname, {} FROM pg_constraint k0 JOIN "
                 "pg_class c ON c.oid = k0.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
                 "k0.contype = 'f' ORDER BY k0.conrelid, k0.conname",
                 names("conrelid", "conkey"), names("confrelid", "confkey"))));
  for (int row = 0; row < keys.count(); ++row) {
    Table* table = find(keys.integer(row, 0));
    if (table == nullptr) continue;
    table->foreign_keys.push_back({.name = keys.text(row, 1),
                                   .columns = json_strings(keys.at(row, 2)),
                                   .references = {keys.text(row, 3), keys.text(row, 4)},
                                   .referenced_columns = json_strings(keys.at(row, 5))});
  }
  return {};
}

// `sql` with {0} in place of an expression's text: NULL where it is too long to be judged. An expression may
// nest deeper than the server can write in one piece; then no text is read at all, and nothing is judged.
Result<Rows> Reader::query_expressions(std::string_view sql) {
  constexpr int kTextBytesMax = 32768;
  // Strings of a user's own type are written by its output function.
  YTB_TRY(session.execute("SAVEPOINT expressions"));
  Result<Rows> rows = session.query(fmt::format(
      fmt::runtime(sql), fmt::format("CASE WHEN octet_length(e.text) <= {} THEN e.text END", kTextBytesMax),
      "pg_get_expr"));
  YTB_TRY(session.execute(rows.ok() ? "RELEASE expressions" : "ROLLBACK TO expressions"));
  if (rows.ok()) return rows;
  return session.query(fmt::format(fmt::runtime(sql), "NULL", "concat"));
}

// Those that hold for every row: not the NOT VALID ones, nor, from 18 on, the NOT ENFORCED.
Status Reader::read_domain_checks() {
  YTB_ASSIGN(Rows rows, query_expressions(R"sql(
    SELECT k.contypid, k.conname, n.nspname, t.typname, {0}
    FROM pg_constraint k
      JOIN pg_type t ON t.oid = k.contypid
      JOIN pg_namespace n ON n.oid = t.typnamespace
      CROSS JOIN LATERAL (SELECT {1}(k.conbin, 0::oid) AS text) e
    WHERE k.contype = 'c' AND k.convalidated AND t.oid >= 16384
    ORDER BY k.contypid, k.conname)sql"));
  for (int row = 0; row < rows.count(); ++row) {
    domain_checks[rows.integer(row, 0)].push_back(
        {.name = fmt::format("CHECK constraint {} of domain {}",
                             printable(masking::quote_name(rows.text(row, 1))),
                             printable(masking::to_string({rows.text(row, 2), rows.text(row, 3)}))),
         .condition = config::parse_expression(rows.at(row, 4), true),
         .columns = {},
         .constraint = rows.text(row, 1)});
  }
  return {};
}

Status Reader::read_checks() {
  YTB_ASSIGN(Rows rows, query_expressions(R"sql(
    SELECT k.conrelid, k.conname, {0},
      (SELECT json_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))
    FROM pg_constraint k CROSS JOIN LATERAL (SELECT {1}(k.conbin, k.conrelid) AS text) e
    WHERE k.contype = 'c' AND k.convalidated AND k.conrelid >= 16384
    ORDER BY k.conrelid, k.conname)sql"));
  for (int row = 0; row < rows.count(); ++row) {
    Table* table = find(rows.integer(row, 0));
    if (table == nullptr) continue;
    table->checks.push_back(
        {.name = "CHECK constraint " + printable(masking::quote_name(rows.text(row, 1))),
         .condition = config::parse_expression(rows.at(row, 2), false),
         .columns = rows.is_null(row, 3) ? std::vector<std::string>() : json_strings(rows.at(row, 3)),
         .constraint = rows.text(row, 1)});
  }
  return {};
}

// What generated columns are computed from.
Status Reader::read_computed() {
  YTB_ASSIGN(Rows rows, query_expressions(R"sql(
    SELECT d.adrelid, d.adnum, {0}
    FROM pg_attrdef d
      JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum AND a.attgenerated <> ''
      CROSS JOIN LATERAL (SELECT {1}(d.adbin, d.adrelid) AS text) e
    WHERE d.adrelid >= 16384)sql"));
  for (int row = 0; row < rows.count(); ++row) {
    Table* table = find(rows.integer(row, 0));
    if (table == nullptr) continue;
    for (Column& column : table->columns) {
      if (column.number != rows.integer(row, 1)) continue;
      column.computed_from = config::parse_expression(rows.at(row, 2), false);
    }
  }
  return {};
}

// An element that is an expression has the number 0; its columns are among the index's dependencies.
Status Reader::read_exclusions() {
  YTB_ASSIGN(Rows rows, session.query(R"sql(
    SELECT k.conrelid, k.conname, o.oprname, a.attname,
      CASE WHEN a.attname IS NULL THEN (
        SELECT json_agg(DISTINCT used.attname)
        FROM pg_depend d JOIN pg_attribute used ON used.attrelid = k.conrelid AND used.attnum = d.refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refclassid = 'pg_class'::regclass
          AND d.refobjid = k.conrelid AND d.refobjsubid > 0 AND used.attnum <> ALL (i.indkey)) END
    FROM pg_constraint k
      JOIN pg_index i ON i.indexrelid = k.conindid
      CROSS JOIN LATERAL unnest(k.conexclop) WITH ORDINALITY AS e (operation, place)
      LEFT JOIN pg_operator o ON o.oid = e.operation
      LEFT JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = i.indkey[e.place - 1] AND a.attnum > 0
    WHERE k.contype = 'x' AND k.conrelid >= 16384
    ORDER BY k.conrelid, k.conname, e.place)sql"));
  for (int row = 0; row < rows.count(); ++row) {
    Table* table = find(rows.integer(row, 0));
    if (table == nullptr) continue;
    if (table->exclusions.empty() || table->exclusions.back().name != rows.at(row, 1)) {
      table->exclusions.push_back({.name = rows.text(row, 1), .elements = {}});
    }
    const bool expression = rows.is_null(row, 3);
    std::vector<std::string> columns;
    if (!expression) columns.push_back(rows.text(row, 3));
    if (expression && !rows.is_null(row, 4)) columns = json_strings(rows.at(row, 4));
    table->exclusions.back().elements.push_back(
        {.columns = std::move(columns), .expression = expression, .operation = rows.text(row, 2)});
  }
  return {};
}

Status Reader::read_inheritance() {
  YTB_ASSIGN(Rows rows,
             session.query("SELECT i.inhrelid, i.inhparent, c.relispartition FROM pg_inherits i JOIN "
                           "pg_class c ON c.oid = i.inhrelid ORDER BY i.inhrelid, i.inhseqno"));
  for (int row = 0; row < rows.count(); ++row) {
    Table* child = find(rows.integer(row, 0));
    Table* parent = find(rows.integer(row, 1));
    if (child == nullptr || parent == nullptr) continue;
    if (rows.truth(row, 2)) {
      child->partition_of = parent->name;
    } else {
      child->inherits.push_back(parent->name);
    }
  }
  return {};
}

// Columns in a partition key, plain or within an expression, of the parent and by name of all below it.
Status Reader::read_partition_keys() {
  YTB_ASSIGN(
      Rows rows,
      session.query(
          "WITH RECURSIVE below (top, relation) AS (SELECT partrelid, partrelid FROM pg_partitioned_table "
          "UNION "
          "ALL SELECT b.top, i.inhrelid FROM below b JOIN pg_inherits i ON i.inhparent = b.relation), keys "
          "AS "
          "(SELECT p.partrelid, a.attname FROM pg_partitioned_table p JOIN pg_attribute a ON a.attrelid = "
          "p.partrelid AND a.attnum > 0 WHERE a.attnum = ANY (p.partattrs) OR EXISTS (SELECT FROM pg_depend "
          "d "
          "WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.objid = "
          "p.partrelid AND d.refobjid = p.partrelid AND (d.refobjsubid = a.attnum OR d.objsubid = "
          "a.attnum))) "
          "SELECT DISTINCT b.relation, k.attname FROM below b JOIN keys k ON k.partrelid = b.top"));
  for (int row = 0; row < rows.count(); ++row) {
    Table* table = find(rows.integer(row, 0));
    if (table == nullptr) continue;
    for (Column& column : table->columns) {
      if (column.name == rows.at(row, 1)) column.in_partition_key = true;
    }
  }
  return {};
}

}  // namespace

Result<masking::Database> read_database(Connection& session, const std::string& name, bool in_copy) {
  masking::Database database;
  database.name = name;
  database.encoding = session.server_encoding();
  Reader reader{.session = session,
                .in_copy = in_copy,
                .tables = {},
                .by_oid = {},
                .types = {},
                .labels = {},
                .domain_checks = {}};
  YTB_TRY(session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  auto read = [&]() -> Status {
    YTB_TRY(reader.read_relations());
    YTB_TRY(reader.read_types());
    YTB_TRY(reader.read_domain_checks());
    YTB_TRY(reader.read_columns());
    YTB_TRY(reader.read_computed());
    YTB_TRY(reader.read_checks());
    YTB_TRY(reader.read_exclusions());
    YTB_TRY(reader.read_keys());
    YTB_TRY(reader.read_inheritance());
    YTB_TRY(reader.read_partition_keys());
    YTB_ASSIGN(Rows facts,
               session.query("SELECT (SELECT count(*) FROM pg_largeobject_metadata), datistemplate, "
                             "datallowconn FROM pg_database WHERE datname = current_database()"));
    if (facts.empty()) return {};
    YTB_ASSIGN(Rows locales, session.query(kLocales));
    for (int row = 0; row < locales.count(); ++row) database.locales.push_back(locales.text(row, 0));
    database.large_objects = static_cast<uint64_t>(facts.integer(0, 0));
    database.is_template = facts.truth(0, 1);
    database.allows_connections = facts.truth(0, 2);
    return {};
  };
  Status done = read();
  session.roll_back();
  if (!done.ok()) {
    return std::move(done).error().while_doing("reading the catalog of database '" + printable(name) + "'");
  }
  database.definitions = read_telling_definitions(session);
  for (const Table& table : reader.tables) database.size_bytes += table.size_bytes;
  database.tables = std::move(reader.tables);
  return database;
}

}  // namespace ytb::postgres
