// The command table: what can be typed, in one place. Parsing, help, completion of typos and docs/cli.md's
// synopses all come from it.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ytb::cli {

struct OptionSpec {
  std::string_view name;    // "--config"
  std::string_view value;   // "FILE"; empty: a flag
  std::string_view help;    // one line
  std::string_view letter;  // "-h"; may be empty
  bool repeatable = false;
};

struct ArgumentSpec {
  std::string_view name;  // "COPY"
  bool required = true;
};

enum class CommandId {
  kInit,
  kCheck,
  kSnapshotTake,
  kSnapshotList,
  kPolicyPropose,
  kPolicyAccept,
  kPolicyCheck,
  kPolicyExplain,
  kPolicyPreview,
  kPlan,
  kRefresh,
  kServe,
  kLambda,
  kWork,
  kStatus,
  kConnect,
  kRollback,
  kDelete,
  kTeardown,
  kAdopt,
  kProofShow,
  kProofVerify,
  kHelp,
  kVersion,
  kCompletion,
  kMan,
};

// What a command is for: help, manual page and docs/cli.md list them by this.
enum class Section { kDaily, kPolicy, kSetUp, kServices, kAbout };

struct CommandSpec {
  CommandId id;
  std::string_view path;     // "snapshot take"
  std::string_view summary;  // one line, a sentence without the full stop
  std::string_view help;     // paragraphs
  std::vector<ArgumentSpec> arguments;
  std::vector<OptionSpec> options;
  std::string_view examples;  // indented lines
  // Of a command without --dry-run: the one that says what it would do.
  std::string_view foretold_by = {};
  // What may follow "--", for another program: "PSQL-ARGUMENTS"; "" : nothing is handed on.
  std::string_view hands_on = {};
  Section section = Section::kDaily;
};

std::span<const CommandSpec> commands();
std::span<const OptionSpec> global_options();
// --version: in place of a command only.
const OptionSpec& version_option();
// In the order in which they are listed, with their headings.
struct SectionSpec {
  Section section;
  std::string_view heading;
};
std::span<const SectionSpec> sections();
// The arguments as help writes them: "COPY", "[COPY]"; each behind a blank.
std::string arguments_text(const CommandSpec& command);
// "snapshot", "policy", "proof" and their one-line help.
struct GroupSpec {
  std::string_view name;
  std::string_view summary;
};
std::span<const GroupSpec> groups();

// What was typed, checked against the table.
struct Invocation {
  const CommandSpec* command = nullptr;  // none: help was asked for, or nothing was
  bool nothing = false;                  // no command at all: say where one is
  std::string help;                      // the help text to print, where asked for
  std::vector<std::string> arguments;
  std::vector<std::string> handed_on;  // what followed "--", where the command hands that on
  std::map<std::string, std::vector<std::string>, std::less<>> options;  // by name, without "--"

  [[nodiscard]] bool has(std::string_view name) const { return options.find(name) != options.end(); }
  [[nodiscard]] std::optional<std::string> value(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> values(std::string_view name) const;
};

// `words` without the program's name. Error{kUsage} says what was wrong, with "did you mean"; secrets given
// as arguments are refused with the reason and never echoed.
Result<Invocation> parse_command_line(const std::vector<std::string>& words);

// `path`: "" for the overview, "policy" for a group, "policy check" for a command.
std::string help_text(std::string_view path);

}  // namespace ytb::cli
