#include "drivers/postgres/schema_trial.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "base/secret.h"
#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/os/lock.h"
#include "drivers/os/subprocess.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/instance.h"
#include "drivers/postgres/server_files.h"

namespace ytb::postgres {
namespace {

using masking::ConstraintTrial;
using masking::TrialAnswer;
using masking::TrialOutcome;

constexpr size_t kRoleBytes = 8;
constexpr auto kDumpMax = std::chrono::minutes(30);
constexpr auto kRestoreMax = std::chrono::minutes(30);
constexpr auto kLockPatience = std::chrono::minutes(1);
constexpr auto kTrialMax = std::chrono::seconds(10);  // of one constraint
constexpr auto kTrialsMax = std::chrono::minutes(3);  // of all together
constexpr std::string_view kStatementMax = "2s";      // a CHECK may loop for ever
constexpr std::string_view kSchema = "yesterdaytabase_trial";

// The server of one call. Whatever ends the call, it goes with all of its files; what a killed run left is
// ended by the next one.
class TrialServer {
 public:
  explicit TrialServer(ports::InstanceSpec spec) : spec_(std::move(spec)) {}
  TrialServer(const TrialServer&) = delete;
  TrialServer& operator=(const TrialServer&) = delete;
  ~TrialServer() { (void)end(); }

  Status begin(const StopFlag& stop) {
    YTB_TRY(end());
    YTB_TRY(kind_.make_empty(spec_, stop));
    return kind_.start_closed(spec_);
  }
  Result<ports::SessionTarget> session() {
    YTB_ASSIGN(ports::SessionTarget target, kind_.session(spec_));
    target.label = "the server made from production's schema";
    return target;
  }
  Status end() {
    if (!os::exists(spec_.root)) return {};
    YTB_TRY(kind_.stop(spec_));
    return os::remove_tree(spec_.root);
  }
  [[nodiscard]] const ports::InstanceSpec& spec() const { return spec_; }

 private:
  PostgresInstance kind_;
  ports::InstanceSpec spec_;
};

// The table of one trial, in parts of a statement.
struct Definition {
  std::string owner;
  std::vector<std::string> columns;  // "name type COLLATE …"
  std::string check;                 // "CHECK (…)"; "": the columns say it all
};

// What is read of production itself.
struct Production {
  struct Database {
    std::string encoding;
    std::string collate;
    std::string ctype;
    std::map<const ConstraintTrial*, Definition> definitions;  // none: its table or constraint has gone
  };
  std::map<std::string, Database> databases;
  std::vector<std::string> roles;
  std::vector<std::string> extensions;  // of all databases concerned
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
    if (!stored.contains(name) && name != trial.generated) continue;
    std::string column = session.identifier(name) + " " + columns.text(row, 1);
    if (!columns.is_null(row, 3))
      column += " COLLATE " + session.qualified(columns.at(row, 2), columns.at(row, 3));
    if (name == trial.generated) {
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

Result<Production> look_at(const ports::SessionTarget& target, const ports::SchemaTrial::Trials& trials,
                           const StopFlag& stop) {
  Production found;
  std::set<std::string> databases;
  for (const auto& trial : trials) databases.insert(trial->database);
  std::set<std::string> extensions;
  for (const std::string& name : databases) {
    YTB_ASSIGN(Connection session, Connection::open(target, name, SessionKind::kProduction, &stop));
    if (found.roles.empty()) {
      YTB_ASSIGN(
          Rows roles,
          session.query("SELECT rolname FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_' ORDER BY oid"));
      for (int row = 0; row < roles.count(); ++row) found.roles.push_back(roles.text(row, 0));
    }
    YTB_ASSIGN(Rows made,
               session.query("SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype "
                             "FROM pg_catalog.pg_database WHERE datname = current_database()"));
    if (made.empty()) continue;
    Production::Database& database = found.databases[name];
    database.encoding = made.text(0, 0);
    database.collate = made.text(0, 1);
    database.ctype = made.text(0, 2);
    YTB_ASSIGN(Rows rows,
               session.query("SELECT extname FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql'"));
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

  Status make_roles(const std::vector<std::string>& roles) {
    YTB_ASSIGN(Connection ours, Connection::open(session_, "postgres", SessionKind::kCopy, &stop_));
    for (const std::string& role : roles) {
      YTB_TRY(stop_.check());
      if (role == server_.spec().admin_role) continue;
      YTB_TRY(ours.execute("CREATE ROLE " + ours.identifier(role) + " NOLOGIN"));
    }
    return {};
  }

  // The name of the database of the server that has `database`'s schema.
  Result<std::string> make_database(const std::string& database, const Production::Database& made) {
    const std::string name = fmt::format("trial_{}", ++count_);
    progress_.update({.stage = "try", .item = "schema of " + database});
    YTB_TRY(create(name, made));
    YTB_ASSIGN(std::string dump, read_schema(database));
    YTB_TRY(load_schema(dump, name));
    YTB_TRY(os::remove_file(dump));
    return name;
  }

  TrialAnswer ask(Connection& ours, const ConstraintTrial& trial, const Definition& definition) {
    TrialAnswer answer;
    Status asked = ask(ours, trial, definition, answer);
    ours.roll_back();
    if (!asked.ok()) {
      answer.rows.clear();
      answer.why_not = asked.error().message;
    }
    return answer;
  }

 private:
  // With production's locale where this host has it.
  Status create(const std::string& name, const Production::Database& made) {
    YTB_ASSIGN(Connection ours, Connection::open(session_, "postgres", SessionKind::kCopy, &stop_));
    const auto create_in = [&](const std::string& collate, const std::string& ctype) {
      return ours.execute(
          fmt::format("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}", name,
                      ours.literal(made.encoding), ours.literal(collate), ours.literal(ctype)));
    };
    if (create_in(made.collate, made.ctype).ok()) return {};
    return create_in("C", "C");
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
    auto dumped = os::run_checked(command);
    if (!dumped.ok()) return std::move(dumped).error().while_doing("reading production's schema");
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

  static Error none(std::string why) {
    return Error{.code = Code::kUnsupported, .message = std::move(why), .hint = {}};
  }

  Status ask(Connection& ours, const ConstraintTrial& trial, const Definition& definition,
             TrialAnswer& answer) {
    YTB_TRY(ours.execute("BEGIN"));
    YTB_ASSIGN(std::string table, make_table(ours, definition));
    std::vector<std::string> columns;
    for (const std::string& column : trial.columns) columns.push_back(ours.identifier(column));
    const std::string into = fmt::format("INSERT INTO {} ({}) VALUES ", table, join(columns, ", "));
    const auto until = std::chrono::steady_clock::now() + kTrialMax;
    for (const masking::TrialRow& row : trial.rows) {
      YTB_TRY(stop_.check());
      if (std::chrono::steady_clock::now() > until) return none("it takes too long to compute");
      YTB_ASSIGN(TrialOutcome before, try_row(ours, trial, into, row.before));
      YTB_ASSIGN(TrialOutcome after, try_row(ours, trial, into, row.after));
      answer.rows.push_back({before, after});
    }
    if (masking::is_refused(answer)) YTB_TRY(ask_about_others(ours, trial, into, until, answer));
    return {};
  }

  Status ask_about_others(Connection& ours, const ConstraintTrial& trial, const std::string& into,
                          std::chrono::steady_clock::time_point until, TrialAnswer& answer) {
    const bool any = std::any_of(answer.rows.begin(), answer.rows.end(), [](const TrialAnswer::Row& row) {
      return row.before == TrialOutcome::kAllowed;
    });
    for (size_t i = 0; i < trial.others.size(); ++i) {
      bool allowed = true;
      for (size_t row = 0; allowed && row < trial.rows.size(); ++row) {
        if (any && answer.rows[row].before != TrialOutcome::kAllowed) continue;
        YTB_TRY(stop_.check());
        if (std::chrono::steady_clock::now() > until) return {};
        YTB_ASSIGN(TrialOutcome outcome, try_row(ours, trial, into, trial.others[i].after[row]));
        allowed = outcome == TrialOutcome::kAllowed;
      }
      if (!allowed) continue;
      answer.satisfied_by = i;
      return {};
    }
    return {};
  }

  // Its name, for a statement. From then on the session is that of the owner of production's table.
  static Result<std::string> make_table(Connection& ours, const Definition& definition) {
    const std::string owner = ours.identifier(definition.owner);
    const std::string table = ours.qualified(kSchema, "trial");
    YTB_TRY(ours.execute(fmt::format("CREATE SCHEMA {}", kSchema)));
    YTB_TRY(ours.execute("SET LOCAL search_path = pg_catalog"));
    std::vector<std::string> parts = definition.columns;
    if (!definition.check.empty()) parts.push_back(definition.check);
    if (!ours.execute(fmt::format("CREATE TABLE {} ({})", table, join(parts, ", "))).ok())
      return none("what it needs cannot be made there: an extension that is not on this host, or a table");
    YTB_TRY(ours.execute(fmt::format("ALTER TABLE {} OWNER TO {}", table, owner)));
    YTB_TRY(ours.execute(fmt::format("GRANT USAGE ON SCHEMA {} TO {}", kSchema, owner)));
    YTB_TRY(ours.execute("SET LOCAL SESSION AUTHORIZATION " + owner));
    return table;
  }

  Result<TrialOutcome> try_row(Connection& ours, const ConstraintTrial& trial, const std::string& into,
                               const masking::TrialRow::Fields& fields) {
    std::vector<std::string> values;
    for (const auto& field : fields) values.push_back(field ? ours.literal(*field) : "NULL");
    YTB_TRY(ours.execute(fmt::format("SAVEPOINT trial; SET LOCAL statement_timeout = '{}'", kStatementMax)));
    const Status inserted = ours.execute(fmt::format("{}({})", into, join(values, ", ")));
    const std::string state = inserted.ok() ? std::string() : ours.last_state();
    const std::string constraint = ours.last_constraint();
    YTB_TRY(stop_.check());
    YTB_TRY(ours.execute("ROLLBACK TO trial"));
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
  int count_ = 0;
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

}  // namespace

Result<std::vector<TrialAnswer>> PostgresSchemaTrial::ask(const ports::SessionTarget& production,
                                                          int engine_major, const Trials& trials,
                                                          ports::Progress& progress, const StopFlag& stop) {
  if (!options_.isolation.sealed()) {
    return Error{.code = Code::kUnsupported,
                 .message = "copies run here without a seal, and production's code runs nowhere else",
                 .hint = {}};
  }
  progress.update({.stage = "try", .item = "constraints that need production's code"});
  YTB_ASSIGN(Production found, look_at(production, trials, stop));

  YTB_TRY(os::make_folders(options_.directory, 0711));
  const std::string name = fmt::format(".try-{}", options_.production);
  YTB_ASSIGN(os::FileLock lock,
             os::FileLock::acquire_within(os::join_path(options_.directory, ".lock-" + name.substr(1)),
                                          "trying constraints", clock_.now(), kLockPatience));
  ports::InstanceSpec spec{.root = os::join_path(options_.directory, name),
                           .copy_id = name.substr(1),
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
  TrialServer server(spec);
  YTB_TRY(server.begin(stop));
  YTB_ASSIGN(ports::SessionTarget session, server.session());
  Asking asking(options_, production, server, session, progress, stop);
  YTB_TRY(asking.make_roles(found.roles));

  constexpr std::string_view kGone = "production has it no more";
  std::vector<TrialAnswer> answers(trials.size(), TrialAnswer{.why_not = std::string(kGone), .rows = {}});
  std::chrono::steady_clock::duration asked{};
  for (const auto& [database, made] : found.databases) {
    Result<std::string> name_there = asking.make_database(database, made);
    YTB_TRY(stop.check());
    Result<Connection> ours = name_there.ok()
                                  ? Connection::open(session, *name_there, SessionKind::kCopy, &stop)
                                  : Result<Connection>(name_there.error());
    for (size_t i = 0; i < trials.size(); ++i) {
      if (trials[i]->database != database) continue;
      YTB_TRY(stop.check());
      progress.update({.stage = "try", .item = trials[i]->what});
      const auto definition = made.definitions.find(trials[i].get());
      if (asked > kTrialsMax) {
        answers[i].why_not = "those before it took too long to compute";
      } else if (!ours.ok()) {
        answers[i].why_not = ours.error().message;
      } else if (definition != made.definitions.end()) {
        const auto begin = std::chrono::steady_clock::now();
        answers[i] = asking.ask(*ours, *trials[i], definition->second);
        asked += std::chrono::steady_clock::now() - begin;
      } else {
        answers[i].why_not = kGone;
      }
    }
  }
  YTB_TRY(server.end());
  YTB_TRY(lock.remove_file());
  return answers;
}

}  // namespace ytb::postgres
