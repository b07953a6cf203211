#include "drivers/postgres/rds_space.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/text.h"

namespace ytb::postgres {
namespace {

constexpr uint64_t kGib = 1ULL << 30;

// A volume grows by a tenth at least.
uint64_t volume_to_ask_for(uint64_t now_bytes, uint64_t wanted_bytes) {
  const uint64_t now_gib = now_bytes / kGib;
  return std::max((wanted_bytes + kGib - 1) / kGib, (now_gib * 11 + 9) / 10);
}

}  // namespace

Status check_space(Connection& session, const SpaceNeed& need, ports::Progress& progress) {
  if (need.volume_bytes == 0 || need.table_bytes.empty()) return {};
  auto rows = session.query(
      "SELECT (SELECT sum(pg_catalog.pg_database_size(oid)) FROM pg_catalog.pg_database), "
      "greatest((SELECT sum(size) FROM pg_catalog.pg_ls_waldir()), "
      "pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_wal_size')))");
  if (!rows.ok()) {
    if (rows.error().code == Code::kInterrupted) return std::move(rows).error();
    progress.note("whether the volume has room for masking is not known: " + rows.error().message);
    return {};
  }
  const auto databases = static_cast<uint64_t>(rows->integer(0, 0));
  const auto wal = static_cast<uint64_t>(rows->integer(0, 1));
  std::vector<uint64_t> largest = need.table_bytes;
  std::sort(largest.begin(), largest.end(), std::greater<>());
  largest.resize(std::min(largest.size(), static_cast<size_t>(std::max(1, need.tables_at_once))));
  const uint64_t rewritten = std::accumulate(largest.begin(), largest.end(), uint64_t{0});
  const uint64_t wanted = databases + wal + rewritten;
  if (wanted <= need.volume_bytes) return {};
  return Error{.code = Code::kSpace,
               .message = fmt::format(
                   "masking needs {} on a volume of {}: {} are in databases, up to {} in WAL, and {} "
                   "are written anew at once, the largest table with its indexes being {}",
                   human_bytes(wanted), human_bytes(need.volume_bytes), human_bytes(databases),
                   human_bytes(wal), human_bytes(rewritten), human_bytes(largest.front())),
               .hint = fmt::format("add to the copies of this production: storage_gb: {}; then refresh again",
                                   volume_to_ask_for(need.volume_bytes, wanted))};
}

}  // namespace ytb::postgres
