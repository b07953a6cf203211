// Without a command: where one is, and what comes next.
#include <fmt/format.h>

#include <algorithm>

#include "base/shell.h"
#include "base/text.h"
#include "cli/context.h"
#include "cli/describe.h"
#include "cli/served.h"
#include "drivers/os/files.h"
#include "masking/plan.h"

namespace ytb::cli {
namespace {

// What is there, and the one command that is next.
struct Where {
  std::vector<std::pair<std::string, std::string>> facts;
  std::string next;  // a command line
  std::string why;
};

Where without_config(const Context& context) {
  Where where;
  where.next = context.command("init --connection \"host=db.internal user=ytb_backup dbname=shop\"");
  where.why = "writes a first config; on AWS begin with the one in docs/guide-aws.md";
  return where;
}

// Snapshots first: all else needs one.
bool wants_snapshot(const Context& context, const Site& site, Where& where) {
  const std::vector<std::string>& folders = site.production->source.directories;
  const bool no_folder = !folders.empty() && std::none_of(folders.begin(), folders.end(), os::exists);
  const Result<std::vector<model::Snapshot>> snapshots =
      no_folder ? std::vector<model::Snapshot>{} : site.drivers.source->list();
  if (!snapshots.ok()) {
    where.facts.emplace_back("snapshots", snapshots.error().message);
    where.next = context.command("check");
    where.why = snapshots.error().hint;
    return true;
  }
  const auto usable = std::find_if(snapshots->begin(), snapshots->end(), [](const model::Snapshot& snapshot) {
    return snapshot.state == model::SnapshotState::kUsable;
  });
  if (usable != snapshots->end()) {
    where.facts.emplace_back("snapshot", fmt::format("{} ({} old)", printable(usable->id.str()),
                                                     age(usable->data_as_of, context.now())));
    return false;
  }
  where.facts.emplace_back("snapshots", snapshots->empty()
                                            ? fmt::format("none in {}", place_of_snapshots(*site.production))
                                            : fmt::format("none of {} can be used", snapshots->size()));
  const bool can_take =
      snapshots->empty() && !config::is_aws(*site.production) && !site.production->source.connection.empty();
  where.next = context.command(can_take ? "snapshot take" : "snapshot list");
  where.why =
      can_take ? "or put base backups of your own there" : "says what is there, and why it cannot be used";
  return true;
}

bool wants_policy(const Context& context, const Site& site, Where& where) {
  const config::MaskingConfig& masking = site.production->masking;
  if (!masking.none_reason.empty()) {
    where.facts.emplace_back("masking", fmt::format("NONE, because: {}", printable(masking.none_reason)));
    return false;
  }
  const std::string& file = masking.policy_file;
  const Result<std::optional<std::string>> text = site.vault->text(file, refresh::kPolicySizeMax);
  if (text.ok() && !*text) {
    where.facts.emplace_back("policy", "there is none yet");
    where.next = context.command("policy propose --out " + shell_word(file));
    where.why = "writes a first one, each line with its reason";
    return true;
  }
  Result<refresh::PolicyFiles> files = refresh::load_policy(masking, *site.vault);
  std::optional<Error> wrong = files.ok() ? masking::still_undecided(files->policy) : files.error();
  const bool undecided = files.ok() && wrong;
  bool to_accept = files.ok();
  if (!wrong && !site.production->source.connection.empty()) {
    const Result<CatalogFound> found = find_catalog(context, site);
    if (found.ok()) {
      const masking::PlanCheck check = masking::plan_masking(files->policy, files->lock, found->catalog);
      if (!check.ok()) wrong = masking::to_error(check);
      to_accept = masking::accepting_settles(check);
    }
  }
  if (!wrong) {
    where.facts.emplace_back("policy", file);
    return false;
  }
  where.facts.emplace_back("policy", split(wrong->message, '\n').front());
  where.next = context.command(undecided || !to_accept ? "policy check" : "policy accept");
  where.why = undecided
                  ? fmt::format("shows what to write instead of `judge` in {}; then 'policy accept'", file)
                  : wrong->hint;
  return true;
}

std::string failure_of(const model::Attempt& failed) {
  return fmt::format("the last refresh failed, at {}: {}", to_iso(failed.at),
                     split(failed.reason, '\n').front());
}

// With a live copy `status` has it all; here the one line that matters.
void say_live(const Context& context, const Site& site, const model::Copy& live,
              const model::Observed& observed, const model::Attempt* failed, Where& where) {
  where.facts.emplace_back("live", live.id.str());
  where.facts.emplace_back(
      "data as of", fmt::format("{} ({} old)", to_iso(live.data_as_of), age(live.data_as_of, context.now())));
  if (const std::optional<Error> trouble = why_not_served(context, observed)) {
    where.facts.emplace_back("but", trouble->message);
    where.next = context.command("refresh");
    where.why = trouble->hint;
    return;
  }
  if (failed != nullptr) where.facts.emplace_back("but", failure_of(*failed));
  where.facts.emplace_back("connect", how_to_connect(observed));
  where.next = connect_command(context, *site.production);
  where.why = "opens psql on it";
  if (site.production->schedule) {
    if (const std::optional<Instant> due = site.production->schedule->next_after(context.now()))
      where.facts.emplace_back(
          "next", fmt::format("a refresh is due at {}, where 'serve' or cron runs it", to_iso(*due)));
  }
}

Where where_is(const Context& context, const Site& site) {
  Where where;
  ProgressView quiet(context.output, context.services.clock);
  Result<refresh::Refresher> refresher = make_refresher(context, site, refresh::Inputs{}, quiet);
  if (!refresher.ok()) {
    where.facts.emplace_back("trouble", refresher.error().message);
    where.next = context.command("check");
    where.why = refresher.error().hint;
    return where;
  }
  const model::Observed observed = refresher->observe();
  const model::Attempt* failed = last_failure(observed, last_teardown(site), false);
  if (const model::Copy* live = served_copy(observed)) {
    say_live(context, site, *live, observed, failed, where);
    return where;
  }
  where.facts.emplace_back("live", "nothing");
  if (wants_snapshot(context, site, where) || wants_policy(context, site, where)) return where;
  if (failed != nullptr) {
    where.facts.emplace_back("but", failure_of(*failed));
    where.next = context.command("status");
    where.why = fmt::format("says all of it; once the cause is gone, '{}'", context.command("refresh"));
    return where;
  }
  where.next = context.command("refresh");
  where.why = fmt::format("makes the first copy; '{}' says beforehand whether it would work",
                          context.command("check"));
  return where;
}

void print(const Context& context, const std::string& heading, const Where& where) {
  if (context.output.json()) {
    Json facts = Json::object();
    for (const auto& [name, value] : where.facts) facts[name] = value;
    context.out() << to_text(
        Json{{"production", heading}, {"facts", facts}, {"next", where.next}, {"why", where.why}});
    return;
  }
  context.out() << context.output.bold(heading) << "\n" << facts(where.facts);
  context.out() << fmt::format("next\n  {}\n", where.next);
  if (!where.why.empty()) context.out() << "  " << context.output.dim(where.why) << "\n";
}

}  // namespace

Status run_nothing(Context& context) {
  const Result<std::string> file = find_config(context);
  if (!file.ok()) {
    print(context, "no config here", without_config(context));
  } else {
    YTB_ASSIGN(std::shared_ptr<const config::Config> config, read_config(context));
    std::vector<const config::ProductionConfig*> chosen;
    for (const config::ProductionConfig& production : config->productions) chosen.push_back(&production);
    if (context.call.has("production")) {
      YTB_ASSIGN(const config::ProductionConfig* only, choose_production(context, *config));
      chosen = {only};
    }
    for (const config::ProductionConfig* production : chosen) {
      YTB_ASSIGN(const Site site, open_site(context, config, production));
      print(context, production->name.str(), where_is(context, site));
    }
    if (!context.output.json()) context.out() << fmt::format("config\n  {}\n", *file);
  }
  if (!context.output.json())
    context.out() << "\n'yesterdaytabase help' lists the commands, 'yesterdaytabase status' says more.\n";
  return {};
}

}  // namespace ytb::cli
