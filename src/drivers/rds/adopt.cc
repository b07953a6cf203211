#include "drivers/rds/adopt.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "drivers/aws/hosted_zone.h"

namespace ytb::rds {
namespace {

constexpr auto kPollEvery = std::chrono::seconds(5);
constexpr int kStepsMax = 6;  // two are needed; the rest is for looks that lagged behind
constexpr auto kOldTtl = std::chrono::seconds(300);
constexpr std::string_view kStackIdTag = "aws:cloudformation:stack-id";

std::string bare(std::string name) {
  if (name.ends_with('.')) name.pop_back();
  return to_lower_ascii(name);
}

std::string first_label(const std::string& name) { return name.substr(0, name.find('.')); }

// States from which UpdateStack works, exactly: ROLLBACK_COMPLETE, which ends alike, is none.
bool is_updatable(std::string_view status) {
  constexpr std::array<std::string_view, 5> kUpdatable = {"CREATE_COMPLETE", "UPDATE_COMPLETE",
                                                          "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE",
                                                          "IMPORT_ROLLBACK_COMPLETE"};
  return std::find(kUpdatable.begin(), kUpdatable.end(), status) != kUpdatable.end();
}

// REVIEW_IN_PROGRESS is a stack that was never made, and stays so.
bool is_under_way(std::string_view status) {
  return status.ends_with("_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS";
}

// An answer that never came, or a refusal because the stack is at work: ours, asked for twice, or somebody's.
bool may_be_under_way(const Error& error) {
  return error.retry == Retry::kInDoubt || error.message.find("_IN_PROGRESS state") != std::string::npos;
}

Error stuck(const std::string& stack, const std::string& status) {
  Error error{.code = Code::kRefused,
              .message = fmt::format("the stack {} is in {} and cannot be updated", stack, printable(status)),
              .hint = "look at its events in the console; nothing of it was changed"};
  if (status == "UPDATE_ROLLBACK_FAILED") {
    error.hint = fmt::format("aws cloudformation continue-update-rollback --stack-name {}", stack);
  } else if (status == "ROLLBACK_COMPLETE" || status == "CREATE_FAILED" || status == "ROLLBACK_FAILED") {
    error.hint = fmt::format(
        "it was never whole, so no name depends on it: aws cloudformation delete-stack --stack-name {}",
        stack);
  }
  return error;
}

}  // namespace

Status Adopter::look_at_record(Look& look) {
  YTB_ASSIGN(const aws::HostedZone zone, aws::hosted_zone_of(route53_, options_.zone_id, options_.domain));
  const std::string& name = options_.names.record_name;
  YTB_ASSIGN(std::vector<aws::RecordSet> records, route53_.list_resource_record_sets(zone.id, name));
  if (records.empty()) return {};
  const aws::RecordSet& record = records.front();
  if (records.size() != 1 || record.type != "CNAME" || record.values.size() != 1 ||
      !record.set_identifier.empty()) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} is not the one plain CNAME that the original makes", name),
                 .hint = "aws route53 list-resource-record-sets shows what is there"};
  }
  look.record = record;
  look.target = bare(record.values.front());
  look.moved = model::is_copy_name(options_.production, first_label(look.target));
  return {};
}

Status Adopter::look_at_stack(const aws::Stack& stack, Look& look) {
  YTB_ASSIGN(std::optional<std::string> text, stacks_.get_template(stack.id));
  YTB_ASSIGN(std::optional<std::vector<aws::StackResource>> resources,
             stacks_.describe_stack_resources(stack.id));
  if (!text || !resources) return {};  // it went while we looked
  YTB_ASSIGN(look.old, OldStack::recognise(options_.names, stack, *text, *resources));
  YTB_ASSIGN(std::optional<aws::DbInstance> instance, rds_.describe_db_instance(look.old->instance_id()));
  if (instance) {
    const auto tag = instance->tags.find(std::string(kStackIdTag));
    if (tag != instance->tags.end() && tag->second != stack.id) {
      return Error{.code = Code::kRefused,
                   .message = fmt::format("the instance {} belongs to another stack: {}", instance->id,
                                          printable(tag->second)),
                   .hint = "nothing of it is touched"};
    }
    if (instance->endpoint) look.endpoint = bare(instance->endpoint->address);
  }
  look.phase = !look.old->holds_record()  ? Phase::kFree
               : look.old->keeps_record() ? Phase::kKept
                                          : Phase::kHeld;
  if (look.record && !look.moved && look.target != look.endpoint) {
    // A long production's name is shortened in those of its copies: the live one's address says it for sure.
    YTB_ASSIGN(const std::optional<Serving> live, live_());
    look.moved = live && bare(live->endpoint) == look.target;
  }
  if (look.record && !look.moved && look.target != look.endpoint) {
    return Error{
        .code = Code::kRefused,
        .message = fmt::format("{} points at {}, and the old stack's instance {} is {}",
                               options_.names.record_name, printable(look.target), look.old->instance_id(),
                               look.endpoint.empty() ? "gone" : "at " + look.endpoint),
        .hint = "somebody changed the record by hand: nothing is touched"};
  }
  return {};
}

Result<Adopter::Look> Adopter::look() {
  Look look;
  YTB_TRY(look_at_record(look));
  const std::string name = old_stack_name(options_.names.database);
  YTB_ASSIGN(std::optional<aws::Stack> stack, stacks_.describe_stack(name));
  if (stack && stack->status != "DELETE_COMPLETE") {
    const bool can_be_read = is_updatable(stack->status) || stack->status == "DELETE_FAILED";
    if (!can_be_read || !is_updatable(stack->status)) look.status = stack->status;
    if (can_be_read) YTB_TRY(look_at_stack(*stack, look));
    return look;
  }
  const std::string id = first_label(look.target);
  if (look.record && is_old_instance_name(options_.names.database, id)) {
    YTB_ASSIGN(std::optional<aws::DbInstance> instance, rds_.describe_db_instance(id));
    if (!instance) look.phase = Phase::kOrphan;
  }
  return look;
}

Result<std::vector<std::string>> Adopter::adopted_targets() {
  YTB_ASSIGN(const Look found, look());
  const bool may_move = found.phase == Phase::kFree || found.phase == Phase::kOrphan;
  if (!may_move || found.moved || found.target.empty()) return std::vector<std::string>{};
  return std::vector<std::string>{found.target};
}

Result<std::optional<aws::Stack>> Adopter::wait_for_rest(const std::string& name,
                                                         std::optional<Instant> not_this_update,
                                                         const StopFlag& stop) {
  const Instant until = clock_.now() + options_.wait_max;
  while (true) {
    YTB_TRY(stop.check());
    YTB_ASSIGN(std::optional<aws::Stack> stack, stacks_.describe_stack(name));
    if (!stack || stack->status == "DELETE_COMPLETE") return std::optional<aws::Stack>();
    // A look that lags behind still shows the rest of before the update.
    const bool lags = not_this_update && stack->updated_at.value_or(stack->created_at) == *not_this_update;
    if (!is_under_way(stack->status) && !lags) return stack;
    if (clock_.now() >= until) {
      return Error{.code = Code::kBusy,
                   .message = fmt::format("the stack {} is still in {}", name, printable(stack->status)),
                   .hint = "run adopt again: it goes on from here",
                   .retry = Retry::kLater};
    }
    clock_.sleep(kPollEvery);
  }
}

// The first failure of the last operation: what came after it is its consequence.
Result<std::string> Adopter::failure_of(const std::string& stack) {
  constexpr int kEventsMax = 500;
  std::string reason;
  int seen = 0;
  YTB_TRY(stacks_.describe_stack_events(stack, [&](const aws::StackEvent& event) -> Result<bool> {
    if (event.status.ends_with("_FAILED") && !event.status_reason.empty())
      reason = fmt::format("{}: {}", event.logical_id, event.status_reason);
    const bool is_its_begin = event.resource_type == "AWS::CloudFormation::Stack" &&
                              (event.status == "UPDATE_IN_PROGRESS" || event.status == "DELETE_IN_PROGRESS");
    return !is_its_begin && ++seen < kEventsMax;
  }));
  return reason.empty() ? std::string("its events say no reason") : printable(reason);
}

Status Adopter::update(const OldStack& old, std::string body, std::string_view what,
                       ports::Progress& progress, const StopFlag& stop) {
  YTB_TRY(stop.check());
  progress.note(fmt::format("{}: {}", old.stack().name, what));
  const Result<aws::UpdateOutcome> outcome =
      stacks_.update_stack({.name = old.stack().id,
                            .template_body = std::move(body),
                            .previous_parameters = old.parameter_names()});
  if (!outcome.ok() && !may_be_under_way(outcome.error())) return outcome.error();
  if (!outcome.ok()) clock_.sleep(kPollEvery);
  // Where it was not begun, or nobody knows: the next look says what is true.
  if (!outcome.ok() || outcome->kind != aws::UpdateOutcome::Kind::kStarted) return {};
  YTB_ASSIGN(const std::optional<aws::Stack> after,
             wait_for_rest(old.stack().id, old.stack().updated_at.value_or(old.stack().created_at), stop));
  if (!after || after->status == "UPDATE_COMPLETE") return {};
  YTB_ASSIGN(const std::string reason, failure_of(old.stack().id));
  return Error{.code = Code::kExternal,
               .message = fmt::format("CloudFormation undid a step of {} ({}): {}", old.stack().name,
                                      after->status, reason),
               .hint = "the record is as it was; a stack policy or its role may not allow the change"};
}

Status Adopter::release(ports::Progress& progress, const StopFlag& stop) {
  const std::string name = old_stack_name(options_.names.database);
  for (int step = 0; step < kStepsMax; ++step) {
    YTB_ASSIGN(std::optional<aws::Stack> at_rest, wait_for_rest(name, std::nullopt, stop));
    YTB_ASSIGN(const Look found, look());
    if (found.phase == Phase::kFree || !at_rest) return {};
    if (!found.status.empty()) {
      if (is_under_way(found.status)) continue;
      return stuck(name, found.status);
    }
    if (found.phase == Phase::kHeld) {
      YTB_TRY(update(*found.old, found.old->with_record_kept(),
                     "keep the record whatever becomes of the stack", progress, stop));
    } else if (found.phase == Phase::kKept) {
      YTB_TRY(update(*found.old, found.old->without_record(), "let go of the record, which stays as it is",
                     progress, stop));
    }
  }
  return Error{.code = Code::kExternal,
               .message = fmt::format("the stack {} does not let go of {}", name, options_.names.record_name),
               .hint = "does the original's schedule still run? Disable its rule, then run adopt again",
               .retry = Retry::kLater};
}

Result<std::optional<Error>> Adopter::not_yet(const Look& look) {
  auto because = [](Code code, std::string why, std::string hint, Retry retry = Retry::kNever) {
    return std::optional<Error>(
        Error{.code = code, .message = std::move(why), .hint = std::move(hint), .retry = retry});
  };
  const std::string& name = options_.names.record_name;
  if (look.old && look.old->holds_record())
    return because(Code::kRefused, fmt::format("the old stack still holds {}", name), "adopt it first");
  if (!look.record || !look.moved)
    return because(Code::kRefused, fmt::format("{} does not point at a copy of ours", name),
                   "refresh first: yesterdaytabase refresh");
  YTB_ASSIGN(const std::optional<Serving> live, live_());
  if (!live)
    return because(Code::kRefused, "no copy of ours is live", "refresh first: yesterdaytabase refresh");
  if (bare(live->endpoint) != look.target)
    return because(Code::kRefused, fmt::format("{} does not point at the live copy {}", name, live->copy),
                   "yesterdaytabase status says what is going on");
  const Instant free_at = live->since + std::max<Duration>(options_.drain, kOldTtl);
  if (clock_.now() < free_at) {
    return because(Code::kBusy,
                   fmt::format("clients may hold on to the old instance until {}", to_iso(free_at)),
                   "run it again then", Retry::kLater);
  }
  return std::optional<Error>();
}

Status Adopter::delete_stack(ports::Progress& progress, const StopFlag& stop) {
  const std::string name = old_stack_name(options_.names.database);
  for (int step = 0; step < kStepsMax; ++step) {
    YTB_ASSIGN(std::optional<aws::Stack> at_rest, wait_for_rest(name, std::nullopt, stop));
    if (!at_rest) return {};
    YTB_ASSIGN(const Look found, look());
    if (!found.old) {
      if (is_under_way(found.status)) continue;
      return found.status.empty() ? Status() : Status(stuck(name, found.status));
    }
    YTB_ASSIGN(std::optional<Error> why_not, not_yet(found));
    if (why_not) return *std::move(why_not);
    if (!found.old->deletes_instance_whole() && found.status.empty()) {
      YTB_TRY(update(*found.old, found.old->with_instance_deleted_whole(),
                     "leave no final snapshot of raw data behind", progress, stop));
      continue;
    }
    progress.note(fmt::format("{}: deleted, with its instance {}", name, found.old->instance_id()));
    // A stack keeps the role that it was made with; one without gets ours, which may delete its instance.
    const std::string role = found.old->stack().role_arn.empty() ? options_.service_role : std::string();
    const Status asked = stacks_.delete_stack(found.old->stack().id, {}, role);
    if (!asked.ok() && !may_be_under_way(asked.error())) return asked;
    YTB_ASSIGN(std::optional<aws::Stack> left, wait_for_rest(found.old->stack().id, std::nullopt, stop));
    if (!left) return {};
    if (left->status != "DELETE_FAILED") continue;  // a look that lags behind
    YTB_ASSIGN(const std::string reason, failure_of(found.old->stack().id));
    return Error{.code = Code::kExternal,
                 .message = fmt::format("the stack {} could not be deleted: {}", name, reason),
                 .hint = "clear what is in the way, then run adopt --delete-old again"};
  }
  return Error{.code = Code::kExternal,
               .message = fmt::format("the stack {} is still there", name),
               .hint = "run adopt --delete-old again",
               .retry = Retry::kLater};
}

Status Adopter::carry_out(bool delete_old, ports::Progress& progress, const StopFlag& stop) {
  YTB_TRY(release(progress, stop));
  return delete_old ? delete_stack(progress, stop) : Status();
}

Result<ports::AdoptionPlan> Adopter::plan(bool delete_old) {
  ports::AdoptionPlan plan;
  const std::string name = old_stack_name(options_.names.database);
  const std::string& record = options_.names.record_name;
  YTB_ASSIGN(const Look found, look());
  if (found.record)
    plan.facts.emplace_back(
        "record", fmt::format("{} → {}, TTL {} s", record, printable(found.target), found.record->ttl_s));
  if (found.old) {
    plan.facts.emplace_back("old stack", fmt::format("{} ({})", name, found.old->stack().status));
    plan.facts.emplace_back("old instance", found.old->instance_id());
  } else if (found.status.empty()) {
    plan.remarks.push_back(fmt::format("there is no stack {}", name));
    if (found.phase == Phase::kOrphan)
      plan.remarks.push_back(
          fmt::format("{} names an instance that is gone: the next refresh moves it", record));
    return plan;
  }
  if (is_under_way(found.status)) {
    plan.facts.emplace_back("old stack", fmt::format("{} ({})", name, found.status));
    plan.steps.push_back(fmt::format("wait until {} is at rest, and look again", name));
    return plan;
  }
  if (!found.status.empty() && !delete_old) return stuck(name, found.status);
  if (found.phase == Phase::kHeld)
    plan.steps.push_back(fmt::format("update {}: keep the record whatever becomes of the stack", name));
  if (found.phase == Phase::kHeld || found.phase == Phase::kKept)
    plan.steps.push_back(fmt::format("update {}: let go of the record, which stays as it is", name));
  if (!found.moved) {
    plan.remarks.push_back(fmt::format("then 'yesterdaytabase refresh' moves {} to a copy of ours", record));
    plan.remarks.push_back(
        "disable the original's schedule (its CloudWatch Events rule) first: it would fail each day, trying "
        "to "
        "make the record again");
  }
  if (delete_old) {
    YTB_ASSIGN(std::optional<Error> why_not, not_yet(found));
    if (why_not) {
      plan.remarks.push_back(fmt::format("{} is not deleted yet: {}", name, why_not->message));
    } else {
      plan.steps.push_back(fmt::format("delete {} with its instance {}, without a final snapshot", name,
                                       found.old->instance_id()));
    }
  } else if (found.moved) {
    plan.remarks.push_back(fmt::format("'yesterdaytabase adopt --delete-old' deletes {}", name));
  }
  return plan;
}

}  // namespace ytb::rds
