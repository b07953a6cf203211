// The formats of a base backup: manifest, WAL, checksums, and what is carried over.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

#include "drivers/basebackup/checksum.h"
#include "drivers/basebackup/layout.h"
#include "drivers/basebackup/manifest.h"
#include "drivers/basebackup/take.h"
#include "drivers/basebackup/wal.h"

namespace ytb::basebackup {
namespace {

TEST(Checksum, IsSpelledAsInManifests) {
  Checksum crc(ChecksumKind::kCrc32c);
  crc.add("15\n");
  EXPECT_EQ(crc.finish(), "8a744722") << "PG_VERSION of every PostgreSQL 15 backup";
  Checksum sha(ChecksumKind::kSha256);
  sha.add("a");
  sha.add("bc");
  EXPECT_EQ(sha.finish(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(checksum_kind_of("SHA512"), ChecksumKind::kSha512);
  EXPECT_EQ(checksum_kind_of("MD5"), std::nullopt);
}

std::string sealed(const std::string& body) {
  Checksum checksum(ChecksumKind::kSha256);
  checksum.add(body);
  return body + "\"Manifest-Checksum\": \"" + checksum.finish() + "\"}\n";
}

constexpr std::string_view kVersionFile =
    R"({ "Path": "PG_VERSION", "Size": 3, "Last-Modified": "2026-11-23 01:10:09 GMT", "Checksum-Algorithm": "CRC32C", "Checksum": "8A744722" })";
constexpr std::string_view kControlFile =
    R"({ "Path": "global/pg_control", "Size": 8192, "Last-Modified": "2026-11-23 01:10:13 GMT" })";
constexpr std::string_view kRange = R"({ "Timeline": 1, "Start-LSN": "0/3000028", "End-LSN": "0/3000100" })";

std::string manifest(std::string_view files, std::string_view ranges = kRange, int version = 1) {
  return sealed(fmt::format(
      "{{ \"PostgreSQL-Backup-Manifest-Version\": {},\n\"Files\": [\n{}\n],\n\"WAL-Ranges\": [\n{}\n],\n",
      version, files, ranges));
}

TEST(Manifest, IsRead) {
  auto parsed = parse_manifest(manifest(fmt::format("{},\n{},\n{}", kVersionFile, kControlFile,
                                                    R"({ "Encoded-Path": "62617365ff", "Size": 1 })")));
  ASSERT_TRUE(parsed.ok()) << to_string(parsed.error());
  EXPECT_EQ(parsed->files.size(), 3U);
  EXPECT_EQ(parsed->total_bytes, 8196U);
  ASSERT_NE(parsed->find("PG_VERSION"), nullptr);
  EXPECT_EQ(parsed->find("PG_VERSION")->checksum, "8a744722");
  EXPECT_EQ(parsed->find("PG_VERSION")->kind, ChecksumKind::kCrc32c);
  EXPECT_NE(parsed->find("base\xff"), nullptr);
  EXPECT_EQ(parsed->find("global/pg_controll"), nullptr);
  EXPECT_EQ(to_iso(parsed->control_modified), "2026-11-23T01:10:13Z");
  ASSERT_EQ(parsed->wal.size(), 1U);
  EXPECT_EQ(parsed->wal[0].start, 0x3000028U);
  EXPECT_FALSE(parsed->incremental);
  Manifest moved = std::move(*parsed);
  EXPECT_NE(moved.find("PG_VERSION"), nullptr) << "the index follows a move";
}

TEST(Manifest, KnowsIncrementalBackups) {
  auto parsed = parse_manifest(manifest(R"({ "Path": "base/5/INCREMENTAL.1259", "Size": 12 })", kRange, 2));
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(parsed->incremental);
}

TEST(Manifest, RefusesWhatIsNotOne) {
  std::string good = manifest(kVersionFile);
  ASSERT_TRUE(parse_manifest(good).ok());
  std::string changed = good;
  changed[changed.find("8A74")] = '9';
  std::string cut = good.substr(0, good.size() / 2);
  std::string unsealed = good.substr(0, good.rfind('\n', good.size() - 2) - 1) + "}\n";
  struct {
    std::string text;
    std::string_view says;
  } cases[] = {
      {changed, "its own checksum does not fit"},
      {cut, "no JSON"},
      {unsealed, "no checksum of its own"},
      {"", "no JSON"},
      {"[]", "an array where none belongs"},
      {"{\"Files\": {}}", "an object where none belongs"},
      {"{\"Files\": [[[[[[]]]]]]}", "an array where none belongs"},
      {manifest(R"({ "Path": "../etc/passwd", "Size": 1 })"), "leads out"},
      {manifest(R"({ "Path": "/etc/passwd", "Size": 1 })"), "leads out"},
      {manifest(R"({ "Path": "a//b", "Size": 1 })"), "leads out"},
      {manifest(R"({ "Encoded-Path": "612f2e2e2f62", "Size": 1 })"), "leads out"},
      {manifest(R"({ "Encoded-Path": "6100", "Size": 1 })"), "leads out"},
      {manifest(R"({ "Path": "a" })"), "without a size"},
      {manifest(R"({ "Path": "a", "Size": -1 })"), "negative"},
      {manifest(R"({ "Path": "a", "Size": 1.5 })"), "fraction"},
      {manifest(R"({ "Path": "a", "Size": 1, "Checksum-Algorithm": "MD5" })"), "not known"},
      {manifest(R"({ "Path": "a", "Size": 18446744073709551615 }, { "Path": "b", "Size": 2 })"),
       "sizes that cannot be"},
      {manifest(R"({ "Path": "a", "Size": 1 }, { "Path": "a", "Size": 1 })"), "twice"},
      {manifest(""), "lists no files"},
      {manifest(kVersionFile, ""), "names no WAL"},
      {manifest(kVersionFile, R"({ "Timeline": 1, "Start-LSN": "0/30", "End-LSN": "0/30" })"), "cannot be"},
      {manifest(kVersionFile, R"({ "Timeline": 1, "Start-LSN": "x", "End-LSN": "0/30" })"), "none"},
      {manifest(kVersionFile, kRange, 3), "has version 3"},
  };
  for (const auto& [text, says] : cases) {
    auto parsed = parse_manifest(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_NE(parsed.error().message.find(says), std::string::npos) << parsed.error().message << "\n" << text;
  }
}

TEST(Manifest, EveryFlippedByteIsNoticed) {
  std::string good = manifest(kVersionFile);
  size_t last_line = good.rfind('\n', good.size() - 2);
  for (size_t i = 0; i < last_line; ++i) {
    std::string changed = good;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(parse_manifest(changed).ok()) << i;
  }
}

constexpr uint64_t kMegabyte = 1 << 20;

TEST(Wal, EverySegmentOfEveryRangeIsWanted) {
  std::vector<WalRange> range{{.timeline = 1, .start = 0x3000028, .end = 0x5000000}};
  WalFile three{"000000010000000000000003", 16 * kMegabyte};
  WalFile four{"000000010000000000000004", 16 * kMegabyte};
  EXPECT_TRUE(check_wal(range, {three, four}).ok()) << "the end is exclusive";
  auto missing = check_wal(range, {three});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().message, "the WAL segment 000000010000000000000004 is missing or too short");
  EXPECT_FALSE(check_wal(range, {three, {four.name, kMegabyte}}).ok()) << "too short";
  EXPECT_EQ(check_wal(range, {}).error().message, "the backup holds no WAL: it cannot be recovered");
  EXPECT_FALSE(check_wal(range, {{three.name, 12345}}).ok());
}

TEST(Wal, SegmentsCountOverTheBoundaryOfAnId) {
  std::vector<WalRange> range{{.timeline = 10, .start = 0x1FFF00000, .end = 0x200000001}};
  std::vector<WalFile> files{{"0000000A00000001000000FF", 16 * kMegabyte},
                             {"0000000A0000000200000000", 16 * kMegabyte}};
  EXPECT_TRUE(check_wal(range, files).ok());
  files.pop_back();
  EXPECT_FALSE(check_wal(range, files).ok());
  std::vector<WalFile> small{{"0000000A0000000100000FFF", kMegabyte},
                             {"0000000A0000000200000000", kMegabyte}};
  EXPECT_TRUE(check_wal(range, small).ok()) << "--wal-segsize=1";
}

TEST(Wal, ASegmentAtASwitchMayHaveEitherName) {
  std::vector<WalRange> ranges{{.timeline = 1, .start = 0x3000028, .end = 0x4000100},
                               {.timeline = 2, .start = 0x4000100, .end = 0x4000200}};
  EXPECT_TRUE(check_wal(ranges, {{"000000010000000000000003", 16 * kMegabyte},
                                 {"000000020000000000000004", 16 * kMegabyte}})
                  .ok());
  EXPECT_FALSE(check_wal(ranges, {{"000000010000000000000003", 16 * kMegabyte},
                                  {"000000030000000000000004", 16 * kMegabyte}})
                   .ok())
      << "a timeline that is not of the backup";
}

TEST(Wal, NamesAndMagic) {
  EXPECT_TRUE(is_wal_segment("000000010000000000000003"));
  EXPECT_FALSE(is_wal_segment("000000010000000000000003.partial"));
  EXPECT_FALSE(is_wal_segment("00000002.history"));
  EXPECT_EQ(major_of_wal(std::string("\x10\xD1\0\0", 4)), 15);
  EXPECT_EQ(major_of_wal(std::string("\x55\x55", 2)), std::nullopt);
  EXPECT_EQ(major_of_wal(""), std::nullopt);
}

TEST(Layout, OnlyWhatACopyNeedsIsCarriedOver) {
  for (const char* path : {"PG_VERSION",
                           "backup_label",
                           "base",
                           "base/5/1259",
                           "base/5/16384_vm",
                           "base/5/16384.1",
                           "base/5/16384_fsm.2",
                           "base/5/PG_VERSION",
                           "base/5/pg_filenode.map",
                           "global/pg_control",
                           "global/1260_fsm",
                           "pg_wal",
                           "pg_wal/000000010000000000000003",
                           "pg_wal/00000002.history",
                           "pg_xact/0000",
                           "pg_multixact/members/0000",
                           "pg_replslot",
                           "pg_stat",
                           "pg_logical/replorigin_checkpoint",
                           "pg_twophase/00000305",
                           "pg_tblspc/16400/PG_15_202209061/5/16401_init"}) {
    EXPECT_FALSE(is_left_out(path)) << path;
  }
  for (const char* path : {"postmaster.pid",
                           "postgresql.conf",
                           "postgresql.auto.conf",
                           "pg_hba.conf",
                           "server.key",
                           "standby.signal",
                           "recovery.signal",
                           "tablespace_map",
                           "backup_manifest",
                           "log",
                           "log/postgresql.csv",
                           "core",
                           "core.1234",
                           "pg_replslot/slot/state",
                           "pg_stat/pg_stat_statements.stat",
                           "pg_stat_tmp/x",
                           "base/pgsql_tmp",
                           "base/5/pgsql_tmp12.3",
                           "base/5/pg_internal.init",
                           "base/5/t3_16400",
                           "base/5/16384.bak",
                           "base/5/16384_old",
                           "base/5/dump.sql",
                           "base/16384",
                           "base/old/16384",
                           "base/5/more/16384",
                           "global/notes.txt",
                           "pg_xact/0000.bak",
                           "pg_multixact/0000x",
                           "pg_logical/mappings/map-1",
                           "pg_logical/snapshots/0-1.snap",
                           "pg_wal/notes",
                           "pg_tblspc/16400/PG_15_202209061/16401",
                           "pg_tblspc/16400/PG_15_202209061/5/dump.sql",
                           "pg_wal/archive_status/000000010000000000000003.ready",
                           "lost+found"}) {
    EXPECT_TRUE(is_left_out(path)) << path;
  }
  for (const char* folder : {"base", "base/5", "pg_multixact/members", "pg_wal/archive_status",
                             "pg_logical/snapshots", "pg_tblspc/16400/PG_15_202209061/5"}) {
    EXPECT_FALSE(is_folder_left_out(folder)) << folder;
  }
  for (const char* folder : {"log", "base/old", "base/5/more", "global/x", "pg_xact/old", "base/pgsql_tmp",
                             "pg_tblspc/16400/PG_15_202209061/x"}) {
    EXPECT_TRUE(is_folder_left_out(folder)) << folder;
  }
  EXPECT_TRUE(is_tablespace_name("16384"));
  for (const char* name : {"", "0", "16384.tar", "..", "12345678901"})
    EXPECT_FALSE(is_tablespace_name(name)) << name;
}

TEST(TakeProgress, IsReadFromPgBasebackup) {
  auto parsed = parse_take_progress("   42/23201 kB (0%), 0/2 tablespaces (...)");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->done_bytes, 42U * 1024);
  EXPECT_EQ(parsed->total_bytes, 23201U * 1024);
  for (const char* line : {"waiting for checkpoint", "", "1/2", "a/b kB", "kB /"}) {
    EXPECT_FALSE(parse_take_progress(line).has_value()) << line;
  }
}

}  // namespace
}  // namespace ytb::basebackup
