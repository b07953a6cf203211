#include "tests/fakes/aws/small_services.h"

namespace ytb::fakes::aws {

Iam::Iam(World& world) : world_(world) {
  on("GetRole", [this](Call& call) {
    std::string name = call.text("RoleName");
    if (!roles_.contains(name))
      refuse("NoSuchEntity", "The role with name " + name + " cannot be found.", 404);
    return json{
        {"Role",
         {{"Path", "/"},
          {"RoleName", name},
          {"RoleId", "AROAFAKEFAKEFAKE0001"},
          {"Arn", "arn:" + world_.settings.partition + ":iam::" + world_.settings.account + ":role/" + name},
          {"CreateDate", "2026-01-01T00:00:00Z"}}}};
  });
  on("SimulatePrincipalPolicy", [this](Call& call) {
    std::string principal = call.text("PolicySourceArn");
    if (!principal.starts_with("arn:" + world_.settings.partition + ":iam::"))
      refuse("InvalidInputException", "Invalid Entity Arn: " + principal);
    std::vector<std::string> resources = call.input.value("ResourceArns", std::vector<std::string>{"*"});
    json results = json::array();
    for (const json& action : call.input["ActionNames"]) {
      for (const std::string& resource : resources) {
        bool allowed = allows(principal, action, resource);
        results.push_back({{"EvalActionName", action},
                           {"EvalResourceName", resource},
                           {"EvalDecision", allowed ? "allowed" : "implicitDeny"},
                           {"MatchedStatements", json::array()}});
      }
    }
    return json{{"EvaluationResults", results}, {"IsTruncated", false}};
  });
}

}  // namespace ytb::fakes::aws
