// N5: "Use it for real" of the README failed word for word: the login's password had no step, the line that
// `refresh` printed asked for another that nothing located, and then permission was denied. By pasting, an
// ordinary user gets from `init` to psql.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "base/error.h"
#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

std::string program() {
  const char* chosen = std::getenv("YTB_TEST_PROGRAM");
  return chosen != nullptr && *chosen != '\0' ? chosen : std::string(YTB_BINARY_DIR) + "/src/yesterdaytabase";
}

class N05 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!why_no_seal().empty()) GTEST_SKIP() << why_no_seal();
    home_ = temp_.make_for_server("me");
    PostgresCluster::Options options;
    options.settings = {{"password_encryption", "'scram-sha-256'"}};
    production_ = PostgresCluster::make(options);
    ASSERT_NE(production_, nullptr);
    production_->run("postgres",
                     "CREATE DATABASE shop; CREATE ROLE ytb_backup LOGIN REPLICATION PASSWORD "
                     "'planted-choose-one'");
    production_->run("shop",
                     "CREATE TABLE users (id int PRIMARY KEY, email text, visits int);"
                     "INSERT INTO users SELECT g, 'real' || g || '@person.test', g FROM "
                     "generate_series(1, 50) g");
    // As it is out there: no trust.
    const std::string hba = production_->data() + "/pg_hba.conf";
    run_program(
        {"sh", "-c",
         fmt::format("printf '%s\\n' 'local all postgres trust' 'host all postgres 127.0.0.1/32 trust' "
                     "'host all all 127.0.0.1/32 scram-sha-256' 'host replication all 127.0.0.1/32 "
                     "scram-sha-256' > {}",
                     hba)});
    production_->run("postgres", "SELECT pg_reload_conf()");
  }
  void TearDown() override {
    if (!home_.empty()) ytb("teardown --yes");
  }
  RunResult in_home(const std::string& line, const std::vector<std::string>& environment = {}) {
    return run_program(
        {"sh", "-c", fmt::format("cd {}; HOME={}; TMPDIR=/tmp; export HOME TMPDIR; {}", home_, home_, line)},
        server_user(), {}, environment);
  }
  RunResult ytb(const std::string& line, const std::vector<std::string>& environment = {}) {
    RunResult result = in_home(fmt::format("exec {} {}", program(), line), environment);
    keep_output(result);
    return result;
  }
  std::string connection(std::string_view more) {
    return fmt::format("host=127.0.0.1 port={} user=ytb_backup{}", production_->port(), more);
  }
  // What stands behind a label at the line's beginning.
  static std::string said_of(const std::string& label, const std::string& out) {
    const size_t at = out.find("\n  " + label + " ");
    if (at == std::string::npos) return {};
    const size_t begin = out.find_first_not_of(' ', at + 3 + label.size());
    return out.substr(begin, out.find('\n', begin) - begin);
  }

  TempFolder temp_{"/tmp"};  // as short as a home is
  std::string home_;
  std::unique_ptr<PostgresCluster> production_;
};

TEST_F(N05, ByPasting) {
  if (getenv("YTB_TEST_POSTGRES") != nullptr)
    GTEST_SKIP() << "what is pasted goes by the programs that are installed, not by YTB_TEST_POSTGRES";
  const RunResult made = ytb(fmt::format("init --connection '{}'", connection(" dbname=shop")),
                             {"PGPASSWORD=planted-choose-one"});
  ASSERT_EQ(made.status, 0) << made.out << made.err;
  EXPECT_THAT(made.out, HasSubstr("login ytb_backup: may take base backups, reads 0 of 1 table"));
  EXPECT_THAT(made.out, HasSubstr("GRANT"));
  for (const char* line :
       {"snapshot take", "policy propose --out policy.yaml", "policy accept --yes", "check"}) {
    const RunResult result = ytb(line);
    ASSERT_EQ(result.status, 0) << line << "\n" << result.out << result.err;
  }
  const RunResult refreshed = ytb("refresh");
  ASSERT_EQ(refreshed.status, 0) << refreshed.out << refreshed.err;
  // The two lines that it prints.
  const std::string query = " -Atc 'SELECT count(*) FROM users WHERE email !~ $$person.test$$'";
  const std::string file = said_of("password", refreshed.out).substr(sizeof("of staging: ") - 1);
  const RunResult pasted = in_home(
      fmt::format("PGPASSWORD=$(cat {}) {}{}", file, "env " + said_of("connect", refreshed.out), query));
  EXPECT_EQ(pasted.out, "50\n") << refreshed.out << pasted.err;
  const RunResult connected = ytb("connect --" + query);
  EXPECT_EQ(connected.out, "50\n") << connected.err;
}

// Without the database, and with a password that is wrong: what is known is filled in, what is not is said.
TEST_F(N05, WhatInitDoesNotKnowItSays) {
  const RunResult none = ytb(fmt::format("init --dry-run --connection '{}'", connection("")));
  EXPECT_EQ(none.status, 0) << none.err;
  EXPECT_THAT(none.out, HasSubstr("no password supplied"));
  EXPECT_THAT(none.out, HasSubstr("CREATE ROLE ytb_backup LOGIN REPLICATION;"));
  const RunResult wrong =
      ytb(fmt::format("init --directory {}/place --connection '{}'", home_, connection("")),
          {"PGPASSWORD=planted-another"});
  EXPECT_EQ(wrong.status, 0) << wrong.err;
  EXPECT_THAT(wrong.out, HasSubstr("password authentication failed"));
  EXPECT_EQ(run_program({"find", home_ + "/place", "-name", "source.password"}).out, "");
  production_->run("postgres", "ALTER ROLE ytb_backup NOREPLICATION");
  const RunResult right = ytb(fmt::format("init --config {}/b.yaml --directory {}/b --connection '{}'", home_,
                                          home_, connection(" dbname=postgres")),
                              {"PGPASSWORD=planted-choose-one"});
  EXPECT_EQ(right.status, 0) << right.err;
  EXPECT_THAT(right.out, HasSubstr("ALTER ROLE ytb_backup REPLICATION;"));
}

// What is in the way is told by one rule, whoever asks: a host without a server was told of its pg_hba.conf.
TEST_F(N05, ASnapshotThatCannotBeTakenSaysWhatIsWrong) {
  ASSERT_EQ(ytb(fmt::format("init --production s --connection '{}'", connection(" dbname=shop")),
                {"PGPASSWORD=planted-choose-one"})
                .status,
            0);
  const std::string port = fmt::format("port={}", production_->port());
  const auto take = [&](const std::string& from, const std::string& to) {
    const RunResult result =
        in_home(fmt::format("sed 's/{}/{}/' yesterdaytabase.yaml > other.yaml", from, to));
    EXPECT_EQ(result.status, 0) << result.err;
    return ytb("snapshot take --config other.yaml").err;
  };
  EXPECT_THAT(take(port, "port=1"),
              HasSubstr("check that production runs, and listens where host= and port="));
  EXPECT_THAT(take("host=127.0.0.1", "host=no-such-host.invalid"), HasSubstr("check host= in"));
  EXPECT_THAT(take("user=ytb_backup", "user=nobody_there"), HasSubstr("CREATE ROLE"));
  EXPECT_THAT(take("dbname=shop", "dbname=shap"), HasSubstr("check dbname= in"));
}

// It wrote a config that led nowhere, with keys, and said that all was well; the next init then asked for the
// password before it refused.
TEST_F(N05, WhereNothingAnswersNothingIsWritten) {
  for (const char* nowhere : {"host=127.0.0.1 port=1 user=u", "host=/nowhere user=u",
                              "host=no-such-host.invalid user=u", "postgres://u@127.0.0.1:1/shop"}) {
    const RunResult result = ytb(fmt::format("init --connection '{}'", nowhere));
    EXPECT_EQ(result.status, exit_status(Code::kConnection)) << nowhere << result.out;
    EXPECT_THAT(result.err, HasSubstr("nothing was written")) << nowhere;
    EXPECT_EQ(run_program({"find", home_, "-name", "*.yaml", "-o", "-name", "*.key"}).out, "") << nowhere;
  }
  const RunResult refused =
      ytb(fmt::format("init --production s --connection '{}'", connection(" dbname=nosuch")),
          {"PGPASSWORD=planted-choose-one"});
  EXPECT_EQ(refused.status, 0) << "a server that lets nobody in yet: " << refused.err;
  const RunResult again = ytb("init --connection 'host=127.0.0.1 port=1 user=u'");
  EXPECT_THAT(again.err, HasSubstr("exists and is not overwritten")) << "before anything is asked";
  EXPECT_THAT(again.err, HasSubstr("correct what is wrong in the config"));
}

}  // namespace
}  // namespace ytb::testing
