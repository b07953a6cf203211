// A copy: a database instance of ours, restored from one snapshot. Disposable.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "model/ids.h"
#include "model/isolation.h"

namespace ytb::model {

// Only forward, but for a rollback, which makes a draining or spare copy live again.
enum class Phase {
  kRestoring,  // being restored; nothing in it may be relied on
  kRestored,   // recovered and running, door closed, raw
  kDefused,    // nothing in it acts on the outside world
  kMasked,     // the policy has been carried out
  kProven,     // a passing proof lies with it; `opened` says whether the door is open yet
  kLive,       // the alias points at it
  kDraining,   // the alias has moved on; clients may still hold on to it
  kSpare,      // kept running for a rollback
  kDeleting,   // being removed; may be half gone
  kFailed,     // will be deleted, never repaired
};

// Lower-case, as in DESIGN's list: "restoring".
std::string_view name_of(Phase phase);
std::optional<Phase> phase_of(std::string_view name);
// Whether a copy may go from one phase to the other. Staying is allowed: actions are repeated. Failed and
// deleting are reachable from everywhere but from live (a live copy is first demoted), and from deleting
// there is no way back; rollback is draining|spare → live.
bool may_follow(Phase from, Phase to);

struct Copy {
  CopyId id;
  ProductionName production;  // the owner's mark: which of our productions it belongs to
  bool marked = false;        // carries our ownership mark, readable and whole
  SnapshotId snapshot;
  Instant data_as_of;  // the snapshot's
  int attempt = 0;     // 1, 2, …: which try at this snapshot
  Phase phase = Phase::kRestoring;
  Instant phase_since;
  bool opened = false;   // staging users can connect (only ever true with a passing proof)
  bool proven = false;   // a proof lies with it whose signature and identity were verified at observation
  bool running = false;  // the server answers
  // Connections that its server has, of whomever. None: nobody can tell, or nobody looked.
  std::optional<int> clients = {};
  // What its server was started under, whatever the config says today; the reason is the config's of then.
  // None: it is not known, or its host is not ours.
  std::optional<Isolation> isolation = {};
  std::string inputs;   // digest of policy, lock, key id and access it was masked with; "" before
  int tries = 0;        // failed tries at the present phase's action; reset when the phase changes
  Instant last_try;     // of the last failed try
  std::string failure;  // reason, where phase is failed or tries > 0; for people
  Code failure_code = Code::kInternal;
  Retry failure_retry = Retry::kNever;
};

// What became of earlier tries, kept after the copy is gone (a tombstone). At most a bounded number is kept.
enum class AttemptOutcome { kFailed, kRolledBack, kDeletedByPerson };
struct Attempt {
  SnapshotId snapshot;
  Instant data_as_of;
  int attempt = 0;
  AttemptOutcome outcome = AttemptOutcome::kFailed;
  Instant at;
  std::string inputs;  // as in Copy: a failure that needs a person is not retried until these change
  std::string reason;
  Code code = Code::kInternal;
  Retry retry = Retry::kNever;
};
// What is kept of a failed copy that is deleted.
Attempt failed_attempt_of(const Copy& copy);

// Between looking a name up and connecting, where the name is a path. Of names that are remembered for longer
// (DNS) nobody can tell who is connected.
constexpr Duration kOnTheWay = std::chrono::seconds(5);
// Whether nobody holds on to a copy from which the name has moved on, although its drain is not over: its
// last client has gone, and whoever had looked the name up before it moved has come by now.
inline bool has_no_clients(const Copy& copy, Instant now) {
  return copy.clients == 0 && now >= copy.phase_since + kOnTheWay;
}

// "<production>-yesterday-<YYYYMMDD-HHMMSS>-<attempt>"
CopyId copy_id(const ProductionName& production, Instant data_as_of, int attempt);
// Whether `id` is a name that copy_id could have made for `production`.
bool is_copy_name(const ProductionName& production, std::string_view id);

}  // namespace ytb::model
