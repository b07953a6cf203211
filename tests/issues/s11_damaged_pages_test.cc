// S11: with data checksums on, a page whose checksum is wrong was masked by pages and got a fresh, valid one.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kPageBytes = 8192;

class S11 : public ::testing::Test {
 protected:
  // Nothing of a page's structure is hit: `email`'s first letter on block `block` (-1: the last one), in a
  // row.
  void damage(const std::string& snapshot, int64_t block, bool in_free_space) {
    const std::string path = scenario_.snapshots() + "/" + snapshot + "/" +
                             scenario_.production().value("shop", "SELECT pg_relation_filepath('users')");
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(file.is_open()) << path;
    file.seekg(0, std::ios::end);
    const int64_t pages = static_cast<int64_t>(file.tellg()) / kPageBytes;
    const int64_t page = block < 0 ? pages + block : block;
    std::string bytes(kPageBytes, '\0');
    file.seekg(page * kPageBytes);
    file.read(bytes.data(), kPageBytes);
    const size_t lower = static_cast<unsigned char>(bytes[12]) + 256U * static_cast<unsigned char>(bytes[13]);
    const size_t at = in_free_space ? lower : bytes.find("@real.test");
    ASSERT_NE(at, std::string::npos);
    file.seekp(page * kPageBytes + static_cast<int64_t>(at));
    file.put('%');
  }

  // Wide rows that everybody sees: the server counts them by an index and reads none of the pages.
  void SetUp() override {
    scenario_.production().run("shop", R"(
      CREATE TABLE users (id int PRIMARY KEY, email text, notes text);
      INSERT INTO users SELECT g, 'user' || g || '@real.test', repeat('x', 900) FROM generate_series(1, 5000) g;
      VACUUM (FREEZE, ANALYZE) users;)");
    scenario_.write_policy("    public.users: {id: keep, email: email, \"*\": keep}\n");
    scenario_.accept();
    // No checksums of the backup's own: they would see it first.
    scenario_.take_snapshot("monday", {"--manifest-checksums=NONE"});
  }

  void expect_refused(int64_t block, bool in_free_space = false) {
    damage("monday", block, in_free_space);
    const RunResult result = scenario_.ytb({"refresh"});
    EXPECT_NE(result.status, 0);
    EXPECT_THAT(result.out + result.err, HasSubstr("public.users"));
    EXPECT_EQ(scenario_.live_copy(), "");
    said_ = result.out + result.err;
  }

  static Scenario::Options options() {
    Scenario::Options options;
    options.production.checksums = true;
    return options;
  }

  Scenario scenario_{options()};
  std::string said_;
};

TEST_F(S11, ADamagedPageIsNotLaundered) {
  expect_refused(3);
  EXPECT_THAT(said_, HasSubstr("block 3"));
}

TEST_F(S11, NorIsTheLastOne) { expect_refused(-1); }

TEST_F(S11, NorIsOneWithDamageWhereNoRowLies) {
  expect_refused(7, true);
  EXPECT_THAT(said_, HasSubstr("block 7"));
}

}  // namespace
}  // namespace ytb::testing
