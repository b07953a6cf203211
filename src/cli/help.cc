// Help texts, made from the command table.
#include <fmt/format.h>

#include <algorithm>

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

// As wide as the longest of all, so that the sections of a list have the same columns.
std::string command_lines(Section section) {
  size_t width = 0;
  for (const CommandSpec& command : commands()) width = std::max(width, command.path.size());
  std::string text;
  for (const CommandSpec& command : commands()) {
    if (command.section == section)
      text += fmt::format("  {:<{}}  {}\n", command.path, width, command.summary);
  }
  return text;
}

std::string overview() {
  std::string text =
      "Yesterdaytabase: every morning, staging is yesterday's production: restored from the newest\n"
      "snapshot, masked, proven, and swapped in behind a name that never changes.\n\n"
      "Usage: yesterdaytabase [OPTIONS] COMMAND …        (also installed as ytb)\n"
      "       yesterdaytabase                            where you are, and what comes next\n";
  for (const SectionSpec& section : sections())
    text += fmt::format("\n{}:\n{}", section.heading, command_lines(section.section));
  std::vector<OptionSpec> options(global_options().begin(), global_options().end());
  options.push_back(version_option());
  text += "\nOptions:\n" + option_lines(options);
  text +=
      "\nFirst steps:\n"
      "  yesterdaytabase init --connection \"host=db.internal user=ytb_backup dbname=shop\"\n"
      "  yesterdaytabase snapshot take                      or let it find your base backups: --source-dir "
      "DIR\n"
      "  yesterdaytabase policy propose --out policy.yaml   what becomes of every column\n"
      "  yesterdaytabase check                              would a refresh work?\n"
      "  yesterdaytabase refresh\n"
      "\n'yesterdaytabase help COMMAND' says more about each.\n";
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
  std::string usage = fmt::format("yesterdaytabase {}{} [OPTIONS]", command.path, arguments_text(command));
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
