#include "drivers/postgres/schema_trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

#include "base/secret.h"
#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/os/lock.h"
#include "drivers/os/subprocess.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/server_files.h"
#include "drivers/postgres/session_settings.h"
#include "drivers/postgres/trial_definitions.h"
#include "drivers/postgres/trial_server.h"

namespace ytb::postgres {
namespace {

using masking::ConstraintTrial;
using masking::TrialAnswer;
using masking::TrialOutcome;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr size_t kRoleBytes = 8;
constexpr auto kDumpMax = minutes(2);
constexpr auto kLoadMax = seconds(30);
constexpr uint64_t kLoadMemoryMax = 512UL << 20;       // of pg_restore, which keeps what the server tells it
constexpr auto kAllMax = minutes(3);                   // then no other database is begun with
constexpr int kServersMax = 3;                         // of a database
constexpr auto kTrialMax = seconds(6);                 // of one constraint
constexpr auto kTrialGrace = seconds(4);               // for what was told to end
constexpr auto kBusyMax = minutes(5);                  // for another one that tries
constexpr std::string_view kTrialStatementMax = "2s";  // a CHECK may loop for ever
constexpr std::string_view kSchema = "yesterdaytabase_trial";
constexpr size_t kDumpBytesMax = 64UL << 20;

// What pg_restore makes, as its list names it (pg_backup_archiver.c): what a role without power may make,
// that a constraint may need.
constexpr std::string_view kMade[] = {"SCHEMA",
                                      "TYPE",
                                      "DOMAIN",
                                      "FUNCTION",
                                      "PROCEDURE",
                                      "OPERATOR",
                                      "AGGREGATE",
                                      "CAST",
                                      "COLLATION",
                                      "TEXT SEARCH CONFIGURATION",
                                      "TEXT SEARCH DICTIONARY"};

Error none(std::string why) {
  return Error{.code = Code::kUnsupported, .message = std::move(why), .hint = {}};
}

class Asking {
 public:
  Asking(const SchemaTrialOptions& options, TrialServer& server, ports::Progress& progress,
         const StopFlag& stop)
      : options_(options), server_(server), progress_(progress), stop_(stop) {}

  // With the types and functions in `dump`, without settings.
  Status make_database(const std::string& name, const TrialDatabase& made, const std::string& dump,
                       const std::vector<std::string>& extensions) {
    progress_.update({.stage = "try", .item = "types and functions of " + printable(name)});
    YTB_TRY(create(name, made));
    YTB_TRY(make_extensions(name, made, extensions));
    YTB_ASSIGN(const std::string settings, settings_before(name));
    server_.give(kLoadMax);
    YTB_TRY(load(name, dump));
    server_.give(kTrialMax + kTrialGrace);
    YTB_TRY(check_loaded(name, made, settings));
    server_.give(std::nullopt);
    return {};
  }

  TrialAnswer ask(const ConstraintTrial& trial, const TrialDatabase& database, const TrialTable& table) {
    TrialAnswer answer{.why_not = {}, .rows = {}, .runs_code = table.runs_code};
    progress_.update({.stage = "try", .item = trial.what});
    server_.give(kTrialMax + kTrialGrace);
    const Status asked = ask_guest(trial, database, table, answer);
    server_.give(std::nullopt);
    if (!asked.ok() && asked.error().code == Code::kConnection) server_.await_end();
    if (!asked.ok()) {
      answer.rows.clear();
      answer.why_not = asked.error().message;
    }
    return answer;
  }

 private:
  struct Statement {
    std::string begin;
    std::string end;
  };

  // Our last session in the server: what comes next is production's, and the guest's.
  Status create(const std::string& name, const TrialDatabase& made) {
    if (name == "template1" || name == "template0") return none("a template cannot be made anew");
    YTB_ASSIGN(Connection ours, server_.ours());
    if (name == "postgres") YTB_TRY(ours.execute("DROP DATABASE postgres"));
    std::string options = fmt::format("ENCODING {} LC_COLLATE {} LC_CTYPE {}", ours.literal(made.encoding),
                                      ours.literal(made.collate), ours.literal(made.ctype));
    if (ours.major() >= 15)
      options += fmt::format(" LOCALE_PROVIDER {}", made.provider == "i"   ? "icu"
                                                    : made.provider == "b" ? "builtin"
                                                                           : "libc");
    if (made.provider == "i") options += " ICU_LOCALE " + ours.literal(made.locale);
    if (made.provider == "b") options += " BUILTIN_LOCALE " + ours.literal(made.locale);
    if (!made.rules.empty()) options += " ICU_RULES " + ours.literal(made.rules);
    Status created = ours.execute(fmt::format("CREATE DATABASE {} OWNER {} TEMPLATE template0 {}",
                                              ours.identifier(name), server_.guest_name(), options));
    // invalid_parameter_value, wrong_object_type, feature_not_supported
    const std::string& state = ours.last_state();
    if (state == "22023" || state == "42809" || state == "0A000")
      return none(fmt::format("this host cannot make a database with the locale {}",
                              printable(made.provider == "c" ? made.collate : made.locale)));
    return created;
  }

  // As the guest: what a script makes that needs no superuser belongs to who made it, and may run with his
  // power. One that cannot be made is missing, and what needs it, too.
  Status make_extensions(const std::string& name, const TrialDatabase& made,
                         const std::vector<std::string>& wanted) {
    YTB_ASSIGN(Connection guest, server_.guest(name));
    YTB_TRY(guest.execute("SET search_path = pg_catalog"));
    for (const auto& [extension, schema, version] : made.extensions) {
      if (std::find(wanted.begin(), wanted.end(), extension) == wanted.end()) continue;
      YTB_TRY(stop_.check());
      (void)guest.execute("CREATE SCHEMA IF NOT EXISTS " + guest.identifier(schema));
      (void)guest.execute(fmt::format("CREATE EXTENSION {} SCHEMA {} VERSION {}", guest.identifier(extension),
                                      guest.identifier(schema), guest.literal(version)));
    }
    return {};
  }

  // What cannot be made there (for want of an extension, a relation, a language, a right) is left out.
  Status load(const std::string& name, const std::string& dump) {
    YTB_ASSIGN(std::string program, internal::restoring_program(options_.find_client));
    YTB_ASSIGN(os::Finished list, os::run_checked({.argv = {program, "--list"},
                                                   .stdin_text = dump,
                                                   .output_bytes_max = kDumpBytesMax,
                                                   .stop = &stop_}));
    if (list.truncated) return none("production has more types and functions than are looked through");
    const std::string wanted = os::join_path(server_.spec().root, "schema.list");
    YTB_TRY(os::write_file(wanted, internal::made_of(list.out)));
    std::map<std::string, std::string> parameters = server_.guest_target().parameters;
    parameters["dbname"] = name;
    os::Command command{.argv = {program, "-d", to_connection_string(parameters), "-w", "--section=pre-data",
                                 "--no-owner", "--no-privileges", "--no-tablespaces", "-L", wanted},
                        .memory_max = kLoadMemoryMax,
                        .stdin_text = dump,
                        .timeout = kLoadMax,
                        .stop = &stop_};
    command.environment["PGAPPNAME"] = "yesterdaytabase";
    command.environment["PGOPTIONS"] = startup_options(SessionKind::kOwner, 0);
    auto loaded = os::run(command);
    return loaded.ok() ? Status() : Status(std::move(loaded).error());
  }

  Status ask_guest(const ConstraintTrial& trial, const TrialDatabase& database, const TrialTable& table,
                   TrialAnswer& answer) {
    YTB_ASSIGN(Connection guest, server_.guest(trial.database));
    YTB_TRY(guest.execute(fmt::format("SET search_path = pg_catalog, pg_temp; SET statement_timeout = '{}'",
                                      kTrialStatementMax)));
    YTB_TRY(check_code(table));
    YTB_TRY(guest.execute("BEGIN"));  // never committed: no code changes what the next constraint meets
    YTB_TRY(make_table(guest, table));
    YTB_TRY(begin_as(guest, table.owner, database));
    return ask_rows(guest, trial, answer);
  }

  // All of ALTER ROLE and ALTER DATABASE: the guest's own (trial_server.cc), and no other.
  static Result<std::string> settings_of(Connection& guest) {
    return guest.value(
        "SELECT pg_catalog.string_agg(s::text, ' ' ORDER BY s::text) FROM pg_catalog.pg_db_role_setting s");
  }
  Result<std::string> settings_before(const std::string& name) {
    YTB_ASSIGN(Connection guest, server_.guest(name));
    return settings_of(guest);
  }

  // What was loaded may have run, and have changed what is not its own. Nothing runs any more that is not
  // rolled back, so once is enough.
  Status check_loaded(const std::string& name, const TrialDatabase& made, const std::string& settings) {
    YTB_ASSIGN(Connection guest, server_.guest(name));
    YTB_TRY(guest.execute("SET search_path = pg_catalog, pg_temp"));
    YTB_ASSIGN(there_, read_definitions(guest));
    for (const auto& [key, digest] : there_) {
      const auto in_production = made.definitions.find(key);
      if (in_production == made.definitions.end() || in_production->second != digest)
        return none(printable(key) +
                    " is there, and not as in production: code that was loaded may have changed it");
    }
    YTB_ASSIGN(const std::string settings_now, settings_of(guest));
    if (settings_now != settings) return none("code that was loaded has changed settings there");
    YTB_ASSIGN(const std::string beside, read_beside_definitions(guest));
    return beside.empty() ? Status() : none("code that was loaded has " + beside + " there");
  }

  // Whether all that it may reach is there. What is there is as in production (check_loaded).
  Status check_code(const TrialTable& table) const {
    const bool all = std::all_of(table.needs->begin(), table.needs->end(),
                                 [&](const std::string* key) { return there_.contains(*key); });
    return all ? Status()
               : none("not all of its code can be made there: it may need tables, an extension, a right");
  }

  // Constant parts of it are computed as it is made.
  static Status make_table(Connection& guest, const TrialTable& table) {
    std::vector<std::string> parts = table.columns;
    if (!table.check.empty()) parts.push_back(table.check);
    YTB_TRY(guest.execute(fmt::format("CREATE SCHEMA {}", kSchema)));
    if (!guest.execute(fmt::format("CREATE TABLE {}.trial ({})", kSchema, join(parts, ", "))).ok())
      return none(
          "its table cannot be made there: it needs another table, a right, a language or an extension that "
          "is not to be had in a sealed server here");
    return guest.execute("RESET search_path; RESET statement_timeout");
  }

  // They change no value.
  static bool is_of_logs(std::string_view name) {
    for (std::string_view with : {"log_", "auto_explain.", "pgaudit.", "track_", "pg_stat_statements."}) {
      if (name.starts_with(with)) return true;
    }
    return false;
  }

  // With the settings that a session of `owner`'s has in production.
  static Status begin_as(Connection& guest, const std::string& owner, const TrialDatabase& database) {
    for (const auto& [name, value] : database.settings_of(owner)) {
      if (is_fixed_for_owners(name) || is_of_logs(name)) continue;
      if (!guest.execute("SELECT pg_catalog.set_config($1, $2, false)", {name, value}).ok())
        return none(
            fmt::format("its owner's sessions begin with {}, which cannot be set there", printable(name)));
    }
    // The guest is not the owner, whose schema is meant.
    return guest.execute(R"sql(
        SELECT pg_catalog.set_config('search_path',
                 pg_catalog.replace(pg_catalog.replace(pg_catalog.current_setting('search_path'),
                   '"$user"', pg_catalog.quote_ident($1)), '$user', pg_catalog.quote_ident($1)), false))sql",
                         {owner});
  }

  Status ask_rows(Connection& guest, const ConstraintTrial& trial, TrialAnswer& answer) {
    std::vector<std::string> columns;
    for (const std::string& column : trial.columns) columns.push_back(guest.identifier(column));
    Statement statement{
        .begin = fmt::format("INSERT INTO {}.trial ({}) VALUES ", kSchema, join(columns, ", ")),
        // A virtual column is computed where it is read.
        .end = trial.generated.empty() ? std::string() : " RETURNING " + guest.identifier(trial.generated)};
    const auto until = steady_clock::now() + kTrialMax;
    for (const masking::TrialRow& row : trial.rows) {
      YTB_TRY(stop_.check());
      if (steady_clock::now() > until) return none("it takes too long to compute");
      YTB_ASSIGN(TrialOutcome before, try_row(guest, trial, statement, row.before));
      YTB_ASSIGN(TrialOutcome after, try_row(guest, trial, statement, row.after));
      answer.rows.push_back({before, after});
    }
    return masking::is_refused(answer) ? ask_about_others(guest, trial, statement, until, answer) : Status();
  }

  Status ask_about_others(Connection& guest, const ConstraintTrial& trial, const Statement& statement,
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
        YTB_ASSIGN(TrialOutcome outcome, try_row(guest, trial, statement, trial.others[i].after[row]));
        allowed = outcome == TrialOutcome::kAllowed;
      }
      if (!allowed) continue;
      answer.satisfied_by = i;
      return {};
    }
    return {};
  }

  Result<TrialOutcome> try_row(Connection& guest, const ConstraintTrial& trial, const Statement& statement,
                               const masking::TrialRow::Fields& fields) {
    std::vector<std::string> values;
    for (const auto& field : fields) values.push_back(field ? guest.literal(*field) : "NULL");
    YTB_TRY(guest.execute(
        fmt::format("SAVEPOINT trial; SET LOCAL statement_timeout = '{}'", kTrialStatementMax)));
    const Status inserted =
        guest.execute(fmt::format("{}({}){}", statement.begin, join(values, ", "), statement.end));
    const std::string state = inserted.ok() ? std::string() : guest.last_state();
    const Connection::Named named = guest.last_named();
    YTB_TRY(stop_.check());
    if (state == "57014") return none("it takes too long to compute");
    YTB_TRY(guest.execute("ROLLBACK TO trial; RELEASE trial"));
    if (inserted.ok()) return TrialOutcome::kAllowed;
    // Code may insert elsewhere, too.
    const bool here = trial.of_domain || (named.schema == kSchema && named.table == "trial");
    const bool by_check = state == "23514" && named.constraint == trial.constraint && here;
    const bool by_length = state == "22001" && trial.constraint.empty();
    return by_check || by_length ? TrialOutcome::kForbidden : TrialOutcome::kFailed;
  }

  const SchemaTrialOptions& options_;
  TrialServer& server_;
  ports::Progress& progress_;
  const StopFlag& stop_;
  Definitions there_;
};

// Definitions of one database but those of relations, as an archive of pg_dump's.
Result<std::string> read_schema(const SchemaTrialOptions& options, const ports::SessionTarget& production,
                                const std::string& database, const StopFlag& stop) {
  YTB_ASSIGN(std::string program, options.find_client("pg_dump"));
  YTB_ASSIGN(const Connection session,
             Connection::open(production, database, SessionKind::kProduction, &stop));
  std::map<std::string, std::string> parameters = session.parameters();
  parameters["dbname"] = database;
  os::Command command{
      .argv = {program, "-d", to_connection_string(parameters), "-w", "-Fc", "--schema-only", "-T", "*.*",
               "--no-owner", "--no-privileges", "--no-comments", "--no-security-labels", "--no-publications",
               "--no-subscriptions", "--no-tablespaces", "--lock-wait-timeout=10000"},
      .cwd = std::filesystem::current_path().string(),  // certificates may be named from it
      .timeout = kDumpMax,
      .output_bytes_max = kDumpBytesMax,
      .stop = &stop};
  command.environment["PGAPPNAME"] = "yesterdaytabase";
  // An environment is readable by our own user only, and gone with the process.
  const Secret password = session.password();
  if (!password.empty()) command.environment["PGPASSWORD"] = std::string(password.reveal());
  YTB_ASSIGN(os::Finished dumped, os::run(command));
  YTB_TRY(stop.check());
  if (dumped.truncated) return none("production has more types and functions than are looked through");
  // What it says may be production's own words.
  if (!dumped.ok())
    return none(fmt::format("pg_dump could not read production's types and functions (status {})",
                            dumped.exit_status));
  return std::move(dumped.out);
}

// Those of production's that any owner of a database could make here, but for languages and what serves them.
std::vector<std::string> extensions_to_make(const std::string& bin_dir, const std::string& run_as,
                                            const TrialDatabase& database) {
  std::vector<std::string> out;
  for (const auto& [extension, schema, version] : database.extensions) {
    const bool of_language = extension.starts_with("pl") || extension.find("_pl") != std::string::npos;
    if (!of_language && check_extensions(bin_dir, run_as, {extension}).ok()) out.push_back(extension);
  }
  return out;
}

// Of one database, in order. A server that code of production's took with it is begun anew, a few times.
void ask_database(const SchemaTrialOptions& options, const ports::InstanceSpec& spec,
                  const std::string& database, const TrialDatabase& made, const std::string& dump,
                  std::vector<std::pair<const ConstraintTrial*, TrialAnswer*>> wanted,
                  steady_clock::time_point until, ports::Progress& progress, const StopFlag& stop) {
  const auto late = [until] { return steady_clock::now() > until; };
  for (int servers = 0; !wanted.empty() && servers < kServersMax && !late(); ++servers) {
    const auto server = TrialServer::begin(spec, stop);
    Status there = server.ok() ? Status() : Status(server.error());
    if (server.ok()) {
      Asking asking(options, **server, progress, stop);
      there = asking.make_database(database, made, dump, spec.extensions);
      while (there.ok() && !wanted.empty() && (*server)->ended().empty() && !stop.requested() && !late()) {
        const auto [trial, answer] = wanted.front();
        *answer = asking.ask(*trial, made, made.tables.at(trial));
        // Whatever failed for that.
        if (const std::string ended = (*server)->ended(); !ended.empty() && answer->rows.empty())
          answer->why_not = ended;
        wanted.erase(wanted.begin());
      }
    }
    if (there.ok()) continue;
    const std::string ended = server.ok() ? (*server)->ended() : std::string();
    for (const auto& [trial, answer] : wanted)
      answer->why_not = ended.empty() ? there.error().message : ended;
    return;
  }
  for (const auto& [trial, answer] : wanted)
    answer->why_not = late() ? "those before it took too long" : "those before it ended their server";
}

}  // namespace

namespace internal {

Result<std::string> restoring_program(const FindClient& find_client) {
  YTB_ASSIGN(const std::string dumping, find_client("pg_dump"));
  std::error_code ignored;
  for (const std::filesystem::path& found :
       {std::filesystem::path(dumping), std::filesystem::canonical(dumping, ignored)}) {
    std::string beside = (found.parent_path() / "pg_restore").string();
    if (os::exists(beside)) return beside;
  }
  return find_client("pg_restore");
}

std::string made_of(std::string_view list) {
  std::string out;
  for (const std::string& line : split(std::string(list), '\n')) {
    std::string_view rest = line;
    const size_t number = rest.find("; ");
    if (number == std::string_view::npos || number == 0) continue;
    rest.remove_prefix(number + 2);
    for (int oids = 0; oids < 2; ++oids) {
      const size_t space = rest.find(' ');
      rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
    }
    const bool made = std::any_of(std::begin(kMade), std::end(kMade), [rest](std::string_view kind) {
      return rest.starts_with(kind) && rest.substr(kind.size()).starts_with(' ');
    });
    if (made) out += line.substr(0, number) + ";\n";
  }
  return out;
}

}  // namespace internal

ports::InstanceSpec PostgresSchemaTrial::spec(int engine_major) const {
  const std::string name = "try-" + options_.production;
  return {.root = os::join_path(options_.directory, "." + name),
          .copy_id = name,
          .data_as_of = to_iso(clock_.now()),
          .engine_major = engine_major,
          .port = options_.port,
          .run_as = options_.run_as,
          .admin_role = "ytb_" + to_hex(random_key(kRoleBytes).reveal()),
          .settings = {{"shared_buffers", "16MB"}},
          .preload = {},
          .bin_dir = options_.bin_dir,
          .isolation = options_.isolation};
}

Status PostgresSchemaTrial::clean_up() {
  const ports::InstanceSpec left = spec(0);
  const std::string lock_file = os::join_path(options_.directory, ".lock-" + left.copy_id);
  if (!os::exists(left.root) && !os::exists(lock_file)) return {};
  YTB_ASSIGN(os::FileLock lock, os::FileLock::acquire(lock_file, "clearing away", clock_.now()));
  YTB_TRY(TrialServer::clear_away(left));
  return lock.remove_file();
}

Result<std::vector<TrialAnswer>> PostgresSchemaTrial::ask(const ports::SessionTarget& production,
                                                          int engine_major, const Trials& trials,
                                                          ports::Progress& progress, const StopFlag& stop) {
  if (options_.off) return none("the config says masking: {try_constraints: false}");
  if (!options_.isolation.sealed())
    return none("copies run here without a seal, and production's code runs nowhere else");
  progress.update({.stage = "try", .item = "constraints that need production's code"});
  const auto until = steady_clock::now() + kAllMax;
  YTB_ASSIGN(const auto databases, read_trial_definitions(production, trials, until, stop));
  YTB_TRY(os::make_folders(options_.directory, 0711));
  ports::InstanceSpec made = spec(engine_major);
  YTB_ASSIGN(os::FileLock lock,
             os::FileLock::acquire_within(os::join_path(options_.directory, ".lock-" + made.copy_id),
                                          "trying constraints", clock_.now(), kBusyMax));
  YTB_ASSIGN(std::string bin_dir, PostgresInstance().find_binaries(made));
  std::vector<TrialAnswer> answers(trials.size());
  for (const auto& [name, database] : databases) {
    YTB_TRY(stop.check());
    std::vector<std::pair<const ConstraintTrial*, TrialAnswer*>> wanted;
    for (size_t i = 0; i < trials.size(); ++i) {
      if (trials[i]->database != name) continue;
      answers[i].why_not = database.why_not;
      if (!database.why_not.empty()) continue;
      answers[i].why_not = database.tables.at(trials[i].get()).why_not;
      if (answers[i].why_not.empty()) wanted.emplace_back(trials[i].get(), &answers[i]);
    }
    if (wanted.empty()) continue;
    const Result<std::string> dump = read_schema(options_, production, name, stop);
    YTB_TRY(stop.check());
    const bool late = steady_clock::now() > until;
    if (!dump.ok() || late) {
      for (const auto& [trial, answer] : wanted)
        answer->why_not = late ? "those before it took too long" : dump.error().message;
      continue;
    }
    made.extensions = extensions_to_make(bin_dir, options_.run_as, database);
    ask_database(options_, made, name, database, *dump, std::move(wanted), until, progress, stop);
  }
  YTB_TRY(stop.check());
  Status cleared = TrialServer::clear_away(made);
  if (cleared.ok()) cleared = lock.remove_file();
  if (!cleared.ok())
    progress.note("the server that tried constraints could not be removed: " + cleared.error().message);
  return answers;
}

}  // namespace ytb::postgres
