#include "sim/breakages.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace ytb::sim {

using decide::Decision;
using decide::Desired;
using model::Action;
using model::ActionKind;
using model::Copy;
using model::Observed;
using model::Phase;

namespace {

// decide() over a falsified question.
template <typename Falsify>
refresh::DecideFunction asked_wrongly(Falsify falsify) {
  return [falsify](const Desired& desired, const Observed& observed, Instant now) {
    Desired asked = desired;
    Observed seen = observed;
    falsify(asked, seen);
    return decide::decide(asked, seen, now);
  };
}

// decide() with a falsified answer.
template <typename Falsify>
refresh::DecideFunction answered_wrongly(Falsify falsify) {
  return [falsify](const Desired& desired, const Observed& observed, Instant now) {
    Decision decision = decide::decide(desired, observed, now);
    falsify(decision, desired, observed, now);
    return decision;
  };
}

refresh::DecideFunction instead_of(ActionKind right, ActionKind wrong) {
  return answered_wrongly([=](Decision& decision, const Desired&, const Observed&, Instant) {
    if (decision.action && decision.action->kind == right) decision.action->kind = wrong;
  });
}

refresh::DecideFunction never(ActionKind kind) {
  return answered_wrongly([=](Decision& decision, const Desired&, const Observed&, Instant) {
    if (decision.action && decision.action->kind == kind) decision.action.reset();
  });
}

template <typename Change>
void change_copies(Observed& observed, Change change) {
  if (!observed.copies.known()) return;
  std::vector<Copy> copies = *observed.copies;
  change(copies);
  observed.copies = std::move(copies);
}

bool in_flight(const Copy& copy) {
  return copy.phase == Phase::kRestoring || copy.phase == Phase::kRestored || copy.phase == Phase::kDefused ||
         copy.phase == Phase::kMasked || copy.phase == Phase::kProven;
}

// Deletes the first copy that fits, whatever else is to be done.
template <typename Fits>
refresh::DecideFunction deleting(Fits fits) {
  return answered_wrongly([=](Decision& decision, const Desired&, const Observed& observed, Instant) {
    if (!observed.copies.known()) return;
    for (const Copy& copy : *observed.copies) {
      if (!fits(copy)) continue;
      decision.action = Action{.kind = ActionKind::kDelete,
                               .copy = copy.id,
                               .snapshot = {},
                               .attempt = 0,
                               .tombstone = {},
                               .reason = "a mistake"};
      return;
    }
  });
}

void skip_drain(Desired& desired, Observed& observed) {
  desired.drain = Duration::zero();
  if (!observed.alias.known()) return;
  model::AliasState alias = *observed.alias;
  alias.seen = true;
  observed.alias = alias;
}

void count_nobody(Desired&, Observed& observed) {
  if (!observed.copies.known()) return;
  std::vector<Copy> copies = *observed.copies;
  for (Copy& copy : copies) {
    if (copy.clients) copy.clients = 0;
  }
  observed.copies = std::move(copies);
}

void unknown_is_absent(Desired&, Observed& observed) {
  if (!observed.copies.known()) observed.copies = std::vector<Copy>{};
  if (!observed.alias.known()) observed.alias = model::AliasState{};
  if (!observed.attempts.known()) observed.attempts = std::vector<model::Attempt>{};
}

void all_usable(Desired&, Observed& observed) {
  if (!observed.snapshots.known()) return;
  std::vector<model::Snapshot> snapshots = *observed.snapshots;
  for (model::Snapshot& snapshot : snapshots) snapshot.state = model::SnapshotState::kUsable;
  observed.snapshots = std::move(snapshots);
}

void nothing_ever_failed(Desired&, Observed& observed) {
  observed.attempts = std::vector<model::Attempt>{};
  change_copies(observed, [](std::vector<Copy>& copies) {
    for (Copy& copy : copies) copy.tries = 0;
  });
}

void failed_is_restored(Desired&, Observed& observed) {
  change_copies(observed, [](std::vector<Copy>& copies) {
    for (Copy& copy : copies) {
      if (copy.phase == Phase::kFailed) copy.phase = Phase::kRestored;
    }
  });
}

void in_flight_is_not_seen(Desired&, Observed& observed) {
  change_copies(observed, [](std::vector<Copy>& copies) { std::erase_if(copies, in_flight); });
}

void inputs_do_not_matter(Desired& desired, Observed& observed) {
  change_copies(observed, [&](std::vector<Copy>& copies) {
    for (Copy& copy : copies) {
      if (in_flight(copy)) copy.inputs = desired.inputs;
    }
  });
}

void give_up_after_a_failure(Decision& decision, const Desired&, const Observed& observed, Instant) {
  if (observed.attempts.known() && !observed.attempts->empty()) decision.action.reset();
}

void name_from_now(Decision& decision, const Desired& desired, const Observed&, Instant now) {
  if (!decision.action || decision.action->kind != ActionKind::kRestore) return;
  decision.action->copy = copy_id(desired.production, now, 1);
}

// --- drivers ---

template <typename Host>
PortSet with_host(fakes::World& world) {
  PortSet ports = sound_ports(world);
  ports.host = std::make_unique<Host>(world);
  return ports;
}

template <typename Alias>
PortSet with_alias(fakes::World& world) {
  PortSet ports = sound_ports(world);
  ports.alias = std::make_unique<Alias>(world);
  return ports;
}

template <typename Engine>
PortSet with_engine(fakes::World& world) {
  PortSet ports = sound_ports(world);
  ports.engine = std::make_unique<Engine>(world);
  return ports;
}

class OpensWhileRestoring final : public fakes::FakeHost {
 public:
  using FakeHost::FakeHost;
  Status restore(const ports::RestoreRequest& request, ports::Progress& progress,
                 const StopFlag& stop) override {
    Status status = FakeHost::restore(request, progress, stop);
    if (fakes::FakeCopy* copy = world_.find(request.copy)) copy->record.opened = true;
    return status;
  }
};

class DoesItAgainInDoubt final : public fakes::FakeHost {
 public:
  using FakeHost::FakeHost;
  Status restore(const ports::RestoreRequest& request, ports::Progress& progress,
                 const StopFlag& stop) override {
    Status status = FakeHost::restore(request, progress, stop);
    if (status.ok() || status.error().retry != Retry::kInDoubt) return status;
    ports::RestoreRequest again = request;
    ++again.attempt;
    again.copy = copy_id(again.production, again.snapshot.data_as_of, again.attempt);
    return FakeHost::restore(again, progress, stop);
  }
};

class ForgetsFailures final : public fakes::FakeHost {
 public:
  using FakeHost::FakeHost;
  Status remove(const model::OwnedCopy& copy, const std::optional<model::Attempt>& tombstone,
                ports::Progress& progress) override {
    std::vector<model::Attempt> before = world_.attempts;
    Status status = FakeHost::remove(copy, tombstone, progress);
    world_.attempts = std::move(before);
    return status;
  }
};

class NeverRecordsLive final : public fakes::FakeHost {
 public:
  using FakeHost::FakeHost;
  Status record_phase(const model::OwnedCopy& copy, Phase phase, std::string_view reason) override {
    return phase == Phase::kLive ? Status() : FakeHost::record_phase(copy, phase, reason);
  }
};

class TouchesOthers final : public fakes::FakeHost {
 public:
  using FakeHost::FakeHost;
  Status remove(const model::OwnedCopy& copy, const std::optional<model::Attempt>& tombstone,
                ports::Progress& progress) override {
    Status status = FakeHost::remove(copy, tombstone, progress);
    std::erase_if(world_.copies,
                  [](const auto& entry) { return entry.second.record.phase == Phase::kFailed; });
    return status;
  }
};

class NeverMoves final : public fakes::FakeAliasStore {
 public:
  using FakeAliasStore::FakeAliasStore;
  Status repoint(const model::PassedProof&, const Copy&) override { return {}; }
};

class MovesHalf final : public fakes::FakeAliasStore {
 public:
  using FakeAliasStore::FakeAliasStore;
  Status repoint(const model::PassedProof& proof, const Copy& copy) override {
    std::optional<model::CopyId> service = world_.alias.service;
    Status status = FakeAliasStore::repoint(proof, copy);
    world_.alias.service = service;
    return status;
  }
};

// A gap in every move: the name is taken away and made again, and the second half may not come.
class TakesTheNameAway final : public fakes::FakeAliasStore {
 public:
  using FakeAliasStore::FakeAliasStore;
  Status repoint(const model::PassedProof& proof, const Copy& copy) override {
    world_.alias.link.reset();
    return FakeAliasStore::repoint(proof, copy);
  }
};

class LeavesATableRaw final : public fakes::FakeEngine {
 public:
  using FakeEngine::FakeEngine;
  Result<model::Evidence> mask(const ports::SessionTarget& target, const ports::MaskRequest& request,
                               ports::Progress& progress, const StopFlag& stop) override {
    Result<model::Evidence> evidence = FakeEngine::mask(target, request, progress, stop);
    if (evidence.ok()) (*reach(target))->masked_with.erase("orders");
    return evidence;
  }
  Result<std::vector<model::Check>> verify(const ports::SessionTarget&, const ports::VerifyRequest&,
                                           ports::Progress&, const StopFlag&) override {
    return std::vector<model::Check>{{"residue", "no original is left", model::Outcome::kPassed, {}}};
  }
};

class LosesEvidence final : public fakes::FakeEngine {
 public:
  using FakeEngine::FakeEngine;
  Result<model::Evidence> mask(const ports::SessionTarget& target, const ports::MaskRequest& request,
                               ports::Progress& progress, const StopFlag& stop) override {
    Result<model::Evidence> evidence = FakeEngine::mask(target, request, progress, stop);
    if (evidence.ok()) evidence->tables.clear();
    return evidence;
  }
};

Options deciding(refresh::DecideFunction decide) {
  Options options;
  options.decide = std::move(decide);
  return options;
}

Options driving(PortMaker ports) {
  Options options;
  options.ports = std::move(ports);
  return options;
}

}  // namespace

std::vector<Breakage> breakages() {
  return {
      // What is decided.
      {"skip_the_drain", {"no_gap"}, deciding(asked_wrongly(skip_drain))},
      {"count_nobody", {"no_gap"}, deciding(asked_wrongly(count_nobody))},
      {"repoint_before_the_proof",
       {"closed_door", "it_ends"},
       deciding(instead_of(ActionKind::kProve, ActionKind::kRepoint))},
      {"repoint_before_opening", {"no_gap"}, deciding(instead_of(ActionKind::kOpen, ActionKind::kRepoint))},
      {"open_before_the_proof",
       {"closed_door", "it_ends"},
       deciding(instead_of(ActionKind::kProve, ActionKind::kOpen))},
      {"mask_before_defusing",
       {"forward_only", "fail_closed"},
       deciding(instead_of(ActionKind::kDefuse, ActionKind::kMask))},
      {"delete_without_the_mark", {"hands_off", "it_ends"}, deciding(deleting([](const Copy& copy) {
         return !copy.marked;
       }))},
      {"delete_the_live_copy",
       {"no_gap"},
       deciding(deleting([](const Copy& copy) { return copy.phase == Phase::kLive; })),
       false},
      {"name_from_now", {"names"}, deciding(answered_wrongly(name_from_now))},
      {"unknown_is_absent",
       {"fail_closed", "names", "no_litter", "no_gap", "patience"},
       deciding(asked_wrongly(unknown_is_absent))},
      {"in_progress_is_usable", {"fail_closed"}, deciding(asked_wrongly(all_usable))},
      {"no_backoff", {"patience", "names"}, deciding(asked_wrongly(nothing_ever_failed))},
      {"repair_a_failed_copy", {"forward_only"}, deciding(asked_wrongly(failed_is_restored))},
      {"restore_twice",
       {"no_litter", "names", "forward_only", "patience"},
       deciding(asked_wrongly(in_flight_is_not_seen))},
      {"ignore_the_spare_limit",
       {"no_litter", "it_ends"},
       deciding(asked_wrongly([](Desired& desired, Observed&) { desired.spare_copies = 5; }))},
      {"policy_changes_do_not_matter",
       {"fail_closed", "it_ends"},
       deciding(asked_wrongly(inputs_do_not_matter)),
       false},
      {"keep_what_failed", {"it_ends", "no_litter"}, deciding(never(ActionKind::kDelete))},
      {"never_demote", {"it_ends", "no_litter"}, deciding(never(ActionKind::kDemote))},
      {"give_up_after_a_failure", {"it_ends"}, deciding(answered_wrongly(give_up_after_a_failure))},
      // What a driver does.
      {"the_door_opens_while_restoring", {"closed_door"}, driving(with_host<OpensWhileRestoring>)},
      {"do_it_again_in_doubt", {"no_litter", "names"}, driving(with_host<DoesItAgainInDoubt>)},
      {"failures_are_forgotten", {"patience", "names"}, driving(with_host<ForgetsFailures>)},
      {"live_is_never_recorded", {"it_ends"}, driving(with_host<NeverRecordsLive>)},
      {"delete_by_phase_not_by_mark", {"hands_off"}, driving(with_host<TouchesOthers>)},
      {"the_alias_never_moves", {"it_ends"}, driving(with_alias<NeverMoves>)},
      {"the_alias_moves_by_half", {"it_ends"}, driving(with_alias<MovesHalf>)},
      {"the_name_is_taken_away_first", {"no_gap"}, driving(with_alias<TakesTheNameAway>)},
      {"a_table_stays_raw", {"closed_door"}, driving(with_engine<LeavesATableRaw>)},
      {"evidence_is_lost", {"it_ends"}, driving(with_engine<LosesEvidence>)},
  };
}

}  // namespace ytb::sim
