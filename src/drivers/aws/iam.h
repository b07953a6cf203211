// Iam: what a principal would be allowed, asked before it is needed (API 2010-05-08). Thread-safe as its
// Caller is.
#pragma once

#include <string>
#include <vector>

#include "drivers/aws/caller.h"

namespace ytb::aws {

struct SimulatedAction {
  std::string action;
  std::string resource;
  std::string decision;  // "allowed", "explicitDeny", "implicitDeny"
  std::vector<std::string> missing_context;
};

struct Role {
  std::string name;
  std::string arn;
};

class Iam {
 public:
  explicit Iam(Caller& caller) : caller_(caller) {}
  // `principal_arn`: a role or user, not a session of one. No resources: "*".
  Result<std::vector<SimulatedAction>> simulate_principal_policy(
      const std::string& principal_arn, const std::vector<std::string>& actions,
      const std::vector<std::string>& resources = {});
  // None: there is no such role.
  Result<std::optional<Role>> get_role(const std::string& name);

 private:
  Caller& caller_;
};

}  // namespace ytb::aws
