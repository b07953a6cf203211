#include "drivers/postgres/role_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "drivers/postgres/rds_session.h"
#include "masking/settings.h"

namespace ytb::postgres {
namespace {

using masking::Setting;
using masking::SettingPlan;
using masking::SettingRule;

const SettingPlan* find_plan(const masking::MaskingPlan& plan, const Setting& setting) {
  for (const SettingPlan& known : plan.settings) {
    if (known.setting.database == setting.database && known.setting.role == setting.role &&
        known.setting.name == setting.name) {
      return &known;
    }
  }
  return nullptr;
}

// In the catalog, so that neither quoting nor a missing library matters.
Status remove_from_catalog(Connection& session, const Setting& setting) {
  return session.execute(R"sql(
    UPDATE pg_db_role_setting s
    SET setconfig = (SELECT coalesce(array_agg(e), '{}') FROM unnest(s.setconfig) e
                     WHERE split_part(e, '=', 1) <> $3)
    WHERE s.setdatabase = coalesce((SELECT oid FROM pg_database WHERE datname = $1), 0)
      AND s.setrole = coalesce((SELECT oid FROM pg_roles WHERE rolname = $2), 0))sql",
                         {setting.database, setting.role, setting.name});
}

Status reset(Connection& session, const Setting& setting) {
  std::string name;
  for (const std::string& part : split(setting.name, '.')) {
    name += (name.empty() ? "" : ".") + session.identifier(part);
  }
  const std::string database = setting.database.empty() ? "" : session.identifier(setting.database);
  const std::string role = setting.role.empty() ? "ALL" : session.identifier(setting.role);
  std::string statement = "ALTER ROLE " + role + (database.empty() ? "" : " IN DATABASE " + database);
  if (setting.role.empty() && !database.empty()) statement = "ALTER DATABASE " + database;
  Status done = session.execute(statement + " RESET " + name);
  if (done.ok()) return {};
  Error error = std::move(done).error().while_doing("removing the setting " + printable(to_string(setting)));
  error.hint = "reset it in production, or judge it `keep` in the policy's settings";
  return error;
}

}  // namespace

Result<std::vector<Setting>> read_settings(Connection& session) {
  YTB_ASSIGN(Rows rows, session.query(R"sql(
    SELECT coalesce(d.datname, ''), coalesce(r.rolname, ''), split_part(e.line, '=', 1)
    FROM pg_catalog.pg_db_role_setting s
    CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS e (line)
    LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
    ORDER BY 1, 2, 3)sql"));
  std::vector<Setting> settings;
  for (int row = 0; row < rows.count(); ++row) {
    // RDS's own role and database have settings of their extensions.
    if (rows.at(row, 1) == kProviderDatabase || rows.at(row, 0) == kProviderDatabase) continue;
    settings.push_back({.database = rows.text(row, 0), .role = rows.text(row, 1), .name = rows.text(row, 2)});
  }
  return settings;
}

Status remove_settings(Connection& session, const masking::MaskingPlan& plan) {
  YTB_ASSIGN(std::vector<Setting> settings, read_settings(session));
  std::vector<Setting> unwanted;
  for (const Setting& setting : settings) {
    if (masking::is_own_setting(setting.name)) continue;
    const SettingPlan* known = find_plan(plan, setting);
    if (known == nullptr) {
      return Error{.code = Code::kPolicy,
                   .message = fmt::format("the setting {} is not judged", printable(to_string(setting))),
                   .hint = "judge it under `settings:` in the policy: none or keep"};
    }
    if (known->verdict == SettingRule::Verdict::kNone) unwanted.push_back(setting);
  }
  if (unwanted.empty()) return {};
  const bool master = session.kind() == SessionKind::kMaster;
  for (const Setting& setting : unwanted) {
    YTB_TRY(master ? reset(session, setting) : remove_from_catalog(session, setting));
  }
  if (master) return {};
  YTB_TRY(session.execute("DELETE FROM pg_db_role_setting WHERE setconfig = '{}'"));
  return session.execute("VACUUM (FULL) pg_db_role_setting");  // the values' bytes
}

Result<std::vector<std::string>> settings_left(Connection& session, const masking::MaskingPlan& plan) {
  YTB_ASSIGN(std::vector<Setting> settings, read_settings(session));
  std::vector<std::string> left;
  for (const Setting& setting : settings) {
    const SettingPlan* known = find_plan(plan, setting);
    if (masking::is_own_setting(setting.name)) continue;
    if (known == nullptr || known->verdict != SettingRule::Verdict::kKeep) {
      left.push_back(printable(to_string(setting)));
    }
  }
  return left;
}

}  // namespace ytb::postgres
