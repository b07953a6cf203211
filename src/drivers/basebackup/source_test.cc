// Real backups of a real server, in every format that pg_basebackup writes.
#include "drivers/basebackup/source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <thread>

#include "drivers/os/files.h"
#include "drivers/os/subprocess.h"
#include "support/temporary.h"
#include "tests/postgres_cluster.h"

namespace ytb::basebackup {
namespace {

namespace fs = std::filesystem;
using tests::get;
using tests::put;
using tests::TemporaryFolder;

// Everything about a tree but access times: names, kinds, modes, owners, times, link targets, contents.
std::string fingerprint(const std::string& folder) {
  auto listed = os::run_checked({.argv = {"sh", "-c",
                                          "find . -printf '%p %y %m %u %T@ %s %l\\n' | LC_ALL=C sort; "
                                          "find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum"},
                                 .cwd = folder,
                                 .output_bytes_max = 64 << 20});
  EXPECT_TRUE(listed.ok());
  return listed.ok() ? listed->out : "";
}

// One production with a tablespace, for all tests of this file.
class Basebackup : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (testing::postgres_bin_dir().empty()) return;
    cluster_ = testing::PostgresCluster::make().release();
    if (cluster_ == nullptr) return;
    spaces_ = new testing::TempFolder();
    std::string place = spaces_->make_for_server("space");
    cluster_->run("postgres", "CREATE DATABASE shop; CREATE TABLESPACE fast LOCATION '" + place + "';");
    cluster_->run("shop",
                  "CREATE TABLE a AS SELECT i, repeat('x', 100) AS t FROM generate_series(1, 20000) i;"
                  "CREATE TABLE b TABLESPACE fast AS SELECT i FROM generate_series(1, 1000) i;");
  }
  static void TearDownTestSuite() {
    delete cluster_;
    delete spaces_;
    cluster_ = nullptr;
    spaces_ = nullptr;
  }
  void SetUp() override {
    ASSERT_NE(cluster_, nullptr) << "no PostgreSQL server is installed: tools/setup installs one";
  }

  SourceOptions options(const std::string& directory) const {
    return {.production = model::ProductionName("shop"),
            .directories = {directory},
            .allow_unverified = false,
            .connection = {},
            .password = {},
            .keep = 7,
            .compress = "none",
            .bin_dir = testing::postgres_bin_dir()};
  }
  std::string space() const { return spaces_->path() + "/space"; }

  // Made by ourselves, so that the files are ours.
  void backup(const std::string& to, std::vector<std::string> extra) {
    std::vector<std::string> argv{
        testing::postgres_bin_dir() + "/pg_basebackup", "-d", cluster_->connection(), "-c", "fast", "-D", to};
    argv.insert(argv.end(), extra.begin(), extra.end());
    auto made = os::run_checked({.argv = argv});
    ASSERT_TRUE(made.ok()) << to_string(made.error());
  }
  void plain(const std::string& to, std::vector<std::string> extra = {}) {
    extra.push_back("--tablespace-mapping=" + space() + "=" + to + "-space");
    backup(to, extra);
  }

  // Restores, starts and asks the copy; the snapshot must not change by a byte.
  void restores(const std::string& directory, const std::string& root) {
    BasebackupSource source(options(directory), clock_);
    auto snapshots = source.list();
    ASSERT_TRUE(snapshots.ok()) << to_string(snapshots.error());
    ASSERT_EQ(snapshots->size(), 1U);
    const model::Snapshot& snapshot = snapshots->front();
    ASSERT_EQ(snapshot.state, model::SnapshotState::kUsable) << snapshot.reason;
    EXPECT_EQ(snapshot.engine_major, testing::postgres_major());
    Instant started = clock_.now();
    EXPECT_LT(std::chrono::abs(started - snapshot.data_as_of), std::chrono::minutes(5));
    std::string before = fingerprint(directory);
    auto verified = source.verify(snapshot, progress_, stop_);
    ASSERT_TRUE(verified.ok()) << to_string(verified.error());
    fs::create_directory(root);
    auto server = os::find_user(testing::server_user());
    ASSERT_TRUE(server.ok());
    ASSERT_TRUE(os::make_folder(root, 0700, *server).ok());
    auto placed = source.materialise(snapshot, root, testing::server_user(), progress_, stop_);
    ASSERT_TRUE(placed.ok()) << to_string(placed.error());
    EXPECT_EQ(fingerprint(directory), before) << "the snapshot is as it was";
    expect_self_contained(root);
    testing::PostgresCluster::Options wanted;
    put(root + "/data/postgresql.conf", "");
    put(root + "/data/pg_hba.conf", "local all all trust\nhost all all 127.0.0.1/32 trust\n");
    put(root + "/data/pg_ident.conf", "");
    auto copy = testing::PostgresCluster::adopt(root + "/data", wanted);
    ASSERT_NE(copy, nullptr);
    EXPECT_EQ(copy->value("shop", "SELECT count(*) FROM a"), "20000");
    EXPECT_EQ(copy->value("shop", "SELECT count(*) FROM b"), "1000");
    EXPECT_EQ(fingerprint(directory), before) << "nor did the copy's server touch it";
  }

  static void expect_self_contained(const std::string& root) {
    auto server = os::find_user(testing::server_user());
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      std::string path = entry.path();
      auto info = os::info_of(path);
      ASSERT_TRUE(info.ok() && info->has_value());
      EXPECT_EQ((*info)->uid, server->uid) << path;
      if ((*info)->kind == os::FileKind::kLink) {
        EXPECT_TRUE(fs::read_symlink(path).is_relative()) << path;
        EXPECT_TRUE(os::is_inside(fs::canonical(path).string(), fs::canonical(root).string())) << path;
      } else {
        EXPECT_EQ((*info)->mode, (*info)->kind == os::FileKind::kDirectory ? 0700U : 0600U) << path;
      }
    }
    EXPECT_FALSE(os::exists(root + "/data/tablespace_map"));
    EXPECT_FALSE(os::exists(root + "/data/postgresql.auto.conf"));
    EXPECT_FALSE(os::exists(root + "/data/backup_manifest"));
    EXPECT_EQ((*os::info_of(root + "/data/pg_wal"))->kind, os::FileKind::kDirectory);
  }

  static testing::PostgresCluster* cluster_;
  static testing::TempFolder* spaces_;
  SystemClock clock_;
  ports::NoProgress progress_;
  StopFlag stop_;
  TemporaryFolder folder_;
};
testing::PostgresCluster* Basebackup::cluster_ = nullptr;
testing::TempFolder* Basebackup::spaces_ = nullptr;

TEST_F(Basebackup, PlainWithATablespace) {
  plain(folder_ / "one");
  restores(folder_ / "one", folder_ / "root");
}

TEST_F(Basebackup, PlainWithWaldir) {
  plain(folder_ / "one", {"--waldir=" + (folder_ / "wal")});
  ASSERT_TRUE(fs::is_symlink(folder_ / "one/pg_wal"));
  restores(folder_ / "one", folder_ / "root");
}

TEST_F(Basebackup, TarWithATablespace) {
  backup(folder_ / "s/one", {"-Ft"});
  restores(folder_ / "s", folder_ / "root");
}
TEST_F(Basebackup, TarGzip) {
  backup(folder_ / "s/one", {"-Ft", "-z"});
  restores(folder_ / "s", folder_ / "root");
}
TEST_F(Basebackup, TarZstd) {
  if (testing::postgres_major() < 15) GTEST_SKIP() << "from 15 on";
  backup(folder_ / "s/one", {"-Ft", "--compress=client-zstd"});
  restores(folder_ / "s", folder_ / "root");
}
TEST_F(Basebackup, TarLz4) {
  if (testing::postgres_major() < 15) GTEST_SKIP() << "from 15 on";
  backup(folder_ / "s/one", {"-Ft", "--compress=client-lz4"});
  restores(folder_ / "s", folder_ / "root");
}
TEST_F(Basebackup, TarWithFetchedWal) {
  backup(folder_ / "s/one", {"-Ft", "-X", "fetch"});
  restores(folder_ / "s", folder_ / "root");
}
TEST_F(Basebackup, Sha256Checksums) {
  backup(folder_ / "s/one", {"-Ft", "--manifest-checksums=SHA256"});
  restores(folder_ / "s", folder_ / "root");
}

class BrokenBackup : public Basebackup {
 protected:
  void SetUp() override {
    Basebackup::SetUp();
    if (IsSkipped()) return;
    plain(folder_ / "one");
  }
  // Long ago, so that it is not taken for arriving.
  void age(const std::string& path) {
    auto done =
        os::run_checked({.argv = {"sh", "-c", "find \"$1\" -exec touch -h -d 2020-01-01 {} +", "sh", path}});
    ASSERT_TRUE(done.ok());
  }
  model::Snapshot only(bool allow_unverified = false) {
    SourceOptions wanted = options(folder_ / "one");
    wanted.allow_unverified = allow_unverified;
    BasebackupSource source(wanted, clock_);
    auto listed = source.list();
    EXPECT_TRUE(listed.ok() && listed->size() == 1);
    return listed->at(0);
  }
  void is_unusable(const std::string& says) {
    model::Snapshot young = only();
    EXPECT_EQ(young.state, model::SnapshotState::kInProgress) << young.reason;
    age(folder_ / "one");
    model::Snapshot old = only();
    EXPECT_EQ(old.state, model::SnapshotState::kUnusable);
    EXPECT_NE(old.reason.find(says), std::string::npos) << old.reason;
  }
};

TEST_F(BrokenBackup, WithoutManifest) {
  fs::remove(folder_ / "one/backup_manifest");
  is_unusable("it has no backup_manifest");
  EXPECT_EQ(only(true).state, model::SnapshotState::kUnusable) << "allow_unverified is for version 12 only";
}
TEST_F(BrokenBackup, WithAShortFile) {
  fs::resize_file(folder_ / "one/global/1262", 4096);
  is_unusable("global/1262 has 4096 bytes where the manifest says 8192");
}
TEST_F(BrokenBackup, WithAMissingFile) {
  fs::remove(folder_ / "one/global/1262");
  is_unusable("global/1262 is missing");
}
TEST_F(BrokenBackup, WithAFileThatIsALink) {
  fs::rename(folder_ / "one/global/1262", folder_ / "1262");
  fs::create_symlink(folder_ / "1262", folder_ / "one/global/1262");
  is_unusable("global/1262 is not a file");
}
TEST_F(BrokenBackup, WithoutItsWal) {
  for (const auto& entry : fs::directory_iterator(folder_ / "one/pg_wal")) {
    if (entry.is_regular_file()) fs::remove(entry);
  }
  is_unusable("the backup holds no WAL");
}
TEST_F(BrokenBackup, WithoutItsTablespace) {
  fs::remove_all(folder_ / "one-space");
  is_unusable("its link leads nowhere");
}
TEST_F(BrokenBackup, WithADamagedControlFile) {
  std::string bytes = get(folder_ / "one/global/pg_control");
  bytes[100] = static_cast<char>(bytes[100] ^ 1);
  put(folder_ / "one/global/pg_control", bytes);
  is_unusable("global/pg_control is damaged");
}
TEST_F(BrokenBackup, WithADamagedManifest) {
  std::string text = get(folder_ / "one/backup_manifest");
  put(folder_ / "one/backup_manifest", text.substr(0, text.size() - 100));
  is_unusable("the backup manifest is damaged");
}
TEST_F(BrokenBackup, OfAnotherVersion) {
  put(folder_ / "one/PG_VERSION", "9.6\n");
  EXPECT_EQ(only().state, model::SnapshotState::kUnusable) << "waiting would not help";
}

TEST_F(BrokenBackup, FlippedBitsAreFoundWhileCopying) {
  std::string bytes = get(folder_ / "one/global/1262");
  bytes[77] = static_cast<char>(bytes[77] ^ 1);
  put(folder_ / "one/global/1262", bytes);
  BasebackupSource source(options(folder_ / "one"), clock_);
  model::Snapshot snapshot = only();
  ASSERT_EQ(snapshot.state, model::SnapshotState::kUsable);
  fs::create_directory(folder_ / "root");
  auto placed = source.materialise(snapshot, folder_ / "root", "", progress_, stop_);
  ASSERT_FALSE(placed.ok());
  EXPECT_EQ(placed.error().code, Code::kCorrupt);
  EXPECT_NE(placed.error().message.find("the checksum of global/1262 is not the manifest's"),
            std::string::npos)
      << placed.error().message;
}

TEST_F(BrokenBackup, LinksThatLeadOutAreNotFollowed) {
  put(folder_ / "precious", "precious");
  fs::create_symlink(folder_ / "precious", folder_ / "one/base/link");
  fs::create_directory_symlink(folder_.path(), folder_ / "one/pg_xact/link");
  BasebackupSource source(options(folder_ / "one"), clock_);
  fs::create_directory(folder_ / "root");
  auto placed = source.materialise(only(), folder_ / "root", "", progress_, stop_);
  ASSERT_TRUE(placed.ok()) << to_string(placed.error());
  EXPECT_FALSE(os::exists(folder_ / "root/data/base/link"));
  EXPECT_FALSE(os::exists(folder_ / "root/data/pg_xact/link"));
}

TEST_F(Basebackup, ATornArchiveIsNamed) {
  backup(folder_ / "s/one", {"-Ft", "-z"});
  BasebackupSource source(options(folder_ / "s"), clock_);
  auto snapshot = source.list()->at(0);
  fs::resize_file(folder_ / "s/one/base.tar.gz", fs::file_size(folder_ / "s/one/base.tar.gz") / 2);
  fs::create_directory(folder_ / "root");
  auto placed = source.materialise(snapshot, folder_ / "root", "", progress_, stop_);
  ASSERT_FALSE(placed.ok());
  EXPECT_EQ(placed.error().code, Code::kCorrupt);
  EXPECT_NE(placed.error().message.find("base.tar.gz"), std::string::npos) << placed.error().message;
}

TEST_F(Basebackup, VerifyLooksIntoArchives) {
  backup(folder_ / "s/one", {"-Ft"});
  BasebackupSource source(options(folder_ / "s"), clock_);
  auto snapshot = source.list()->at(0);
  ASSERT_EQ(snapshot.state, model::SnapshotState::kUsable);
  // A sound archive that lacks a file of the manifest.
  auto cut = os::run_checked({.argv = {"tar", "--delete", "-f", folder_ / "s/one/base.tar", "global/1262"}});
  ASSERT_TRUE(cut.ok()) << to_string(cut.error());
  auto verified = source.verify(snapshot, progress_, stop_);
  ASSERT_FALSE(verified.ok());
  // GNU tar may take an empty neighbour away with it: which one is named first is the archive's order.
  auto left = os::run_checked({.argv = {"tar", "-tf", folder_ / "s/one/base.tar"}});
  ASSERT_TRUE(left.ok());
  std::string message = verified.error().message;
  ASSERT_TRUE(message.ends_with(" is missing")) << message;
  std::string missing = message.substr(0, message.find(' '));
  EXPECT_TRUE(missing.starts_with("global/")) << message;
  EXPECT_EQ(left->out.find(missing + "\n"), std::string::npos) << "it is there: " << missing;
  EXPECT_EQ(left->out.find("global/1262\n"), std::string::npos);
}

TEST_F(Basebackup, HostileArchivesAreRefused) {
  for (const char* trick : {"../escaped", "/escaped-absolute"}) {
    TemporaryFolder folder;
    backup(folder / "s/one", {"-Ft"});
    put(folder / "x", "x");
    auto added = os::run_checked({.argv = {"tar", "-rPf", folder / "s/one/base.tar", "--transform",
                                           std::string("s,.*,") + trick + ",", folder / "x"}});
    ASSERT_TRUE(added.ok()) << to_string(added.error());
    BasebackupSource source(options(folder / "s"), clock_);
    auto snapshot = source.list()->at(0);
    fs::create_directory(folder / "root");
    auto placed = source.materialise(snapshot, folder / "root", "", progress_, stop_);
    ASSERT_FALSE(placed.ok()) << trick;
    EXPECT_NE(placed.error().message.find("leads out of it"), std::string::npos) << placed.error().message;
    EXPECT_FALSE(os::exists(folder / "root/escaped"));
  }
}

TEST_F(Basebackup, ListSortsByTheDataNotByTheName) {
  backup(folder_ / "s/b-older", {"-Ft"});
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  backup(folder_ / "s/a-newer", {"-Ft", "-z"});
  fs::create_directory(folder_ / "s/no-backup");
  fs::create_directory(folder_ / "s/.hidden");
  put(folder_ / "s/.hidden/PG_VERSION", "15\n");
  BasebackupSource source(options(folder_ / "s"), clock_);
  auto listed = source.list();
  ASSERT_TRUE(listed.ok());
  ASSERT_EQ(listed->size(), 2U);
  EXPECT_EQ(listed->at(0).id.str(), "a-newer");
  EXPECT_EQ(listed->at(1).id.str(), "b-older");
}

TEST_F(Basebackup, OneThatIsDatedDaysAheadIsNotUsed) {
  backup(folder_ / "s/one", {"-Ft"});
  ManualClock clock(clock_.now() - std::chrono::hours(30));
  BasebackupSource source(options(folder_ / "s"), clock);
  auto listed = source.list();
  ASSERT_TRUE(listed.ok()) << to_string(listed.error());
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ(listed->front().state, model::SnapshotState::kUnusable);
  EXPECT_EQ(listed->front().reason.find("it is dated "), 0U) << listed->front().reason;
  // A time zone's worth is believed: it comes right by itself.
  clock.advance(std::chrono::hours(10));
  EXPECT_EQ(source.list()->front().state, model::SnapshotState::kUsable);
}

TEST_F(Basebackup, TakeMakesAndPruneKeepsOnlyWhatItMayNot) {
  SourceOptions wanted = options(folder_ / "s");
  wanted.connection = cluster_->connection();
  wanted.keep = 1;
  wanted.compress = "gzip";
  backup(folder_ / "s/20000101-000000", {"-Ft"});  // a person's own, older than all
  ManualClock clock(*from_iso("2026-11-22T06:00:00Z"));
  BasebackupSource source(wanted, clock);
  auto first = source.take(progress_, stop_);
  ASSERT_TRUE(first.ok()) << to_string(first.error());
  EXPECT_EQ(first->id.str(), "20261122-060000");
  EXPECT_EQ(first->state, model::SnapshotState::kUsable);
  clock.advance(std::chrono::hours(24));
  auto second = source.take(progress_, stop_);
  ASSERT_TRUE(second.ok());
  put(folder_ / "s/.ytb-taking-old/rest", "x");  // a killed run's
  auto gone = source.prune();
  ASSERT_TRUE(gone.ok()) << to_string(gone.error());
  EXPECT_EQ(*gone, std::vector{model::SnapshotId("20261122-060000")});
  EXPECT_TRUE(os::exists(folder_ / "s/20000101-000000"));
  EXPECT_TRUE(os::exists(folder_ / "s/20261123-060000"));
  EXPECT_FALSE(os::exists(folder_ / "s/.ytb-taking-old"));
  EXPECT_TRUE(source.prune()->empty());
}

TEST_F(Basebackup, PruneLeavesWhatWasPutInThePlaceOfATakenOne) {
  SourceOptions wanted = options(folder_ / "s");
  wanted.connection = cluster_->connection();
  wanted.keep = 1;
  wanted.compress = "gzip";
  ManualClock clock(*from_iso("2026-11-22T06:00:00Z"));
  BasebackupSource source(wanted, clock);
  ASSERT_TRUE(source.take(progress_, stop_).ok());
  fs::remove_all(folder_ / "s/20261122-060000");
  backup(folder_ / "s/20261122-060000", {"-Ft"});
  clock.advance(std::chrono::hours(24));
  ASSERT_TRUE(source.take(progress_, stop_).ok());
  EXPECT_TRUE(source.prune()->empty());
  EXPECT_TRUE(os::exists(folder_ / "s/20261122-060000"));
}

TEST_F(Basebackup, TakeOfAServerWithTablespacesIsTar) {
  SourceOptions wanted = options(folder_ / "s");
  wanted.connection = cluster_->connection();
  BasebackupSource source(wanted, clock_);
  auto taken = source.take(progress_, stop_);
  ASSERT_TRUE(taken.ok()) << to_string(taken.error());
  EXPECT_TRUE(os::exists(taken->location + "/base.tar"));
  wanted.connection = "";
  EXPECT_EQ(BasebackupSource(wanted, clock_).take(progress_, stop_).error().code, Code::kUnsupported);
  wanted.connection = "host=/nowhere password=hunter2";
  auto refused = BasebackupSource(wanted, clock_).take(progress_, stop_);
  EXPECT_EQ(refused.error().code, Code::kConfig);
  EXPECT_EQ(to_string(refused.error()).find("hunter2"), std::string::npos);
  wanted.connection = "host=/nowhere";
  EXPECT_EQ(BasebackupSource(wanted, clock_).take(progress_, stop_).error().code, Code::kConnection);
}

}  // namespace
}  // namespace ytb::basebackup
