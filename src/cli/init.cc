// init: a first config, its keys and the state directory. Overwrites nothing.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/shell.h"
#include "base/text.h"
#include "cli/context.h"
#include "cli/describe.h"
#include "cli/first_look.h"
#include "cli/systemd.h"
#include "drivers/os/files.h"
#include "drivers/os/ownership.h"
#include "drivers/os/users.h"
#include "refresh/local_vault.h"

namespace ytb::cli {
namespace {

constexpr size_t kMaskingKeySize = 32;

// One file that init makes.
struct NewFile {
  std::string path;
  std::string content;
  mode_t mode = 0600;
  std::string what;
};

std::string absolute(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

Result<std::string> place_of(const Context& context, const std::string& production) {
  if (std::optional<std::string> given = context.call.value("directory")) return absolute(*given);
  if (os::running_as_root()) return fmt::format("/var/lib/yesterdaytabase/{}", production);
  std::optional<std::string> home = context.services.environment("HOME");
  if (!home || home->empty()) {
    return Error{.code = Code::kUsage,
                 .message = "there is no home directory to put copies into",
                 .hint = "say where with --directory DIR"};
  }
  // Short: a socket's path has at most 107 bytes, and the copy's name is in it.
  return fmt::format("{}/.local/share/ytb/{}", *home, production);
}

Status check_name(const std::string& name) {
  bool fine = !name.empty() && name.size() <= 40 && name.front() >= 'a' && name.front() <= 'z';
  for (char c : name) fine = fine && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-');
  if (fine) return {};
  return Error{.code = Code::kUsage,
               .message = fmt::format("'{}' is not a valid name for a production", printable(name)),
               .hint = "small letters, digits and dashes, beginning with a letter, at most 40"};
}

// Root would refuse the config in each command that follows.
Status refuse_folder_of_others(const std::string& config_file) {
  Status ours = os::check_only_ours(config_file, "");
  if (ours.ok()) return {};
  Error error = std::move(ours).error();
  error.hint =
      "as root begin in a folder of root's: cd /etc/yesterdaytabase; or run this as the folder's owner";
  return error;
}

Status refuse_existing(const std::string& file) {
  if (!os::exists(file)) return {};
  return Error{
      .code = Code::kRefused,
      .message = fmt::format("{} exists and is not overwritten", file),
      .hint =
          "correct what is wrong in the config and go on with 'yesterdaytabase check'; or begin anew "
          "elsewhere with --config and --directory"};
}

// A config that leads nowhere would have to be found out and corrected first of all.
Status refuse_unanswered(const ports::ProductionLook& look) {
  if (!look.no_answer) return {};
  return Error{.code = Code::kConnection,
               .message = fmt::format("production cannot be reached so: {}", look.unreachable->message),
               .hint =
                   "nothing was written: correct --connection, or run this where production can be "
                   "reached; without --connection a config is written that you fill in"};
}

struct Plan {
  std::string config_file;
  std::string place;
  FirstLook look;  // of no production, where none is named
  config::ProductionConfig production;
  std::vector<NewFile> files;
  std::optional<Error> no_seal = {};       // why this host's kernel lets no copy be sealed
  std::optional<Error> seal_unknown = {};  // why that was not found out
};

Result<Plan> make_plan(const Context& context) {
  Plan plan;
  plan.config_file = absolute(context.call.value("config").value_or("yesterdaytabase.yaml"));
  if (os::running_as_root()) YTB_TRY(refuse_folder_of_others(plan.config_file));
  // Before a password is asked for.
  const std::optional<std::string> given = context.call.value("production");
  if (given) YTB_TRY(check_name(*given));
  YTB_TRY(refuse_existing(plan.config_file));
  const std::string connection = context.call.value("connection").value_or("");
  if (!connection.empty()) {
    YTB_ASSIGN(plan.look, look_at(context, connection));
    YTB_TRY(refuse_unanswered(plan.look.seen));
  }
  const std::string name = given.value_or(name_for(plan.look.seen));
  YTB_TRY(check_name(name));
  YTB_ASSIGN(plan.place, place_of(context, name));
  config::ProductionConfig& production = plan.production;
  production.name = model::ProductionName(name);
  for (const std::string& directory : context.call.values("source-dir")) {
    production.source.directories.push_back(absolute(directory));
  }
  if (production.source.directories.empty())
    production.source.directories.push_back(plan.place + "/snapshots");
  production.source.connection = with_database(connection, plan.look.seen);
  if (plan.look.password || plan.look.seen.wants_password) {
    production.source.password = {.kind = model::SecretRef::Kind::kFile,
                                  .locator = plan.place + "/keys/source.password"};
  }
  production.copies.directory = plan.place + "/copies";
  if (os::running_as_root()) production.copies.run_as = "postgres";
  std::optional<Error> failed;
  if (context.services.why_no_seal) failed = context.services.why_no_seal(production.copies.run_as);
  // A full disk or a missing file is no reason to go without for good.
  (failed && failed->code == Code::kUnsupported ? plan.no_seal : plan.seal_unknown) = std::move(failed);
  if (plan.no_seal) {
    production.copies.isolation = {.kind = model::Isolation::Kind::kNone,
                                   .reason = "this host cannot seal copies: " + plan.no_seal->message};
  }
  production.alias.directory = fmt::format("{}/{}-yesterday", plan.place, name);
  production.masking.policy_file = os::join_path(os::parent_of(plan.config_file), "policy.yaml");
  production.masking.key = {.kind = model::SecretRef::Kind::kFile,
                            .locator = plan.place + "/keys/masking.key"};
  model::AccessRole staging;
  staging.name = free_role_name(plan.look.seen);
  staging.password = {.kind = model::SecretRef::Kind::kFile,
                      .locator = plan.place + "/keys/staging.password"};
  staging.from = {"local"};
  // What is masked may be read. Without it the first thing that people see is "permission denied".
  staging.member_of = {std::string(model::kReadAllData)};
  production.access.push_back(staging);
  plan.files.push_back({plan.config_file, config::starter_config(production), 0644, "the config"});
  // Their content is made when they are written: a dry run makes no secret.
  plan.files.push_back(
      {production.masking.key.locator, "", 0600, "the masking key: keep it safe, and a copy of it"});
  plan.files.push_back({staging.password.locator, "", 0600,
                        fmt::format("the password of the role '{}' in staging", staging.name)});
  if (plan.look.reached() && plan.look.password) {
    plan.files.push_back({production.source.password.locator, "", 0600,
                          fmt::format("the password of {} on production", printable(plan.look.seen.user))});
  }
  if (context.call.has("systemd")) {
    std::string user;
    if (!os::running_as_root()) {
      YTB_ASSIGN(const os::User ourselves, os::find_user(""));
      user = ourselves.name;
    }
    for (SystemdUnit& unit : systemd_units(context.services.executable, plan.config_file, user)) {
      plan.files.push_back({os::join_path(os::parent_of(plan.config_file), unit.name), std::move(unit.text),
                            0644, std::move(unit.what)});
    }
  }
  return plan;
}

// Where no copy could live, nothing is written that says they do.
Status refuse_unfit_place(const Context& context, const Plan& plan) {
  config::Config config;
  config.file = plan.config_file;
  config.productions.push_back(plan.production);
  for (const CheckLine& line : context.services.check_place(config, config.productions.front(), {})) {
    if (line.what != kFolderOfCopies || !line.failed) continue;
    Error error = *line.failed;
    error.hint = fmt::format("give another place, e.g. --directory /srv/{}", plan.production.name);
    return std::move(error).while_doing("copies cannot live in " + plan.production.copies.directory);
  }
  return {};
}

Status write_files(const Plan& plan) {
  YTB_TRY(os::make_folders(plan.place, 0755));
  YTB_TRY(os::make_folders(plan.place + "/keys", 0700));
  YTB_TRY(os::make_folders(os::parent_of(plan.config_file), 0755));
  for (const NewFile& file : plan.files) {
    if (file.path == plan.production.masking.key.locator) {
      Secret key(to_hex(random_key(kMaskingKeySize).reveal()) + "\n");
      YTB_TRY(os::write_file(file.path, key.reveal(), {.mode = file.mode, .owner = std::nullopt}));
    } else if (file.path == plan.production.access.front().password.locator) {
      Secret password(std::string(random_password().reveal()) + "\n");
      YTB_TRY(os::write_file(file.path, password.reveal(), {.mode = file.mode, .owner = std::nullopt}));
    } else if (file.path == plan.production.source.password.locator) {
      Secret password(std::string(plan.look.password->reveal()) + "\n");
      YTB_TRY(os::write_file(file.path, password.reveal(), {.mode = file.mode, .owner = std::nullopt}));
    } else {
      YTB_TRY(os::write_file(file.path, file.content, {.mode = file.mode, .owner = std::nullopt}));
    }
  }
  return {};
}

// What this machine has, and what would be in the way. Warnings only: init is the first step, not the last.
std::vector<std::string> look_around(const Context& context, const Plan& plan) {
  std::vector<std::string> lines;
  if (!plan.production.source.connection.empty() && context.services.look_at_production)
    lines = describe(plan.look.seen);
  std::vector<std::string> servers = context.services.installed_servers();
  lines.push_back(servers.empty()
                      ? "no PostgreSQL server is installed: a copy needs the version of its snapshot"
                      : "servers here: " + join(servers, ", "));
  const int major = plan.look.seen.major;
  const bool fits = std::any_of(servers.begin(), servers.end(), [&](const std::string& server) {
    return server.starts_with(fmt::format("PostgreSQL {} ", major));
  });
  if (major > 0 && !fits) {
    lines.push_back(fmt::format(
        "copies need PostgreSQL {} as production has it (Debian, Ubuntu: apt install postgresql-{})", major,
        major));
  }
  if (plan.no_seal) {
    lines.push_back(
        fmt::format("copies cannot be sealed here ({}); the config says so, with "
                    "'isolation: {{none: …}}', and every proof will. To change that: {}",
                    plan.no_seal->message, plan.no_seal->hint));
  }
  if (plan.seal_unknown) {
    lines.push_back(fmt::format(
        "whether copies can be sealed here could not be tried: {}; the config asks for it all the same. {}",
        plan.seal_unknown->message, plan.seal_unknown->hint));
  }
  Result<os::Space> space = os::space_at(plan.place);
  if (space.ok()) {
    bool shares = space->filesystem == "btrfs" || space->filesystem == "xfs";
    lines.push_back(fmt::format("disk: {} available on {}{}", human_bytes(space->available_bytes),
                                space->filesystem,
                                shares ? " (copies can share blocks with snapshots)" : ""));
    // A snapshot, the copy that serves and the one in the making.
    const uint64_t wanted = plan.look.seen.bytes() * (shares ? 2 : 3);
    if (wanted > space->available_bytes)
      lines.push_back(
          fmt::format("that is little: a snapshot and two copies take about {}", human_bytes(wanted)));
  }
  for (const std::string& directory : plan.production.source.directories) {
    if (!os::exists(directory)) lines.push_back(fmt::format("{} does not exist yet", directory));
  }
  return lines;
}

// Of bash and zsh: reads without echo.
std::string how_to_store_password(const std::string& file) {
  return fmt::format("(umask 077; read -rs P && printf '%s\\n' \"$P\" > {})", shell_word(file));
}

std::vector<std::string> next_steps(const Context& context, const Plan& plan) {
  const config::ProductionConfig& production = plan.production;
  const std::string& backups = production.source.directories.front();
  const std::string take = context.command("snapshot take");
  std::vector<std::string> steps;
  if (!plan.look.reached()) steps.emplace_back("on production, as a superuser: the statements above");
  const bool stored = plan.look.reached() && plan.look.password;
  if (!production.source.password.empty() && !stored)
    steps.push_back("its password, typed unseen: " +
                    how_to_store_password(production.source.password.locator));
  steps.push_back("look through the config: " + plan.config_file);
  steps.push_back(
      production.source.connection.empty()
          ? fmt::format("put a base backup into {} with pg_basebackup, or name source.connection and: {}",
                        backups, take)
          : fmt::format("{}, or put base backups of your own into {}", take, backups));
  steps.push_back(context.command("policy propose --out " + shell_word(production.masking.policy_file)) +
                  ", then decide what is marked 'judge'");
  for (const char* command : {"policy accept", "check", "refresh", "connect"})
    steps.push_back(context.command(command));
  return steps;
}

void print_result(const Context& context, const Plan& plan, const std::vector<std::string>& around,
                  bool dry_run) {
  const bool asked = !plan.production.source.connection.empty() && context.services.look_at_production;
  const std::vector<std::string> statements = asked || plan.production.source.connection.empty()
                                                  ? statements_for(plan.look.seen)
                                                  : std::vector<std::string>{};
  if (context.output.json()) {
    Json files = Json::array();
    for (const NewFile& file : plan.files) files.push_back(Json{{"path", file.path}, {"what", file.what}});
    context.out() << to_text(Json{{"dry_run", dry_run},
                                  {"production", plan.production.name.str()},
                                  {"files", files},
                                  {"notes", around},
                                  {"statements", statements}});
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (const NewFile& file : plan.files) {
    rows.push_back({dry_run ? "·" : context.output.good("✓"), file.path, context.output.dim(file.what)});
  }
  context.out() << (dry_run ? "would write\n" : "written\n") << table(rows);
  for (const std::string& line : around) context.out() << "  " << line << "\n";
  if (!statements.empty()) {
    context.out() << (plan.production.source.connection.empty()
                          ? "for a login that takes snapshots, on production\n"
                          : "on production\n");
    for (const std::string& line : statements) context.out() << "    " << line << "\n";
  }
  if (dry_run) return;
  const std::vector<std::string> steps = next_steps(context, plan);
  context.out() << "next\n";
  for (size_t i = 0; i < steps.size(); ++i) context.out() << fmt::format("  {}. {}\n", i + 1, steps[i]);
  if (context.call.has("systemd")) {
    context.out() << "  systemd, as root: cp the units to /etc/systemd/system, then "
                     "'systemctl enable --now yesterdaytabase.service'\n";
  }
}

}  // namespace

Status run_init(Context& context) {
  YTB_ASSIGN(Plan plan, make_plan(context));
  for (const NewFile& file : plan.files) YTB_TRY(refuse_existing(file.path));
  YTB_TRY(refuse_unfit_place(context, plan));
  bool dry_run = context.call.has("dry-run");
  std::vector<std::string> around = look_around(context, plan);
  if (!dry_run) {
    YTB_TRY(write_files(plan));
    refresh::LocalVault vault;
    // Read back as every other command will: what init wrote is proven to be a config.
    YTB_ASSIGN(config::Config config, refresh::load_config(plan.config_file, vault));
    YTB_ASSIGN(refresh::StateDirectory state, refresh::StateDirectory::open(config.state_directory));
    YTB_ASSIGN(Secret key, state.signing_key());
    for (const CheckLine& line : context.services.check_place(config, config.productions.front(), {})) {
      if (line.failed) around.push_back(fmt::format("{}: {}", line.what, line.failed->message));
    }
  }
  print_result(context, plan, around, dry_run);
  return {};
}

}  // namespace ytb::cli
