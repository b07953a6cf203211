#include "refresh/originals_of_copy.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/secret.h"
#include "masking/program.h"

namespace ytb::refresh {
namespace {

constexpr uint64_t kFilterBytesMax = 1ULL << 30;
constexpr uint64_t kNeedlesMax = 20'000;   // of all columns, but
constexpr uint64_t kNeedlesOfColumn = 50;  // of each

uint64_t remembered_columns(const masking::MaskingPlan& plan) {
  uint64_t columns = 0;
  for (const masking::DatabasePlan& database : plan.databases) {
    for (const masking::TablePlan& table : database.tables) {
      if (table.treatment != masking::Treatment::kMask) continue;
      columns += static_cast<uint64_t>(
          std::count_if(table.columns.begin(), table.columns.end(), [&](const masking::ColumnPlan& column) {
            return masking::remembers_originals(column, database.database.encoding);
          }));
    }
  }
  return columns;
}

}  // namespace

Result<std::unique_ptr<OriginalsOfCopy>> OriginalsOfCopy::make(const model::CopyId& copy,
                                                               const std::string& folder,
                                                               const masking::MaskingPlan& plan) {
  YTB_ASSIGN(os::Descriptor spool, os::unnamed_file(folder));
  return std::unique_ptr<OriginalsOfCopy>(
      new OriginalsOfCopy(copy, std::move(spool), folder, remembered_columns(plan)));
}

OriginalsOfCopy::OriginalsOfCopy(model::CopyId copy, os::Descriptor spool, std::string folder,
                                 uint64_t columns)
    : copy_(std::move(copy)),
      spool_(std::move(spool)),
      folder_(std::move(folder)),
      samples_(std::max(kNeedlesMax / std::max<uint64_t>(columns, 1), kNeedlesOfColumn)),
      originals_(
          random_key(masking::Originals::kKeyBytes),
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

Status OriginalsOfCopy::read_all(const std::function<void(std::span<const uint64_t>)>& take) {
  std::array<uint64_t, 32 * 1024> digests{};
  for (uint64_t at = 0; at < bytes_;) {
    const std::span<char> buffer(reinterpret_cast<char*>(digests.data()), sizeof(digests));
    YTB_ASSIGN(size_t have, os::read_at(spool_, buffer, at, folder_));
    if (have == 0) {
      return Error{.code = Code::kCorrupt,
                   .message = "the spool of originals in " + folder_ + " is shorter than what was written",
                   .hint = "the disk or its file system may be failing: see its messages"};
    }
    take(std::span(digests).first(have / sizeof(uint64_t)));
    at += have;
  }
  return {};
}

Status OriginalsOfCopy::be_ready_to_search() {
  originals_.make_filter(recorded(), kFilterBytesMax);
  return read_all([&](std::span<const uint64_t> digests) { originals_.add_to_filter(digests); });
}

Status OriginalsOfCopy::confirm(masking::SurvivorCandidates& candidates) {
  if (candidates.size() == 0) return {};
  return read_all([&](std::span<const uint64_t> digests) { candidates.confirm(digests); });
}

}  // namespace ytb::refresh
