// Letting staging in: first the roles inside, then the network around, by the one parameter of the stack that
// ever changes.
#include <fmt/format.h>

#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/rds/stack_host.h"
#include "drivers/rds/stack_names.h"
#include "drivers/rds/stack_parts.h"
#include "drivers/rds/stack_template.h"

namespace ytb::rds {

using model::Phase;

namespace {

constexpr Duration kUpdateMax = std::chrono::hours(1);
constexpr Duration kGroupsMax = std::chrono::minutes(15);
constexpr int kRollbacksMax = 2;  // continued in one try
constexpr int kEventsMax = 500;

class Opener {
 public:
  Opener(StackHost::Parts& parts, Seen seen, ports::Progress& progress)
      : parts_(parts),
        stacks_(parts.services.stacks),
        seen_(std::move(seen)),
        tries_(seen_.state.tries),
        last_try_(seen_.state.last_try),
        progress_(progress),
        wait_(parts.services.clock, parts.services.stop, parts.services.patience) {}

  // Adds the staging groups and keeps the quarantine's, by which the worker comes in.
  Status widen() {
    const std::vector<std::string> wanted = parts_.groups(true);
    YTB_TRY(settle());
    if (has_groups(*seen_.server, wanted)) return {};
    YTB_TRY(tell_what_was_left());
    YTB_TRY(wait_for_server());
    YTB_TRY(update(wanted));
    return wait_.until(fmt::format("the security groups of {}", seen_.name), kGroupsMax,
                       [&]() -> Result<bool> {
                         YTB_TRY(look());
                         return has_groups(*seen_.server, wanted);
                       });
  }

 private:
  // When the stack was last asked to change: tells what an answer is an answer to.
  [[nodiscard]] Instant asked_at() const { return seen_.stack.updated_at.value_or(seen_.stack.created_at); }

  Status look() {
    YTB_ASSIGN(std::optional<Seen> seen, parts_.look.glance(seen_.name));
    if (!seen || !seen->ours() || !seen->server || seen->server->resource_id != seen_.server->resource_id) {
      return Error{.code = Code::kBusy,
                   .message = fmt::format("{} is not there any more", seen_.mark.copy),
                   .hint = "it is looked at again",
                   .retry = Retry::kLater};
    }
    seen_ = *std::move(seen);
    progress_.update({.stage = "open", .item = seen_.stack.status});
    return {};
  }

  // Until the stack may be updated. A rollback that failed is continued: nothing else may be done with it.
  Status settle() {
    int continued = 0;
    std::string after;
    return wait_.until(fmt::format("the stack {}", seen_.name), kUpdateMax, [&]() -> Result<bool> {
      YTB_TRY(look());
      switch (stands(seen_.stack.status)) {
        case StackStands::kUsable:
          return true;
        case StackStands::kBusy:
          return false;
        case StackStands::kRollbackFailed:
          break;
        default:
          return failed();
      }
      YTB_ASSIGN(FailedRollback failure, failed_rollback());
      // Looks that were late: it is being continued, or its failure is not told yet.
      if (failure.event.empty() || failure.event == after) return false;
      // Those of one call are counted by it; of calls that leave each does one, and the events tell how many
      // there were.
      const bool enough =
          wait_.leaves() ? failure.so_far > kRollbacksMax * (tries_ + 1) : continued++ == kRollbacksMax;
      if (enough) return failed();
      YTB_TRY(stacks_.continue_update_rollback(seen_.name,
                                               request_token(seen_.name, "continue", failure.event),
                                               parts_.options.copies.service_role));
      after = std::move(failure.event);
      return false;
    });
  }
  // A call that asked for an update and left has not seen it fail: that is told once, as a try of its own,
  // before it is asked for again.
  Status tell_what_was_left() {
    const bool undone = wait_.leaves() && seen_.stack.status == "UPDATE_ROLLBACK_COMPLETE";
    if (!undone || asked_at() <= last_try_) return {};
    YTB_ASSIGN(bool done, failed());
    (void)done;
    return {};
  }
  // CloudFormation names the volume of gp3, io1 and io2 in every update, and waits for exactly `available`:
  // asked for while RDS optimizes the volume, the update fails, and so does undoing it.
  Status wait_for_server() {
    std::string status;
    Status available = wait_.until(fmt::format("the server of {}", seen_.name),
                                   parts_.options.copies.restore_max, [&]() -> Result<bool> {
                                     YTB_TRY(look());
                                     status = seen_.server->status;
                                     progress_.update({.stage = "open", .item = status});
                                     return is_available(status);
                                   });
    if (available.ok() || available.error().code == Code::kInterrupted) return available;
    return Error{.code = Code::kBusy,
                 .message = fmt::format("the server of {} is {}: {}", seen_.mark.copy, printable(status),
                                        available.error().message),
                 .hint = "it is opened when RDS is done with its volume",
                 .retry = Retry::kLater};
  }
  // The latest failed rollback, by its event: a token made of it is the same for every try to go on after
  // this failure, and another one after the next, though the stack's own times tell the two not apart.
  struct FailedRollback {
    std::string event;
    int so_far = 0;  // of the latest update
  };
  Result<FailedRollback> failed_rollback() {
    FailedRollback found;
    int looked_at = 0;
    YTB_TRY(stacks_.describe_stack_events(seen_.stack.id, [&](const aws::StackEvent& one) -> Result<bool> {
      const bool is_stack = one.physical_id == seen_.stack.id;
      if (is_stack && one.status == "UPDATE_ROLLBACK_FAILED") {
        if (found.event.empty()) found.event = one.id;
        ++found.so_far;
      }
      const bool begun = is_stack && one.status == "UPDATE_IN_PROGRESS";
      return !begun && ++looked_at < kEventsMax;
    }));
    return found;
  }
  Result<bool> failed() {
    YTB_ASSIGN(std::string why, parts_.look.reason(seen_.stack));
    return Error{.code = Code::kExternal,
                 .message = fmt::format("the stack {} could not be updated and is {}: {}", seen_.name,
                                        printable(seen_.stack.status), why),
                 .hint = "it is tried again; the console shows the stack's events",
                 .retry = Retry::kLater};
  }

  Status update(const std::vector<std::string>& groups) {
    const Instant before = asked_at();
    YTB_ASSIGN(
        aws::UpdateOutcome outcome,
        stacks_.update_stack({.name = seen_.name,
                              .parameters = {{std::string(kGroupsParameter), join(groups, ",")}},
                              .previous_parameters = {std::string(kSnapshotParameter)},
                              .role_arn = parts_.options.copies.service_role,
                              .client_token = request_token(seen_.name, "open", to_iso(before, true))}));
    // Already asked for: what is not in force yet is waited for by the caller.
    if (outcome.kind == aws::UpdateOutcome::Kind::kNothingToDo) return {};
    if (outcome.kind == aws::UpdateOutcome::Kind::kNotThere) return not_ours(seen_.name, "its stack is gone");
    return wait_.until(fmt::format("the update of {}", seen_.name), kUpdateMax, [&]() -> Result<bool> {
      YTB_TRY(look());
      if (asked_at() == before) return false;  // a look that was late
      const StackStands stand = stands(seen_.stack.status);
      if (stand == StackStands::kBusy) return false;
      if (seen_.stack.status == "UPDATE_COMPLETE") return true;
      return failed();
    });
  }

  StackHost::Parts& parts_;
  aws::CloudFormation& stacks_;
  Seen seen_;
  int tries_;         // that have failed, as they are recorded
  Instant last_try_;  // the latest of them
  ports::Progress& progress_;
  StackWait wait_;
};

}  // namespace

Status StackHost::Parts::open(const model::OwnedCopy& copy, const model::PassedProof& proof,
                              const std::vector<ports::AccessGrant>& grants, ports::Progress& progress) {
  YTB_TRY(check_options());
  YTB_ASSIGN(Seen seen, hold(copy));
  YTB_ASSIGN(seen, find_server(copy.id()));
  if (proof.copy() != copy.id() || proof.proof().instance != seen.server->resource_id) {
    return Error{.code = Code::kProof,
                 .message = fmt::format("the proof is of {}, not of this very instance of {}", proof.copy(),
                                        copy.id()),
                 .hint = "the copy stays closed"};
  }
  // What lies with the copy is what people will be shown: it must be a passing proof, too.
  YTB_TRY(check_proof(seen));
  const bool opened = to_copy(seen).opened;
  if (!opened && seen.state.phase != Phase::kProven) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} is {}, not proven", copy.id(), name_of(seen.state.phase)),
                 .hint = "the copy stays closed"};
  }
  if (seen.server->address.empty() || !is_up(seen.server->status)) {
    return Error{.code = Code::kBusy,
                 .message = fmt::format("the server of {} is {}", copy.id(), printable(seen.server->status)),
                 .hint = "it is looked at again",
                 .retry = Retry::kLater};
  }
  // Opening what is open changes nothing inside: somebody may be in.
  YTB_TRY(services.door.open(target(seen), grants, to_iso(seen.mark.data_as_of)));
  YTB_TRY(Opener(*this, seen, progress).widen());
  // The spool held masked rows only, but it is of no use any more.
  const std::string spool = spool_of(seen.name);
  return spool.empty() || !os::exists(spool) ? Status() : os::remove_tree(spool);
}

}  // namespace ytb::rds
