// What the policy commands share. Private to this room.
#pragma once

#include <string>

#include "base/json.h"
#include "cli/context.h"
#include "masking/plan.h"

namespace ytb::cli {

// As `--output json` prints it: one line at the end.
std::string text_of(const nlohmann::ordered_json& tree);
// kConfig where the production is not masked.
Status refuse_without_policy(const config::ProductionConfig& production);
nlohmann::ordered_json to_tree(const masking::Finding& finding);
// A schema file is of one database: what policy and lock say of the others cannot be checked against it.
void keep_only(masking::Policy& policy, masking::PolicyLock& lock, const std::string& database);

// Policy and lock as they are, and the catalog to hold them against; with --schema, those of its database.
struct ToJudge {
  refresh::PolicyFiles files;
  CatalogFound found;
};
Result<ToJudge> load_to_judge(const Context& context, const Site& site);

}  // namespace ytb::cli
