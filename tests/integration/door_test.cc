// The door: from the start of the restore until opening no login of production's works, over no socket and no
// port. A prober tries all the time; that it can get in at all is shown by leaving the door open on purpose.
#include <dirent.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

// Tries every login at every socket below a folder and at every port of a range.
class Prober {
 public:
  struct Login {
    std::string user;
    std::string password;
  };
  Prober(std::string folder, uint16_t first_port, uint16_t last_port, std::vector<Login> logins)
      : folder_(std::move(folder)),
        first_port_(first_port),
        last_port_(last_port),
        logins_(std::move(logins)) {
    thread_ = std::thread([this] {
      while (!stop_) {
        probe();
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
  }
  ~Prober() { stop(); }
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // Attempts that reached a server, by the copy's phase at that moment.
  std::map<std::string, int> reached() {
    std::lock_guard lock(mutex_);
    return reached_;
  }
  std::vector<std::string> successes() {
    std::lock_guard lock(mutex_);
    return successes_;
  }

 private:
  static std::string phase_of(const std::string& copy_folder) {
    std::ifstream file(copy_folder + "/copy.json");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    const size_t key = text.find("\"phase\"");
    if (key == std::string::npos) return "unknown";
    const size_t begin = text.find('"', key + 8) + 1;
    return text.substr(begin, text.find('"', begin) - begin);
  }

  // At a port that no copy has opened yet, another test's server may be.
  static bool is_a_copy(PGconn* connection) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> said(
        PQexec(connection,
               "SELECT 1 WHERE coalesce(current_setting('yesterdaytabase.admin_role', true), "
               "current_setting('yesterdaytabase.data_as_of', true)) IS NOT NULL"),
        PQclear);
    return PQresultStatus(said.get()) != PGRES_TUPLES_OK || PQntuples(said.get()) > 0;
  }

  void attempt(const std::string& where, const Login& login, const std::string& phase) {
    for (const char* database : {"shop", "postgres"}) {
      const std::string text = fmt::format("{} user={} password={} dbname={} connect_timeout=2", where,
                                           login.user, login.password, database);
      std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(text.c_str()), PQfinish);
      const bool inside = PQstatus(connection.get()) == CONNECTION_OK;
      if (inside && !is_a_copy(connection.get())) continue;
      const std::string error = PQerrorMessage(connection.get());
      std::lock_guard lock(mutex_);
      if (inside) successes_.push_back(fmt::format("{}: {} at {}", phase, login.user, where));
      if (inside || error.find("FATAL") != std::string::npos) ++reached_[phase];
    }
  }

  void probe() {
    std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(folder_.c_str()), closedir);
    if (!dir) return;
    while (const dirent* entry = readdir(dir.get())) {
      const std::string copy = folder_ + "/" + entry->d_name;
      if (entry->d_name[0] == '.') continue;
      const std::string phase = phase_of(copy);
      std::unique_ptr<DIR, int (*)(DIR*)> run(opendir((copy + "/run").c_str()), closedir);
      if (!run) continue;
      while (const dirent* socket = readdir(run.get())) {
        const std::string name = socket->d_name;
        if (!name.starts_with(".s.PGSQL.") || name.ends_with(".lock")) continue;
        for (const Login& login : logins_) {
          attempt(fmt::format("host={}/run port={}", copy, name.substr(9)), login, phase);
        }
      }
    }
    for (int port = first_port_; port <= last_port_; ++port) {
      for (const Login& login : logins_) attempt(fmt::format("host=127.0.0.1 port={}", port), login, "port");
    }
  }

  std::string folder_;
  uint16_t first_port_;
  uint16_t last_port_;
  std::vector<Login> logins_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::map<std::string, int> reached_;
  std::vector<std::string> successes_;
  std::thread thread_;
};

TEST(Door, ClosedToEveryRoleOfProductionUntilTheProof) {
  Scenario scenario{Scenario::with_postgres()};
  PostgresCluster& production = scenario.production();
  production.run("shop", R"(
    CREATE ROLE app LOGIN PASSWORD 'app-password';
    CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'planted-boss';
    ALTER ROLE postgres PASSWORD 'postgres-password';
    CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE, bio text);
    INSERT INTO users SELECT g, 'user' || g || '@real.test', repeat(md5(g::text), 8) FROM generate_series(1, 150000) g;)");
  scenario.write_policy("    public.users: {id: keep, email: email, bio: hash}\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  const std::string before = digest_of_tree(scenario.snapshots());

  const std::vector<Prober::Login> logins = {{"app", "app-password"},
                                             {"boss", "planted-boss"},
                                             {"postgres", "postgres-password"},
                                             {"staging", "wrong"}};
  Prober prober(scenario.copies(), scenario.first_port(), scenario.last_port(), logins);
  scenario.refresh();
  prober.stop();
  EXPECT_EQ(prober.successes(), std::vector<std::string>{});
  // Attempts reached the server in the phases in which it runs behind a closed door.
  const auto reached = prober.reached();
  for (const char* phase : {"restored", "defused", "masked"}) {
    EXPECT_GE(reached.contains(phase) ? reached.at(phase) : 0, 1) << "no attempt during " << phase;
  }
  EXPECT_EQ(digest_of_tree(scenario.snapshots()), before) << "the snapshot was changed";
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM users"), "150000");
}

// The same prober, at a server whose door was left open on purpose: it does get in.
TEST(Door, TheProberGetsInWhereTheDoorIsOpen) {
  TempFolder folder;
  PostgresCluster::Options options;
  options.settings = {{"yesterdaytabase.data_as_of", "'2026-11-21T06:00:00Z'"}};
  auto cluster = PostgresCluster::make(options);
  cluster->run("postgres", "CREATE ROLE app LOGIN PASSWORD 'app-password'; CREATE DATABASE shop");
  const std::string copies = folder.path() + "/copies";
  ASSERT_EQ(run_program({"mkdir", "-p", copies + "/copy"}).status, 0);
  ASSERT_EQ(run_program({"ln", "-s", cluster->socket_directory(), copies + "/copy/run"}).status, 0);
  std::ofstream(copies + "/copy/copy.json") << R"({"phase": "restored"})";
  Prober prober(copies, cluster->port(), cluster->port(), {{"app", "app-password"}});
  for (int i = 0; i < 200 && prober.successes().size() < 4; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  prober.stop();
  EXPECT_GE(prober.successes().size(), 4U);
  EXPECT_GE(prober.reached()["restored"], 2);
  EXPECT_GE(prober.reached()["port"], 2);
}

}  // namespace
}  // namespace ytb::testing
