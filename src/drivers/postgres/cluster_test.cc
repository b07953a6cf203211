// The test helper itself: a suite that leans on it must be able to trust it.
#include <gtest/gtest.h>

#include "tests/postgres_cluster.h"

namespace ytb::testing {
namespace {

TEST(PostgresCluster, runs_backs_up_and_dumps) {
  auto cluster = PostgresCluster::make();
  ASSERT_NE(cluster, nullptr);
  cluster->run("postgres", R"(CREATE TABLE t (a int, b text DEFAULT 'x;y');
    DO $body$ BEGIN PERFORM 1; END $body$; INSERT INTO t VALUES (1), (2);)");
  EXPECT_EQ(cluster->value("postgres", "SELECT count(*) FROM t"), "2");
  std::string error;
  EXPECT_FALSE(cluster->try_run("postgres", "SELECT nonsense", &error));
  EXPECT_NE(error.find("nonsense"), std::string::npos);
  EXPECT_NE(cluster->dump_schema("postgres").find("CREATE TABLE public.t"), std::string::npos);
  TempFolder folder;
  std::string backup = folder.make_for_server("backup");
  ASSERT_TRUE(cluster->base_backup(backup));
  auto copy = PostgresCluster::adopt(backup, {});
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(copy->value("postgres", "SELECT count(*) FROM t"), "2");
  EXPECT_EQ(copy->dump_schema("postgres"), cluster->dump_schema("postgres"));
}

}  // namespace
}  // namespace ytb::testing
