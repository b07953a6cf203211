#include "cli/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "cli/command.h"

namespace ytb::cli {
namespace {

// What may stand behind an option, by the name that the table gives its value.
enum class Kind { kFile, kDirectory, kFormat, kOther };

Kind kind_of(std::string_view value) {
  if (value == "FILE" || value == "FILE|COPY") return Kind::kFile;
  if (value == "DIR") return Kind::kDirectory;
  return value == "FORMAT" ? Kind::kFormat : Kind::kOther;
}

std::vector<OptionSpec> all_options() {
  std::vector<OptionSpec> all(global_options().begin(), global_options().end());
  for (const CommandSpec& command : commands())
    all.insert(all.end(), command.options.begin(), command.options.end());
  return all;
}

// "--config|-c|--out|-o", each once: options with a value of that kind.
std::string names_of(Kind kind) {
  std::vector<std::string> names;
  auto add = [&](std::string_view name) {
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
  };
  for (const OptionSpec& option : all_options()) {
    if (option.value.empty() || kind_of(option.value) != kind) continue;
    add(option.name);
    add(option.letter);
  }
  return join(names, "|");
}

std::string names_with_values() {
  std::vector<std::string> parts;
  for (Kind kind : {Kind::kFile, Kind::kDirectory, Kind::kFormat, Kind::kOther})
    parts.push_back(names_of(kind));
  return join(parts, "|");
}

// A word that may follow, and what it is.
struct Candidate {
  std::string word;
  std::string what;
};

// A place on the command line, by the words before it, and what may follow there.
struct Place {
  std::string words;  // "policy accept"; "" : none yet
  std::vector<Candidate> candidates;
  bool takes_files = false;
};

void add_options(std::span<const OptionSpec> options, std::vector<Candidate>& to) {
  for (const OptionSpec& option : options) to.push_back({std::string(option.name), std::string(option.help)});
}

std::vector<Candidate> top_words() {
  std::vector<Candidate> words;
  for (const GroupSpec& group : groups())
    words.push_back({std::string(group.name), std::string(group.summary)});
  for (const CommandSpec& command : commands()) {
    if (command.path.find(' ') == std::string_view::npos)
      words.push_back({std::string(command.path), std::string(command.summary)});
  }
  return words;
}

std::vector<Candidate> words_in(const GroupSpec& group) {
  std::vector<Candidate> words;
  const std::string prefix = fmt::format("{} ", group.name);
  for (const CommandSpec& command : commands()) {
    if (command.path.starts_with(prefix))
      words.push_back({std::string(command.path.substr(prefix.size())), std::string(command.summary)});
  }
  return words;
}

// Commands before their groups, so that the first that matches is the right one.
std::vector<Place> places() {
  std::vector<Place> all;
  for (const CommandSpec& command : commands()) {
    Place place{.words = std::string(command.path), .candidates = {}};
    if (command.id == CommandId::kCompletion) place.candidates = {{"bash", ""}, {"zsh", ""}};
    if (command.id == CommandId::kHelp) place.candidates = top_words();
    for (const ArgumentSpec& argument : command.arguments)
      place.takes_files = place.takes_files || kind_of(argument.name) == Kind::kFile;
    add_options(command.options, place.candidates);
    all.push_back(std::move(place));
  }
  for (const GroupSpec& group : groups()) {
    all.push_back({.words = std::string(group.name), .candidates = words_in(group)});
    all.push_back({.words = fmt::format("help {}", group.name), .candidates = words_in(group)});
  }
  // "help policy" is looked for before "help".
  std::stable_sort(all.begin(), all.end(),
                   [](const Place& a, const Place& b) { return a.words.size() > b.words.size(); });
  all.push_back({.words = "", .candidates = top_words()});
  all.back().candidates.push_back({std::string(version_option().name), std::string(version_option().help)});
  return all;
}

std::string words_only(const std::vector<Candidate>& candidates) {
  std::vector<std::string> words;
  for (const Candidate& candidate : candidates) words.push_back(candidate.word);
  return join(words, " ");
}

std::string bash_script() {
  std::string cases;
  for (const Place& place : places()) {
    const std::string pattern = place.words.empty() ? "''" : fmt::format("'{0}' | '{0} '*", place.words);
    cases += fmt::format("    {})\n      words='{}'\n", pattern, words_only(place.candidates));
    if (place.takes_files) cases += "      files=1\n";
    cases += "      ;;\n";
  }
  std::vector<Candidate> global;
  add_options(global_options(), global);
  return fmt::format(
      R"bash(# bash completion of yesterdaytabase and ytb: made by 'yesterdaytabase completion bash'
_yesterdaytabase() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
  local so_far='' skip='' words='' files='' i
  COMPREPLY=()
  # bash makes three words of --option=value.
  if [[ $word == '=' ]]; then
    word=''
  elif [[ $before == '=' && $COMP_CWORD -gt 1 ]]; then
    before=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ ${{COMP_WORDS[i]}} == '=' ]]; then
      skip=1
    elif [[ -n $skip ]]; then
      skip=''
    else
      case ${{COMP_WORDS[i]}} in
      --) return ;;
      {0}) skip=1 ;;
      -*) ;;
      *) so_far="${{so_far:+$so_far }}${{COMP_WORDS[i]}}" ;;
      esac
    fi
  done
  case $before in
  {1})
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
    return
    ;;
  {2})
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -d -- "$word")
    return
    ;;
  {3})
    mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$word")
    return
    ;;
  {4}) return ;;
  esac
  case $so_far in
{5}  esac
  mapfile -t COMPREPLY < <(compgen -W "$words {6}" -- "$word")
  if [[ -n $files && $word != -* ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t -O "${{#COMPREPLY[@]}}" COMPREPLY < <(compgen -f -- "$word")
  fi
}}
complete -F _yesterdaytabase yesterdaytabase ytb
)bash",
      names_with_values(), names_of(Kind::kFile), names_of(Kind::kDirectory), names_of(Kind::kFormat),
      names_of(Kind::kOther), cases, words_only(global));
}

// 'word:what it is', as _describe reads it: options, or all others.
std::string zsh_items(const std::vector<Candidate>& candidates, bool options) {
  std::string items;
  for (const Candidate& candidate : candidates) {
    if (candidate.word.starts_with('-') != options) continue;
    std::string what;
    for (char c : candidate.what) what += c == '\'' ? std::string("'\\''") : std::string(1, c);
    items += fmt::format("        '{}:{}'\n", candidate.word, what);
  }
  return items;
}

std::string zsh_script() {
  std::string cases;
  for (const Place& place : places()) {
    const std::string pattern = place.words.empty() ? "('')" : fmt::format("('{0}'|'{0} '*)", place.words);
    cases += fmt::format("    {}\n      words_here=(\n{}      )\n      flags=(\n{}      )\n", pattern,
                         zsh_items(place.candidates, false), zsh_items(place.candidates, true));
    if (place.takes_files) cases += "      files=1\n";
    cases += "      ;;\n";
  }
  std::vector<Candidate> global;
  add_options(global_options(), global);
  return fmt::format(R"zsh(#compdef yesterdaytabase ytb
# zsh completion of yesterdaytabase and ytb: made by 'yesterdaytabase completion zsh'
_yesterdaytabase() {{
  local so_far='' skip='' files='' word
  local -a words_here flags
  integer i
  for ((i = 2; i < CURRENT; ++i)); do
    word=${{words[i]}}
    if [[ -n $skip ]]; then
      skip=''
      continue
    fi
    case $word in
    (--) _files; return ;;
    ({0}) skip=1 ;;
    (-*) ;;
    (*) so_far="${{so_far:+$so_far }}$word" ;;
    esac
  done
  case ${{words[CURRENT-1]}} in
  ({1}) _files; return ;;
  ({2}) _files -/; return ;;
  ({3}) compadd text json; return ;;
  ({4}) return ;;
  esac
  case $so_far in
{5}  esac
  flags+=(
{6}  )
  (( $#words_here )) && _describe 'command' words_here
  _describe -o 'option' flags
  [[ -n $files ]] && _files
}}
if [[ $funcstack[1] == _yesterdaytabase ]]; then
  _yesterdaytabase "$@"
else
  compdef _yesterdaytabase yesterdaytabase ytb
fi
)zsh",
                     names_with_values(), names_of(Kind::kFile), names_of(Kind::kDirectory),
                     names_of(Kind::kFormat), names_of(Kind::kOther), cases, zsh_items(global, true));
}

}  // namespace

Result<std::string> completion_script(std::string_view shell) {
  if (shell == "bash") return bash_script();
  if (shell == "zsh") return zsh_script();
  const std::vector<std::string> known{"bash", "zsh"};
  return Error{.code = Code::kUsage,
               .message = fmt::format("there is no completion for the shell '{}'{}", printable(shell),
                                      did_you_mean(std::string(shell), known)),
               .hint = "'yesterdaytabase completion bash' or 'yesterdaytabase completion zsh'"};
}

}  // namespace ytb::cli
