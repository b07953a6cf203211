#include "drivers/postgres/unjudged.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"
#include "drivers/postgres/catalog_numbers.h"
#include "drivers/postgres/heap_page.h"
#include "drivers/postgres/single_user.h"

namespace ytb::postgres {
namespace {

// information_schema.sql, the same from 13 to 18.
constexpr std::string_view kServersTables[] = {"sql_features", "sql_implementation_info", "sql_parts",
                                               "sql_sizing"};

// Columns of a sequence (sequence.c) and of TOAST (toasting.c), with the types' numbers.
constexpr std::string_view kUnjudged = R"sql(
    SELECT u.what || ' ' || u.oid::regclass::text AS unjudged FROM (
      SELECT c.oid, CASE
          WHEN n.oid IS NULL THEN 'a relation of no schema:'
          WHEN c.relkind NOT IN ('r', 'i', 'S', 't', 'v', 'm', 'c', 'f', 'p', 'I') THEN 'a relation of no known kind:'
          WHEN c.relpersistence NOT IN ('p', 'u', 't')
            OR c.relpersistence = 't' AND n.nspname !~ '^pg_(toast_)?temp_[0-9]+$'
            THEN 'what only seems to be temporary:'
          WHEN n.nspname ~ '^pg_toast' AND c.relkind NOT IN ('t', 'i') THEN 'a table where only TOAST belongs:'
          WHEN c.relkind = 't' AND n.oid <> 99 AND n.nspname !~ '^pg_toast_temp_[0-9]+$' THEN 'TOAST among tables:'
          WHEN c.relkind NOT IN ('r', 'm', 'S') AND c.reltoastrelid <> 0 THEN 'TOAST of what holds no rows:'
          WHEN c.relkind = 't' AND a.columns IS DISTINCT FROM 'chunk_id 26,chunk_seq 23,chunk_data 17'
            THEN 'a table that is called TOAST:'
          WHEN c.relkind = 't' AND o.tables IS DISTINCT FROM 1 THEN 'TOAST of no table:'
          WHEN c.relkind = 'S' AND (a.columns IS DISTINCT FROM 'last_value 20,log_cnt 20,is_called 16'
            OR c.reltoastrelid <> 0 OR NOT EXISTS (SELECT FROM pg_sequence s WHERE s.seqrelid = c.oid))
            THEN 'a table that is called a sequence:'
          WHEN c.relkind IN ('i', 'I') AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
            WHERE i.indexrelid = c.oid) THEN 'a table that is called an index:'
          WHEN c.relkind = 'm' AND NOT EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid)
            THEN 'a table that is called a view:' END
        FROM pg_class c LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN LATERAL (SELECT string_agg(format('%s %s', a.attname, a.atttypid), ',' ORDER BY a.attnum)
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0) a (columns) ON c.relkind IN ('S', 't')
        LEFT JOIN (SELECT o.reltoastrelid, count(*) FROM pg_class o WHERE o.oid >= 16384 AND o.relkind IN ('r', 'm')
          GROUP BY o.reltoastrelid) o (oid, tables) ON o.oid = c.oid
        WHERE c.oid >= 16384) u (oid, what) WHERE u.what IS NOT NULL)sql";

// By their files: to ask the server how large they are would open them, and what is not what it seems to be
// fails there. The TOAST of a view without rows holds none either.
constexpr std::string_view kFiles = R"sql(
    SELECT encode(textsend(format('%s', c.oid::regclass)), 'hex') AS ytb_name, format('%s', c.relkind) AS ytb_kind,
      format('%s', pg_relation_filepath(c.oid)) AS ytb_file FROM pg_class c
      WHERE c.oid >= 16384 AND (c.relkind = 'S' AND c.relpersistence <> 't' OR c.relkind = 'm' AND NOT c.relispopulated
        OR c.relkind = 't' AND EXISTS (SELECT FROM pg_class o WHERE o.reltoastrelid = c.oid AND o.relkind = 'm' AND
          NOT o.relispopulated)))sql";

// One page with one row.
Result<bool> is_one_row(const std::string& path, uint64_t size_bytes) {
  constexpr size_t kLowerAt = 12;  // PageHeaderData.pd_lower: where the line pointers end
  constexpr size_t kHeaderBytes = 24;
  constexpr size_t kPointerBytes = 4;
  if (size_bytes != kPageBytes) return false;
  os::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return os::system_error("open", path, errno);
  std::string page(kPageBytes, '\0');
  YTB_ASSIGN(size_t have, os::read_at(file, page, 0, path));
  uint16_t lower = 0;
  std::memcpy(&lower, page.data() + kLowerAt, sizeof lower);
  return have == kPageBytes && lower == kHeaderBytes + kPointerBytes;
}

// What a relation's file should hold by its kind: a sequence one row, a view that is not populated and its
// TOAST nothing.
Result<std::string> wrong_in_file(const std::string& kind, const std::string& name, const std::string& path) {
  YTB_ASSIGN(std::optional<os::FileInfo> info, os::info_of(path));
  if (!info || info->kind != os::FileKind::kFile) return "a relation without a file: " + printable(name);
  if (kind == "m" || kind == "t") {
    if (info->size_bytes == 0) return std::string();
    return (kind == "m" ? "a table that is called a view: " : "TOAST of a view without rows: ") +
           printable(name);
  }
  YTB_ASSIGN(bool one, is_one_row(path, info->size_bytes));
  return one ? std::string() : "a sequence of more than one row: " + printable(name);
}

// The constraints of the tables' domains by their trees: a definition's text does not show all that it runs.
constexpr std::string_view kShapes = R"sql(
    SELECT encode(textsend(s.name), 'hex') AS ytb_table, encode(textsend(s.shape), 'hex') AS ytb_shape FROM (
      SELECT format('%s.%s', n.nspname, c.relname),
          format('%s %s', c.relkind, string_agg(format('%s %s', a.attname, a.atttypid::regtype), ',' ORDER BY a.attnum))
        FROM pg_class c LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.oid BETWEEN 12000 AND 16383 AND c.relkind NOT IN ('v', 't', 'i')
        GROUP BY n.nspname, c.relname, c.relkind
      UNION ALL SELECT 'domain ' || t.typname, string_agg(k.conbin::text, ' ' ORDER BY k.conname)
        FROM pg_type t JOIN pg_constraint k ON k.contypid = t.oid WHERE t.oid < 16384 GROUP BY t.typname)
      s (name, shape))sql";

}  // namespace

std::vector<std::string> look_for_unjudged() {
  return {fmt::format("SELECT encode(textsend(q.unjudged), 'hex') AS ytb_unjudged FROM ({}) q", kUnjudged),
          std::string(kFiles)};
}

Result<std::vector<std::string>> unjudged_in(std::string_view printed, const std::string& data) {
  std::vector<std::string> wrong;
  for (const std::string& what : printed_bytes(printed, "ytb_unjudged")) wrong.push_back(printable(what));
  const std::vector<std::string> names = printed_bytes(printed, "ytb_name");
  const std::vector<std::string> kinds = printed_values(printed, "ytb_kind");
  const std::vector<std::string> files = printed_values(printed, "ytb_file");
  if (names.size() != files.size() || names.size() != kinds.size())
    return Error{.code = Code::kInternal, .message = "relations and their files do not match", .hint = {}};
  for (size_t i = 0; i < files.size(); ++i) {
    YTB_ASSIGN(std::string found, wrong_in_file(kinds[i], names[i], os::join_path(data, files[i])));
    if (!found.empty()) wrong.push_back(std::move(found));
  }
  return wrong;
}

Result<std::vector<std::string>> unjudged_left(Connection& session) {
  YTB_ASSIGN(Rows rows, session.query(kUnjudged));
  std::vector<std::string> wrong;
  for (int row = 0; row < rows.count(); ++row) wrong.push_back(printable(rows.at(row, 0)));
  return wrong;
}

std::vector<std::string> look_at_servers_tables() { return {std::string(kShapes)}; }

std::vector<std::string> read_servers_tables() {
  std::vector<std::string> out = look_at_servers_tables();
  for (std::string_view table : kServersTables) {
    out.push_back(
        fmt::format("SELECT encode(textsend(json_agg(t)::text), 'hex') AS ytb_rows_of_{0} FROM "
                    "information_schema.{0} t",
                    table));
  }
  return out;
}

ServersTables servers_tables_in(std::string_view printed) {
  ServersTables out;
  const std::vector<std::string> names = printed_bytes(printed, "ytb_table");
  const std::vector<std::string> shapes = printed_bytes(printed, "ytb_shape");
  for (size_t i = 0; i < std::min(names.size(), shapes.size()); ++i)
    out.shapes[names[i]] = tree_without_count(shapes[i], {});
  for (std::string_view table : kServersTables) {
    for (std::string& rows : printed_bytes(printed, fmt::format("ytb_rows_of_{}", table)))
      out.rows[std::string(table)] = std::move(rows);
  }
  return out;
}

std::vector<std::string> fill_servers_tables(const ServersTables& reference) {
  std::vector<std::string> out;
  for (const auto& [table, rows] : reference.rows) {
    out.push_back(fmt::format("TRUNCATE ONLY information_schema.{}", table));
    out.push_back(
        fmt::format("INSERT INTO information_schema.{0} SELECT r.* FROM "
                    "json_populate_recordset(NULL::information_schema.{0}, "
                    "{1}::json) r",
                    table, hex_literal(rows)));
  }
  return out;
}

}  // namespace ytb::postgres
