#include "drivers/postgres/commit_log.h"

#include <fmt/format.h>

#include "drivers/os/files.h"
#include "drivers/postgres/log_segments.h"

namespace ytb::postgres {

CommitLog::CommitLog(const std::string& data) : folder_(os::join_path(data, "pg_xact")) {}

bool CommitLog::may_be_committed(uint32_t transaction) { return state_of(transaction) != State::kNot; }

bool CommitLog::is_committed(uint32_t transaction) { return state_of(transaction) == State::kCommitted; }

CommitLog::State CommitLog::state_of(uint32_t transaction) {
  constexpr uint32_t kFirstNormal = 3;
  constexpr uint32_t kInFile = 4 * kLogSegmentBytesMax;
  if (transaction == 0) return State::kNot;  // of an insert that was taken back before it counted
  if (transaction < kFirstNormal) return State::kCommitted;
  keep(transaction / kInFile);
  const size_t at = transaction % kInFile / 4;
  if (at >= bytes_.size()) return State::kUnknown;
  switch (static_cast<unsigned char>(bytes_[at]) >> (transaction % 4 * 2) & 3U) {
    case 1:
      return State::kCommitted;
    case 3:
      return State::kPartOfOne;  // which may be
    default:
      return State::kNot;
  }
}

void CommitLog::keep(uint32_t number) {
  if (kept_ == number) return;
  auto read = os::read_file(os::join_path(folder_, fmt::format("{:04X}", number)), kLogSegmentBytesMax);
  bytes_ = read.ok() ? std::move(*read) : std::string();
  kept_ = number;
}

}  // namespace ytb::postgres
