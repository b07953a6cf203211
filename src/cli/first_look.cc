#include "cli/first_look.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cli/describe.h"
#include "masking/names.h"
#include "model/access.h"

namespace ytb::cli {
namespace {

constexpr int kAskedMax = 3;  // as psql and sudo do
constexpr size_t kNameMax = 40;
constexpr size_t kListedMax = 12;
constexpr int kMajorWithReadAllData = 14;

std::string listed(std::vector<std::string> names) {
  const size_t more = names.size() > kListedMax ? names.size() - kListedMax : 0;
  names.resize(names.size() - more);
  return printable(join(names, ", ")) + (more > 0 ? fmt::format(" and {} more", more) : std::string());
}

std::string count_of(uint64_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

// Where no role is there yet, or its password is not known.
std::vector<std::string> statements_for_new(const ports::ProductionLook& look) {
  const std::string login = masking::quote_name(look.user.empty() ? "ytb_backup" : look.user);
  return {fmt::format("CREATE ROLE {} LOGIN REPLICATION;", login), fmt::format("\\password {}", login),
          fmt::format(
              "GRANT {} TO {};  -- optional, PostgreSQL 14 and later: 'policy propose' then looks at values",
              model::kReadAllData, login)};
}

void add_lines_of_hba(const std::string& login, std::vector<std::string>& lines) {
  lines.push_back("-- in pg_hba.conf, with the address of this machine; then SELECT pg_reload_conf();");
  lines.push_back(fmt::format("--   host  replication  {}  ADDRESS/32  scram-sha-256", login));
  lines.push_back(fmt::format("--   host  all          {}  ADDRESS/32  scram-sha-256", login));
}

}  // namespace

Result<FirstLook> look_at(const Context& context, const std::string& connection) {
  FirstLook first;
  if (!context.services.look_at_production) return first;
  std::optional<std::string> given = context.services.environment("PGPASSWORD");
  if (given && !given->empty()) first.password = Secret(*std::move(given));
  for (int asked = 0; asked <= kAskedMax; ++asked) {
    ports::SessionTarget target{.parameters = {{"connection", connection}},
                                .password = first.password ? first.password->clone() : Secret(),
                                .label = "production"};
    first.seen = context.services.look_at_production(target, {""});
    const bool for_password = first.seen.wants_password || first.seen.wrong_password;
    if (first.reached() || !for_password || asked == kAskedMax || !context.services.ask_secret) return first;
    context.out() << std::flush;
    if (asked > 0) context.output.err << "production does not take it\n" << std::flush;
    YTB_ASSIGN(std::optional<Secret> typed,
               context.services.ask_secret(
                   fmt::format("password of {} on production (not shown; empty: later): ",
                               first.seen.user.empty() ? "the login" : printable(first.seen.user))));
    if (!typed) return first;
    first.password = std::move(typed);
  }
  return first;
}

std::string name_for(const ports::ProductionLook& look) {
  std::string name;
  for (char c : to_lower_ascii(look.dbname)) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9' && !name.empty());
    if (fits) name += c;
    if (!fits && !name.empty() && name.back() != '-') name += '-';
    if (name.size() == kNameMax) break;
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() || name == "postgres" ? "shop" : name;
}

std::string with_database(const std::string& connection, const ports::ProductionLook& look) {
  if (!look.dbname.empty() || look.unreachable) return connection;
  std::vector<std::string> names;
  for (const ports::DatabaseLook& database : look.databases) {
    if (database.name != "postgres") names.push_back(database.name);
  }
  names.insert(names.end(), look.not_looked_at.begin(), look.not_looked_at.end());
  // A URI, and a name that needs quotes, are left to the person.
  const bool plain = names.size() == 1 && masking::quote_name(names.front()) == names.front();
  if (!plain || connection.find("://") != std::string::npos) return connection;
  return fmt::format("{} dbname={}", connection, names.front());
}

std::string free_role_name(const ports::ProductionLook& look) {
  static constexpr std::array kNames{"staging", "ytb_staging", "yesterdaytabase_staging"};
  for (const char* name : kNames) {
    if (std::find(look.roles.begin(), look.roles.end(), name) == look.roles.end()) return name;
  }
  return "staging";  // `check` says that it exists
}

std::vector<std::string> describe(const ports::ProductionLook& look) {
  std::vector<std::string> lines;
  if (look.unreachable) {
    lines.push_back(look.unreachable->message);
    if (!look.unreachable->hint.empty()) lines.push_back("hint: " + look.unreachable->hint);
    return lines;
  }
  std::vector<std::string> databases;
  std::vector<std::string> extensions;
  for (const ports::DatabaseLook& database : look.databases) {
    databases.push_back(fmt::format("{} ({})", database.name, human_bytes(database.bytes)));
    for (const std::string& name : database.extensions) {
      if (std::find(extensions.begin(), extensions.end(), name) == extensions.end())
        extensions.push_back(name);
    }
  }
  std::string rights = look.is_superuser ? "a superuser" : look.may_replicate ? "may take base backups" : "";
  if (!look.is_superuser) {
    rights += fmt::format("{}reads {} of {}", rights.empty() ? "" : ", ", look.readable(),
                          count_of(look.tables(), "table"));
  }
  lines.push_back(fmt::format("production: PostgreSQL {}, {} in {}: {}", look.version,
                              human_bytes(look.bytes()), count_of(look.databases.size(), "database"),
                              listed(std::move(databases))));
  lines.push_back(fmt::format("login {}: {}", printable(look.login), rights));
  if (!look.not_looked_at.empty())
    lines.push_back(fmt::format("not looked into, as the login may not: {}", listed(look.not_looked_at)));
  if (!extensions.empty()) lines.push_back("extensions: " + listed(std::move(extensions)));
  if (!look.groups.empty()) {
    std::vector<std::string> groups;
    for (const ports::RoleReach& group : look.groups)
      groups.push_back(fmt::format("{} ({})", group.role, count_of(group.tables, "table")));
    lines.push_back("roles without login whose rights staging could have: " + listed(std::move(groups)));
  }
  return lines;
}

std::vector<std::string> statements_for(const ports::ProductionLook& look) {
  std::vector<std::string> lines;
  if (look.unreachable || look.login.empty()) {
    const std::string login = masking::quote_name(look.user.empty() ? "ytb_backup" : look.user);
    lines = statements_for_new(look);
    add_lines_of_hba(login, lines);
    return lines;
  }
  const std::string login = masking::quote_name(look.login);
  if (look.is_superuser) {
    lines.push_back("-- the login is a superuser, more than is needed; one of its own would do:");
    for (const std::string& line :
         {std::string("CREATE ROLE ytb_backup LOGIN REPLICATION;"), std::string("\\password ytb_backup")})
      lines.push_back("-- " + line);
  }
  if (!look.may_replicate) {
    lines.push_back(fmt::format("ALTER ROLE {} REPLICATION;", login));
    // Why it was refused a session for base backups: first of all for this.
    if (look.no_base_backups) add_lines_of_hba(login, lines);
  } else if (look.no_base_backups) {
    lines.push_back("-- " + look.no_base_backups->message);
    add_lines_of_hba(login, lines);
  }
  if (look.wal_level == "minimal")
    lines.push_back(
        "ALTER SYSTEM SET wal_level = replica;  -- then restart production: no base backup without");
  if (!look.is_superuser && look.tables() > 0 && look.readable() == 0) {
    constexpr std::string_view kWhy = "  -- optional: 'policy propose' then looks at values";
    lines.push_back(look.major >= kMajorWithReadAllData
                        ? fmt::format("GRANT {} TO {};{}", model::kReadAllData, login, kWhy)
                        : fmt::format("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {};{}", login, kWhy));
  }
  return lines;
}

}  // namespace ytb::cli
