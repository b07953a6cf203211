// Access: who may log in to an open copy.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
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
  bool bypass_row_security = false;  // sees all rows, whatever the policies of row-level security show

  // Whether it may come through the Unix socket.
  [[nodiscard]] bool comes_locally() const;
  // Whether it may come over the network, from anywhere at all.
  [[nodiscard]] bool comes_from_addresses() const;
};

// Its members read everything. In a local copy a role of ours takes its place, also where it does not exist
// (before PostgreSQL 14).
inline constexpr std::string_view kReadAllData = "pg_read_all_data";

// Whether production has what the access roles refer to, and nothing of their names but what they say exists.
// kConfig: the first that is wrong. `roles`: production's.
Status check_access_roles(const std::vector<AccessRole>& access, const std::vector<std::string>& roles);

// The user's own check, run on the masked copy before it may open.
struct SqlCheck {
  std::string name;
  std::string database;
  std::string sql;     // one statement, one column of the first row is looked at
  std::string expect;  // that value as text
};

}  // namespace ytb::model
