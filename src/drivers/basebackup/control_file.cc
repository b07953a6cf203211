#include "drivers/basebackup/control_file.h"

#include <cstring>
#include <optional>

#include "drivers/basebackup/checksum.h"

namespace ytb::basebackup {
namespace {

// ControlFileData of src/include/catalog/pg_control.h, 12 to 18: system_identifier (8), pg_control_version
// and catalog_version_no (4 + 4), state (4 + 4 padding), time (8), checkPoint (8), then checkPointCopy, in
// which `time` is at 64: redo 8, two timelines 8, fullPageWrites (and from 17 wal_level) 8, nextXid 8, seven
// 4-byte counters and padding.
constexpr size_t kSystemIdentifierAt = 0;
constexpr size_t kVersionAt = 8;
constexpr size_t kCheckpointTimeAt = 40 + 64;
constexpr size_t kDataMin = 200;
constexpr size_t kDataMax = 512;        // PG_CONTROL_MAX_SAFE_SIZE: it is written in one sector
constexpr uint32_t kVersionMin = 1201;  // PostgreSQL 12
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
  auto seconds = load<int64_t>(bytes, kCheckpointTimeAt);
  constexpr int64_t kSecondsMax = 32'503'680'000;  // the year 3000
  if (seconds <= 0 || seconds > kSecondsMax) {
    return Error{
        .code = Code::kCorrupt, .message = "global/pg_control has no sensible checkpoint time", .hint = {}};
  }
  return ControlFile{.system_identifier = load<uint64_t>(bytes, kSystemIdentifierAt),
                     .checkpoint_time = Instant(std::chrono::seconds(seconds))};
}

}  // namespace ytb::basebackup
