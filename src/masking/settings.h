// Settings that production keeps for a database or a role (ALTER DATABASE, ALTER ROLE … SET): every role of a
// copy reads them. What the server itself defines holds types, numbers and names of its own; anything else,
// an application's `app.jwt_secret` above all, is judged by the policy's `settings:` like a column. Only
// names are ever looked at.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "masking/catalog.h"
#include "masking/plan.h"
#include "masking/policy.h"

namespace ytb::masking {

// One of the server's own settings (versions 13 to 18) that cannot hold a text of anybody's choice, or that
// defusing takes out anyway.
bool is_own_setting(std::string_view name);
// What the policy says of a setting; none: unjudged. The most specific rule decides: the setting's database
// before
// "*", a name before a pattern, a longer pattern before a shorter one. In a database that is omitted nothing
// is kept.
std::optional<SettingRule::Verdict> judge_setting(const Policy& policy, const Setting& setting);
// Every setting that is not the server's own with its verdict; the others become findings.
std::vector<SettingPlan> plan_settings(const Policy& policy, const Catalog& catalog,
                                       std::vector<Finding>& findings);
// "app.jwt_secret of role api in shop"
std::string to_string(const Setting& setting);

}  // namespace ytb::masking
