#include "drivers/postgres/dead_rows.h"

#include <gtest/gtest.h>

#include "drivers/postgres/heap_page.h"
#include "drivers/postgres/stray_files.h"
#include "tests/postgres_cluster.h"

namespace ytb::postgres {
namespace {

using testing::PostgresCluster;

TEST(DeadRows, are_counted_where_the_files_hold_more_than_the_tables_show) {
  auto cluster = PostgresCluster::make();
  ASSERT_NE(cluster, nullptr);
  cluster->run("postgres", R"sql(
    CREATE TABLE kept (id int, t text) WITH (autovacuum_enabled = false);
    INSERT INTO kept SELECT g, repeat('x', 300) FROM generate_series(1, 1000) g;
    VACUUM (FREEZE) kept;
    CREATE TABLE dead (id int, t text) WITH (autovacuum_enabled = false);
    INSERT INTO dead SELECT g, repeat('x', 300) FROM generate_series(1, 1000) g;
    VACUUM (FREEZE) dead;
    DELETE FROM dead WHERE id <= 30;
    CREATE TABLE holes (id int, t text) WITH (autovacuum_enabled = false);
    INSERT INTO holes SELECT g, repeat('x', 300) FROM generate_series(1, 1000) g;
    DELETE FROM holes WHERE id <= 500;
    VACUUM holes;
    CHECKPOINT;)sql");
  ports::SessionTarget target{
      .parameters = {{"connection", cluster->connection()}}, .password = {}, .label = "p"};
  auto session = Connection::open(target, "postgres", SessionKind::kProduction);
  ASSERT_TRUE(session.ok());
  StopFlag stop;
  auto counted = count_dead_rows(*session, cluster->data(), stop);
  ASSERT_TRUE(counted.ok()) << counted.error().message;
  uint64_t dead = 0;
  uint64_t holes = 0;
  for (const DeadRows& rows : *counted) {
    if (rows.table == "public.dead") dead = rows.dead + rows.undecided;
    if (rows.table == "public.kept") {
      EXPECT_EQ(rows.dead + rows.undecided, 0U);
    }
    if (rows.table == "public.holes") {
      EXPECT_EQ(rows.dead + rows.undecided, 0U);
      holes = rows.free_bytes;
    }
  }
  EXPECT_EQ(dead, 30U);
  EXPECT_GT(holes, 100'000U);
  EXPECT_LT(holes, 400'000U);
}

TEST(DeadRows, of_a_map_that_ends_early_nothing_is_believed) {
  EXPECT_FALSE(internal::is_all_visible("", 0));
  EXPECT_TRUE(internal::is_all_visible(frozen_visibility_map(3, false), 2));
  EXPECT_FALSE(internal::is_all_visible(frozen_visibility_map(3, false), 3));
  EXPECT_EQ(internal::free_bytes_in(std::string(2 * kPageBytes, 'x')), 0U);
}

// Its own pid file does not make a server a copy's: files are removed below the folder that is found here.
TEST(StrayFiles, the_folder_of_a_server_that_is_not_a_copys_is_not_looked_into) {
  auto cluster = PostgresCluster::make();
  ASSERT_NE(cluster, nullptr);
  ports::SessionTarget target{
      .parameters = {{"connection", cluster->connection()}}, .password = {}, .label = "p"};
  auto session = Connection::open(target, "postgres", SessionKind::kProduction);
  ASSERT_TRUE(session.ok());
  auto folder = data_folder(*session);
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().code, Code::kUnsupported);
}

TEST(StrayFiles, names_of_relations_files) {
  RelationFile file;
  EXPECT_TRUE(parse_relation_file("16384_vm.12", file));
  EXPECT_EQ(file.node, "16384");
  EXPECT_EQ(file.fork, "vm");
  EXPECT_EQ(file.segment, 12U);
  for (const char* name : {"", "x", "t3_16384", "16384_x", "16384.", "16384.1x", "_vm", "16384.bak", ".1"})
    EXPECT_FALSE(parse_relation_file(name, file)) << name;
}

}  // namespace
}  // namespace ytb::postgres
