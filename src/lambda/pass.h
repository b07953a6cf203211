// Pass: turns the one loop for one production within one invocation. Around decide() it adds what only a
// function has to think of: it waits for nothing, acts only when it is its turn (turns.h) and on what it saw
// since, ends in time, hands long work over (handover.h), refuses before the restore what could not be
// finished, and leaves a copy without a policy closed, with a policy proposed for it.
//
// It carries a phase on by one step that AWS has to work on and leaves; masking and proving, which are its
// own work, it does until the deadline. What backs off, drains, or is left open is looked at by the next
// tick.
//
// Nothing of it needs to last: every action is idempotent, so that the next invocation goes on from wherever
// this one stopped. Two invocations at once are normal: one of
// them acts. One thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lambda/handover.h"
#include "lambda/parts.h"
#include "model/owned.h"
#include "refresh/refresher.h"

namespace ytb::lambda {

struct PassLimits {
  Instant stop_at;         // when `stop` will be requested
  Duration time_full{};    // of a whole invocation, margin taken off
  int actions_max = 1000;  // ends after so many
  std::string holder;      // whose turn it is to be; "": a person's wish, which waits for no turn
  Instant turn_until;      // when that is over at the latest
};

struct PassReport {
  std::vector<model::Action> done;           // in order
  std::optional<model::Action> interrupted;  // was begun, goes on next time
  std::optional<decide::Decision> last;      // what was decided last
  std::optional<Error> failure;              // of the last action, or of deciding; none: fine
  std::optional<Handover> handover;          // where long work was placed, when it was thought of
  std::string worker;                        // what is known of the worker
  std::string policy_proposed;               // where: there is no policy, and the copy waits closed
  bool out_of_time = false;                  // the deadline ended it
  bool left = false;                         // AWS goes on with `interrupted`
  bool settled = false;                      // nothing is left to do but wait for something new
  std::vector<std::string> notes;
};

class Pass {
 public:
  // Makes the drivers; `stop` outlives the pass.
  static Result<std::unique_ptr<Pass>> open(const Parts& parts, const Target& target, const StopFlag& stop);
  ~Pass();

  // Ticks until nothing can be done but wait. Never an Error: what went wrong is in the report.
  PassReport run(const refresh::RunOptions& options, const PassLimits& limits);
  // What there is to do where nothing was asked, from a look at the copies and the name alone, which most
  // ticks need. None: only run() can tell.
  std::optional<PassReport> glance(model::Observed& observed);
  // Observes and decides; changes nothing.
  Result<decide::Decision> plan(const refresh::RunOptions& options, model::Observed& observed);
  // The alias first, then every copy of ours. In doubt or interrupted, the next call goes on. kInterrupted
  // also where it is another one's turn.
  Status tear_down(const PassLimits& limits);
  [[nodiscard]] refresh::Drivers& drivers() { return drivers_; }

 private:
  class Log;
  Pass(const Parts& parts, const Target& target, const StopFlag& stop);
  Result<refresh::Refresher> make_refresher();
  decide::Decision decide(const decide::Desired& desired, const model::Observed& observed, Instant now);
  // Whether we may act; if not, why is an Error (kBusy: it is another one's turn until `turn_over_`).
  Status take_turn();
  void give_turn_back();
  Status remove_all();
  // Whether the pass goes on after a turn.
  bool settle(const decide::Decision& decision, const PassLimits& limits);
  bool settle_failure(const Error& error, const PassLimits& limits);
  bool settle_waiting(const decide::Decision& decision);
  // What decide() was kept from: places it, or says why not.
  bool settle_held(const PassLimits& limits);
  bool propose_policy(const model::Action& action);
  Result<std::string> proposal_for(const model::CopyId& id);
  Result<model::OwnedCopy> claim(const model::CopyId& id);
  bool place(const model::Action& action, const PassLimits& limits);
  bool call_worker(const model::Action& action);
  Result<Work> work_of(const model::Action& action, const PassLimits& limits);
  std::vector<TableSize> sizes_before(const std::vector<model::Copy>& copies);
  double measured_rate(const std::vector<model::Copy>& copies);
  [[nodiscard]] bool remembers() const;
  Result<bool> is_ours_to_prove(const model::Action& action);
  bool fail(const Error& error);
  bool pause();
  void tell(const model::Action& action);

  const Parts& parts_;
  const Target& target_;
  const StopFlag& stop_;
  refresh::Drivers drivers_;
  std::unique_ptr<ports::Worker> worker_;
  std::unique_ptr<Log> log_;
  std::shared_ptr<const masking::Policy> policy_;  // of the refresher's inputs, for sizes
  std::shared_ptr<const masking::PolicyLock> lock_;
  PassReport report_;
  std::optional<model::Action> held_;
  std::string placed_;  // id of the action that may go ahead here
  int left_open_ = 0;
  std::optional<PassLimits> limits_;  // while it runs
  bool has_turn_ = false;
  bool looks_again_ = false;  // the turn was taken after the look that was decided on
  Instant turn_over_;
};

}  // namespace ytb::lambda
