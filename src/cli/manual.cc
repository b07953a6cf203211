#include "cli/manual.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"

namespace ytb::cli {
namespace {

struct Status {
  Code code;
  std::string_view when;
};

constexpr std::array kStatuses{
    Status{Code::kInternal, "a bug of ours"},
    Status{Code::kUsage, "the command line is wrong"},
    Status{Code::kConfig, "the config is wrong, or refers to what is not there"},
    Status{Code::kPolicy, "the policy does not fit production"},
    Status{Code::kNoSnapshot, "there is no usable snapshot"},
    Status{Code::kProof, "a check failed or did not run; the copy stays closed"},
    Status{Code::kStale, "staging is older than promised, or gets nothing at all"},
    Status{Code::kRefused, "a guard said no: live, not ours, production, others could change it"},
    Status{Code::kBusy, "someone else is at work on the same production"},
    Status{Code::kSpace, "disk, ports or another resource is short"},
    Status{Code::kConnection, "a server could not be reached, or refused us"},
    Status{Code::kExternal, "a program or the operating system failed"},
    Status{Code::kCorrupt, "what was read is damaged"},
    Status{Code::kUnsupported, "cannot be done with this version or kind"},
    Status{Code::kForbidden, "the platform does not let us use what a refresh needs"},
    Status{Code::kInterrupted, "stopped by Ctrl-C or a signal; the next run goes on from there"},
};

// One character of UTF-8 from `at` on, which moves behind it.
uint32_t take_character(std::string_view text, size_t& at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  uint32_t point = length == 1 ? first : first & (0xffU >> (length + 1));
  for (size_t k = 1; k < length && at + k < text.size(); ++k)
    point = point << 6 | (static_cast<unsigned char>(text[at + k]) & 0x3fU);
  at += length;
  return point;
}

// groff_char(7): what means something to troff is named, and so is what is not ASCII.
std::string escaped(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const uint32_t point = take_character(text, at);
    if (point >= 0x80) {
      out += fmt::format("\\[u{:04X}]", point);
    } else if (point == '\\') {
      out += "\\e";
    } else if (point == '-') {
      out += "\\-";
    } else if (point == '\'') {
      out += "\\[aq]";
    } else if (point == '"') {
      out += "\\[dq]";
    } else if (point == '`') {
      out += "\\[ga]";
    } else if (point == '~') {
      out += "\\[ti]";
    } else if (point == '^') {
      out += "\\[ha]";
    } else {
      out += static_cast<char>(point);
    }
  }
  return out;
}

// A line of text; one that begins with a dot would be a request.
std::string line(std::string_view text) {
  const std::string safe = escaped(text);
  return (safe.starts_with('.') ? "\\&" : "") + safe + "\n";
}

std::string paragraphs(std::string_view text, std::string_view between) {
  std::string out;
  for (const std::string& part : split(text, '\n')) out += part.empty() ? std::string(between) : line(part);
  return out;
}

std::string options_text(std::span<const OptionSpec> options) {
  std::string out;
  for (const OptionSpec& option : options) {
    std::string names = option.letter.empty() ? "" : fmt::format("\\fB{}\\fR, ", escaped(option.letter));
    names += fmt::format("\\fB{}\\fR", escaped(option.name));
    if (!option.value.empty()) names += fmt::format(" \\fI{}\\fR", escaped(option.value));
    out += fmt::format(".TP\n{}\n", names);
    out += line(std::string(option.help) + (option.repeatable ? " (may be repeated)" : ""));
  }
  return out;
}

std::string command_text(const CommandSpec& command) {
  std::string out = fmt::format(".TP\n\\fB{}\\fR{}", escaped(command.path), escaped(arguments_text(command)));
  if (!command.hands_on.empty()) out += fmt::format(" [\\-\\- {}]", escaped(command.hands_on));
  out += "\n" + line(std::string(command.summary) + ".");
  if (!command.help.empty()) out += ".IP\n" + paragraphs(command.help, ".IP\n");
  if (!command.options.empty()) out += ".RS\n" + options_text(command.options) + ".RE\n";
  return out;
}

std::string examples_text() {
  std::string out;
  for (const CommandSpec& command : commands()) {
    for (const std::string& example : split(command.examples, '\n')) {
      if (!trim(example).empty()) out += line(trim(example));
    }
  }
  return ".nf\n" + out + ".fi\n";
}

}  // namespace

std::string manual_page(std::string_view version) {
  std::string page = fmt::format(
      ".\\\" Made by 'yesterdaytabase man' from the table of commands.\n"
      ".TH YESTERDAYTABASE 1 \"\" \"yesterdaytabase {}\" \"User Commands\"\n"
      ".SH NAME\n"
      "yesterdaytabase, ytb \\- every morning, staging is yesterday\\[aq]s production\n"
      ".SH SYNOPSIS\n"
      ".B yesterdaytabase\n"
      "[\\fIOPTIONS\\fR] [\\fICOMMAND\\fR ...]\n"
      ".SH DESCRIPTION\n",
      escaped(version));
  page +=
      "Restores the newest snapshot of production into a copy, masks all personal data in it, proves that,\n"
      "and swaps the copy in behind a name that never changes. Until the proof nobody can log in.\n"
      ".PP\n"
      "Without a command it says where you are, and what comes next.\n"
      ".SH COMMANDS\n";
  for (const SectionSpec& section : sections()) {
    page += fmt::format(".SS {}\n", escaped(section.heading));
    for (const CommandSpec& command : commands()) {
      if (command.section == section.section) page += command_text(command);
    }
  }
  const std::array<OptionSpec, 1> version_only{version_option()};
  page += ".SH OPTIONS\n" + options_text(global_options()) + options_text(version_only);
  page += ".SH EXIT STATUS\n.TP\n.B 0\nIt went well, or there was nothing to do.\n";
  for (const Status& status : kStatuses) {
    page += fmt::format(".TP\n.B {}\n", exit_status(status.code));
    page += line(fmt::format("{}: {}.", name_of(status.code), status.when));
  }
  page +=
      ".SH ENVIRONMENT\n"
      ".TP\n.B YTB_CONFIG\nThe config, where no \\fB\\-\\-config\\fR is given.\n"
      ".TP\n.B NO_COLOR\nNo colours.\n"
      ".TP\n.B PGPASSWORD\nOf the login of production, for \\fBinit\\fR; of the role, for \\fBconnect\\fR.\n"
      ".SH FILES\n"
      ".TP\n.I ./yesterdaytabase.yaml\n"
      ".TQ\n.I /etc/yesterdaytabase/yesterdaytabase.yaml\nThe config, the first that there is.\n"
      ".SH EXAMPLES\n";
  page += examples_text();
  page += ".SH SEE ALSO\n.BR psql (1),\n.BR pg_basebackup (1)\n";
  return page;
}

}  // namespace ytb::cli
