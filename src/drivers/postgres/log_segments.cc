#include "drivers/postgres/log_segments.h"

#include <fmt/format.h>

#include <charconv>

namespace ytb::postgres {
namespace {

constexpr uint32_t kPages = 32;
constexpr uint32_t kXidsPerSegment = kPages * 32768;   // two bits each
constexpr uint32_t kMultisPerSegment = kPages * 2048;  // four bytes each
constexpr uint32_t kMembersPerSegment =
    kPages * 1636;  // four in 20 bytes, and what remains of a page is unused
constexpr uint32_t kCommitsPerSegment = kPages * 819;  // ten bytes each
constexpr uint64_t kNumbers = 1ULL << 32;

std::optional<uint64_t> number_of(std::string_view name) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number, 16);
  // The server gives one name to each number.
  if (error != std::errc() || end != name.data() + name.size() || fmt::format("{:04X}", number) != name)
    return std::nullopt;
  return number;
}

// From the segment of `first` to that of `last`, both included, around the end of the numbers where last is
// less.
bool is_between(uint64_t segment, uint32_t first, uint32_t last, uint32_t per_segment) {
  if (segment > (kNumbers - 1) / per_segment) return false;
  const uint64_t from = first / per_segment;
  const uint64_t to = last / per_segment;
  return first <= last ? segment >= from && segment <= to : segment >= from || segment <= to;
}

}  // namespace

bool is_segment_in_use(std::string_view folder, std::string_view name, const LogBounds& bounds) {
  const std::optional<uint64_t> segment = number_of(name);
  if (!segment) return false;
  if (folder == "pg_xact") return is_between(*segment, bounds.oldest_xid, bounds.next_xid, kXidsPerSegment);
  if (folder == "pg_multixact/offsets")
    return is_between(*segment, bounds.oldest_multi, bounds.next_multi, kMultisPerSegment);
  if (folder == "pg_multixact/members") {
    return is_between(*segment, bounds.oldest_member.value_or(0), bounds.next_member, kMembersPerSegment);
  }
  if (folder == "pg_commit_ts" && bounds.oldest_commit != 0)
    return is_between(*segment, bounds.oldest_commit, bounds.newest_commit, kCommitsPerSegment);
  return false;
}

std::string offsets_file(uint32_t multi) { return fmt::format("{:04X}", multi / kMultisPerSegment); }
uint64_t offsets_position(uint32_t multi) { return uint64_t{multi % kMultisPerSegment} * 4; }

}  // namespace ytb::postgres
