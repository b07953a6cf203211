// B10: what Barman, pgBackRest, WAL-G and other packers leave was passed over without a word, or called
// unfinished.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(B10, WhatIsNotReadIsNamedWithItsReason) {
  Scenario scenario;
  scenario.prepare_users();
  const RunResult made = run_program(
      {"sh", "-c",
       "cd \"$1\" && mkdir -p main/base/20261129T010203/data main/wals main/identity.json.d xz tgz "
       "pgbackrest/archive "
       "pgbackrest/backup walg/basebackups_005 dump other/base lost+found && touch main/identity.json "
       "main/base/20261129T010203/backup.info xz/base.tar.xz xz/backup_manifest tgz/base.tgz dump/toc.dat "
       "other/base/file",
       "sh", scenario.snapshots()});
  ASSERT_EQ(made.status, 0) << made.err;
  const RunResult list = scenario.ytb({"snapshot", "list"});
  EXPECT_EQ(list.status, 0) << list.err;
  EXPECT_THAT(list.out, AllOf(HasSubstr("Barman"), HasSubstr("base/ID/data"),
                              HasSubstr("base.tar.xz is not packed"), HasSubstr("base.tgz is not packed"),
                              HasSubstr("pgBackRest"), HasSubstr("WAL-G"), HasSubstr("pg_dump")));
  EXPECT_THAT(list.out,
              AllOf(Not(HasSubstr("lost+found")), Not(HasSubstr("other")), Not(HasSubstr("arriving"))));
  // They stand in nobody's way.
  scenario.refresh();
  EXPECT_NE(scenario.live_copy(), "");
}

TEST(B10, OneBackupOfBarmansIsNamed) {
  Scenario scenario;
  const RunResult made = run_program(
      {"sh", "-c", "cd \"$1\" && mkdir -p id/data && touch id/backup.info", "sh", scenario.snapshots()});
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(scenario.ytb({"snapshot", "list"}).out, HasSubstr("its folder data"));
}

}  // namespace
}  // namespace ytb::testing
