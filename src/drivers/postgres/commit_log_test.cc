// Which rows of a page are there, as the server itself says it.
#include "drivers/postgres/commit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>

#include "drivers/postgres/heap_page.h"
#include "tests/postgres_cluster.h"

namespace ytb::postgres {
namespace {

TEST(CommitLogTest, SaysOfEveryRowWhatTheServerSays) {
  auto cluster = testing::PostgresCluster::make({});
  ASSERT_NE(cluster, nullptr);
  cluster->run("postgres", "CREATE TABLE t (v int) WITH (autovacuum_enabled = off)");
  for (const char* script :
       {"INSERT INTO t SELECT generate_series(1, 20)", "BEGIN; INSERT INTO t VALUES (21), (22); ROLLBACK",
        "DELETE FROM t WHERE v <= 3", "BEGIN; DELETE FROM t WHERE v = 4; ROLLBACK",
        "BEGIN; SELECT * FROM t WHERE v = 5 FOR UPDATE; COMMIT", "UPDATE t SET v = 106 WHERE v = 6",
        "BEGIN; SAVEPOINT a; INSERT INTO t VALUES (23); ROLLBACK TO a; INSERT INTO t VALUES (24); COMMIT",
        "BEGIN; SAVEPOINT a; DELETE FROM t WHERE v = 7; RELEASE a; COMMIT",
        "BEGIN; SAVEPOINT a; DELETE FROM t WHERE v = 8; ROLLBACK TO a; COMMIT",
        "BEGIN; SELECT FROM t WHERE v = 9 FOR SHARE; SAVEPOINT a; UPDATE t SET v = 0 WHERE v = 9; COMMIT",
        "DELETE FROM t WHERE v = 10"}) {
    cluster->run("postgres", script);
  }
  cluster->run("postgres", "CHECKPOINT");
  const std::string data = cluster->value("postgres", "SHOW data_directory");
  std::ifstream file(data + "/" + cluster->value("postgres", "SELECT pg_relation_filepath('t')"));
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  ASSERT_EQ(bytes.size(), kPageBytes);
  CommitLog log(data);
  const auto maker_may_be = [&](uint32_t transaction) { return log.may_be_committed(transaction); };
  const auto deleter_is = [&](uint32_t transaction) { return log.is_committed(transaction); };
  const std::optional<PageView> page = PageView::open(bytes);
  ASSERT_TRUE(page);
  std::map<Seen, std::string> rows;  // line pointers
  int undecided_by_hints = 0;
  for (size_t item = 0; item < page->items(); ++item) {
    const std::optional<std::string_view> tuple = page->tuple(item);
    ASSERT_TRUE(tuple && !tuple->empty());
    undecided_by_hints += page->seen(*tuple) == Seen::kUndecided ? 1 : 0;
    std::string& those = rows[page->seen(*tuple, maker_may_be, deleter_is)];
    those += (those.empty() ? "" : ",") + std::to_string(item + 1);
  }
  EXPECT_GE(undecided_by_hints, 2) << "every statement that reads the page leaves hints";
  EXPECT_EQ(rows[Seen::kVisible],
            cluster->value("postgres",
                           "SELECT string_agg(split_part(trim(ctid::text, '()'), ',', 2), ',' ORDER BY ctid) "
                           "FROM t"));
  EXPECT_EQ(rows[Seen::kUndecided], "9") << "what one transaction locked and a part of it updated";
}

TEST(CommitLogTest, WhatIsNotThereMayBeCommitted) {
  CommitLog log("/nowhere");
  EXPECT_TRUE(log.may_be_committed(1));
  EXPECT_TRUE(log.may_be_committed(12345));
  EXPECT_FALSE(log.is_committed(12345));
  EXPECT_TRUE(log.is_committed(2)) << "frozen";
  EXPECT_FALSE(log.may_be_committed(0)) << "no transaction at all";
}

}  // namespace
}  // namespace ytb::postgres
