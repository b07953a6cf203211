// Security Token Service: who am I, and roles: assumed by whom IAM allows it, or by a web identity token.
// What a role trusts is not looked at.
#pragma once

#include "tests/fakes/aws/world.h"

namespace ytb::fakes::aws {

class Sts final : public Service {
 public:
  explicit Sts(World& world);
  // Tokens that AssumeRoleWithWebIdentity takes; every other one is InvalidIdentityToken.
  void accept_web_token(const std::string& token) { web_tokens_.push_back(token); }

 private:
  json assume(Call& call);
  [[noreturn]] static void refuse_role(const Call& call);
  World& world_;
  std::vector<std::string> web_tokens_;
};

}  // namespace ytb::fakes::aws
