#include "fakes/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ytb::fakes {

using model::Copy;

namespace {

constexpr size_t kAttemptsKept = 100;

// Made once: making keys for each of thousands of worlds would be most of their time.
const Secret& signing_key() {
  static const Secret kKey = model::new_signing_key();
  return kKey;
}

const std::shared_ptr<const masking::MaskingKey>& masking_key() {
  static const auto kKey =
      std::make_shared<const masking::MaskingKey>(Secret(std::string("0123456789abcdef0123456789abcdef")));
  return kKey;
}

masking::MaskerSpec masker(std::string name) {
  masking::MaskerSpec spec;
  spec.name = std::move(name);
  return spec;
}

masking::Policy policy_of(int version) {
  masking::TablePolicy users;
  users.columns["id"] = masker("keep");
  users.columns["email"] = masker("email");
  masking::TablePolicy orders;
  orders.columns["id"] = masker("keep");
  orders.columns["note"] = masker(version == 0 ? "hash" : "null");
  masking::Policy policy;
  masking::DatabasePolicy& shop = policy.databases["shop"];
  shop.tables[{"public", "users"}] = users;
  shop.tables[{"public", "orders"}] = orders;
  policy.file = "policy.yaml";
  policy.digest = fmt::format("policy-{}", version);
  return policy;
}

}  // namespace

World::World(uint64_t seed)
    : clock(from_iso("2026-11-01T00:00:00Z").value()),
      public_key(model::public_key_of(signing_key()).value()),
      random_(seed) {}

World::Fate World::draw() {
  struct Chance {
    int in_a_thousand;
    Fate fate;
    const char* name;
  };
  auto die = static_cast<int>(below(1000));
  for (const Chance& chance :
       {Chance{faults.fail, Fate::kFail, "fail"}, Chance{faults.never, Fate::kNever, "never"},
        Chance{faults.in_doubt, Fate::kInDoubt, "in_doubt"}, Chance{faults.lie, Fate::kLie, "lie"},
        Chance{faults.hang, Fate::kHang, "hang"}, Chance{faults.crash, Fate::kCrashBefore, "crash"}}) {
    if (die >= chance.in_a_thousand) {
      die -= chance.in_a_thousand;
      continue;
    }
    ++reached[chance.name];
    if (chance.fate != Fate::kCrashBefore) return chance.fate;
    Fate where[] = {Fate::kCrashBefore, Fate::kCrashMiddle, Fate::kCrashAfter};
    return where[below(3)];
  }
  return Fate::kFine;
}

Error World::fault(std::string_view what, Retry retry) const {
  return Error{.code = Code::kExternal,
               .message = fmt::format("{}: a fault of the simulation", what),
               .hint = {},
               .retry = retry};
}

std::optional<Error> World::look(std::string_view what) {
  if (faults.fail == 0 || !chance(faults.fail)) return std::nullopt;
  ++reached["unknown"];
  return fault(what, Retry::kLater);
}

void World::violate(std::string_view invariant, std::string detail) {
  violations.push_back(fmt::format("{}: {}", invariant, detail));
  log("VIOLATION " + violations.back());
}

void World::log(std::string line) {
  if (keep_history) history.push_back(to_iso(clock.now()) + " " + std::move(line));
}

void World::remember() {
  old_copies = list();
  old_alias = alias;
  copies_may_be_stale = true;
  alias_may_be_stale = true;
}

std::vector<Copy> World::list() const {
  std::vector<Copy> all;
  all.reserve(copies.size());
  for (const auto& [id, copy] : copies) {
    all.push_back(copy.record);
    all.back().clients = clients_of(copy.record);
  }
  return all;
}

std::optional<int> World::clients_of(const Copy& copy) const {
  if (!sees_clients || copy.phase != model::Phase::kDraining) return std::nullopt;
  // The last one leaves at once, or after a part of the drain, or stays for longer than it.
  unsigned sum = 0;
  for (const char c : copy.id.str()) sum += static_cast<unsigned char>(c);
  return clock.now() < copy.phase_since + drain * static_cast<int64_t>(sum % 6) / 4 ? 1 : 0;
}

model::Observed World::truth() const {
  model::Observed observed;
  std::vector<model::Snapshot> seen;
  for (const FakeSnapshot& snapshot : snapshots) seen.push_back(snapshot.seen);
  observed.snapshots = std::move(seen);
  observed.copies = list();
  observed.attempts = attempts;
  model::AliasState state;
  state.target = alias.link;
  state.consistent = alias.link == alias.service;
  state.seen = alias.reads_since_move > 1;
  observed.alias = std::move(state);
  return observed;
}

FakeCopy* World::find(const model::CopyId& id) {
  auto found = copies.find(id);
  return found == copies.end() ? nullptr : &found->second;
}

bool World::is_ours(const Copy& copy) const { return model::OwnedCopy::claim(copy, production, {}).ok(); }

bool World::is_clean(const FakeCopy& copy, std::string_view policy_and_key) const {
  if (!copy.whole || !copy.defused) return false;
  if (masking_none) return true;
  if (copy.masked_with.size() != 2) return false;
  return std::all_of(copy.masked_with.begin(), copy.masked_with.end(),
                     [&](const auto& table) { return table.second == policy_and_key; });
}

void World::add_attempt(const model::Attempt& attempt) {
  auto same = [&](const model::Attempt& there) {
    return there.snapshot == attempt.snapshot && there.attempt == attempt.attempt &&
           there.outcome == attempt.outcome;
  };
  if (std::any_of(attempts.begin(), attempts.end(), same)) return;
  attempts.insert(attempts.begin(), attempt);
  if (attempts.size() > kAttemptsKept) attempts.pop_back();
}

std::string World::inputs_digest() const {
  return masking_none ? std::string("none") : fmt::format("inputs-{}", policy_version);
}

decide::Desired World::desired() const {
  static const decide::Schedule kDaily = decide::Schedule::parse("0 6 * * *", "UTC").value();
  decide::Desired desired;
  desired.production = production;
  desired.schedule = kDaily;
  desired.spare_copies = spare_copies;
  desired.drain = drain;
  desired.inputs = inputs_digest();
  return desired;
}

refresh::Settings World::settings() const {
  refresh::Settings settings;
  settings.desired = desired();
  settings.signing_key = signing_key().clone();
  settings.program = "yesterdaytabase simulated";
  return settings;
}

refresh::Inputs World::inputs() const {
  refresh::Inputs inputs;
  inputs.digest = inputs_digest();
  if (masking_none) {
    inputs.none_reason = "nothing personal in it";
    return inputs;
  }
  inputs.policy = policy_of(policy_version);
  if (policy_version > 0)
    inputs.policy.databases["shop"].tables[{"public", "users"}].columns["nickname"] = masker("null");
  inputs.key = masking_key();
  return inputs;
}

}  // namespace ytb::fakes
