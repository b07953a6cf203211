// Warming up a copy on RDS: what masking left as restored is read, bounded and resumable; nothing of it
// stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "drivers/postgres/rds_testing.h"

namespace ytb::postgres {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Masked: users, and what hangs on it. Left alone: orders with its indexes and TOAST, prices, a second
// database.
constexpr const char* kShop = R"(
  CREATE TABLE users (id int PRIMARY KEY, email text);
  INSERT INTO users SELECT i, 'raw' || i || '@corp.example' FROM generate_series(1, 5000) i;
  CREATE MATERIALIZED VIEW mails AS SELECT email FROM users;
  CREATE TABLE orders (id int PRIMARY KEY, user_id int, note text); CREATE INDEX by_user ON orders (user_id);
  INSERT INTO orders SELECT i, i, 'note ' || i FROM generate_series(1, 24000) i;
  INSERT INTO orders SELECT 24000 + i, i, string_agg(md5(i::text || j), '') FROM generate_series(1, 20) i,
    generate_series(1, 400) j GROUP BY i;
  CREATE TABLE "odd ""prices" (amount int); INSERT INTO "odd ""prices" SELECT generate_series(1, 3000);
  CREATE TABLE gone (a int, b text); INSERT INTO gone VALUES (1, 'raw'); ALTER TABLE gone DROP COLUMN b;
  CREATE TABLE nothing (a int);
)";

// Before, a collector was told by datagrams.
constexpr int kCountsAtOnce = 15;
constexpr const char* kCountsLate = "this server counts a session's reads some time after it has ended";

class RdsWarmUp : public RdsTest {
 protected:
  void SetUp() override {
    if (testing::postgres_major() < kCountsAtOnce) GTEST_SKIP() << kCountsLate;
    RdsTest::SetUp();
  }
  void make_masked_shop(std::map<std::string, std::string> settings = {}) {
    settings["autovacuum"] = "off";
    make_copy(std::move(settings));
    cluster_->run("postgres", "CREATE DATABASE shop OWNER app_owner; CREATE DATABASE more OWNER app_owner");
    std::string error;
    ASSERT_TRUE(cluster_->try_run("shop", kShop, &error, "app_owner")) << error;
    ASSERT_TRUE(cluster_->try_run("more",
                                  "CREATE TABLE far (a int); INSERT INTO far SELECT generate_series(1, 2000)",
                                  &error, "app_owner"))
        << error;
    claim();
    defuse();
    auto catalog = engine_.catalog(target_);
    ASSERT_TRUE(catalog.ok()) << to_string(catalog.error());
    plan_ = plan_for(*catalog, {{"public.users.email", "email"}});
    auto evidence = mask(plan_);
    ASSERT_TRUE(evidence.ok()) << to_string(evidence.error());
    evidence_ = *evidence;
    forget_reads();
  }
  void forget_reads() {
    for (const char* database : {"shop", "more"}) cluster_->run(database, "SELECT pg_stat_reset()");
  }
  // RDS lets its master make this extension; PostgreSQL wants a superuser for it.
  void let_master_make_extensions(bool may) {
    cluster_->run("postgres",
                  may ? "ALTER ROLE app_master SUPERUSER" : "ALTER ROLE app_master NOSUPERUSER CREATEROLE");
  }
  std::vector<std::string> warm_up(const ports::WarmUpRequest& request) {
    auto notes = engine_.warm_up(target_, request, progress_, stop_);
    EXPECT_TRUE(notes.ok()) << (notes.ok() ? "" : to_string(notes.error()));
    return notes.ok() ? *notes : std::vector<std::string>{};
  }
  // Blocks of the heap that sessions have asked for.
  int reads(const std::string& database, const std::string& table) {
    return std::stoi(cluster_->value(
        database,
        "SELECT coalesce(sum(heap_blks_read + heap_blks_hit), 0) FROM pg_statio_all_tables WHERE relid = '" +
            table + "'::regclass"));
  }
  int blocks(const std::string& database, const std::string& relation) {
    return std::stoi(
        cluster_->value(database, "SELECT pg_relation_size('" + relation + "'::regclass) / 8192"));
  }
  std::string oid(const std::string& relation) {
    return cluster_->value("shop", "SELECT '" + relation + "'::regclass::oid");
  }
  // Block ranges that pg_prewarm was asked for, "0-15".
  std::vector<std::string> prewarmed(const std::string& relation) {
    const std::string log = cluster_->server_log();
    const std::string call =
        ".pg_prewarm(" + oid(relation) + "::pg_catalog.oid::pg_catalog.regclass, 'read', 'main', ";
    std::vector<std::string> ranges;
    for (size_t at = log.find(call); at != std::string::npos; at = log.find(call, at + 1)) {
      size_t from = at + call.size();
      std::string range = log.substr(from, log.find(')', from) - from);
      range.replace(range.find(", "), 2, "-");
      ranges.push_back(range);
    }
    return ranges;
  }
  void expect_no_traces() {
    for (const char* database : {"postgres", "template1", "shop", "more"}) {
      EXPECT_EQ(cluster_->value(database, "SELECT count(*) FROM pg_extension WHERE extname = 'pg_prewarm'"),
                "0")
          << database;
      EXPECT_EQ(cluster_->value(
                    database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'yesterdaytabase_progress'"),
                "0")
          << database;
    }
  }

  masking::MaskingPlan plan_;
  model::Evidence evidence_;
  const ports::WarmUpRequest request_{.workers = 2, .longest = std::chrono::hours(2)};
};

TEST_F(RdsWarmUp, tables_are_scanned_where_there_is_no_extension) {
  make_masked_shop();
  std::vector<std::string> notes = warm_up(request_);
  EXPECT_THAT(notes, Contains(HasSubstr("that masking did not write anew were read")));
  EXPECT_THAT(notes, Contains(HasSubstr("tables of shop were scanned")));
  EXPECT_EQ(reads("shop", "orders"), blocks("shop", "orders"));
  EXPECT_EQ(reads("shop", "\"odd \"\"prices\""), blocks("shop", "\"odd \"\"prices\""));
  EXPECT_EQ(reads("more", "far"), blocks("more", "far"));
  for (const char* rewritten : {"users", "mails", "gone"})
    EXPECT_EQ(reads("shop", rewritten), 0) << rewritten;
  forget_reads();
  EXPECT_THAT(warm_up(request_), Contains(HasSubstr("were read")));
  EXPECT_EQ(reads("shop", "orders"), 0) << "what is warm is not read again";
  EXPECT_EQ(bad(verify(&plan_, evidence_)), "");
  expect_no_traces();
}

TEST_F(RdsWarmUp, heaps_indexes_and_toast_are_read_in_bounded_ranges) {
  make_masked_shop({{"log_statement", "'all'"}});
  ports::WarmUpRequest request = request_;
  request.range_bytes = 64 * 8192;
  let_master_make_extensions(true);
  std::vector<std::string> notes = warm_up(request);
  const int orders = blocks("shop", "orders");
  ASSERT_GT(orders, 128);
  ASSERT_LT(orders, 192);
  EXPECT_THAT(prewarmed("orders"), ElementsAre("0-63", "64-127", "128-" + std::to_string(orders - 1)));
  const std::string toast =
      cluster_->value("shop", "SELECT reltoastrelid::regclass FROM pg_class WHERE relname = 'orders'");
  const std::string toast_index = cluster_->value(
      "shop", "SELECT indexrelid::regclass FROM pg_index WHERE indrelid = '" + toast + "'::regclass");
  for (const std::string& relation : {std::string("orders_pkey"), std::string("by_user"), toast, toast_index})
    EXPECT_THAT(prewarmed(relation), Not(ElementsAre())) << relation;
  for (const char* rewritten : {"users", "users_pkey", "mails", "gone", "nothing"})
    EXPECT_THAT(prewarmed(rewritten), ElementsAre()) << rewritten;
  EXPECT_EQ(notes.size(), 1U) << "nothing was left out";
  EXPECT_EQ(cluster_->value("shop", "SELECT count(*) FROM pg_extension WHERE extname = 'pg_prewarm'"), "0");
  let_master_make_extensions(false);
  EXPECT_EQ(bad(verify(&plan_, evidence_)), "");
  expect_no_traces();
}

TEST_F(RdsWarmUp, productions_own_extension_is_used_and_stays) {
  make_masked_shop({{"log_statement", "'all'"}});
  cluster_->run("shop",
                "CREATE SCHEMA tools; GRANT USAGE ON SCHEMA tools TO PUBLIC; CREATE EXTENSION "
                "pg_prewarm SCHEMA tools");
  warm_up(request_);
  EXPECT_THAT(prewarmed("by_user"), Not(ElementsAre()));
  EXPECT_EQ(cluster_->value("shop",
                            "SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = "
                            "'pg_prewarm'"),
            "tools");
}

// Asks to stop as soon as it hears of it.
class StopsAtOnce final : public ports::Progress {
 public:
  explicit StopsAtOnce(StopFlag& stop) : stop_(stop) {}
  void update(const ports::ProgressUpdate& update) override {
    EXPECT_EQ(update.stage, "warm up");
    total_bytes = update.total_bytes;
    stop_.request();
  }
  void note(std::string_view) override {}
  uint64_t total_bytes = 0;

 private:
  StopFlag& stop_;
};

TEST_F(RdsWarmUp, a_stopped_one_goes_on_where_it_was) {
  make_masked_shop();
  StopFlag stop;
  StopsAtOnce progress(stop);
  auto stopped = engine_.warm_up(target_, request_, progress, stop);
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, Code::kInterrupted);
  EXPECT_GT(progress.total_bytes, 128U * 8192);
  warm_up(request_);
  EXPECT_EQ(cluster_->value("shop",
                            "SELECT sum(w.blocks) - sum(pg_relation_size(relation) / 8192) FROM "
                            "yesterdaytabase_progress.warm_up w WHERE relation <> 0"),
            "0");
  // As if it had been stopped within a table.
  cluster_->run(
      "shop", "UPDATE yesterdaytabase_progress.warm_up SET blocks = 100 WHERE relation = 'orders'::regclass");
  forget_reads();
  warm_up(request_);
  EXPECT_EQ(reads("shop", "orders"), blocks("shop", "orders") - 100);
  EXPECT_EQ(reads("more", "far"), 0);
}

// The setting was changed in between, or masking was over at once.
TEST_F(RdsWarmUp, what_nobody_goes_on_with_leaves_nothing) {
  make_masked_shop();
  let_master_make_extensions(true);
  std::string error;
  ASSERT_TRUE(cluster_->try_run("shop", "CREATE EXTENSION pg_prewarm SCHEMA yesterdaytabase_progress", &error,
                                "app_master"))
      << error;
  let_master_make_extensions(false);
  EXPECT_EQ(bad(verify(&plan_, evidence_)), "");
  expect_no_traces();
}

TEST_F(RdsWarmUp, its_time_is_bounded_and_a_failure_is_a_note) {
  make_masked_shop();
  ports::WarmUpRequest none = request_;
  none.longest = Duration{};
  EXPECT_THAT(warm_up(none), Contains(HasSubstr("its time of 0")));
  EXPECT_EQ(reads("shop", "orders"), 0);
  // From the first call on, whatever lies between.
  for (const char* database : {"postgres", "shop", "more"}) {
    cluster_->run(database,
                  "UPDATE yesterdaytabase_progress.warm_up SET at = at - interval '3 hours' WHERE "
                  "relation = 0");
  }
  EXPECT_THAT(warm_up(request_), Contains(HasSubstr("its time of 2 h")));
  EXPECT_EQ(reads("shop", "orders"), 0);
  for (const char* database : {"postgres", "shop", "more"}) {
    cluster_->run(database,
                  "UPDATE yesterdaytabase_progress.warm_up SET at = clock_timestamp() WHERE relation = 0");
  }
  // A table that is not the master's to read.
  cluster_->run("shop", "CREATE TABLE theirs (a text); INSERT INTO theirs VALUES ('x')");
  EXPECT_THAT(warm_up(request_), Contains(HasSubstr("1 could not be read, the first theirs: ")));
  EXPECT_EQ(reads("shop", "orders"), blocks("shop", "orders"));
  // A copy that is not ours: still no failure of the refresh, and nothing is done in it.
  target_.nonce = "fedcba9876543210";
  EXPECT_THAT(warm_up(request_), ElementsAre(HasSubstr("warm-up: it was not begun")));
}

}  // namespace
}  // namespace ytb::postgres
