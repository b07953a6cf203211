#include "refresh/originals_of_copy.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/secret.h"
#include "masking/program.h"

namespace ytb::refresh {
namespace {

constexpr uint64_t kFilterBytesMax = 1ULL << 30;
constexpr uint64_t kRowBytesGuess = 64;  // of a table whose rows were never counted
constexpr uint64_t kGuessSlack = 8;

constexpr uint64_t kNeedlesMax = 20'000;   // of all columns, but
constexpr uint64_t kNeedlesOfColumn = 50;  // of each

struct Expected {
  uint64_t originals = 0;
  uint64_t columns = 0;
};

// At most about so many cells are masked.
Expected expected_of(const masking::MaskingPlan& plan) {
  Expected expected;
  for (const masking::DatabasePlan& database : plan.databases) {
    for (const masking::TablePlan& table : database.tables) {
      if (table.treatment != masking::Treatment::kMask) continue;
      const uint64_t guess = table.table.size_bytes / kRowBytesGuess;
      // An estimate may be from before most rows came: the size is not.
      const uint64_t rows =
          table.table.rows_estimate < 0
              ? guess
              : std::max(static_cast<uint64_t>(table.table.rows_estimate), guess / kGuessSlack);
      const auto columns = static_cast<uint64_t>(
          std::count_if(table.columns.begin(), table.columns.end(), masking::remembers_originals));
      expected.originals += rows * columns;
      expected.columns += columns;
    }
  }
  return expected;
}

}  // namespace

Result<std::unique_ptr<OriginalsOfCopy>> OriginalsOfCopy::make(const model::CopyId& copy,
                                                               const std::string& folder,
                                                               const masking::MaskingPlan& plan) {
  YTB_ASSIGN(os::Descriptor spool, os::unnamed_file(folder));
  const Expected expected = expected_of(plan);
  return std::unique_ptr<OriginalsOfCopy>(
      new OriginalsOfCopy(copy, std::move(spool), folder, expected.originals, expected.columns));
}

OriginalsOfCopy::OriginalsOfCopy(model::CopyId copy, os::Descriptor spool, std::string folder,
                                 uint64_t expected, uint64_t columns)
    : copy_(std::move(copy)),
      spool_(std::move(spool)),
      folder_(std::move(folder)),
      samples_(std::max(kNeedlesMax / std::max<uint64_t>(columns, 1), kNeedlesOfColumn)),
      originals_(
          random_key(masking::Originals::kKeyBytes), expected, kFilterBytesMax,
          [this](std::span<const uint64_t> digests) { return keep(digests); }, &samples_) {}

Status OriginalsOfCopy::keep(std::span<const uint64_t> digests) {
  std::lock_guard lock(mutex_);
  const std::string_view bytes(reinterpret_cast<const char*>(digests.data()), digests.size_bytes());
  YTB_TRY(os::write_at(spool_, bytes, bytes_, folder_));
  bytes_ += bytes.size();
  return {};
}

uint64_t OriginalsOfCopy::recorded() const {
  std::lock_guard lock(mutex_);
  return bytes_ / sizeof(uint64_t);
}

Status OriginalsOfCopy::confirm(masking::SurvivorCandidates& candidates) {
  if (candidates.size() == 0) return {};
  std::array<uint64_t, 32 * 1024> digests{};
  for (uint64_t at = 0; at < bytes_;) {
    const std::span<char> buffer(reinterpret_cast<char*>(digests.data()), sizeof(digests));
    YTB_ASSIGN(size_t have, os::read_at(spool_, buffer, at, folder_));
    if (have == 0) {
      return Error{.code = Code::kCorrupt,
                   .message = "the spool of originals in " + folder_ + " is shorter than what was written",
                   .hint = "the disk or its file system may be failing: see its messages"};
    }
    candidates.confirm(std::span(digests).first(have / sizeof(uint64_t)));
    at += have;
  }
  return {};
}

}  // namespace ytb::refresh
