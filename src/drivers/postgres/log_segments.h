// Segments of the transaction logs (pg_xact, pg_multixact, pg_commit_ts) by what the server says is in use: a
// file with such a name beyond it is read by nothing, and may hold anything of production's host.
// Pure: slru.c, clog.c, multixact.c and commit_ts.c (13 to 18) for 8 kB pages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ytb::postgres {

// Of pg_control's checkpoint, as pg_control_checkpoint() shows it; numbers wrap at 2^32.
struct LogBounds {
  uint32_t oldest_xid = 0;
  uint32_t next_xid = 0;
  uint32_t oldest_multi = 0;
  uint32_t next_multi = 0;
  uint32_t next_member = 0;
  // Where the members of oldest_multi begin, where that is known.
  std::optional<uint32_t> oldest_member;
  uint32_t oldest_commit = 0;  // 0: no times of commits are kept
  uint32_t newest_commit = 0;
};

inline constexpr uint64_t kLogSegmentBytesMax = 32 * 8192;  // SLRU_PAGES_PER_SEGMENT

// `folder`: "pg_xact", "pg_multixact/offsets", "pg_multixact/members" or "pg_commit_ts".
bool is_segment_in_use(std::string_view folder, std::string_view name, const LogBounds& bounds);
// Of pg_multixact/offsets: which file holds where the members of `multi` begin, and at which byte.
std::string offsets_file(uint32_t multi);
uint64_t offsets_position(uint32_t multi);

}  // namespace ytb::postgres
