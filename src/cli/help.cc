// Help texts, made from the command table.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/output.h"

namespace ytb::cli {
namespace {

constexpr size_t kColumns = 100;

std::string option_lines(std::span<const OptionSpec> options) {
  std::vector<std::vector<std::string>> rows;
  for (const OptionSpec& option : options) {
    std::string left = option.letter.empty() ? std::string("    ") : fmt::format("{}, ", option.letter);
    left += option.name;
    if (!option.value.empty()) left += fmt::format(" {}", option.value);
    rows.push_back({left, std::string(option.help) + (option.repeatable ? " (may be repeated)" : "")});
  }
  return table(rows);
}

std::string overview() {
  std::string text =
      "Yesterdaytabase: every morning, staging is yesterday's production: restored from the newest\n"
      "snapshot, masked, proven, and swapped in behind a name that never changes.\n\n"
      "Usage: yesterdaytabase [OPTIONS] COMMAND …        (also installed as ytb)\n\n"
      "Commands:\n";
  std::vector<std::vector<std::string>> rows;
  for (const CommandSpec& command : commands()) {
    rows.push_back({std::string(command.path), std::string(command.summary)});
  }
  text += table(rows);
  text += "\nOptions:\n" + option_lines(global_options());
  text +=
      "\nFirst steps:\n"
      "  yesterdaytabase init --source-dir /backups/shop    a config to start from\n"
      "  yesterdaytabase policy propose --out policy.yaml   what becomes of every column\n"
      "  yesterdaytabase check                              would a refresh work?\n"
      "  yesterdaytabase refresh\n"
      "\n'yesterdaytabase COMMAND --help' says more about each.\n";
  return text;
}

std::string group_help(const GroupSpec& group) {
  std::string text =
      fmt::format("{}\n\nUsage: yesterdaytabase {} COMMAND …\n\nCommands:\n", group.summary, group.name);
  std::vector<std::vector<std::string>> rows;
  for (const CommandSpec& command : commands()) {
    if (command.path.starts_with(fmt::format("{} ", group.name))) {
      rows.push_back({std::string(command.path), std::string(command.summary)});
    }
  }
  return text + table(rows) + "\nOptions:\n" + option_lines(global_options());
}

std::string command_help(const CommandSpec& command) {
  std::string usage = fmt::format("yesterdaytabase {}", command.path);
  for (const ArgumentSpec& argument : command.arguments) {
    usage += argument.required ? fmt::format(" {}", argument.name) : fmt::format(" [{}]", argument.name);
  }
  usage += " [OPTIONS]";
  if (!command.hands_on.empty()) usage += fmt::format(" [-- {}]", command.hands_on);
  std::string text = fmt::format("{}\n\nUsage: {}\n", command.summary, usage);
  if (!command.help.empty()) text += "\n" + wrap(command.help, kColumns);
  if (!command.options.empty()) text += "\nOptions:\n" + option_lines(command.options);
  text += "\nGlobal options:\n" + option_lines(global_options());
  if (!command.examples.empty()) text += fmt::format("\nExamples:\n{}", command.examples);
  return text;
}

}  // namespace

std::string help_text(std::string_view path) {
  for (const CommandSpec& command : commands()) {
    if (command.path == path) return command_help(command);
  }
  for (const GroupSpec& group : groups()) {
    if (group.name == path) return group_help(group);
  }
  return overview();
}

}  // namespace ytb::cli
