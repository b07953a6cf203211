#include "tests/postgres_cluster.h"

#include <arpa/inet.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>

namespace ytb::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kMajorMin = 13;
constexpr int kMajorMax = 30;

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void give_to_server(const std::string& path) {
  std::string user = server_user();
  if (user.empty()) return;
  const passwd* entry = getpwnam(user.c_str());
  if (entry == nullptr || chown(path.c_str(), entry->pw_uid, entry->pw_gid) != 0) {
    ADD_FAILURE() << "cannot give " << path << " to " << user;
  }
}

// What the child of run_program does up to exec; async-signal-safe but for the user lookup done before.
[[noreturn]] void become(const passwd* entry, const std::vector<std::string>& argv, int in, int out,
                         int err) {
  dup2(in, 0);
  dup2(out, 1);
  dup2(err, 2);
  if (entry != nullptr) {
    gid_t group = entry->pw_gid;
    if (setgroups(1, &group) != 0 || setgid(group) != 0 || setuid(entry->pw_uid) != 0) _exit(126);
    if (chdir("/") != 0) _exit(126);
  }
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

// One finished data directory per locale and version, kept in the build folder: initdb costs a second.
std::string template_directory(const PostgresCluster::Options& options) {
  std::string name = "postgres_template_" + std::to_string(postgres_major()) + "_" + options.locale + "_" +
                     options.encoding + (options.checksums ? "_sums_" : "_") +
                     (options.superuser == "postgres" ? "" : options.superuser + "_") +
                     (options.wal_segment_mb == 0 ? "" : std::to_string(options.wal_segment_mb) + "mb_") +
                     (options.database.empty() ? "" : "with_" + options.database + "_") +
                     (options.drops_postgres ? "only_" : "") + std::to_string(geteuid());
  std::string ready = std::string(YTB_BINARY_DIR) + "/" + name;
  if (fs::exists(ready + "/PG_VERSION")) return ready;
  TempFolder temp;
  std::string data = temp.make_for_server("data");
  std::vector<std::string> command = {postgres_bin_dir() + "/initdb",
                                      "--no-sync",
                                      "-D",
                                      data,
                                      "-U",
                                      options.superuser,
                                      "-A",
                                      "trust",
                                      "--locale",
                                      options.locale,
                                      "-E",
                                      options.encoding};
  if (options.checksums) command.push_back("--data-checksums");
  if (options.wal_segment_mb > 0)
    command.push_back("--wal-segsize=" + std::to_string(options.wal_segment_mb));
  RunResult made = run_program(command, server_user());
  if (made.status != 0) {
    ADD_FAILURE() << "initdb failed: " << made.err;
    return {};
  }
  std::string statements;
  if (!options.database.empty()) statements += "CREATE DATABASE \"" + options.database + "\"\n";
  if (options.drops_postgres) statements += "DROP DATABASE postgres\n";
  if (!statements.empty()) {
    made = run_program({postgres_bin_dir() + "/postgres", "--single", "-D", data, "-c", "fsync=off", "-c",
                        "exit_on_error=on", "template1"},
                       server_user(), statements);
    if (made.status != 0) {
      ADD_FAILURE() << "cannot make the databases of a template: " << made.err;
      return {};
    }
  }
  // Two tests may be here at once: the copy gets its name by a rename, and the loser of the race is removed.
  std::string mine = ready + ".new." + std::to_string(getpid());
  RunResult copied = run_program({"cp", "-a", data, mine});
  if (copied.status != 0) ADD_FAILURE() << "cp failed: " << copied.err;
  std::error_code error;
  fs::rename(mine, ready, error);
  if (error) fs::remove_all(mine, error);
  return ready;
}

// support/rds_superuser.c for this server, built once into the build folder.
std::string amazons_library() {
  const std::string major = std::to_string(postgres_major());
  const std::string ready = std::string(YTB_BINARY_DIR) + "/rds_superuser_" + major + ".so";
  const std::string source = std::string(YTB_SOURCE_DIR) + "/tests/support/rds_superuser.c";
  std::error_code error;
  if (fs::exists(ready) && fs::last_write_time(ready, error) > fs::last_write_time(source, error))
    return ready;
  const char* servers = getenv("YTB_SERVERS");
  std::string headers = run_program({postgres_bin_dir() + "/pg_config", "--includedir-server"}).out;
  headers = headers.substr(0, headers.find('\n'));
  if (!fs::exists(headers + "/postgres.h")) {
    headers = (servers != nullptr ? std::string(servers) : std::string(YTB_SOURCE_DIR) + "/build/servers") +
              "/headers/" + major + "/usr/include/postgresql/" + major + "/server";
  }
  if (!fs::exists(headers + "/postgres.h")) {
    ADD_FAILURE() << "no headers of PostgreSQL " << major << ": run tools/servers --headers " << major;
    return {};
  }
  // Two tests may be here at once.
  const std::string mine = ready + ".new." + std::to_string(getpid());
  RunResult built = run_program({"cc", "-shared", "-fPIC", "-O1", "-I", headers, "-o", mine, source});
  if (built.status != 0) {
    ADD_FAILURE() << "cc: " << built.err;
    return {};
  }
  fs::rename(mine, ready, error);
  return ready;
}

std::string clean_dump(const std::string& dump) {
  std::istringstream in(dump);
  std::string line;
  std::string out;
  while (std::getline(in, line)) {
    if (line.rfind("\\restrict", 0) == 0 || line.rfind("\\unrestrict", 0) == 0) continue;
    if (line.rfind("--", 0) == 0 || line.empty()) continue;
    // Our role in place of pg_read_all_data, the one thing that a copy's schema has besides production's.
    if (line.find(" TO yesterdaytabase_readers;") != std::string::npos) continue;
    out += line + "\n";
  }
  return out;
}

}  // namespace

std::string postgres_bin_dir() {
  if (const char* chosen = getenv("YTB_TEST_POSTGRES"); chosen != nullptr && *chosen != '\0') return chosen;
  for (int major = kMajorMax; major >= kMajorMin; --major) {
    for (const std::string& folder : {"/usr/lib/postgresql/" + std::to_string(major) + "/bin",
                                      "/usr/pgsql-" + std::to_string(major) + "/bin"}) {
      if (access((folder + "/postgres").c_str(), X_OK) == 0) return folder;
    }
  }
  return {};
}

int postgres_major() {
  static const int major = [] {
    std::string folder = postgres_bin_dir();
    if (folder.empty()) return 0;
    std::string said = run_program({folder + "/postgres", "--version"}).out;  // postgres (PostgreSQL) 15.14
    size_t at = said.find("(PostgreSQL) ");
    return at == std::string::npos ? 0 : static_cast<int>(std::strtol(said.c_str() + at + 13, nullptr, 10));
  }();
  return major;
}

std::string server_user() {
  if (geteuid() != 0) return {};
  return getpwnam("postgres") != nullptr ? "postgres" : "nobody";
}

void keep_output(const RunResult& result) {
  static std::mutex one_at_a_time;
  std::lock_guard lock(one_at_a_time);
  const fs::path folder = fs::path(YTB_BINARY_DIR) / "Testing" / "output";
  fs::create_directories(folder);
  std::ofstream kept(folder / (std::to_string(getpid()) + ".txt"), std::ios::binary | std::ios::app);
  kept << result.out << result.err;
  if (!kept.flush()) ADD_FAILURE() << "cannot keep the program's output in " << folder;
  EXPECT_EQ((result.out + result.err).find("planted-"), std::string::npos) << "a secret was printed";
}

RunResult run_program(const std::vector<std::string>& argv, const std::string& user, const std::string& input,
                      const std::vector<std::string>& environment) {
  RunResult result;
  const passwd* entry = user.empty() ? nullptr : getpwnam(user.c_str());
  // Output goes to unlinked files: no pipe can fill up, and a daemon that keeps them open holds nobody.
  FILE* in = tmpfile();
  FILE* out = tmpfile();
  FILE* err = tmpfile();
  if (in == nullptr || out == nullptr || err == nullptr) {
    ADD_FAILURE() << "no temporary files";
    return result;
  }
  fwrite(input.data(), 1, input.size(), in);
  rewind(in);
  pid_t child = fork();
  if (child == 0) {
    for (const std::string& pair : environment) putenv(const_cast<char*>(pair.c_str()));
    become(entry, argv, fileno(in), fileno(out), fileno(err));
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    ADD_FAILURE() << "cannot run " << argv[0];
  } else {
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  for (auto [file, text] : {std::pair{out, &result.out}, std::pair{err, &result.err}}) {
    rewind(file);
    char buffer[65536];
    for (size_t n = fread(buffer, 1, sizeof buffer, file); n > 0; n = fread(buffer, 1, sizeof buffer, file)) {
      text->append(buffer, n);
    }
    fclose(file);
  }
  fclose(in);
  const bool ours = std::any_of(argv.begin(), argv.end(), [](const std::string& word) {
    return word.ends_with("/yesterdaytabase") || word.ends_with("/crashing_ytb");
  });
  if (ours) keep_output(result);
  return result;
}

TempFolder::TempFolder(const std::string& base) {
  const char* set = getenv("TMPDIR");
  const std::string usual = set != nullptr ? set : "/tmp";
  std::string pattern = (base.empty() ? usual : base) + "/ytb-test-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) {
    ADD_FAILURE() << "cannot make " << pattern;
    return;
  }
  path_ = fs::canonical(pattern).string();
  chmod(path_.c_str(), 0755);
}

TempFolder::~TempFolder() {
  std::error_code error;
  if (!path_.empty()) fs::remove_all(path_, error);
}

std::string TempFolder::make_for_server(const std::string& name) const {
  std::string folder = path_ + "/" + name;
  fs::create_directories(folder);
  chmod(folder.c_str(), 0700);
  give_to_server(folder);
  return folder;
}

std::string why_no_seal() {
  pid_t child = fork();
  if (child == 0) {
    const int user = geteuid() == 0 ? 0 : CLONE_NEWUSER;
    if (unshare(user | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS) != 0)
      _exit(1);
    _exit(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ? 0 : 2);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return "this host lets us make no namespaces, so copies cannot be sealed";
  constexpr unsigned kSysPtrace = 19;
  if (geteuid() == 0 && prctl(PR_CAPBSET_READ, kSysPtrace) == 0)
    return "this host lets root see no namespaces of other users, so copies cannot be sealed";
  return "";
}

namespace {

// The kernel gives ports of ip_local_port_range to whoever connects, at any time, so ours lie below them.
constexpr uint16_t kPortsFrom = 10'000;
constexpr uint16_t kPortsTo = 32'760;

bool binds(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return bound;
}

// No other process of tests gets the block while this one lives: an abstract socket's name is held by one
// process alone, whoever it runs as, and goes with it.
bool claim(uint16_t block) {
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "ytb-test-ports-" + std::to_string(block);
  std::copy(name.begin(), name.end(), address.sun_path + 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0) return true;  // left open
  close(fd);
  return false;
}

}  // namespace

uint16_t free_port_block() {
  constexpr auto kBlocks = static_cast<uint16_t>((kPortsTo - kPortsFrom) / kPortBlock);
  for (unsigned i = 0; i < kBlocks; ++i) {
    const auto block = static_cast<uint16_t>((static_cast<unsigned>(getpid()) + i) % kBlocks);
    if (!claim(block)) continue;
    const auto first = static_cast<uint16_t>(kPortsFrom + block * kPortBlock);
    bool free = true;
    for (uint16_t port = first; free && port < first + kPortBlock; ++port) free = binds(port);
    if (free) return first;
  }
  ADD_FAILURE() << "no free ports";
  return 0;
}

uint16_t free_port() {
  static std::mutex mutex;
  static uint16_t next = 0;
  static uint16_t end = 0;
  std::lock_guard lock(mutex);
  if (next == end) {
    next = free_port_block();
    end = static_cast<uint16_t>(next + kPortBlock);
  }
  return next++;
}

PostgresCluster::PostgresCluster() : port_(free_port()) { sockets_ = temp_.make_for_server("sockets"); }

std::unique_ptr<PostgresCluster> PostgresCluster::make(const Options& options) {
  if (postgres_bin_dir().empty()) {
    ADD_FAILURE() << "PostgreSQL is not installed";
    return nullptr;
  }
  std::unique_ptr<PostgresCluster> cluster(new PostgresCluster);
  cluster->data_ = cluster->temp_.path() + "/data";
  cluster->superuser_ = options.superuser;
  std::string source = template_directory(options);
  if (source.empty()) return nullptr;
  RunResult copied = run_program({"cp", "-a", "--reflink=auto", source, cluster->data_});
  if (copied.status != 0) {
    ADD_FAILURE() << "cp failed: " << copied.err;
    return nullptr;
  }
  if (!options.waldir.empty()) {
    run_program({"mv", cluster->data_ + "/pg_wal", options.waldir});
    fs::create_directory_symlink(options.waldir, cluster->data_ + "/pg_wal");
  }
  std::ofstream conf(cluster->data_ + "/postgresql.conf", std::ios::app);
  conf << "listen_addresses = '127.0.0.1'\nport = " << cluster->port_ << "\nunix_socket_directories = '"
       << cluster->sockets_ << "'\nfsync = off\nwal_level = logical\nmax_prepared_transactions = 10\n"
       << "log_line_prefix = '%m [%p] %d '\n";
  for (const auto& [name, value] : options.settings) conf << name << " = " << value << "\n";
  if (options.amazons) conf << cluster->amazons_lines();
  conf.close();
  // As root the postgres user connects from our sockets folder, and so do we.
  chmod(cluster->sockets_.c_str(), 0755);
  if (options.start && !cluster->start()) return nullptr;
  return cluster;
}

std::unique_ptr<PostgresCluster> PostgresCluster::adopt(const std::string& data, const Options& options) {
  std::unique_ptr<PostgresCluster> cluster(new PostgresCluster);
  cluster->data_ = data;
  chmod(cluster->sockets_.c_str(), 0755);
  std::ofstream conf(data + "/postgresql.conf", std::ios::app);
  conf << "port = " << cluster->port_ << "\nunix_socket_directories = '" << cluster->sockets_ << "'\n";
  for (const auto& [name, value] : options.settings) conf << name << " = " << value << "\n";
  if (options.amazons) conf << cluster->amazons_lines();
  conf.close();
  if (options.start && !cluster->start()) return nullptr;
  return cluster;
}

PostgresCluster::~PostgresCluster() {
  if (running()) stop("immediate");
}

std::string PostgresCluster::amazons_lines() const {
  constexpr int kChangedSince = 16;
  if (postgres_major() < kChangedSince) return {};
  // Where the server's user may read it.
  const std::string library = sockets_ + "/rds_superuser.so";
  std::error_code error;
  fs::copy_file(amazons_library(), library, error);
  if (error) ADD_FAILURE() << "cannot copy " << library << ": " << error.message();
  return "shared_preload_libraries = '" + library + "'\n";
}

bool PostgresCluster::start() {
  RunResult started = run_program({postgres_bin_dir() + "/pg_ctl", "start", "-w", "-t", "60", "-D", data_,
                                   "-l", sockets_ + "/server.log", "-s"},
                                  server_user());
  if (started.status != 0) ADD_FAILURE() << "server did not start: " << started.err << server_log();
  return started.status == 0;
}

void PostgresCluster::stop(std::string_view mode) {
  RunResult stopped = run_program(
      {postgres_bin_dir() + "/pg_ctl", "stop", "-w", "-t", "60", "-D", data_, "-s", "-m", std::string(mode)},
      server_user());
  if (stopped.status != 0) ADD_FAILURE() << "server did not stop: " << stopped.err;
}

bool PostgresCluster::running() const { return fs::exists(data_ + "/postmaster.pid"); }
std::string PostgresCluster::server_log() const { return read_file(sockets_ + "/server.log"); }

std::string PostgresCluster::connection(std::string_view database, std::string_view user) const {
  auto quoted = [](std::string_view text) {
    std::string out = "'";
    for (char c : text) {
      if (c == '\'' || c == '\\') out += '\\';
      out += c;
    }
    return out + "'";
  };
  return "host=" + quoted(sockets_) + " port=" + std::to_string(port_) +
         " user=" + quoted(user.empty() ? std::string_view(superuser_) : user) +
         " dbname=" + quoted(database) + " client_encoding=UTF8";
}

namespace {

struct Session {
  PGconn* connection;
  explicit Session(const std::string& target) : connection(PQconnectdb(target.c_str())) {
    PQsetNoticeProcessor(
        connection, [](void*, const char*) {}, nullptr);
  }
  ~Session() { PQfinish(connection); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
};

// Splits a script where statements end, so that each runs in a transaction of its own (VACUUM, CREATE
// DATABASE). Knows quotes, dollar quotes and comments.
std::vector<std::string> statements_of(std::string_view script) {
  std::vector<std::string> out;
  std::string now;
  size_t i = 0;
  auto copy_to = [&](size_t end) {
    now.append(script.substr(i, end - i));
    i = end;
  };
  while (i < script.size()) {
    char c = script[i];
    if (c == '\'' || c == '"') {
      size_t end = script.find(c, i + 1);
      copy_to(end == std::string_view::npos ? script.size() : end + 1);
    } else if (c == '-' && script.substr(i, 2) == "--") {
      copy_to(std::min(script.find('\n', i), script.size()));
    } else if (c == '$' && script.find('$', i + 1) != std::string_view::npos) {
      size_t tag_end = script.find('$', i + 1);
      std::string_view tag = script.substr(i, tag_end - i + 1);
      bool is_tag = std::all_of(tag.begin() + 1, tag.end() - 1, [](char t) {
        return isalnum(static_cast<unsigned char>(t)) != 0 || t == '_';
      });
      size_t close = is_tag ? script.find(tag, tag_end + 1) : std::string_view::npos;
      copy_to(close == std::string_view::npos ? i + 1 : close + tag.size());
    } else if (c == ';') {
      out.push_back(now);
      now.clear();
      ++i;
    } else {
      copy_to(i + 1);
    }
  }
  if (now.find_first_not_of(" \n\t") != std::string::npos) out.push_back(now);
  return out;
}

}  // namespace

bool PostgresCluster::try_run(std::string_view database, std::string_view script, std::string* error,
                              std::string_view user) {
  Session session(connection(database, user));
  std::string message = PQerrorMessage(session.connection);
  bool fine = PQstatus(session.connection) == CONNECTION_OK;
  for (const std::string& statement : fine ? statements_of(script) : std::vector<std::string>{}) {
    PGresult* result = PQexec(session.connection, statement.c_str());
    auto status = PQresultStatus(result);
    fine = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
    if (!fine) message = std::string(PQresultErrorMessage(result)) + "in: " + statement;
    PQclear(result);
    if (!fine) break;
  }
  if (error != nullptr) *error = fine ? std::string() : message;
  return fine;
}

void PostgresCluster::run(std::string_view database, std::string_view script) {
  std::string error;
  if (!try_run(database, script, &error)) ADD_FAILURE() << error;
}

std::vector<std::vector<std::string>> PostgresCluster::rows(std::string_view database,
                                                            std::string_view query) {
  std::vector<std::vector<std::string>> out;
  Session session(connection(database));
  PGresult* result = PQexec(session.connection, std::string(query).c_str());
  if (PQresultStatus(result) != PGRES_TUPLES_OK) {
    ADD_FAILURE() << PQerrorMessage(session.connection) << "in: " << query;
  }
  for (int row = 0; row < PQntuples(result); ++row) {
    auto& fields = out.emplace_back();
    for (int column = 0; column < PQnfields(result); ++column) {
      fields.emplace_back(PQgetvalue(result, row, column),
                          static_cast<size_t>(PQgetlength(result, row, column)));
    }
  }
  PQclear(result);
  return out;
}

std::string PostgresCluster::value(std::string_view database, std::string_view query) {
  auto found = rows(database, query);
  return found.empty() || found[0].empty() ? std::string() : found[0][0];
}

std::string dump_schema_of(const std::string& connection) {
  RunResult dumped = run_program({postgres_bin_dir() + "/pg_dump", "--schema-only", "-d", connection});
  if (dumped.status != 0) ADD_FAILURE() << "pg_dump failed: " << dumped.err;
  return clean_dump(dumped.out);
}

std::string PostgresCluster::dump_schema(std::string_view database) {
  return dump_schema_of(connection(database));
}

bool PostgresCluster::base_backup(const std::string& destination, const std::vector<std::string>& extra) {
  std::vector<std::string> argv = {postgres_bin_dir() + "/pg_basebackup",
                                   "-d",
                                   connection(),
                                   "-D",
                                   destination,
                                   "--checkpoint=fast",
                                   "--no-sync"};
  argv.insert(argv.end(), extra.begin(), extra.end());
  RunResult made = run_program(argv, server_user());
  if (made.status != 0) ADD_FAILURE() << "pg_basebackup failed: " << made.err;
  return made.status == 0;
}

}  // namespace ytb::testing
