#include "cli/command.h"

#include <array>

namespace ytb::cli {
namespace {

constexpr OptionSpec kYes{.name = "--yes", .value = "", .help = "do it without asking", .letter = "-y"};
constexpr OptionSpec kDryRun{
    .name = "--dry-run", .value = "", .help = "say what would be done; change nothing", .letter = ""};
constexpr OptionSpec kSchema{.name = "--schema",
                             .value = "FILE",
                             .help = "check against a schema dump (pg_dump --schema-only); needs no server",
                             .letter = ""};
constexpr OptionSpec kDatabase{.name = "--database",
                               .value = "NAME",
                               .help = "the database that the schema file, or the table, is of",
                               .letter = ""};

std::vector<CommandSpec> make_commands() {
  return {
      {.id = CommandId::kInit,
       .path = "init",
       .summary = "Write a first config, its keys and the state directory",
       .help =
           "Looks at this machine (PostgreSQL versions, disk space, paths), writes a commented config "
           "file, and makes the masking key, the signing key and the password of the role 'staging', each in "
           "a file that only you can read. Nothing that exists is overwritten.\n\n"
           "With --connection it looks at production, too: version, size, extensions, what that login may, "
           "and what has to be run there first. A password that production wants is asked for without "
           "showing it, or taken from PGPASSWORD, and kept in a file of its own. Nothing is changed there, "
           "and no row is read.\n\n"
           "--production names the production in the config; the default is its database's name.\n\n"
           "The config is one of local copies. With RDS or Aurora begin with the one in docs/guide-aws.md.",
       .arguments = {},
       .options = {{.name = "--source-dir",
                    .value = "DIR",
                    .help = "where pg_basebackup results lie",
                    .letter = "",
                    .repeatable = true},
                   {.name = "--connection",
                    .value = "CONNINFO",
                    .help = "how to reach production, without a password",
                    .letter = ""},
                   {.name = "--directory",
                    .value = "DIR",
                    .help = "where copies, alias and state live",
                    .letter = ""},
                   {.name = "--systemd",
                    .value = "",
                    .help = "also write units for systemd beside the config, for the user that runs this",
                    .letter = ""},
                   kDryRun},
       .examples = "  yesterdaytabase init --source-dir /backups/shop\n"
                   "  yesterdaytabase init --production crm --connection 'host=db1 user=backup' --systemd\n",
       .section = Section::kSetUp},
      {.id = CommandId::kCheck,
       .path = "check",
       .summary = "Say whether a refresh would work, line by line",
       .help =
           "Checks the config, the policy against production's columns, the snapshots, the PostgreSQL "
           "binaries, "
           "disk space, ports, users, key files and the alias; with AWS who we are there, zone and record, "
           "networks, class, certificates, quotas, sizes and rights, and how each is known. Changes nothing. "
           "Each line has its remedy; one that fails makes the exit status that of the failure.",
       .arguments = {},
       .options = {},
       .examples = "  yesterdaytabase check\n  yesterdaytabase check --output json\n",
       .section = Section::kSetUp},
      {.id = CommandId::kSnapshotTake,
       .path = "snapshot take",
       .summary = "Take a snapshot of production now",
       .help = "Runs pg_basebackup against source.connection into the first source directory, and then "
               "deletes the "
               "oldest snapshots that this command took, beyond source.keep. Production is only read.",
       .arguments = {},
       .options = {},
       .examples = "  yesterdaytabase snapshot take\n",
       .section = Section::kSetUp},
      {.id = CommandId::kSnapshotList,
       .path = "snapshot list",
       .summary = "List the snapshots, and why some cannot be used",
       .help = "Newest first, by the instant the data is of. What cannot be used is listed with its reason.",
       .arguments = {},
       .options = {},
       .examples = "  yesterdaytabase snapshot list --output json\n",
       .section = Section::kSetUp},
      {.id = CommandId::kPolicyPropose,
       .path = "policy propose",
       .summary = "Write a first policy from names, types and samples, or add what is new",
       .help =
           "Reads production's catalog and, where it may, a few rows, and proposes what becomes of every "
           "column, "
           "each with its evidence. What it cannot decide is marked 'judge', which no refresh accepts: a "
           "person "
           "decides. Where there is a policy already, only what it says nothing of is added, in place: every "
           "judgement and every comment stays as it is.\n\n"
           "Without --out the result is printed.",
       .arguments = {},
       .options =
           {{.name = "--out",
             .value = "FILE",
             .help = "write it there; the policy itself is added to, no other file is overwritten",
             .letter = "-o"},
            {.name = "--no-samples", .value = "", .help = "look at names and types only", .letter = ""},
            kSchema,
            kDatabase},
       .examples = "  yesterdaytabase policy propose --out policy.yaml\n",
       .section = Section::kPolicy},
      {.id = CommandId::kPolicyAccept,
       .path = "policy accept",
       .summary = "Accept what the policy keeps, as it is today, into policy.lock",
       .help = "Every 'keep', be it of a column, of a whole table, of a whole database or of '*', means the "
               "columns there are now, with the types they have now. This writes them into the lock file, "
               "after showing what changes. It refuses while anything is undecided or does not fit. Keep "
               "both files in git: the diff is the review.",
       .arguments = {},
       .options =
           {{.name = "--by", .value = "NAME", .help = "who accepts what is new, for the lock", .letter = ""},
            {.name = "--why", .value = "TEXT", .help = "why, for the lock", .letter = ""},
            {.name = "--expires",
             .value = "DATE",
             .help = "what is new counts until that day only, e.g. 2027-01-31",
             .letter = ""},
            kSchema,
            kDatabase,
            kYes},
       .examples = "  yesterdaytabase policy accept\n  yesterdaytabase policy accept --schema schema.sql "
                   "--database shop --yes\n",
       .section = Section::kPolicy},
      {.id = CommandId::kPolicyCheck,
       .path = "policy check",
       .summary = "Check the policy column by column",
       .help =
           "Fails when a database, table or column is not judged, a masker cannot serve a type or is too "
           "weak for a "
           "unique column, or the policy names what is not there. With --schema it needs no server: a pull "
           "request that adds a column learns it there.",
       .arguments = {},
       .options = {kSchema, kDatabase},
       .examples = "  yesterdaytabase policy check\n  pg_dump --schema-only shop > schema.sql\n"
                   "  yesterdaytabase policy check --schema schema.sql --database shop\n",
       .section = Section::kPolicy},
      {.id = CommandId::kPolicyExplain,
       .path = "policy explain",
       .summary = "Say which line of the policy judges a column",
       .help = "The line of the policy that decides, the masker, the rules that it goes before, the line of "
               "the lock, and what does not fit. A column that nobody judges is said to be that.",
       .arguments = {{.name = "TABLE.COLUMN"}},
       .options = {kSchema, kDatabase},
       .examples = "  yesterdaytabase policy explain public.users.email\n",
       .section = Section::kPolicy},
      {.id = CommandId::kPolicyPreview,
       .path = "policy preview",
       .summary = "Show some rows of a table as they would be masked",
       .help = "Reads a few rows of production through source.connection, masks them in memory, and shows "
               "the result. "
               "Originals are shown only on request and only on a terminal.",
       .arguments = {{.name = "TABLE"}},
       .options = {{.name = "--rows",
                    .value = "N",
                    .help = "how many rows, at most 100 (default 10)",
                    .letter = "-n"},
                   {.name = "--show-originals",
                    .value = "",
                    .help = "show each original above its mask; on a terminal only",
                    .letter = ""},
                   kDatabase},
       .examples = "  yesterdaytabase policy preview public.users\n",
       .section = Section::kPolicy},
      {.id = CommandId::kPlan,
       .path = "plan",
       .summary = "Say what a refresh would do now, why and about how long",
       .help = "Observes and decides, as a refresh would, and changes nothing.",
       .arguments = {},
       .options = {{.name = "--force", .value = "", .help = "as 'refresh --force'", .letter = ""}},
       .examples = "  yesterdaytabase plan\n"},
      {.id = CommandId::kRefresh,
       .path = "refresh",
       .summary = "Make staging yesterday's production",
       .help =
           "Restores the newest usable snapshot into a new copy, defuses it, masks it, proves it, opens it "
           "and "
           "moves the alias to it. Until the proof nobody can log in to it, and until the alias moves the "
           "previous copy goes on serving.\n\n"
           "Ctrl-C is safe: the next run goes on from where this one stopped. 'yesterdaytabase plan' says "
           "beforehand what it would do.",
       .arguments = {},
       .options = {{.name = "--if-due",
                    .value = "",
                    .help = "only if the schedule says so (for cron and timers)",
                    .letter = ""},
                   {.name = "--force",
                    .value = "",
                    .help = "also when the newest snapshot is already live",
                    .letter = ""},
                   {.name = "--wait-drain",
                    .value = "",
                    .help = "go on until the previous copy is gone, too",
                    .letter = ""}},
       .examples = "  yesterdaytabase refresh\n  yesterdaytabase refresh --if-due --output json\n",
       .foretold_by = "plan"},
      {.id = CommandId::kServe,
       .path = "serve",
       .summary = "Keep every production's schedule, in the foreground",
       .help = "What systemd or a container starts. Starts the live copies after a reboot, refreshes on "
               "schedule, catches "
               "up after downtime, looks after the gates, complains once when staging is "
               "older than "
               "max_age. "
               "SIGTERM stops it gracefully (copies go on serving), SIGHUP reads the config again.",
       .arguments = {},
       .options = {},
       .examples = "  yesterdaytabase serve --config /etc/yesterdaytabase/yesterdaytabase.yaml\n",
       .section = Section::kSetUp},
      {.id = CommandId::kLambda,
       .path = "lambda",
       .summary = "Answer AWS Lambda's invocations, in the foreground",
       .help =
           "What the function's bootstrap starts. Events are the original's {\"config\": {…}, \"action\": "
           "…}, a schedule's, or {\"action\": …, \"production\": …} with one of create, update, delete, "
           "status, plan, rollback and tick. Create and update are answered after their first action; tick, "
           "the heartbeat, carries on what is under way until the function's deadline nears, and the next "
           "one "
           "goes on from there.\n\n"
           "The config is what $YTB_CONFIG names, or lies beside the program as yesterdaytabase.yaml or as "
           "the original's config.json, or comes with each event.",
       .arguments = {},
       .options = {{.name = "--check-config",
                    .value = "FILE",
                    .help = "read a config.json as the function would, say what it found, and end",
                    .letter = ""}},
       .examples = "  aws lambda invoke --function-name yesterdaytabase --payload '{\"action\": \"status\"}' "
                   "out.json\n",
       .section = Section::kServices},
      {.id = CommandId::kWork,
       .path = "work",
       .summary = "Mask and prove one copy, without a deadline",
       .help = "What a Fargate task runs for tables that do not fit in a function. Masks and proves that "
               "copy and "
               "touches nothing else: restoring, opening and repointing stay with whoever started it. Killed "
               "anywhere, the next one goes on from the table it had reached.",
       .arguments = {},
       .options = {{.name = "--copy", .value = "COPY", .help = "the copy to work on", .letter = ""}},
       .examples = "  yesterdaytabase work --copy shop-yesterday-20261122-060000-1\n",
       .section = Section::kServices},
      {.id = CommandId::kStatus,
       .path = "status",
       .summary = "Say what is live, how old it is, and what comes next",
       .help = "Exit status 7 when staging's data is older than --max-age (or the config's max_age), or "
               "there is none: for "
               "monitoring.",
       .arguments = {},
       .options = {{.name = "--explain",
                    .value = "",
                    .help = "also why: the decision, its remarks, the history",
                    .letter = ""},
                   {.name = "--max-age",
                    .value = "DURATION",
                    .help = "how old the data may be, e.g. 26h",
                    .letter = ""}},
       .examples = "  yesterdaytabase status\n  yesterdaytabase status --max-age 26h --output json\n"},
      {.id = CommandId::kConnect,
       .path = "connect",
       .summary = "Open psql on the live copy",
       .help =
           "Becomes psql, which leads to the live copy: by the service file's entry for the alias's socket, "
           "with --tcp by that of the gate at 'listen:', and on AWS by the name. What follows -- is psql's. "
           "The role's password is read from where 'access:' says it is; who may not read that gives it in "
           "PGPASSWORD, PGPASSFILE or ~/.pgpass, or psql asks. There is no option for it.\n\n"
           "Exit status 7 where 'status' would say that no copy is live or that staging does not get it; "
           "else "
           "psql's own.",
       .arguments = {},
       .options =
           {{.name = "--role",
             .value = "ROLE",
             .help = "one of 'access:'; needed where there are several",
             .letter = ""},
            {.name = "--tcp", .value = "", .help = "through the gate, not by the socket", .letter = ""},
            {.name = "--copy",
             .value = "COPY",
             .help = "only where this copy is the live one: no other has an address",
             .letter = ""},
            {.name = "--dbname",
             .value = "NAME",
             .help = "default: the database of source.connection",
             .letter = "-d"},
            {.name = "--print",
             .value = "",
             .help = "only print the line to paste (with --output json always so)",
             .letter = ""}},
       .examples = "  yesterdaytabase connect\n"
                   "  yesterdaytabase connect --dbname shop -- -c 'SELECT count(*) FROM users'\n"
                   "  yesterdaytabase connect --tcp --print\n",
       .hands_on = "PSQL-ARGUMENTS"},
      {.id = CommandId::kRollback,
       .path = "rollback",
       .summary = "Point the alias at a previous copy again",
       .help = "Takes the previous copy that still runs (draining or spare), or the one that is named. One "
               "repoint; no "
               "connection is lost.",
       .arguments = {{.name = "COPY", .required = false}},
       .options = {kYes, kDryRun},
       .examples =
           "  yesterdaytabase rollback\n  yesterdaytabase rollback shop-yesterday-20261121-060000-1 --yes\n"},
      {.id = CommandId::kDelete,
       .path = "delete",
       .summary = "Delete a copy that is not live",
       .help = "The live copy is refused: refresh or roll back first, or use teardown.",
       .arguments = {{.name = "COPY"}},
       .options = {kYes, kDryRun},
       .examples = "  yesterdaytabase delete shop-yesterday-20261121-060000-1\n"},
      {.id = CommandId::kTeardown,
       .path = "teardown",
       .summary = "Remove every copy and the alias; never snapshots or keys",
       .help = "Lists everything of ours that it would remove, asks, and removes it. Snapshots, keys, "
               "config, policy, "
               "and the history with its proofs stay.",
       .arguments = {},
       .options = {kYes, kDryRun},
       .examples = "  yesterdaytabase teardown --dry-run\n",
       .section = Section::kSetUp},
      {.id = CommandId::kAdopt,
       .path = "adopt",
       .summary = "Take the name over from the stack of the original on AWS",
       .help =
           "Looks for the CloudFormation stack DATABASE-yesterdaytabase that the original made, and has it "
           "let go of its record DATABASE-yesterday.DOMAIN, which goes on resolving as it is. The next "
           "refresh then moves it to a copy of ours. Each step is safe to repeat. A stack that is not of "
           "that shape is refused, with what differs.\n\n"
           "--delete-old deletes that stack and its instance, once a copy of ours is live and no client "
           "can hold on to the old one any more.",
       .arguments = {},
       .options = {{.name = "--delete-old",
                    .value = "",
                    .help = "also delete the old stack with its instance",
                    .letter = ""},
                   kYes,
                   kDryRun},
       .examples = "  yesterdaytabase adopt --dry-run\n  yesterdaytabase adopt --delete-old\n",
       .section = Section::kServices},
      {.id = CommandId::kProofShow,
       .path = "proof show",
       .summary = "Show the proof of the live copy, or of another",
       .help = "What was switched off, what was masked, what was checked and how it came out. Proofs are "
               "kept after "
               "their copies are gone. --output json prints the signed envelope as it is stored.",
       .arguments = {{.name = "COPY", .required = false}},
       .options = {},
       .examples = "  yesterdaytabase proof show\n  yesterdaytabase proof show --output json > proof.json\n"},
      {.id = CommandId::kProofVerify,
       .path = "proof verify",
       .summary = "Verify a proof's signature and verdict",
       .help =
           "Takes a file that 'proof show --output json' wrote, or a copy's name; without either, the live "
           "copy's. Exit status 6 when it was changed, was signed by another key, or does not pass. With "
           "--public-key it needs neither config nor "
           "state.",
       .arguments = {{.name = "FILE|COPY", .required = false}},
       .options = {{.name = "--public-key",
                    .value = "HEX",
                    .help = "64 hexadecimal digits; the default is our own key",
                    .letter = ""}},
       .examples = "  yesterdaytabase proof verify proof.json --public-key 9f3c…\n"},
      {.id = CommandId::kHelp,
       .path = "help",
       .summary = "Say what a command does",
       .help = "The same as COMMAND --help; without one the list of all.",
       .arguments = {{.name = "COMMAND", .required = false}},
       .options = {},
       .examples = "  yesterdaytabase help refresh\n  yesterdaytabase help policy accept\n",
       .section = Section::kAbout},
      {.id = CommandId::kVersion,
       .path = "version",
       .summary = "Print the version",
       .help = "",
       .arguments = {},
       .options = {},
       .examples = "",
       .section = Section::kAbout},
      {.id = CommandId::kCompletion,
       .path = "completion",
       .summary = "Print the completion of a shell: bash or zsh",
       .help = "'make install' puts both where the shells look for them.",
       .arguments = {{.name = "SHELL"}},
       .options = {},
       .examples = "  source <(yesterdaytabase completion bash)\n"
                   "  yesterdaytabase completion zsh > ~/.zfunc/_yesterdaytabase\n",
       .section = Section::kAbout},
      {.id = CommandId::kMan,
       .path = "man",
       .summary = "Print the manual page",
       .help = "'make install' installs it: man yesterdaytabase.",
       .arguments = {},
       .options = {},
       .examples = "  yesterdaytabase man | man -l -\n",
       .section = Section::kAbout},
  };
}

}  // namespace

std::span<const CommandSpec> commands() {
  static const std::vector<CommandSpec> kCommands = make_commands();
  return kCommands;
}

std::span<const OptionSpec> global_options() {
  static constexpr std::array kGlobal{
      OptionSpec{
          .name = "--config",
          .value = "FILE",
          .help = "default: $YTB_CONFIG, ./yesterdaytabase.yaml, /etc/yesterdaytabase/yesterdaytabase.yaml",
          .letter = "-c"},
      OptionSpec{.name = "--production",
                 .value = "NAME",
                 .help = "which one, where several are configured",
                 .letter = "-p"},
      OptionSpec{.name = "--output", .value = "FORMAT", .help = "text or json", .letter = ""},
      OptionSpec{.name = "--verbose", .value = "", .help = "say more", .letter = "-v"},
      OptionSpec{.name = "--no-color", .value = "", .help = "no colours (as does NO_COLOR)", .letter = ""},
      OptionSpec{.name = "--help", .value = "", .help = "this help", .letter = "-h"},
  };
  return kGlobal;
}

const OptionSpec& version_option() {
  static constexpr OptionSpec kVersion{
      .name = "--version", .value = "", .help = "print the version", .letter = "-V"};
  return kVersion;
}

std::span<const SectionSpec> sections() {
  static constexpr std::array kSections{
      SectionSpec{.section = Section::kDaily, .heading = "Every day"},
      SectionSpec{.section = Section::kPolicy, .heading = "The policy"},
      SectionSpec{.section = Section::kSetUp, .heading = "Set up and take down"},
      SectionSpec{.section = Section::kServices, .heading = "On AWS, where services start them"},
      SectionSpec{.section = Section::kAbout, .heading = "About"},
  };
  return kSections;
}

std::string arguments_text(const CommandSpec& command) {
  std::string text;
  for (const ArgumentSpec& argument : command.arguments) {
    text += ' ';
    if (!argument.required) text += '[';
    text += argument.name;
    if (!argument.required) text += ']';
  }
  return text;
}

std::span<const GroupSpec> groups() {
  static constexpr std::array kGroups{
      GroupSpec{.name = "snapshot", .summary = "Take and list snapshots of production"},
      GroupSpec{.name = "policy",
                .summary = "Propose, accept, check, explain and preview the masking policy"},
      GroupSpec{.name = "proof", .summary = "Show and verify the signed proofs"},
  };
  return kGroups;
}

std::optional<std::string> Invocation::value(std::string_view name) const {
  auto found = options.find(name);
  if (found == options.end() || found->second.empty()) return std::nullopt;
  return found->second.back();
}

std::vector<std::string> Invocation::values(std::string_view name) const {
  auto found = options.find(name);
  return found == options.end() ? std::vector<std::string>{} : found->second;
}

}  // namespace ytb::cli
