// View: what decide()'s rules share: the observation sorted by what it means, and what holds things up.
// Private to this room; lives for one decision.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "decide/decide.h"

namespace ytb::decide {

constexpr Duration kLookAgain = std::chrono::seconds(10);
constexpr Duration kSnapshotPoll = std::chrono::minutes(5);
constexpr size_t kRemarksMax = 50;

// Why something is not done now.
struct Hold {
  Waiting waiting = Waiting::kNothing;
  std::string reason;
  std::optional<Instant> until;
  std::optional<Error> blocker;
};

// Newer data first decides; of the same snapshot, the later attempt.
struct Rank {
  Instant data_as_of;
  int attempt = 0;
  friend auto operator<=>(const Rank&, const Rank&) = default;  // NOLINT(modernize-use-nullptr)
};
inline Rank rank_of(const model::Copy& copy) { return {copy.data_as_of, copy.attempt}; }

struct View {
  const Desired& desired;
  const model::Observed& observed;  // copies and alias are known
  Instant now;
  std::vector<const model::Copy*> ours;   // newest first
  const model::Copy* at_alias = nullptr;  // the copy of ours that the alias points at
  std::vector<std::string> remarks;
  std::vector<Hold> holds;         // of keeping house
  std::optional<Hold> in_the_way;  // of the refresh itself

  View(const Desired& desired_, const model::Observed& observed_, Instant now_);

  [[nodiscard]] const model::AliasState& alias() const { return *observed.alias; }
  // The copy that is live in every respect: recorded so, and the alias points at it.
  [[nodiscard]] const model::Copy* live() const;
  void remark(std::string line);
};

// Why what is live is not what a refresh would make of the same snapshot today: its proof does not verify any
// more, or it was masked under something else (drift). "" where there is nothing to say.
std::string out_of_date(const View& view, const model::Copy& live);

// Restoring, restored, defused, masked or proven: on its way to becoming live.
bool is_in_flight(model::Phase phase);
// Open and proven, so that the alias may point at it.
bool can_serve(const model::Copy& copy);
// The alias points at it, and its door is open.
bool serves(const View& view, const model::Copy& copy);
// Whether deleting it takes nothing away from anybody.
bool may_delete(const View& view, const model::Copy& copy);

model::Action action_on(model::ActionKind kind, const model::Copy& copy, std::string reason);
// The action, or, where its last try failed too recently, a hold.
std::optional<model::Action> unless_backing_off(View& view, model::Action action, const model::Copy& copy);
// Its deletion, or a remark why it is not deleted, or a hold.
std::optional<model::Action> remove_copy(View& view, const model::Copy& copy, std::string reason);
// What stays of a copy that a person did away with or rolled back from.
model::Attempt tombstone_of(const model::Copy& copy, model::AttemptOutcome outcome, Instant now,
                            std::string reason);

// The rules, in the order in which they are asked. Each returns an action, or nothing and perhaps a hold.
std::optional<model::Action> mend_alias(View& view);     // crash left-overs: promote, demote, repoint again
std::optional<model::Action> start_servers(View& view);  // open copies that are down
std::optional<model::Action> roll_back(View& view);      // what this run's person asks for
std::optional<model::Action> delete_asked(View& view);
std::optional<model::Action> clear_away(View& view);     // deleting, failed
std::optional<model::Action> go_on(View& view);          // the copy in flight
std::optional<model::Action> end_drains(View& view);     // draining, spare
std::optional<model::Action> begin_refresh(View& view);  // due, and a snapshot to do it with

}  // namespace ytb::decide
