// The gate as users meet it, without `serve`: a refresh begins it, it outlives us, changes without cutting
// anybody, and ends with the rest.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;

std::string text_of(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

// Of another program.
class TakenPort {
 public:
  TakenPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~TakenPort() { close(fd_); }
  TakenPort(const TakenPort&) = delete;
  TakenPort& operator=(const TakenPort&) = delete;
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  int fd_;
  uint16_t port_ = 0;
};

class GateOfCopies : public ::testing::Test {
 protected:
  void SetUp() override { scenario_.prepare_users(); }
  void config(const std::string& more, const std::string& from = "local, 127.0.0.1/32") {
    scenario_.options().alias_extra = fmt::format("        listen: 127.0.0.1:{}\n{}", port_, more);
    scenario_.options().access = fmt::format(
        "      staging:\n        password: file:{}/staging.password\n        member_of: "
        "[pg_read_all_data]\n        from: [{}]\n",
        scenario_.home(), from);
    scenario_.write_config();
  }
  [[nodiscard]] Connection connect(const std::string& more = "") const { return connect(more, port_); }
  [[nodiscard]] Connection connect(const std::string& more, uint16_t port) const {
    return {PQconnectdb(fmt::format("host=127.0.0.1 port={} user=staging dbname=shop password={} "
                                    "connect_timeout=10 {}",
                                    port, scenario_.password(), more)
                            .c_str()),
            PQfinish};
  }
  nlohmann::json status() { return nlohmann::json::parse(scenario_.ytb({"status", "--output", "json"}).out); }
  // Process ids of gates. Where they work cannot be seen but by root; their command line can.
  std::vector<pid_t> gates() {
    std::vector<pid_t> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string command = text_of(entry.path().string() + "/cmdline");
      if (command.find("gate-process") != std::string::npos &&
          command.find(scenario_.home()) != std::string::npos)
        found.push_back(std::stoi(entry.path().filename()));
    }
    return found;
  }

  // Where the link in the gate's folder leads: <copies>/<id>/run.
  [[nodiscard]] std::string live_copy_by_gate() const {
    return std::filesystem::read_symlink(scenario_.alias() + ".gate/live").parent_path().filename().string();
  }

  uint16_t port_ = free_port();
  Scenario scenario_;
};

TEST_F(GateOfCopies, ARefreshBeginsItAndItOutlivesUs) {
  config("");
  scenario_.refresh();
  const std::string root = scenario_.home() + "/shop-yesterday-ca.crt";
  const Connection held = connect("sslmode=verify-full sslrootcert=" + root);
  ASSERT_EQ(PQstatus(held.get()), CONNECTION_OK) << PQerrorMessage(held.get());
  EXPECT_EQ(ask(held.get(), "SELECT count(*) FROM users WHERE email LIKE '%@real.test'"), "0");
  ASSERT_EQ(gates().size(), 1U);
  const pid_t first = gates()[0];

  // Who is connected is shown.
  const nlohmann::json shown = status()["gate"];
  ASSERT_EQ(shown["connections"].size(), 1U) << shown;
  EXPECT_EQ(shown["connections"][0]["role"], "staging");
  EXPECT_EQ(shown["connections"][0]["address"], "127.0.0.1");
  EXPECT_EQ(shown["connections"][0]["copy"], scenario_.live_copy());
  EXPECT_EQ(shown["connections"][0]["encrypted"], true);
  EXPECT_THAT(scenario_.ytb({"status"}).out, HasSubstr("1 connection"));

  // Nothing that has not changed is begun anew; what has is, and cuts nobody.
  EXPECT_EQ(scenario_.refresh(0, {"--if-due"}).status, 0);
  EXPECT_EQ(gates(), std::vector<pid_t>{first});
  config("", "local");
  EXPECT_EQ(scenario_.refresh(0, {"--if-due"}).status, 0);
  EXPECT_EQ(ask(held.get(), "SELECT 7"), "7");
  EXPECT_THAT(PQerrorMessage(connect().get()), HasSubstr("role \"staging\" may not come in from 127.0.0.1"));
  EXPECT_EQ(gates().size(), 2U) << "the first serves who is there";
}

TEST_F(GateOfCopies, ItHoldsNoKeyAndReachesNothing) {
  config("");
  scenario_.refresh();
  ASSERT_EQ(gates().size(), 1U);
  const std::string status = text_of(fmt::format("/proc/{}/status", gates()[0]));
  EXPECT_THAT(status, HasSubstr("Seccomp:\t2"));
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(status, HasSubstr("CapEff:\t0000000000000000"));
  EXPECT_THAT(status, HasSubstr("CapPrm:\t0000000000000000"));
  std::error_code hidden;
  const std::filesystem::directory_iterator descriptors(fmt::format("/proc/{}/fd", gates()[0]), hidden);
  if (geteuid() != 0) {
    EXPECT_TRUE(hidden) << "whoever is the same user could read its memory";
    return;
  }
  // Nothing of the state, no file but its log.
  for (const auto& entry : descriptors) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
    if (gone) continue;
    EXPECT_TRUE(target.starts_with("socket:") || target == "/dev/null" ||
                target == "anon_inode:[eventpoll]" || target.ends_with("/log"))
        << target;
  }
}

TEST_F(GateOfCopies, OneThatDiedIsBegunAgainAndTeardownEndsIt) {
  config("");
  scenario_.refresh();
  ASSERT_EQ(gates().size(), 1U);
  kill(gates()[0], SIGKILL);
  for (int i = 0; i < 500 && !gates().empty(); ++i) usleep(10'000);
  ASSERT_TRUE(gates().empty());
  EXPECT_NE(PQstatus(connect().get()), CONNECTION_OK);
  EXPECT_THAT(scenario_.ytb({"status"}).out, HasSubstr("no gate runs"));
  EXPECT_EQ(scenario_.refresh(0, {"--if-due"}).status, 0);
  EXPECT_EQ(PQstatus(connect().get()), CONNECTION_OK);
  EXPECT_EQ(scenario_.ytb({"teardown", "--yes"}).status, 0);
  EXPECT_TRUE(gates().empty());
  EXPECT_FALSE(std::filesystem::exists(scenario_.alias() + ".gate"));
}

// A role that may not come in locally does not: the gate listens at the public socket, and the copy's own is
// closed to others.
TEST_F(GateOfCopies, ARoleIsHeldToItsAddressesAtTheUnixSocketToo) {
  const auto roles = [&](const std::string& staging) {
    scenario_.options().alias_extra = fmt::format("        listen: 127.0.0.1:{}\n", port_);
    scenario_.options().access = fmt::format(
        "      staging:\n        password: file:{0}/staging.password\n        from: [{1}]\n"
        "      remote:\n        password: file:{0}/staging.password\n        from: [127.0.0.1/32]\n",
        scenario_.home(), staging);
    scenario_.write_config();
  };
  // First as it was: one role, the name leads to the copy itself.
  config("");
  scenario_.refresh();
  EXPECT_TRUE(can_log_in(scenario_.staging("shop")));
  const Connection held(PQconnectdb(scenario_.staging("shop").c_str()), PQfinish);
  ASSERT_EQ(PQstatus(held.get()), CONNECTION_OK);

  roles("local, 127.0.0.1/32");
  scenario_.refresh();
  EXPECT_EQ(ask(held.get(), "SELECT 7"), "7");
  EXPECT_TRUE(can_log_in(scenario_.staging("shop")));
  const Connection locally(PQconnectdb(scenario_.staging("shop", "remote").c_str()), PQfinish);
  EXPECT_THAT(PQerrorMessage(locally.get()), HasSubstr("role \"remote\" may not come in from local"));
  EXPECT_EQ(PQstatus(connect().get()), CONNECTION_OK);
  EXPECT_EQ(scenario_.ytb({"status"}).status, 0);
  const auto mode =
      std::filesystem::status(scenario_.copies() + "/" + live_copy_by_gate() + "/run").permissions();
  EXPECT_EQ(mode & std::filesystem::perms::all, std::filesystem::perms::owner_all);

  // And back again.
  config("");
  scenario_.refresh();
  EXPECT_TRUE(can_log_in(scenario_.staging("shop")));
  EXPECT_EQ(scenario_.ytb({"status"}).status, 0);
  EXPECT_EQ(scenario_.ytb({"teardown", "--yes"}).status, 0);
  EXPECT_FALSE(std::filesystem::exists(scenario_.alias()));
  EXPECT_FALSE(std::filesystem::exists(scenario_.alias() + ".gate"));
}

// As a kill leaves it between the moment when the old one is put aside and the one when it is asked to
// retire.
TEST_F(GateOfCopies, OneThatWasPutAsideDoesNotTakeInByOldAddresses) {
  config("");
  scenario_.refresh();
  const Connection held = connect();
  ASSERT_EQ(PQstatus(held.get()), CONNECTION_OK) << PQerrorMessage(held.get());
  std::string folder;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(
           scenario_.home(), std::filesystem::directory_options::skip_permission_denied)) {
    if (entry.path().string().ends_with("/gates/shop/control")) folder = entry.path().parent_path().string();
  }
  ASSERT_FALSE(folder.empty());
  std::filesystem::rename(folder + "/control", folder + "/control.1");
  config("", "local");
  // The port is still the old one's while it is asked.
  EXPECT_EQ(scenario_.refresh(0, {"--if-due"}).status, 0);
  for (int i = 0; i < 6; ++i) EXPECT_NE(PQstatus(connect().get()), CONNECTION_OK);
  EXPECT_EQ(ask(held.get(), "SELECT 7"), "7");
  EXPECT_EQ(status()["gate"]["connections"].size(), 1U) << "who is still at the old one is shown";
}

// Also where nobody is to come from the network: the role that has addresses only is held to them.
TEST_F(GateOfCopies, WithoutListenItStandsBeforeTheSocketAlone) {
  scenario_.options().alias_extra = "";
  scenario_.options().access = fmt::format(
      "      staging:\n        password: file:{0}/staging.password\n        from: [local]\n"
      "      remote:\n        password: file:{0}/staging.password\n        from: [10.0.0.0/8]\n",
      scenario_.home());
  scenario_.write_config();
  scenario_.refresh();
  EXPECT_TRUE(can_log_in(scenario_.staging("shop")));
  EXPECT_FALSE(can_log_in(scenario_.staging("shop", "remote")));
  EXPECT_EQ(gates().size(), 1U);
}

// Who is connected, and who comes, is served by the one that is there until another can take its place.
TEST_F(GateOfCopies, ATakenPortLeavesTheGateThatIsThere) {
  const std::string from = "127.0.0.1/32";  // so that the name leads by way of the gate, too
  scenario_.options().drain = "1h";
  config("", from);
  scenario_.refresh();
  const Connection held = connect();
  ASSERT_EQ(PQstatus(held.get()), CONNECTION_OK) << PQerrorMessage(held.get());
  const uint16_t before = port_;
  auto taken = std::make_unique<TakenPort>();
  port_ = taken->port();
  config("", from);
  const std::string monday = live_copy_by_gate();
  scenario_.take_snapshot("tuesday");
  EXPECT_THAT(scenario_.ytb({"check"}).out, HasSubstr(fmt::format("cannot listen at 127.0.0.1:{}", port_)));
  const RunResult refused = scenario_.ytb({"refresh"});
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.err, HasSubstr(fmt::format("cannot listen at 127.0.0.1:{}", port_)));
  const Connection by_old_address = connect("", before);
  EXPECT_EQ(PQstatus(by_old_address.get()), CONNECTION_OK) << PQerrorMessage(by_old_address.get());
  EXPECT_NE(live_copy_by_gate(), monday) << "staging is refreshed all the same, by the gate that is there";
  taken.reset();
  scenario_.refresh(0, {"--if-due"});
  EXPECT_EQ(PQstatus(connect().get()), CONNECTION_OK) << "free again, and the gate has moved there";
  EXPECT_EQ(ask(held.get(), "SELECT 7"), "7");
}

// Whoever could write in the gate's folder could put a socket of his own into its place, and hear passwords.
TEST_F(GateOfCopies, AFolderThatIsNotOursAloneIsNotUsed) {
  config("", "127.0.0.1/32");
  const std::string planted = scenario_.alias() + ".gate";
  const auto refuses = [&] {
    const RunResult refused = scenario_.ytb({"refresh"});
    EXPECT_NE(refused.status, 0);
    EXPECT_THAT(refused.err, HasSubstr(planted));
    EXPECT_EQ((refused.out + refused.err).find("restore"), std::string::npos) << "said before that";
    EXPECT_TRUE(scenario_.live_copy().empty());
    EXPECT_THAT(scenario_.ytb({"check"}).out, HasSubstr("another user's, or others may write in it"));
    EXPECT_FALSE(can_log_in(scenario_.staging("shop")));
    EXPECT_TRUE(std::filesystem::remove(planted)) << "nothing was put into it";
  };
  std::filesystem::create_directories(scenario_.home() + "/elsewhere");
  std::filesystem::create_directories(std::filesystem::path(planted).parent_path());
  std::filesystem::create_directory_symlink(scenario_.home() + "/elsewhere", planted);
  refuses();
  if (geteuid() == 0) {
    std::filesystem::create_directory(planted);
    ASSERT_EQ(chown(planted.c_str(), 12345, 12345), 0);
    refuses();
  }
  // One of ours that others may write in is closed to them.
  std::filesystem::create_directory(planted);
  std::filesystem::permissions(planted, std::filesystem::perms::all);
  scenario_.refresh();
  EXPECT_EQ(std::filesystem::status(planted).permissions() & std::filesystem::perms::others_write,
            std::filesystem::perms::none);
  EXPECT_EQ(PQstatus(connect().get()), CONNECTION_OK);
}

// The gate's folder lies beside the alias and moves with it. Who is connected stays; who comes finds the live
// copy by the port, as before, and by the new name. The old link is a person's to remove.
TEST_F(GateOfCopies, AnAliasThatMovesTakesTheGateAlong) {
  const std::string from = "127.0.0.1/32";  // so that the name leads by way of the gate, too
  config("", "local, " + from);
  scenario_.options().access +=
      fmt::format("      remote:\n        password: file:{}/staging.password\n        from: [{}]\n",
                  scenario_.home(), from);
  scenario_.write_config();
  scenario_.refresh();
  const Connection held = connect();
  ASSERT_EQ(PQstatus(held.get()), CONNECTION_OK) << PQerrorMessage(held.get());
  const std::string live = live_copy_by_gate();
  const std::string before = scenario_.alias();
  const std::string after = scenario_.home() + "/alias/moved";
  ASSERT_EQ(run_program({"sed", "-i", fmt::format("s|directory: {}$|directory: {}|", before, after),
                         scenario_.config_file()})
                .status,
            0);
  const RunResult moved = scenario_.ytb({"refresh"});
  EXPECT_EQ(moved.status, 0) << moved.out << moved.err;
  EXPECT_EQ(ask(held.get(), "SELECT 7"), "7");
  const Connection by_port = connect();
  EXPECT_EQ(ask(by_port.get(), "SELECT count(*) FROM users"), "100");
  const auto by_name = [&](const std::string& name, const std::string& user) {
    return can_log_in(fmt::format("host={} user={} dbname=shop password={} connect_timeout=5", name, user,
                                  scenario_.password()));
  };
  EXPECT_TRUE(by_name(after, "staging"));
  EXPECT_FALSE(by_name(after, "remote")) << "may come from its address only";
  EXPECT_FALSE(by_name(before, "remote"));
  EXPECT_TRUE(std::filesystem::is_symlink(before));
  EXPECT_EQ(std::filesystem::read_symlink(after + ".gate/live").parent_path().filename(), live);
  EXPECT_EQ(status()["live"]["copy"], live);
}

// Without a client the previous copy goes at once; with one it stays until the drain is over.
TEST_F(GateOfCopies, ADrainEndsWithItsLastClient) {
  config("");
  scenario_.options().drain = "1h";
  scenario_.write_config();
  scenario_.refresh();
  const std::string monday = scenario_.live_copy();
  Connection held = connect();
  ASSERT_EQ(PQstatus(held.get()), CONNECTION_OK) << PQerrorMessage(held.get());
  scenario_.take_snapshot("tuesday");
  scenario_.refresh();
  EXPECT_EQ(ask(held.get(), "SELECT 7"), "7");
  const RunResult waiting = scenario_.ytb({"refresh"});
  EXPECT_THAT(waiting.out + waiting.err, HasSubstr("one client is connected"));
  held.reset();
  EXPECT_EQ(scenario_.ytb({"refresh", "--wait-drain"}).status, 0);
  EXPECT_FALSE(std::filesystem::exists(scenario_.copies() + "/" + monday));
}

}  // namespace
}  // namespace ytb::testing
