// serve, as systemd or a container runs it: refreshes what is due, forwards listen: to whatever is live,
// stops when asked, and after a reboot starts what should be running.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;

constexpr auto kPatience = std::chrono::seconds(120);

bool eventually(const std::function<bool()>& holds) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

// The program in the foreground of a thread of ours, until stop().
class Daemon {
 public:
  Daemon(const std::string& config, const std::string& home) : pid_file_(home + "/serve.pid") {
    std::remove(pid_file_.c_str());
    const std::string program = std::string(YTB_BINARY_DIR) + "/src/yesterdaytabase";
    thread_ = std::thread([this, program, config] {
      result_ = run_program({"sh", "-c", "echo $$ > \"$1\" && exec \"$2\" --config \"$3\" serve", "sh",
                             pid_file_, program, config});
    });
  }
  ~Daemon() { stop(SIGKILL); }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  RunResult stop(int signal = SIGTERM) {
    if (!thread_.joinable()) return result_;
    int pid = 0;
    EXPECT_TRUE(eventually([&] { return bool(std::ifstream(pid_file_) >> pid) && pid > 0; }));
    if (pid > 0) kill(pid, signal);
    thread_.join();
    return result_;
  }

 private:
  std::string pid_file_;
  RunResult result_;
  std::thread thread_;
};

class Serve : public ::testing::Test {
 protected:
  void SetUp() override { scenario_.prepare_users(); }
  static Scenario::Options options(uint16_t port) {
    Scenario::Options options;
    options.alias_extra = fmt::format("        listen: 127.0.0.1:{}\n", port);
    // Due every day: here because nothing is live yet.
    options.extra = "    schedule: {cron: \"0 6 * * *\", timezone: Europe/Berlin}\n";
    return options;
  }
  [[nodiscard]] std::string by_tcp() const {
    return fmt::format("host=127.0.0.1 port={} user=staging dbname=shop password={} connect_timeout=5", port_,
                       scenario_.password());
  }
  static constexpr const char* kDataAsOf = "SHOW yesterdaytabase.data_as_of";

  uint16_t port_ = free_port();
  Scenario scenario_{options(port_)};
};

TEST_F(Serve, RefreshesWhatIsDueForwardsAndStartsAgainWhatShouldRun) {
  Daemon first(scenario_.config_file(), scenario_.home());
  ASSERT_TRUE(eventually([&] { return can_log_in(by_tcp()); })) << first.stop(SIGKILL).out;
  const std::string monday = scenario_.live_copy();

  // A client that stays through a repoint keeps its copy; the next one is led to the new copy.
  Connection held(PQconnectdb(by_tcp().c_str()), PQfinish);
  const std::string old_instant = ask(held.get(), kDataAsOf);
  EXPECT_EQ(ask(held.get(), "SELECT count(*) FROM users WHERE email LIKE '%@real.test'"), "0");
  scenario_.production().run("shop", "INSERT INTO users VALUES (1000, 'eve@real.test')");
  scenario_.take_snapshot("tuesday");
  scenario_.options().drain = "1h";
  scenario_.write_config();
  EXPECT_TRUE(eventually([&] { return scenario_.ytb({"refresh"}).status == 0; }))
      << "the lock of serve is free between turns";
  const std::string tuesday = scenario_.live_copy();
  EXPECT_NE(tuesday, monday);
  Connection fresh(PQconnectdb(by_tcp().c_str()), PQfinish);
  EXPECT_NE(ask(fresh.get(), kDataAsOf), old_instant);
  EXPECT_EQ(ask(fresh.get(), "SELECT count(*) FROM users"), "101");
  EXPECT_EQ(ask(held.get(), kDataAsOf), old_instant) << "thrown out before the drain was over";

  // Asked to stop, it stops; the copies serve on.
  RunResult stopped = first.stop();
  EXPECT_EQ(stopped.status, 0) << stopped.out << stopped.err;
  EXPECT_THAT(stopped.out, HasSubstr(monday));
  EXPECT_TRUE(can_log_in(by_tcp())) << "the gate outlives serve, as copies do";
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM users"), "101");

  // After a reboot nothing runs: serve starts what should.
  for (const std::string& process : scenario_.processes()) kill(std::stoi(process), SIGKILL);
  ASSERT_TRUE(eventually([&] { return scenario_.processes().empty(); }));
  Daemon second(scenario_.config_file(), scenario_.home());
  EXPECT_TRUE(eventually([&] { return can_log_in(by_tcp()); })) << second.stop(SIGKILL).out;
  EXPECT_EQ(scenario_.live_copy(), tuesday);
  EXPECT_EQ(second.stop().status, 0);
}

// What a refresh has read of the config counts, although serve has not read it again.
TEST_F(Serve, DoesNotPutRevokedAddressesBack) {
  Daemon daemon(scenario_.config_file(), scenario_.home());
  ASSERT_TRUE(eventually([&] { return can_log_in(by_tcp()); })) << daemon.stop(SIGKILL).out;
  scenario_.options().access =
      fmt::format("      staging:\n        password: file:{}/staging.password\n        from: [local]\n",
                  scenario_.home());
  scenario_.write_config();
  // Not --if-due: that is done when serve is at work.
  ASSERT_TRUE(eventually([&] { return scenario_.ytb({"refresh"}).status == 0; }));
  EXPECT_FALSE(can_log_in(by_tcp()));
  std::this_thread::sleep_for(std::chrono::seconds(12));  // serve looks after its gates every ten
  EXPECT_FALSE(can_log_in(by_tcp()));
  EXPECT_THAT(daemon.stop().out, HasSubstr("a config that was read later"));
}

TEST_F(Serve, TurnsAwayAddressesThatNoRoleNames) {
  scenario_.options().access = fmt::format(
      "      staging:\n        password: file:{}/staging.password\n        from: [local, 127.0.0.2/32]\n",
      scenario_.home());
  scenario_.write_config();
  Daemon daemon(scenario_.config_file(), scenario_.home());
  ASSERT_TRUE(eventually([&] { return can_log_in(scenario_.staging("shop")); })) << daemon.stop(SIGKILL).out;
  EXPECT_FALSE(can_log_in(by_tcp())) << "127.0.0.1 is in nobody's from:";
  EXPECT_EQ(daemon.stop().status, 0);
}

}  // namespace
}  // namespace ytb::testing
