// Deleting a copy: the tombstone, the phase, the stack; then what lay beside it.
#include <fmt/format.h>

#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/rds/stack_host.h"
#include "drivers/rds/stack_names.h"
#include "drivers/rds/stack_parts.h"

namespace ytb::rds {

using model::Phase;

namespace {

constexpr Duration kDeleteMax = std::chrono::hours(2);
constexpr Duration kProtectionMax = std::chrono::minutes(10);
constexpr Duration kShownMax = std::chrono::minutes(2);  // until a deletion that was asked for is shown

class Remover {
 public:
  Remover(StackHost::Parts& parts, Seen seen, ports::Progress& progress)
      : parts_(parts),
        services_(parts.services),
        seen_(std::move(seen)),
        stack_id_(seen_.stack.id),
        progress_(progress),
        wait_(parts.services.clock, parts.services.stop, parts.services.patience) {}

  Status run() {
    Status settled = wait_.until(fmt::format("the stack {}", seen_.name), kDeleteMax, [&]() -> Result<bool> {
      YTB_TRY(look());
      return stand_ != StackStands::kBusy || is_being_made();
    });
    YTB_TRY(std::move(settled));
    // First: once AWS has begun, it ends without us, and nobody would know of what lies beside it.
    YTB_TRY(clean_up());
    if (wait_.leaves()) {
      // Before the stack is gone: nobody looks for it afterwards. Where RDS keeps it as long as it restores
      // from it, the next call tries again, as the deletion goes on.
      Status removed = remove_snapshot_copy();
      if (!removed.ok() && !is_being_made()) return removed;
    }
    if (stand_ == StackStands::kDeleteFailed) {
      // Who leaves has not seen the deletion fail, nor waits for this one: it is told as a try of its own.
      // Why is read before it is asked for again: the events of the latest request are all that is read.
      std::optional<Error> told;
      if (wait_.leaves()) YTB_TRY(read_failure(told));
      YTB_TRY(clear_protection());
      YTB_TRY(ask("again"));
      if (told) return *std::move(told);
    } else if (stand_ != StackStands::kGone && stand_ != StackStands::kDeleting) {
      YTB_TRY(ask("delete"));
    }
    YTB_TRY(wait_until_gone());
    return remove_snapshot_copy();
  }

 private:
  Status remove_snapshot_copy() {
    return parts_.snapshots.remove(snapshot_copy_name(seen_.name), seen_.mark);
  }
  // By its id: a stack that is gone is found by nothing else.
  Status look() {
    YTB_ASSIGN(std::optional<aws::Stack> stack, services_.stacks.describe_stack(stack_id_));
    stand_ = stack ? stands(stack->status) : StackStands::kGone;
    if (stack) seen_.stack = *std::move(stack);
    progress_.update({.stage = "delete", .item = seen_.stack.status});
    return {};
  }
  // A creation may be interrupted, an update may not.
  [[nodiscard]] bool is_being_made() const { return seen_.stack.status == "CREATE_IN_PROGRESS"; }

  Status ask(std::string_view verb) {
    const std::string& before = seen_.stack.status;
    return services_.stacks.delete_stack(
        stack_id_,
        request_token(seen_.name, verb,
                      before + to_iso(seen_.stack.updated_at.value_or(seen_.stack.created_at), true) +
                          std::to_string(seen_.state.tries)),
        parts_.options.copies.service_role);
  }

  Status wait_until_gone() {
    bool again = stand_ == StackStands::kDeleteFailed;
    Instant asked = services_.clock.now();
    bool shown = false;
    return wait_.until(fmt::format("the deletion of {}", seen_.name), kDeleteMax, [&]() -> Result<bool> {
      YTB_TRY(look());
      if (stand_ == StackStands::kGone) return true;
      if (stand_ == StackStands::kDeleting) {
        shown = true;
        return false;
      }
      // The state before what was asked for, perhaps, as long as nothing else has been shown.
      if (!shown && services_.clock.now() - asked < kShownMax) return false;
      if (stand_ != StackStands::kDeleteFailed || again) return failed();
      again = true;
      YTB_TRY(clear_protection());
      YTB_TRY(ask("again"));
      asked = services_.clock.now();
      shown = false;
      return false;
    });
  }
  Result<bool> failed() {
    std::optional<Error> told;
    YTB_TRY(read_failure(told));
    return *std::move(told);
  }
  // In AWS's own words.
  Status read_failure(std::optional<Error>& told) {
    YTB_ASSIGN(std::string why, parts_.look.reason(seen_.stack));
    told =
        Error{.code = Code::kExternal,
              .message = fmt::format("the stack {} could not be deleted and is {}: {}", seen_.name,
                                     printable(seen_.stack.status), why),
              .hint = fmt::format("it is tried again; to see why: aws cloudformation describe-stack-events "
                                  "--stack-name {}",
                                  seen_.name),
              .retry = Retry::kLater};
    return {};
  }

  // Somebody has protected what was not protected: the one reason that is ours to clear.
  Status clear_protection() {
    return wait_.until(fmt::format("{} to lose its protection", seen_.name), kProtectionMax,
                       [&, asked = false]() mutable -> Result<bool> {
                         YTB_ASSIGN(std::optional<Seen> now, parts_.look.glance(seen_.name));
                         if (!now || !now->ours() || !now->server) return true;
                         const Server& server = *now->server;
                         if (!server.deletion_protection) return true;
                         if (asked || !is_settled(server.own_status)) return false;
                         const aws::ModifyDb change{.id = server.id, .deletion_protection = false};
                         if (parts_.aurora()) {
                           YTB_ASSIGN(aws::DbCluster cluster, services_.rds.modify_db_cluster(change));
                         } else {
                           YTB_ASSIGN(aws::DbInstance instance, services_.rds.modify_db_instance(change));
                         }
                         asked = true;
                         return false;
                       });
  }

  // The proof stays: it says what was opened.
  Status clean_up() {
    if (seen_.server) YTB_TRY(parts_.store.remove_evidence(seen_.server->resource_id));
    YTB_TRY(parts_.store.remove_state(stack_id_));
    const std::string spool = parts_.spool_of(seen_.name);
    return spool.empty() || !os::exists(spool) ? Status() : os::remove_tree(spool);
  }

  StackHost::Parts& parts_;
  StackServices& services_;
  Seen seen_;
  std::string stack_id_;
  ports::Progress& progress_;
  StackWait wait_;
  StackStands stand_ = StackStands::kUnknown;
};

}  // namespace

Status StackHost::Parts::remove(const model::OwnedCopy& copy, const std::optional<model::Attempt>& tombstone,
                                ports::Progress& progress) {
  YTB_ASSIGN(std::optional<Seen> there, look.one(copy.id()));
  // Gone: an answer that never came, or somebody else's.
  if (!there) return tombstone ? store.add(*tombstone) : Status();
  YTB_ASSIGN(Seen seen, hold(copy));
  if (seen.state.phase == Phase::kLive) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} is live", copy.id()),
                 .hint = "refresh or roll back first, so that another copy is"};
  }
  if (tombstone) {
    YTB_TRY(store.add(*tombstone));
  } else if (seen.state.phase == Phase::kFailed) {
    model::Attempt failed = model::failed_attempt_of(to_copy(seen));
    if (seen.failed_by_itself) failed.at = services.clock.now();
    YTB_TRY(store.add(failed));
  }
  if (seen.state.phase != Phase::kDeleting) {
    State state = seen.state;
    state.phase = Phase::kDeleting;
    state.since = services.clock.now();
    YTB_TRY(save(seen, state));
    seen.state = std::move(state);
  }
  return Remover(*this, std::move(seen), progress).run();
}

Result<bool> StackHost::has_leftovers() {
  YTB_ASSIGN(std::vector<aws::DbSnapshot> left, parts_->leftovers());
  return !left.empty();
}

Status StackHost::remove_leftovers() {
  YTB_ASSIGN(std::vector<aws::DbSnapshot> left, parts_->leftovers());
  bool going = true;
  for (const aws::DbSnapshot& snapshot : left) {
    YTB_ASSIGN(bool gone, parts_->snapshots.erase_if_possible(snapshot));
    going = going && gone;
  }
  if (going) return {};
  return ports::left_under_way("copying a snapshot, which cannot be deleted before,");
}

Result<std::vector<aws::DbSnapshot>> StackHost::Parts::leftovers() {
  YTB_ASSIGN(std::vector<aws::DbSnapshot> marked, snapshots.marked(options.production));
  std::vector<aws::DbSnapshot> left;
  for (aws::DbSnapshot& snapshot : marked) {
    // Of a copy that has a stack, it goes with that.
    YTB_ASSIGN(std::optional<Seen> seen,
               look.glance(stack_name(options.production, mark_of(snapshot.tags)->copy)));
    if (!seen || !seen->ours()) left.push_back(std::move(snapshot));
  }
  return left;
}

}  // namespace ytb::rds
