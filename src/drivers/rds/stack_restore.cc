// Making a copy: snapshot, stack, and then stack_take_over.cc, whose login is the proof. Each step is looked
// for before it is done.
#include <fmt/format.h>

#include "base/text.h"
#include "drivers/rds/stack_host.h"
#include "drivers/rds/stack_names.h"
#include "drivers/rds/stack_parts.h"
#include "drivers/rds/stack_template.h"

namespace ytb::rds {

using model::Phase;

namespace {

// A stack that was just made and is not shown yet.
constexpr Duration kShownMax = std::chrono::minutes(5);
constexpr std::string_view kBackupWindow =
    "Aurora keeps one day of the cluster's own backups, its least: raw data lives on in them until a day "
    "after "
    "the copy is deleted";

class Restorer {
 public:
  Restorer(StackHost::Parts& parts, const ports::RestoreRequest& request, ports::Progress& progress,
           const StopFlag& stop)
      : parts_(parts),
        services_(parts.services),
        request_(request),
        progress_(progress),
        wait_(parts.services.clock, stop, parts.services.patience),
        mark_{.production = request.production,
              .copy = request.copy,
              .snapshot = request.snapshot.id,
              .data_as_of = request.snapshot.data_as_of,
              .attempt = request.attempt} {}

  Status run() {
    YTB_TRY(check_request());
    name_ = stack_name(mark_.production, mark_.copy);
    YTB_TRY(check_name());
    YTB_ASSIGN(std::optional<Seen> seen, parts_.look.one(mark_.copy));
    if (!seen) {
      YTB_TRY(create());
    } else {
      YTB_ASSIGN(bool is_done, check_there(*seen));
      if (is_done) return {};
    }
    YTB_TRY(wait_for_stack());
    YTB_TRY(check_closed());
    YTB_ASSIGN(seen_, parts_.take_over(seen_, progress_, wait_));
    YTB_TRY(parts_.snapshots.remove(snapshot_copy_name(name_), mark_));
    return record();
  }

 private:
  [[nodiscard]] Error refused(std::string_view why) const {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} is not restored: {}", printable(request_.copy.str()), why),
                 .hint = {}};
  }
  Status check_request() const {
    if (request_.production != parts_.options.production) return refused("it is another production's");
    if (request_.attempt < 1 || model::copy_id(request_.production, request_.snapshot.data_as_of,
                                               request_.attempt) != request_.copy) {
      return refused("its name is not the one of that snapshot and attempt");
    }
    return {};
  }
  Status check_name() const {
    for (const std::string& name : {name_, writer_name(name_), mark_.copy.str()}) {
      if (parts_.options.protected_names.names.contains(name)) return refused("it is on the list of sources");
    }
    return {};
  }

  // Of one that is there: whether nothing is left to do.
  Result<bool> check_there(const Seen& seen) {
    if (!seen.ours()) return not_ours(name_, seen.why);
    if (seen.mark.snapshot != mark_.snapshot) return refused("it is there already, of another snapshot");
    if (seen.state.phase == Phase::kRestored) return true;
    if (seen.state.phase == Phase::kRestoring) return false;
    if (seen.state.phase == Phase::kFailed) return not_restored(mark_.copy, seen.state.message);
    return Error{.code = Code::kBusy,
                 .message = fmt::format("{} is {} already", mark_.copy, name_of(seen.state.phase)),
                 .hint = "someone else is at work on it; it is looked at again",
                 .retry = Retry::kLater};
  }
  Status create() {
    YTB_ASSIGN(aws::DbSnapshot snapshot, parts_.snapshots.find(request_.snapshot));
    Volume volume;
    if (!parts_.aurora()) {
      YTB_ASSIGN(volume, volume_of(parts_.options.copies, snapshot, parts_.options.from_multi_az_cluster));
    }
    if (volume.converted)
      progress_.note(
          fmt::format("the volume of {} is another one than the snapshot's: RDS "
                      "converts it first, for hours",
                      mark_.copy));
    YTB_ASSIGN(Tags tags, to_tags(mark_));
    YTB_ASSIGN(std::string body,
               stack_template({.name = name_,
                               .aurora = parts_.aurora(),
                               .from_multi_az_cluster = parts_.options.from_multi_az_cluster,
                               .engine_version = snapshot.engine_version,
                               .copies = parts_.options.copies,
                               .volume = std::move(volume),
                               .tags = tags}));
    YTB_TRY(parts_.snapshots.sweep(snapshot.source_id, mark_, [&](const model::CopyId& copy) -> Result<bool> {
      YTB_ASSIGN(std::optional<Seen> other, parts_.look.one(copy));
      return other && other->ours() && other->state.phase == Phase::kRestoring;
    }));
    YTB_ASSIGN(std::string source,
               parts_.snapshots.usable(snapshot, snapshot_copy_name(name_), mark_, wait_,
                                       parts_.options.copies.restore_max, services_.clock, progress_));
    YTB_ASSIGN(aws::CreateOutcome made,
               services_.stacks.create_stack(
                   {.name = name_,
                    .template_body = std::move(body),
                    .parameters = {{std::string(kSnapshotParameter), source},
                                   {std::string(kGroupsParameter), join(parts_.groups(false), ",")}},
                    .tags = std::move(tags),
                    .stack_policy = stack_policy(),
                    .role_arn = parts_.options.copies.service_role,
                    .client_token = request_token(name_, "create"),
                    .on_failure = "DO_NOTHING"}));
    // Already there: somebody was quicker, or our own answer was lost. Whose it is is seen below.
    (void)made;
    return wait_.until(fmt::format("the stack {}", name_), kShownMax, [&]() -> Result<bool> {
      YTB_ASSIGN(std::optional<Seen> seen, parts_.look.glance(name_));
      if (!seen || seen->stack.id.empty()) return false;
      if (!seen->ours()) return not_ours(name_, seen->why);
      if (seen->mark.snapshot != mark_.snapshot) return refused("it is there already, of another snapshot");
      return true;
    });
  }

  // Until stack and server are complete, or one of them will never be.
  Status wait_for_stack() {
    return wait_.until(
        fmt::format("the restore of {}", mark_.copy), parts_.options.copies.restore_max,
        [&]() -> Result<bool> {
          YTB_TRY(look());
          const StackStands stand = stands(seen_.stack.status);
          const std::string status = seen_.server ? seen_.server->status : seen_.stack.status;
          progress_.update({.stage = "restore", .item = status});
          if (stand == StackStands::kFailed) {
            YTB_ASSIGN(std::string why, parts_.look.reason(seen_.stack));
            return not_restored(mark_.copy, fmt::format("its stack is {}: {}", seen_.stack.status, why));
          }
          if (seen_.server && is_fatal(status)) {
            return not_restored(mark_.copy, fmt::format("its server is {}", printable(status)));
          }
          if (stand == StackStands::kUsable) {
            return seen_.server && !seen_.server->address.empty() && is_settled(status);
          }
          if (stand != StackStands::kBusy)
            return not_restored(mark_.copy, "its stack is " + printable(seen_.stack.status));
          return still_in_time();
        });
  }
  // From the stack's creation on, however many calls it takes.
  Result<bool> still_in_time() const {
    const Duration longest = parts_.options.copies.restore_max;
    if (services_.clock.now() - seen_.stack.created_at < longest) return false;
    return Error{
        .code = Code::kExternal,
        .message = fmt::format("the restore of {} has taken more than {}", mark_.copy, to_human(longest)),
        .hint =
            "raise copies.restore_max if that is normal for its size; a volume of another size or type than "
            "the snapshot's takes hours more"};
  }
  Status look() {
    YTB_ASSIGN(seen_, parts_.look_again(name_));
    return {};
  }

  // What was asked for is what there is, before anything is done in it.
  Status check_closed() {
    const Server& server = *seen_.server;
    std::string why;
    if (!has_groups(server, parts_.groups(false))) why = "its security groups are not the quarantine's";
    if (server.public_access) why = "it is publicly accessible";
    if (server.iam_authentication) {
      YTB_ASSIGN(bool ours, parts_.is_iam_ours(seen_));
      if (!ours) why = "IAM authentication is on";
    }
    if (server.parameter_group != name_) why = "it has another parameter group";
    if (why.empty()) return {};
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} is not closed: {}", mark_.copy, why),
                 .hint = "somebody has changed it by hand, or the settings changed while it was restored"};
  }

  Status record() {
    const int64_t asked = parts_.options.copies.storage_gb;
    if (!parts_.aurora() && seen_.server->allocated_gib < asked) {  // masking looks whether it suffices
      progress_.note(fmt::format("the volume of {} has {} GiB, not the {} of copies.storage_gb", mark_.copy,
                                 seen_.server->allocated_gib, asked));
    }
    if (parts_.aurora()) {
      progress_.note(kBackupWindow);
      model::Evidence evidence;
      evidence.notes.emplace_back(kBackupWindow);
      YTB_TRY(parts_.add_evidence(seen_, std::move(evidence)));
    }
    State state{.phase = Phase::kRestored, .since = services_.clock.now()};
    return parts_.save(seen_, state);
  }

  StackHost::Parts& parts_;
  StackServices& services_;
  const ports::RestoreRequest& request_;
  ports::Progress& progress_;
  StackWait wait_;
  Mark mark_;
  std::string name_;
  Seen seen_;
};

}  // namespace

Error not_restored(const model::CopyId& copy, std::string_view why) {
  if (forbids_snapshot(why)) {
    return Error{.code = Code::kForbidden,
                 .message = fmt::format("{} could not be restored: {}", copy, why),
                 .hint = std::string(kForbiddenHint)};
  }
  return Error{.code = Code::kExternal,
               .message = fmt::format("{} could not be restored: {}", copy, why),
               .hint = "it is deleted, and restored anew as another attempt",
               .retry = Retry::kLater};
}

Status StackHost::Parts::restore(const ports::RestoreRequest& request, ports::Progress& progress,
                                 const StopFlag& stop) {
  YTB_TRY(check_options());
  return Restorer(*this, request, progress, stop).run();
}

}  // namespace ytb::rds
