#include "refresh/sqlite_journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace ytb::refresh {
namespace {

constexpr int kBusyTimeoutMs = 5000;
// Pruning looks at the whole production's history, so not every append does it.
constexpr int64_t kPruneEvery = 64;

constexpr const char* kEntries = R"sql(
  CREATE TABLE entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_us INTEGER NOT NULL,
    production TEXT NOT NULL,
    copy TEXT NOT NULL,
    event TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL,
    seconds REAL NOT NULL);
  CREATE INDEX entries_by_production ON entries (production, id);
)sql";
constexpr const char* kProofs = R"sql(
  CREATE TABLE proofs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    production TEXT NOT NULL,
    copy TEXT NOT NULL,
    envelope TEXT NOT NULL);
  CREATE INDEX proofs_by_copy ON proofs (copy, id);
)sql";

// Format 1 kept one proof a name; after a teardown a name comes again, and what was proven before it stays
// proven.
constexpr const char* kSetAside1 = "ALTER TABLE proofs RENAME TO proofs_1";
constexpr const char* kTakeOver1 = R"sql(
  INSERT INTO proofs (production, copy, envelope) SELECT production, copy, envelope FROM proofs_1 ORDER BY id;
  DROP TABLE proofs_1;
)sql";

bool is_damage(int result) { return (result & 0xff) == SQLITE_CORRUPT || (result & 0xff) == SQLITE_NOTADB; }

Error sqlite_error(sqlite3* database, std::string_view doing) {
  int result = sqlite3_extended_errcode(database);
  if (is_damage(result)) {
    return Error{.code = Code::kCorrupt,
                 .message = fmt::format("{}: {}", doing, sqlite3_errmsg(database)),
                 .hint = {}};
  }
  Error error{.code = Code::kExternal,
              .message = fmt::format("{}: {}", doing, sqlite3_errmsg(database)),
              .hint = "only history is affected; check the state directory's free space and permissions",
              .retry = Retry::kLater};
  if ((result & 0xff) == SQLITE_BUSY || (result & 0xff) == SQLITE_LOCKED) error.code = Code::kBusy;
  if ((result & 0xff) == SQLITE_FULL) error.code = Code::kSpace;
  return error;
}

// One prepared statement. Binding counts from 1, reading columns from 0, as SQLite does.
class Statement {
 public:
  static Result<Statement> prepare(sqlite3* database, std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement, nullptr) !=
        SQLITE_OK) {
      return sqlite_error(database, "preparing a journal statement");
    }
    return Statement(database, statement);
  }

  Statement& bind(int index, std::string_view text) {
    YTB_CHECK(sqlite3_bind_text64(statement_.get(), index, text.data(), text.size(), SQLITE_TRANSIENT,
                                  SQLITE_UTF8) == SQLITE_OK);
    return *this;
  }
  Statement& bind(int index, int64_t number) {
    YTB_CHECK(sqlite3_bind_int64(statement_.get(), index, number) == SQLITE_OK);
    return *this;
  }
  Statement& bind(int index, double number) {
    YTB_CHECK(sqlite3_bind_double(statement_.get(), index, number) == SQLITE_OK);
    return *this;
  }

  // True: a row is there to be read. False: there are no more.
  Result<bool> step() {
    int result = sqlite3_step(statement_.get());
    if (result == SQLITE_ROW) return true;
    if (result == SQLITE_DONE) return false;
    return sqlite_error(database_, "the journal");
  }
  Status run() {
    for (;;) {
      YTB_ASSIGN(bool more, step());
      if (!more) return {};
    }
  }

  [[nodiscard]] std::string text(int column) const {
    const unsigned char* bytes = sqlite3_column_text(statement_.get(), column);
    if (bytes == nullptr) return {};
    return {reinterpret_cast<const char*>(bytes),
            static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column))};
  }
  [[nodiscard]] int64_t integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  [[nodiscard]] double real(int column) const { return sqlite3_column_double(statement_.get(), column); }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  Statement(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

Status execute(sqlite3* database, const char* sql) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return sqlite_error(database, "the journal");
  return {};
}

Result<int64_t> format_of(sqlite3* database) {
  YTB_ASSIGN(Statement statement, Statement::prepare(database, "PRAGMA user_version"));
  YTB_ASSIGN(bool row, statement.step());
  return row ? statement.integer(0) : 0;
}

// From `format` (0: an empty file) to ours.
Status bring_up(sqlite3* database, int64_t format) {
  YTB_TRY(execute(database, format == 0 ? kEntries : kSetAside1));
  YTB_TRY(execute(database, kProofs));
  if (format != 0) YTB_TRY(execute(database, kTakeOver1));
  return execute(database, fmt::format("PRAGMA user_version = {}", SqliteJournal::kFormat).c_str());
}

Status make_schema(sqlite3* database) {
  // IMMEDIATE: of two processes that make the same file, one waits, and then finds it made.
  YTB_TRY(execute(database, "BEGIN IMMEDIATE"));
  Result<int64_t> format = format_of(database);
  Status status = format.ok() ? Status() : Status(format.error());
  if (status.ok() && *format < SqliteJournal::kFormat) status = bring_up(database, *format);
  if (!status.ok()) {
    sqlite3_exec(database, "ROLLBACK", nullptr, nullptr, nullptr);
    return status;
  }
  return execute(database, "COMMIT");
}

Error cannot(std::string_view doing, const std::string& file) {
  return Error{.code = Code::kExternal,
               .message = fmt::format("cannot {} the journal {}: {}", doing, file, std::strerror(errno)),
               .hint = "only history is affected; check the state directory's free space and permissions",
               .retry = Retry::kLater};
}

}  // namespace

void SqliteJournal::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

SqliteJournal::SqliteJournal(std::string file, std::function<void(std::string_view)> note)
    : file_(std::move(file)), note_(std::move(note)) {}

SqliteJournal::~SqliteJournal() = default;

Status SqliteJournal::open_if_needed() {
  struct stat found {};
  bool there = ::stat(file_.c_str(), &found) == 0;
  if (database_ != nullptr && there && found.st_dev == device_ && found.st_ino == inode_) return {};
  database_.reset();
  // Made by us rather than by SQLite, so that nobody else may read it.
  int descriptor = ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return cannot("open", file_);
  bool known = ::fstat(descriptor, &found) == 0;
  ::close(descriptor);
  if (!known) return cannot("look at", file_);

  sqlite3* raw = nullptr;
  int result = sqlite3_open_v2(file_.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
  Handle database(raw);
  if (result != SQLITE_OK) return sqlite_error(raw, fmt::format("cannot open the journal {}", file_));
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  YTB_TRY(execute(raw, "PRAGMA synchronous = NORMAL"));
  YTB_ASSIGN(int64_t format, format_of(raw));
  if (format > kFormat) {
    return Error{
        .code = Code::kUnsupported,
        .message =
            fmt::format("the journal {} has format {}; this program writes {}", file_, format, kFormat),
        .hint = "use the newer yesterdaytabase that wrote it, or move the file away: only history is lost"};
  }
  if (format < kFormat) YTB_TRY(make_schema(raw));
  database_ = std::move(database);
  device_ = found.st_dev;
  inode_ = found.st_ino;
  return {};
}

Status SqliteJournal::set_aside() {
  database_.reset();
  std::string aside = file_ + ".damaged";
  if (std::rename(file_.c_str(), aside.c_str()) != 0 && errno != ENOENT) return cannot("set aside", file_);
  ::unlink((file_ + "-journal").c_str());  // it belongs to the damaged one; of no use without it
  if (note_) note_(fmt::format("the journal was damaged and is set aside as {}; history starts anew", aside));
  return {};
}

Status SqliteJournal::with_database(const std::function<Status(sqlite3*)>& work) {
  std::scoped_lock lock(mutex_);
  constexpr int kTries = 2;  // as it is, and once more after a damaged file was set aside
  Status status;
  for (int i = 0; i < kTries; ++i) {
    status = open_if_needed();
    if (status.ok()) status = work(database_.get());
    if (status.ok() || status.error().code != Code::kCorrupt) return status;
    if (i + 1 < kTries) YTB_TRY(set_aside());
  }
  return status;
}

Status SqliteJournal::append(const ports::JournalEntry& entry) {
  return with_database([&](sqlite3* database) -> Status {
    YTB_ASSIGN(Statement insert,
               Statement::prepare(database,
                                  "INSERT INTO entries (at_us, production, copy, event, action, "
                                  "detail, seconds) VALUES (?, ?, ?, ?, ?, ?, ?)"));
    insert.bind(1, static_cast<int64_t>(entry.at.time_since_epoch().count()))
        .bind(2, entry.production.str())
        .bind(3, entry.copy)
        .bind(4, entry.event)
        .bind(5, entry.action)
        .bind(6, entry.detail)
        .bind(7, entry.seconds);
    YTB_TRY(insert.run());
    if (sqlite3_last_insert_rowid(database) % kPruneEvery != 0) return {};
    YTB_ASSIGN(Statement prune,
               Statement::prepare(
                   database,
                   "DELETE FROM entries WHERE production = ?1 AND id <= (SELECT id FROM entries WHERE "
                   "production = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)"));
    return prune.bind(1, entry.production.str()).bind(2, static_cast<int64_t>(kEntriesMax)).run();
  });
}

Result<std::vector<ports::JournalEntry>> SqliteJournal::recent(const model::ProductionName& production,
                                                               int entries_max) {
  std::vector<ports::JournalEntry> entries;
  YTB_TRY(with_database([&](sqlite3* database) -> Status {
    entries.clear();
    YTB_ASSIGN(Statement select,
               Statement::prepare(database,
                                  "SELECT at_us, copy, event, action, detail, seconds FROM entries "
                                  "WHERE production = ? ORDER BY id DESC LIMIT ?"));
    select.bind(1, production.str()).bind(2, static_cast<int64_t>(std::clamp(entries_max, 0, kEntriesMax)));
    for (int i = 0; i <= kEntriesMax; ++i) {
      YTB_ASSIGN(bool more, select.step());
      if (!more) break;
      entries.push_back({.at = Instant(Duration(select.integer(0))),
                         .production = production,
                         .copy = select.text(1),
                         .event = select.text(2),
                         .action = select.text(3),
                         .detail = select.text(4),
                         .seconds = select.real(5)});
    }
    return {};
  }));
  return entries;
}

Status SqliteJournal::keep_proof(const model::ProductionName& production, const model::CopyId& copy,
                                 std::string_view envelope) {
  return with_database([&](sqlite3* database) -> Status {
    // A step that is done again keeps no second one.
    YTB_ASSIGN(
        Statement insert,
        Statement::prepare(database,
                           "INSERT INTO proofs (production, copy, envelope) SELECT ?1, ?2, ?3 WHERE NOT "
                           "EXISTS (SELECT 1 FROM proofs WHERE copy = ?2 AND envelope = ?3)"));
    YTB_TRY(insert.bind(1, production.str()).bind(2, copy.str()).bind(3, envelope).run());
    YTB_ASSIGN(
        Statement prune,
        Statement::prepare(database,
                           "DELETE FROM proofs WHERE production = ?1 AND id <= (SELECT id FROM proofs WHERE "
                           "production = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)"));
    return prune.bind(1, production.str()).bind(2, static_cast<int64_t>(kProofsMax)).run();
  });
}

Result<std::string> SqliteJournal::find_proof(const model::CopyId& copy) {
  std::string envelope;
  bool found = false;
  YTB_TRY(with_database([&](sqlite3* database) -> Status {
    YTB_ASSIGN(
        Statement select,
        Statement::prepare(database, "SELECT envelope FROM proofs WHERE copy = ? ORDER BY id DESC LIMIT 1"));
    YTB_ASSIGN(found, select.bind(1, copy.str()).step());
    if (found) envelope = select.text(0);
    return {};
  }));
  if (!found) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("the journal holds no proof of a copy '{}'", copy),
                 .hint = "'yesterdaytabase status' lists the copies there are"};
  }
  return envelope;
}

}  // namespace ytb::refresh
