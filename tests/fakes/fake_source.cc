#include <fmt/format.h>

#include <algorithm>

#include "fakes/ports.h"

namespace ytb::fakes {

Result<std::vector<model::Snapshot>> FakeSource::list() {
  if (auto error = world_.look("list snapshots")) return *error;
  std::vector<model::Snapshot> all;
  for (const FakeSnapshot& snapshot : world_.snapshots) all.push_back(snapshot.seen);
  if (world_.chance(world_.faults.stale) && !all.empty())
    all.pop_back();  // the latest to appear is not seen yet
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.data_as_of > b.data_as_of; });
  return all;
}

Status FakeSource::verify(const model::Snapshot& snapshot, ports::Progress&, const StopFlag&) {
  if (auto error = world_.look("verify snapshot")) return *error;
  for (const FakeSnapshot& there : world_.snapshots) {
    if (there.seen.id != snapshot.id) continue;
    if (!there.torn) return {};
    return Error{.code = Code::kCorrupt,
                 .message = "a file is missing in the snapshot",
                 .hint = {},
                 .retry = Retry::kNever};
  }
  return Error{
      .code = Code::kNoSnapshot, .message = "the snapshot is gone", .hint = {}, .retry = Retry::kLater};
}

Result<model::Snapshot> FakeSource::take(ports::Progress&, const StopFlag&) {
  return Error{.code = Code::kUnsupported, .message = "the simulated source takes no snapshots", .hint = {}};
}

Result<std::vector<model::SnapshotId>> FakeSource::prune() { return std::vector<model::SnapshotId>{}; }

Status FakeJournal::append(const ports::JournalEntry& entry) {
  if (auto error = world_.look("journal")) return *error;
  if (world_.keep_history) entries.push_back(entry);
  return {};
}

Status FakeJournal::keep_proof(const model::ProductionName&, const model::CopyId& copy,
                               std::string_view envelope) {
  if (auto error = world_.look("journal")) return *error;
  proofs[copy] = std::string(envelope);
  return {};
}

Status FakeNotifier::tell(const ports::Notice& notice) {
  if (auto error = world_.look("notify")) return *error;
  told.push_back(notice);
  return {};
}

}  // namespace ytb::fakes
