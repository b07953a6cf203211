#include "drivers/postgres/table_work.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace ytb::postgres {
namespace {

constexpr uint64_t kRangeBytes = 64ULL << 20;
constexpr uint64_t kRangePagesMin = 64;
constexpr size_t kSinkBytes = 256 << 10;  // masked rows gathered before they go to the spool

std::string column_list(Connection& session, const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(session.identifier(name));
  return join(quoted, ", ");
}

std::string reading_list(Connection& session, const masking::RowProgram& program) {
  std::vector<std::string> columns;
  for (size_t i = 0; i < program.column_count(); ++i) {
    const std::string& as = program.columns_read_as()[i];
    columns.push_back(session.identifier(program.column_names()[i]) + (as.empty() ? "" : "::" + as));
  }
  return join(columns, ", ");
}

std::string format_of(masking::Wire wire) { return wire == masking::Wire::kBinary ? "binary" : "text"; }

// Production's functions were not found under our search path.
bool needs_other_path(const std::string& state) {
  return state == "42883" || state == "42P01" || state == "42704" || state == "3F000" || state == "42703";
}

Status use_path(Connection& session, const std::string& path) {
  return session.execute("SELECT set_config('search_path', $1, false)", {path});
}

}  // namespace

Result<TableFacts> read_facts(Connection& session, const masking::QualifiedName& name) {
  YTB_ASSIGN(Rows rows,
             session.query("SELECT c.oid, pg_relation_size(c.oid) / current_setting('block_size')::int8, "
                           "pg_table_size(c.oid), c.relhastriggers, c.relispartition, c.relchecks FROM "
                           "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 "
                           "AND c.relname = $2 AND c.relkind = 'r'",
                           {name.schema, name.name}));
  if (rows.empty()) {
    return Error{.code = Code::kPolicy,
                 .message = fmt::format("the table {} of the plan is not in the copy", to_string(name)),
                 .hint = "the plan was made for another snapshot: run the refresh again"};
  }
  TableFacts facts;
  facts.oid = rows.integer(0, 0);
  facts.pages = static_cast<uint64_t>(rows.integer(0, 1));
  facts.size_bytes = static_cast<uint64_t>(rows.integer(0, 2));
  facts.has_triggers = rows.truth(0, 3);
  facts.is_partition = rows.truth(0, 4);
  facts.checks = static_cast<int>(rows.integer(0, 5));
  std::string oid = std::to_string(facts.oid);
  YTB_ASSIGN(Rows indexes,
             session.query("SELECT indexrelid, indisvalid, indisready FROM pg_index WHERE indrelid = "
                           "$1::oid AND indislive ORDER BY indexrelid",
                           {oid}));
  for (int row = 0; row < indexes.count(); ++row) {
    if (indexes.truth(row, 1)) {
      facts.valid_indexes.push_back(indexes.integer(row, 0));
    } else {
      facts.invalid_indexes.push_back(indexes.integer(row, 0));
      facts.invalid_ready.push_back(indexes.truth(row, 2));
    }
  }
  return facts;
}

std::vector<PageRange> ranges_of(const TableFacts& facts, int major) {
  if (major < 14 || facts.size_bytes <= kRangeBytes || facts.pages == 0) return {PageRange{}};
  uint64_t parts = (facts.size_bytes + kRangeBytes - 1) / kRangeBytes;
  uint64_t pages = std::max(kRangePagesMin, (facts.pages + parts - 1) / parts);
  std::vector<PageRange> ranges;
  for (uint64_t first = 0; first < facts.pages; first += pages) ranges.push_back({first, first + pages});
  ranges.back().last = 0;
  return ranges;
}

Result<masking::RowCounts> read_range(Connection& session, const masking::QualifiedName& name,
                                      PageRange range, const masking::RowProgram& program,
                                      masking::Originals* originals,
                                      const std::function<Status(std::string_view)>& sink) {
  std::string where;
  if (range.first != 0 || range.last != 0) where = fmt::format(" WHERE ctid >= '({},0)'::tid", range.first);
  if (range.last != 0) where += fmt::format(" AND ctid < '({},0)'::tid", range.last);
  YTB_TRY(session.use_server_encoding());
  std::string sql =
      fmt::format("COPY (SELECT {} FROM ONLY {}{}) TO STDOUT (FORMAT {})", reading_list(session, program),
                  session.qualified(name.schema, name.name), where, format_of(program.wire()));
  std::optional<masking::OriginalsRecorder> recorder;
  if (originals != nullptr) recorder.emplace(*originals, program.table());
  masking::CopyMasker masker(program, recorder ? &*recorder : nullptr);
  std::string out;
  out.reserve(kSinkBytes * 2);
  Status copied = session.copy_out(sql, [&](std::string_view bytes) -> Status {
    YTB_TRY(masker.feed(bytes, out));
    if (out.size() < kSinkBytes) return {};
    YTB_TRY(sink(out));
    out.clear();
    return {};
  });
  if (!copied.ok()) return std::move(copied).error();
  YTB_TRY(session.use_utf8());
  YTB_TRY(masker.finish());
  if (recorder) YTB_TRY(recorder->flush());
  if (!out.empty()) YTB_TRY(sink(out));
  return masker.counts();
}

Result<masking::KeptRows> read_kept(Connection& session, const masking::QualifiedName& name, PageRange range,
                                    const masking::RowProgram& kept) {
  YTB_ASSIGN(masking::RowCounts counts,
             read_range(session, name, range, kept, nullptr, [](std::string_view) -> Status { return {}; }));
  return counts.kept;
}

Status copy_rows(Connection& session, const masking::QualifiedName& name, const masking::RowProgram& program,
                 const std::function<Status(std::string&)>& source, uint64_t rows_expected) {
  YTB_TRY(session.use_server_encoding());
  std::string sql =
      fmt::format("COPY {} ({}) FROM STDIN (FORMAT {}, FREEZE)", session.qualified(name.schema, name.name),
                  column_list(session, program.column_names()), format_of(program.wire()));
  YTB_ASSIGN(uint64_t loaded, session.copy_in(sql, source));
  YTB_TRY(session.use_utf8());
  if (loaded == rows_expected) return {};
  return Error{
      .code = Code::kInternal,
      .message = fmt::format("{} rows of {} were read and {} loaded", rows_expected, to_string(name), loaded),
      .hint = {}};
}

namespace {

// From 18 on a column may have NULLs under a NOT NULL that is NOT VALID; what is loaded is asked for it all
// the same.
std::string require_unproven_not_null(const TableFacts& facts, bool require) {
  return fmt::format(
      "UPDATE pg_attribute SET attnotnull = {0} WHERE attrelid = {1} AND attnotnull <> {0} AND attnum IN "
      "(SELECT "
      "unnest(conkey) FROM pg_constraint WHERE conrelid = {1} AND contype = 'n' AND NOT convalidated)",
      require, facts.oid);
}

// Everything that would refuse the load or run something, set aside in the catalog for the length of the
// transaction.
Status set_aside(Connection& session, const LoadRequest& request) {
  const TableFacts& facts = request.facts;
  // Without triggers in the relation's own record, TRUNCATE asks for no foreign keys and COPY fires nothing;
  // nor are CHECKs, and the expressions of partition keys, evaluated. No key is masked: no row moves.
  YTB_TRY(session.execute(fmt::format(
      "UPDATE pg_class SET relhastriggers = false, relchecks = 0, relispartition = false WHERE oid = {}",
      facts.oid)));
  YTB_TRY(session.execute(require_unproven_not_null(facts, false)));
  YTB_TRY(session.execute(
      fmt::format("TRUNCATE ONLY {}", session.qualified(request.name.schema, request.name.name))));
  // After TRUNCATE, which makes every index of the table ready and valid.
  if (!facts.valid_indexes.empty() || !facts.invalid_indexes.empty()) {
    YTB_TRY(session.execute(fmt::format(
        "UPDATE pg_index SET indisready = false, indisvalid = false WHERE indrelid = {} AND indislive",
        facts.oid)));
  }
  // The value that ADD COLUMN … DEFAULT keeps for rows older than it: there are none any more.
  return session.execute(
      fmt::format("UPDATE pg_attribute SET atthasmissing = false, attmissingval = NULL WHERE "
                  "attrelid = {} AND atthasmissing",
                  facts.oid));
}

Status put_back(Connection& session, const LoadRequest& request) {
  const TableFacts& facts = request.facts;
  YTB_TRY(session.execute(fmt::format(
      "UPDATE pg_class SET relhastriggers = {}, relchecks = {}, relispartition = {} WHERE oid = {}",
      facts.has_triggers, facts.checks, facts.is_partition, facts.oid)));
  YTB_TRY(session.execute(require_unproven_not_null(facts, true)));
  for (size_t i = 0; i < facts.invalid_indexes.size(); ++i) {
    YTB_TRY(session.execute(
        fmt::format("UPDATE pg_index SET indisready = {}, indisvalid = false WHERE indexrelid = {}",
                    facts.invalid_ready[i] ? "true" : "false", facts.invalid_indexes[i])));
  }
  return {};
}

Status load_in_transaction(Connection& session, const LoadRequest& request) {
  const TableFacts& facts = request.facts;
  YTB_TRY(session.execute("LOCK TABLE ONLY " + session.qualified(request.name.schema, request.name.name) +
                          " IN ACCESS EXCLUSIVE MODE"));
  if (request.before_truncate) YTB_TRY(request.before_truncate(session));
  YTB_TRY(set_aside(session, request));
  YTB_ASSIGN(Filled filled, request.fill(session));
  YTB_TRY(put_back(session, request));
  YTB_TRY(record_loaded(session, facts.oid, filled.evidence, filled.kept, facts.valid_indexes));
  return session.commit();
}

}  // namespace

Status load_table(Connection& session, const LoadRequest& request) {
  YTB_TRY(session.execute("BEGIN"));
  Status loaded = load_in_transaction(session, request);
  const std::string state = session.last_state();
  session.roll_back();
  if (!loaded.ok() && session.server_encoding() != "UTF8") (void)session.use_utf8();
  if (!loaded.ok())
    return if_policy_must_change(std::move(loaded).error().while_doing("loading " + to_string(request.name)),
                                 state);
  return {};
}

Status rebuild_index(Connection& session, int64_t index) {
  YTB_ASSIGN(Rows rows,
             session.query("SELECT n.nspname, c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON "
                           "c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE "
                           "i.indexrelid = $1::oid",
                           {std::to_string(index)}));
  if (rows.empty()) {
    return Error{.code = Code::kInternal, .message = fmt::format("index {} has gone", index), .hint = {}};
  }
  if (rows.truth(0, 2)) return {};
  Status built = session.execute("REINDEX INDEX " + session.qualified(rows.at(0, 0), rows.at(0, 1)));
  if (built.ok()) return {};
  std::string state = session.last_state();
  return if_policy_must_change(
      std::move(built).error().while_doing("rebuilding index " + printable(rows.at(0, 1))), state);
}

Error if_policy_must_change(Error error, std::string_view state) {
  if (state == "23505" || state == "23P01") {
    error.code = Code::kPolicy;
    error.hint = "the masked values are not unique: choose a masker that keeps uniqueness";
  } else if (state == "54000") {
    error.code = Code::kPolicy;
    error.hint =
        "where it is a row or an entry of an index that is too big: a pseudonym is longer than its original; "
        "choose a masker that is as short (null, fixed, hash with a length), or let the table move long "
        "values "
        "out of its rows in production: ALTER TABLE ... ALTER COLUMN ... SET STORAGE EXTENDED";
  }
  return error;
}

Status with_search_paths(Connection& session, const std::function<Status()>& work) {
  YTB_TRY(use_path(session, kOwnPath));
  Status done = work();
  if (done.ok() || !needs_other_path(session.last_state())) return done;
  Error first = done.error();
  auto rows = session.query(
      "SELECT coalesce((SELECT substr(e, 13) FROM pg_db_role_setting s CROSS JOIN "
      "unnest(s.setconfig) e WHERE s.setrole = 0 AND s.setdatabase = (SELECT oid FROM "
      "pg_database WHERE datname = current_database()) AND e LIKE 'search_path=%'), 'public')");
  if (!rows.ok()) return first;
  YTB_TRY(use_path(session, "pg_catalog, " + rows->text(0, 0)));
  done = work();
  Status back = use_path(session, kOwnPath);
  if (!done.ok()) return done;
  return back;
}

}  // namespace ytb::postgres
