#include "drivers/postgres/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "base/text.h"
#include "drivers/postgres/access_rights.h"
#include "drivers/postgres/catalog_reader.h"
#include "drivers/postgres/copy_session.h"
#include "drivers/postgres/defuse.h"
#include "drivers/postgres/large_objects.h"
#include "drivers/postgres/mask.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/rds_defuse.h"
#include "drivers/postgres/rds_session.h"
#include "drivers/postgres/rds_warm_up.h"
#include "drivers/postgres/role_settings.h"
#include "drivers/postgres/server_power.h"
#include "drivers/postgres/suspension.h"
#include "drivers/postgres/verify.h"

namespace ytb::postgres {
namespace {

constexpr int kRowsMax = 10'000;                     // of a sample or a preview
constexpr size_t kValueCharactersMax = 2000;         // of one value: enough to see what it is
constexpr size_t kValueCharactersMin = 200;          // once much has been sampled
constexpr size_t kDocumentCharactersMax = 256'000;   // of a JSON document, which is looked at whole
constexpr size_t kTableCharactersMax = 32'000'000;   // of all sampled documents of one table
constexpr size_t kSampleCharactersMax = 64'000'000;  // of all that is sampled
constexpr uint64_t kScanWholeBytes = 64ULL << 20;    // smaller tables are sampled by LIMIT alone

// A column is sparse where fewer values than one in so many rows are found: then so many times the rows are
// gone through for it.
constexpr int kSparseOneIn = 4;
constexpr int kSparseRowsTimes = 100;
constexpr int kSparseFoundMax = 500;            // rows that are fetched of these
constexpr size_t kSparseColumnsMax = 50;        // of a table, that are looked at so
constexpr size_t kPartitionsMax = 20;           // of a table, that are sampled
constexpr std::string_view kNoRight = "42501";  // insufficient_privilege

using OptionalRow = std::vector<std::optional<std::string>>;

// Our own closed copies are told apart by what they say of themselves, productions are read only.
struct Source {
  Connection session;
  SessionKind kind = SessionKind::kProduction;
  std::optional<CopyLock> lock{};
  [[nodiscard]] bool in_copy() const { return kind != SessionKind::kProduction; }
};

Result<Source> open_source(const ports::SessionTarget& target) {
  auto session = Connection::open(target, "", SessionKind::kProduction);
  if (!session.ok()) {
    auto other = Connection::open(target, "template1", SessionKind::kProduction);
    if (!other.ok()) return std::move(session).error();
    session = std::move(other);
  }
  if (is_rds_copy(target)) {
    YTB_ASSIGN(bool open, is_marked_open(*session, target));
    if (open) return Source{std::move(session).value()};
    YTB_ASSIGN(CopyLock lock, CopyLock::take(target));
    YTB_ASSIGN(Connection master, open_copy_anywhere(target));
    YTB_TRY(borrow_memberships(master));
    return Source{std::move(master), SessionKind::kMaster, std::move(lock)};
  }
  YTB_ASSIGN(bool in_copy, is_closed_copy(target, *session));
  if (!in_copy) return Source{std::move(session).value()};
  YTB_ASSIGN(Connection ours, open_copy_anywhere(target));
  return Source{std::move(ours), SessionKind::kCopy};
}

// None for a local copy: its place has a lock of its own.
Result<std::optional<CopyLock>> lock_for(Profile profile, const ports::SessionTarget& target) {
  if (is_rds_copy(target) != (profile == Profile::kRds)) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} is not a closed copy of ours", target.label),
                 .hint = "nothing is changed anywhere but in a copy that was restored and not opened yet"};
  }
  if (profile == Profile::kSuperuser) return std::optional<CopyLock>();
  YTB_ASSIGN(CopyLock lock, CopyLock::take(target));
  return std::optional<CopyLock>(std::move(lock));
}

// Rows from all over a large table: whole pages, about ten times as many rows as wanted.
std::string sampling(const std::string& from, uint64_t size_bytes, int64_t rows_estimate, int rows_max) {
  std::string part;
  if (size_bytes > kScanWholeBytes && rows_estimate > 0) {
    double percent = std::clamp(1000.0 * rows_max / static_cast<double>(rows_estimate), 0.0001, 100.0);
    part = fmt::format(" TABLESAMPLE SYSTEM ({:.4f})", percent);
  }
  return fmt::format("{}{} LIMIT {}", from, part, std::clamp(rows_max, 1, kRowsMax));
}

std::string sampling(Connection& session, const masking::Table& table, int rows_max) {
  std::string from = session.qualified(table.name.schema, table.name.name);
  if (table.kind != masking::RelationKind::kMaterializedView) from = "ONLY " + from;
  return sampling(from, table.size_bytes, table.rows_estimate, rows_max);
}

bool is_text_like(const masking::Column& column) {
  using masking::TypeClass;
  switch (column.type_class) {
    case TypeClass::kText:
    case TypeClass::kJson:
    case TypeClass::kInet:
    case TypeClass::kOther:
    case TypeClass::kArray:
    case TypeClass::kDate:
    case TypeClass::kInteger:
      return true;
    default:
      return false;
  }
}

// By the type's own output function: `::text` would call a cast, which may be production's code.
std::string as_text(const std::string& column) {
  // A row of which one field is NULL is neither NULL nor, by SQL's word, not NULL.
  return fmt::format("CASE WHEN {0} IS DISTINCT FROM NULL THEN format('%s', {0}) END", column);
}

// What a transaction that looks into tables begins with; it is to be rolled back. Planning evaluates what is
// constant in production's expressions, which must not happen with our power in a copy that is raw.
Result<std::string> beginning_of_looks(Connection& session) {
  if (session.kind() != SessionKind::kCopy) return std::string("BEGIN READ ONLY");
  YTB_ASSIGN(ReadingSuspension suspension, suspension_for_reading(session));
  return "BEGIN;" + suspension.statements;
}

Status begin_look(Connection& session, const std::string& beginning) {
  Status begun = session.execute(beginning);
  if (!begun.ok()) session.roll_back();
  return begun;
}

using Partitions = std::map<masking::QualifiedName, std::vector<const masking::Table*>>;

// The partitions that may hold rows, on every level, by their topmost parent.
Partitions partitions_of(const masking::Database& database) {
  std::map<masking::QualifiedName, const masking::Table*> tables;
  for (const masking::Table& table : database.tables) tables.emplace(table.name, &table);
  Partitions partitions;
  for (const masking::Table& table : database.tables) {
    if (!table.partition_of || table.kind == masking::RelationKind::kPartitioned) continue;
    masking::QualifiedName parent = *table.partition_of;
    for (auto above = tables.find(parent); above != tables.end() && above->second->partition_of;
         above = tables.find(parent)) {
      parent = *above->second->partition_of;
    }
    partitions[parent].push_back(&table);
  }
  return partitions;
}

struct SampleRun {
  int rows_max;  // of a table
  masking::Samples samples{};
  size_t characters_left = kSampleCharactersMax;
};

// A table and how many of its rows, as a FROM clause has it.
using RowsOf = std::function<std::string(int rows)>;

struct SampledColumn {
  const masking::Column* column;
  std::string text;  // an expression, cut to a length
};

// `rows`: of so many values of each, which together stay within the bounds of a table.
std::vector<SampledColumn> sampled_columns(const Connection& session, const masking::Table& table, int rows,
                                           const SampleRun& run) {
  std::vector<SampledColumn> columns;
  size_t documents = 0;
  for (const masking::Column& column : table.columns) {
    if (!is_text_like(column)) continue;
    columns.push_back({.column = &column, .text = {}});
    documents += column.type_class == masking::TypeClass::kJson ? 1 : 0;
  }
  const size_t value_max = run.characters_left > 0 ? kValueCharactersMax : kValueCharactersMin;
  const size_t share = std::min(kTableCharactersMax, run.characters_left) /
                       (std::max<size_t>(documents, 1) * static_cast<size_t>(rows));
  const size_t document_max = std::clamp(share, value_max, kDocumentCharactersMax);
  for (SampledColumn& each : columns) {
    const bool document = each.column->type_class == masking::TypeClass::kJson;
    each.text = fmt::format("left({}, {})", as_text(session.identifier(each.column->name)),
                            document ? document_max : value_max);
  }
  return columns;
}

// Texts that stand for nothing: defaults of columns that few rows fill.
bool says_nothing(std::string_view text) { return text.empty() || text == "{}" || text == "[]"; }

// Appends to the samples of `judged` what `found` has in one field of its rows; how many of them say
// something.
int add_samples(const Rows& found, int field, std::vector<std::string>& values, SampleRun& run) {
  int told = 0;
  for (int row = 0; row < found.count(); ++row) {
    if (found.is_null(row, field)) continue;
    values.push_back(found.text(row, field));
    run.characters_left -= std::min(run.characters_left, values.back().size());
    told += says_nothing(values.back()) ? 0 : 1;
  }
  return told;
}

// Of columns that are empty in nearly all of the first rows: what many more rows hold, in one query with a
// bound of time. It is an extra look, and where it fails, what is there already will do.
void sample_sparse(Connection& session, const std::string& database, const masking::Table& judged,
                   const std::vector<size_t>& sparse, const std::string& from, int rows, SampleRun& run) {
  const std::vector<SampledColumn> columns = sampled_columns(session, judged, rows, run);
  std::string names;
  std::string texts;
  std::string any;
  for (const size_t i : sparse) {
    const SampledColumn& each = columns[i];
    const std::string name = session.identifier(each.column->name);
    names += (names.empty() ? "" : ", ") + name;
    texts += (texts.empty() ? "" : ", ") + each.text;
    any += fmt::format("{}{} NOT IN ('', '{{}}', '[]')", any.empty() ? "" : " OR ", each.text);
  }
  if (!session.execute("SAVEPOINT sparse; SET LOCAL statement_timeout = '5s'").ok()) return;
  const Result<Rows> more = session.query(fmt::format(
      "SELECT {} FROM (SELECT {} FROM {}) AS sampled WHERE {} LIMIT {}", texts, names, from, any, rows));
  if (!more.ok()) {
    (void)session.execute("ROLLBACK TO SAVEPOINT sparse");
    return;
  }
  for (size_t i = 0; i < sparse.size(); ++i)
    add_samples(*more, static_cast<int>(i),
                run.samples[{database, judged.name, columns[sparse[i]].column->name}], run);
}

// Appends to the samples of `judged` what `from` holds in its columns: of `rows` rows, and of columns that
// are empty in nearly all of these, of many more.
Status sample_rows(Connection& session, const std::string& database, const masking::Table& judged,
                   const RowsOf& from, int rows, SampleRun& run) {
  const std::vector<SampledColumn> columns = sampled_columns(session, judged, run.rows_max, run);
  if (columns.empty()) return {};
  std::string list;
  for (const SampledColumn& each : columns) list += (list.empty() ? "" : ", ") + each.text;
  YTB_ASSIGN(const Rows found, session.query(fmt::format("SELECT {} FROM {}", list, from(rows))));
  std::vector<size_t> sparse;
  for (size_t i = 0; i < columns.size(); ++i) {
    const int told = add_samples(found, static_cast<int>(i),
                                 run.samples[{database, judged.name, columns[i].column->name}], run);
    if (told * kSparseOneIn < rows && sparse.size() < kSparseColumnsMax) sparse.push_back(i);
  }
  // Row security is production's code, once for each row that is gone through.
  if (found.count() == rows && !sparse.empty() && !judged.row_security)
    sample_sparse(session, database, judged, sparse, from(rows * kSparseRowsTimes),
                  std::min(rows * static_cast<int>(sparse.size()), kSparseFoundMax), run);
  return {};
}

// Of a partitioned table: some rows of as many partitions as may be, under the name of the parent that judges
// them. Partitions that are foreign tables are never read, so the parent itself is not, either.
Status sample_partitions(Connection& session, const std::string& database, const masking::Table& parent,
                         std::vector<const masking::Table*> partitions, const std::string& beginning,
                         SampleRun& run) {
  const bool foreign = std::any_of(partitions.begin(), partitions.end(), [](const masking::Table* table) {
    return table->kind != masking::RelationKind::kTable;
  });
  std::erase_if(partitions,
                [](const masking::Table* table) { return table->kind != masking::RelationKind::kTable; });
  // Those that ANALYZE saw empty come last; 13 says so of what it never saw, too.
  const auto empty =
      std::stable_partition(partitions.begin(), partitions.end(),
                            [](const masking::Table* table) { return table->rows_estimate != 0; });
  const auto filled = static_cast<size_t>(empty - partitions.begin());
  const size_t pool = filled > kPartitionsMax ? filled : std::min(partitions.size(), kPartitionsMax);
  const size_t taken = std::min(pool, kPartitionsMax);
  const int each = std::max(1, run.rows_max / static_cast<int>(std::max<size_t>(taken, 1)));
  for (size_t i = 0; i < taken; ++i) {
    const masking::Table& partition = *partitions[i * pool / taken];
    YTB_TRY(begin_look(session, beginning));
    Status sampled = sample_rows(
        session, database, parent, [&](int rows) { return sampling(session, partition, rows); }, each, run);
    session.roll_back();
    if (sampled.ok()) continue;
    if (session.last_state() != kNoRight) return sampled;
    // Who was granted the parent alone reads through it.
    if (foreign) continue;
    YTB_TRY(begin_look(session, beginning));
    const std::string whole = session.qualified(parent.name.schema, parent.name.name);
    sampled = sample_rows(
        session, database, parent, [&](int rows) { return sampling(whole, 0, 0, rows); }, run.rows_max, run);
    session.roll_back();
    return sampled;
  }
  return {};
}

}  // namespace

Result<masking::Catalog> PostgresEngine::catalog(const ports::SessionTarget& target) {
  YTB_ASSIGN(Source source, open_source(target));
  std::set<std::string> shut;
  if (source.in_copy()) {
    YTB_TRY(let_us_in_everywhere(source.session));
    YTB_ASSIGN(std::vector<std::string> closed, databases_to_close(source.session));
    shut.insert(closed.begin(), closed.end());
  }
  masking::Catalog catalog;
  catalog.engine_major = source.session.major();
  catalog.provenance = target.label;
  YTB_ASSIGN(catalog.settings, read_settings(source.session));
  YTB_ASSIGN(std::vector<std::string> roles, production_roles(source.session));
  catalog.roles = std::move(roles);
  YTB_ASSIGN(Rows rows,
             source.session.query("SELECT datname, datallowconn, datistemplate, datdba = (SELECT oid FROM "
                                  "pg_roles WHERE rolname = 'rdsadmin') FROM pg_database WHERE (datname <> "
                                  "'template0' OR datallowconn) AND datconnlimit <> -2 ORDER BY datname"));
  for (int row = 0; row < rows.count(); ++row) {
    std::string name = rows.text(row, 0);
    // The provider's own, which admits nobody else; another's of that name is judged.
    if (profile_ == Profile::kRds && name == kProviderDatabase && rows.truth(row, 3)) continue;
    if (!rows.truth(row, 1)) {  // on production nothing is changed: it is told, and looked into in the copy
      masking::Database unseen;
      unseen.name = name;
      unseen.allows_connections = false;
      unseen.is_template = rows.truth(row, 2);
      catalog.databases.push_back(std::move(unseen));
      continue;
    }
    YTB_ASSIGN(Connection session, Connection::open(target, name, source.kind));
    YTB_ASSIGN(masking::Database database, read_database(session, name, source.in_copy()));
    if (shut.contains(name)) database.allows_connections = false;
    // As initdb made it: nothing in it, nobody in it. Decided by looking, in every copy.
    if (name == "template0" && database.tables.empty() && database.large_objects == 0 &&
        shut.contains(name)) {
      YTB_ASSIGN(std::vector<std::string> left, large_objects_left(session, false));
      if (left.empty()) continue;
    }
    catalog.databases.push_back(std::move(database));
  }
  return catalog;
}

namespace {

// Whether anything that a constraint's answer may depend on was made since: not the types of tables, which
// are made with them, nor their constraints, which are judged with them.
std::string code_made(const std::function<std::string(std::string_view)>& since) {
  std::string sql =
      "SELECT EXISTS (SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid WHERE (t.typtype IN "
      "('d', 'e', 'r', 'm') OR t.typtype = 'b' AND t.typcategory <> 'A' OR c.relkind = 'c') AND " +
      since("t") +
      ") OR EXISTS (SELECT FROM pg_constraint k LEFT JOIN pg_class c ON c.oid = k.conrelid WHERE k.contype = "
      "'c' AND " +
      since("k") + " AND (c.oid IS NULL OR NOT " + since("c") + "))";
  for (std::string_view catalog :
       {"pg_proc", "pg_operator", "pg_cast", "pg_collation", "pg_enum", "pg_extension", "pg_opclass",
        "pg_namespace", "pg_language", "pg_ts_config", "pg_ts_config_map", "pg_ts_dict", "pg_conversion"}) {
    sql += fmt::format(" OR EXISTS (SELECT FROM {} x WHERE {})", catalog, since("x"));
  }
  sql +=
      " OR EXISTS (SELECT FROM pg_db_role_setting x WHERE x.setdatabase IN (0, (SELECT oid FROM "
      "pg_database WHERE datname = current_database())) AND " +
      since("x") + ")";
  return sql + " OR EXISTS (SELECT FROM pg_attrdef x JOIN pg_class c ON c.oid = x.adrelid WHERE " +
         since("x") + " AND NOT " + since("c") + ")";
}

}  // namespace

Result<ports::MadeSince> PostgresEngine::made_since(const ports::SessionTarget& production,
                                                    const ports::SnapshotPoint& point) {
  YTB_ASSIGN(Source source, open_source(production));
  YTB_ASSIGN(std::string system,
             source.session.value("SELECT system_identifier::text FROM pg_control_system()"));
  // pg_control_system() shows it as a signed number.
  if (system != std::to_string(static_cast<int64_t>(point.system_identifier))) {
    return Error{.code = Code::kUnsupported,
                 .message = fmt::format("{} is not the server that the snapshot is of", production.label),
                 .hint = "source.connection is to lead to the production whose snapshots these are"};
  }
  // By 2^32, as transactions are numbered; 1 and 2 are no transactions but older than all. A row's own
  // transaction is the last that altered it.
  const auto since = [&](std::string_view row) {
    return fmt::format(
        "({0}.xmin::text::int8 > 2 AND ({0}.xmin::text::int8 - {1} + 4294967296) % 4294967296 < 2147483648)",
        row, point.first_unsure);
  };
  ports::MadeSince made;
  YTB_ASSIGN(Rows databases,
             source.session.query(fmt::format(
                 "SELECT datname, datallowconn AND datconnlimit <> -2, {} FROM pg_database d", since("d"))));
  for (int row = 0; row < databases.count(); ++row) {
    const std::string name = databases.text(row, 0);
    if (databases.truth(row, 2)) {
      made.places.insert({.database = name});
      made.code.insert(name);
    }
    if (!databases.truth(row, 1) || databases.truth(row, 2)) continue;
    YTB_ASSIGN(Connection session, Connection::open(production, name, source.kind));
    YTB_ASSIGN(Rows rows,
               session.query(fmt::format(
                   "SELECT n.nspname, c.relname, a.attname, {} OR {} FROM pg_attribute a JOIN pg_class c ON "
                   "c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN "
                   "('r', 'p', 'm', 'f') AND a.attnum > 0 AND ({} OR {} OR {})",
                   since("c"), since("n"), since("a"), since("c"), since("n"))));
    for (int i = 0; i < rows.count(); ++i) {
      ports::MadeSince::Place place{.database = name, .table = {rows.text(i, 0), rows.text(i, 1)}};
      if (!rows.truth(i, 3)) place.column = rows.text(i, 2);
      made.places.insert(std::move(place));
    }
    YTB_ASSIGN(std::string code, session.value(code_made(since)));
    if (code == "t") made.code.insert(name);
  }
  return made;
}

Result<ports::TakenSamples> PostgresEngine::sample(const ports::SessionTarget& target,
                                                   const masking::Catalog& catalog, int rows_max) {
  YTB_ASSIGN(Source source, open_source(target));
  std::vector<std::string> failed;
  SampleRun run{.rows_max = std::clamp(rows_max, 1, kRowsMax)};
  for (const masking::Database& database : catalog.databases) {
    if (!source.in_copy() && !database.allows_connections) continue;
    YTB_ASSIGN(Connection session, Connection::open(target, database.name, source.kind));
    YTB_ASSIGN(const std::string beginning, beginning_of_looks(session));
    Partitions partitions = partitions_of(database);
    for (const masking::Table& table : database.tables) {
      if (table.partition_of) continue;  // with its parent
      Status sampled;
      if (table.kind == masking::RelationKind::kPartitioned) {
        sampled = sample_partitions(session, database.name, table, partitions[table.name], beginning, run);
      } else if (table.kind == masking::RelationKind::kTable) {
        YTB_TRY(begin_look(session, beginning));
        sampled = sample_rows(
            session, database.name, table, [&](int rows) { return sampling(session, table, rows); },
            run.rows_max, run);
        session.roll_back();
      }
      // Names and types still speak.
      if (sampled.ok() || session.last_state() == kNoRight) continue;
      if (!session.is_open()) return std::move(sampled).error();
      failed.push_back(fmt::format("{} {}: {}", printable(database.name), printable(to_string(table.name)),
                                   sampled.error().message));
    }
  }
  return ports::TakenSamples{.samples = std::move(run.samples), .failed = std::move(failed)};
}

Result<std::vector<OptionalRow>> PostgresEngine::rows(const ports::SessionTarget& target,
                                                      std::string_view database, const masking::Table& table,
                                                      int rows_max) {
  YTB_ASSIGN(Source source, open_source(target));
  YTB_ASSIGN(Connection session, Connection::open(target, std::string(database), source.kind));
  std::string list;
  for (const masking::Column& column : table.columns) {
    list += fmt::format("{}{}", list.empty() ? "" : ", ", as_text(session.identifier(column.name)));
  }
  YTB_ASSIGN(const std::string beginning, beginning_of_looks(session));
  YTB_TRY(begin_look(session, beginning));
  auto read = session.query(fmt::format("SELECT {} FROM {}", list, sampling(session, table, rows_max)));
  session.roll_back();
  if (!read.ok()) return std::move(read).error();
  std::vector<OptionalRow> out;
  for (int row = 0; row < read->count(); ++row) {
    OptionalRow& fields = out.emplace_back();
    for (int column = 0; column < read->columns(); ++column) {
      if (read->is_null(row, column)) {
        fields.emplace_back();
      } else {
        fields.emplace_back(read->text(row, column));
      }
    }
  }
  return out;
}

Result<model::Evidence> PostgresEngine::defuse(const ports::SessionTarget& target,
                                               const std::vector<model::AccessRole>& access) {
  YTB_ASSIGN(std::optional<CopyLock> lock, lock_for(profile_, target));
  if (lock) return defuse_rds_copy(target, access);
  YTB_ASSIGN(Connection session, open_copy_anywhere(target));
  YTB_TRY(let_us_in_everywhere(session));
  YTB_ASSIGN(std::vector<std::string> names, list_databases(session));
  for (const std::string& name : names) {
    YTB_ASSIGN(Connection inside, open_copy(target, name));
    YTB_TRY(defuse_database(inside));
  }
  YTB_TRY(defuse_server(session));
  YTB_TRY(take_power_from_roles(session, access));
  model::Evidence evidence;
  std::vector<std::string> armed;
  for (const std::string& name : names) {
    // Half-dropped databases have gone by now.
    YTB_ASSIGN(Connection inside, open_copy(target, name));
    YTB_TRY(take_power_in_database(inside, access));
    YTB_ASSIGN(std::vector<std::string> lines, recorded_deeds(inside));
    for (const std::string& line : lines) evidence.defused.push_back(printable(name) + ": " + line);
    YTB_ASSIGN(std::vector<std::string> left, still_armed(inside));
    armed.insert(armed.end(), left.begin(), left.end());
  }
  if (!armed.empty()) {
    return Error{.code = Code::kExternal,
                 .message = fmt::format("could not be switched off: {}", join(armed, ", ")),
                 .hint = "the copy stays closed; see the server's log",
                 .retry = Retry::kLater};
  }
  YTB_ASSIGN(std::vector<std::string> shut, databases_to_close(session));
  for (const std::string& name : shut) {
    evidence.defused.push_back(printable(name) +
                               ": admits nobody, as in production, and belongs to our own role");
  }
  evidence.defused.push_back("server: every role of production shut out, its password removed");
  return evidence;
}

Result<model::Evidence> PostgresEngine::mask(const ports::SessionTarget& target,
                                             const ports::MaskRequest& request, ports::Progress& progress,
                                             const StopFlag& stop) {
  YTB_ASSIGN(std::optional<CopyLock> lock, lock_for(profile_, target));
  return mask_copy(target, request, progress, stop);
}

Result<std::vector<std::string>> PostgresEngine::warm_up(const ports::SessionTarget& target,
                                                         const ports::WarmUpRequest& request,
                                                         ports::Progress& progress, const StopFlag& stop) {
  if (profile_ == Profile::kSuperuser) return std::vector<std::string>{};
  auto lock = lock_for(profile_, target);
  if (!lock.ok()) {
    Error error = std::move(lock).error();
    if (error.code == Code::kBusy || stop.requested()) return error;
    return std::vector<std::string>{"warm-up: it was not begun: " + error.message};
  }
  return warm_up_copy(target, request, progress, stop);
}

Result<std::vector<model::Check>> PostgresEngine::verify(const ports::SessionTarget& target,
                                                         const ports::VerifyRequest& request,
                                                         ports::Progress& progress, const StopFlag& stop) {
  YTB_ASSIGN(std::optional<CopyLock> lock, lock_for(profile_, target));
  return verify_copy(target, request, progress, stop);
}

}  // namespace ytb::postgres
