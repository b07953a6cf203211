// connect: psql on the live copy.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/shell.h"
#include "base/text.h"
#include "cli/context.h"
#include "cli/describe.h"
#include "cli/served.h"

namespace ytb::cli {
namespace {

// Of the PG… variables, which this program itself does not go by, those that psql gets as they are: none of
// them leads elsewhere or decides over TLS.
constexpr std::array<const char*, 8> kVariablesKept{"PGPASSWORD", "PGPASSFILE",       "PGAPPNAME",
                                                    "PGOPTIONS",  "PGCLIENTENCODING", "PGDATESTYLE",
                                                    "PGTZ",       "PGCONNECT_TIMEOUT"};

using Parameters = std::vector<std::pair<std::string, std::string>>;

Result<const model::AccessRole*> choose_role(const Context& context,
                                             const config::ProductionConfig& production) {
  std::vector<std::string> names;
  for (const model::AccessRole& role : production.access) names.push_back(role.name);
  const std::string listed = printable(join(names, ", "));
  const std::optional<std::string> wanted = context.call.value("role");
  if (!wanted && production.access.size() == 1) return &production.access.front();
  if (!wanted) {
    return Error{.code = Code::kUsage,
                 .message = fmt::format("{} roles may log in: {}", names.size(), listed),
                 .hint = "say which one with --role ROLE"};
  }
  for (const model::AccessRole& role : production.access) {
    if (role.name == *wanted) return &role;
  }
  return Error{.code = Code::kUsage,
               .message = fmt::format("the role '{}' is not in 'access' of '{}'{}: no copy lets it in",
                                      printable(*wanted), production.name, did_you_mean(*wanted, names)),
               .hint = fmt::format("it has {}", listed)};
}

// Whether the role may come this way: the gate would only say "no".
Status check_way(const config::ProductionConfig& production, const model::AccessRole& role, bool tcp) {
  if (config::is_aws(production)) return {};
  if (!tcp) {
    if (role.comes_locally()) return {};
    return Error{
        .code = Code::kRefused,
        .message = fmt::format("'{}' may not come in through the Unix socket: its 'from' has no 'local'",
                               printable(role.name)),
        .hint = production.alias.listen.empty()
                    ? "add local to its 'from', or addresses and alias: {socket: {listen: ...}}"
                    : "add --tcp, or add local to its 'from'"};
  }
  if (production.alias.listen.empty()) {
    return Error{
        .code = Code::kConfig,
        .message = "--tcp leads through the gate, and alias.socket has no 'listen'",
        .hint = "leave out --tcp, or add listen: 127.0.0.1:6432, and 127.0.0.1 to the role's 'from'"};
  }
  if (role.comes_from_addresses()) return {};
  return Error{.code = Code::kRefused,
               .message = fmt::format("the gate does not let '{}' in: its 'from' has no address",
                                      printable(role.name)),
               .hint = "leave out --tcp, or add this machine's address to its 'from'"};
}

Result<Parameters> parameters_of(const Context& context, const model::ConnectPath& path,
                                 const model::AccessRole& role) {
  const std::string dbname = context.call.value("dbname").value_or(path.dbname);
  if (dbname.empty()) {
    return Error{.code = Code::kUsage,
                 .message = "which database to connect to is not known: source.connection names none",
                 .hint = "say which one with --dbname NAME"};
  }
  Parameters parameters;
  if (!path.service.empty()) {
    parameters = {{"service", path.service}};
  } else {
    parameters = {{"host", path.host}, {"port", std::to_string(path.port)}};
  }
  parameters.emplace_back("dbname", dbname);
  parameters.emplace_back("user", role.name);
  if (!path.sslmode.empty()) parameters.emplace_back("sslmode", path.sslmode);
  return parameters;
}

// As libpq reads it: PostgreSQL's documentation, "Connection Strings".
std::string connection_value(std::string_view text) {
  if (!text.empty() && text.find_first_of(" \t\r\n\v\f'\\") == std::string_view::npos)
    return std::string(text);
  std::string quoted = "'";
  for (char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

// For psql itself. What leads to the copy is in the environment, so that a database that is named
// behind "--" is one of the copy's as well: by -d, or by its name alone, which psql takes for a user's where
// it was told a database before.
PsqlCall call_of(const Context& context, const model::ConnectPath& path, const Parameters& parameters) {
  PsqlCall call;
  for (const char* variable : kVariablesKept) {
    if (std::optional<std::string> value = context.services.environment(variable))
      call.environment[variable] = *value;
  }
  if (!path.service_file.empty()) call.environment["PGSERVICEFILE"] = path.service_file;
  for (const auto& [keyword, value] : parameters) {
    if (keyword == "service") call.environment["PGSERVICE"] = value;
    if (keyword == "host") call.environment["PGHOST"] = value;
    if (keyword == "port") call.environment["PGPORT"] = value;
    if (keyword == "sslmode") call.environment["PGSSLMODE"] = value;
    if (keyword == "user") call.arguments.push_back("--username=" + value);
    if (keyword != "dbname") continue;
    if (!context.call.has("dbname")) {
      // A service's own entry has it.
      if (path.service.empty()) call.environment["PGDATABASE"] = value;
      continue;
    }
    // Such a name by itself would be read as a connection string.
    const bool odd = value.find('=') != std::string::npos || value.find("://") != std::string::npos;
    call.arguments.push_back("--dbname=" + (odd ? "dbname=" + connection_value(value) : value));
  }
  const std::vector<std::string>& more = context.call.handed_on;
  call.arguments.insert(call.arguments.end(), more.begin(), more.end());
  return call;
}

// Words that are handed on may name a database, which is one of the copy's only where psql is led there by
// its environment, as we lead it.
std::string line_to_paste(const Context& context, const model::ConnectPath& path,
                          const Parameters& parameters) {
  std::string line;
  const auto set = [&](std::string_view name, const std::string& value) {
    line += fmt::format("{}={} ", name, shell_word(value));
  };
  if (context.call.handed_on.empty()) {
    std::vector<std::string> words;
    for (const auto& [keyword, value] : parameters) words.push_back(keyword + "=" + connection_value(value));
    if (!path.service_file.empty()) set("PGSERVICEFILE", path.service_file);
    return line + "psql " + shell_word(join(words, " "));
  }
  const PsqlCall call = call_of(context, path, parameters);
  for (const auto& [name, value] : call.environment) {
    if (std::find(kVariablesKept.begin(), kVariablesKept.end(), name) == kVariablesKept.end())
      set(name, value);
  }
  line += "psql";
  for (const std::string& word : call.arguments) line += " " + shell_word(word);
  return line;
}

// Who may read what `access:` refers to need not type it. It wins over ~/.pgpass, not over what was given.
void add_password(const Site& site, const model::AccessRole& role, PsqlCall& call) {
  if (call.environment.contains("PGPASSWORD") || call.environment.contains("PGPASSFILE")) return;
  const Result<Secret> password = site.vault->secret(role.password);
  // In our own process's environment only, which nobody else can read.
  if (password.ok() && !password->empty()) call.environment["PGPASSWORD"] = std::string(password->reveal());
}

void print_json(const Context& context, const model::Copy& copy, const model::ConnectPath& path,
                const Parameters& parameters) {
  Json keywords = Json::object();
  for (const auto& [keyword, value] : parameters) keywords[keyword] = value;
  context.out() << to_text(Json{{"copy", copy.id.str()},
                                {"line", line_to_paste(context, path, parameters)},
                                {"service_file", path.service_file},
                                {"parameters", std::move(keywords)},
                                {"arguments", context.call.handed_on}});
}

// "shop-…-2 (masked), shop-…-1 (draining)", for who finds none that he could connect to.
std::string what_there_is(const std::vector<model::Copy>& copies) {
  constexpr size_t kShownMax = 5;
  std::vector<std::string> words;
  for (const model::Copy& copy : copies) {
    if (!copy.marked) continue;
    if (words.size() == kShownMax) {
      words.emplace_back("…");
      break;
    }
    words.push_back(fmt::format("{} ({})", printable(copy.id.str()), name_of(copy.phase)));
  }
  return join(words, ", ");
}

// A copy has no address of its own: the name leads to the live one alone.
Status check_copy(const Context& context, const std::string& wanted, const model::Observed& observed) {
  const model::Copy* served = served_copy(observed);
  if (served != nullptr && served->id.str() == wanted) return {};
  std::vector<std::string> names;
  const model::Copy* found = nullptr;
  for (const model::Copy& copy : *observed.copies) {
    names.push_back(copy.id.str());
    if (copy.id.str() == wanted) found = &copy;
  }
  if (found == nullptr) {
    const std::string there = what_there_is(*observed.copies);
    return Error{
        .code = Code::kUsage,
        .message = fmt::format("there is no copy '{}'{}", printable(wanted), did_you_mean(wanted, names)),
        .hint = there.empty() ? fmt::format("there is none: '{}' makes one", context.command("refresh"))
                              : "there are: " + there};
  }
  const bool may_serve = found->phase == model::Phase::kDraining || found->phase == model::Phase::kSpare;
  return Error{
      .code = Code::kRefused,
      .message = fmt::format("{} is {}, and the name leads to the live copy only{}", found->id,
                             name_of(found->phase), served == nullptr ? "" : fmt::format(", {}", served->id)),
      .hint = may_serve
                  ? fmt::format("'{}' makes it live", context.command(fmt::format("rollback {}", found->id)))
                  : fmt::format("leave out --copy; '{}' lists them", context.command("status"))};
}

Result<model::Observed> observe(const Context& context, const Site& site) {
  ProgressView view(context.output, context.services.clock);
  YTB_ASSIGN(refresh::Refresher refresher, make_refresher(context, site, refresh::Inputs{}, view));
  model::Observed observed = refresher.observe();
  if (!observed.copies.known()) return observed.copies.why_not();
  if (!observed.alias.known()) return observed.alias.why_not();
  if (std::optional<std::string> wanted = context.call.value("copy"))
    YTB_TRY(check_copy(context, *wanted, observed));
  if (std::optional<Error> why = why_not_served(context, observed)) {
    const std::string there = what_there_is(*observed.copies);
    if (served_copy(observed) == nullptr)
      why->message += there.empty() ? ", and there is no other" : "; there are: " + there;
    return *why;
  }
  // Of a service file that was not written anew its entry may lead elsewhere.
  if (!observed.alias->path.service.empty() && !observed.alias->consistent) {
    return Error{.code = Code::kStale,
                 .message = fmt::format("{} does not lead to the live copy as it should",
                                        printable(observed.alias->path.service_file)),
                 .hint = fmt::format("'{}' puts it right", context.command("refresh --if-due"))};
  }
  return observed;
}

}  // namespace

Status run_connect(Context& context) {
  YTB_ASSIGN(Site site, open_site(context));
  const config::ProductionConfig& production = *site.production;
  YTB_ASSIGN(const model::AccessRole* role, choose_role(context, production));
  const bool tcp = context.call.has("tcp");
  YTB_TRY(check_way(production, *role, tcp));
  YTB_ASSIGN(const model::Observed observed, observe(context, site));
  const model::ConnectPath path =
      tcp && observed.alias->tcp_path ? *observed.alias->tcp_path : observed.alias->path;
  YTB_ASSIGN(const Parameters parameters, parameters_of(context, path, *role));
  if (context.output.json()) {
    print_json(context, *served_copy(observed), path, parameters);
    return {};
  }
  if (context.call.has("print")) {
    context.out() << line_to_paste(context, path, parameters) << "\n";
    return {};
  }
  if (!context.services.become_psql)
    return Error{
        .code = Code::kUnsupported, .message = "this program was built without psql", .hint = "add --print"};
  PsqlCall call = call_of(context, path, parameters);
  add_password(site, *role, call);
  return context.services.become_psql(production, call);
}

}  // namespace ytb::cli
