#include "drivers/aws/iam.h"

#include <utility>

#include "drivers/aws/query.h"

namespace ytb::aws {
namespace {

SimulatedAction read_result(const Fields& fields) {
  SimulatedAction action{.action = fields.text("EvalActionName"),
                         .resource = fields.text_if("EvalResourceName"),
                         .decision = fields.text("EvalDecision"),
                         .missing_context = {}};
  for (const Fields& name : fields.list_if("MissingContextValues", "member")) {
    action.missing_context.push_back(name.own_text());
  }
  return action;
}

}  // namespace

Result<std::vector<SimulatedAction>> Iam::simulate_principal_policy(
    const std::string& principal_arn, const std::vector<std::string>& actions,
    const std::vector<std::string>& resources) {
  Params params(Service::kIam, "SimulatePrincipalPolicy", Effect::kReads);
  params.set("PolicySourceArn", principal_arn)
      .list("ActionNames.member", actions)
      .list("ResourceArns.member", resources);
  std::vector<SimulatedAction> results;
  const std::function<Status(SimulatedAction)> keep = [&](SimulatedAction action) -> Status {
    results.push_back(std::move(action));
    return {};
  };
  YTB_TRY(walk_all<SimulatedAction>({caller_, params, "Marker"}, "EvaluationResults", "member", read_result,
                                    keep));
  return results;
}

Result<std::optional<Role>> Iam::get_role(const std::string& name) {
  Params params(Service::kIam, "GetRole", Effect::kReads);
  params.set("RoleName", name).expect("NoSuchEntity");
  YTB_ASSIGN(const XmlAnswer answer, run(caller_, params));
  if (answer.has_fault()) return std::optional<Role>();
  Problem problem;
  const Fields fields = answer.result("GetRoleResult", problem).child("Role");
  Role role{.name = fields.text("RoleName"), .arn = fields.text("Arn")};
  YTB_TRY(check(params, answer, problem));
  return std::optional<Role>(std::move(role));
}

}  // namespace ytb::aws
