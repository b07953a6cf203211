// Access: who may log in to an open copy.
#pragma once

#include <string>
#include <vector>

#include "base/secret.h"

namespace ytb::model {

// Where a secret is kept; never the secret itself.
struct SecretRef {
  enum class Kind { kNone, kEnvironment, kFile, kSecretsManager, kParameterStore } kind = Kind::kNone;
  // Variable name, path, or AWS's name or ARN of the secret; with kSecretsManager perhaps "#key": that member
  // of a secret that is a JSON object.
  std::string locator;
  [[nodiscard]] bool empty() const { return kind == Kind::kNone; }
};

struct AccessRole {
  std::string name;
  SecretRef password;
  std::vector<std::string> member_of;  // roles that exist in production
  std::vector<std::string> from;       // "local" (the socket), or CIDR addresses
  bool existing = false;  // a role of production's own: keeps its grants, gets this password at opening
};

// The user's own check, run on the masked copy before it may open.
struct SqlCheck {
  std::string name;
  std::string database;
  std::string sql;     // one statement, one column of the first row is looked at
  std::string expect;  // that value as text
};

}  // namespace ytb::model
