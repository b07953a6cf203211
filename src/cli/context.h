// Context: one command that is being carried out. Private to this room.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/services.h"
#include "refresh/inputs.h"

namespace ytb::cli {

struct Context {
  const Invocation& call;
  Services& services;
  Output output;

  [[nodiscard]] Instant now() const { return services.clock.now(); }
  [[nodiscard]] std::string program() const { return "yesterdaytabase " + services.version; }
  [[nodiscard]] std::ostream& out() const { return output.out; }
  // "yesterdaytabase rollback", with --config and --production where they were given: for hints to copy.
  [[nodiscard]] std::string command(std::string_view what) const;
  // Asks on the terminal; --yes answers. Without a terminal and without --yes: kUsage. No: kInterrupted.
  Status confirm(std::string_view question) const;
};

// Where the config is: --config, $YTB_CONFIG, ./yesterdaytabase.yaml,
// /etc/yesterdaytabase/yesterdaytabase.yaml.
Result<std::string> find_config(const Context& context);

// One production with its drivers.
struct Site {
  std::shared_ptr<const config::Config> config;
  const config::ProductionConfig* production = nullptr;
  refresh::StateDirectory state;
  std::unique_ptr<ports::Vault> vault;
  refresh::Drivers drivers;
};
Result<std::unique_ptr<ports::Vault>> open_vault(const Services& services, const config::AwsConfig& aws);
Result<std::shared_ptr<const config::Config>> read_config(const Context& context);
Result<const config::ProductionConfig*> choose_production(const Context& context,
                                                          const config::Config& config);
// kRefused: we are root, and somebody else could change what decides.
Result<Site> open_site(const Context& context);
// The same of what was read and chosen already.
Result<Site> open_site(const Context& context, std::shared_ptr<const config::Config> config,
                       const config::ProductionConfig* production);

// A refresher for `site`. Without `inputs` (a broken policy must not keep anybody from looking or rolling
// back) it can observe, roll back and delete.
Result<refresh::Refresher> make_refresher(const Context& context, const Site& site, refresh::Inputs inputs,
                                          refresh::Listener& listener);

// The gate of `site`, as its config says, from now on. What was done; "": nothing, or it has none.
Result<std::string> keep_gate(const Context& context, const Site& site);

// The copy that is recorded live; nullptr: none is.
const model::Copy* live_copy(const std::vector<model::Copy>& copies);
// "2 h 5 min" from `instant` to now; negative ages are "0 s".
std::string age(Instant instant, Instant now);

// A catalog for the policy commands: a schema file, production, or the live copy; `said` tells which and how
// old.
struct CatalogFound {
  masking::Catalog catalog;
  std::string said;
};
Result<CatalogFound> find_catalog(const Context& context, const Site& site);
// Whether there is anybody who could answer them.
masking::Trials trials_for(const Site& site);
// Where `found` is production's own: what of `check` needs production's code is tried
// (refresh/try_constraints.h). Takes seconds, and says so, where there is anything to try.
Status try_constraints(const Context& context, const Site& site, const CatalogFound& found,
                       masking::PlanCheck& check);
// Production itself, through source.connection. kConfig where there is none.
Result<ports::SessionTarget> production_target(const Site& site);

// The commands. Each prints its result; an error is printed by the caller.
Status run_nothing(Context& context);  // without a command: where one is, and what comes next
Status run_init(Context& context);
Status run_check(Context& context);
Status run_snapshot_take(Context& context);
Status run_snapshot_list(Context& context);
Status run_policy_propose(Context& context);
Status run_policy_accept(Context& context);
Status run_policy_check(Context& context);
Status run_policy_explain(Context& context);
Status run_policy_preview(Context& context);
Status run_plan(Context& context);
Status run_refresh(Context& context);
Status run_serve(Context& context);
Status run_lambda(Context& context);
Status run_work(Context& context);
Status run_status(Context& context);
Status run_connect(Context& context);
Status run_rollback(Context& context);
Status run_delete(Context& context);
Status run_teardown(Context& context);
Status run_adopt(Context& context);
Status run_proof_show(Context& context);
Status run_proof_verify(Context& context);

}  // namespace ytb::cli
