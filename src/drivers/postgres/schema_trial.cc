#include "drivers/postgres/schema_trial.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "base/secret.h"
#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/os/lock.h"
#include "drivers/os/subprocess.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/instance.h"
#include "drivers/postgres/owner_session.h"
#include "drivers/postgres/progress_store.h"
#include "drivers/postgres/server_files.h"

namespace ytb::postgres {
namespace {

using masking::ConstraintTrial;
using masking::TrialAnswer;
using masking::TrialOutcome;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr size_t kRoleBytes = 8;
constexpr auto kDumpMax = minutes(5);
constexpr auto kRestoreMax = minutes(5);
constexpr auto kTrialMax = seconds(10);           // of one constraint
constexpr auto kTrialsMax = minutes(3);           // of all together
constexpr auto kGrace = seconds(3);               // for what was told to end
constexpr std::string_view kStatementMax = "2s";  // a CHECK may loop for ever
constexpr std::string_view kSchema = "yesterdaytabase_trial";
// As production keeps it. No ALTER … SET: it would have to know which settings are lists.
constexpr std::string_view kKeepSetting = R"sql(
  INSERT INTO pg_catalog.pg_db_role_setting
  SELECT n.database, n.role, $2::text[]
    FROM (SELECT CASE WHEN $1 = 't' THEN d.oid ELSE 0 END, COALESCE(r.oid, 0)
            FROM pg_catalog.pg_database d LEFT JOIN pg_catalog.pg_roles r ON r.rolname = $3
           WHERE d.datname = $4 AND (r.oid IS NOT NULL OR $3 = '')) n (database, role)
   WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s
                      WHERE s.setdatabase = n.database AND s.setrole = n.role))sql";

Error none(std::string why) {
  return Error{.code = Code::kUnsupported, .message = std::move(why), .hint = {}};
}

// The server of one call. Whatever ends the call, it goes with all of its files; what a killed run left is
// ended by the next one.
class TrialServer {
 public:
  TrialServer(ports::InstanceSpec spec, const StopFlag& stop)
      : spec_(std::move(spec)), stop_(stop), watch_([this](const std::stop_token& over) { watch(over); }) {}
  TrialServer(const TrialServer&) = delete;
  TrialServer& operator=(const TrialServer&) = delete;
  ~TrialServer() { (void)end(); }

  Status begin() {
    YTB_TRY(end_files());
    YTB_TRY(kind_.make_empty(spec_, stop_));
    return kind_.start_closed(spec_);
  }
  Status end() {
    watch_.request_stop();
    if (watch_.joinable()) watch_.join();
    return end_files();
  }
  Result<ports::SessionTarget> session() {
    YTB_ASSIGN(ports::SessionTarget target, kind_.session(spec_));
    target.label = "the server made from production's schema";
    return target;
  }
  [[nodiscard]] const ports::InstanceSpec& spec() const { return spec_; }

  // Code can catch every cancellation, but not the end of its server: that is what it gets when this time is
  // over, or a stop was not heard. An earlier time is forgotten.
  void give(std::optional<steady_clock::duration> time) {
    const std::scoped_lock held(mutex_);
    until_.reset();
    if (time) until_ = steady_clock::now() + *time;
  }
  [[nodiscard]] bool ended() const {
    const std::scoped_lock held(mutex_);
    return ended_;
  }

 private:
  Status end_files() {
    if (!os::exists(spec_.root)) return {};
    YTB_TRY(kind_.stop(spec_));
    return os::remove_tree(spec_.root);
  }

  void watch(const std::stop_token& over) {
    std::optional<steady_clock::time_point> told;  // when a stop was first seen
    while (!over.stop_requested()) {
      std::this_thread::sleep_for(milliseconds(50));
      const auto now = steady_clock::now();
      if (stop_.requested() && !told) told = now;
      {
        const std::scoped_lock held(mutex_);
        const bool late = (until_ && now > *until_) || (told && until_ && now > *told + kGrace);
        if (!late) continue;
        ended_ = true;
        until_.reset();
      }
      (void)kind_.stop(spec_);
    }
  }

  PostgresInstance kind_;
  ports::InstanceSpec spec_;
  const StopFlag& stop_;
  mutable std::mutex mutex_;
  std::optional<steady_clock::time_point> until_;
  bool ended_ = false;
  std::jthread watch_;  // last: it looks at all of these
};

// The table of one trial, in parts of a statement.
struct Definition {
  std::string owner;
  std::vector<std::string> columns;  // "name type COLLATE …"
  std::string check;                 // "CONSTRAINT c CHECK (…)"; "": the columns say it all
};

// What is read of production itself.
struct Setting {
  std::string role;  // "": for every one
  bool of_database = false;
  std::string values;  // pg_db_role_setting.setconfig as text
};
struct Production {
  struct Database {
    std::string options;  // of CREATE DATABASE
    std::string locale;   // for messages
    std::vector<Setting> settings;
    std::map<const ConstraintTrial*, Definition> definitions;  // none: its table or constraint has gone
  };
  std::map<std::string, Database> databases;
  std::vector<std::string> roles;
  std::vector<std::pair<std::string, std::string>> members;  // role, member
  std::vector<std::string> extensions;                       // of all databases concerned
};

Result<std::optional<Definition>> read_definition(Connection& session, const ConstraintTrial& trial) {
  YTB_ASSIGN(Rows table, session.query("SELECT c.oid, r.rolname FROM pg_catalog.pg_class c JOIN "
                                       "pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN "
                                       "pg_catalog.pg_roles r ON r.oid = c.relowner WHERE n.nspname = $1 AND "
                                       "c.relname = $2",
                                       {trial.table.schema, trial.table.name}));
  if (table.empty()) return std::optional<Definition>();
  Definition found{.owner = table.text(0, 1), .columns = {}, .check = {}};
  const std::set<std::string> stored(trial.columns.begin(), trial.columns.end());
  const std::set<std::string> computed(trial.computed.begin(), trial.computed.end());
  YTB_ASSIGN(
      Rows columns,
      session.query("SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), n.nspname, "
                    "o.collname, a.attgenerated, CASE WHEN a.attgenerated <> '' THEN "
                    "pg_catalog.pg_get_expr(d.adbin, d.adrelid) END FROM pg_catalog.pg_attribute a JOIN "
                    "pg_catalog.pg_type t ON t.oid = a.atttypid LEFT JOIN pg_catalog.pg_collation o ON "
                    "o.oid = a.attcollation AND a.attcollation <> t.typcollation LEFT JOIN "
                    "pg_catalog.pg_namespace n ON n.oid = o.collnamespace LEFT JOIN "
                    "pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE "
                    "a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
                    {table.text(0, 0)}));
  for (int row = 0; row < columns.count(); ++row) {
    const std::string name = columns.text(row, 0);
    const bool is_computed = computed.contains(name);
    if (!stored.contains(name) && !is_computed) continue;
    std::string column = session.identifier(name) + " " + columns.text(row, 1);
    if (!columns.is_null(row, 3))
      column += " COLLATE " + session.qualified(columns.at(row, 2), columns.at(row, 3));
    if (is_computed) {
      column += fmt::format(" GENERATED ALWAYS AS ({}) {}", columns.at(row, 5),
                            columns.at(row, 4) == "v" ? "VIRTUAL" : "STORED");
    }
    found.columns.push_back(std::move(column));
  }
  if (trial.of_domain || trial.constraint.empty()) return std::optional(std::move(found));
  YTB_ASSIGN(Rows check,
             session.query("SELECT pg_catalog.pg_get_constraintdef(oid) FROM "
                           "pg_catalog.pg_constraint WHERE conrelid = $1::oid AND conname = $2 AND "
                           "contype = 'c'",
                           {table.text(0, 0), trial.constraint}));
  if (check.empty()) return std::optional<Definition>();
  found.check = fmt::format("CONSTRAINT {} {}", session.identifier(trial.constraint), check.at(0, 0));
  return std::optional(std::move(found));
}

// How the session's database is to be made again: with its encoding and locale, and their provider where
// there is a choice (ICU from 15 on, the server's own from 17 on).
Status read_locale(Connection& session, Production::Database& database) {
  const int major = session.major();
  const std::string provider = major >= 15 ? "datlocprovider" : "'c'";
  const std::string locale = major >= 17 ? "datlocale" : major >= 15 ? "daticulocale" : "NULL";
  const std::string rules = major >= 16 ? "daticurules" : "NULL";
  YTB_ASSIGN(Rows made,
             session.query(fmt::format("SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate, "
                                       "datctype, {}, {}, {} FROM pg_catalog.pg_database WHERE datname "
                                       "= pg_catalog.current_database()",
                                       provider, locale, rules)));
  if (made.empty()) return none("the database has gone");
  database.options = fmt::format("ENCODING {} LC_COLLATE {} LC_CTYPE {}", session.literal(made.at(0, 0)),
                                 session.literal(made.at(0, 1)), session.literal(made.at(0, 2)));
  database.locale = made.text(0, 1);
  const std::string by = made.text(0, 3);
  if (by == "c") {
    if (major >= 15) database.options += " LOCALE_PROVIDER libc";
    return {};
  }
  database.locale = made.text(0, 4);
  database.options +=
      fmt::format(" LOCALE_PROVIDER {} {} {}", by == "i" ? "icu" : "builtin",
                  by == "i" ? "ICU_LOCALE" : "BUILTIN_LOCALE", session.literal(made.at(0, 4)));
  if (!made.is_null(0, 5)) database.options += " ICU_RULES " + session.literal(made.at(0, 5));
  return {};
}

Status read_roles(Connection& session, Production& found) {
  YTB_ASSIGN(Rows roles,
             session.query("SELECT rolname FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' ORDER BY oid"));
  for (int row = 0; row < roles.count(); ++row) found.roles.push_back(roles.text(row, 0));
  YTB_ASSIGN(Rows members,
             session.query("SELECT r.rolname, m.rolname FROM pg_catalog.pg_auth_members a JOIN "
                           "pg_catalog.pg_roles r ON r.oid = a.roleid JOIN pg_catalog.pg_roles m ON "
                           "m.oid = a.member"));
  for (int row = 0; row < members.count(); ++row)
    found.members.emplace_back(members.text(row, 0), members.text(row, 1));
  return {};
}

Result<Production> look_at(const ports::SessionTarget& target, const ports::SchemaTrial::Trials& trials,
                           const StopFlag& stop) {
  Production found;
  std::set<std::string> databases;
  for (const auto& trial : trials) databases.insert(trial->database);
  std::set<std::string> extensions;
  for (const std::string& name : databases) {
    YTB_ASSIGN(Connection session, Connection::open(target, name, SessionKind::kProduction, &stop));
    if (found.roles.empty()) YTB_TRY(read_roles(session, found));
    Production::Database& database = found.databases[name];
    YTB_TRY(read_locale(session, database));
    YTB_ASSIGN(Rows settings,
               session.query("SELECT r.rolname, s.setdatabase <> 0, s.setconfig FROM "
                             "pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON "
                             "r.oid = s.setrole WHERE s.setdatabase = 0 OR s.setdatabase = (SELECT "
                             "oid FROM pg_catalog.pg_database WHERE datname = "
                             "pg_catalog.current_database())"));
    for (int row = 0; row < settings.count(); ++row)
      database.settings.push_back({settings.text(row, 0), settings.truth(row, 1), settings.text(row, 2)});
    YTB_ASSIGN(
        Rows rows,
        session.query("SELECT extname FROM pg_catalog.pg_extension WHERE extname ~ '^[A-Za-z0-9_-]+$'"));
    for (int row = 0; row < rows.count(); ++row) extensions.insert(rows.text(row, 0));
    for (const auto& trial : trials) {
      if (trial->database != name) continue;
      YTB_ASSIGN(std::optional<Definition> definition, read_definition(session, *trial));
      if (definition) database.definitions.emplace(trial.get(), std::move(*definition));
    }
  }
  found.extensions.assign(extensions.begin(), extensions.end());
  return found;
}

// A connection string in keywords for one database, without its password.
Result<std::string> connection_to(const ports::SessionTarget& target, const std::string& database) {
  const auto whole = target.parameters.find("connection");
  const std::string text = whole == target.parameters.end() ? std::string() : whole->second;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(text.c_str(), nullptr), PQconninfoFree);
  if (options == nullptr)
    return Error{.code = Code::kConfig, .message = "source.connection cannot be read", .hint = {}};
  std::map<std::string, std::string> values;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) values[option->keyword] = option->val;
  }
  for (const auto& [key, value] : target.parameters) {
    if (key != "connection") values[key] = value;
  }
  values["dbname"] = database;
  values.erase("password");
  std::string out;
  for (const auto& [key, value] : values) {
    std::string quoted;
    for (char c : value) {
      if (c == '\'' || c == '\\') quoted += '\\';
      quoted += c;
    }
    out += fmt::format("{}{}='{}'", out.empty() ? "" : " ", key, quoted);
  }
  return out;
}

// Readable by our own user only, and gone with the process.
void give_password(const ports::SessionTarget& target, os::Command& command) {
  command.environment["PGAPPNAME"] = "yesterdaytabase";
  command.environment["PGCONNECT_TIMEOUT"] = "30";
  if (!target.password.empty()) command.environment["PGPASSWORD"] = std::string(target.password.reveal());
}

class Asking {
 public:
  Asking(const SchemaTrialOptions& options, const ports::SessionTarget& production, TrialServer& server,
         const ports::SessionTarget& session, ports::Progress& progress, const StopFlag& stop)
      : options_(options),
        production_(production),
        server_(server),
        session_(session),
        progress_(progress),
        stop_(stop) {}

  Status make_roles(const Production& found) {
    YTB_ASSIGN(Connection ours, Connection::open(session_, "template1", SessionKind::kCopy, &stop_));
    for (const std::string& role : found.roles) {
      YTB_TRY(stop_.check());
      if (role == server_.spec().admin_role) continue;
      YTB_TRY(ours.execute("CREATE ROLE " + ours.identifier(role) + " NOLOGIN"));
    }
    for (const auto& [role, member] : found.members) {
      YTB_TRY(stop_.check());
      // One that this version does not know, or that holds already: no constraint asks for it.
      (void)ours.execute(fmt::format("GRANT {} TO {}", ours.identifier(role), ours.identifier(member)));
    }
    return {};
  }

  Status make_database(const std::string& name, const Production::Database& made) {
    progress_.update({.stage = "try", .item = "types and functions of " + name});
    YTB_TRY(create(name, made));
    YTB_ASSIGN(std::string dump, read_schema(name));
    const Status loaded = load_schema(dump, name);
    YTB_TRY(os::remove_file(dump));
    return loaded;
  }

  TrialAnswer ask(Connection& ours, OwnerSessions& owners, const ConstraintTrial& trial,
                  const Definition& definition) {
    TrialAnswer answer;
    progress_.update({.stage = "try", .item = trial.what});
    server_.give(kTrialMax + kGrace);
    const Status asked = ask_as_owner(ours, owners, trial, definition, answer);
    server_.give(std::nullopt);
    if (!asked.ok()) {
      answer.rows.clear();
      answer.why_not = server_.ended() ? std::string(kDoesNotEnd) : asked.error().message;
    }
    return answer;
  }

  static constexpr std::string_view kDoesNotEnd =
      "code of production's did not end, and its server was ended";

 private:
  Status create(const std::string& name, const Production::Database& made) {
    if (name == "template1") return none("a template cannot be made anew");
    YTB_ASSIGN(Connection ours, Connection::open(session_, "template1", SessionKind::kCopy, &stop_));
    if (name == "postgres") YTB_TRY(ours.execute("DROP DATABASE postgres"));
    if (!ours.execute(
                 fmt::format("CREATE DATABASE {} TEMPLATE template0 {}", ours.identifier(name), made.options))
             .ok())
      return none(fmt::format("this host cannot make a database with the locale {}", printable(made.locale)));
    for (const Setting& setting : made.settings) {
      YTB_TRY(
          ours.execute(kKeepSetting, {setting.of_database ? "t" : "f", setting.values, setting.role, name}));
    }
    return {};
  }

  Result<std::string> read_schema(const std::string& database) {
    YTB_ASSIGN(std::string program, options_.find_client("pg_dump"));
    YTB_ASSIGN(std::string connection, connection_to(production_, database));
    std::string file = os::join_path(server_.spec().root, "schema.dump");
    os::Command command{
        .argv = {program, "-d", connection, "-w", "-Fc", "--schema-only", "-T", "*.*", "--no-comments",
                 "--no-security-labels", "--no-publications", "--no-subscriptions", "--no-tablespaces",
                 "--lock-wait-timeout=10000", "-f", file},
        .timeout = kDumpMax,
        .stop = &stop_};
    give_password(production_, command);
    YTB_ASSIGN(os::Finished dumped, os::run(command));
    YTB_TRY(stop_.check());
    // What it says may be production's own words.
    if (!dumped.ok())
      return none(fmt::format("pg_dump could not read production's types and functions (status {})",
                              dumped.exit_status));
    return file;
  }

  // What cannot be made there (an extension that is not installed here) is left out, and what needs it, too.
  Status load_schema(const std::string& dump, const std::string& name) {
    YTB_ASSIGN(std::string program, options_.find_client("pg_restore"));
    YTB_ASSIGN(std::string connection, connection_to(session_, name));
    os::Command command{
        .argv = {program, "-d", connection, "-w", "--section=pre-data", "--no-tablespaces", dump},
        .timeout = kRestoreMax,
        .stop = &stop_};
    give_password(session_, command);
    auto loaded = os::run(command);
    return loaded.ok() ? Status() : Status(std::move(loaded).error());
  }

  Status ask_as_owner(Connection& ours, OwnerSessions& owners, const ConstraintTrial& trial,
                      const Definition& definition, TrialAnswer& answer) {
    YTB_TRY(ours.execute(fmt::format("DROP SCHEMA IF EXISTS {0} CASCADE; CREATE SCHEMA {0} AUTHORIZATION {1}",
                                     kSchema, ours.identifier(definition.owner))));
    YTB_ASSIGN(Connection * owner, owners.as_role(definition.owner));
    const Status asked = ask(*owner, trial, definition, answer);
    owner->roll_back();
    return asked;
  }

  Status ask(Connection& owner, const ConstraintTrial& trial, const Definition& definition,
             TrialAnswer& answer) {
    YTB_ASSIGN(std::string table, make_table(owner, definition));
    YTB_TRY(owner.execute("BEGIN"));
    std::vector<std::string> columns;
    for (const std::string& column : trial.columns) columns.push_back(owner.identifier(column));
    Statement statement{
        .begin = fmt::format("INSERT INTO {} ({}) VALUES ", table, join(columns, ", ")),
        // A virtual column is computed where it is read.
        .end = trial.generated.empty() ? std::string() : " RETURNING " + owner.identifier(trial.generated)};
    const auto until = steady_clock::now() + kTrialMax;
    for (const masking::TrialRow& row : trial.rows) {
      YTB_TRY(stop_.check());
      if (steady_clock::now() > until) return none("it takes too long to compute");
      YTB_ASSIGN(TrialOutcome before, try_row(owner, trial, statement, row.before));
      YTB_ASSIGN(TrialOutcome after, try_row(owner, trial, statement, row.after));
      answer.rows.push_back({before, after});
    }
    return masking::is_refused(answer) ? ask_about_others(owner, trial, statement, until, answer) : Status();
  }

  struct Statement {
    std::string begin;
    std::string end;
  };

  Status ask_about_others(Connection& owner, const ConstraintTrial& trial, const Statement& statement,
                          steady_clock::time_point until, TrialAnswer& answer) {
    const bool any = std::any_of(answer.rows.begin(), answer.rows.end(), [](const TrialAnswer::Row& row) {
      return row.before == TrialOutcome::kAllowed;
    });
    for (size_t i = 0; i < trial.others.size(); ++i) {
      bool allowed = true;
      for (size_t row = 0; allowed && row < trial.rows.size(); ++row) {
        if (any && answer.rows[row].before != TrialOutcome::kAllowed) continue;
        YTB_TRY(stop_.check());
        if (steady_clock::now() > until) return {};
        YTB_ASSIGN(TrialOutcome outcome, try_row(owner, trial, statement, trial.others[i].after[row]));
        allowed = outcome == TrialOutcome::kAllowed;
      }
      if (!allowed) continue;
      answer.satisfied_by = i;
      return {};
    }
    return {};
  }

  // Its name, for a statement. Constant parts of it are computed as it is made.
  static Result<std::string> make_table(Connection& owner, const Definition& definition) {
    const std::string table = owner.qualified(kSchema, "trial");
    std::vector<std::string> parts = definition.columns;
    if (!definition.check.empty()) parts.push_back(definition.check);
    YTB_TRY(owner.execute(fmt::format(
        "BEGIN; SET LOCAL search_path = pg_catalog; SET LOCAL statement_timeout = '{}'", kStatementMax)));
    if (!owner.execute(fmt::format("CREATE TABLE {} ({})", table, join(parts, ", "))).ok())
      return none(
          "its table cannot be made there: it needs another table, a right, or an extension that is not "
          "to be had in a sealed server here");
    YTB_TRY(owner.commit());
    return table;
  }

  Result<TrialOutcome> try_row(Connection& owner, const ConstraintTrial& trial, const Statement& statement,
                               const masking::TrialRow::Fields& fields) {
    std::vector<std::string> values;
    for (const auto& field : fields) values.push_back(field ? owner.literal(*field) : "NULL");
    YTB_TRY(owner.execute(fmt::format("SAVEPOINT trial; SET LOCAL statement_timeout = '{}'", kStatementMax)));
    const Status inserted =
        owner.execute(fmt::format("{}({}){}", statement.begin, join(values, ", "), statement.end));
    const std::string state = inserted.ok() ? std::string() : owner.last_state();
    const std::string constraint = owner.last_constraint();
    YTB_TRY(stop_.check());
    YTB_TRY(owner.execute("ROLLBACK TO trial; RELEASE trial"));
    if (inserted.ok()) return TrialOutcome::kAllowed;
    const bool by_check = state == "23514" && constraint == trial.constraint;
    const bool by_length = state == "22001" && trial.constraint.empty();
    return by_check || by_length ? TrialOutcome::kForbidden : TrialOutcome::kFailed;
  }

  const SchemaTrialOptions& options_;
  const ports::SessionTarget& production_;
  TrialServer& server_;
  const ports::SessionTarget& session_;
  ports::Progress& progress_;
  const StopFlag& stop_;
};

// Those of production's that can be created in a sealed server of this host.
std::vector<std::string> installed_here(const std::string& bin_dir, const std::string& run_as,
                                        const std::vector<std::string>& extensions) {
  std::vector<std::string> out;
  for (const std::string& name : extensions) {
    if (check_extensions(bin_dir, run_as, {name}).ok()) out.push_back(name);
  }
  return out;
}

// Of one database, in order.
void ask_all(Asking& asking, const ports::SessionTarget& session, const std::string& database,
             const Production::Database& made, const ports::SchemaTrial::Trials& trials,
             const TrialServer& server, const StopFlag& stop, steady_clock::duration& asked,
             std::vector<TrialAnswer>& answers) {
  const auto of_all = [&](std::string_view why) {
    for (size_t i = 0; i < trials.size(); ++i) {
      if (trials[i]->database == database) answers[i].why_not = why;
    }
  };
  if (server.ended()) return of_all(Asking::kDoesNotEnd);
  const Status there = asking.make_database(database, made);
  if (!there.ok()) return of_all(there.error().message);
  Result<Connection> ours = Connection::open(session, database, SessionKind::kCopy, &stop);
  const Status ready = ours.ok() ? ensure_progress(*ours) : Status(ours.error());
  if (!ready.ok()) return of_all(ready.error().message);
  OwnerSessions owners(session, *ours, database, stop);
  for (size_t i = 0; i < trials.size() && !stop.requested(); ++i) {
    if (trials[i]->database != database) continue;
    const auto definition = made.definitions.find(trials[i].get());
    if (server.ended()) {
      answers[i].why_not = Asking::kDoesNotEnd;
    } else if (asked > kTrialsMax) {
      answers[i].why_not = "those before it took too long to compute";
    } else if (definition == made.definitions.end()) {
      answers[i].why_not = "production does not have it any more";
    } else {
      const auto begin = steady_clock::now();
      answers[i] = asking.ask(*ours, owners, *trials[i], definition->second);
      asked += steady_clock::now() - begin;
    }
  }
}

}  // namespace

std::string PostgresSchemaTrial::folder() const {
  return os::join_path(options_.directory, ".try-" + options_.production);
}

Status PostgresSchemaTrial::clean_up() {
  ports::InstanceSpec left;
  left.root = folder();
  left.copy_id = "try-" + options_.production;
  if (!os::exists(left.root)) return {};
  YTB_ASSIGN(os::FileLock lock,
             os::FileLock::acquire(os::join_path(options_.directory, ".lock-try-" + options_.production),
                                   "clearing away", clock_.now()));
  YTB_TRY(PostgresInstance().stop(left));
  YTB_TRY(os::remove_tree(left.root));
  return lock.remove_file();
}

Result<std::vector<TrialAnswer>> PostgresSchemaTrial::ask(const ports::SessionTarget& production,
                                                          int engine_major, const Trials& trials,
                                                          ports::Progress& progress, const StopFlag& stop) {
  if (!options_.isolation.sealed())
    return none("copies run here without a seal, and production's code runs nowhere else");
  progress.update({.stage = "try", .item = "constraints that need production's code"});
  YTB_ASSIGN(Production found, look_at(production, trials, stop));

  YTB_TRY(os::make_folders(options_.directory, 0711));
  const std::string name = "try-" + options_.production;
  YTB_ASSIGN(os::FileLock lock, os::FileLock::acquire(os::join_path(options_.directory, ".lock-" + name),
                                                      "trying constraints", clock_.now()));
  ports::InstanceSpec spec{.root = folder(),
                           .copy_id = name,
                           .data_as_of = to_iso(clock_.now()),
                           .engine_major = engine_major,
                           .port = options_.port,
                           .run_as = options_.run_as,
                           .admin_role = "ytb_" + to_hex(random_key(kRoleBytes).reveal()),
                           .settings = {},
                           .preload = {},
                           .bin_dir = options_.bin_dir,
                           .isolation = options_.isolation};
  YTB_ASSIGN(std::string bin_dir, PostgresInstance().find_binaries(spec));
  spec.extensions = installed_here(bin_dir, options_.run_as, found.extensions);
  TrialServer server(spec, stop);
  YTB_TRY(server.begin());
  YTB_ASSIGN(ports::SessionTarget session, server.session());
  Asking asking(options_, production, server, session, progress, stop);
  YTB_TRY(asking.make_roles(found));

  std::vector<TrialAnswer> answers(trials.size());
  steady_clock::duration asked{};
  for (const auto& [database, made] : found.databases) {
    YTB_TRY(stop.check());
    ask_all(asking, session, database, made, trials, server, stop, asked, answers);
  }
  YTB_TRY(server.end());
  YTB_TRY(lock.remove_file());
  return answers;
}

}  // namespace ytb::postgres
