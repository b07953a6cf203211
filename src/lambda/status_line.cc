#include "lambda/status_line.h"

#include <algorithm>
#include <vector>

#include "base/json.h"
#include "model/copy.h"

namespace ytb::lambda {

using model::Copy;
using model::Phase;

namespace {

bool drained(const config::ProductionConfig& production, const Copy& copy, Instant now) {
  return copy.phase == Phase::kDraining && now >= copy.phase_since + production.drain;
}

int64_t overdue(const config::ProductionConfig& production, const std::vector<const Copy*>& ours,
                Instant now) {
  int64_t gone = 0;
  int64_t spares = 0;
  for (const Copy* copy : ours) {
    // One that is drained and wanted as a spare is recorded so at the next turn.
    if (copy->phase == Phase::kSpare || drained(production, *copy, now)) ++spares;
    if (copy->phase == Phase::kFailed || copy->phase == Phase::kDeleting) ++gone;
  }
  return gone + std::max<int64_t>(spares - production.spare_copies, 0);
}

}  // namespace

std::string status_line(const config::ProductionConfig& production,
                        const model::Known<std::vector<Copy>>& copies, Instant now) {
  nlohmann::ordered_json line{{"ytb", "status"}, {"production", production.name.str()}, {"stale", 1}};
  if (!copies.known()) {
    line["data_age_s"] = nullptr;
    line["copies"] = nullptr;
    return line.dump();
  }
  std::vector<const Copy*> ours;
  const Copy* live = nullptr;
  for (const Copy& copy : *copies) {
    if (!copy.marked || copy.production != production.name) continue;
    ours.push_back(&copy);
    if (copy.phase == Phase::kLive && (live == nullptr || copy.data_as_of > live->data_as_of)) live = &copy;
  }
  const Duration age = live == nullptr ? Duration{} : std::max(now - live->data_as_of, Duration{});
  const bool fresh = live != nullptr && (!production.max_age || age <= *production.max_age);
  line["stale"] = fresh ? 0 : 1;
  line["overdue_copies"] = overdue(production, ours, now);
  line["data_age_s"] =
      live == nullptr ? nlohmann::ordered_json(nullptr)
                      : nlohmann::ordered_json(std::chrono::duration_cast<std::chrono::seconds>(age).count());
  line["copies"] = ours.size();
  return line.dump();
}

}  // namespace ytb::lambda
