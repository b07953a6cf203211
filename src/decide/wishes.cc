// The rules for what a person asks of this very run: a rollback, a deletion.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "decide/view.h"

namespace ytb::decide {

using model::Action;
using model::ActionKind;
using model::Copy;
using model::Phase;

namespace {

void refuse(View& view, std::string message, std::string hint, Retry retry = Retry::kNever) {
  std::string reason = message;
  view.in_the_way = Hold{
      .waiting = Waiting::kPerson,
      .reason = std::move(reason),
      .until = std::nullopt,
      .blocker = Error{
          .code = Code::kRefused, .message = std::move(message), .hint = std::move(hint), .retry = retry}};
}

const Copy* find_ours(const View& view, const model::CopyId& id) {
  auto found =
      std::find_if(view.ours.begin(), view.ours.end(), [&](const Copy* copy) { return copy->id == id; });
  return found == view.ours.end() ? nullptr : *found;
}

bool is_there(const View& view, const model::CopyId& id) {
  const auto& copies = *view.observed.copies;
  return std::any_of(copies.begin(), copies.end(), [&](const Copy& copy) { return copy.id == id; });
}

void done(View& view, std::string reason) {
  view.in_the_way =
      Hold{.waiting = Waiting::kNothing, .reason = std::move(reason), .until = {}, .blocker = {}};
}

}  // namespace

std::optional<Action> roll_back(View& view) {
  const model::CopyId& id = *view.desired.rollback_to;
  const Copy* copy = find_ours(view, id);
  constexpr std::string_view kHint = "see the copies that can serve with: yesterdaytabase status";
  if (copy == nullptr) {
    refuse(view, fmt::format("cannot roll back to '{}': there is no such copy of ours", printable(id.str())),
           std::string(kHint));
    return std::nullopt;
  }
  if (copy == view.live()) {
    done(view, fmt::format("{} is live", copy->id));
    return std::nullopt;
  }
  if ((copy->phase != Phase::kDraining && copy->phase != Phase::kSpare && copy->phase != Phase::kLive) ||
      !can_serve(*copy)) {
    refuse(view,
           fmt::format("cannot roll back to {}: it is {}{}", copy->id, name_of(copy->phase),
                       copy->proven ? "" : " and its proof does not verify"),
           std::string(kHint));
    return std::nullopt;
  }
  ActionKind kind = copy->running ? ActionKind::kRepoint : ActionKind::kStart;
  auto action = unless_backing_off(view, action_on(kind, *copy, "a rollback to it was asked for"), *copy);
  if (!action && !view.holds.empty()) view.in_the_way = view.holds.back();
  return action;
}

std::optional<Action> delete_asked(View& view) {
  const model::CopyId& id = *view.desired.delete_copy;
  const Copy* copy = find_ours(view, id);
  if (copy == nullptr) {
    if (is_there(view, id)) {
      refuse(view, fmt::format("'{}' is not ours to delete", printable(id.str())),
             "only copies with our mark, made for this production, are ever deleted");
    } else {
      done(view, fmt::format("there is no copy '{}' any more", printable(id.str())));
    }
    return std::nullopt;
  }
  if (!may_delete(view, *copy)) {
    refuse(view, fmt::format("{} is live and is not deleted", copy->id),
           "refresh or roll back first; to take everything away use: yesterdaytabase teardown");
    return std::nullopt;
  }
  bool served = copy->phase == Phase::kDraining || copy->phase == Phase::kSpare;
  if (view.live() == nullptr && (served || can_serve(*copy))) {
    refuse(view, fmt::format("{} is not deleted while no other copy is live", copy->id),
           "refresh first; to take everything away use: yesterdaytabase teardown", Retry::kLater);
    return std::nullopt;
  }
  if (copy->phase == Phase::kDraining &&
      ((view.now < copy->phase_since + view.desired.drain && !model::has_no_clients(*copy, view.now)) ||
       !view.alias().seen)) {
    refuse(view, fmt::format("{} still serves clients that hold on to it", copy->id),
           fmt::format("it goes by itself once its drain is over, at {} or later",
                       to_iso(copy->phase_since + view.desired.drain)),
           Retry::kLater);
    return std::nullopt;
  }
  Action action = action_on(ActionKind::kDelete, *copy, "its deletion was asked for");
  if (copy->phase != Phase::kFailed && copy->phase != Phase::kDeleting) {
    action.tombstone =
        tombstone_of(*copy, model::AttemptOutcome::kDeletedByPerson, view.now, "deleted by a person");
  }
  auto allowed = unless_backing_off(view, std::move(action), *copy);
  if (!allowed && !view.in_the_way && !view.holds.empty()) view.in_the_way = view.holds.back();
  return allowed;
}

}  // namespace ytb::decide
