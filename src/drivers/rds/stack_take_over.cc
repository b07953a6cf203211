// From a server that is there to one that is ours alone: its master's password, the retention of its backups,
// our mark inside.
//
// Where production's master is a member of rds_iam, a password is of no use with the copy. Then IAM
// authentication is switched on for as long as one login by token takes, which takes that membership away,
// and off again: a copy goes on only when Describe shows it off. Every step goes by what is shown and by who
// gets in, so that whoever goes on after a crash goes on there. That we were the ones to switch it on is
// written into the evidence before.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "drivers/rds/stack_host.h"
#include "drivers/rds/stack_parts.h"
#include "drivers/rds/stack_secrets.h"

namespace ytb::rds {
namespace {

// From ModifyDB… to a login with the new password.
constexpr Duration kLoginMax = std::chrono::minutes(30);
// A modify that shows nothing of itself by then was lost: it is sent again (it is the same one).
constexpr Duration kModifyShownMax = std::chrono::minutes(5);
// RDS's own module, and IAM's policies, may be that late after Describe shows it on.
constexpr Duration kTokenMax = std::chrono::minutes(10);
constexpr std::string_view kOverruledNote =
    "the master's password was overruled by its membership in rds_iam or rds_ad: IAM authentication was on "
    "for one login by token, which took that away, and is off again";

class TakeOver {
 public:
  TakeOver(StackHost::Parts& parts, Seen seen, ports::Progress& progress)
      : parts_(parts), services_(parts.services), progress_(progress), seen_(std::move(seen)) {}

  Result<Seen> run(const StackWait& wait) {
    const Instant begun = services_.clock.now();
    leaves_ = wait.leaves();
    Status done =
        wait.until(fmt::format("the login to {}", seen_.mark.copy), kLoginMax, [&]() -> Result<bool> {
          YTB_ASSIGN(bool is_ours, step());
          if (!is_ours) YTB_TRY(check_time());
          return is_ours;
        });
    if (done.ok()) return std::move(seen_);
    Error error = std::move(done).error();
    if (services_.clock.now() - begun >= kLoginMax) error.message += ": " + last_;
    return error;
  }

 private:
  enum class Ask { kPassword, kIamOn, kIamOff };

  // One look, and at most one call that changes something. True: it is ours.
  Result<bool> step() {
    YTB_ASSIGN(seen_, parts_.look_again(seen_.name));
    if (seen_.server && is_fatal(seen_.server->status)) {
      return not_restored(seen_.mark.copy, "its server is " + printable(seen_.server->status));
    }
    progress_.update({.stage = "take over", .item = seen_.server ? seen_.server->status : ""});
    // A status alone proves nothing: `available` is shown before a change begins, too.
    if (!seen_.server || !is_settled(seen_.server->status) || !seen_.server->pending.empty()) return false;
    if (seen_.server->retention_days != parts_.retention_days()) {
      last_ = fmt::format("its backups are kept for {} days", seen_.server->retention_days);
      return ask(Ask::kPassword);
    }
    Result<ports::Claim> claimed = services_.door.claim(parts_.target(seen_));
    if (!claimed.ok()) {
      if (claimed.error().code != Code::kConnection) return std::move(claimed).error();
      last_ = claimed.error().message;
      return ask(Ask::kPassword);
    }
    if (*claimed == ports::Claim::kOverruled) return free_master();
    if (!seen_.server->iam_authentication) return true;
    last_ = "IAM authentication is on still";
    return ask(Ask::kIamOff);
  }

  // Calls that leave never wait for long: all of them together may take as long as a restore. Asked after a
  // step: who comes late, and gets in, is not too late.
  [[nodiscard]] Status check_time() const {
    const Duration longest = parts_.options.copies.restore_max;
    if (!leaves_ || services_.clock.now() - seen_.stack.created_at < longest) return {};
    return Error{.code = Code::kExternal,
                 .message = fmt::format("the login to {} was waited for in vain for {}: {}", seen_.mark.copy,
                                        to_human(longest), last_),
                 .hint = "it is deleted, and restored anew as another attempt",
                 .retry = Retry::kLater};
  }

  Result<bool> free_master() {
    if (!seen_.server->iam_authentication) {
      last_ = "its master's password is overruled, and IAM authentication is off still";
      if (asked_ != Ask::kIamOn) {
        model::Evidence evidence;
        evidence.notes.emplace_back(kOverruledNote);
        YTB_TRY(parts_.add_evidence(seen_, std::move(evidence)));
        YTB_TRY(note_the_beginning());
      }
      return ask(Ask::kIamOn);
    }
    ports::SessionTarget target = parts_.target(seen_);
    YTB_ASSIGN(target.password, services_.rds.login_token({.host = seen_.server->address,
                                                           .port = seen_.server->port,
                                                           .user = seen_.server->master}));
    Result<std::vector<std::string>> taken = services_.door.free_master(target);
    if (!taken.ok()) return refused(std::move(taken).error());
    model::Evidence evidence;
    for (const std::string& line : *taken) {
      progress_.note(line);
      evidence.defused.push_back("server: " + line);
    }
    YTB_TRY(parts_.add_evidence(seen_, std::move(evidence)));
    return false;  // the password is tried next
  }

  // Waited for a while, and then given up: a right that is missing does not come by itself.
  Result<bool> refused(Error error) {
    const Instant now = services_.clock.now();
    if (!first_refusal_) {
      first_refusal_ = now;
      if (leaves_) {
        YTB_ASSIGN(first_refusal_, beginning());
      }
    }
    last_ = error.message;
    // However often we were stopped meanwhile.
    const bool in_time =
        now - *first_refusal_ < kTokenMax && now - seen_.stack.created_at < parts_.options.copies.restore_max;
    if (error.code == Code::kConnection && in_time) return false;
    // The copy does not go on: nobody waits for it, and why we gave up is what is told.
    (void)ask(Ask::kIamOff);
    if (error.code != Code::kConnection) return error;
    return Error{
        .code = Code::kConnection,
        .message = fmt::format("the master of {} may log in by IAM alone, and our token is refused: {}",
                               seen_.mark.copy, error.message),
        .hint =
            fmt::format("in production: REVOKE rds_iam FROM {}, directly and from its groups; or allow us "
                        "rds-db:connect: the deployment's parameter ProductionResourceIds does",
                        printable(seen_.server->master))};
  }

  // Since when IAM is to let us in, for calls that leave: the copy's own record says it, as nothing else that
  // is changed while it is restored.
  Status note_the_beginning() {
    if (!leaves_) return {};
    return parts_.save(seen_, State{.phase = model::Phase::kRestoring, .since = services_.clock.now()});
  }
  Result<std::optional<Instant>> beginning() {
    YTB_ASSIGN(std::optional<Seen> seen, parts_.look.one(seen_.mark.copy));
    return std::optional<Instant>(seen ? seen->state.since : services_.clock.now());
  }

  // False, for what was asked is looked for at the next step.
  Result<bool> ask(Ask what) {
    const Instant now = services_.clock.now();
    if (asked_ == what && now - asked_at_ < kModifyShownMax) return false;
    if (what == Ask::kIamOn) progress_.note("the master's password is overruled: IAM is to let us in, once");
    const Secret password = master_password(parts_.options.master_seed, seen_.server->resource_id);
    aws::ModifyDb change{.id = seen_.server->id};
    if (what == Ask::kPassword) {
      change.master_password = &password;
      change.backup_retention_days = parts_.retention_days();
    } else {
      change.iam_authentication = what == Ask::kIamOn;
    }
    YTB_TRY(send(change));
    asked_ = what;
    asked_at_ = now;
    return false;
  }
  Status send(const aws::ModifyDb& change) {
    if (parts_.aurora()) {
      YTB_ASSIGN(aws::DbCluster cluster, services_.rds.modify_db_cluster(change));
      return {};
    }
    YTB_ASSIGN(aws::DbInstance instance, services_.rds.modify_db_instance(change));
    return {};
  }

  StackHost::Parts& parts_;
  StackServices& services_;
  ports::Progress& progress_;
  Seen seen_;
  std::string last_ = "Describe shows changes that do not end";
  std::optional<Ask> asked_;
  Instant asked_at_{};
  std::optional<Instant> first_refusal_;
  bool leaves_ = false;
};

}  // namespace

Result<Seen> StackHost::Parts::take_over(Seen seen, ports::Progress& progress, const StackWait& wait) {
  return TakeOver(*this, std::move(seen), progress).run(wait);
}

Result<bool> StackHost::Parts::is_iam_ours(const Seen& seen) {
  YTB_ASSIGN(model::Evidence evidence, evidence_of(seen));
  return std::find(evidence.notes.begin(), evidence.notes.end(), kOverruledNote) != evidence.notes.end();
}

}  // namespace ytb::rds
