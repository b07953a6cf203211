#include "drivers/os/files.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "support/temporary.h"

namespace ytb::os {
namespace {

using tests::get;
using tests::put;
using tests::TemporaryFolder;

TEST(Paths, AreJoinedAndTakenApart) {
  EXPECT_EQ(join_path("/a", "b/c"), "/a/b/c");
  EXPECT_EQ(join_path("/a/", "/b"), "/a/b");
  EXPECT_EQ(parent_of("/a/b/"), "/a");
  EXPECT_EQ(parent_of("/a"), "/");
  EXPECT_EQ(parent_of("a"), ".");
  EXPECT_EQ(name_in("/a/b/"), "b");
  EXPECT_TRUE(is_inside("/a/b", "/a"));
  EXPECT_TRUE(is_inside("/a", "/a/"));
  EXPECT_FALSE(is_inside("/ab", "/a"));
  EXPECT_FALSE(is_inside("/a/../b", "/a"));
  EXPECT_FALSE(is_inside("a/b", "a"));
}

TEST(Files, AreReplacedWholeWithModeAndBound) {
  TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "f", "one").ok());
  ASSERT_TRUE(write_file(folder / "f", "two", {.mode = 0640}).ok());
  EXPECT_EQ(get(folder / "f"), "two");
  EXPECT_EQ((*info_of(folder / "f"))->mode, 0640U);
  EXPECT_EQ(*read_file(folder / "f", 3), "two");
  EXPECT_EQ(read_file(folder / "f", 2).error().code, Code::kUnsupported);
  EXPECT_EQ(list_folder(folder.path())->size(), 1U) << "no temporary file is left";
}

TEST(Files, WritingReplacesALinkInsteadOfFollowingIt) {
  TemporaryFolder folder;
  put(folder / "precious", "precious");
  ASSERT_EQ(::symlink("precious", (folder / "f").c_str()), 0);
  ASSERT_TRUE(write_file(folder / "f", "new").ok());
  EXPECT_EQ(get(folder / "precious"), "precious");
  EXPECT_EQ((*info_of(folder / "f"))->kind, FileKind::kFile);
}

TEST(Files, ReadingRefusesWhatIsNoFile) {
  TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(read_file(folder / "fifo", 10).error().code, Code::kRefused);
  EXPECT_EQ(read_file(folder.path(), 10).error().code, Code::kRefused);
}

TEST(Files, LinksAreReplacedAtomically) {
  TemporaryFolder folder;
  ASSERT_TRUE(write_link(folder / "l", "a").ok());
  ASSERT_TRUE(write_link(folder / "l", "b").ok());
  EXPECT_EQ(*read_link(folder / "l"), "b");
}

TEST(Files, RenameNewNeverReplaces) {
  TemporaryFolder folder;
  put(folder / "a", "a");
  put(folder / "b", "b");
  EXPECT_EQ(rename_new(folder / "a", folder / "b").error().code, Code::kRefused);
  EXPECT_EQ(get(folder / "b"), "b");
  EXPECT_TRUE(rename_new(folder / "a", folder / "c").ok());
  EXPECT_EQ(get(folder / "c"), "a");
}

TEST(Files, FoldersAreMadeWithTheirModeAndNeverThroughALink) {
  TemporaryFolder folder;
  ASSERT_TRUE(make_folder(folder / "d", 0700).ok());
  ASSERT_TRUE(make_folder(folder / "d", 0755).ok());
  EXPECT_EQ((*info_of(folder / "d"))->mode, 0755U);
  ASSERT_EQ(::symlink("d", (folder / "l").c_str()), 0);
  EXPECT_EQ(make_folder(folder / "l", 0700).error().code, Code::kRefused);
  EXPECT_EQ((*info_of(folder / "d"))->mode, 0755U);
  ASSERT_TRUE(make_folders(folder / "x/y/z").ok());
  EXPECT_TRUE(exists(folder / "x/y/z"));
}

TEST(RemoveTree, RemovesAllAndFollowsNoLink) {
  TemporaryFolder folder;
  put(folder / "keep/precious", "x");
  put(folder / "t/a/b/c", "x");
  put(folder / "t/d", "x");
  std::filesystem::create_directory_symlink(folder / "keep", folder / "t/a/link");
  for (int i = 0; i < 3000; ++i) put(folder / ("t/many/" + std::to_string(i)), "");
  ASSERT_TRUE(remove_tree(folder / "t").ok());
  EXPECT_FALSE(exists(folder / "t"));
  EXPECT_EQ(get(folder / "keep/precious"), "x");
  EXPECT_TRUE(remove_tree(folder / "t").ok()) << "absent is success";
}

TEST(RemoveTree, RefusesWhatItMayNotRemove) {
  TemporaryFolder folder;
  put(folder / "keep/precious", "x");
  std::filesystem::create_directory_symlink(folder / "keep", folder / "link");
  for (const std::string& path :
       {std::string("/"), std::string("/tmp"), std::string("relative/path"), std::string(),
        folder / "keep/../keep", folder / "link", folder / "keep/precious"}) {
    EXPECT_EQ(remove_tree(path).error().code, Code::kRefused) << path;
  }
  EXPECT_EQ(get(folder / "keep/precious"), "x");
}

TEST(RemoveTree, CrossesNoMount) {
  if (::geteuid() != 0) GTEST_SKIP() << "mounting needs root";
  TemporaryFolder folder;
  std::filesystem::create_directories(folder / "t/m");
  if (::mount("none", (folder / "t/m").c_str(), "tmpfs", 0, "size=1m") != 0)
    GTEST_SKIP() << "mounting is refused";
  put(folder / "t/m/precious", "x");
  Status below = remove_tree(folder / "t");
  Status itself = empty_tree(folder / "t/m");
  std::string left = get(folder / "t/m/precious");
  ASSERT_EQ(::umount((folder / "t/m").c_str()), 0);
  EXPECT_EQ(below.error().code, Code::kRefused);
  EXPECT_EQ(itself.error().code, Code::kRefused);
  EXPECT_EQ(left, "x");
}

TEST(SyncTree, WalksEverything) {
  TemporaryFolder folder;
  put(folder / "t/a/b", "x");
  std::filesystem::create_symlink("nowhere", folder / "t/dangling");
  EXPECT_TRUE(sync_tree(folder / "t").ok());
  EXPECT_FALSE(sync_tree(folder / "absent").ok());
}

TEST(Space, IsMeasuredAtTheNearestFolder) {
  TemporaryFolder folder;
  auto space = space_at(folder / "not/there/yet");
  ASSERT_TRUE(space.ok());
  EXPECT_GT(space->total_bytes, 0U);
  EXPECT_LE(space->available_bytes, space->total_bytes);
  EXPECT_FALSE(space->filesystem.empty());
}

TEST(BootId, IsStable) { EXPECT_EQ(*boot_id(), *boot_id()); }

}  // namespace
}  // namespace ytb::os
