#include "drivers/pgfiles/control_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <sstream>

#include "base/crc32c.h"
#include "tests/postgres_cluster.h"

namespace ytb::pgfiles {
namespace {

constexpr size_t kCrcAtMax = 512;

std::string read(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// A server's own, as it runs in the tests.
class ControlFileOfAServer : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::PostgresCluster::Options options;
    options.settings = {{"max_connections", "37"},
                        {"max_worker_processes", "11"},
                        {"max_prepared_transactions", "13"},
                        {"max_locks_per_transaction", "71"}};
    options.wal_segment_mb = 1;
    cluster_ = testing::PostgresCluster::make(options);
    ASSERT_TRUE(cluster_);
    cluster_->run("postgres", "CHECKPOINT");
    bytes_ = read(cluster_->value("postgres", "SHOW data_directory") + "/global/pg_control");
  }
  // With another number there, and a CRC that fits.
  template <typename T>
  std::string with(size_t at, T value) {
    std::string bytes = bytes_;
    size_t crc_at = 256;
    const auto stands = [&](size_t place) {
      uint32_t crc = 0;
      std::memcpy(&crc, bytes_.data() + place, sizeof crc);
      return crc == crc32c(0, std::string_view(bytes_).substr(0, place));
    };
    while (crc_at < kCrcAtMax && !stands(crc_at)) crc_at += 4;
    EXPECT_LT(crc_at, kCrcAtMax);
    std::memcpy(bytes.data() + at, &value, sizeof value);
    const uint32_t crc = crc32c(0, std::string_view(bytes).substr(0, crc_at));
    std::memcpy(bytes.data() + crc_at, &crc, sizeof crc);
    return bytes;
  }
  std::unique_ptr<testing::PostgresCluster> cluster_;
  std::string bytes_;
};

TEST_F(ControlFileOfAServer, SaysWhatTheServerSays) {
  const Result<ControlFile> control = parse_control_file(bytes_);
  ASSERT_TRUE(control.ok()) << control.error().message;
  EXPECT_EQ(std::to_string(control->system_identifier),
            cluster_->value("postgres", "SELECT system_identifier FROM pg_control_system()"));
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(control->checkpoint_time.time_since_epoch());
  EXPECT_EQ(std::to_string(seconds.count()),
            cluster_->value("postgres",
                            "SELECT extract(epoch FROM checkpoint_time)::int8 FROM pg_control_checkpoint()"));
  // Nothing runs but what looks.
  EXPECT_EQ(std::to_string(control->first_running),
            cluster_->value("postgres", "SELECT split_part(next_xid, ':', 2) FROM pg_control_checkpoint()"));
  EXPECT_EQ(control->limits.max_connections, 37);
  EXPECT_EQ(control->limits.max_worker_processes, 11);
  EXPECT_EQ(control->limits.max_prepared_transactions, 13);
  EXPECT_EQ(control->limits.max_locks_per_transaction, 71);
  EXPECT_EQ(control->wal_segment_bytes, 1 << 20);
}

TEST_F(ControlFileOfAServer, WhatStillRunsIsNotCountedAsEnded) {
  cluster_->run("postgres",
                "CREATE TABLE t (a int); BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'running'");
  const std::string running = cluster_->value("postgres", "SELECT transaction FROM pg_prepared_xacts");
  cluster_->run("postgres", "CREATE TABLE later (a int); CHECKPOINT");
  const Result<ControlFile> control =
      parse_control_file(read(cluster_->value("postgres", "SHOW data_directory") + "/global/pg_control"));
  ASSERT_TRUE(control.ok()) << control.error().message;
  EXPECT_EQ(std::to_string(control->first_running), running);
}

TEST_F(ControlFileOfAServer, WhatNoServerWritesIsRefused) {
  EXPECT_TRUE(parse_control_file(with<int32_t>(180, 100)).ok()) << "a number that it may have";
  for (const int32_t connections : {0, -1, 0x40000})
    EXPECT_EQ(parse_control_file(with(180, connections)).error().code, Code::kCorrupt) << connections;
  for (const int32_t bytes : {0, -1, 3 << 20, 1 << 19})
    EXPECT_EQ(parse_control_file(with(228, bytes)).error().code, Code::kCorrupt) << bytes;
  EXPECT_EQ(parse_control_file(with<int64_t>(104, 0)).error().code, Code::kCorrupt)
      << "the time of the checkpoint";
  EXPECT_EQ(parse_control_file(with<uint32_t>(8, 1100)).error().code, Code::kUnsupported) << "of 11";
  EXPECT_EQ(parse_control_file(with<uint32_t>(204, 4)).error().code, Code::kUnsupported)
      << "of a 32-bit machine";
}

TEST_F(ControlFileOfAServer, ADamagedOneIsRefused) {
  EXPECT_EQ(parse_control_file("").error().code, Code::kCorrupt);
  EXPECT_EQ(parse_control_file(std::string(8192, '\0')).error().code, Code::kCorrupt);
  EXPECT_EQ(parse_control_file(std::string_view(bytes_).substr(0, 300)).error().code, Code::kCorrupt);
  for (const size_t at : {0UL, 100UL, 180UL, 228UL}) {
    std::string bytes = bytes_;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    EXPECT_EQ(parse_control_file(bytes).error().code, Code::kCorrupt) << at;
  }
}

}  // namespace
}  // namespace ytb::pgfiles
