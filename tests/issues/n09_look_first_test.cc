// N9: a column that nobody has judged was found after the restore, which may take hours, although production
// could be asked. What came after the snapshot must not stop it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kPolicyStatus = 4;

class N09 : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.prepare_users();
    scenario_.refresh();
    monday_ = scenario_.live_copy();
  }
  void expect_stopped_before_the_restore(const std::string& named) {
    const RunResult refused = scenario_.ytb({"refresh"});
    const std::string said = refused.out + refused.err;
    EXPECT_EQ(refused.status, kPolicyStatus) << said;
    EXPECT_THAT(said, HasSubstr(named));
    EXPECT_EQ(scenario_.copy_ids(), std::vector<std::string>{monday_}) << "nothing was restored\n" << said;
    EXPECT_THAT(said, Not(HasSubstr("defuse"))) << said;
  }
  Scenario scenario_;
  std::string monday_;
};

TEST_F(N09, WhatTheSnapshotHasStopsBeforeTheRestoreAndJudgingItIsEnough) {
  scenario_.production().run("shop", "ALTER TABLE users ADD passport text");
  scenario_.take_snapshot("tuesday");
  expect_stopped_before_the_restore("passport");
  scenario_.write_policy("    public.users: {id: keep, email: email, passport: hash}\n");
  scenario_.accept();
  scenario_.refresh(0, {"--if-due"});  // without anybody asking for it once more
  scenario_.refresh();
  EXPECT_NE(scenario_.live_copy(), monday_);
}

TEST_F(N09, SoDoTablesAndDatabases) {
  scenario_.production().run("shop", "CREATE TABLE cards (number text)");
  scenario_.take_snapshot("tuesday");
  expect_stopped_before_the_restore("public.cards");
  scenario_.production().run("shop", "DROP TABLE cards; CREATE DATABASE crm");
  scenario_.take_snapshot("wednesday");
  expect_stopped_before_the_restore("crm");
}

TEST_F(N09, WhatCameSinceStopsNothing) {
  scenario_.take_snapshot("tuesday");
  scenario_.production().run("shop", R"sql(
    ALTER TABLE users ADD passport text; CREATE TABLE cards (number text); CREATE DATABASE crm;
    ALTER TABLE users RENAME TO customers; ALTER TABLE customers RENAME email TO mail;
    SELECT lo_from_bytea(0, 'a large object'))sql");
  scenario_.refresh();
  EXPECT_NE(scenario_.live_copy(), monday_);
}

// Before the snapshot, but the transaction that made it had not ended.
TEST_F(N09, WhatWasBeingMadeStopsNothing) {
  scenario_.production().run("shop", "BEGIN; CREATE TABLE cards (number text); PREPARE TRANSACTION 'made'");
  scenario_.take_snapshot("tuesday");
  scenario_.production().run("shop", "COMMIT PREPARED 'made'");
  scenario_.refresh();
  EXPECT_NE(scenario_.live_copy(), monday_);
}

TEST_F(N09, AnotherServerIsNotTakenForProduction) {
  PostgresCluster::Options another;
  another.checksums = true;  // of another initdb: clusters of the same options are copies of one
  const auto other = PostgresCluster::make(another);
  ASSERT_TRUE(other);
  other->run("postgres", "CREATE DATABASE shop");
  other->run("shop", "CREATE TABLE cards (number text)");
  run_program({"sed", "-i", fmt::format("s|connection: .*|connection: \"{}\"|", other->connection("shop")),
               scenario_.config_file()});
  scenario_.take_snapshot("tuesday");
  const RunResult refreshed = scenario_.refresh();
  EXPECT_THAT(refreshed.out + refreshed.err, HasSubstr("is not the server that the snapshot is of"));
  other->stop("immediate");
  scenario_.take_snapshot("wednesday");
  EXPECT_THAT(scenario_.refresh().err, HasSubstr("production could not be asked"));
}

}  // namespace
}  // namespace ytb::testing
