#include "drivers/basebackup/wal.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <set>

#include "base/text.h"

namespace ytb::basebackup {
namespace {

constexpr size_t kNameSize = 24;
constexpr uint64_t kSegmentsMax = 10'000'000;  // of all ranges: more is no backup that anybody restores

// The part of a segment's name that does not depend on the timeline.
std::string place_of(uint64_t number, uint64_t segment_bytes) {
  uint64_t per_id = 0x100000000ULL / segment_bytes;
  return fmt::format("{:08X}{:08X}", number / per_id, number % per_id);
}

Error incomplete(std::string message) {
  return Error{.code = Code::kCorrupt,
               .message = std::move(message),
               .hint = "take snapshots with pg_basebackup -X stream, and copy them whole"};
}

}  // namespace

bool is_wal_segment(std::string_view name) {
  return name.size() == kNameSize && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
         });
}

bool is_wal_segment_size(uint64_t bytes) {
  return std::has_single_bit(bytes) && bytes >= (1ULL << 20) && bytes <= (1ULL << 30);
}

Status check_wal(const std::vector<WalRange>& ranges, const std::vector<WalFile>& files) {
  std::map<std::string, std::set<std::string>> timelines_of;  // place → timelines
  uint64_t segment_bytes = 0;
  for (const WalFile& file : files) {
    if (!is_wal_segment(file.name)) continue;
    segment_bytes = std::max(segment_bytes, file.size_bytes);
  }
  if (segment_bytes == 0) {
    return incomplete("the backup holds no WAL: it cannot be recovered");
  }
  if (!is_wal_segment_size(segment_bytes)) {
    return incomplete(fmt::format("no WAL segment has {} bytes", segment_bytes));
  }
  for (const WalFile& file : files) {
    if (!is_wal_segment(file.name) || file.size_bytes != segment_bytes) continue;
    timelines_of[file.name.substr(8)].insert(file.name.substr(0, 8));
  }
  std::set<std::string> known;
  for (const WalRange& range : ranges) known.insert(fmt::format("{:08X}", range.timeline));
  uint64_t looked_at = 0;
  for (const WalRange& range : ranges) {
    for (uint64_t number = range.start / segment_bytes; number <= (range.end - 1) / segment_bytes; ++number) {
      if (++looked_at > kSegmentsMax) return incomplete("the backup needs more WAL than any backup holds");
      std::string place = place_of(number, segment_bytes);
      auto found = timelines_of.find(place);
      bool there = found != timelines_of.end() &&
                   std::any_of(known.begin(), known.end(),
                               [&](const std::string& timeline) { return found->second.contains(timeline); });
      if (!there) {
        return incomplete(
            fmt::format("the WAL segment {:08X}{} is missing or too short", range.timeline, place));
      }
    }
  }
  return {};
}

std::optional<int> major_of_wal(std::string_view first_bytes) {
  uint16_t magic = 0;
  if (first_bytes.size() < sizeof magic) return std::nullopt;
  std::memcpy(&magic, first_bytes.data(), sizeof magic);
  switch (magic) {  // XLOG_PAGE_MAGIC, src/include/access/xlog_internal.h of each release
    case 0xD101:
      return 12;
    case 0xD106:
      return 13;
    case 0xD10D:
      return 14;
    case 0xD110:
      return 15;
    case 0xD113:
      return 16;
    case 0xD116:
      return 17;
    case 0xD118:
      return 18;
    default:
      return std::nullopt;
  }
}

}  // namespace ytb::basebackup
