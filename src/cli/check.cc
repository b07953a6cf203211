// check.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "base/shell.h"
#include "base/text.h"
#include "cli/context.h"
#include "cli/describe.h"
#include "cli/served.h"
#include "drivers/os/files.h"
#include "drivers/os/locales.h"
#include "drivers/os/ownership.h"
#include "masking/plan.h"
#include "refresh/guarded.h"

namespace ytb::cli {
namespace {

using Lines = std::vector<CheckLine>;

// `result`: a Status, or a Result of whatever it is that was looked at.
template <typename Outcome>
void add(Lines& lines, std::string what, const Outcome& result, std::string detail) {
  CheckLine line{.what = std::move(what), .failed = std::nullopt, .detail = std::move(detail)};
  if (!result.ok()) line.failed = result.error();
  lines.push_back(std::move(line));
}

std::string how_to_get_one(const Context& context, const Site& site) {
  std::string why = fmt::format("'{}' says why", context.command("snapshot list"));
  if (config::is_aws(*site.production))
    return why + "; RDS makes one a day where its automated backups are on";
  return why + fmt::format("; '{}' makes one", context.command("snapshot take"));
}

void check_snapshots(const Context& context, const Site& site, bool remembers, Lines& lines) {
  Result<std::vector<model::Snapshot>> snapshots = site.drivers.source->list();
  if (!snapshots.ok()) return add(lines, "snapshots", snapshots, "");
  auto usable = std::find_if(snapshots->begin(), snapshots->end(), [](const model::Snapshot& snapshot) {
    return snapshot.state == model::SnapshotState::kUsable;
  });
  if (usable == snapshots->end()) {
    std::string why =
        snapshots->empty()
            ? fmt::format("there is none in {}", place_of_snapshots(*site.production))
            : fmt::format("none of {} is usable: {}", snapshots->size(), snapshots->front().reason);
    lines.push_back({.what = "snapshots",
                     .failed = Error{.code = Code::kNoSnapshot,
                                     .message = std::move(why),
                                     .hint = how_to_get_one(context, site)},
                     .detail = {}});
    return;
  }
  lines.push_back(
      {.what = "snapshots",
       .failed = std::nullopt,
       .detail = fmt::format("newest usable is {} ({} old, {})", usable->id,
                             age(usable->data_as_of, context.now()), human_bytes(usable->size_bytes))});
  Result<ports::SpaceEstimate> space = site.drivers.host->estimate(*usable, remembers);
  if (!space.ok()) return add(lines, "disk space", space, "");
  CheckLine line{.what = "disk space", .failed = std::nullopt, .detail = space_text(*space)};
  if (space->needed_bytes > space->available_bytes) {
    line.failed = Error{
        .code = Code::kSpace,
        .message = line.detail,
        .hint = config::is_aws(*site.production)
                    ? "delete what is not needed, or ask AWS for a higher quota"
                    : "free some, or move copies.directory to a larger disk; btrfs and XFS share blocks"};
  }
  lines.push_back(std::move(line));
}

// What the plan masks, by size.
MaskedTables masked_tables(const masking::MaskingPlan& plan) {
  std::vector<MaskedTable> tables;
  for (const masking::DatabasePlan& database : plan.databases) {
    for (const masking::TablePlan& table : database.tables) {
      if (table.treatment != masking::Treatment::kMask) continue;
      tables.push_back({fmt::format("{} {}", database.database.name, masking::to_string(table.table.name)),
                        table.table.size_bytes});
    }
  }
  return tables;
}

// Says what masking has to do, where that is known.
MaskedTables check_policy(const Context& context, const Site& site, const Result<CatalogFound>& found,
                          Lines& lines) {
  const config::MaskingConfig& masking = site.production->masking;
  if (!masking.none_reason.empty()) {
    lines.push_back({.what = "masking",
                     .failed = std::nullopt,
                     .detail = fmt::format("NONE, because: {}", masking.none_reason),
                     .warning = true});
    return std::vector<MaskedTable>{};
  }
  Result<refresh::PolicyFiles> files = refresh::load_policy(masking, *site.vault);
  if (!files.ok()) {
    add(lines, "policy", files, "");
    return {};
  }
  if (!found.ok()) {
    if (std::optional<Error> undecided = masking::still_undecided(files->policy)) {
      lines.push_back({.what = "policy", .failed = std::move(undecided), .detail = {}});
      return {};
    }
    // Without production's columns nothing else is known; the refresh itself will judge.
    lines.push_back({.what = "policy", .failed = found.error(), .detail = {}, .warning = true});
    return {};
  }
  masking::PlanCheck check =
      masking::plan_masking(files->policy, files->lock, found->catalog, trials_for(site));
  if (const Status tried = try_constraints(context, site, *found, check); !tried.ok())
    add(lines, "constraints", tried, "");
  CheckLine line{.what = "policy",
                 .failed = std::nullopt,
                 .detail = fmt::format("every column is judged, against {}", found->said)};
  if (!check.ok()) line.failed = masking::to_error(check);
  for (const masking::Finding& finding : check.findings) {
    if (finding.kind == masking::Finding::Kind::kLock && !finding.error)
      line.detail += "; " + finding.message;
  }
  lines.push_back(std::move(line));
  for (const masking::Finding& finding : check.findings) {
    const bool constraint = finding.kind == masking::Finding::Kind::kConstraint ||
                            finding.kind == masking::Finding::Kind::kNotTried;
    if (finding.error || !constraint) continue;
    lines.push_back({.what = "constraint",
                     .failed = Error{.code = Code::kPolicy, .message = finding.message, .hint = {}},
                     .detail = {},
                     .warning = true});
  }
  return check.ok() ? masked_tables(*check.plan) : std::nullopt;
}

// Without them the server of a copy does not start, or fails in the middle of masking.
void check_locales(const Site& site, const Result<CatalogFound>& found, Lines& lines) {
  if (!found.ok() || config::is_aws(*site.production)) return;
  std::vector<std::string> missing;
  for (const masking::Database& database : found->catalog.databases) {
    for (const std::string& locale : database.locales) {
      const std::string said = fmt::format("{} of {}", printable(locale), printable(database.name));
      if (!os::has_locale(locale)) missing.push_back(said);
    }
  }
  if (missing.empty()) return;
  lines.push_back(
      {.what = "locales",
       .failed =
           Error{.code = Code::kUnsupported,
                 .message = "this host has not every locale that production uses: " + join(missing, ", "),
                 .hint = "install them (Debian: dpkg-reconfigure locales): without them no copy "
                         "can be made here"},
       .detail = {}});
}

// A role that reads every table sees no row of those that have row-level security and no policy for it.
void check_row_security(const Site& site, const Result<CatalogFound>& found, Lines& lines) {
  if (!found.ok()) return;
  size_t count = 0;
  std::string first;
  for (const masking::Database& database : found->catalog.databases) {
    for (const masking::Table& table : database.tables) {
      if (table.row_security && count++ == 0) first = printable(masking::to_string(table.name));
    }
  }
  if (count == 0) return;
  for (const model::AccessRole& role : site.production->access) {
    if (role.bypass_row_security || role.existing) continue;
    lines.push_back(
        {.what = "access " + role.name,
         .failed =
             Error{.code = Code::kConfig,
                   .message = fmt::format("{} {} row-level security ({}{}): it sees the rows that their "
                                          "policies show it, perhaps none",
                                          with_commas(count), count == 1 ? "table has" : "tables have", first,
                                          count == 1 ? "" : " …"),
                   .hint =
                       config::is_aws(*site.production)
                           ? std::string()
                           : fmt::format("to see all rows: access.{}.bypass_row_security: true", role.name)},
         .detail = {},
         .warning = true});
  }
}

// Whether production has the roles that the config names.
void check_access(const Site& site, const Result<CatalogFound>& found, Lines& lines) {
  const std::vector<model::AccessRole>& access = site.production->access;
  CheckLine line{.what = "access roles", .failed = std::nullopt, .detail = {}};
  if (!found.ok() || !found->catalog.roles) {
    const std::string why = found.ok() ? "its source names no roles" : found.error().message;
    line.failed = Error{.code = found.ok() ? Code::kConfig : found.error().code,
                        .message = "whether production has the roles that access: names is not known: " + why,
                        .hint = found.ok() ? std::string() : found.error().hint};
    line.warning = true;
    lines.push_back(std::move(line));
    return;
  }
  std::vector<std::string> roles = *found->catalog.roles;
  if (!config::is_aws(*site.production)) roles.emplace_back(model::kReadAllData);
  Status fits = model::check_access_roles(access, roles);
  if (!fits.ok()) line.failed = std::move(fits).error();
  line.detail = fmt::format("{}, against {}",
                            access.size() == 1 ? access.front().name : fmt::format("{} roles", access.size()),
                            found->said);
  lines.push_back(std::move(line));
}

// What access roles can read once they are in: a role that can read nothing is nobody's wish, and shows only
// when somebody has connected.
std::optional<Error> reads_nothing(const model::AccessRole& role,
                                   const std::optional<ports::ProductionLook>& look) {
  std::string hint = fmt::format(
      "give it the rights of roles that production has, member_of: [app_readers], "
      "or of everything, member_of: [{}]",
      model::kReadAllData);
  if (!look) {
    if (role.existing || !role.member_of.empty()) return std::nullopt;
    return Error{.code = Code::kConfig,
                 .message = "it has no member_of: it can read only what everybody may",
                 .hint = std::move(hint)};
  }
  uint64_t tables = 0;
  for (const ports::RoleReach& reach : look->reaches) {
    const bool counts = reach.role.empty() || (role.existing && reach.role == role.name) ||
                        std::count(role.member_of.begin(), role.member_of.end(), reach.role) > 0;
    if (counts) tables += reach.tables;
  }
  // A role of ours takes the place of that one, also where production has none of the name.
  if (tables > 0 || std::count(role.member_of.begin(), role.member_of.end(), model::kReadAllData) > 0)
    return std::nullopt;
  if (!look->groups.empty()) {
    hint = fmt::format(
        "give it the rights of a role that production has, member_of: [{}], or of everything, "
        "member_of: [{}]",
        printable(look->groups.front().role), model::kReadAllData);
  }
  return Error{
      .code = Code::kConfig,
      .message = role.member_of.empty() && !role.existing
                     ? "it has no member_of, and everybody may read no table: it can connect and read nothing"
                     : "neither it nor what it is a member of may read a table of production",
      .hint = std::move(hint)};
}

void check_rights(const Context& context, const Site& site, Lines& lines) {
  if (config::is_aws(*site.production)) return;
  std::vector<std::string> about{""};
  for (const model::AccessRole& role : site.production->access) {
    about.insert(about.end(), role.member_of.begin(), role.member_of.end());
    if (role.existing) about.push_back(role.name);
  }
  std::optional<ports::ProductionLook> look;
  Result<ports::SessionTarget> target = production_target(site);
  if (target.ok() && context.services.look_at_production)
    look = context.services.look_at_production(*target, about);
  if (look && look->unreachable) look.reset();  // `access roles` says so
  if (look && look->tables() == 0) return;
  for (const model::AccessRole& role : site.production->access) {
    std::optional<Error> nothing = reads_nothing(role, look);
    if (!nothing) continue;
    lines.push_back({.what = fmt::format("rights of {}", printable(role.name)),
                     .failed = std::move(nothing),
                     .detail = {},
                     .warning = true});
  }
}

// Whether the gate would let anybody in, and whether there is one for all who may come from elsewhere.
void check_gate(const config::ProductionConfig& production, Lines& lines) {
  if (config::is_aws(production)) return;
  const auto warn = [&](std::string why, std::string_view hint) {
    lines.push_back(
        {.what = "gate",
         .failed = Error{.code = Code::kConfig, .message = std::move(why), .hint = std::string(hint)},
         .detail = {},
         .warning = true});
  };
  const std::string& listen = production.alias.listen;
  const std::vector<model::AccessRole>& roles = production.access;
  if (!listen.empty() &&
      std::none_of(roles.begin(), roles.end(), std::mem_fn(&model::AccessRole::comes_from_addresses))) {
    warn(fmt::format("nobody may come in by {}: no role has an address in its from:", printable(listen)),
         "add addresses, as from: [local, 10.0.0.0/8], or take listen: away");
  }
  for (const model::AccessRole& role : roles) {
    if (!listen.empty() || !role.comes_from_addresses()) continue;
    warn(fmt::format("'{}' may come in from addresses, and nothing listens there", printable(role.name)),
         "add alias: {socket: {listen: 0.0.0.0:6432}}, or write from: [local]");
  }
}

// Whether staging's users get to the socket. The folder of copies is on the way, as the alias is a link.
void check_reach(const config::ProductionConfig& production, Lines& lines) {
  if (config::is_aws(production)) return;
  const auto comes_locally = std::mem_fn(&model::AccessRole::comes_locally);
  if (std::none_of(production.access.begin(), production.access.end(), comes_locally)) return;
  const std::string place = os::parent_of(production.alias.directory);
  for (const std::string& path : {place, production.copies.directory}) {
    const Result<std::string> closed = os::closed_to_others(path);
    if (closed.ok() && closed->empty()) continue;
    CheckLine line{.what = "alias in reach", .failed = std::nullopt, .detail = {}, .warning = true};
    line.failed = closed.ok()
                      ? Error{.code = Code::kRefused,
                              .message = fmt::format(
                                  "other users of this host cannot pass {}: they do not reach the copy",
                                  printable(*closed)),
                              .hint = fmt::format("chmod o+x {}; or put alias.socket.directory and "
                                                  "copies.local.directory where others can go, as below /srv",
                                                  shell_word(*closed))}
                      : closed.error();
    return lines.push_back(std::move(line));
  }
  lines.push_back({.what = "alias in reach", .failed = std::nullopt, .detail = "of every user of this host"});
}

// Whether only we can change what decides over a refresh: root refuses the others in every command.
void check_places(const config::Config& config, const config::ProductionConfig& production, Lines& lines) {
  for (const refresh::GuardedPlace& place : refresh::guarded_places(config, production)) {
    add(lines, fmt::format("{} closed to others", place.what), os::check_only_ours(place.path, place.run_as),
        place.path);
  }
}

Lines gather(const Context& context, const Site& site) {
  Lines lines;
  lines.push_back({.what = "config", .failed = std::nullopt, .detail = site.config->file});
  check_places(*site.config, *site.production, lines);
  const Result<refresh::Inputs> inputs =
      refresh::load_inputs(*site.config, *site.production, site.state, *site.vault);
  add(lines, "keys and passwords", inputs, "readable, and closed to others");
  add(lines, "signing key", refresh::signing_key(*site.config, site.state, *site.vault),
      site.config->signing_key.empty() ? fmt::format("{}/signing.key", site.state.path())
                                       : site.config->signing_key.locator);
  add(lines, "state", os::check_writable(site.state.path()), site.state.path());
  check_snapshots(context, site, inputs.ok() && inputs->remembers(), lines);
  const Result<CatalogFound> found = find_catalog(context, site);
  const MaskedTables tables = check_policy(context, site, found, lines);
  check_locales(site, found, lines);
  check_access(site, found, lines);
  check_row_security(site, found, lines);
  check_rights(context, site, lines);
  for (CheckLine& line : context.services.check_place(*site.config, *site.production, tables))
    lines.push_back(std::move(line));
  add(lines, "copies", site.drivers.host->list(), place_of_copies(*site.production));
  Result<model::AliasState> alias = site.drivers.alias->read();
  add(lines, "alias", alias, alias.ok() ? alias->connect : std::string());
  if (const std::string stray = stray_alias(site); !stray.empty()) {
    lines.back().failed = Error{.code = Code::kRefused, .message = stray, .hint = {}};
    lines.back().warning = true;
  }
  check_gate(*site.production, lines);
  check_reach(*site.production, lines);
  Result<std::vector<ports::JournalEntry>> journal = site.drivers.journal->recent(site.production->name, 1);
  add(lines, "journal", journal, site.state.journal_file());
  if (!journal.ok()) lines.back().warning = true;  // history only
  return lines;
}

// Without its drivers (a secret that may not be read, a state directory that cannot be made) what can be
// known of the place is still said.
Lines gather_without_drivers(const Context& context, const config::Config& config,
                             const config::ProductionConfig& production, const Error& why) {
  Lines lines;
  lines.push_back({.what = "config", .failed = std::nullopt, .detail = config.file});
  check_places(config, production, lines);
  // What root does not use was named just now.
  const bool is_said = std::any_of(lines.begin(), lines.end(), [&](const CheckLine& line) {
    return line.failed && why.message.ends_with(line.failed->message);
  });
  if (!is_said) lines.push_back({.what = "drivers", .failed = why, .detail = {}});
  for (CheckLine& line : context.services.check_place(config, production, {}))
    lines.push_back(std::move(line));
  return lines;
}

// A text of several lines stays in its column.
void add_rows(const std::string& mark, const std::string& what, const std::string& text,
              std::vector<std::vector<std::string>>& rows) {
  bool first = true;
  for (const std::string& line : split(text, '\n')) {
    rows.push_back({first ? mark : "", first ? what : "", line});
    first = false;
  }
}

void print_lines(const Context& context, const Lines& lines) {
  std::vector<std::vector<std::string>> rows;
  for (const CheckLine& line : lines) {
    std::string mark = line.warning ? context.output.warn("!") : context.output.good("✓");
    if (line.failed && !line.warning) mark = context.output.bad("✗");
    add_rows(mark, line.what, line.failed ? line.failed->message : line.detail, rows);
    if (!line.failed || line.failed->hint.empty()) continue;
    std::vector<std::vector<std::string>> hint;
    add_rows("", "", "hint: " + line.failed->hint, hint);
    for (std::vector<std::string>& row : hint) {
      row.back() = context.output.dim(row.back());
      rows.push_back(std::move(row));
    }
  }
  context.out() << table(rows, "");
}

}  // namespace

Status run_check(Context& context) {
  YTB_ASSIGN(std::shared_ptr<const config::Config> config, read_config(context));
  YTB_ASSIGN(const config::ProductionConfig* production, choose_production(context, *config));
  Result<Site> site = open_site(context, config, production);
  Lines lines = site.ok() ? gather(context, *site)
                          : gather_without_drivers(context, *config, *production, site.error());
  auto is_failure = [](const CheckLine& line) { return line.failed && !line.warning; };
  auto first = std::find_if(lines.begin(), lines.end(), is_failure);
  auto failures = std::count_if(lines.begin(), lines.end(), is_failure);
  if (context.output.json()) {
    Json list = Json::array();
    for (const CheckLine& line : lines) {
      list.push_back(Json{{"check", line.what},
                          {"ok", !line.failed},
                          {"warning", line.warning},
                          {"detail", line.detail},
                          {"error", line.failed ? to_tree(*line.failed) : Json(nullptr)}});
    }
    context.out() << to_text(
        Json{{"production", production->name.str()}, {"ok", failures == 0}, {"checks", list}});
  } else {
    print_lines(context, lines);
  }
  if (failures == 0) {
    if (!context.output.json()) context.out() << "a refresh would work\n";
    return {};
  }
  return Error{.code = first->failed->code,
               .message = fmt::format("{} check(s) failed, the first: {}", failures, first->what),
               .hint = first->failed->hint};
}

}  // namespace ytb::cli
