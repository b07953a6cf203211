#include "drivers/postgres/unjudged.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/text.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"
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
          WHEN c.relkind NOT IN ('r', 'i', 'S', 't', 'v', 'm', 'c', 'f', 'p', 'I') THEN 'a relation of no known kind:'
          WHEN c.relpersistence NOT IN ('p', 'u', 't')
            OR c.relpersistence = 't' AND n.nspname !~ '^pg_(toast_)?temp_[0-9]+$'
            THEN 'what only seems to be temporary:'
          WHEN n.nspname ~ '^pg_toast' AND c.relkind NOT IN ('t', 'i') THEN 'a table where only TOAST belongs:'
          WHEN c.relkind = 't' AND n.nspname !~ '^pg_toast' THEN 'TOAST among tables:'
          WHEN c.relkind = 't' AND a.columns IS DISTINCT FROM 'chunk_id 26,chunk_seq 23,chunk_data 17'
            THEN 'a table that is called TOAST:'
          WHEN c.relkind = 't' AND o.tables IS DISTINCT FROM 1 THEN 'TOAST of no table:'
          WHEN c.relkind = 'S' AND (a.columns IS DISTINCT FROM 'last_value 20,log_cnt 20,is_called 16'
            OR c.reltoastrelid <> 0 OR NOT EXISTS (SELECT FROM pg_sequence s WHERE s.seqrelid = c.oid)
            OR pg_relation_size(c.oid) <> current_setting('block_size')::int8)
            THEN 'a table that is called a sequence:'
          WHEN c.relkind IN ('i', 'I') AND NOT EXISTS (SELECT FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
            WHERE i.indexrelid = c.oid) THEN 'a table that is called an index:'
          WHEN c.relkind = 'm' AND (NOT EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid)
            OR NOT c.relispopulated AND pg_relation_size(c.oid) > 0) THEN 'a table that is called a view:' END
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN LATERAL (SELECT string_agg(a.attname || ' ' || a.atttypid, ',' ORDER BY a.attnum)
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0) a (columns) ON c.relkind IN ('S', 't')
        LEFT JOIN (SELECT o.reltoastrelid, count(*) FROM pg_class o WHERE o.oid >= 16384 AND o.relkind IN ('r', 'm')
          GROUP BY o.reltoastrelid) o (oid, tables) ON o.oid = c.oid
        WHERE c.oid >= 16384) u (oid, what) WHERE u.what IS NOT NULL)sql";

constexpr std::string_view kSequences = R"sql(
    SELECT encode(textsend(oid::regclass::text), 'hex') AS ytb_sequence, pg_relation_filepath(oid) AS ytb_file FROM pg_class
      WHERE relkind = 'S' AND oid >= 16384 AND relpersistence <> 't')sql";

// Whether the first page of a relation has one row.
Result<bool> is_one_row(const std::string& path) {
  constexpr size_t kLowerAt = 12;  // PageHeaderData.pd_lower: where the line pointers end
  constexpr size_t kHeaderBytes = 24;
  constexpr size_t kPointerBytes = 4;
  os::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return os::system_error("open", path, errno);
  std::string page(kPageBytes, '\0');
  YTB_ASSIGN(size_t have, os::read_at(file, page, 0, path));
  uint16_t lower = 0;
  std::memcpy(&lower, page.data() + kLowerAt, sizeof lower);
  return have == kPageBytes && lower == kHeaderBytes + kPointerBytes;
}

// The constraints of the tables' domains by their trees: a definition's text does not show all that it runs.
constexpr std::string_view kShapes = R"sql(
    SELECT encode(textsend(s.name), 'hex') AS ytb_table, encode(textsend(s.shape), 'hex') AS ytb_shape FROM (
      SELECT c.relname::text, c.relkind::text || string_agg(a.attname || ' ' || a.atttypid::regtype, ',' ORDER BY a.attnum)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.oid BETWEEN 12000 AND 16383 AND c.relkind NOT IN ('v', 't', 'i') GROUP BY c.relname, c.relkind
      UNION ALL SELECT 'domain ' || t.typname, string_agg(k.conbin::text, ' ' ORDER BY k.conname)
        FROM pg_type t JOIN pg_constraint k ON k.contypid = t.oid WHERE t.oid < 16384 GROUP BY t.typname)
      s (name, shape))sql";

// Where a node stood in its text differs between versions, and initdb counts the domains.
std::string comparable(const std::string& shape) {
  std::string out;
  for (const std::string& word : split(shape, ' ')) {
    const bool number = !word.empty() && word.find_first_not_of("0123456789-})") == std::string::npos;
    if (number && out.ends_with(":location ")) continue;
    const bool counted = number && std::strtol(word.c_str(), nullptr, 10) >= 12000 &&
                         std::strtol(word.c_str(), nullptr, 10) < 16384;
    out += (counted ? "#" : word) + " ";
  }
  return out;
}

}  // namespace

std::vector<std::string> look_for_unjudged() {
  return {fmt::format("SELECT encode(textsend(q.unjudged), 'hex') AS ytb_unjudged FROM ({}) q", kUnjudged),
          std::string(kSequences)};
}

Result<std::vector<std::string>> unjudged_in(std::string_view printed, const std::string& data) {
  std::vector<std::string> wrong;
  for (const std::string& what : printed_bytes(printed, "ytb_unjudged")) wrong.push_back(printable(what));
  const std::vector<std::string> sequences = printed_bytes(printed, "ytb_sequence");
  const std::vector<std::string> files = printed_values(printed, "ytb_file");
  for (size_t i = 0; i < std::min(sequences.size(), files.size()); ++i) {
    YTB_ASSIGN(bool one, is_one_row(os::join_path(data, files[i])));
    if (!one) wrong.push_back("a sequence of more than one row: " + printable(sequences[i]));
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
        fmt::format("SELECT encode(textsend(array_agg(t)::text), 'hex') AS ytb_rows_of_{0} FROM "
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
    out.shapes[names[i]] = comparable(shapes[i]);
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
    out.push_back(fmt::format(
        "INSERT INTO information_schema.{0} SELECT r.* FROM unnest({1}::information_schema.{0}[]) r", table,
        hex_literal(rows)));
  }
  return out;
}

}  // namespace ytb::postgres
