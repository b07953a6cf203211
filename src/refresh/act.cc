#include "refresh/act.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "masking/plan.h"
#include "masking/trial.h"
#include "refresh/proving.h"
#include "refresh/try_constraints.h"

namespace ytb::refresh {

using model::Action;
using model::ActionKind;
using model::Copy;
using model::OwnedCopy;
using model::Phase;

namespace {

// A refresh waits no longer for what only makes first reads faster.
constexpr Duration kWarmUpMax = std::chrono::hours(2);

Error changed_meanwhile(const model::CopyId& copy, std::string_view what) {
  return Error{.code = Code::kBusy,
               .message = fmt::format("{}: {}", copy, what),
               .hint = "someone else is at work on the same production; it is looked at again",
               .retry = Retry::kLater};
}

std::vector<model::AccessRole> roles_of(const Inputs& inputs) {
  std::vector<model::AccessRole> roles;
  roles.reserve(inputs.access.size());
  for (const ports::AccessGrant& grant : inputs.access) roles.push_back(grant.role);
  return roles;
}

masking::SearchDepth depth_of(const masking::SurvivorPolicy& survivors) {
  using Search = masking::SurvivorPolicy::Search;
  if (survivors.search == Search::kWhole) return masking::SearchDepth::kWhole;
  return survivors.search == Search::kWords ? masking::SearchDepth::kWords : masking::SearchDepth::kPhrases;
}

bool detects(const masking::SurvivorPolicy& survivors) {
  return survivors.detectors != masking::SurvivorPolicy::Detectors::kNone;
}

}  // namespace

Status Actor::act(const Action& action, const model::Observed& observed) {
  YTB_TRY(stop_.check());
  if (action.kind == ActionKind::kRestore) return restore(action, observed);
  const auto& copies = *observed.copies;
  auto found =
      std::find_if(copies.begin(), copies.end(), [&](const Copy& copy) { return copy.id == action.copy; });
  if (found == copies.end()) return changed_meanwhile(action.copy, "it is not there any more");
  YTB_ASSIGN(OwnedCopy copy,
             OwnedCopy::claim(*found, settings_.desired.production, settings_.desired.protected_names));
  switch (action.kind) {
    case ActionKind::kRestore:
      break;
    case ActionKind::kDefuse:
      return defuse(copy);
    case ActionKind::kMask:
      return mask(copy);
    case ActionKind::kProve:
      return prove(copy);
    case ActionKind::kOpen:
      return open(copy);
    case ActionKind::kRepoint:
      return repoint(copy);
    case ActionKind::kPromote:
      return ports_.host.record_phase(copy, Phase::kLive, {});
    case ActionKind::kDemote:
      return demote(copy, action);
    case ActionKind::kRetire:
      return ports_.host.record_phase(copy, Phase::kSpare, {});
    case ActionKind::kFail:
      return ports_.host.record_phase(copy, Phase::kFailed, action.reason);
    case ActionKind::kDelete:
      return remove(copy, action);
    case ActionKind::kStart:
      return ports_.host.start(copy);
  }
  YTB_CHECK_MSG(false, "an action of no known kind");
  return {};
}

Status Actor::restore(const Action& action, const model::Observed& observed) {
  YTB_CHECK(action.snapshot.has_value());
  YTB_TRY(look_again(action, observed));
  if (ports_.trial != nullptr) (void)ports_.trial->clean_up();
  YTB_TRY(look_first(*action.snapshot));
  YTB_TRY(ports_.source.verify(*action.snapshot, progress_, stop_));
  return ports_.host.restore({.copy = action.copy,
                              .production = settings_.desired.production,
                              .snapshot = *action.snapshot,
                              .attempt = action.attempt,
                              .remembers = inputs_.remembers()},
                             progress_, stop_);
}

Status Actor::look_first(const model::Snapshot& snapshot) {
  if (!inputs_.production) return {};
  YTB_ASSIGN(const std::optional<ports::SnapshotPoint> point, ports_.source.point_of(snapshot));
  if (!point) return {};
  const auto look = [&]() -> Result<masking::PlanCheck> {
    YTB_ASSIGN(const masking::Catalog catalog, ports_.engine.catalog(*inputs_.production));
    // Asked afterwards: what comes in between counts as made since.
    YTB_ASSIGN(ports::MadeSince made, ports_.engine.made_since(*inputs_.production, *point));
    masking::PlanCheck check =
        masking::plan_masking(inputs_.policy, inputs_.lock, catalog,
                              ports_.trial != nullptr ? masking::Trials::kMade : masking::Trials::kNone);
    std::erase_if(check.findings, [&](const masking::Finding& finding) {
      return finding.trial != nullptr && made.code.contains(finding.database);
    });
    if (!masking::trials_of(check).empty()) {
      YTB_TRY(try_constraints(ports_.trial, *inputs_.production, catalog, check, progress_, stop_));
      YTB_ASSIGN(made, ports_.engine.made_since(*inputs_.production, *point));
    }
    // Production may have changed since the snapshot in everything else.
    std::erase_if(check.findings, [&](const masking::Finding& finding) {
      using Kind = masking::Finding::Kind;
      // Of the system's catalogs it is about large objects, whose age nobody asks.
      const bool of_table = (finding.kind == Kind::kUnjudgedTable || finding.kind == Kind::kUnjudgedColumn) &&
                            finding.table.schema != "pg_catalog";
      const bool unjudged = finding.kind == Kind::kUnjudgedDatabase || of_table;
      const bool constraint = finding.kind == Kind::kConstraint && !made.code.contains(finding.database);
      return !finding.error || !(unjudged || constraint) ||
             made.holds({finding.database, finding.table, finding.column});
    });
    return check;
  };
  const Result<masking::PlanCheck> check = look();
  if (!check.ok()) {
    YTB_TRY(stop_.check());
    progress_.note(fmt::format("production could not be asked what the policy does not judge: {}",
                               check.error().message));
    return {};
  }
  return check->findings.empty() ? Status() : Status(masking::to_error(*check));
}

// Before something new is begun: what was observed may be old by now, and a copy too many, or a number used
// twice, would come of it.
Status Actor::look_again(const Action& action, const model::Observed& observed) {
  YTB_ASSIGN(std::vector<Copy> copies, ports_.host.list());
  auto is_new = [&](const Copy& copy) {
    return std::none_of(observed.copies->begin(), observed.copies->end(),
                        [&](const Copy& seen) { return seen.id == copy.id && seen.phase == copy.phase; });
  };
  if (std::any_of(copies.begin(), copies.end(), is_new)) {
    return changed_meanwhile(action.copy, "other copies have appeared or moved on meanwhile");
  }
  YTB_ASSIGN(std::vector<model::Attempt> attempts, ports_.host.attempts());
  bool begun =
      std::any_of(copies.begin(), copies.end(), [&](const Copy& copy) { return copy.id == action.copy; });
  bool used = std::any_of(attempts.begin(), attempts.end(), [&](const model::Attempt& attempt) {
    return attempt.snapshot == action.snapshot->id && attempt.attempt >= action.attempt;
  });
  if (used && !begun) return changed_meanwhile(action.copy, "its attempt has been used meanwhile");
  return {};
}

Status Actor::defuse(const OwnedCopy& copy) {
  // Before the first change inside: whatever happens now, it is known what it was begun with.
  YTB_TRY(ports_.host.record_inputs(copy, settings_.desired.inputs));
  YTB_ASSIGN(ports::SessionTarget target, ports_.host.session(copy));
  YTB_ASSIGN(model::Evidence evidence, ports_.engine.defuse(target, roles_of(inputs_)));
  YTB_TRY(add_evidence(copy, std::move(evidence)));
  return ports_.host.record_phase(copy, Phase::kDefused, {});
}

Status Actor::mask(const OwnedCopy& copy) {
  YTB_TRY(ports_.host.record_inputs(copy, settings_.desired.inputs));
  YTB_ASSIGN(ports::SessionTarget target, ports_.host.session(copy));
  YTB_ASSIGN(std::optional<masking::MaskingPlan> plan, plan_for(target));
  model::Evidence evidence;
  if (plan) {
    YTB_CHECK(inputs_.key != nullptr);
    YTB_ASSIGN(std::string spool, ports_.host.spool_directory(copy));
    ports::MaskRequest request{
        .plan = *plan, .key = *inputs_.key, .spool_directory = spool, .workers = inputs_.workers};
    std::optional<ports::Remembering> remember;
    if (inputs_.remembers()) {
      // An attempt of this run that failed on the way has recorded its tables, and what it knew is here.
      const bool goes_on = originals_ != nullptr && originals_->copy() == copy.id();
      if (!goes_on) {
        YTB_ASSIGN(originals_, OriginalsOfCopy::make(copy.id(), spool, *plan));
      }
      remember.emplace(ports::Remembering{.originals = originals_->originals(), .goes_on = goes_on});
      request.remember = &*remember;
    }
    Result<model::Evidence> masked = ports_.engine.mask(target, request, progress_, stop_);
    if (remember && remember->too_late) return begin_again(copy);
    YTB_ASSIGN(evidence, std::move(masked));
  } else {
    evidence.notes.push_back(fmt::format("nothing was masked: {}", inputs_.none_reason));
  }
  evidence.inputs = settings_.desired.inputs;
  YTB_TRY(add_evidence(copy, std::move(evidence)));
  YTB_TRY(warm_up(copy, target));
  return ports_.host.record_phase(copy, Phase::kMasked, {});
}

// It is nobody's fault, and another attempt does better: the failure is recorded as one to try again.
Status Actor::begin_again(const OwnedCopy& copy) {
  originals_.reset();
  const std::string reason =
      "the run that masked it has ended, and what it knew of the originals ended with it: it begins again";
  YTB_TRY(ports_.host.record_failure(
      copy, {.code = Code::kInterrupted, .message = reason, .hint = {}, .retry = Retry::kLater}));
  return ports_.host.record_phase(copy, Phase::kFailed, reason);
}

// Before the door opens: afterwards nobody of us may work inside, and people would compete with it, while
// until then the copy of the day before serves. A stop leaves the phase as it is: masking, which is over and
// recorded, and this go on with the next run.
Status Actor::warm_up(const OwnedCopy& copy, const ports::SessionTarget& target) {
  if (!inputs_.warm_up) return {};
  ports::WarmUpRequest request{.workers = inputs_.workers, .longest = kWarmUpMax};
  YTB_ASSIGN(std::vector<std::string> notes, ports_.engine.warm_up(target, request, progress_, stop_));
  if (notes.empty()) return {};
  for (const std::string& note : notes) progress_.note(note);
  model::Evidence evidence;
  evidence.notes = std::move(notes);
  return add_evidence(copy, std::move(evidence));
}

Status Actor::prove(const OwnedCopy& copy) {
  YTB_ASSIGN(ports::SessionTarget target, ports_.host.session(copy));
  YTB_ASSIGN(std::optional<masking::MaskingPlan> plan, plan_for(target));
  const masking::MaskingPlan* planned = plan ? &*plan : nullptr;
  YTB_ASSIGN(model::Evidence evidence, ports_.host.load_evidence(copy.id()));
  auto admin = target.parameters.find("user");
  ports::VerifyRequest request{
      .plan = planned,
      .evidence = evidence,
      .sql_checks = inputs_.sql_checks,
      .access = roles_of(inputs_),
      .admin_role = admin == target.parameters.end() ? std::string() : admin->second};
  masking::SurvivorCandidates candidates;
  std::optional<ports::SurvivorSearch> search;
  std::string settle;
  if (planned != nullptr && inputs_.remembers()) {
    if (originals_ == nullptr || originals_->copy() != copy.id()) return begin_again(copy);
    YTB_TRY(originals_->be_ready_to_search());
    search.emplace(ports::SurvivorSearch{.originals = originals_->originals(),
                                         .depth = depth_of(inputs_.policy.survivors),
                                         .candidates = candidates,
                                         .workers = inputs_.workers,
                                         .samples = originals_->samples(),
                                         .detectors = detects(inputs_.policy.survivors)});
    request.survivors = &*search;
  }
  YTB_ASSIGN(std::vector<model::Check> verified, ports_.engine.verify(target, request, progress_, stop_));
  if (search) {
    YTB_TRY(originals_->confirm(candidates));
    verified.push_back(
        no_original_survives(inputs_.policy.survivors, *planned, *search, originals_->recorded()));
    verified.push_back(no_original_in_files(inputs_.policy.survivors, *search));
    verified.push_back(kept_values_detected(inputs_.policy.survivors, *search));
    settle = how_to_settle(inputs_.policy.survivors, *search);
    if (const std::string seen = kept_values_to_judge(inputs_.policy.survivors, *search); !seen.empty()) {
      progress_.note(
          fmt::format("what is kept looks personal in {}: mask it, or say under survivors: {{allow: "
                      "…}} in the policy why it may stand there",
                      seen));
    }
  } else if (planned != nullptr) {
    verified.push_back(originals_not_searched());
  }
  YTB_ASSIGN(std::vector<model::Check> seen_by_host, ports_.host.host_checks(copy));

  model::Proof proof;
  proof.production = settings_.desired.production;
  proof.copy = copy.id();
  YTB_ASSIGN(proof.instance, ports_.host.instance_of(copy.id()));
  proof.snapshot = copy.copy().snapshot;
  proof.data_as_of = copy.copy().data_as_of;
  proof.made_at = ports_.clock.now();
  proof.policy_digest = plan ? plan->digest : std::string();
  proof.key_id = plan ? inputs_.key->id() : std::string();
  proof.masking_none = inputs_.none_reason;
  proof.program = settings_.program;
  proof.checks.push_back(columns_judged(planned, inputs_.none_reason));
  proof.checks.push_back(evidence_complete(planned, evidence, settings_.desired.inputs));
  proof.checks.push_back(values_changed(planned, evidence));
  for (model::Check& check : evidence.checks) proof.checks.push_back(std::move(check));
  for (model::Check& check : verified) proof.checks.push_back(std::move(check));
  for (model::Check& check : seen_by_host) proof.checks.push_back(std::move(check));
  evidence.checks.clear();
  proof.evidence = std::move(evidence);

  YTB_ASSIGN(model::SealedProof sealed, model::seal(proof, settings_.signing_key));
  // History only: losing it is no reason to stop, and a proof that failed is worth reading, too.
  (void)ports_.journal.keep_proof(proof.production, proof.copy, sealed.text);
  if (!proof.passing()) {
    originals_.reset();
    return to_error(proof, settle);
  }
  YTB_TRY(ports_.host.store_proof(copy, sealed));
  YTB_TRY(ports_.host.record_phase(copy, Phase::kProven, {}));
  originals_.reset();
  return {};
}

Status Actor::open(const OwnedCopy& copy) {
  YTB_ASSIGN(model::PassedProof proof, passed_proof(copy.id()));
  if (proof.proof().evidence.inputs != settings_.desired.inputs) {
    return Error{.code = Code::kProof,
                 .message = fmt::format("the proof of {} is of another policy, key or access", copy.id()),
                 .hint = "the copy stays closed; refresh again",
                 .retry = Retry::kNever};
  }
  return ports_.host.open(copy, proof, inputs_.access, progress_);
}

Status Actor::repoint(const OwnedCopy& copy) {
  YTB_ASSIGN(model::PassedProof proof, passed_proof(copy.id()));
  Phase phase = copy.copy().phase;
  if (phase == Phase::kDraining || phase == Phase::kSpare) {
    // A rollback. Recorded live first: from here on nobody deletes it, however little of the move they see.
    YTB_TRY(ports_.host.record_phase(copy, Phase::kLive, {}));
  }
  return ports_.alias.repoint(proof, copy.copy());
}

Status Actor::demote(const OwnedCopy& copy, const Action& action) {
  if (action.tombstone) YTB_TRY(ports_.host.record_attempt(*action.tombstone));
  return ports_.host.record_phase(copy, Phase::kDraining, {});
}

Status Actor::remove(const OwnedCopy& copy, const Action& action) {
  // Looked at once more: what was observed may be old by now, and this cannot be taken back.
  YTB_ASSIGN(model::AliasState alias, ports_.alias.read());
  if (alias.target == copy.id())
    return changed_meanwhile(copy.id(), "the alias points at it: it is not deleted");
  if (originals_ != nullptr && originals_->copy() == copy.id()) originals_.reset();
  return ports_.host.remove(copy, action.tombstone, progress_);
}

Result<model::PassedProof> Actor::passed_proof(const model::CopyId& copy) {
  YTB_ASSIGN(model::SealedProof sealed, ports_.host.load_proof(copy));
  YTB_ASSIGN(std::string instance, ports_.host.instance_of(copy));
  YTB_ASSIGN(std::string public_key, model::public_key_of(settings_.signing_key));
  return model::PassedProof::verify(sealed.text, public_key, copy, instance);
}

Result<std::optional<masking::MaskingPlan>> Actor::plan_for(const ports::SessionTarget& target) {
  if (!inputs_.none_reason.empty()) return std::optional<masking::MaskingPlan>();
  YTB_ASSIGN(masking::Catalog catalog, ports_.engine.catalog(target));
  masking::PlanCheck check = masking::plan_masking(inputs_.policy, inputs_.lock, catalog);
  if (!check.ok()) return masking::to_error(check);
  return std::move(check.plan);
}

Status Actor::add_evidence(const OwnedCopy& copy, model::Evidence more) {
  YTB_ASSIGN(model::Evidence evidence, ports_.host.load_evidence(copy.id()));
  merge_evidence(evidence, std::move(more));
  return ports_.host.store_evidence(copy, evidence);
}

}  // namespace ytb::refresh
