// What is recorded of copies: in tags where there is an instance, in S3 where there is none, and what people
// read always in S3.
#include <fmt/format.h>

#include <algorithm>

#include "drivers/rds/stack_host.h"
#include "drivers/rds/stack_parts.h"

namespace ytb::rds {

using model::Phase;

Result<Seen> StackHost::Parts::hold(const model::OwnedCopy& copy) {
  YTB_ASSIGN(Seen seen, find(copy.id()));
  if (copy.copy().production != options.production)
    return not_ours(copy.id().str(), "it is another production's");
  if (seen.state.phase == copy.copy().phase) return seen;
  return Error{.code = Code::kBusy,
               .message = fmt::format("{} is {} by now, not {}", copy.id(), name_of(seen.state.phase),
                                      name_of(copy.copy().phase)),
               .hint = "someone else is at work on it; it is looked at again",
               .retry = Retry::kLater};
}

namespace {

// Only what changes: what was read may be older than what is there, and must not be written back over it.
Tags changes(const Seen& seen, const State& state) {
  Tags tags = to_tags(state);
  if (!state_of(seen.server->tags)) return tags;  // the first
  const bool moved = state.phase != seen.state.phase;
  const Tags before = to_tags(seen.state);
  std::erase_if(tags, [&](const auto& tag) {
    const bool is_of_phase = tag.first != std::string(kTagPrefix) + "inputs";
    return before.at(tag.first) == tag.second && !(moved && is_of_phase);
  });
  return tags;
}

}  // namespace

Status StackHost::Parts::save(const Seen& seen, const State& state) {
  // The message first: a tag that says failed without it would be the lesser record.
  if (!seen.server || !state.message.empty()) YTB_TRY(store.store(seen.stack.id, state));
  if (!seen.server) return {};
  Tags tags = changes(seen, state);
  return tags.empty() ? Status() : services.rds.add_tags_to_resource(seen.server->arn, tags);
}

Result<model::Evidence> StackHost::Parts::evidence_of(const Seen& seen) {
  YTB_ASSIGN(std::optional<std::string> text, store.evidence(seen.server->resource_id));
  if (!text) return model::Evidence();
  return model::evidence_from_json(*text);
}

Status StackHost::Parts::add_evidence(const Seen& seen, model::Evidence more) {
  YTB_ASSIGN(model::Evidence evidence, evidence_of(seen));
  bool changed = false;
  auto add = [&](std::vector<std::string>& lines, std::vector<std::string>& wanted) {
    for (std::string& line : wanted) {
      if (std::find(lines.begin(), lines.end(), line) != lines.end()) continue;
      lines.push_back(std::move(line));
      changed = true;
    }
  };
  add(evidence.defused, more.defused);
  add(evidence.notes, more.notes);
  if (!changed) return {};
  return store.store_evidence(seen.server->resource_id, model::to_json(evidence));
}

Status StackHost::record_phase(const model::OwnedCopy& copy, Phase phase, std::string_view reason) {
  YTB_ASSIGN(Seen seen, parts_->hold(copy));
  State state = seen.state;
  if (!model::may_follow(state.phase, phase)) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} is {} and cannot become {}", copy.id(), name_of(state.phase),
                                        name_of(phase)),
                 .hint = {}};
  }
  const Instant now = parts_->services.clock.now();
  if (state.phase != phase) {
    state.phase = phase;
    state.since = now;
    state.tries = 0;
    state.last_try = {};
    if (phase != Phase::kFailed) {  // given up after some tries: why, and whether to begin anew, is kept
      state.message.clear();
      state.retry = Retry::kNever;
    }
  } else if (phase == Phase::kDraining) {
    state.since = now;  // a drain that begins anew: the clock had been set back
  }
  if (phase == Phase::kFailed && !reason.empty()) {
    state.message = std::string(reason);
    // Given up for what was seen, without a try that failed: no bug of ours.
    if (state.code == Code::kInternal) state.code = Code::kExternal;
  }
  return parts_->save(seen, state);
}

Status StackHost::record_failure(const model::OwnedCopy& copy, const Error& error) {
  YTB_ASSIGN(Seen seen, parts_->hold(copy));
  State state = seen.state;
  state.tries += 1;
  state.last_try = parts_->services.clock.now();
  state.message = error.message;
  if (seen.failed_by_itself) state.since = state.last_try;
  // Of one that has failed for good by itself, what is told later does not change that.
  if (state.phase != Phase::kFailed || state.retry != Retry::kNever) {
    state.code = error.code;
    state.retry = error.retry;
  }
  if (error.retry == Retry::kNever && state.phase != Phase::kFailed &&
      model::may_follow(state.phase, Phase::kFailed)) {
    state.phase = Phase::kFailed;
    state.since = parts_->services.clock.now();
    state.tries = 0;  // tries at what comes next, its deletion
  }
  if (stands(seen.stack.status) == StackStands::kDeleting) {
    // AWS ends it without us; what is written beside it now, nobody would clear away.
    if (!seen.server) return {};
    state.message.clear();
  }
  return parts_->save(seen, state);
}

Status StackHost::record_inputs(const model::OwnedCopy& copy, std::string_view inputs) {
  YTB_ASSIGN(Seen seen, parts_->hold(copy));
  State state = seen.state;
  if (state.inputs == inputs) return {};
  if (!state.inputs.empty()) {
    return Error{.code = Code::kBusy,
                 .message = fmt::format("{} was begun with another policy, key or access", copy.id()),
                 .hint = "someone else is at work on it; it is looked at again",
                 .retry = Retry::kLater};
  }
  state.inputs = std::string(inputs);
  return parts_->save(seen, state);
}

Status StackHost::record_attempt(const model::Attempt& attempt) { return parts_->store.add(attempt); }

Status StackHost::store_evidence(const model::OwnedCopy& copy, const model::Evidence& evidence) {
  YTB_ASSIGN(Seen seen, parts_->hold(copy));
  YTB_ASSIGN(seen, parts_->find_server(copy.id()));
  return parts_->store.store_evidence(seen.server->resource_id, model::to_json(evidence));
}

Status StackHost::store_proof(const model::OwnedCopy& copy, const model::SealedProof& proof) {
  YTB_ASSIGN(Seen seen, parts_->hold(copy));
  YTB_ASSIGN(seen, parts_->find_server(copy.id()));
  return parts_->store.store_proof(seen.server->resource_id, proof.text);
}

}  // namespace ytb::rds
