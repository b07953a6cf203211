// Handler: one invocation of the function, from its event to its answer and what is done after that.
//
//   create, update, or an event without an action (the user's schedule, the original's daily rule)
//       leave a durable mark that a refresh is due, take the first action, and answer. Once the answer is
//       out, the same invocation carries on as a tick does. All else is the heartbeat's.
//   tick    carries on what is under way and what is marked, for all productions, and leaves: none waits for
//           AWS, a back-off or a drain (pass.h). It says one line of each (status_line.h)
//   delete  of a copy, or, without one, of everything of the production, which then stays away until it is
//       asked for again
//   rollback, status, plan    as on the command line
//
// One invocation at a time acts on a production (turns.h); what a person asks for by rollback, or of one
// copy, is done at once. The deadline ends things by a StopFlag, DeadlineWatch::kMargin ahead of it. An Error
// is for an event that cannot be handled at all; what goes wrong with a production is the answer's `error`.
// One invocation at a time; several handlers (processes) at once are normal.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lambda/answer.h"
#include "lambda/event.h"
#include "lambda/parts.h"
#include "lambda/pass.h"
#include "lambda/runtime.h"

namespace ytb::lambda {

class Handler {
 public:
  // The first action is looked at for so long before it is answered; it goes on after the answer.
  static constexpr Duration kFirstActionMax = std::chrono::seconds(20);
  static constexpr size_t kAtOnceMax = 16;  // productions that are looked after at the same time

  explicit Handler(Parts parts) : parts_(std::move(parts)) {}

  Result<Handled> handle(const Invocation& given);

 private:
  struct Ticked;
  Result<Target> target_for(const Event& event);
  Result<Handled> begin(const Event& event, const Invocation& invocation);
  Result<Handled> tick(const Invocation& invocation);
  Result<Handled> remove(const Event& event, const Invocation& invocation);
  Result<Handled> remove_copy(const Event& event, const Target& target, const Invocation& invocation);
  Result<Handled> roll_back(const Event& event, const Invocation& invocation);
  Result<Handled> look(const Event& event);

  // One production's share of a tick.
  Json tick_one(const Target& target, const DueMark* mark, const Invocation& invocation);
  // What was seen of the copies last goes into `copies`.
  using Seen = model::Known<std::vector<model::Copy>>;
  Json tick_stays(const Target& target, const DueMark* mark, const Invocation& invocation, Seen& copies);
  Json tick_gone(const Target& target, const DueMark& mark, const Invocation& invocation, Seen& copies);
  Result<std::vector<Ticked>> targets_of_tick(std::string& trouble);
  void carry_on(const Target& target, const DueMark& mark, const Invocation& invocation);
  PassLimits limits_of(const Invocation& invocation) const;
  // What has become of the mark; whether it still stands.
  bool settle_mark(const DueMark& mark, const PassReport& report);
  void put_stack_args(Json& answer, const Target& target, const PassReport& report);
  Instant asked_at(const Event& event) const;
  void read_anew() const;

  Parts parts_;
};

}  // namespace ytb::lambda
