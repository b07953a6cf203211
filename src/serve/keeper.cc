#include "serve/keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ytb::serve {

Keeper::Keeper(model::ProductionName production, OpenWorkplace open, Clock& clock, const StopFlag& stop,
               Log log)
    : production_(std::move(production)),
      open_(std::move(open)),
      clock_(clock),
      stop_(stop),
      log_(std::move(log)) {}

void Keeper::log(std::string_view line) { log_(production_, line); }

void Keeper::log_once(std::string_view line) {
  if (last_line_ == line) return;
  last_line_ = line;
  log(line);
}

void Keeper::tell(Workplace& workplace, std::string_view event, std::string_view message,
                  std::string_view hint) {
  Status told = workplace.tell({.production = production_,
                                .event = std::string(event),
                                .message = std::string(message),
                                .hint = std::string(hint),
                                .at = clock_.now()});
  if (!told.ok()) log(fmt::format("could not tell anybody: {}", told.error().message));
}

void Keeper::report(Workplace* workplace, const Error& error) {
  std::string text = to_string(error);
  if (text == last_error_) return;
  last_error_ = text;
  log(fmt::format("error: {}", error.message));
  if (!error.hint.empty()) log(fmt::format("hint: {}", error.hint));
  if (workplace != nullptr && error.code != Code::kInterrupted)
    tell(*workplace, "failed", error.message, error.hint);
}

void Keeper::check_age(Workplace& workplace, const config::ProductionConfig& production) {
  if (!production.max_age) return;
  Result<std::optional<Instant>> data_as_of = workplace.live_data_as_of();
  if (!data_as_of.ok()) return;  // unknown is not stale; the tick has said why
  Instant now = clock_.now();
  bool stale = !*data_as_of || now - **data_as_of > *production.max_age;
  if (!stale) {
    if (stale_told_) log("staging's data is fresh again");
    stale_told_ = false;
    return;
  }
  if (stale_told_) return;
  stale_told_ = true;
  std::string message = *data_as_of ? fmt::format("staging's data is {} old, more than {}",
                                                  to_human(now - **data_as_of), to_human(*production.max_age))
                                    : std::string("no copy is live");
  log(message);
  tell(workplace, "stale", message, "'yesterdaytabase status --explain' says what is in the way");
}

Instant Keeper::act(Workplace& workplace, const config::ProductionConfig& production) {
  if (!started_) {
    Status started = workplace.start_copies();
    if (!started.ok()) {
      report(&workplace, started.error());
    } else {
      started_ = true;
    }
  }
  Instant wake = clock_.now() + kAfterError;
  for (int i = 0; i < kTicksMax && !stop_.requested(); ++i) {
    Result<decide::Decision> decision = workplace.tick();
    if (!decision.ok()) {
      if (decision.error().code != Code::kInterrupted) report(&workplace, decision.error());
      break;
    }
    if (decision->action) continue;
    if (decision->waiting == decide::Waiting::kPerson && decision->blocker) {
      report(&workplace, *decision->blocker);
    } else if (decision->waiting != decide::Waiting::kUnknown) {
      last_error_.clear();
    }
    log_once(decide::to_string(*decision));
    Instant now = clock_.now();
    wake = std::clamp(decision->until.value_or(now + kLookEvery), now + std::chrono::seconds(1),
                      now + kLookEvery);
    break;
  }
  if (!stop_.requested()) check_age(workplace, production);
  return wake;
}

Instant Keeper::turn(const config::Config& config, const config::ProductionConfig& production) {
  Result<std::unique_ptr<Workplace>> workplace = open_(config, production);
  if (!workplace.ok()) {
    if (workplace.error().code == Code::kBusy) {
      log_once(workplace.error().message);
      return clock_.now() + kAfterBusy;
    }
    report(nullptr, workplace.error());
    return clock_.now() + kAfterError;
  }
  return act(**workplace, production);
}

}  // namespace ytb::serve
