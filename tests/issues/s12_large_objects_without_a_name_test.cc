// S12: bytes of a large object outlive its row of pg_largeobject_metadata. The policy does not see them, the
// files keep them, and any staging user who makes an object of that number reads them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

class S12LargeObjects : public ::testing::Test {
 protected:
  void prepare(const std::string& more, const std::string& judged) {
    scenario_.production().run("shop", R"(
      CREATE TABLE users (id int PRIMARY KEY, email text);
      INSERT INTO users VALUES (1, 'eve@real.test');
      SELECT lo_from_bytea(4711, 'planted-bytes');
      DELETE FROM pg_largeobject_metadata WHERE oid = 4711;)" +
                                           more);
    scenario_.write_policy("    public.users: {id: keep, email: email}\n", judged);
    scenario_.accept();
    scenario_.take_snapshot("monday");
    scenario_.refresh();
  }
  void expect_gone() {
    EXPECT_EQ(run_program({"grep", "-rlaF", "planted-bytes", scenario_.copies()}).out, "");
    EXPECT_EQ(scenario_.staging_value("SELECT lo_create(4711)"), "4711");
    EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM lo_get(4711) g WHERE length(g) > 0"), "0");
    EXPECT_THAT(scenario_.proof(), HasSubstr("large_objects_judged"));
  }

  static Scenario::Options with_few_connections() {
    Scenario::Options options;
    options.production.settings = {
        {"max_connections", "15"}, {"max_worker_processes", "2"}, {"max_wal_senders", "3"}};
    return options;
  }

  Scenario scenario_{with_few_connections()};
};

TEST_F(S12LargeObjects, BytesThatNoObjectNamesGo) {
  prepare("", "");
  expect_gone();
}

TEST_F(S12LargeObjects, AlsoBesideObjectsThatAreKept) {
  prepare("SELECT lo_from_bytea(4712, 'kept-bytes')", "    large_objects: keep\n");
  expect_gone();
  EXPECT_EQ(run_program({"grep", "-rlaF", "kept-bytes", scenario_.copies()}).out.empty(), false);
}

TEST_F(S12LargeObjects, AndWhereAllOfThemGo) {
  // More than a statement could lock at once, of which there are fewer with fewer connections.
  prepare("SELECT count(lo_from_bytea(g, 'planted-bytes')) FROM generate_series(20000, 44000) g",
          "    large_objects: none\n");
  expect_gone();
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM pg_largeobject_metadata WHERE oid <> 4711"), "0");
}

}  // namespace
}  // namespace ytb::testing
