#include "drivers/rds/stack_snapshot.h"

#include <fmt/format.h>

#include "base/text.h"
#include "drivers/rds/snapshot_find.h"
#include "drivers/rds/stack_look.h"
#include "drivers/rds/stack_names.h"

namespace ytb::rds {
namespace {

constexpr size_t kSweptMax = 100;
constexpr std::string_view kCopyBegunTag = "yesterdaytabase:copy-begun";

Error unusable(const std::string& id, std::string_view why) {
  return Error{.code = Code::kCorrupt,
               .message = fmt::format("the snapshot {} cannot be restored: {}", printable(id), why),
               .hint = "the next look chooses another one"};
}

bool is_marked(const aws::DbSnapshot& snapshot, const Mark& mark) {
  std::optional<Mark> found = mark_of(snapshot.tags);
  return snapshot.type == "manual" && found && found->production == mark.production &&
         found->copy == mark.copy;
}

// RDS says when a snapshot was made once it is made.
std::optional<Instant> begun_at(const aws::DbSnapshot& copied) {
  auto found = copied.tags.find(std::string(kCopyBegunTag));
  return found == copied.tags.end() ? std::nullopt : from_iso(found->second);
}

}  // namespace

Status SnapshotCopies::describe(const aws::SnapshotQuery& query,
                                const aws::Rds::Each<aws::DbSnapshot>& each) {
  return of_clusters_ ? rds_.describe_db_cluster_snapshots(query, each)
                      : rds_.describe_db_snapshots(query, each);
}

Status SnapshotCopies::erase(const std::string& id) {
  YTB_ASSIGN(aws::Deletion done,
             of_clusters_ ? rds_.delete_db_cluster_snapshot(id) : rds_.delete_db_snapshot(id));
  (void)done;  // gone or going: both are what is wanted
  return {};
}

Result<std::optional<aws::DbSnapshot>> SnapshotCopies::named(const std::string& id) {
  return find_snapshot(rds_, of_clusters_, id);
}

Result<aws::DbSnapshot> SnapshotCopies::find(const model::Snapshot& snapshot) {
  const std::string& id = snapshot.id.str();
  YTB_ASSIGN(std::optional<aws::DbSnapshot> found, named(id));
  if (!found) return unusable(id, "it is no longer there");
  if (found->status != "available")
    return unusable(id, fmt::format("its status is {}", printable(found->status)));
  const std::string engine = aurora_ ? "aurora-postgresql" : "postgres";
  if (found->engine != engine) return unusable(id, fmt::format("it is of {}", printable(found->engine)));
  return *std::move(found);
}

Result<std::string> SnapshotCopies::usable(const aws::DbSnapshot& snapshot, const std::string& copy_name,
                                           const Mark& mark, const StackWait& wait, Duration longest,
                                           Clock& clock, ports::Progress& progress) {
  const bool shared = mark.snapshot.str().starts_with("arn:");
  if (!shared || !snapshot.encrypted) return mark.snapshot.str();
  if (kms_key_.empty()) {
    return Error{
        .code = Code::kConfig,
        .message = fmt::format("the snapshot {} is shared and encrypted", printable(mark.snapshot.str())),
        .hint = "set source.kms_key to a key of this account: it is copied under it first"};
  }
  YTB_ASSIGN(Tags tags, to_tags(mark));
  tags[std::string(kCopyBegunTag)] = to_iso(clock.now());
  YTB_ASSIGN(std::optional<aws::DbSnapshot> copied, named(copy_name));
  if (!copied) {
    progress.note(fmt::format("the snapshot {} is shared and encrypted: it is copied under our own key first",
                              printable(mark.snapshot.str())));
    const aws::CopySnapshot copy{
        .source = snapshot.arn, .target_id = copy_name, .kms_key_id = kms_key_, .tags = std::move(tags)};
    // None: it is there by now. Whose it is is looked at below.
    auto begun = of_clusters_ ? rds_.copy_db_cluster_snapshot(copy) : rds_.copy_db_snapshot(copy);
    if (!begun.ok() && forbids_copying(begun.error().message, snapshot.arn, kms_key_)) {
      return Error{.code = Code::kForbidden,
                   .message = fmt::format("the snapshot {} could not be copied: {}",
                                          printable(mark.snapshot.str()), begun.error().message),
                   .hint = std::string(kForbiddenHint)};
    }
    if (!begun.ok()) return std::move(begun).error();
  }
  YTB_TRY(wait.until("the copy of the snapshot", longest, [&]() -> Result<bool> {
    YTB_ASSIGN(copied, named(copy_name));
    if (!copied) return false;  // a look that was late
    if (!is_marked(*copied, mark)) {
      return Error{.code = Code::kRefused,
                   .message = fmt::format("there is a snapshot {} that is not ours", copy_name),
                   .hint = "it was left alone; remove it by hand if it is in the way"};
    }
    progress.update({.stage = "copy snapshot",
                     .item = copied->status,
                     .done_bytes = static_cast<uint64_t>(std::max<int64_t>(0, copied->percent_progress)),
                     .total_bytes = 100});
    if (copied->status == "available") return true;
    if (copied->status == "creating" || copied->status == "copying" || copied->status == "pending") {
      if (clock.now() - begun_at(*copied).value_or(clock.now()) < longest) return false;
      return Error{.code = Code::kExternal,
                   .message = fmt::format("copying the snapshot {} has taken more than {}",
                                          printable(mark.snapshot.str()), to_human(longest)),
                   .hint =
                       "it is copied anew for another attempt; raise copies.restore_max if that is "
                       "normal for its size",
                   .retry = Retry::kLater};
    }
    return Error{.code = Code::kExternal,
                 .message = fmt::format("copying the snapshot ended with {}", printable(copied->status)),
                 .hint = "look at it in the console; may the key be used with RDS?",
                 .retry = Retry::kLater};
  }));
  return copy_name;
}

Status SnapshotCopies::remove(const std::string& copy_name, const Mark& mark) {
  if (kms_key_.empty()) return {};
  YTB_ASSIGN(std::optional<aws::DbSnapshot> copied, named(copy_name));
  if (!copied || !is_marked(*copied, mark)) return {};
  return erase(copied->id);
}

Result<std::vector<aws::DbSnapshot>> SnapshotCopies::marked(const model::ProductionName& production) {
  std::vector<aws::DbSnapshot> found;
  if (kms_key_.empty()) return found;
  YTB_TRY(describe({.type = "manual"}, [&](aws::DbSnapshot snapshot) -> Status {
    std::optional<Mark> mark = mark_of(snapshot.tags);
    const bool is_ours = mark && mark->production == production && snapshot.status != "deleted" &&
                         snapshot.id == snapshot_copy_name(stack_name(mark->production, mark->copy));
    if (is_ours && found.size() < kSweptMax) found.push_back(std::move(snapshot));
    return {};
  }));
  return found;
}

Result<bool> SnapshotCopies::erase_if_possible(const aws::DbSnapshot& snapshot) {
  if (snapshot.status == "creating" || snapshot.status == "copying" || snapshot.status == "pending")
    return false;
  YTB_TRY(erase(snapshot.id));
  return true;
}

Status SnapshotCopies::sweep(const std::string& source_id, const Mark& current,
                             const std::function<Result<bool>(const model::CopyId&)>& is_wanted) {
  if (kms_key_.empty()) return {};
  std::vector<aws::DbSnapshot> others;
  YTB_TRY(describe({.source_id = source_id, .type = "manual"}, [&](aws::DbSnapshot snapshot) -> Status {
    std::optional<Mark> mark = mark_of(snapshot.tags);
    bool is_ours = mark && mark->production == current.production && mark->copy != current.copy &&
                   snapshot.status == "available" &&
                   snapshot.id == snapshot_copy_name(stack_name(mark->production, mark->copy));
    if (is_ours && others.size() < kSweptMax) others.push_back(std::move(snapshot));
    return {};
  }));
  for (const aws::DbSnapshot& other : others) {
    YTB_ASSIGN(bool wanted, is_wanted(mark_of(other.tags)->copy));
    if (!wanted) YTB_TRY(erase(other.id));
  }
  return {};
}

}  // namespace ytb::rds
