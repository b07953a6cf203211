#include "drivers/os/clone.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>
#include <set>

#include "drivers/os/files.h"
#include "drivers/os/subprocess.h"
#include "support/temporary.h"

namespace ytb::os {
namespace {

using tests::get;
using tests::put;
using tests::TemporaryFolder;

std::string pattern(size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    seed = seed * 1664525U + 1013904223U;
    byte = static_cast<char>(seed >> 24);
  }
  return bytes;
}

TEST(Clone, CopiesEverythingWithOurModes) {
  TemporaryFolder folder;
  put(folder / "from/PG_VERSION", "15\n");
  put(folder / "from/base/1/large", pattern((150 << 20) + 17, 1));
  for (int i = 0; i < 500; ++i)
    put(folder / ("from/base/2/" + std::to_string(i)), pattern(8192, 7U + unsigned(i)));
  put(folder / "from/empty", "");
  ::chmod((folder / "from/PG_VERSION").c_str(), 0666);
  std::mutex mutex;
  std::set<std::string> told;
  uint64_t last_total = 0;
  uint64_t most = 0;
  CloneOptions options{.workers = 4};
  options.on_file = [&](const std::string& relative, int) {
    std::lock_guard lock(mutex);
    EXPECT_TRUE(told.insert(relative).second) << relative;
    return Status();
  };
  options.on_progress = [&](uint64_t done, uint64_t total) {
    std::lock_guard lock(mutex);
    most = std::max(most, done);
    last_total = total;
  };
  StopFlag stop;
  auto report = clone_tree(folder / "from", folder / "to", options, stop);
  ASSERT_TRUE(report.ok()) << to_string(report.error());
  EXPECT_EQ(report->files, 503U);
  EXPECT_EQ(told.size(), 503U);
  EXPECT_EQ(most, last_total);
  EXPECT_EQ(most, report->bytes);
  auto same = run({.argv = {"diff", "-r", folder / "from", folder / "to"}});
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->exit_status, 0) << same->out;
  EXPECT_EQ((*info_of(folder / "to/PG_VERSION"))->mode, 0600U);
  EXPECT_EQ((*info_of(folder / "to/base"))->mode, 0700U);
}

TEST(Clone, ReportsLinksAndLeavesOutWhatIsNoFile) {
  TemporaryFolder folder;
  put(folder / "outside/precious", "x");
  put(folder / "from/a/f", "f");
  std::filesystem::create_directory_symlink(folder / "outside", folder / "from/a/link");
  ASSERT_EQ(::mkfifo((folder / "from/fifo").c_str(), 0600), 0);
  StopFlag stop;
  auto report = clone_tree(folder / "from", folder / "to", {}, stop);
  ASSERT_TRUE(report.ok());
  ASSERT_EQ(report->links.size(), 1U);
  EXPECT_EQ(report->links[0].relative, "a/link");
  EXPECT_EQ(report->links[0].target, folder / "outside");
  EXPECT_EQ(report->left_out, 1U);
  EXPECT_FALSE(exists(folder / "to/a/link"));
  EXPECT_FALSE(exists(folder / "to/fifo"));
}

TEST(Clone, SkipsWhatItIsTold) {
  TemporaryFolder folder;
  put(folder / "from/postmaster.pid", "1");
  put(folder / "from/pg_replslot/slot/state", "1");
  put(folder / "from/keep", "1");
  CloneOptions options;
  options.skip = [](std::string_view relative, bool) {
    return relative == "postmaster.pid" || relative.starts_with("pg_replslot/");
  };
  StopFlag stop;
  auto report = clone_tree(folder / "from", folder / "to", options, stop);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->files, 1U);
  EXPECT_TRUE(exists(folder / "to/pg_replslot"));
  EXPECT_FALSE(exists(folder / "to/pg_replslot/slot"));
  EXPECT_EQ(size_of_tree(folder / "from", options.skip)->files, 1U);
}

TEST(Clone, HolesStayHoles) {
  TemporaryFolder folder;
  std::filesystem::create_directory(folder / "from");
  int file = ::open((folder / "from/sparse").c_str(), O_CREAT | O_RDWR, 0600);
  constexpr off_t kSize = 200 << 20;
  ASSERT_EQ(::ftruncate(file, kSize), 0);
  ASSERT_EQ(::pwrite(file, "middle", 6, 100 << 20), 6);
  ASSERT_EQ(::pwrite(file, "end", 3, kSize - 3), 3);
  ::close(file);
  StopFlag stop;
  auto report = clone_tree(folder / "from", folder / "to", {.share_blocks = false}, stop);
  ASSERT_TRUE(report.ok()) << to_string(report.error());
  auto same = run({.argv = {"cmp", folder / "from/sparse", folder / "to/sparse"}});
  EXPECT_EQ(same->exit_status, 0) << same->out;
  EXPECT_LT((*info_of(folder / "to/sparse"))->allocated_bytes, 1U << 20);
}

TEST(Clone, StopsAndPassesErrorsOn) {
  TemporaryFolder folder;
  put(folder / "from/f", "f");
  StopFlag stop;
  CloneOptions options;
  options.on_file = [](const std::string&, int) {
    return Status(Error{.code = Code::kCorrupt, .message = "torn", .hint = ""});
  };
  EXPECT_EQ(clone_tree(folder / "from", folder / "to1", options, stop).error().code, Code::kCorrupt);
  EXPECT_EQ(clone_tree(folder / "absent", folder / "to2", {}, stop).error().code, Code::kExternal);
  stop.request();
  EXPECT_EQ(clone_tree(folder / "from", folder / "to3", {}, stop).error().code, Code::kInterrupted);
}

TEST(Clone, NeverWritesOverWhatIsThere) {
  TemporaryFolder folder;
  put(folder / "from/f", "new");
  put(folder / "to/f", "old");
  StopFlag stop;
  EXPECT_FALSE(clone_tree(folder / "from", folder / "to", {}, stop).ok());
  EXPECT_EQ(get(folder / "to/f"), "old");
}

TEST(Clone, GivesFilesAway) {
  if (::geteuid() != 0) GTEST_SKIP() << "giving files away needs root";
  TemporaryFolder folder;
  put(folder / "from/d/f", "f");
  auto nobody = find_user("nobody");
  ASSERT_TRUE(nobody.ok());
  StopFlag stop;
  ASSERT_TRUE(clone_tree(folder / "from", folder / "to", {.owner = *nobody}, stop).ok());
  for (const char* path : {"to", "to/d", "to/d/f"})
    EXPECT_EQ((*info_of(folder / path))->uid, nobody->uid) << path;
}

// On a file system made for it, in a loop mount.
void clone_on(const char* maker, const std::vector<std::string>& maker_options) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  if (!find_program(maker).ok()) GTEST_SKIP() << maker << " is not installed";
  TemporaryFolder folder;
  std::string image = folder / "image";
  std::string mount = folder / "mount";
  std::filesystem::create_directory(mount);
  put(image, "");
  ASSERT_EQ(::truncate(image.c_str(), 512 << 20), 0);
  std::vector<std::string> argv{maker};
  argv.insert(argv.end(), maker_options.begin(), maker_options.end());
  argv.push_back(image);
  auto made = run_checked({.argv = argv});
  ASSERT_TRUE(made.ok()) << to_string(made.error());
  auto mounted = run_checked({.argv = {"mount", "-o", "loop", image, mount}});
  if (!mounted.ok()) GTEST_SKIP() << mounted.error().message;
  put(mount + "/from/large", pattern(100 << 20, 3));
  EXPECT_TRUE(can_share_blocks(mount + "/from/large", mount));
  EXPECT_FALSE(can_share_blocks(mount + "/from/large", folder.path()));
  StopFlag stop;
  auto report = clone_tree(mount + "/from", mount + "/to", {}, stop);
  auto same = run({.argv = {"cmp", mount + "/from/large", mount + "/to/large"}});
  auto across = clone_tree(mount + "/from", folder / "across", {}, stop);
  auto same_across = run({.argv = {"cmp", mount + "/from/large", folder / "across/large"}});
  auto unmounted = run_checked({.argv = {"umount", mount}});
  EXPECT_TRUE(unmounted.ok()) << to_string(unmounted.error());
  ASSERT_TRUE(report.ok()) << to_string(report.error());
  EXPECT_EQ(report->shared_files, 1U);
  EXPECT_EQ(same->exit_status, 0);
  ASSERT_TRUE(across.ok()) << to_string(across.error());
  EXPECT_EQ(across->shared_files, 0U);
  EXPECT_EQ(same_across->exit_status, 0);
}

TEST(Clone, SharesBlocksOnBtrfs) { clone_on("mkfs.btrfs", {"-q"}); }
TEST(Clone, SharesBlocksOnXfs) { clone_on("mkfs.xfs", {"-q", "-m", "reflink=1"}); }

}  // namespace
}  // namespace ytb::os
