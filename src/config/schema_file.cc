// parse_schema(): a schema dump as a catalog, read with PostgreSQL's own grammar.
#include <fmt/format.h>
#include <pg_query.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "config/config.h"
#include "config/diagnostics.h"
#include "config/newer_syntax.h"
#include "config/parse_tree.h"
#include "config/schema_builder.h"

namespace ytb::config {
namespace {

constexpr size_t kSchemaSizeMax = 64 << 20;
constexpr size_t kStatementSizeMax = 4 << 20;
constexpr int kParseTreeDepthMax = 1000;

struct FreeSplit {
  void operator()(PgQuerySplitResult* result) const {
    pg_query_free_split_result(*result);
    delete result;
  }
};

// Lines for psql (\connect, \restrict) and the data of COPY … FROM stdin are not SQL: blanked, so that places
// in the file stay as they are.
std::string sql_only(std::string_view text) {
  std::string sql(text);
  bool in_data = false;
  for (size_t start = 0; start < sql.size();) {
    const size_t end = std::min(sql.find('\n', start), sql.size());
    const std::string_view line = std::string_view(text).substr(start, end - start);
    const bool ends_data = in_data && trim(line) == "\\.";
    if (in_data || line.substr(0, 1) == "\\") {
      std::fill(sql.begin() + static_cast<std::ptrdiff_t>(start),
                sql.begin() + static_cast<std::ptrdiff_t>(end), ' ');
    } else if (line.substr(0, 5) == "COPY " && trim(line).size() > 11 &&
               to_lower_ascii(trim(line)).find(" from stdin") != std::string::npos) {
      in_data = true;
    }
    if (ends_data) in_data = false;
    start = end + 1;
  }
  return sql;
}

// The first words of a statement in capitals, without comments: "CREATE UNIQUE INDEX".
std::string first_words(std::string_view statement, size_t words_max, size_t& begins_at) {
  std::string words;
  size_t count = 0;
  size_t at = 0;
  bool begun = false;
  begins_at = 0;
  while (at < statement.size() && count < words_max) {
    const char c = statement[at];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v') {
      ++at;
    } else if (statement.substr(at, 2) == "--") {
      at = std::min(statement.find('\n', at), statement.size());
    } else if (statement.substr(at, 2) == "/*") {
      const size_t end = statement.find("*/", at + 2);  // nested ones only cost us a word
      at = end == std::string_view::npos ? statement.size() : end + 2;
    } else {
      const size_t start = at;
      auto is_letter = [&](char x) { return (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || x == '_'; };
      while (at < statement.size() && is_letter(statement[at])) ++at;
      if (at == start) break;
      if (!begun) begins_at = start;
      begun = true;
      for (char letter : statement.substr(start, at - start)) {
        words += static_cast<char>(letter >= 'a' && letter <= 'z' ? letter - 'a' + 'A' : letter);
      }
      words += ' ';
      ++count;
    }
  }
  return words;
}

// Statements that can shape a table. All others (functions, views, grants, and what newer versions bring) are
// not even parsed.
bool is_relevant(std::string_view words) {
  for (std::string_view start : {"CREATE TABLE ",
                                 "CREATE UNLOGGED TABLE ",
                                 "CREATE FOREIGN TABLE ",
                                 "CREATE INDEX ",
                                 "CREATE UNIQUE INDEX ",
                                 "CREATE TYPE ",
                                 "CREATE DOMAIN ",
                                 "CREATE COLLATION ",
                                 "CREATE SEQUENCE ",
                                 "CREATE MATERIALIZED VIEW ",
                                 "CREATE TEMP ",
                                 "CREATE TEMPORARY ",
                                 "CREATE LOCAL ",
                                 "CREATE GLOBAL ",
                                 "ALTER TABLE ",
                                 "ALTER FOREIGN TABLE ",
                                 "ALTER SEQUENCE ",
                                 "COMMENT ON COLUMN ",
                                 "DROP TABLE ",
                                 "DROP MATERIALIZED VIEW ",
                                 "DROP FOREIGN TABLE ",
                                 "SELECT ",
                                 "WITH "}) {
    if (words.substr(0, start.size()) == start) return true;
  }
  return false;
}

Mark mark_at(std::string_view text, size_t offset) {
  offset = std::min(offset, text.size());
  const std::string_view before = text.substr(0, offset);
  const size_t newline = before.rfind('\n');
  return {.line = static_cast<size_t>(std::count(before.begin(), before.end(), '\n')),
          .column = newline == std::string_view::npos ? offset : offset - newline - 1};
}

class SchemaReader {
 public:
  SchemaReader(std::string_view text, Diagnostics& diagnostics)
      : text_(text), sql_(sql_only(text)), diagnostics_(diagnostics) {}

  // False: errors were added.
  bool read(SchemaBuilder& builder) {
    std::unique_ptr<PgQuerySplitResult, FreeSplit> split(
        new PgQuerySplitResult(pg_query_split_with_scanner(sql_.c_str())));
    if (split->error != nullptr) {
      const auto at = static_cast<size_t>(std::max(split->error->cursorpos - 1, 0));
      diagnostics_.add(mark_at(text_, at), fmt::format("not SQL: {}", printable(split->error->message)));
      return false;
    }
    size_t end = 0;
    for (int i = 0; i < split->n_stmts; ++i) {
      const PgQuerySplitStmt& statement = *split->stmts[i];
      const auto offset = static_cast<size_t>(std::max(statement.stmt_location, 0));
      const auto length = static_cast<size_t>(std::max(statement.stmt_len, 0));
      if (offset < sql_.size()) read_statement(offset, length, builder);
      end = std::max(end, std::min(offset + length, sql_.size()));
    }
    // The splitter leaves out what never ends, such as an open parenthesis; left out it would be unjudged.
    end = std::min(sql_.find_first_not_of("; \t\r\n", end), sql_.size());
    if (end < sql_.size()) read_statement(end, sql_.size() - end, builder);
    return diagnostics_.ok();
  }

 private:
  void read_statement(size_t offset, size_t length, SchemaBuilder& builder) {
    constexpr size_t kWordsMax = 3;
    size_t begins_at = 0;
    const std::string statement = sql_.substr(offset, length);
    const std::string words = first_words(statement, kWordsMax, begins_at);
    if (!is_relevant(words)) return;
    const bool query = words.rfind("SELECT", 0) == 0 || words.rfind("WITH", 0) == 0;
    auto fail = [&](size_t at, std::string message) {
      diagnostics_.add(mark_at(text_, offset + at), std::move(message));
    };
    if (length > kStatementSizeMax) {
      if (!query) fail(begins_at, "a statement longer than " + human_bytes(kStatementSizeMax));
      return;
    }
    std::unique_ptr<PgQueryParseResult, FreeParse> parsed(
        new PgQueryParseResult(pg_query_parse(statement.c_str())));
    if (parsed->error != nullptr) {
      if (query) return;
      std::unique_ptr<PgQueryParseResult, FreeParse> again(
          new PgQueryParseResult(pg_query_parse(in_older_syntax(statement).c_str())));
      if (again->error == nullptr) parsed = std::move(again);
    }
    if (parsed->error != nullptr) {
      // The position counts characters of the statement; ASCII before it is the rule in dumps.
      const size_t at = static_cast<size_t>(std::max(parsed->error->cursorpos - 1, 0));
      fail(at, fmt::format("cannot read this statement: {}", printable(parsed->error->message)));
      return;
    }
    const nlohmann::json tree = read_tree(parsed->parse_tree);
    if (!tree.is_object() || !tree.contains("stmts")) {
      fail(begins_at, "cannot read this statement: nested too deep");
      return;
    }
    for (const nlohmann::json& each : tree["stmts"]) {
      const nlohmann::json node = each.value("stmt", nlohmann::json::object());
      if (query && !is_select_into(node)) continue;
      if (query) {
        fail(begins_at, "SELECT … INTO does not say its columns");
        continue;
      }
      // The library's exceptions end here: a tree of another shape than expected.
      try {
        if (Status status = builder.apply(node); !status.ok()) {
          fail(begins_at, status.error().message);
          diagnostics_.hint(status.error().hint);
        }
      } catch (const nlohmann::json::exception&) {
        fail(begins_at, "cannot read this statement: its parse tree is not as expected");
      }
    }
  }

  static bool is_select_into(const nlohmann::json& node) {
    return node.contains("SelectStmt") && node["SelectStmt"].contains("intoClause");
  }

  // Bounded in depth: expressions can nest without end.
  static nlohmann::json read_tree(const char* text) {
    nlohmann::json tree = parse_json(text, kParseTreeDepthMax);
    return tree.is_discarded() ? nlohmann::json() : tree;
  }

  std::string_view text_;
  std::string sql_;
  Diagnostics& diagnostics_;
};

}  // namespace

Result<masking::Catalog> parse_schema(std::string_view sql, std::string_view file,
                                      std::string_view database) {
  YTB_TRY(check_text(sql, file, kSchemaSizeMax, Code::kPolicy));
  Diagnostics diagnostics(sql, file);
  diagnostics.hint(
      sql.find("-- PostgreSQL database dump") == std::string_view::npos
          ? "make it with pg_dump --schema-only"
          : "dumps of PostgreSQL 13 to 18 are read; of a newer version, or to go on at once, judge "
            "production itself: leave --schema out");
  SchemaBuilder builder;
  if (!SchemaReader(sql, diagnostics).read(builder)) return diagnostics.error(Code::kPolicy);
  masking::Database only;
  only.name = database;
  only.tables = builder.take();
  masking::Catalog catalog;
  catalog.provenance = file;
  catalog.databases.push_back(std::move(only));
  return catalog;
}

}  // namespace ytb::config
