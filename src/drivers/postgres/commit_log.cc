#include "drivers/postgres/commit_log.h"

#include <fmt/format.h>

#include "drivers/os/files.h"
#include "drivers/postgres/log_segments.h"

namespace ytb::postgres {

CommitLog::CommitLog(const std::string& data) : folder_(os::join_path(data, "pg_xact")) {}

bool CommitLog::may_be_committed(uint32_t transaction) {
  constexpr uint32_t kFirstNormal = 3;
  constexpr uint32_t kInFile = 4 * kLogSegmentBytesMax;
  if (transaction < kFirstNormal) return true;
  keep(transaction / kInFile);
  const size_t at = transaction % kInFile / 4;
  if (at >= bytes_.size()) return true;
  const unsigned state = static_cast<unsigned char>(bytes_[at]) >> (transaction % 4 * 2) & 3U;
  return state == 1 || state == 3;  // committed, or part of one that may be
}

void CommitLog::keep(uint32_t number) {
  if (kept_ == number) return;
  auto read = os::read_file(os::join_path(folder_, fmt::format("{:04X}", number)), kLogSegmentBytesMax);
  bytes_ = read.ok() ? std::move(*read) : std::string();
  kept_ = number;
}

}  // namespace ytb::postgres
