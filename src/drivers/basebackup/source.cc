#include "drivers/basebackup/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "drivers/basebackup/backup.h"
#include "drivers/basebackup/foreign.h"
#include "drivers/basebackup/take.h"
#include "drivers/os/clone.h"
#include "drivers/os/files.h"
#include "model/engine_versions.h"

namespace ytb::basebackup {
namespace {

constexpr size_t kBackupsMax = 10'000;
// A folder that changed so recently and is not usable is taken to be still arriving.
constexpr auto kYoung = std::chrono::minutes(15);

Result<Backup> open_backup(const model::Snapshot& snapshot, bool allow_unverified) {
  std::optional<Format> format = format_of(snapshot.location);
  if (!format) {
    return Error{
        .code = Code::kNoSnapshot,
        .message = fmt::format("there is no base backup in {} any more", printable(snapshot.location)),
        .hint = "run again: the newest one that is there will be taken"};
  }
  return read_backup(snapshot.location, *format, allow_unverified);
}

// What another tool made: named with its reason.
model::Snapshot not_ours(const std::string& folder, std::string reason) {
  return {.id = model::SnapshotId(os::name_in(folder)),
          .data_as_of = {},
          .state = model::SnapshotState::kUnusable,
          .reason = std::move(reason),
          .size_bytes = 0,
          .engine = "postgresql",
          .engine_major = 0,
          .location = folder};
}

// One that is dated years ahead would be the newest until then, and no later one would ever take its place.
void refuse_future(model::Snapshot& snapshot, Instant now) {
  if (snapshot.state != model::SnapshotState::kUsable || snapshot.data_as_of <= now + kClockSkewMax) return;
  snapshot.state = model::SnapshotState::kUnusable;
  snapshot.reason =
      fmt::format("it is dated {}, {} from now: production's clock was wrong when it was made, or ours is",
                  to_iso(snapshot.data_as_of), to_human(snapshot.data_as_of - now));
}

}  // namespace

BasebackupSource::BasebackupSource(SourceOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

model::Snapshot BasebackupSource::look_at(const std::string& folder, int format) {
  model::Snapshot snapshot{.id = model::SnapshotId(os::name_in(folder)),
                           .data_as_of = {},
                           .state = model::SnapshotState::kUsable,
                           .reason = {},
                           .size_bytes = 0,
                           .engine = "postgresql",
                           .engine_major = 0,
                           .location = folder};
  Result<Backup> backup = read_backup(folder, static_cast<Format>(format), options_.allow_unverified);
  Status whole;
  if (backup.ok()) {
    snapshot.data_as_of = backup->data_as_of;
    snapshot.size_bytes = backup->size_bytes;
    snapshot.engine_major = backup->major;
    ports::NoProgress quiet;
    StopFlag never;
    whole =
        model::is_tested_major(backup->major)
            ? check_backup(*backup, false, quiet, never)
            : Error{.code = Code::kUnsupported, .message = model::why_untested(backup->major), .hint = {}};
  } else {
    whole = backup.error();
  }
  if (whole.ok()) return snapshot;
  bool young = clock_.now() - last_change(folder) < kYoung;
  bool may_be_arriving = young && whole.error().code != Code::kUnsupported;
  snapshot.state = may_be_arriving ? model::SnapshotState::kInProgress : model::SnapshotState::kUnusable;
  snapshot.reason = whole.error().message;
  if (may_be_arriving) snapshot.reason += "; it changed minutes ago and may still be arriving";
  return snapshot;
}

Result<std::vector<model::Snapshot>> BasebackupSource::list() {
  std::vector<model::Snapshot> snapshots;
  std::set<std::string> ids;
  for (const std::string& directory : options_.directories) {
    std::vector<std::string> folders;
    if (format_of(directory)) {
      folders.push_back(directory);
    } else {
      YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(directory, kBackupsMax));
      for (const os::FileInfo& entry : entries) {
        bool folder = entry.kind == os::FileKind::kDirectory || entry.kind == os::FileKind::kLink;
        if (folder && !entry.name.starts_with('.')) folders.push_back(os::join_path(directory, entry.name));
      }
    }
    for (const std::string& folder : folders) {
      std::optional<Format> format = format_of(folder);
      std::optional<std::string> foreign = format == Format::kTar ? std::nullopt : why_not_ours(folder);
      if (!format && !foreign) continue;
      model::Snapshot snapshot =
          foreign ? not_ours(folder, std::move(*foreign)) : look_at(folder, static_cast<int>(*format));
      refuse_future(snapshot, clock_.now());
      // Two directories may hold the same name: then the whole path tells them apart.
      if (!ids.insert(snapshot.id.str()).second) snapshot.id = model::SnapshotId(folder);
      snapshots.push_back(std::move(snapshot));
    }
  }
  std::stable_sort(snapshots.begin(), snapshots.end(),
                   [](const model::Snapshot& a, const model::Snapshot& b) {
                     return std::tie(a.data_as_of, a.id) > std::tie(b.data_as_of, b.id);
                   });
  return snapshots;
}

Status BasebackupSource::verify(const model::Snapshot& snapshot, ports::Progress& progress,
                                const StopFlag& stop) {
  YTB_ASSIGN(Backup backup, open_backup(snapshot, options_.allow_unverified));
  if (backup.data_as_of != snapshot.data_as_of) {
    return Error{.code = Code::kCorrupt,
                 .message = fmt::format("the snapshot {} is not what it was when it was listed", snapshot.id),
                 .hint = "is something writing there?",
                 .retry = Retry::kLater};
  }
  return check_backup(backup, true, progress, stop);
}

Result<std::optional<ports::SnapshotPoint>> BasebackupSource::point_of(const model::Snapshot& snapshot) {
  if (format_of(snapshot.location) != Format::kPlain) return std::optional<ports::SnapshotPoint>();
  YTB_ASSIGN(const pgfiles::ControlFile control, read_control(snapshot.location));
  return std::optional(ports::SnapshotPoint{.system_identifier = control.system_identifier,
                                            .first_unsure = control.first_running});
}

Result<model::Snapshot> BasebackupSource::take(ports::Progress& progress, const StopFlag& stop) {
  YTB_ASSIGN(std::string folder, take_backup(options_, clock_, progress, stop));
  std::optional<Format> format = format_of(folder);
  YTB_CHECK(format.has_value());
  model::Snapshot snapshot = look_at(folder, static_cast<int>(*format));
  if (snapshot.state != model::SnapshotState::kUsable) {
    return Error{.code = Code::kCorrupt,
                 .message = fmt::format("the snapshot just taken is not usable: {}", snapshot.reason),
                 .hint = "look at production's log"};
  }
  return snapshot;
}

Result<std::vector<model::SnapshotId>> BasebackupSource::prune() { return prune_taken(options_, clock_); }

Result<ports::FilesEstimate> BasebackupSource::estimate(const model::Snapshot& snapshot,
                                                        const std::string& destination) {
  YTB_ASSIGN(Backup backup, open_backup(snapshot, options_.allow_unverified));
  ports::FilesEstimate estimate{
      .bytes = backup.size_bytes, .shares_blocks = false, .how = "unpacking archives"};
  if (backup.format == Format::kTar) return estimate;
  std::string existing = destination;
  while (!os::exists(existing) && existing != "/" && existing != ".") existing = os::parent_of(existing);
  estimate.shares_blocks = os::can_share_blocks(os::join_path(backup.folder, "global/pg_control"), existing);
  YTB_ASSIGN(os::Space space, os::space_at(existing));
  estimate.how =
      estimate.shares_blocks ? fmt::format("reflink clone on {}", space.filesystem) : "parallel copy";
  return estimate;
}

Status BasebackupSource::materialise(const model::Snapshot& snapshot, const std::string& root,
                                     const std::string& owner, ports::Progress& progress,
                                     const StopFlag& stop) {
  YTB_ASSIGN(Backup backup, open_backup(snapshot, options_.allow_unverified));
  return backup.format == Format::kPlain ? materialise_plain(backup, root, owner, progress, stop)
                                         : materialise_tar(backup, root, owner, progress, stop);
}

}  // namespace ytb::basebackup
