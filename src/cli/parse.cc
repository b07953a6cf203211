// The command line, taken apart by CLI11 as the command table says; the errors are ours.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>
#include <regex>

#include "base/text.h"
#include "cli/command.h"

namespace ytb::cli {
namespace {

constexpr size_t kWordsMax = 200;
constexpr size_t kWordSizeMax = 64 << 10;

Error usage(std::string message, std::string_view path) {
  std::string command = path.empty() ? "" : fmt::format(" {}", path);
  return Error{.code = Code::kUsage,
               .message = std::move(message),
               .hint = fmt::format("'yesterdaytabase{} --help' says what there is", command)};
}

Error secret_refused(std::string what) {
  return Error{
      .code = Code::kUsage,
      .message =
          fmt::format("{}: every user of this machine can read a command line, and shells keep it", what),
      .hint =
          "put the secret into a file with mode 0600 and write 'password: file:/path' in the config, or "
          "'password: ${VARIABLE}' for one from the environment"};
}

// "password=…" in a connection string, "scheme://user:password@host".
bool holds_password(const std::string& word) {
  static const std::regex kInline(
      "(^|[\\s?&'\"=])(password|passwd|sslpassword)\\s*=|://[^/@\\s:]*:[^/@\\s]+@",
      std::regex::icase | std::regex::optimize);
  return word.size() <= kWordSizeMax && std::regex_search(word, kInline);
}

// Of what another program gets only connection strings are looked at: SQL may well say password = …, and
// psql's own -W and --password hold none.
Status refuse_handed_on_secrets(const std::vector<std::string>& words) {
  static const std::regex kConnection("^(-d|--dbname=)?\\s*(postgres(ql)?://|[a-z_]+\\s*=)",
                                      std::regex::icase | std::regex::optimize);
  for (const std::string& word : words) {
    if (holds_password(word) && std::regex_search(word, kConnection))
      return secret_refused("a connection string with a password in it was given");
  }
  return {};
}

// A secret on the command line has leaked already: the refusal teaches the safe way and never echoes it.
Status refuse_secrets(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    std::string name = to_lower_ascii(word.substr(0, word.find('=')));
    if (name.starts_with("-")) {
      for (std::string_view kind : {"password", "passwd", "secret", "token", "masking-key", "signing-key"}) {
        if (name.find(kind) != std::string::npos) {
          return secret_refused(
              fmt::format("secrets are not taken from the command line ({})", printable(name)));
        }
      }
      if (name == "--pass" || name == "--key" || name == "-W") {
        return secret_refused(
            fmt::format("secrets are not taken from the command line ({})", printable(name)));
      }
    }
    if (holds_password(word)) {
      return secret_refused("a connection string with a password in it was given");
    }
  }
  return {};
}

// Where CLI11 puts what it finds; deques, because it keeps their addresses.
struct Slot {
  const OptionSpec* spec;
  bool given = false;
  std::vector<std::string> values;
};

void add_options(CLI::App& app, std::span<const OptionSpec> options, std::deque<Slot>& slots) {
  for (const OptionSpec& spec : options) {
    Slot& slot = slots.emplace_back(Slot{.spec = &spec, .given = false, .values = {}});
    std::string names =
        spec.letter.empty() ? std::string(spec.name) : fmt::format("{},{}", spec.letter, spec.name);
    if (spec.value.empty()) {
      app.add_flag(names, slot.given);
    } else {
      app.add_option(names, slot.values)
          ->allow_extra_args(false)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
          ->type_size(1)
          ->expected(1);
    }
  }
}

struct Parser {
  CLI::App app;
  bool version = false;
  std::deque<Slot> slots;
  std::vector<std::pair<CLI::App*, const CommandSpec*>> leaves;
  std::vector<std::pair<CLI::App*, const GroupSpec*>> group_apps;

  static void prepare(CLI::App& node) {
    node.set_help_flag("");
    node.require_subcommand(0, 1);
    node.allow_extras();
    node.fallthrough();
  }

  Parser() {
    prepare(app);
    add_options(app, global_options(), slots);
    app.add_flag(fmt::format("{},{}", version_option().letter, version_option().name), version);
    for (const GroupSpec& group : groups()) {
      CLI::App* node = app.add_subcommand(std::string(group.name));
      prepare(*node);
      group_apps.emplace_back(node, &group);
    }
    for (const CommandSpec& command : commands()) {
      size_t space = command.path.find(' ');
      CLI::App* parent = &app;
      if (space != std::string_view::npos)
        parent = app.get_subcommand(std::string(command.path.substr(0, space)));
      CLI::App* node = parent->add_subcommand(
          std::string(command.path.substr(space == std::string_view::npos ? 0 : space + 1)));
      prepare(*node);
      add_options(*node, command.options, slots);
      leaves.emplace_back(node, &command);
    }
  }

  [[nodiscard]] const CommandSpec* command() const {
    for (const auto& [node, spec] : leaves) {
      if (node->parsed()) return spec;
    }
    return nullptr;
  }
  [[nodiscard]] const GroupSpec* group() const {
    for (const auto& [node, spec] : group_apps) {
      if (node->parsed()) return spec;
    }
    return nullptr;
  }
};

Error unknown_option(const std::string& word, const CommandSpec* command, std::string_view path) {
  std::string name = word.substr(0, word.find('='));
  std::vector<std::string> known;
  for (const OptionSpec& option : global_options()) known.emplace_back(option.name);
  if (command != nullptr) {
    for (const OptionSpec& option : command->options) known.emplace_back(option.name);
  }
  Error error =
      usage(fmt::format("there is no option '{}'{}", printable(name), did_you_mean(name, known)), path);
  if (name == "--dry-run" && command != nullptr && !command->foretold_by.empty()) {
    error.message = fmt::format("'{}' has no --dry-run", command->path);
    error.hint =
        fmt::format("'yesterdaytabase {}' says what it would do, and changes nothing", command->foretold_by);
  }
  return error;
}

Error unknown_command(const std::string& word, const GroupSpec* group) {
  std::vector<std::string> known;
  for (const CommandSpec& command : commands()) {
    std::string_view path = command.path;
    if (group != nullptr) {
      if (!path.starts_with(fmt::format("{} ", group->name))) continue;
      known.emplace_back(path.substr(group->name.size() + 1));
    } else {
      known.emplace_back(path.substr(0, path.find(' ')));
    }
  }
  if (group != nullptr) {
    return usage(
        fmt::format("there is no command '{} {}'{}", group->name, printable(word), did_you_mean(word, known)),
        group->name);
  }
  return usage(fmt::format("there is no command '{}'{}", printable(word), did_you_mean(word, known)), "");
}

// `behind`: what followed "--", no option whatever it looks like.
Result<std::vector<std::string>> arguments_of(const CommandSpec& command,
                                              const std::vector<std::string>& words,
                                              const std::vector<std::string>& behind) {
  for (const std::string& word : words) {
    if (word.size() > 1 && word.front() == '-') return unknown_option(word, &command, command.path);
  }
  std::vector<std::string> arguments = words;
  arguments.insert(arguments.end(), behind.begin(), behind.end());
  for (size_t i = 0; i < command.arguments.size(); ++i) {
    if (command.arguments[i].required && i >= arguments.size()) {
      return usage(fmt::format("'{}' needs {}", command.path, command.arguments[i].name), command.path);
    }
  }
  if (arguments.size() > command.arguments.size()) {
    return usage(
        fmt::format("'{}' does not take '{}'", command.path, printable(arguments[command.arguments.size()])),
        command.path);
  }
  return arguments;
}

Status check_values(const Invocation& invocation, std::string_view path) {
  std::optional<std::string> output = invocation.value("output");
  if (output && *output != "text" && *output != "json") {
    const std::vector<std::string> known{"text", "json"};
    return usage(fmt::format("--output takes text or json, not '{}'{}", printable(*output),
                             did_you_mean(*output, known)),
                 path);
  }
  for (const auto& [name, values] : invocation.options) {
    for (const std::string& value : values) {
      if (value.empty()) return usage(fmt::format("--{} was given an empty value", name), path);
    }
  }
  return {};
}

const CommandSpec* version_command() {
  for (const CommandSpec& command : commands()) {
    if (command.id == CommandId::kVersion) return &command;
  }
  return nullptr;
}

// Where the command's first word is; none: options only.
std::optional<size_t> first_word(const std::vector<std::string>& words) {
  for (size_t i = 0; i < words.size(); ++i) {
    if (!words[i].starts_with('-')) return i;
    for (const OptionSpec& option : global_options()) {
      if (!option.value.empty() && (words[i] == option.name || words[i] == option.letter)) ++i;
    }
  }
  return std::nullopt;
}

// Of "help policy accept" the words behind "help", which are commands' names and no arguments of one. They
// are taken out of `words`.
std::optional<std::string> take_topic(std::vector<std::string>& words) {
  const std::optional<size_t> at = first_word(words);
  if (!at || words[*at] != "help") return std::nullopt;
  std::vector<std::string> topic;
  std::vector<std::string> rest(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(*at) + 1);
  for (size_t i = *at + 1; i < words.size(); ++i) {
    (words[i].starts_with('-') ? rest : topic).push_back(words[i]);
  }
  words.swap(rest);
  return join(topic, " ");
}

Result<std::string> help_about(const std::string& topic) {
  std::vector<std::string> known{""};
  for (const CommandSpec& command : commands()) known.emplace_back(command.path);
  for (const GroupSpec& group : groups()) known.emplace_back(group.name);
  if (std::find(known.begin(), known.end(), topic) != known.end()) return help_text(topic);
  return usage(fmt::format("there is no command '{}'{}", printable(topic), did_you_mean(topic, known)), "");
}

std::string own_words(const CLI::ParseError& error) {
  // CLI11: "--config: 1 required TEXT missing"
  std::string text = error.what();
  if (size_t colon = text.find(':');
      colon != std::string::npos && text.find("required") != std::string::npos) {
    return fmt::format("{} needs a value", text.substr(0, colon));
  }
  constexpr std::string_view kConversion = "Could not convert: ";
  if (text.starts_with(kConversion)) {
    text = text.substr(kConversion.size());
    return fmt::format("{} takes no value", printable(text.substr(0, text.find(' '))));
  }
  return printable(text);
}

}  // namespace

Result<Invocation> parse_command_line(const std::vector<std::string>& words) {
  if (words.size() > kWordsMax) return usage(fmt::format("more than {} words were given", kWordsMax), "");
  const auto dashes = std::find(words.begin(), words.end(), "--");
  std::vector<std::string> ours(words.begin(), dashes);
  std::vector<std::string> behind(dashes == words.end() ? dashes : dashes + 1, words.end());
  YTB_TRY(refuse_secrets(ours));
  const std::optional<std::string> topic = take_topic(ours);
  Parser parser;
  std::vector<std::string> reversed(ours.rbegin(), ours.rend());
  std::optional<std::string> failure;
  try {
    parser.app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    failure = own_words(error);
  }
  const CommandSpec* command = parser.command();
  const GroupSpec* group = parser.group();
  std::string_view path = command != nullptr ? command->path
                          : group != nullptr ? group->name
                                             : std::string_view();
  if (failure) return usage(*failure, path);
  const bool hands_on = command != nullptr && !command->hands_on.empty();
  YTB_TRY(hands_on ? refuse_handed_on_secrets(behind) : refuse_secrets(behind));

  Invocation invocation;
  for (const Slot& slot : parser.slots) {
    std::string name(slot.spec->name.substr(2));
    if (slot.given) invocation.options[name];
    if (!slot.values.empty()) invocation.options[name] = slot.values;
  }
  std::vector<std::string> rest = parser.app.remaining(/*recurse=*/true);
  if (topic && rest.empty()) {
    YTB_ASSIGN(invocation.help, help_about(*topic));
    invocation.command = command;
    return invocation;
  }
  if (invocation.has("help") || (command == nullptr && group != nullptr && rest.empty())) {
    invocation.help = help_text(path);
    return invocation;
  }
  if (parser.version && command != nullptr) return unknown_option("--version", command, path);
  if (parser.version && rest.empty()) {
    invocation.command = version_command();
    return invocation;
  }
  YTB_TRY(check_values(invocation, path));
  if (command == nullptr && rest.empty()) {
    invocation.nothing = true;
    return invocation;
  }
  if (command == nullptr) {
    const std::string& word = rest.front();
    if (word.size() > 1 && word.front() == '-') return unknown_option(word, nullptr, path);
    return unknown_command(word, group);
  }
  if (hands_on) invocation.handed_on.swap(behind);
  YTB_ASSIGN(invocation.arguments, arguments_of(*command, rest, behind));
  invocation.command = command;
  return invocation;
}

}  // namespace ytb::cli
