// status.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/context.h"
#include "cli/describe.h"
#include "cli/served.h"

namespace ytb::cli {
namespace {

constexpr int kHistoryLines = 20;

// One production's state, gathered before anything is printed.
struct Gathered {
  model::Observed observed;
  std::optional<decide::Decision> decision;
  std::optional<Error> trouble;  // with the inputs: a refresh would not start
  std::vector<ports::JournalEntry> history;
  std::string stray;                // the alias leads to none of these copies, and why
  Instant torn_down;                // when a person last removed everything
  std::optional<Error> not_served;  // why staging does not get it; none where all is well, or not known
  Result<std::optional<ports::GateReport>> gate = std::optional<ports::GateReport>();
};

Result<Gathered> gather(Context& context, const Site& site, refresh::Listener& listener) {
  Gathered gathered;
  Result<refresh::Inputs> inputs =
      refresh::load_inputs(*site.config, *site.production, site.state, *site.vault);
  bool usable = inputs.ok();
  if (!usable) gathered.trouble = inputs.error();
  YTB_ASSIGN(refresh::Refresher refresher,
             make_refresher(context, site, usable ? std::move(*inputs) : refresh::Inputs{}, listener));
  gathered.observed = refresher.observe();
  gathered.not_served = why_not_served(context, gathered.observed);
  gathered.stray = stray_alias(site);
  gathered.torn_down = last_teardown(site);
  refresh::RunOptions options;
  options.refresh_now = false;
  if (usable) gathered.decision = refresher.plan(options);
  if (context.services.make_gatekeeper) {
    const auto gatekeeper = context.services.make_gatekeeper(*site.config, *site.production);
    if (gatekeeper != nullptr) gathered.gate = gatekeeper->report();
    const bool runs =
        !gathered.gate.ok() || (*gathered.gate && (*gathered.gate)->takes_in);  // or it is not known
    if (gatekeeper != nullptr && config::wants_gate(*site.production) && !runs && !gathered.not_served) {
      gathered.not_served = Error{.code = Code::kStale,
                                  .message = "no gate runs for the config's listen: and from:",
                                  .hint = fmt::format("'{}' begins it", context.command("refresh --if-due"))};
    }
  }
  if (context.call.has("explain")) {
    Result<std::vector<ports::JournalEntry>> history =
        site.drivers.journal->recent(site.production->name, kHistoryLines);
    if (history.ok()) gathered.history = std::move(*history);
  }
  return gathered;
}

Result<std::optional<Duration>> max_age_of(const Context& context,
                                           const config::ProductionConfig& production) {
  std::optional<std::string> given = context.call.value("max-age");
  if (!given) return production.max_age;
  Result<Duration> parsed = parse_duration(*given);
  if (!parsed.ok()) {
    Error error = std::move(parsed).error();
    error.code = Code::kUsage;
    return std::move(error).while_doing("--max-age");
  }
  return std::optional<Duration>(*parsed);
}

Json history_tree(const ports::JournalEntry& entry) {
  return Json{{"at", to_iso(entry.at)}, {"copy", entry.copy},     {"event", entry.event},
              {"action", entry.action}, {"detail", entry.detail}, {"seconds", entry.seconds}};
}

const model::Attempt* failure_in(const Gathered& gathered) {
  const bool as_wanted = !gathered.not_served && gathered.decision && gathered.decision->drift.empty();
  return last_failure(gathered.observed, gathered.torn_down, as_wanted);
}

// The copy whose server listens at a socket: <copies>/<id>/run/.s.PGSQL.6500.
std::string copy_at(const std::string& socket) {
  const std::vector<std::string> parts = split(socket, '/');
  return parts.size() < 3 ? std::string() : parts[parts.size() - 3];
}

Json gate_tree(const Gathered& gathered) {
  if (!gathered.gate.ok()) return Json{{"trouble", to_tree(gathered.gate.error())}};
  if (!*gathered.gate) return nullptr;
  const ports::GateReport& gate = **gathered.gate;
  Json connections = Json::array();
  for (const ports::GateConnections& one : gate.connections) {
    connections.push_back(Json{{"role", one.role},
                               {"address", one.address},
                               {"copy", copy_at(one.socket)},
                               {"encrypted", one.encrypted},
                               {"count", one.count}});
  }
  return Json{{"before_login", gate.before_login},
              {"without_header", gate.without_header},
              {"without_header_from", gate.without_header_from},
              {"connections", std::move(connections)}};
}

void print_json(const Context& context, const Site& site, const Gathered& gathered, bool stale) {
  const model::Copy* live = served_copy(gathered.observed);
  Json tree{{"production", site.production->name.str()},
            {"live", live == nullptr ? Json(nullptr) : to_tree(*live, context.now())},
            {"stale", stale},
            {"isolation", isolation_word(live)},
            {"connect", how_to_connect(gathered.observed)},
            {"connect_note", connect_note(gathered.observed)}};
  Json copies = Json::array();
  if (gathered.observed.copies.known()) {
    for (const model::Copy& copy : *gathered.observed.copies) copies.push_back(to_tree(copy, context.now()));
  }
  tree["copies"] = std::move(copies);
  tree["gate"] = gate_tree(gathered);
  tree["decision"] = gathered.decision ? to_tree(*gathered.decision) : Json(nullptr);
  tree["trouble"] = gathered.trouble ? to_tree(*gathered.trouble) : Json(nullptr);
  Json unknown = Json::array();
  for (const Error* error :
       {gathered.observed.snapshots.known() ? nullptr : &gathered.observed.snapshots.why_not(),
        gathered.observed.copies.known() ? nullptr : &gathered.observed.copies.why_not(),
        gathered.observed.alias.known() ? nullptr : &gathered.observed.alias.why_not()}) {
    if (error != nullptr) unknown.push_back(to_tree(*error));
  }
  tree["unknown"] = std::move(unknown);
  tree["not_served"] = gathered.not_served ? to_tree(*gathered.not_served) : Json(nullptr);
  const model::Attempt* failed = failure_in(gathered);
  tree["last_failure"] = failed == nullptr ? Json(nullptr)
                                           : Json{{"at", to_iso(failed->at)},
                                                  {"snapshot", failed->snapshot.str()},
                                                  {"code", name_of(failed->code)},
                                                  {"reason", failed->reason}};
  if (context.call.has("explain")) {
    Json history = Json::array();
    for (const ports::JournalEntry& entry : gathered.history) history.push_back(history_tree(entry));
    tree["history"] = std::move(history);
  }
  context.out() << to_text(tree);
}

void print_unknown(const Context& context, std::string_view what, const Error& error) {
  context.out() << fmt::format("  {} {} could not be observed: {}\n", context.output.warn("!"), what,
                               error.message);
}

void print_trouble(const Context& context, std::string_view what, const Error& error) {
  context.out() << fmt::format("  {} {}{}\n", context.output.bad("✗"), what, error.message);
  if (!error.hint.empty()) context.out() << "    hint: " << error.hint << "\n";
}

void print_gate(const Context& context, const Gathered& gathered) {
  if (!gathered.gate.ok()) return print_unknown(context, "the gate", gathered.gate.error());
  if (!*gathered.gate) return;
  const ports::GateReport& gate = **gathered.gate;
  context.out() << fmt::format("gate{}\n", gate.before_login == 0
                                               ? std::string()
                                               : fmt::format(" ({} logging in)", gate.before_login));
  std::vector<std::vector<std::string>> rows;
  for (const ports::GateConnections& one : gate.connections) {
    rows.push_back({printable(one.role), one.address, printable(copy_at(one.socket)),
                    one.encrypted ? "TLS" : "in clear",
                    fmt::format("{} connection{}", one.count, one.count == 1 ? "" : "s")});
  }
  if (rows.empty()) rows.push_back({"nobody is connected"});
  context.out() << table(rows);
  if (gate.without_header == 0) return;
  context.out() << fmt::format(
      "  {} {} connection{} of proxies closed: no PROXY v2 header that the gate understands, the last from "
      "{}\n"
      "    hint: let the proxy send one (HAProxy: send-proxy-v2 behind 'server'), or take its address out of "
      "'proxies'\n",
      context.output.warn("!"), gate.without_header, gate.without_header == 1 ? "" : "s",
      printable(gate.without_header_from));
}

void print_explanation(const Context& context, const Gathered& gathered) {
  if (gathered.decision) {
    for (const std::string& remark : gathered.decision->remarks) context.out() << "  · " << remark << "\n";
  }
  if (gathered.observed.attempts.known() && !gathered.observed.attempts->empty()) {
    context.out() << "earlier tries\n";
    std::vector<std::vector<std::string>> rows;
    for (const model::Attempt& attempt : *gathered.observed.attempts) {
      rows.push_back({to_iso(attempt.at), printable(attempt.snapshot.str()),
                      fmt::format("try {}", attempt.attempt), attempt.reason});
    }
    context.out() << table(rows);
  }
  if (gathered.history.empty()) return;
  context.out() << "history, newest first\n";
  std::vector<std::vector<std::string>> rows;
  for (const ports::JournalEntry& entry : gathered.history) {
    std::string seconds =
        entry.seconds > 0 ? to_human(Duration(static_cast<int64_t>(entry.seconds * 1e6))) : std::string();
    rows.push_back({to_iso(entry.at), entry.event, entry.action, entry.copy, seconds, entry.detail});
  }
  context.out() << table(rows);
}

void print_text(const Context& context, const Site& site, const Gathered& gathered, bool stale) {
  const Output& output = context.output;
  const model::Observed& observed = gathered.observed;
  const model::Copy* live = served_copy(gathered.observed);
  std::string next = gathered.decision ? decide::to_string(*gathered.decision) : std::string();
  std::string data;
  if (live != nullptr) {
    data = fmt::format("{} ({} old)", to_iso(live->data_as_of), age(live->data_as_of, context.now()));
    if (stale) data = output.bad(data);
  }
  context.out() << output.bold(site.production->name.str()) << "\n"
                << facts({{"live", live == nullptr ? std::string("nothing") : live->id.str()},
                          {"data as of", data},
                          {"isolation", isolation_said(live)},
                          {"connect", live == nullptr ? std::string() : how_to_connect(observed)},
                          {"password", live == nullptr ? std::string() : where_password_is(*site.production)},
                          {"from here",
                           live == nullptr ? std::string() : connect_command(context, *site.production)},
                          {"note", live == nullptr ? std::string() : connect_note(observed)},
                          {"next", next}});
  if (!gathered.stray.empty())
    print_trouble(context, "", {.code = Code::kStale, .message = gathered.stray, .hint = {}});
  if (gathered.not_served && live != nullptr) print_trouble(context, "", *gathered.not_served);
  // Where something else comes next, as a drain, that is still so.
  if (gathered.decision && !gathered.decision->drift.empty() &&
      next.find(gathered.decision->drift) == std::string::npos) {
    const bool drains = gathered.decision->waiting == decide::Waiting::kDrain;
    context.out() << fmt::format("  {} {}: '{}' makes it anew{}\n", output.warn("!"),
                                 gathered.decision->drift, context.command("refresh"),
                                 drains ? ", at the latest once the drain is over" : "");
  }
  if (const model::Attempt* failed = failure_in(gathered)) {
    context.out() << fmt::format("  {} the last refresh failed, at {}: {}\n", output.bad("✗"),
                                 to_iso(failed->at), join(split(failed->reason, '\n'), "\n    "));
  }
  if (gathered.trouble) print_trouble(context, "no refresh can start: ", *gathered.trouble);
  if (gathered.decision && gathered.decision->blocker)
    print_trouble(context, "in the way: ", *gathered.decision->blocker);
  if (!observed.snapshots.known()) print_unknown(context, "snapshots", observed.snapshots.why_not());
  if (!observed.copies.known()) print_unknown(context, "copies", observed.copies.why_not());
  if (!observed.alias.known()) print_unknown(context, "the alias", observed.alias.why_not());
  if (observed.copies.known() && !observed.copies->empty()) {
    context.out() << "copies\n" << table(copy_rows(context, *observed.copies));
  }
  print_gate(context, gathered);
  if (context.call.has("explain")) print_explanation(context, gathered);
}

Status check_age(const Context& context, const Gathered& gathered, const std::optional<Duration>& max_age) {
  if (!max_age) return {};
  std::string hint = fmt::format("'{}' says what is in the way", context.command("status --explain"));
  if (!gathered.observed.copies.known()) return gathered.observed.copies.why_not();
  if (gathered.not_served) return *gathered.not_served;
  Duration old = context.now() - served_copy(gathered.observed)->data_as_of;
  if (old <= *max_age) return {};
  return Error{
      .code = Code::kStale,
      .message = fmt::format("staging's data is {} old, more than {}", to_human(old), to_human(*max_age)),
      .hint = hint};
}

}  // namespace

Status run_status(Context& context) {
  YTB_ASSIGN(Site site, open_site(context));
  YTB_ASSIGN(std::optional<Duration> max_age, max_age_of(context, *site.production));
  ProgressView view(context.output, context.services.clock);
  YTB_ASSIGN(Gathered gathered, gather(context, site, view));
  Status fresh = check_age(context, gathered, max_age);
  if (context.output.json()) {
    print_json(context, site, gathered, !fresh.ok());
    if (fresh.ok()) return {};
  } else {
    print_text(context, site, gathered, !fresh.ok());
  }
  return fresh;
}

}  // namespace ytb::cli
