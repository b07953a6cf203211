// plan, refresh.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/text.h"
#include "cli/context.h"
#include "cli/describe.h"
#include "cli/served.h"
#include "masking/plan.h"

namespace ytb::cli {
namespace {

Duration from_seconds(double seconds) { return Duration(static_cast<int64_t>(seconds * 1e6)); }

std::string times_text(const std::vector<std::pair<std::string, double>>& times) {
  std::vector<std::string> parts;
  for (const auto& [step, seconds] : times) {
    if (seconds >= 0.1) parts.push_back(fmt::format("{} {}", step, to_human(from_seconds(seconds))));
  }
  return join(parts, ", ");
}

// What a restore needs and what there is; empty where the next action is no restore.
Result<std::optional<ports::SpaceEstimate>> space_for(const Site& site, const decide::Decision& decision,
                                                      bool remembers) {
  if (!decision.action || decision.action->kind != model::ActionKind::kRestore ||
      !decision.action->snapshot) {
    return std::optional<ports::SpaceEstimate>();
  }
  YTB_ASSIGN(ports::SpaceEstimate space, site.drivers.host->estimate(*decision.action->snapshot, remembers));
  return std::optional<ports::SpaceEstimate>(space);
}

// How long steps took when they were last done; what never was is named.
std::string time_text(const std::vector<std::string>& steps,
                      const std::vector<std::pair<std::string, double>>& times) {
  if (times.empty())
    return steps.size() == 1 ? "unknown: it was not done before" : "unknown: no earlier run is on record";
  const double total = std::accumulate(times.begin(), times.end(), 0.0,
                                       [](double sum, const auto& step) { return sum + step.second; });
  return fmt::format("{} ({} last time)", to_human(from_seconds(total)), times_text(times));
}

// `lead`: "next", or "then" after another.
void print_decision(const Context& context, const Site& site, std::string_view lead,
                    const decide::Decision& decision, const std::string& space) {
  if (!decision.action) {
    context.out() << fmt::format("{}: {}\n", lead == "next" ? "nothing to do" : "then nothing more",
                                 decision.reason);
    std::string until = decision.until ? to_iso(*decision.until) : "";
    context.out() << facts({{"look again", until}});
  } else {
    std::vector<std::string> steps = steps_from(decision.action->kind);
    auto times = last_times(*site.drivers.journal, site.production->name, steps);
    context.out() << fmt::format("{}: {} {}\n", lead,
                                 context.output.bold(model::name_of(decision.action->kind)),
                                 decision.action->copy);
    context.out() << facts({{"why", decision.reason},
                            {"then", join(std::vector<std::string>(steps.begin() + 1, steps.end()), " → ")},
                            {"about", time_text(steps, times)},
                            {"space", space}});
  }
  if (decision.blocker)
    context.out() << facts({{"in the way", decision.blocker->message}, {"hint", decision.blocker->hint}});
}

// Ends with what is remarked once all of it is done.
void print_plan(const Context& context, const Site& site, const std::vector<decide::Decision>& decisions,
                const std::optional<ports::SpaceEstimate>& space) {
  const bool frees = std::any_of(decisions.begin(), decisions.end(), [](const decide::Decision& each) {
    return each.action && each.action->kind == model::ActionKind::kDelete;
  });
  const std::string room =
      space ? space_text(*space) + (frees ? ", before the deletion" : "") : std::string();
  for (size_t i = 0; i < decisions.size(); ++i) {
    const bool last = i + 1 == decisions.size();
    print_decision(context, site, i == 0 ? "next" : "then", decisions[i], last ? room : std::string());
  }
  for (const std::string& remark : decisions.back().remarks)
    context.out() << "  " << context.output.dim(remark) << "\n";
}

// What a restore would come to: the policy against production as it is now, where production can be asked.
// The snapshot's own catalog is judged once it is restored.
std::optional<masking::PlanCheck> judge_beforehand(const Context& context, const Site& site,
                                                   const decide::Decision& decision) {
  const bool restores = decision.action && decision.action->kind == model::ActionKind::kRestore;
  if (!restores || !site.production->masking.none_reason.empty() ||
      site.production->source.connection.empty())
    return std::nullopt;
  const Result<refresh::PolicyFiles> files = refresh::load_policy(site.production->masking, *site.vault);
  if (!files.ok()) return std::nullopt;  // loading the inputs has said it
  const Result<CatalogFound> found = find_catalog(context, site);
  if (!found.ok()) {
    context.output.err << "the policy is not judged before the restore: " << found.error().message << "\n";
    return std::nullopt;
  }
  return masking::plan_masking(files->policy, files->lock, found->catalog);
}

void print_judgement(const Context& context, const masking::PlanCheck& check) {
  for (const masking::Finding& finding : check.findings) {
    // Other remarks are the business of `policy check`.
    const bool constraint = finding.kind == masking::Finding::Kind::kConstraint ||
                            finding.kind == masking::Finding::Kind::kNotTried;
    if (!finding.error && !constraint) continue;
    context.out() << fmt::format("  {} {}\n",
                                 finding.error ? context.output.bad("✗") : context.output.warn("!"),
                                 masking::to_string(finding));
  }
  if (!check.ok()) {
    context.out() << "  a refresh would stop: the policy does not fit production as it is now\n";
  }
}

// When the schedule asks for the next one; where something else is in the way, that.
std::string what_comes_next(const Context& context, const Site& site, const decide::Decision& last) {
  if (last.blocker) return last.blocker->message;
  if (!site.production->schedule) return {};
  std::optional<Instant> due = site.production->schedule->next_after(context.now());
  return due ? fmt::format("the next refresh is due at {}", to_iso(*due)) : std::string();
}

Status print_summary(const Context& context, const Site& site, refresh::Refresher& refresher,
                     const refresh::RunResult& result, Duration took) {
  const Output& output = context.output;
  model::Observed observed = refresher.observe();
  if (output.json()) {
    Json tree{{"event", "result"},
              {"actions", result.actions_done},
              {"decision", to_tree(result.last)},
              {"live", result.live ? to_tree(*result.live, context.now()) : Json(nullptr)},
              {"isolation", isolation_word(result.live ? &*result.live : nullptr)},
              {"connect", how_to_connect(observed)},
              {"connect_note", connect_note(observed)},
              {"seconds", static_cast<double>(took.count()) / 1e6}};
    Json phases = Json::array();
    for (const auto& [phase, time] : result.phase_times) {
      phases.push_back(Json{{"phase", phase}, {"seconds", static_cast<double>(time.count()) / 1e6}});
    }
    tree["phases"] = std::move(phases);
    context.out() << to_text(tree);
    return {};
  }
  if (result.actions_done.empty()) {
    context.out() << fmt::format("nothing to do: {}\n", result.last.reason);
  } else {
    context.out() << fmt::format("{} done in {}\n", output.good("✓"), to_human(took));
  }
  std::vector<std::pair<std::string, double>> times;
  for (const auto& [phase, time] : result.phase_times) {
    times.emplace_back(phase, static_cast<double>(time.count()) / 1e6);
  }
  std::string previous;
  if (observed.copies.known()) {
    const model::Copy* before = previous_copy(*observed.copies);
    if (before != nullptr && before->running) previous = before->id.str();
  }
  context.out() << facts(
      {{"live", result.live ? result.live->id.str() : std::string("nothing")},
       {"data as of", result.live ? fmt::format("{} ({} old)", to_iso(result.live->data_as_of),
                                                age(result.live->data_as_of, context.now()))
                                  : std::string()},
       {"isolation", loose_isolation(result.live ? &*result.live : nullptr)},
       {"connect", how_to_connect(observed)},
       {"password", result.live ? where_password_is(*site.production) : std::string()},
       {"from here", result.live ? connect_command(context, *site.production) : std::string()},
       {"note", result.live ? connect_note(observed) : std::string()},
       {"times", times_text(times)},
       {"proof",
        result.live ? context.command(fmt::format("proof show {}", result.live->id)) : std::string()},
       {"way back", previous.empty() ? std::string() : context.command(fmt::format("rollback {}", previous))},
       {"next", what_comes_next(context, site, result.last)}});
  // A newer snapshot that was passed over is what a person would look for first.
  for (const std::string& remark : result.last.remarks)
    context.out() << "  " << output.dim("· " + remark) << "\n";
  return {};
}

void say_busy(const Context& context, const Error& held) {
  if (context.output.json()) {
    context.out() << to_text(Json{{"event", "result"}, {"actions", Json::array()}, {"busy", held.message}});
    return;
  }
  context.out() << fmt::format("nothing to do: {}\n", held.message);
}

}  // namespace

Status run_plan(Context& context) {
  YTB_ASSIGN(Site site, open_site(context));
  ProgressView view(context.output, context.services.clock);
  YTB_ASSIGN(refresh::Inputs inputs,
             refresh::load_inputs(*site.config, *site.production, site.state, *site.vault));
  const bool remembers = inputs.remembers();
  YTB_ASSIGN(refresh::Refresher refresher, make_refresher(context, site, std::move(inputs), view));
  refresh::RunOptions options;
  options.force = context.call.has("force");
  std::vector<decide::Decision> decisions = refresher.foresee(options);
  // Before it a copy that nobody needs any more may go, or become a spare.
  decide::Decision& decision = decisions.back();
  if (const std::string stray = stray_alias(site); !stray.empty()) {
    for (decide::Decision& each : decisions) each.remarks.push_back(stray);
  }
  YTB_ASSIGN(std::optional<ports::SpaceEstimate> space, space_for(site, decision, remembers));
  const std::optional<masking::PlanCheck> judged = judge_beforehand(context, site, decision);
  if (!context.output.json()) {
    print_plan(context, site, decisions, space);
    if (judged) print_judgement(context, *judged);
    return {};
  }
  Json tree{{"production", site.production->name.str()}, {"decision", to_tree(decisions.front())}};
  Json then = Json::array();
  for (size_t i = 1; i < decisions.size(); ++i) then.push_back(to_tree(decisions[i]));
  tree["then"] = std::move(then);
  if (decision.action) {
    std::vector<std::string> steps = steps_from(decision.action->kind);
    tree["steps"] = steps;
    Json times = Json::object();
    for (const auto& [step, seconds] : last_times(*site.drivers.journal, site.production->name, steps)) {
      times[step] = seconds;
    }
    tree["last_seconds"] = std::move(times);
  }
  if (space) {
    tree["space"] = {{"needed_bytes", space->needed_bytes},
                     {"available_bytes", space->available_bytes},
                     {"shares_blocks", space->shares_blocks},
                     {"how", space->how}};
  }
  if (judged) {
    Json findings = Json::array();
    for (const masking::Finding& finding : judged->findings) {
      findings.push_back(Json{{"kind", masking::name_of(finding.kind)},
                              {"error", finding.error},
                              {"message", finding.message},
                              {"instead", finding.instead}});
    }
    tree["policy"] = {{"ok", judged->ok()}, {"findings", std::move(findings)}};
  }
  context.out() << to_text(tree);
  return {};
}

// Where the name leads by way of a gate that is not there, no copy could go live: better said now than after
// a restore, and waiting would not help.
Status check_name(const Context& context, const Site& site, const Error& why_no_gate) {
  if (!config::guards_socket(*site.production) || why_no_gate.retry == Retry::kLater) return {};
  const auto gatekeeper = context.services.make_gatekeeper(*site.config, *site.production);
  const Result<std::optional<ports::GateReport>> report = gatekeeper->report();
  if (report.ok() && *report && (*report)->takes_in_locally)
    return {};  // one of other settings is there still
  return why_no_gate;
}

namespace {

// The findings of a refused refresh stand above already: at the end their first line will do.
void shorten_what_was_told(const std::string& told, Error& error) {
  const size_t at = told.empty() ? std::string::npos : error.message.find(told);
  const size_t end = told.find('\n');
  if (at == std::string::npos || end == std::string::npos) return;
  error.message.replace(at, told.size(), told.substr(0, end) + " (above)");
}

}  // namespace

Status run_refresh(Context& context) {
  YTB_ASSIGN(Site site, open_site(context));
  Instant begun = context.now();
  Result<os::FileLock> lock = site.state.lock(site.production->name, "refresh", begun);
  if (!lock.ok() && lock.error().code == Code::kBusy && context.call.has("if-due")) {
    // 'serve', or the run before, is at it: for cron and timers that is as it should be.
    say_busy(context, lock.error());
    return {};
  }
  if (!lock.ok()) return std::move(lock).error();
  YTB_ASSIGN(refresh::Inputs inputs,
             refresh::load_inputs(*site.config, *site.production, site.state, *site.vault));
  ProgressView view(context.output, context.services.clock, context.services.hooks);
  YTB_ASSIGN(refresh::Refresher refresher, make_refresher(context, site, std::move(inputs), view));
  refresh::RunOptions options;
  options.refresh_now = !context.call.has("if-due");
  options.force = context.call.has("force");
  options.wait_drain = context.call.has("wait-drain");
  // Before the name moves, as it may come to lead to the gate; whether that went well is asked again at the
  // end.
  const Result<std::string> kept = keep_gate(context, site);
  if (!kept.ok()) YTB_TRY(check_name(context, site, kept.error()));
  if (kept.ok() && !kept->empty()) view.note(*kept);
  if (const std::string stray = stray_alias(site); !stray.empty()) view.note(stray);
  Result<refresh::RunResult> result = refresher.run(options);
  const Result<std::string> gate = keep_gate(context, site);
  view.finish();
  if (!result.ok()) {
    Error error = std::move(result).error();
    if (error.code == Code::kInterrupted) {
      error.hint = fmt::format("nothing is lost: '{}' goes on from here, and staging serves what it served",
                               context.command("refresh"));
    }
    shorten_what_was_told(view.told_failure(), error);
    return error;
  }
  YTB_TRY(print_summary(context, site, refresher, *result, context.now() - begun));
  if (gate.ok()) return {};
  Error error = gate.error();
  return std::move(error).while_doing("the copies are as wanted, but the gate is not");
}

}  // namespace ytb::cli
