// Sts: who we are, and becoming somebody else (API 2011-06-15). Thread-safe as its Caller is.
#pragma once

#include <optional>
#include <string>

#include "drivers/aws/caller.h"

namespace ytb::aws {

struct CallerIdentity {
  std::string account;
  std::string arn;
  std::string user_id;
};

struct AssumeRole {
  std::string role_arn;
  std::string session_name;
  std::string external_id = {};
  std::optional<int> duration_s = {};
};

class Sts {
 public:
  explicit Sts(Caller& caller) : caller_(caller) {}

  Result<CallerIdentity> get_caller_identity();
  Result<Credentials> assume_role(const AssumeRole& request);
  // Unsigned: the token is the proof.
  Result<Credentials> assume_role_with_web_identity(const AssumeRole& request, const Secret& token);

 private:
  Caller& caller_;
};

}  // namespace ytb::aws
