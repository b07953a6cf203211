#include "drivers/pgfiles/control_file.h"

#include <bit>
#include <cstring>
#include <limits>

#include "base/crc32c.h"

namespace ytb::pgfiles {
namespace {

// ControlFileData of src/include/catalog/pg_control.h, the same from 12 to 18 as far as we read it:
// system_identifier (8), pg_control_version and catalog_version_no (4 + 4), state (4 + 4 padding), time (8),
// checkPoint (8), then checkPointCopy (88), in which `time` is at 64; unloggedLSN (8), minRecoveryPoint (8)
// and its timeline (4 + 4), backupStartPoint (8), backupEndPoint (8), backupEndRequired (4), wal_level (4),
// wal_log_hints (4), and the rest as below. A server of another alignment has other numbers at kMaxAlignAt
// and kFloatFormatAt; of another byte order already its CRC does not fit.
constexpr size_t kSystemIdentifierAt = 0;
constexpr size_t kVersionAt = 8;
constexpr size_t kNextXidAt = 40 + 24;
constexpr size_t kCheckpointTimeAt = 40 + 64;
constexpr size_t kOldestActiveXidAt = 40 + 80;  // 0 where the server was shut down: then none was
constexpr size_t kMaxConnectionsAt = 180;
constexpr size_t kMaxWorkerProcessesAt = 184;  // then max_wal_senders
constexpr size_t kMaxPreparedTransactionsAt = 192;
constexpr size_t kMaxLocksPerTransactionAt = 196;  // then track_commit_timestamp
constexpr size_t kMaxAlignAt = 204;
constexpr size_t kFloatFormatAt = 208;  // then blcksz, relseg_size, xlog_blcksz
constexpr size_t kWalSegmentBytesAt = 228;
constexpr uint32_t kMaxAlign = 8;
constexpr double kFloatFormat = 1234567.0;
constexpr size_t kDataMin = 256;
constexpr size_t kDataMax = 512;  // PG_CONTROL_MAX_SAFE_SIZE: it is written in one sector
constexpr uint32_t kVersionMin =
    1201;  // PostgreSQL 12, whose snapshots are refused by its number, not as unknown
constexpr uint32_t kVersionMax = 1899;

template <typename T>
T load(std::string_view bytes, size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// The CRC is the last member, and its place differs between versions: it is where the CRC of all before
// stands.
bool has_crc(std::string_view bytes) {
  for (size_t at = kDataMin; at + sizeof(uint32_t) <= kDataMax; at += sizeof(uint32_t)) {
    if (crc32c(0, bytes.substr(0, at)) == load<uint32_t>(bytes, at)) return true;
  }
  return false;
}

}  // namespace

Result<ControlFile> parse_control_file(std::string_view bytes) {
  if (bytes.size() < kDataMax || !has_crc(bytes)) {
    return Error{.code = Code::kCorrupt,
                 .message = "global/pg_control is damaged: its checksum does not fit",
                 .hint = "take a new snapshot; this one cannot be trusted"};
  }
  auto version = load<uint32_t>(bytes, kVersionAt);
  if (version < kVersionMin || version > kVersionMax) {
    return Error{.code = Code::kUnsupported,
                 .message = "global/pg_control is of a version that is not known",
                 .hint = "PostgreSQL 12 to 18 are known"};
  }
  if (load<uint32_t>(bytes, kMaxAlignAt) != kMaxAlign ||
      load<double>(bytes, kFloatFormatAt) != kFloatFormat) {
    return Error{
        .code = Code::kUnsupported,
        .message = "global/pg_control is of a server for another kind of machine",
        .hint = "restore where production's servers run, too: data folders do not move between kinds"};
  }
  auto seconds = load<int64_t>(bytes, kCheckpointTimeAt);
  constexpr int64_t kSecondsMax = 32'503'680'000;  // the year 3000
  if (seconds <= 0 || seconds > kSecondsMax) {
    return Error{.code = Code::kCorrupt,
                 .message = "global/pg_control has no sensible checkpoint time",
                 .hint = "take a new snapshot; this one cannot be trusted"};
  }
  ControlFile file;
  file.system_identifier = load<uint64_t>(bytes, kSystemIdentifierAt);
  file.checkpoint_time = Instant(std::chrono::seconds(seconds));
  // As guc_tables.c bounds them.
  constexpr int kBackendsMax = 0x3FFFF;
  constexpr int kSegmentMin = 1 << 20;
  constexpr int kSegmentMax = 1 << 30;
  bool fine = true;
  const auto number = [&](size_t at, int min, int max) {
    const auto value = load<int32_t>(bytes, at);
    fine = fine && value >= min && value <= max;
    return value;
  };
  file.limits = {
      .max_connections = number(kMaxConnectionsAt, 1, kBackendsMax),
      .max_worker_processes = number(kMaxWorkerProcessesAt, 0, kBackendsMax),
      .max_prepared_transactions = number(kMaxPreparedTransactionsAt, 0, kBackendsMax),
      .max_locks_per_transaction = number(kMaxLocksPerTransactionAt, 10, std::numeric_limits<int>::max())};
  file.first_running = load<uint32_t>(bytes, kOldestActiveXidAt);
  if (file.first_running == 0) file.first_running = static_cast<uint32_t>(load<uint64_t>(bytes, kNextXidAt));
  file.wal_segment_bytes = number(kWalSegmentBytesAt, kSegmentMin, kSegmentMax);
  if (fine && std::has_single_bit(static_cast<unsigned>(file.wal_segment_bytes))) return file;
  return Error{.code = Code::kCorrupt,
               .message = "global/pg_control has numbers that no server writes",
               .hint = "take a new snapshot; this one cannot be trusted"};
}

}  // namespace ytb::pgfiles
