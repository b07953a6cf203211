// Refresher: the one loop. observe → decide → act (one action) → record → observe …
//
// It contains no policy: decide() says what, the drivers do it, this carries the answer from one to the
// other and records it. One Refresher works on one production; it is not thread-safe. Two Refreshers on the
// same production, in two processes, are normal: actions are idempotent, and the lock is taken by the caller.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "decide/foresee.h"
#include "masking/hmac.h"
#include "masking/policy.h"
#include "model/access.h"
#include "model/observed.h"
#include "model/proof.h"
#include "ports/alias_store.h"
#include "ports/copy_host.h"
#include "ports/engine.h"
#include "ports/journal.h"
#include "ports/notifier.h"
#include "ports/progress.h"
#include "ports/schema_trial.h"
#include "ports/snapshot_source.h"
#include "refresh/originals_of_copy.h"

namespace ytb::refresh {

// The ports of one production. Owned by main's wiring (or a test).
struct Ports {
  ports::SnapshotSource& source;
  ports::CopyHost& host;
  ports::Engine& engine;
  ports::AliasStore& alias;
  ports::Notifier& notifier;
  ports::Journal& journal;
  Clock& clock;
  ports::SchemaTrial* trial = nullptr;  // none: what needs production's code is tried in the copy alone
};

// What masking is given, read anew at the start of each run: policy files change while `serve` runs.
struct Inputs {
  std::string none_reason;  // masking: none
  masking::Policy policy;
  masking::PolicyLock lock;
  std::shared_ptr<const masking::MaskingKey> key;  // null with none_reason
  std::vector<ports::AccessGrant> access;
  std::vector<model::SqlCheck> sql_checks;
  int workers = 2;
  bool warm_up = false;  // read what masking leaves untouched; no part of the digest, as no row depends on it
  std::string passwords;  // keyed digest of the access roles' passwords, hex; "" without a masking key
  std::string digest;     // record of all that shapes the copy (model/drift.h); goes into Desired::inputs
  std::optional<ports::SessionTarget> production{};  // to read its catalog; none: it cannot be asked
  // Whether what is masked is remembered, and searched for.
  [[nodiscard]] bool remembers() const { return policy.survivors.searches(); }
};

// What a listener (terminal, JSON lines, journal) is told. The strings are valid during the call only.
struct Event {
  enum class Kind {
    kDecided,        // decision.reason
    kActionStarted,  // action
    kActionDone,     // action, elapsed
    kActionFailed,   // action, error, elapsed
    kWaiting,        // nothing to do until `until`; reason
  };
  Kind kind = Kind::kDecided;
  Instant at;
  const decide::Decision* decision = nullptr;
  const model::Action* action = nullptr;
  const Error* error = nullptr;
  Duration elapsed{};
};

class Listener : public ports::Progress {
 public:
  virtual void on_event(const Event& event) = 0;
};

struct RunOptions {
  bool refresh_now = true;  // false: only if due (`refresh --if-due`, serve)
  bool force = false;
  bool wait_drain = false;  // go on until the previous copy is gone, too
  // When the person asked; none: now. run() sets it once, so that what fails during the run is not tried
  // forever.
  std::optional<Instant> asked_at = {};
  std::optional<model::CopyId> rollback_to = {};
  std::optional<model::CopyId> delete_copy = {};
  int ticks_max = 10000;  // a bound on everything
};

struct RunResult {
  decide::Decision last;                  // why it ended
  std::vector<std::string> actions_done;  // ids, in order
  std::optional<model::Copy> live;        // after the run, where known
  std::optional<model::AliasState> alias;
  std::vector<std::pair<std::string, Duration>> phase_times;
};

struct Settings {
  decide::Desired desired;  // without this run's wishes, which RunOptions adds
  Secret signing_key;       // Ed25519, of the state directory
  std::string program;      // "yesterdaytabase 0.1.0"
};

using decide::DecideFunction;

class Refresher {
 public:
  // `decide`: decide::decide; the simulator passes broken ones to see that its checks bite.
  Refresher(Ports ports, Settings settings, Inputs inputs, Listener& listener, const StopFlag& stop,
            DecideFunction decide = decide::decide);

  model::Observed observe();
  // What would happen next, changing nothing.
  decide::Decision plan(const RunOptions& options);
  // The same, and what follows it as far as that is certain (decide/foresee.h).
  std::vector<decide::Decision> foresee(const RunOptions& options);
  // One turn: observe, decide, act, record. An action's failure is recorded and is not an error here.
  // Returns the decision that was carried out (or that there was nothing to do).
  Result<decide::Decision> tick(const RunOptions& options);
  // Ticks until the goal of `options` is reached, nothing can be done but wait, or a person is needed.
  // Waits for back-offs (in steps, looking at the stop flag); for drains only where asked. Errors carry
  // the exit status: kPolicy, kProof, kNoSnapshot, …
  Result<RunResult> run(const RunOptions& options);

 private:
  [[nodiscard]] decide::Desired desired_for(const RunOptions& options) const;
  // Carries out the action and records what became of it.
  void carry_out(const model::Action& action, const model::Observed& observed);
  void record_failure(const model::Action& action, const Error& error);
  void journal(std::string_view event, const model::Action& action, std::string_view detail,
               Duration elapsed);
  // What ended an action that did not succeed; none after one that did. Decides how run() goes on.
  Status settle_action(const model::Action& action, RunResult& result);
  // Whether run() goes on after a turn with nothing to do; false: it is over.
  Result<bool> settle_waiting(const RunOptions& options, const decide::Decision& decision);
  Status wait_until(Instant until);
  Result<RunResult> run_to_the_end(RunOptions options);

  Ports ports_;
  Settings settings_;
  Inputs inputs_;
  Listener& listener_;
  const StopFlag& stop_;
  DecideFunction decide_;

  std::unique_ptr<OriginalsOfCopy> originals_;  // of the copy that is being masked and proven
  std::optional<Error> last_failure_;           // of the last action
  Duration last_elapsed_{};
  bool goal_reached_ = false;  // a new copy became live in this run: nothing more is begun
  int drain_waits_ = 0;        // for drains that are over soon
  int in_doubt_ = 0;           // actions in a row whose end is not known
  bool spared_ = false;        // the last failure is not of its copy
  int spared_tries_ = 0;       // of this run, that failed so
  int unknown_ = 0;            // looks in a row that did not see everything
};

}  // namespace ytb::refresh
