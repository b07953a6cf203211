#include "integration/scenario.h"

#include <dirent.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

namespace ytb::testing {
namespace {

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using ResultSet = std::unique_ptr<PGresult, decltype(&PQclear)>;

void write_file(const std::string& path, std::string_view text, mode_t mode) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  chmod(path.c_str(), mode);
}

std::vector<std::string> entries_of(const std::string& folder) {
  std::vector<std::string> names;
  std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(folder.c_str()), closedir);
  if (!dir) return names;
  while (const dirent* entry = readdir(dir.get())) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::vector<std::string>> query_rows(const std::string& connection_string, std::string_view query,
                                                 std::string& error) {
  std::vector<std::vector<std::string>> rows;
  Connection connection(PQconnectdb(connection_string.c_str()), PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    error = PQerrorMessage(connection.get());
    return rows;
  }
  ResultSet result(PQexec(connection.get(), std::string(query).c_str()), PQclear);
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK && PQresultStatus(result.get()) != PGRES_COMMAND_OK) {
    error = PQerrorMessage(connection.get());
    return rows;
  }
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    std::vector<std::string> fields;
    for (int column = 0; column < PQnfields(result.get()); ++column) {
      fields.emplace_back(PQgetvalue(result.get(), row, column));
    }
    rows.push_back(std::move(fields));
  }
  return rows;
}

// As a process's owner: root may not look where it lacks CAP_SYS_PTRACE, as in a container.
bool read_as_owner(const std::string& process, const char* link, std::array<char, PATH_MAX>& into) {
  struct stat owner {};
  if (stat(process.c_str(), &owner) != 0) return false;
  const bool is_root = geteuid() == 0;
  if (is_root) {
    setfsgid(owner.st_gid);
    setfsuid(owner.st_uid);
  }
  const bool read = readlink((process + link).c_str(), into.data(), into.size() - 1) > 0;
  if (is_root) {
    setfsuid(0);
    setfsgid(getegid());
  }
  return read;
}

}  // namespace

std::string program() {
  const char* chosen = std::getenv("YTB_TEST_PROGRAM");
  return chosen != nullptr && *chosen != '\0' ? chosen : std::string(YTB_BINARY_DIR) + "/src/yesterdaytabase";
}

Scenario::Scenario(Options options) : options_(std::move(options)) {
  home_ = temp_.path();
  mkdir(snapshots().c_str(), 0755);
  mkdir(copies().c_str(), 0755);
  mkdir((home_ + "/alias").c_str(), 0755);
  if (const std::string user = server_user(); !user.empty()) {
    run_program({"chown", user, snapshots()});
  }
  if (options_.database != "postgres") {
    options_.production.database = options_.database;
    options_.production.drops_postgres = !options_.keeps_postgres;
  }
  production_ = PostgresCluster::make(options_.production);
  if (!production_) return;
  first_port_ = free_port_block();
  write_file(home_ + "/masking.key", "planted-masking-0123456789abcdef\n", 0600);
  write_file(home_ + "/staging.password", password_ + "\n", 0600);
  write_config();
}

Scenario::~Scenario() {
  ytb({"teardown", "--yes"});
  for (const std::string& process : processes()) ADD_FAILURE() << "left running after teardown: " << process;
}

void Scenario::write_config() {
  std::string source = fmt::format("      directories: [{}]\n", snapshots());
  if (options_.with_connection) {
    source += fmt::format("      connection: \"{}\"\n", options_.connection.empty()
                                                            ? production_->connection(options_.database)
                                                            : options_.connection);
  }
  std::string access = options_.access;
  if (access.empty()) {
    access = fmt::format(
        "      staging:\n        password: file:{}/staging.password\n        member_of: "
        "[pg_read_all_data, pg_read_all_settings]\n"
        "        from: [local, 127.0.0.1/32]\n",
        home_);
  }
  const std::string user = server_user();
  const bool chosen = options_.copies_extra.find("isolation:") != std::string::npos;
  const std::string lacks = chosen ? "" : why_no_seal();
  const std::string isolation =
      lacks.empty() ? "" : fmt::format("        isolation: {{none: \"{}\"}}\n", lacks);
  write_file(config_file(),
             fmt::format(R"(version: 1
state: {home}/state
productions:
  shop:
    source:
      basebackup:
  {source_indented}
    copies:
      local:
        directory: {copies}
        ports: {first}-{last}
        bin_dir: {bin_dir}
{run_as}{copies_extra}    alias:
      socket:
        directory: {alias}
        service_file: {home}/pg_service.conf
{alias_extra}    masking:
      policy: {home}/policy.yaml
      key: file:{home}/masking.key
      workers: 2
{masking_extra}    access:
{access}    spare_copies: {spare}
    drain: {drain}
{extra})",
                         fmt::arg("home", home_), fmt::arg("copies", copies()),
                         fmt::arg("first", first_port_), fmt::arg("last", last_port()),
                         fmt::arg("run_as", user.empty() ? "" : fmt::format("        run_as: {}\n", user)),
                         fmt::arg("bin_dir", postgres_bin_dir()),
                         fmt::arg("copies_extra", options_.copies_extra + isolation),
                         fmt::arg("alias_extra", options_.alias_extra),
                         fmt::arg("masking_extra", options_.masking_extra), fmt::arg("alias", alias()),
                         fmt::arg("access", access), fmt::arg("spare", options_.spare_copies),
                         fmt::arg("drain", options_.drain), fmt::arg("extra", options_.extra),
                         fmt::arg("source_indented",
                                  [&] {
                                    std::string text;
                                    for (char c : source)
                                      text += c == '\n' ? std::string("\n  ") : std::string(1, c);
                                    return text.substr(0, text.size() - 3);
                                  }())),
             0600);
}

RunResult Scenario::ytb(std::vector<std::string> arguments) {
  std::vector<std::string> argv{program(), "--verbose", "--config", config_file()};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run_program(argv);
}

std::string Scenario::ytb_line(std::string_view arguments) const {
  return fmt::format("'{}' --config '{}' {}", program(), config_file(), arguments);
}

namespace {
std::vector<std::string> crashing(const std::string& config, std::vector<std::string> arguments) {
  std::vector<std::string> argv{std::string(YTB_BINARY_DIR) + "/tests/integration/crashing_ytb", "--verbose",
                                "--config", config};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return argv;
}
}  // namespace

RunResult Scenario::crashing_ytb(const std::string& at, std::vector<std::string> arguments) {
  return run_program(crashing(config_file(), std::move(arguments)), {}, {}, {"YTB_TEST_CRASH_AT=" + at});
}

RunResult Scenario::betrayed_ytb(const std::string& at, const std::string& sql,
                                 std::vector<std::string> arguments) {
  const std::string file = home_ + "/betrayal.sql";
  write_file(file, sql, 0644);
  const std::string line = fmt::format(
      "set -e; cd '{}'; f=$(ls */closed.password); c=${{f%/*}}; s=$(find $c -name '.s.PGSQL.*' -type s); "
      "u=$(sed -n 's/.*\"admin_role\": *\"\\([^\"]*\\)\".*/\\1/p' $c/copy.json); "
      "PGPASSWORD=$(cat $f) '{}/psql' -X -q -v ON_ERROR_STOP=1 -h \"$PWD/${{s%/*}}\" -p ${{s##*.}} -U $u -d "
      "'{}' -f '{}' "
      ">'{}/betrayal.log' 2>&1 || {{ cat '{}/betrayal.log' >&2; exit 1; }}",
      copies(), postgres_bin_dir(), options_.database, file, home_, home_);
  return run_program(crashing(config_file(), std::move(arguments)), {}, {},
                     {"YTB_TEST_CRASH_AT=" + at, "YTB_TEST_RUN=" + line});
}

void Scenario::write_policy(std::string_view tables, std::string_view more_databases) {
  std::string indented = "  ";
  for (char c : tables.substr(0, tables.size() - 1))
    indented += c == '\n' ? std::string("\n  ") : std::string(1, c);
  write_file(policy_file(),
             fmt::format("version: 1\ndatabases:\n{}  template1: keep\n  {}:\n    tables:\n{}\n{}",
                         options_.keeps_postgres ? "  postgres: keep\n" : "", options_.database, indented,
                         more_databases),
             0644);
}

void Scenario::accept() {
  RunResult result = ytb({"policy", "accept", "--yes"});
  EXPECT_EQ(result.status, 0) << result.out << result.err;
}

void Scenario::prepare_users() {
  production_->run("shop", R"(
    CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE);
    INSERT INTO users SELECT g, 'user' || g || '@real.test' FROM generate_series(1, 100) g;)");
  write_policy("    public.users: {id: keep, email: email}\n");
  accept();
  take_snapshot("monday");
}

void Scenario::take_snapshot(const std::string& name, const std::vector<std::string>& extra) {
  EXPECT_TRUE(production_->base_backup(snapshots() + "/" + name, extra));
}

RunResult Scenario::refresh(int status, std::vector<std::string> extra) {
  extra.insert(extra.begin(), "refresh");
  RunResult result = ytb(extra);
  EXPECT_EQ(result.status, status) << result.out << result.err;
  return result;
}

std::string Scenario::staging(std::string_view database, std::string_view user) const {
  return fmt::format("host={} user={} dbname='{}' password={} connect_timeout=5 options='{}'", alias(), user,
                     database.empty() ? std::string_view(options_.database) : database, password_,
                     session_options);
}

std::string Scenario::staging_value(std::string_view query, std::string_view database) {
  std::string error;
  auto rows = query_rows(staging(database), query, error);
  if (!error.empty()) return "<error: " + error + ">";
  return rows.empty() || rows[0].empty() ? "" : rows[0][0];
}

std::vector<std::vector<std::string>> Scenario::staging_rows(std::string_view query,
                                                             std::string_view database) {
  std::string error;
  auto rows = query_rows(staging(database), query, error);
  EXPECT_EQ(error, "") << query;
  return rows;
}

std::string Scenario::live_copy() const {
  std::array<char, PATH_MAX> resolved{};
  if (realpath(alias().c_str(), resolved.data()) == nullptr) return "";
  std::string path = resolved.data();  // <copies>/<id>/run
  if (!path.starts_with(copies() + "/")) return "<outside: " + path + ">";
  path.erase(0, copies().size() + 1);
  return path.substr(0, path.find('/'));
}

std::vector<std::string> Scenario::copy_ids() const {
  std::vector<std::string> ids;
  for (std::string& name : entries_of(copies())) {
    struct stat info {};
    if (stat((copies() + "/" + name).c_str(), &info) == 0 && S_ISDIR(info.st_mode)) ids.push_back(name);
  }
  return ids;
}

std::string Scenario::proof() {
  RunResult result = ytb({"--output", "json", "proof", "show"});
  EXPECT_EQ(result.status, 0) << result.err;
  return result.out;
}

std::vector<std::string> Scenario::processes() const {
  std::vector<std::string> found;
  for (const std::string& name : entries_of("/proc")) {
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::array<char, PATH_MAX> cwd{};
    if (!read_as_owner("/proc/" + name, "/cwd", cwd)) continue;
    // The gate works beside the copies.
    if (!(std::string(cwd.data()) + "/").starts_with(copies() + "/")) continue;
    // Inserted, and so read under the stream's guard: of one that has just ended the read fails.
    std::ostringstream read;
    read << std::ifstream("/proc/" + name + "/cmdline").rdbuf();
    std::string command = read.str();
    std::replace(command.begin(), command.end(), '\0', ' ');
    // A session's backend that is just ending has no command line any more.
    if (!command.empty()) found.push_back(fmt::format("{} {}", name, command));
  }
  return found;
}

std::string digest_of_tree(const std::string& folder) {
  const std::string script = R"(cd "$1" && { find . -printf '%p %m %s %T@ %l\n' | grep -v '^\. ' | sort; )"
                             "find . -type f -print0 | sort -z | xargs -0 sha256sum; } | sha256sum";
  RunResult result = run_program({"sh", "-c", script, "sh", folder});
  EXPECT_EQ(result.status, 0) << result.err;
  return result.out;
}

bool can_log_in(const std::string& connection) {
  std::string error;
  return !query_rows(connection, "SELECT 1", error).empty();
}

std::string ask(PGconn* connection, const char* query) {
  std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection, query), PQclear);
  if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) return PQerrorMessage(connection);
  return PQgetvalue(result.get(), 0, 0);
}

}  // namespace ytb::testing
