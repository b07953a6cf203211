#include "drivers/rds/snapshot_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "drivers/rds/extended_support.h"
#include "drivers/rds/snapshot_find.h"
#include "drivers/rds/stack_tags.h"
#include "model/engine_versions.h"

namespace ytb::rds {
namespace {

constexpr size_t kSnapshotsMax = 100'000;
constexpr size_t kPassedOverMax = 5;  // named; strangers may be many
constexpr uint64_t kBytesOfGib = 1ULL << 30;

// "15.4" → 15; 0 where it is no number.
int major_of(const std::string& version) {
  int major = 0;
  std::from_chars(version.data(), version.data() + version.size(), major);
  return major;
}

// Why the config does not choose it; empty where it does. Tags of shared ones are not shown to us.
std::string not_selected(const aws::DbSnapshot& snapshot, bool shared,
                         const config::SnapshotSelection& selection) {
  const std::string kind = shared ? "shared" : snapshot.type;
  const std::string name = shared ? snapshot.arn.substr(snapshot.arn.rfind("snapshot:") + 9) : snapshot.id;
  auto fits = [&](const std::string& pattern) { return fits_pattern(name, pattern); };
  const std::vector<std::string>& kinds = selection.kinds;
  if (!kinds.empty() && std::find(kinds.begin(), kinds.end(), kind) == kinds.end())
    return fmt::format("source.snapshots does not choose it: it is {}", printable(kind));
  if (!selection.names.empty() && std::none_of(selection.names.begin(), selection.names.end(), fits))
    return "source.snapshots does not choose it: its name fits none of names";
  for (const auto& [key, value] : selection.tags) {
    auto found = snapshot.tags.find(key);
    if (found == snapshot.tags.end() || found->second != value)
      return fmt::format("source.snapshots does not choose it: it has no tag {}: {}", printable(key),
                         printable(value));
  }
  return {};
}

// Why it cannot be restored; empty where it can.
std::string obstacle(const aws::DbSnapshot& snapshot, bool shared, const SourceOptions& options) {
  if (std::string why = not_selected(snapshot, shared, options.selection); !why.empty()) return why;
  if (snapshot.engine != "postgres" && snapshot.engine != "aurora-postgresql")
    return fmt::format("its engine {} is not supported", printable(snapshot.engine));
  if (options.aurora && snapshot.engine == "postgres")
    return "it is of a Multi-AZ DB cluster and not of Aurora: source: {rds: {cluster: …}} restores it into "
           "an instance";
  if (!options.aurora && snapshot.engine == "aurora-postgresql")
    return "it is of Aurora: source: {aurora: {cluster: …}} restores it";
  const int major = major_of(snapshot.engine_version);
  if (!model::is_tested_major(major)) return model::why_untested(major);
  if (!options.extended_support && is_past_standard_support(major, options.clock->now())) {
    return past_standard_support(major) +
           ", and copies.extended_support is false: RDS would upgrade a copy to a newer major version";
  }
  if (snapshot.status != "available") return fmt::format("its status is {}", printable(snapshot.status));
  if (shared && !options.copies_shared && snapshot.encrypted) {
    return "it is shared and encrypted: RDS restores it only from a copy under a key of our own account";
  }
  return {};
}

// What production-account.yaml calls its copies ends with when the original was taken: "…-20261122-060000".
std::optional<Instant> named_time(std::string_view name) {
  constexpr std::string_view kForm = "-00000000-000000";
  if (!name.starts_with("ytb-") || name.size() < kForm.size()) return std::nullopt;
  const std::string_view end = name.substr(name.size() - kForm.size());
  for (size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == '-' ? end[i] != '-' : end[i] < '0' || end[i] > '9') return std::nullopt;
  }
  return from_iso(fmt::format("{}-{}-{}T{}:{}:{}Z", end.substr(1, 4), end.substr(5, 2), end.substr(7, 2),
                              end.substr(10, 2), end.substr(12, 2), end.substr(14, 2)));
}

// When its data is of. RDS does not say it of a cluster's snapshot that was copied: the copy is as young as
// itself. What an owner's copy is called says it, and nothing younger than the copy is believed.
std::optional<Instant> taken_at(const aws::DbSnapshot& snapshot, bool shared) {
  if (snapshot.original_created_at) return snapshot.original_created_at;
  if (!shared || !snapshot.created_at) return snapshot.created_at;
  const std::optional<Instant> named = named_time(snapshot.id.substr(snapshot.id.rfind(':') + 1));
  return named ? std::min(*named, *snapshot.created_at) : snapshot.created_at;
}

}  // namespace

model::Snapshot to_snapshot(const aws::DbSnapshot& snapshot, bool shared, const SourceOptions& options) {
  model::Snapshot out;
  out.id = model::SnapshotId(shared ? snapshot.arn : snapshot.id);
  out.location = snapshot.arn;
  out.engine = "postgresql";
  out.engine_major = major_of(snapshot.engine_version);
  out.size_bytes = static_cast<uint64_t>(std::max<int64_t>(0, snapshot.allocated_gib)) * kBytesOfGib;
  const std::optional<Instant> taken = taken_at(snapshot, shared);
  if (taken) out.data_as_of = *taken;
  out.reason = obstacle(snapshot, shared, options);
  out.state = out.reason.empty() ? model::SnapshotState::kUsable : model::SnapshotState::kUnusable;
  if (snapshot.status == "creating" || snapshot.status == "copying") {
    out.state = model::SnapshotState::kInProgress;
    out.reason = fmt::format("it is still being made ({} %)", snapshot.percent_progress);
  } else if (!taken && out.reason.empty()) {
    out.state = model::SnapshotState::kUnusable;
    out.reason = "RDS does not say when it was taken";
  }
  return out;
}

Status RdsSnapshotSource::walk(const std::string& type, std::vector<model::Snapshot>& found) {
  if (options_.aurora && !options_.resource_id.empty()) {
    return Error{.code = Code::kConfig,
                 .message = "snapshots of an Aurora cluster cannot be found by a resource id",
                 .hint = "name the cluster by its identifier"};
  }
  // Asked about an instance, RDS shows none that is shared.
  const bool shared = type == "shared";
  aws::SnapshotQuery query{.type = type, .include_shared = shared};
  if (!shared && !options_.source_id.empty()) {
    query.source_id = options_.source_id;
  } else if (!shared) {
    query.resource_id = options_.resource_id;
  }
  if (shared) {
    query.wanted = [this](const std::string& arn) {
      if (is_of_owner(arn)) return true;
      if (passed_over_.size() < kPassedOverMax) passed_over_.insert(owner_of(arn));
      return false;
    };
  }
  auto each = [&](const aws::DbSnapshot& snapshot) -> Status {
    if (!is_of_source(snapshot)) return {};
    // Made by us to restore from, and about to go: it is another snapshot's double.
    if (mark_of(snapshot.tags)) return {};
    if (found.size() == kSnapshotsMax) {
      return Error{.code = Code::kExternal,
                   .message = fmt::format("there are more than {} snapshots of {}", kSnapshotsMax,
                                          options_.source_id + options_.resource_id),
                   .hint = "delete old ones, or name another source"};
    }
    found.push_back(to_snapshot(snapshot, shared, options_));
    return {};
  };
  return of_clusters() ? rds_.describe_db_cluster_snapshots(query, each)
                       : rds_.describe_db_snapshots(query, each);
}

bool RdsSnapshotSource::is_of_source(const aws::DbSnapshot& snapshot) const {
  // RDS stores identifiers in lower case, and people need not.
  const bool is_named = to_lower_ascii(snapshot.source_id) == to_lower_ascii(options_.source_id);
  return (options_.source_id.empty() || is_named) &&
         (options_.resource_id.empty() || snapshot.resource_id == options_.resource_id);
}

bool RdsSnapshotSource::is_of_owner(const std::string& arn) const {
  return std::find(options_.owners.begin(), options_.owners.end(), owner_of(arn)) != options_.owners.end();
}

Result<std::vector<model::Snapshot>> RdsSnapshotSource::list() {
  std::vector<model::Snapshot> found;
  passed_over_.clear();
  YTB_TRY(walk("", found));  // automated and manual
  YTB_TRY(walk("awsbackup", found));
  if (!options_.owners.empty()) YTB_TRY(walk("shared", found));
  // Of two of one instant the name decides, so that every look gives the same order.
  std::sort(found.begin(), found.end(), [](const model::Snapshot& a, const model::Snapshot& b) {
    if (a.data_as_of != b.data_as_of) return a.data_as_of > b.data_as_of;
    return a.id.str() > b.id.str();
  });
  return found;
}

Status RdsSnapshotSource::verify(const model::Snapshot& snapshot, ports::Progress&, const StopFlag& stop) {
  YTB_TRY(stop.check());
  const bool shared = snapshot.id.str().starts_with("arn:");
  std::optional<model::Snapshot> now;
  if (!shared || is_of_owner(snapshot.id.str())) {
    YTB_ASSIGN(std::optional<aws::DbSnapshot> found, find_snapshot(rds_, of_clusters(), snapshot.id.str()));
    if (found) now = to_snapshot(*found, shared, options_);
  }
  if (now && now->state == model::SnapshotState::kUsable) return {};
  return Error{.code = Code::kCorrupt,
               .message = fmt::format("the snapshot {} cannot be restored: {}", printable(snapshot.id.str()),
                                      now ? now->reason : "it is no longer there"),
               .hint = "the next look chooses another one"};
}

Result<model::Snapshot> RdsSnapshotSource::take(ports::Progress&, const StopFlag&) {
  return Error{.code = Code::kUnsupported,
               .message = "snapshots of an RDS production are not taken from here",
               .hint = "automated backups make one a day; aws rds create-db-snapshot makes one now"};
}

Result<std::vector<model::SnapshotId>> RdsSnapshotSource::prune() { return std::vector<model::SnapshotId>{}; }

}  // namespace ytb::rds
