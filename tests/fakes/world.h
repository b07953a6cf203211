// World: a small world in memory that the fake ports show and change: snapshots, copies, the alias, earlier
// attempts. It knows the truth (what is masked, who can get in), draws faults from its seed, and writes down
// each breach of a promise that a fake sees. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "decide/invariants.h"
#include "masking/hmac.h"
#include "masking/policy.h"
#include "model/observed.h"
#include "model/proof.h"
#include "refresh/refresher.h"

namespace ytb::fakes {

// Thrown where the process dies. Nothing catches it but the simulator.
struct Crash {};

// Chances in a thousand, per call. All zero: a calm world.
struct Faults {
  int fail = 0;      // not done, says so
  int never = 0;     // not done, and repeating does not help
  int in_doubt = 0;  // done, but the answer is lost
  int lie = 0;       // done, but the answer says it failed
  int crash = 0;     // the process dies before, in the middle of, or after the call
  int hang = 0;      // an hour passes, then it fails
  int stale = 0;     // a read shows what was before the last change
  int check = 0;     // a check of the proof fails
};

struct FakeCopy {
  model::Copy record;
  std::string instance;
  model::Evidence evidence;
  std::string proof;
  bool foreign = false;  // not ours: a stray, or another production's
  // The truth, whatever is recorded.
  bool whole = false;  // the restore came to its end
  bool defused = false;
  std::map<std::string, std::string> masked_with;  // table → policy and key
};

struct FakeAlias {
  std::optional<model::CopyId> link;
  std::optional<model::CopyId> service;  // the other part of the name
  int reads_since_move = 0;
  bool worked = false;  // it has pointed at a copy since a person last took it away
};

struct FakeSnapshot {
  model::Snapshot seen;
  bool torn = false;   // listed usable, found damaged when verified
  bool grown = false;  // production had a column by then that only the newer policy judges
};

class World {
 public:
  explicit World(uint64_t seed);

  // Uniform below `bound`.
  uint64_t below(uint64_t bound) { return random_() % bound; }
  bool chance(int in_a_thousand) { return static_cast<int>(below(1000)) < in_a_thousand; }

  // A call that changes the world: `half` is what a death in the middle leaves, `whole` the full change.
  template <typename Half, typename Whole>
  Status change(std::string_view what, Half half, Whole whole);
  // A call that looks: may fail. `Error` or nothing.
  std::optional<Error> look(std::string_view what);

  void violate(std::string_view invariant, std::string detail);
  void log(std::string line);
  // To be called before each change: what a stale read will show.
  void remember();

  // The truth as an observation.
  [[nodiscard]] model::Observed truth() const;
  [[nodiscard]] std::vector<model::Copy> list() const;
  // Connected to a draining copy; they leave and do not come back. None: this world cannot tell.
  [[nodiscard]] std::optional<int> clients_of(const model::Copy& copy) const;
  FakeCopy* find(const model::CopyId& id);
  [[nodiscard]] bool is_ours(const model::Copy& copy) const;
  // Nothing raw in it, and masked with one policy and key throughout.
  [[nodiscard]] bool is_clean(const FakeCopy& copy, std::string_view policy_and_key) const;
  void add_attempt(const model::Attempt& attempt);

  // What a Refresher of this world is given.
  [[nodiscard]] decide::Desired desired() const;
  [[nodiscard]] std::string inputs_digest() const;
  [[nodiscard]] refresh::Settings settings() const;
  [[nodiscard]] refresh::Inputs inputs() const;

  ManualClock clock;
  Faults faults;
  model::ProductionName production{"shop"};
  int spare_copies = 0;
  Duration drain = std::chrono::minutes(5);
  bool sees_clients = false;
  int policy_version = 0;
  bool masking_none = false;

  std::vector<FakeSnapshot> snapshots;
  std::map<model::CopyId, FakeCopy> copies;
  FakeAlias alias;
  std::vector<model::Attempt> attempts;  // newest first

  std::vector<std::string> violations;
  std::vector<std::string> history;  // what happened, for the replay
  bool keep_history = false;
  int changes = 0;  // calls that changed something
  int instances_made = 0;
  std::map<std::string, int> reached;  // how often each kind of fault fired

  // What stale reads show, each at most once per change.
  std::vector<model::Copy> old_copies;
  FakeAlias old_alias;
  bool copies_may_be_stale = false;
  bool alias_may_be_stale = false;

  std::string public_key;

 private:
  enum class Fate { kFine, kFail, kNever, kInDoubt, kLie, kCrashBefore, kCrashMiddle, kCrashAfter, kHang };
  Fate draw();
  Error fault(std::string_view what, Retry retry) const;
  std::mt19937_64 random_;
};

template <typename Half, typename Whole>
Status World::change(std::string_view what, Half half, Whole whole) {
  Fate fate = draw();
  clock.advance(std::chrono::seconds(1 + below(20)));
  switch (fate) {
    case Fate::kCrashBefore:
      throw Crash{};
    case Fate::kFail:
      return fault(what, Retry::kLater);
    case Fate::kNever:
      return fault(what, Retry::kNever);
    case Fate::kHang:
      clock.advance(std::chrono::hours(1));
      return fault(what, Retry::kLater);
    case Fate::kCrashMiddle:
      remember();
      half();
      throw Crash{};
    default:
      break;
  }
  remember();
  ++changes;
  Status done = whole();
  if (fate == Fate::kCrashAfter) throw Crash{};
  if (!done.ok()) return done;
  if (fate == Fate::kInDoubt) return fault(what, Retry::kInDoubt);
  if (fate == Fate::kLie) return fault(what, Retry::kLater);
  return done;
}

}  // namespace ytb::fakes
