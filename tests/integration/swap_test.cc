// The swap and the life around it: no connection lost, rollback, spares, two runs at once, and what goes
// wrong on ordinary days.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <regex>
#include <thread>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

class Swap : public ::testing::Test {
 protected:
  void prepare(Scenario::Options options = {}) {
    scenario_ = std::make_unique<Scenario>(std::move(options));
    scenario_->production().run("shop", R"(
      CREATE TABLE users (id int PRIMARY KEY, email text UNIQUE);
      INSERT INTO users SELECT g, 'user' || g || '@real.test' FROM generate_series(1, 20000) g;)");
    scenario_->write_policy("    public.users: {id: keep, email: email}\n");
    scenario_->accept();
    next_day();
    scenario_->refresh();
    first_ = scenario_->live_copy();
    ASSERT_NE(first_, "");
  }
  // Production gains a user, and a snapshot is taken.
  void next_day() {
    ++day_;
    scenario_->production().run(
        "shop", fmt::format("INSERT INTO users VALUES ({0}, 'new{0}@real.test')", 100000 + day_));
    scenario_->take_snapshot(fmt::format("day{}", day_));
  }
  std::string users() { return scenario_->staging_value("SELECT count(*) FROM users"); }

  std::unique_ptr<Scenario> scenario_;
  std::string first_;
  int day_ = 0;
};

TEST_F(Swap, NoConnectionIsLost) {
  prepare();
  next_day();
  const std::string tool = std::string(YTB_BINARY_DIR) + "/demo/reconnect";
  RunResult counted;
  const std::string stop_file = scenario_->home() + "/stop";
  std::thread client([&] {
    counted = run_program({tool, scenario_->staging("shop"), "4", stop_file, "1000"});
  });
  std::this_thread::sleep_for(std::chrono::seconds(1));
  scenario_->refresh(0, {"--wait-drain"});
  std::this_thread::sleep_for(std::chrono::seconds(3));
  std::ofstream(stop_file) << "now";
  client.join();
  EXPECT_THAT(counted.out, HasSubstr("\"failed\": 0,")) << counted.out;
  const std::string begin = "{\"attempts\": ";
  ASSERT_THAT(counted.out, ::testing::StartsWith(begin));
  EXPECT_GE(std::stoull(counted.out.substr(begin.size())), 1000U) << counted.out;
  // Both copies were seen: the clients were there when the name moved.
  EXPECT_EQ(std::count(counted.out.begin(), counted.out.end(), 'Z'), 2) << counted.out;
  EXPECT_EQ(users(), "20002");
}

TEST_F(Swap, RollbackToASpareAndItStaysRolledBack) {
  Scenario::Options options;
  options.spare_copies = 1;
  prepare(std::move(options));
  next_day();
  scenario_->refresh(0, {"--wait-drain"});
  EXPECT_EQ(users(), "20002");
  EXPECT_EQ(scenario_->copy_ids().size(), 2U);
  RunResult back = scenario_->ytb({"rollback", "--yes"});
  ASSERT_EQ(back.status, 0) << back.out << back.err;
  EXPECT_EQ(scenario_->live_copy(), first_);
  EXPECT_EQ(users(), "20001");
  // The schedule does not bring back what a person turned away from; a newer snapshot is welcome.
  ASSERT_EQ(scenario_->ytb({"refresh", "--if-due"}).status, 0);
  EXPECT_EQ(scenario_->live_copy(), first_);
  next_day();
  scenario_->refresh(0, {"--wait-drain"});
  EXPECT_EQ(users(), "20003");
  EXPECT_LE(scenario_->copy_ids().size(), 2U);
}

TEST_F(Swap, SparesAreBounded) {
  Scenario::Options options;
  options.spare_copies = 1;
  prepare(std::move(options));
  for (int i = 0; i < 3; ++i) {
    next_day();
    scenario_->refresh(0, {"--wait-drain"});
  }
  EXPECT_EQ(scenario_->copy_ids().size(), 2U);
}

TEST_F(Swap, TwoRunsAtOnce) {
  prepare();
  next_day();
  RunResult one;
  RunResult two;
  std::thread other([&] { one = scenario_->ytb({"refresh"}); });
  two = scenario_->ytb({"refresh"});
  other.join();
  // One does the work; the other says that someone is at it, or comes after and finds nothing to do.
  EXPECT_THAT(one.status, AnyOf(0, 9)) << one.err;
  EXPECT_THAT(two.status, AnyOf(0, 9)) << two.err;
  EXPECT_TRUE(one.status == 0 || two.status == 0);
  EXPECT_EQ(users(), "20002");
}

TEST_F(Swap, ATornSnapshotIsPassedOver) {
  prepare();
  next_day();
  const std::string torn = scenario_->snapshots() + "/day2";
  RunResult victim =
      run_program({"sh", "-c", "find \"$1\"/base -type f -size +100k | head -n 1", "sh", torn});
  ASSERT_FALSE(victim.out.empty());
  victim.out.pop_back();
  ASSERT_EQ(run_program({"truncate", "-s", "-8192", victim.out}).status, 0);
  RunResult result = scenario_->ytb({"refresh"});
  EXPECT_THAT(result.out + result.err, HasSubstr("day2"));
  EXPECT_EQ(scenario_->live_copy(), first_);
  EXPECT_EQ(users(), "20001");
  RunResult list = scenario_->ytb({"snapshot", "list"});
  EXPECT_THAT(list.out, HasSubstr("day2"));
}

TEST_F(Swap, AFullDiskIsRefusedWithTheNumbers) {
  prepare();
  ASSERT_EQ(scenario_->ytb({"teardown", "--yes"}).status, 0);
  if (mount("tmpfs", scenario_->copies().c_str(), "tmpfs", 0, "size=20m,mode=0755") != 0) {
    ASSERT_EQ(errno, EPERM);
    GTEST_SKIP() << "a small filesystem cannot be mounted here";
  }
  RunResult result = scenario_->ytb({"refresh"});
  EXPECT_EQ(result.status, 10) << result.out << result.err;
  EXPECT_THAT(result.err, HasSubstr("MB"));
  EXPECT_TRUE(scenario_->copy_ids().empty());
  umount(scenario_->copies().c_str());
}

TEST_F(Swap, AWrongPasswordOfProductionIsSaidClearly) {
  prepare();
  scenario_->production().run("template1", "CREATE ROLE catalog LOGIN PASSWORD 'right'");
  {
    std::ofstream hba(scenario_->production().data() + "/pg_hba.conf", std::ios::trunc);
    hba << "local all all trust\nlocal replication all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
  }
  scenario_->production().run("template1", "SELECT pg_reload_conf()");
  std::ofstream(scenario_->home() + "/wrong") << "planted-wrong\n";
  run_program({"chmod", "600", scenario_->home() + "/wrong"});
  std::ifstream in(scenario_->config_file());
  std::string config((std::istreambuf_iterator<char>(in)), {});
  in.close();
  const size_t begin = config.find("connection: ");
  const size_t end = config.find('\n', begin);
  const std::string indent(begin - config.rfind('\n', begin) - 1, ' ');
  config.replace(
      begin, end - begin,
      fmt::format(
          "connection: \"host=127.0.0.1 port={} user=catalog dbname=shop\"\n{}password: file:{}/wrong",
          scenario_->production().port(), indent, scenario_->home()));
  std::ofstream(scenario_->config_file()) << config;
  RunResult result = scenario_->ytb({"policy", "propose"});
  EXPECT_EQ(result.status, 11) << result.out << result.err;
  EXPECT_THAT(result.err, HasSubstr("password authentication failed"));
  EXPECT_THAT(result.err, ::testing::Not(HasSubstr("planted-wrong")));
  // The refresh itself does not need production's login.
  next_day();
  scenario_->refresh();
  EXPECT_EQ(users(), "20002");
}

TEST_F(Swap, ACopyThatWasStoppedIsStartedAgain) {
  prepare();
  // By its number on this host: inside its seal it is 1, and so says postmaster.pid.
  std::ifstream file(scenario_->copies() + "/" + first_ + "/seal.json");
  const std::string record((std::istreambuf_iterator<char>(file)), {});
  std::smatch found;
  ASSERT_TRUE(std::regex_search(record, found, std::regex("\"pid\": *([0-9]+)"))) << record;
  const auto pid = static_cast<pid_t>(std::stol(found[1]));
  ASSERT_GT(pid, 1);
  ASSERT_EQ(kill(pid, SIGQUIT), 0);
  for (int i = 0; i < 400 && kill(pid, 0) == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  EXPECT_THAT(users(), HasSubstr("<error"));
  scenario_->refresh();
  EXPECT_EQ(users(), "20001");
}

TEST_F(Swap, MaskingNoneMustHaveAReasonAndTheProofSaysSo) {
  prepare();
  std::ifstream in(scenario_->config_file());
  std::string config((std::istreambuf_iterator<char>(in)), {});
  in.close();
  const size_t begin = config.find("    masking:");
  const size_t end = config.find("    access:");
  config.replace(begin, end - begin, "    masking:\n      none: \"a demo without people in it\"\n");
  std::ofstream(scenario_->config_file()) << config;
  next_day();
  scenario_->refresh();
  EXPECT_EQ(scenario_->staging_value("SELECT count(*) FROM users WHERE email LIKE '%@real.test'"), "20002");
  EXPECT_THAT(scenario_->proof(), HasSubstr("a demo without people in it"));
}

// What needs a live copy and hardly touches it, one after the other over one production: making that, and the
// copy, would take each of them most of its time.
class SwapAtRest : public Swap {
 protected:
  void the_live_copy_is_not_deleted() {
    RunResult result = scenario_->ytb({"delete", first_, "--yes"});
    EXPECT_EQ(result.status, 8) << result.out << result.err;
    EXPECT_EQ(users(), "20001");
  }
  void what_cannot_be_printed_is_no_success_and_a_reader_that_leaves_is_no_failure() {
    const std::string ytb = scenario_->ytb_line("status");
    RunResult full = run_program({"sh", "-c", ytb + " >/dev/full"});
    EXPECT_EQ(full.status, 12) << full.err;
    EXPECT_THAT(full.err, HasSubstr("could not be written whole"));
    RunResult left = run_program({"bash", "-c", ytb + " | true; exit ${PIPESTATUS[0]}"});
    EXPECT_EQ(left.status, 0) << left.err;
  }
  void ctrl_c_at_a_question_ends_it_and_changes_nothing() {
    // `script` gives it a terminal; what is typed after Ctrl-C must not be taken for an answer.
    const std::string typed = "(sleep 1; printf '\\003'; sleep 1; printf 'y\\n'; sleep 1)";
    RunResult asked = run_program(
        {"bash", "-c", typed + " | script -qec \"" + scenario_->ytb_line("teardown") + "\" /dev/null"});
    EXPECT_EQ(asked.status, 130) << asked.out << asked.err;
    EXPECT_THAT(asked.out, HasSubstr("nothing was changed"));
    EXPECT_EQ(users(), "20001");
  }
  void a_garbage_config_changes_nothing() {
    std::ifstream in(scenario_->config_file());
    std::string config((std::istreambuf_iterator<char>(in)), {});
    std::ofstream(scenario_->config_file()) << config << "spare_copiez: 3\n";
    RunResult result = scenario_->ytb({"refresh"});
    EXPECT_EQ(result.status, 3);
    EXPECT_THAT(result.err, HasSubstr("spare_copiez"));
    EXPECT_THAT(result.err, HasSubstr("yesterdaytabase.yaml:"));
    std::ofstream(scenario_->config_file()) << "\x01\x02 not yaml: [\n";
    EXPECT_EQ(scenario_->ytb({"refresh"}).status, 3);
    std::ofstream(scenario_->config_file()) << config;
    EXPECT_EQ(users(), "20001");
  }
  void a_lock_in_conflict_is_written_anew_by_accept() {
    const std::string lock = scenario_->home() + "/policy.lock";
    std::ofstream(lock) << "<<<<<<< ours\n=======\n>>>>>>> theirs\n";
    RunResult check = scenario_->ytb({"policy", "check"});
    EXPECT_EQ(check.status, 4) << check.out << check.err;
    RunResult accept = scenario_->ytb({"policy", "accept", "--yes"});
    EXPECT_EQ(accept.status, 0) << accept.out << accept.err;
    EXPECT_THAT(accept.err, HasSubstr("the lock is not read"));
    EXPECT_EQ(scenario_->ytb({"policy", "check"}).status, 0);
  }
  void the_service_names_productions_database() {
    std::ifstream file(scenario_->home() + "/pg_service.conf");
    const std::string service((std::istreambuf_iterator<char>(file)), {});
    EXPECT_THAT(service, HasSubstr("dbname=shop\n"));
  }
  void status_says_when_staging_is_stale() {
    EXPECT_EQ(scenario_->ytb({"status", "--max-age", "26h"}).status, 0);
    std::this_thread::sleep_for(std::chrono::seconds(2));
    RunResult stale = scenario_->ytb({"status", "--max-age", "1s"});
    EXPECT_EQ(stale.status, 7) << stale.out << stale.err;
  }
  void no_new_snapshot_is_nothing_to_do() {
    RunResult result = scenario_->refresh();
    EXPECT_THAT(result.out + result.err, HasSubstr("no new"));
    EXPECT_EQ(scenario_->live_copy(), first_);
    scenario_->refresh(0, {"--force"});
    EXPECT_NE(scenario_->live_copy(), first_);
    EXPECT_EQ(users(), "20001");
  }
  void proofs_are_signed_and_tampering_is_seen() {
    EXPECT_EQ(scenario_->ytb({"proof", "verify"}).status, 0);
    const std::string file = scenario_->copies() + "/" + scenario_->live_copy() + "/proof.json";
    std::ifstream in(file);
    std::string proof((std::istreambuf_iterator<char>(in)), {});
    in.close();
    const size_t at = proof.find("row_counts");
    ASSERT_NE(at, std::string::npos);
    proof.replace(at, 3, "ROW");
    std::ofstream(file) << proof;
    EXPECT_EQ(scenario_->ytb({"proof", "verify"}).status, 6);
  }
};

TEST_F(SwapAtRest, WhatIsSaidAndDone) {
  prepare();
  the_live_copy_is_not_deleted();
  what_cannot_be_printed_is_no_success_and_a_reader_that_leaves_is_no_failure();
  ctrl_c_at_a_question_ends_it_and_changes_nothing();
  a_garbage_config_changes_nothing();
  the_service_names_productions_database();
  status_says_when_staging_is_stale();
  no_new_snapshot_is_nothing_to_do();
  a_lock_in_conflict_is_written_anew_by_accept();
  proofs_are_signed_and_tampering_is_seen();
}

}  // namespace
}  // namespace ytb::testing
