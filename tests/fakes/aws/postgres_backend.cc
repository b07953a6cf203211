#include "tests/fakes/aws/postgres_backend.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/check.h"
#include "tests/fakes/aws/loopback.h"

namespace ytb::fakes::aws {
namespace {

namespace fs = std::filesystem;
using testing::PostgresCluster;
using testing::run_program;
using testing::RunResult;

constexpr int kPollMs = 50;
// A bind's name: the user, and the instance that asks.
constexpr const char* kNamePrefix = "cn=";
constexpr const char* kNameSuffix = ",dc=";
constexpr const char* kOpenssl = "/usr/bin/openssl";

Error failure(const std::string& what, const std::string& detail) {
  return Error{.code = Code::kExternal, .message = what + ": " + detail, .hint = "", .retry = Retry::kNever};
}

Status run(const std::vector<std::string>& argv, const std::string& user = {}) {
  RunResult result = run_program(argv, user);
  if (result.status == 0) return ok_status();
  return failure(argv[0], result.err);
}

// Each process its own network of addresses: tests run side by side.
std::string address_of(int number) {
  return fmt::format("127.{}.{}.{}", 64 + getpid() % 160, 1 + getpid() / 160 % 250, 1 + number % 250);
}

std::string sql_text(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + "'";
}

void put(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::trunc) << content;
}

}  // namespace

PostgresBackend::PostgresBackend() {
  RunResult made = run_program({kOpenssl, "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                "ec_paramgen_curve:P-256", "-nodes", "-keyout", files_.path() + "/ca.key",
                                "-out", ca_bundle(), "-days", "2", "-subj", "/CN=Fake RDS Root CA"});
  if (made.status != 0) ADD_FAILURE() << "openssl: " << made.err;
}

PostgresBackend::~PostgresBackend() = default;

std::string PostgresBackend::available() {
  if (testing::postgres_bin_dir().empty()) return "PostgreSQL is not installed";
  return access(kOpenssl, X_OK) == 0 ? "" : "openssl is not installed";
}

std::string PostgresBackend::fresh_folder(const std::string& prefix) {
  return files_.path() + "/" + prefix + std::to_string(++made_);
}

std::string PostgresBackend::make_data(const std::string& master, const std::string& password,
                                       const std::string& database, const std::string& script,
                                       const std::string& admin_script) {
  PostgresCluster::Options amazons;
  amazons.amazons = true;
  auto cluster = PostgresCluster::make(amazons);
  if (cluster == nullptr) return {};
  cluster->run("postgres", "CREATE ROLE helper SUPERUSER LOGIN");
  std::string error;
  // Nobody can rename himself.
  if (!cluster->try_run("postgres", "ALTER ROLE postgres RENAME TO rdsadmin", &error, "helper")) {
    ADD_FAILURE() << error;
    return {};
  }
  std::string setup = fmt::format(
      "DROP ROLE helper;\n"
      "CREATE DATABASE rdsadmin;\n"
      "REVOKE ALL ON DATABASE rdsadmin FROM PUBLIC;\n"
      "CREATE ROLE rds_superuser NOLOGIN;\nCREATE ROLE rds_replication NOLOGIN;\n"
      "CREATE ROLE rds_iam NOLOGIN;\nCREATE ROLE rds_ad NOLOGIN;\nCREATE ROLE rds_password NOLOGIN;\n"
      "GRANT pg_monitor, pg_signal_backend, rds_replication, rds_password TO rds_superuser WITH ADMIN "
      "OPTION;\n"
      "CREATE ROLE \"{0}\" LOGIN NOSUPERUSER CREATEROLE CREATEDB NOREPLICATION PASSWORD {1};\n"
      "GRANT rds_superuser TO \"{0}\";\n"
      "ALTER DATABASE postgres OWNER TO \"{0}\";\n"
      "CREATE DATABASE \"{2}\" OWNER \"{0}\"",
      master, sql_text(password), database);
  bool good = cluster->try_run("postgres", setup, &error, "rdsadmin") &&
              cluster->try_run(database, script, &error, master) &&
              cluster->try_run(database, admin_script, &error, "rdsadmin");
  cluster->stop();
  if (!good) {
    ADD_FAILURE() << error;
    return {};
  }
  std::string data = fresh_folder("snapshot-");
  if (Status copied = run({"cp", "-a", "--reflink=auto", cluster->data(), data}); !copied.ok()) {
    ADD_FAILURE() << copied.error().message;
    return {};
  }
  return data;
}

std::string PostgresBackend::admin_connection(const std::string& id, const std::string& database) const {
  auto found = instances_.find(id);
  return found == instances_.end() ? "" : found->second.server->connection(database, "rdsadmin");
}

void PostgresBackend::set_token_judge(TokenJudge judge) {
  std::lock_guard lock(judge_mutex_);
  judge_ = std::move(judge);
}

bool PostgresBackend::bind(const std::string& name, const std::string& password) {
  const size_t suffix = name.rfind(kNameSuffix);
  const size_t prefix = std::string(kNamePrefix).size();
  if (name.rfind(kNamePrefix, 0) != 0 || suffix == std::string::npos || suffix < prefix) return false;
  std::lock_guard lock(judge_mutex_);
  return judge_ && judge_({.instance = name.substr(suffix + std::string(kNameSuffix).size()),
                           .user = name.substr(prefix, suffix - prefix),
                           .token = password});
}

std::string PostgresBackend::why_no_tokens() {
  static const bool kKnowsLdap = [] {
    std::ifstream program(testing::postgres_bin_dir() + "/postgres", std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(program), {}};
    return bytes.find("libldap") != std::string::npos;
  }();
  return kKnowsLdap ? "" : "this server was built without LDAP, by which the fake asks about tokens";
}

std::string PostgresBackend::hba_of(const std::string& id, const std::vector<std::string>& groups) const {
  std::string out =
      "local all rdsadmin trust\nlocal replication rdsadmin trust\nlocal all all reject\n"
      "host all rdsadmin all reject\nhost rdsadmin all all reject\n";
  for (const std::string& group : groups) {
    auto found = sources_.find(group);
    if (found == sources_.end()) continue;
    for (const std::string& source : found->second) {
      const std::string by_token =
          why_no_tokens().empty()
              ? fmt::format("ldap ldapserver=127.0.0.1 ldapport={} ldapprefix=\"{}\" ldapsuffix=\"{}{}\"",
                            binds_.port(), kNamePrefix, kNameSuffix, id)
              : "reject";
      out += fmt::format("hostssl all +rds_iam {0}/32 {1}\nhostssl all all {0}/32 scram-sha-256\n", source,
                         by_token);
    }
  }
  return out;
}

Status PostgresBackend::make_certificate(const std::string& data, const std::string& address) {
  std::string base = fresh_folder("certificate-");
  put(base + ".ext", "subjectAltName=IP:" + address + "\n");
  YTB_TRY(run({kOpenssl, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
               base + ".key", "-out", base + ".csr", "-subj", "/CN=" + address}));
  YTB_TRY(run({kOpenssl, "x509", "-req", "-in", base + ".csr", "-CA", ca_bundle(), "-CAkey",
               files_.path() + "/ca.key", "-CAcreateserial", "-days", "2", "-extfile", base + ".ext", "-out",
               base + ".pem"}));
  YTB_TRY(run({"cp", base + ".key", data + "/server.key"}));
  YTB_TRY(run({"cp", base + ".pem", data + "/server.crt"}));
  std::string user = testing::server_user();
  if (!user.empty()) YTB_TRY(run({"chown", user, data + "/server.key", data + "/server.crt"}));
  return run({"chmod", "0600", data + "/server.key"});
}

Status PostgresBackend::write_files(const Instance& instance, const InstanceSpec& spec) {
  std::string conf =
      "ssl = on\nssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\nfsync = off\nmax_connections = "
      "60\n"
      "shared_buffers = 16MB\npassword_encryption = 'scram-sha-256'\nmax_prepared_transactions = 10\n";
  for (const auto& [name, value] : spec.parameters) {
    // Libraries that RDS has are not all installed here.
    if (name != "shared_preload_libraries") conf += name + " = " + sql_text(value) + "\n";
  }
  put(instance.data + "/postgresql.conf", conf);
  put(instance.data + "/postgresql.auto.conf", "");
  put(instance.data + "/pg_hba.conf", hba_of(spec.id, spec.security_groups));
  return make_certificate(instance.data, instance.address);
}

Result<InstanceEndpoint> PostgresBackend::start(const InstanceSpec& spec) {
  Instance instance;
  std::string source = spec.data;
  if (source.empty()) source = make_data(spec.master, spec.password, spec.master, "SELECT 1");
  if (source.empty()) return failure(spec.id, "no data");
  instance.data = fresh_folder("instance-");
  instance.address = address_of(made_);
  YTB_TRY(run({"cp", "-a", "--reflink=auto", source, instance.data}));
  YTB_TRY(write_files(instance, spec));
  PostgresCluster::Options options;
  options.settings = {{"listen_addresses", sql_text(instance.address)}};
  options.amazons = true;
  instance.server = PostgresCluster::adopt(instance.data, options);
  if (instance.server == nullptr) return failure(spec.id, "the server did not start");
  InstanceEndpoint endpoint{instance.address, instance.server->port()};
  instances_[spec.id] = std::move(instance);
  return endpoint;
}

Status PostgresBackend::run_sql(const std::string& id, const std::string& sql) {
  std::string target = admin_connection(id, "postgres");
  if (target.empty()) return failure(id, "no such instance");
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(target.c_str()), &PQfinish);
  std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql.c_str()), &PQclear);
  ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return ok_status();
  return failure(id, PQerrorMessage(connection.get()));
}

Status PostgresBackend::set_password(const std::string& id, const std::string& master,
                                     const std::string& password) {
  return run_sql(id, fmt::format("ALTER ROLE \"{}\" PASSWORD {}", master, sql_text(password)));
}

Status PostgresBackend::set_security_groups(const std::string& id, const std::vector<std::string>& groups) {
  auto found = instances_.find(id);
  if (found == instances_.end()) return failure(id, "no such instance");
  put(found->second.data + "/pg_hba.conf", hba_of(id, groups));
  return run_sql(id, "SELECT pg_reload_conf()");
}

Result<std::string> PostgresBackend::snapshot(const std::string& id) {
  auto found = instances_.find(id);
  if (found == instances_.end()) return failure(id, "no such instance");
  // The server's user writes it, into a folder that he may write to.
  std::string name = "taken-" + std::to_string(++made_);
  std::string data = files_.make_for_server(name) + "/data";
  const PostgresCluster& server = *found->second.server;
  YTB_TRY(run({testing::postgres_bin_dir() + "/pg_basebackup", "-h", server.socket_directory(), "-p",
               std::to_string(server.port()), "-U", "rdsadmin", "-D", data, "-X", "stream", "-c", "fast"},
              testing::server_user()));
  return data;
}

void PostgresBackend::remove(const std::string& id) {
  auto found = instances_.find(id);
  if (found == instances_.end()) return;
  std::string data = found->second.data;
  instances_.erase(found);
  std::error_code ignored;
  fs::remove_all(data, ignored);
}

Door::Door(std::string source, std::string address, uint16_t port)
    : source_(std::move(source)), address_(std::move(address)), target_port_(port) {
  const Loopback bound = bind_loopback(SOCK_STREAM);
  listener_ = bound.fd;
  port_ = bound.port;
  thread_ = std::thread([this] { serve(); });
}

Door::~Door() {
  stopping_ = true;
  thread_.join();
  for (std::thread& carrier : carriers_) carrier.join();
  close(listener_);
}

void Door::serve() {
  while (!stopping_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, kPollMs) <= 0) continue;
    int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) carriers_.emplace_back([this, client] { carry(client); });
  }
}

void Door::carry(int client) const {
  int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  inet_pton(AF_INET, source_.c_str(), &from.sin_addr);
  sockaddr_in to = from;
  inet_pton(AF_INET, address_.c_str(), &to.sin_addr);
  to.sin_port = htons(target_port_);
  bool open = bind(server, reinterpret_cast<sockaddr*>(&from), sizeof from) == 0 &&
              connect(server, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  while (open && !stopping_) {
    pollfd both[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    if (poll(both, 2, kPollMs) < 0) break;
    for (int i = 0; i < 2 && open; ++i) {
      if (both[i].revents == 0) continue;
      char buffer[16384];
      ssize_t got = recv(both[i].fd, buffer, sizeof buffer, 0);
      open = got > 0 && send(both[1 - i].fd, buffer, static_cast<size_t>(got), MSG_NOSIGNAL) == got;
    }
  }
  close(server);
  close(client);
}

}  // namespace ytb::fakes::aws
