#include "lambda/handler.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "base/secret.h"
#include "base/text.h"
#include "lambda/deadline.h"
#include "lambda/status_line.h"

namespace ytb::lambda {

using model::ActionKind;
using model::Copy;
using model::Phase;

namespace {

Instant stop_of(const Invocation& invocation) { return invocation.deadline - DeadlineWatch::kMargin; }

refresh::RunOptions options_for(const DueMark* mark) {
  refresh::RunOptions options;
  bool wants = mark != nullptr && mark->want == DueMark::Want::kRefresh;
  options.refresh_now = wants;
  options.force = wants && mark->force;
  if (mark != nullptr) options.asked_at = mark->at;
  return options;
}

model::Observed observe(refresh::Drivers& drivers) {
  model::Observed observed;
  observed.copies = drivers.host->list();
  observed.alias = drivers.alias->read();
  return observed;
}

Json unable(const Target& target, const Error& why) {
  Json answer = empty_answer("");
  answer["production"] = target.production->name.str();
  put_error(answer, why);
  return answer;
}

Handled answered(const Json& answer) { return Handled{.answer = to_text(answer), .afterwards = {}}; }

std::vector<std::string> names_of(const config::Config& config) {
  std::vector<std::string> names;
  for (const config::ProductionConfig& production : config.productions)
    names.push_back(production.name.str());
  return names;
}

}  // namespace

// A production and what was asked of it.
struct Handler::Ticked {
  Target target;
  std::optional<DueMark> mark;
};

Result<Target> Handler::target_for(const Event& event) {
  Target target;
  if (event.config) {
    YTB_ASSIGN(target.setup, parts_.setup_of(*event.config));
    target.production = &target.setup.config->productions.front();
    target.config_text = event.config_text;
    return target;
  }
  YTB_ASSIGN(std::optional<Setup> own, parts_.own_setup());
  if (!own) {
    return Error{.code = Code::kConfig,
                 .message = "the event brings no 'config', and the function has none of its own",
                 .hint = "put a config.json or yesterdaytabase.yaml into it, or 'config' into the event"};
  }
  target.setup = *std::move(own);
  const config::Config& config = *target.setup.config;
  std::vector<std::string> names = names_of(config);
  if (event.production.empty() && config.productions.size() == 1) {
    target.production = &config.productions.front();
    return target;
  }
  for (const config::ProductionConfig& production : config.productions) {
    if (production.name == event.production) {
      target.production = &production;
      return target;
    }
  }
  if (event.production.empty()) {
    return Error{.code = Code::kUsage,
                 .message = fmt::format("the event does not say which production: {}", join(names, ", ")),
                 .hint = R"(add it, for example {"action": "update", "production": "shop"})"};
  }
  return Error{.code = Code::kUsage,
               .message = fmt::format("there is no production '{}'{}", printable(event.production.str()),
                                      did_you_mean(event.production.str(), names)),
               .hint = fmt::format("there are {}", join(names, ", "))};
}

void Handler::read_anew() const {
  if (parts_.read_anew) parts_.read_anew();
}

Instant Handler::asked_at(const Event& event) const {
  // A schedule's own time makes an event that is delivered twice one wish.
  Instant now = parts_.clock.now();
  return event.time && *event.time <= now ? *event.time : now;
}

PassLimits Handler::limits_of(const Invocation& invocation) const {
  return {.stop_at = stop_of(invocation),
          .time_full = std::max(stop_of(invocation) - parts_.clock.now(), Duration{}),
          .holder = invocation.holder,
          .turn_until = invocation.deadline};
}

Result<Handled> Handler::handle(const Invocation& given) {
  Invocation invocation = given;
  const Secret nonce = random_password();
  invocation.holder = fmt::format("{} {}", given.request_id, nonce.reveal());
  YTB_ASSIGN(Event event, parse_event(invocation.event));
  if (event.action != EventAction::kTick) read_anew();
  switch (event.action) {
    case EventAction::kDue:
    case EventAction::kCreate:
    case EventAction::kUpdate:
      return begin(event, invocation);
    case EventAction::kDelete:
      return remove(event, invocation);
    case EventAction::kRollback:
      return roll_back(event, invocation);
    case EventAction::kStatus:
    case EventAction::kPlan:
      return look(event);
    case EventAction::kTick:
      return tick(invocation);
  }
  YTB_CHECK_MSG(false, "an event of no known action");
  return Handled{};
}

// ------------------------------------------------------------------------------------- create, update, due

Result<Handled> Handler::begin(const Event& event, const Invocation& invocation) {
  YTB_ASSIGN(Target target, target_for(event));
  DueMark mark{.production = target.production->name,
               .want = DueMark::Want::kRefresh,
               .at = asked_at(event),
               .force = event.force,
               .config_text = target.config_text};
  // First of all: whatever happens from here on, it is known that a refresh is due.
  Status marked = parts_.marks.mark(mark);
  if (!marked.ok()) return std::move(marked).error().while_doing("recording that a refresh is due");

  StopFlag stop;
  Instant stop_at = std::min(parts_.clock.now() + kFirstActionMax, stop_of(invocation));
  DeadlineWatch watch(parts_.clock, stop_at, stop);
  Result<std::unique_ptr<Pass>> pass = Pass::open(parts_, target, stop);
  if (!pass.ok()) {
    Json answer = empty_answer("");
    answer["production"] = target.production->name.str();
    answer["due"] = true;
    put_error(answer, pass.error());
    return answered(answer);
  }
  PassLimits limits = limits_of(invocation);
  limits.actions_max = 1;
  PassReport report = (*pass)->run(options_for(&mark), limits);
  bool due = settle_mark(mark, report);
  Json answer = answer_of(target, report, observe((*pass)->drivers()), due);
  put_stack_args(answer, target, report);
  Handled handled = answered(answer);
  if (due && report.policy_proposed.empty()) {
    handled.afterwards = [this, target, mark, invocation] { carry_on(target, mark, invocation); };
  }
  return handled;
}

void Handler::carry_on(const Target& target, const DueMark& mark, const Invocation& invocation) {
  StopFlag stop;
  DeadlineWatch watch(parts_.clock, stop_of(invocation), stop);
  Result<std::unique_ptr<Pass>> pass = Pass::open(parts_, target, stop);
  if (!pass.ok()) {
    parts_.log(fmt::format("{}: {}", target.production->name, pass.error().message));
    return;
  }
  PassReport report = (*pass)->run(options_for(&mark), limits_of(invocation));
  settle_mark(mark, report);
  parts_.log(to_text(answer_of(target, report, observe((*pass)->drivers()), true)));
}

bool Handler::settle_mark(const DueMark& mark, const PassReport& report) {
  if (mark.want == DueMark::Want::kTeardown) return true;
  bool promoted = std::any_of(report.done.begin(), report.done.end(), [](const model::Action& action) {
    return action.kind == ActionKind::kPromote;
  });
  bool drains = report.last && report.last->waiting == decide::Waiting::kDrain && !report.last->blocker;
  Status status;
  bool stands = true;
  if (report.settled) {
    status = parts_.marks.clear(mark.production, mark.at);
    stands = false;
  } else if (mark.want == DueMark::Want::kRefresh && (promoted || drains)) {
    DueMark follow = mark;
    follow.want = DueMark::Want::kFollow;
    follow.force = false;
    status = parts_.marks.replace(mark.at, follow);
    stands = false;
  }
  // The mark stands then, and the next invocation finds that there is nothing to do.
  if (!status.ok()) parts_.log(fmt::format("{}: its mark: {}", mark.production, status.error().message));
  return stands;
}

void Handler::put_stack_args(Json& answer, const Target& target, const PassReport& report) {
  const model::Action* restore = nullptr;
  if (report.interrupted && report.interrupted->kind == ActionKind::kRestore) restore = &*report.interrupted;
  for (const model::Action& action : report.done) {
    if (action.kind == ActionKind::kRestore) restore = &action;
  }
  if (restore == nullptr || !restore->snapshot) return;
  if (parts_.stack_args) {
    Result<std::string> text = parts_.stack_args(*target.setup.config, *target.production, *restore);
    if (!text.ok()) parts_.log(fmt::format("stack_args: {}", text.error().message));
    Json tree = text.ok() ? parse_json<Json>(*text) : Json();
    if (tree.is_object()) {
      answer["stack_args"] = std::move(tree);
      return;
    }
  }
  answer["stack_args"] = {
      {"StackName", restore->copy.str()},
      {"Parameters",
       Json::array({Json{{"ParameterKey", "Snapshot"}, {"ParameterValue", restore->snapshot->id.str()}}})}};
}

// --------------------------------------------------------------------------------------------------- tick

Result<std::vector<Handler::Ticked>> Handler::targets_of_tick(std::string& trouble) {
  std::vector<Ticked> targets;
  YTB_ASSIGN(std::optional<Setup> own, parts_.own_setup());
  Result<std::vector<DueMark>> marks = parts_.marks.read();
  if (!marks.ok() && !own) return std::move(marks).error().while_doing("reading what is due");
  // What is under way is carried on even so.
  if (!marks.ok()) trouble = fmt::format("what is due cannot be read: {}", marks.error().message);
  std::vector<DueMark> left = marks.ok() ? *marks : std::vector<DueMark>{};
  if (own) {
    for (const config::ProductionConfig& production : own->config->productions) {
      Ticked ticked{.target = {.setup = *own, .production = &production, .config_text = {}}, .mark = {}};
      auto found = std::find_if(left.begin(), left.end(),
                                [&](const DueMark& m) { return m.production == production.name; });
      // A mark with a config of its own is a target of its own, below.
      if (found != left.end() && !found->config_text.empty()) continue;
      if (found != left.end()) {
        ticked.mark = *found;
        left.erase(found);
      }
      targets.push_back(std::move(ticked));
    }
  }
  for (const DueMark& mark : left) {
    if (mark.config_text.empty()) {
      trouble = fmt::format("a refresh of '{}' is marked, which is in no config any more",
                            printable(mark.production.str()));
      continue;
    }
    Result<OriginalConfig> config = parse_original_config(mark.config_text);
    Result<Setup> setup = config.ok() ? parts_.setup_of(*config) : Result<Setup>(config.error());
    if (!setup.ok()) {
      trouble = fmt::format("'{}' cannot be carried on: {}", printable(mark.production.str()),
                            setup.error().message);
      continue;
    }
    Ticked ticked{
        .target = {.setup = *std::move(setup), .production = nullptr, .config_text = mark.config_text},
        .mark = mark};
    ticked.target.production = &ticked.target.setup.config->productions.front();
    targets.push_back(std::move(ticked));
  }
  return targets;
}

Json Handler::tick_one(const Target& target, const DueMark* mark, const Invocation& invocation) {
  const bool goes = mark != nullptr && mark->want == DueMark::Want::kTeardown;
  Seen copies = Error{.code = Code::kConnection, .message = "nothing was looked at", .hint = {}};
  Json answer =
      goes ? tick_gone(target, *mark, invocation, copies) : tick_stays(target, mark, invocation, copies);
  // However it went: an alarm takes silence for failure.
  parts_.log(status_line(*target.production, copies, parts_.clock.now()));
  return answer;
}

Json Handler::tick_stays(const Target& target, const DueMark* mark, const Invocation& invocation,
                         Seen& copies) {
  StopFlag stop;
  DeadlineWatch watch(parts_.clock, stop_of(invocation), stop);
  if (mark != nullptr) read_anew();
  Result<std::unique_ptr<Pass>> pass = Pass::open(parts_, target, stop);
  if (!pass.ok()) return unable(target, pass.error());
  if (mark == nullptr) {
    model::Observed seen;
    if (std::optional<PassReport> quiet = (*pass)->glance(seen)) {
      Json answer = answer_of(target, *quiet, seen, false);
      copies = std::move(seen.copies);
      return answer;
    }
    read_anew();
    pass = Pass::open(parts_, target, stop);
    if (!pass.ok()) return unable(target, pass.error());
  }
  PassReport report = (*pass)->run(options_for(mark), limits_of(invocation));
  bool due = mark != nullptr && settle_mark(*mark, report);
  model::Observed observed = observe((*pass)->drivers());
  Json answer = answer_of(target, report, observed, due);
  copies = std::move(observed.copies);
  put_stack_args(answer, target, report);
  return answer;
}

Json Handler::tick_gone(const Target& target, const DueMark& mark, const Invocation& invocation,
                        Seen& copies) {
  Json answer = empty_answer(fmt::format(
      "removed, as was asked at {}; an event with action create brings it back", to_iso(mark.at)));
  answer["production"] = target.production->name.str();
  read_anew();
  StopFlag stop;
  DeadlineWatch watch(parts_.clock, stop_of(invocation), stop);
  Result<std::unique_ptr<Pass>> pass = Pass::open(parts_, target, stop);
  if (!pass.ok()) {
    put_error(answer, pass.error());
    return answer;
  }
  model::Observed observed = observe((*pass)->drivers());
  bool gone = observed.copies.known() && observed.alias.known() && !observed.alias->target &&
              std::none_of(observed.copies->begin(), observed.copies->end(), [&](const Copy& copy) {
                return copy.marked && copy.production == target.production->name;
              });
  copies = std::move(observed.copies);
  if (gone) {
    Result<bool> left = (*pass)->drivers().host->has_leftovers();
    if (!left.ok()) {
      put_error(answer, left.error());
      return answer;
    }
    gone = !*left;
  }
  if (gone) return answer;
  answer["action"] = "delete";
  Status status = (*pass)->tear_down(limits_of(invocation));
  if (status.ok()) return answer;
  if (status.error().code == Code::kInterrupted) {
    answer["message"] = "the removal is under way; the next invocation goes on with it";
  } else {
    put_error(answer, status.error());
  }
  return answer;
}

Result<Handled> Handler::tick(const Invocation& invocation) {
  std::string trouble;
  YTB_ASSIGN(std::vector<Ticked> targets, targets_of_tick(trouble));
  std::vector<Json> answers(targets.size());
  auto tick_at = [&](size_t i) {
    answers[i] = tick_one(targets[i].target, targets[i].mark ? &*targets[i].mark : nullptr, invocation);
  };
  // Side by side, as masking one may take as long as there is.
  for (size_t first = 0; first < targets.size(); first += kAtOnceMax) {
    size_t end = std::min(targets.size(), first + kAtOnceMax);
    std::vector<std::thread> others;
    for (size_t i = first + 1; i < end; ++i) others.emplace_back(tick_at, i);
    tick_at(first);
    for (std::thread& other : others) other.join();
  }
  Json answer =
      answers.size() == 1 ? answers.front() : empty_answer("nothing is configured and nothing is due");
  if (answers.size() > 1) {
    answer["message"] = fmt::format("{} productions were looked after", answers.size());
    answer["productions"] = Json::array();
    for (Json& one : answers) {
      if (answer["error"].is_null() && !one["error"].is_null()) answer["error"] = one["error"];
      answer["productions"].push_back(std::move(one));
    }
  }
  if (!trouble.empty() && answer["error"].is_null()) answer["error"] = trouble;
  parts_.log(to_text(answer));
  return answered(answer);
}

// ------------------------------------------------------------------------------------------ delete, rollback

Result<Handled> Handler::remove(const Event& event, const Invocation& invocation) {
  YTB_ASSIGN(Target target, target_for(event));
  if (!event.copy.empty()) return remove_copy(event, target, invocation);
  DueMark mark{.production = target.production->name,
               .want = DueMark::Want::kTeardown,
               .at = asked_at(event),
               .config_text = target.config_text};
  Status marked = parts_.marks.mark(mark);
  if (!marked.ok()) return std::move(marked).error().while_doing("recording that everything is to go");
  Json answer = empty_answer("every copy and the name are being removed; snapshots, keys and proofs stay");
  answer["action"] = name_of(EventAction::kDelete);
  answer["production"] = target.production->name.str();
  Handled handled = answered(answer);
  handled.afterwards = [this, target, mark, invocation] {
    Seen copies = Error{.code = Code::kConnection, .message = "nothing was looked at", .hint = {}};
    parts_.log(to_text(tick_gone(target, mark, invocation, copies)));
  };
  return handled;
}

Result<Handled> Handler::remove_copy(const Event& event, const Target& target, const Invocation& invocation) {
  StopFlag stop;
  DeadlineWatch watch(parts_.clock, stop_of(invocation), stop);
  YTB_ASSIGN(std::unique_ptr<Pass> pass, Pass::open(parts_, target, stop));
  refresh::RunOptions options;
  options.refresh_now = false;
  options.delete_copy = event.copy;
  PassLimits limits = limits_of(invocation);
  limits.holder.clear();  // a person's wish does not wait until masking is over
  PassReport report = pass->run(options, limits);
  Json answer = answer_of(target, report, observe(pass->drivers()), false);
  if (!report.failure) answer["action"] = name_of(EventAction::kDelete);
  return answered(answer);
}

Result<Handled> Handler::roll_back(const Event& event, const Invocation& invocation) {
  YTB_ASSIGN(Target target, target_for(event));
  StopFlag stop;
  DeadlineWatch watch(parts_.clock, stop_of(invocation), stop);
  YTB_ASSIGN(std::unique_ptr<Pass> pass, Pass::open(parts_, target, stop));
  refresh::RunOptions options;
  options.refresh_now = false;
  options.rollback_to = event.copy;
  if (event.copy.empty()) {
    YTB_ASSIGN(std::vector<Copy> copies, pass->drivers().host->list());
    const Copy* best = nullptr;
    for (const Copy& copy : copies) {
      bool serves = (copy.phase == Phase::kDraining || copy.phase == Phase::kSpare) && copy.opened &&
                    copy.proven && copy.production == target.production->name;
      if (serves && (best == nullptr || copy.data_as_of > best->data_as_of)) best = &copy;
    }
    if (best == nullptr) {
      Json answer = empty_answer("");
      answer["production"] = target.production->name.str();
      put_error(answer, {.code = Code::kRefused,
                         .message = "there is no previous copy to roll back to",
                         .hint = "keep one with YTB_SPARE_COPIES=1 (spare_copies: 1)"});
      return answered(answer);
    }
    options.rollback_to = best->id;
  }
  PassLimits limits = limits_of(invocation);
  limits.holder.clear();  // a person's wish does not wait until masking is over
  PassReport report = pass->run(options, limits);
  Json answer = answer_of(target, report, observe(pass->drivers()), false);
  if (!report.failure) answer["action"] = name_of(EventAction::kRollback);
  return answered(answer);
}

// -------------------------------------------------------------------------------------------- status, plan

Result<Handled> Handler::look(const Event& event) {
  YTB_ASSIGN(Target target, target_for(event));
  StopFlag stop;
  YTB_ASSIGN(std::unique_ptr<Pass> pass, Pass::open(parts_, target, stop));
  YTB_ASSIGN(std::vector<DueMark> marks, parts_.marks.read());
  auto found = std::find_if(marks.begin(), marks.end(),
                            [&](const DueMark& mark) { return mark.production == target.production->name; });
  const DueMark* mark = found == marks.end() ? nullptr : &*found;
  refresh::RunOptions options = options_for(mark);
  if (event.action == EventAction::kPlan) {
    options.refresh_now = true;
    options.force = event.force;
    options.asked_at.reset();
  }
  model::Observed observed;
  PassReport report;
  YTB_ASSIGN(report.last, pass->plan(options, observed));
  Json answer = answer_of(target, report, observed, mark != nullptr && mark->want == DueMark::Want::kRefresh);
  answer["action"] = name_of(event.action);
  answer["next"] = report.last->action ? Json(report.last->action->id()) : Json(nullptr);
  answer["alias"] = observed.alias.known() ? Json(observed.alias->connect) : Json(nullptr);
  answer["copies"] = Json::array();
  if (observed.copies.known()) {
    for (const Copy& copy : *observed.copies) {
      if (copy.production == target.production->name) answer["copies"].push_back(to_tree(copy));
    }
  } else {
    put_error(answer, observed.copies.why_not());
  }
  return answered(answer);
}

}  // namespace ytb::lambda
