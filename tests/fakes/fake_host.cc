#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "fakes/ports.h"

namespace ytb::fakes {

using model::Copy;
using model::OwnedCopy;
using model::Phase;

namespace {

Error busy(const model::CopyId& id) {
  return Error{
      .code = Code::kBusy, .message = fmt::format("{} has moved on", id), .hint = {}, .retry = Retry::kLater};
}

}  // namespace

Result<FakeCopy*> FakeHost::unchanged(const OwnedCopy& copy) {
  FakeCopy* there = world_.find(copy.id());
  if (there == nullptr || there->record.phase != copy.copy().phase ||
      there->record.phase_since != copy.copy().phase_since) {
    return busy(copy.id());
  }
  if (there->foreign) world_.violate("hands_off", fmt::format("{} is not ours and was touched", copy.id()));
  return there;
}

Result<std::vector<Copy>> FakeHost::list() {
  if (auto error = world_.look("list copies")) return *error;
  if (world_.copies_may_be_stale && world_.chance(world_.faults.stale)) {
    ++world_.reached["stale"];
    world_.copies_may_be_stale = false;
    return world_.old_copies;
  }
  return world_.list();
}

Result<std::vector<model::Attempt>> FakeHost::attempts() {
  if (auto error = world_.look("list attempts")) return *error;
  return world_.attempts;
}

Result<ports::SpaceEstimate> FakeHost::estimate(const model::Snapshot&, bool) {
  return ports::SpaceEstimate{};
}

Status FakeHost::restore(const ports::RestoreRequest& request, ports::Progress&, const StopFlag&) {
  if (request.copy != copy_id(request.production, request.snapshot.data_as_of, request.attempt)) {
    world_.violate("names", fmt::format("{} does not derive from its snapshot", request.copy));
  }
  // Unless it was seen, perhaps by a look that was old, and is only gone on with.
  bool seen = std::any_of(world_.old_copies.begin(), world_.old_copies.end(),
                          [&](const Copy& copy) { return copy.id == request.copy; });
  for (const model::Attempt& attempt : world_.attempts) {
    if (!seen && attempt.snapshot == request.snapshot.id && attempt.attempt >= request.attempt &&
        world_.find(request.copy) == nullptr) {
      world_.violate(
          "names", fmt::format("{} is begun though attempt {} was recorded", request.copy, attempt.attempt));
    }
  }
  FakeCopy* there = world_.find(request.copy);
  if (there != nullptr && there->foreign) {
    world_.violate("hands_off", fmt::format("restoring over {}, which is not ours", request.copy));
  }
  if (there != nullptr && there->record.phase != Phase::kRestoring) return busy(request.copy);
  auto snapshot =
      std::find_if(world_.snapshots.begin(), world_.snapshots.end(),
                   [&](const FakeSnapshot& there_is) { return there_is.seen.id == request.snapshot.id; });
  if (snapshot == world_.snapshots.end()) {
    return Error{
        .code = Code::kNoSnapshot, .message = "the snapshot is gone", .hint = {}, .retry = Retry::kLater};
  }
  if (snapshot->seen.state != model::SnapshotState::kUsable) {
    world_.violate("fail_closed", "restoring from a snapshot that is not usable");
  }
  auto begin = [&] {
    FakeCopy made;
    made.record.id = request.copy;
    made.record.production = request.production;
    made.record.marked = true;
    made.record.snapshot = request.snapshot.id;
    made.record.data_as_of = request.snapshot.data_as_of;
    made.record.attempt = request.attempt;
    made.record.phase_since = world_.clock.now();
    if (there != nullptr) {
      made.record.tries = there->record.tries;
      made.record.last_try = there->record.last_try;
      made.record.failure = there->record.failure;
      made.record.failure_code = there->record.failure_code;
      made.record.failure_retry = there->record.failure_retry;
    }
    made.instance = fmt::format("instance-{}", ++world_.instances_made);
    world_.copies[request.copy] = std::move(made);
  };
  return world_.change("restore", begin, [&]() -> Status {
    begin();
    world_.clock.advance(std::chrono::minutes(1 + world_.below(20)));
    FakeCopy* copy = world_.find(request.copy);
    copy->whole = true;
    copy->record.phase = Phase::kRestored;
    copy->record.running = true;
    copy->record.tries = 0;
    copy->record.phase_since = world_.clock.now();
    world_.log(fmt::format("restored {}", request.copy));
    return {};
  });
}

Status FakeHost::record_phase(const OwnedCopy& owned, Phase phase, std::string_view reason) {
  YTB_ASSIGN(FakeCopy * copy, unchanged(owned));
  Copy& record = copy->record;
  if (!model::may_follow(record.phase, phase)) {
    world_.violate("forward_only",
                   fmt::format("{} from {} to {}", record.id, name_of(record.phase), name_of(phase)));
  }
  bool clean = phase != Phase::kProven ||
               (record.proven && copy->defused && (world_.masking_none || copy->masked_with.size() == 2));
  if (!clean) world_.violate("closed_door", fmt::format("{} is recorded proven and is not", record.id));
  if (phase == Phase::kLive && !record.opened)
    world_.violate("closed_door", fmt::format("{} is recorded live and is not open", record.id));
  return world_.change(
      "record phase", [] {},
      [&]() -> Status {
        if (record.phase != phase) record.tries = 0;
        if (phase == Phase::kFailed) {
          record.failure = std::string(reason);
          if (record.failure_code == Code::kInternal) record.failure_code = Code::kExternal;
        }
        record.phase = phase;
        record.phase_since = world_.clock.now();
        world_.log(fmt::format("{} is {}", record.id, name_of(phase)));
        return {};
      });
}

Status FakeHost::record_failure(const OwnedCopy& owned, const Error& error) {
  YTB_ASSIGN(FakeCopy * copy, unchanged(owned));
  return world_.change(
      "record failure", [] {},
      [&]() -> Status {
        Copy& record = copy->record;
        ++record.tries;
        record.last_try = world_.clock.now();
        record.failure = error.message;
        record.failure_code = error.code;
        record.failure_retry = error.retry;
        if (error.retry == Retry::kNever) {
          if (!model::may_follow(record.phase, Phase::kFailed)) {
            world_.violate("no_gap",
                           fmt::format("{} is {} and is given up", record.id, name_of(record.phase)));
          }
          record.phase = Phase::kFailed;
          record.phase_since = world_.clock.now();
          record.tries = 0;
        }
        return {};
      });
}

Status FakeHost::record_inputs(const OwnedCopy& owned, std::string_view inputs) {
  YTB_ASSIGN(FakeCopy * copy, unchanged(owned));
  if (!copy->record.inputs.empty() && copy->record.inputs != inputs) return busy(owned.id());
  return world_.change(
      "record inputs", [] {},
      [&]() -> Status {
        copy->record.inputs = std::string(inputs);
        return {};
      });
}

Status FakeHost::record_attempt(const model::Attempt& attempt) {
  return world_.change(
      "record attempt", [] {},
      [&]() -> Status {
        world_.add_attempt(attempt);
        return {};
      });
}

Status FakeHost::store_evidence(const OwnedCopy& owned, const model::Evidence& evidence) {
  YTB_ASSIGN(FakeCopy * copy, unchanged(owned));
  return world_.change(
      "store evidence", [] {},
      [&]() -> Status {
        copy->evidence = evidence;
        return {};
      });
}

Result<model::Evidence> FakeHost::load_evidence(const model::CopyId& id) {
  if (auto error = world_.look("load evidence")) return *error;
  FakeCopy* copy = world_.find(id);
  if (copy == nullptr) return busy(id);
  return copy->evidence;
}

Status FakeHost::store_proof(const OwnedCopy& owned, const model::SealedProof& proof) {
  YTB_ASSIGN(FakeCopy * copy, unchanged(owned));
  return world_.change(
      "store proof", [] {},
      [&]() -> Status {
        copy->proof = proof.text;
        copy->record.proven =
            model::PassedProof::verify(proof.text, world_.public_key, owned.id(), copy->instance).ok();
        return {};
      });
}

Result<model::SealedProof> FakeHost::load_proof(const model::CopyId& id) {
  if (auto error = world_.look("load proof")) return *error;
  FakeCopy* copy = world_.find(id);
  if (copy == nullptr) return busy(id);
  return model::SealedProof{copy->proof};
}

Result<std::string> FakeHost::instance_of(const model::CopyId& id) {
  if (auto error = world_.look("instance")) return *error;
  FakeCopy* copy = world_.find(id);
  if (copy == nullptr) return busy(id);
  return copy->instance;
}

Result<ports::SessionTarget> FakeHost::session(const OwnedCopy& owned) {
  if (auto error = world_.look("session")) return *error;
  YTB_ASSIGN(FakeCopy * copy, unchanged(owned));
  if (copy->record.opened) {
    world_.violate("closed_door", fmt::format("a session of our own in {}, which is open", owned.id()));
    return Error{.code = Code::kRefused, .message = "the copy is open", .hint = {}};
  }
  copy->record.running = true;
  ports::SessionTarget target;
  target.parameters = {{"copy", owned.id().str()}, {"instance", copy->instance}, {"user", "admin"}};
  return target;
}

Result<std::string> FakeHost::spool_directory(const OwnedCopy& owned) {
  YTB_ASSIGN(FakeCopy * copy, unchanged(owned));
  return "/spool/" + copy->instance;
}

Status FakeHost::open(const OwnedCopy& owned, const model::PassedProof& proof,
                      const std::vector<ports::AccessGrant>&, ports::Progress&) {
  YTB_ASSIGN(FakeCopy * copy, unchanged(owned));
  std::string with = proof.proof().policy_digest + "/" + proof.proof().key_id;
  if (copy->record.phase != Phase::kProven || proof.copy() != owned.id() ||
      proof.proof().instance != copy->instance || !world_.is_clean(*copy, with)) {
    world_.violate("closed_door", fmt::format("{} is opened without a true proof of it", owned.id()));
  }
  // Opening what is open must not disturb those who are in.
  if (copy->record.opened && copy->record.running) return {};
  auto stop_server = [&] { copy->record.running = false; };
  return world_.change("open", stop_server, [&]() -> Status {
    copy->record.opened = true;
    copy->record.running = true;
    world_.log(fmt::format("{} is open", owned.id()));
    return {};
  });
}

Status FakeHost::start(const OwnedCopy& owned) {
  YTB_ASSIGN(FakeCopy * copy, unchanged(owned));
  if (!copy->record.opened)
    world_.violate("closed_door", fmt::format("{} is started open and never was", owned.id()));
  return world_.change(
      "start", [] {},
      [&]() -> Status {
        copy->record.running = true;
        copy->record.tries = 0;
        copy->record.failure.clear();
        return {};
      });
}

Status FakeHost::remove(const OwnedCopy& owned, const std::optional<model::Attempt>& tombstone,
                        ports::Progress&) {
  YTB_ASSIGN(FakeCopy * copy, unchanged(owned));
  const Copy was = copy->record;
  if (was.phase == Phase::kLive) {
    world_.violate("no_gap", fmt::format("{} is live and is removed", was.id));
    return Error{.code = Code::kRefused, .message = "the copy is live", .hint = {}};
  }
  if (world_.alias.link == was.id)
    world_.violate("no_gap", fmt::format("{} is removed while the alias points at it", was.id));
  const bool empty = world_.clients_of(was) == 0 && world_.clock.now() >= was.phase_since + model::kOnTheWay;
  if (was.phase == Phase::kDraining && world_.clock.now() < was.phase_since + world_.drain && !empty) {
    world_.violate("no_gap", fmt::format("{} is removed before its drain is over", was.id));
  }
  auto begin = [&] {
    if (was.phase == Phase::kFailed) world_.add_attempt(model::failed_attempt_of(was));
    if (tombstone) world_.add_attempt(*tombstone);
    copy->record.phase = Phase::kDeleting;
    copy->record.phase_since = world_.clock.now();
    copy->record.opened = false;
    copy->record.running = false;
  };
  return world_.change("remove", begin, [&]() -> Status {
    begin();
    world_.copies.erase(was.id);
    world_.log(fmt::format("removed {}", was.id));
    return {};
  });
}

}  // namespace ytb::fakes
