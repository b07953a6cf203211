// B8: where /dev/shm was too small for what parallel workers share (Docker gives a container 64 MB), the
// error had no hint, and a view or computed column was left empty as if its own query had failed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

// The program in a world whose /dev/shm has so little. What lies there of the test's own is seen all the
// same.
RunResult refresh_with_shared_memory(const Scenario& scenario, std::string_view size) {
  return run_program({"unshare", "--mount", "sh", "-c",
                      fmt::format("set -e; mount --bind '{0}' /mnt; mount -t tmpfs -o mode=1777,size={1} "
                                  "shm /dev/shm; mkdir -p '{0}'; mount --bind /mnt '{0}'; exec {2}",
                                  scenario.home(), size, scenario.ytb_line("refresh"))});
}

class B08SharedMemory : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0 ||
        run_program({"unshare", "--mount", "mount", "-t", "tmpfs", "shm", "/dev/shm"}).status != 0)
      GTEST_SKIP() << "only root can make /dev/shm smaller";
  }
};

TEST_F(B08SharedMemory, AnIndexBuiltByParallelWorkers) {
  Scenario::Options options;
  options.copies_extra = "        isolation: {none: \"a test of the host's own /dev/shm\"}\n";
  Scenario scenario(options);
  // Large enough that PostgreSQL builds its index with a worker.
  scenario.production().run("shop", R"(
    CREATE TABLE users (id int PRIMARY KEY, email text, more text);
    INSERT INTO users SELECT g, 'user' || g || '@real.test', repeat('x', 300) FROM generate_series(1, 60000) g;)");
  scenario.write_policy("    public.users: {id: hash, email: email, more: keep}\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  // What the server needs for itself (from 15 on its statistics), and less than its workers share.
  const RunResult small = refresh_with_shared_memory(scenario, postgres_major() < 15 ? "150k" : "1200k");
  EXPECT_EQ(small.status, exit_status(Code::kSpace)) << small.out << small.err;
  EXPECT_THAT(small.err, HasSubstr("No space left on device"));
  EXPECT_THAT(small.err, HasSubstr("hint: that server's /dev/shm is too small"));
  EXPECT_THAT(small.err, HasSubstr("docker run --shm-size=1g"));
  // Its server still runs where there is so little: another one is made.
  EXPECT_EQ(scenario.ytb({"delete", scenario.copy_ids().front(), "--yes"}).status, 0);
  scenario.refresh();
}

TEST_F(B08SharedMemory, AServerThatDoesNotStart) {
  Scenario::Options options;
  options.copies_extra = "        isolation: {none: \"a test of the host's own /dev/shm\"}\n";
  Scenario scenario(options);
  scenario.prepare_users();
  const RunResult small = refresh_with_shared_memory(scenario, "4k");
  EXPECT_EQ(small.status, exit_status(Code::kSpace)) << small.out << small.err;
  EXPECT_THAT(small.err, HasSubstr("hint: that server's /dev/shm is too small"));
  scenario.refresh();  // once there is room, without a word about what failed before
}

}  // namespace
}  // namespace ytb::testing
