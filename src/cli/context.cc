#include "cli/context.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/shell.h"
#include "base/text.h"
#include "drivers/os/files.h"
#include "masking/trial.h"
#include "refresh/guarded.h"
#include "refresh/local_vault.h"
#include "refresh/try_constraints.h"

namespace ytb::cli {
namespace {

constexpr size_t kSchemaSizeMax = 64 << 20;

Result<CatalogFound> catalog_of_schema(const Context& context, const Site& site, const std::string& file) {
  YTB_ASSIGN(std::string sql, os::read_file(file, kSchemaSizeMax));
  std::string database = context.call.value("database").value_or("");
  if (database.empty()) {
    // The policy's only database, where it names one; else any name will do.
    database = site.production->name.str();
    Result<refresh::PolicyFiles> files = refresh::load_policy(site.production->masking, *site.vault);
    if (files.ok() && files->policy.databases.size() == 1 &&
        !files->policy.databases.begin()->first.empty()) {
      database = files->policy.databases.begin()->first;
    }
  }
  YTB_ASSIGN(masking::Catalog catalog, config::parse_schema(sql, file, database));
  return CatalogFound{.catalog = std::move(catalog), .said = fmt::format("the schema file {}", file)};
}

// The live copy, seen as one of its access roles would: the catalog can be read by everybody.
Result<CatalogFound> catalog_of_copy(const Context& context, const Site& site) {
  Error none{
      .code = Code::kConfig,
      .message =
          "there is no catalog to check the policy against: production has no source.connection, and no "
          "copy is live",
      .hint = "set source.connection, or give --schema FILE (pg_dump --schema-only)"};
  YTB_ASSIGN(std::vector<model::Copy> copies, site.drivers.host->list());
  const model::Copy* live = live_copy(copies);
  if (live == nullptr) return none;
  const bool with_aws = config::is_aws(*site.production);
  for (const model::AccessRole& role : site.production->access) {
    if (!with_aws && !role.comes_locally()) continue;
    YTB_ASSIGN(Secret password, site.vault->secret(role.password));
    std::map<std::string, std::string> parameters = {
        {"host", site.production->alias.directory}, {"port", "5432"}, {"user", role.name}};
    if (with_aws) {
      YTB_ASSIGN(const model::AliasState alias, site.drivers.alias->read());
      if (alias.target != live->id) return none;
      // By its own name, which its certificate is of.
      parameters["host"] = alias.host;
      parameters["port"] = std::to_string(alias.port);
      parameters["sslmode"] = "verify-full";
      parameters["sslrootcert"] = site.production->copies.rds.ca_bundle;
    }
    ports::SessionTarget target{.parameters = std::move(parameters),
                                .password = std::move(password),
                                .label = fmt::format("copy {}", live->id)};
    YTB_ASSIGN(masking::Catalog catalog, site.drivers.engine->catalog(target));
    return CatalogFound{.catalog = std::move(catalog),
                        .said = fmt::format("copy {}, as production was {} ago", live->id,
                                            age(live->data_as_of, context.now()))};
  }
  return none;
}

}  // namespace

std::string Context::command(std::string_view what) const {
  std::string text = fmt::format("yesterdaytabase {}", what);
  for (std::string_view option : {"config", "production"}) {
    if (std::optional<std::string> value = call.value(option))
      text += fmt::format(" --{} {}", option, shell_word(*value));
  }
  return text;
}

Status Context::confirm(std::string_view question) const {
  if (call.has("yes")) return {};
  if (!services.in_is_terminal || output.json()) {
    const auto& options = call.command->options;
    const bool has_dry_run = std::any_of(options.begin(), options.end(),
                                         [](const OptionSpec& option) { return option.name == "--dry-run"; });
    return Error{.code = Code::kUsage,
                 .message = "this asks before it acts, and there is no terminal to ask on",
                 .hint = has_dry_run
                             ? "add --yes to do it without asking, or --dry-run to see what it would do"
                             : "add --yes to do it without asking"};
  }
  out() << std::flush;
  output.err << question << " [y/N] " << std::flush;
  std::string answer;
  services.stop.set_asking(true);
  std::getline(services.in, answer);
  services.stop.set_asking(false);
  YTB_TRY(services.stop.check());
  answer = to_lower_ascii(trim(answer));
  if (answer == "y" || answer == "yes") return {};
  return Error{.code = Code::kInterrupted, .message = "not confirmed: nothing was changed", .hint = ""};
}

namespace {

// Paths in the config are relative to its folder, and reach servers, records and service files: they must
// mean the same wherever those are read. What is not a file (a parameter of a cloud's) is left as it is.
std::string whole_path(const std::string& file) {
  return os::exists(file) ? std::filesystem::absolute(file).lexically_normal().string() : file;
}

}  // namespace

Result<std::string> find_config(const Context& context) {
  if (std::optional<std::string> given = context.call.value("config")) return whole_path(*given);
  if (std::optional<std::string> variable = context.services.environment("YTB_CONFIG")) {
    if (!variable->empty()) return whole_path(*variable);
  }
  for (std::string_view candidate : {"yesterdaytabase.yaml", "/etc/yesterdaytabase/yesterdaytabase.yaml"}) {
    if (os::exists(std::string(candidate))) return whole_path(std::string(candidate));
  }
  return Error{
      .code = Code::kConfig,
      .message =
          "there is no config: neither ./yesterdaytabase.yaml nor "
          "/etc/yesterdaytabase/yesterdaytabase.yaml",
      .hint = "'yesterdaytabase init' writes a first one; --config FILE or $YTB_CONFIG names another"};
}

Result<std::unique_ptr<ports::Vault>> open_vault(const Services& services, const config::AwsConfig& aws) {
  if (services.open_vault) return services.open_vault(aws);
  return std::unique_ptr<ports::Vault>(std::make_unique<refresh::LocalVault>());
}

Result<std::shared_ptr<const config::Config>> read_config(const Context& context) {
  YTB_ASSIGN(std::string file, find_config(context));
  // What an AWS is like is in the config that is to be read: to find that, the environment must do.
  YTB_ASSIGN(std::unique_ptr<ports::Vault> vault, open_vault(context.services, {}));
  YTB_ASSIGN(config::Config config, refresh::load_config(file, *vault));
  return std::make_shared<const config::Config>(std::move(config));
}

Result<const config::ProductionConfig*> choose_production(const Context& context,
                                                          const config::Config& config) {
  std::vector<std::string> names;
  for (const config::ProductionConfig& production : config.productions)
    names.push_back(production.name.str());
  std::optional<std::string> wanted = context.call.value("production");
  if (!wanted) {
    if (config.productions.size() == 1) return &config.productions.front();
    return Error{.code = Code::kUsage,
                 .message = fmt::format("{} productions are configured: {}", names.size(), join(names, ", ")),
                 .hint = "say which one with --production NAME"};
  }
  for (const config::ProductionConfig& production : config.productions) {
    if (production.name.str() == *wanted) return &production;
  }
  return Error{.code = Code::kUsage,
               .message = fmt::format("there is no production '{}' in {}{}", printable(*wanted), config.file,
                                      did_you_mean(*wanted, names)),
               .hint = fmt::format("it has {}", join(names, ", "))};
}

Result<Site> open_site(const Context& context) {
  YTB_ASSIGN(std::shared_ptr<const config::Config> config, read_config(context));
  YTB_ASSIGN(const config::ProductionConfig* production, choose_production(context, *config));
  return open_site(context, std::move(config), production);
}

Result<Site> open_site(const Context& context, std::shared_ptr<const config::Config> config,
                       const config::ProductionConfig* production) {
  YTB_TRY(refresh::refuse_as_root(*config, *production));
  YTB_ASSIGN(refresh::StateDirectory state, refresh::StateDirectory::open(config->state_directory));
  YTB_ASSIGN(std::unique_ptr<ports::Vault> vault, open_vault(context.services, config->aws));
  YTB_ASSIGN(refresh::Drivers drivers, context.services.make_drivers(*config, *production));
  return Site{.config = std::move(config),
              .production = production,
              .state = std::move(state),
              .vault = std::move(vault),
              .drivers = std::move(drivers)};
}

Result<refresh::Refresher> make_refresher(const Context& context, const Site& site, refresh::Inputs inputs,
                                          refresh::Listener& listener) {
  YTB_ASSIGN(refresh::Settings settings,
             refresh::make_settings(*site.config, *site.production, site.state, *site.vault, inputs.digest,
                                    context.program()));
  return refresh::Refresher(site.drivers.ports(context.services.clock), std::move(settings),
                            std::move(inputs), listener, context.services.stop);
}

Result<std::string> keep_gate(const Context& context, const Site& site) {
  if (!context.services.make_gatekeeper) return std::string();
  const auto gatekeeper = context.services.make_gatekeeper(*site.config, *site.production);
  if (gatekeeper == nullptr) return std::string();
  return gatekeeper->keep();
}

const model::Copy* live_copy(const std::vector<model::Copy>& copies) {
  auto live = std::find_if(copies.begin(), copies.end(),
                           [](const model::Copy& copy) { return copy.phase == model::Phase::kLive; });
  return live == copies.end() ? nullptr : &*live;
}

std::string age(Instant instant, Instant now) { return to_human(std::max(now - instant, Duration{})); }

Result<ports::SessionTarget> production_target(const Site& site) {
  return refresh::production_target(*site.production, *site.vault);
}

Result<CatalogFound> find_catalog(const Context& context, const Site& site) {
  if (std::optional<std::string> file = context.call.value("schema"))
    return catalog_of_schema(context, site, *file);
  if (site.production->source.connection.empty()) return catalog_of_copy(context, site);
  YTB_ASSIGN(ports::SessionTarget target, production_target(site));
  YTB_ASSIGN(masking::Catalog catalog, site.drivers.engine->catalog(target));
  return CatalogFound{.catalog = std::move(catalog), .said = "production, as it is now"};
}

masking::Trials trials_for(const Site& site) {
  return site.drivers.trial != nullptr ? masking::Trials::kMade : masking::Trials::kNone;
}

Status try_constraints(const Context& context, const Site& site, const CatalogFound& found,
                       masking::PlanCheck& check) {
  const bool of_production = !context.call.has("schema") && !site.production->source.connection.empty();
  const size_t count = masking::trials_of(check).size();
  if (!of_production || site.drivers.trial == nullptr || count == 0) return {};
  if (!context.output.json()) {
    context.output.err << context.output.dim(
                              fmt::format("{} {} production's code: tried on a server made from its schema …",
                                          count, count == 1 ? "constraint needs" : "constraints need"))
                       << "\n";
  }
  YTB_ASSIGN(ports::SessionTarget target, production_target(site));
  ports::NoProgress quiet;
  return refresh::try_constraints(site.drivers.trial.get(), target, found.catalog, check, quiet,
                                  context.services.stop);
}

}  // namespace ytb::cli
