// InstanceBackend: what stands behind the fake's RDS instances. Without one they are metadata.
//
// Called under the world's lock, one call at a time; a failure makes the instance `failed`, as a restore that
// cannot work does.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace ytb::fakes::aws {

struct InstanceSpec {
  std::string id;
  std::string data;  // a stopped server's data directory to copy; "": an empty server
  std::string master;
  std::string password;  // "": the one in `data`
  std::vector<std::string> security_groups;
  std::map<std::string, std::string> parameters;  // of its parameter group
};

struct InstanceEndpoint {
  std::string address;
  uint16_t port = 0;
};

// A login of a role that is a member of rds_iam.
struct TokenLogin {
  std::string instance, user;
  std::string token;  // what it sent as its password
};
using TokenJudge = std::function<bool(const TokenLogin& login)>;

class InstanceBackend {
 public:
  virtual ~InstanceBackend() = default;
  virtual Result<InstanceEndpoint> start(const InstanceSpec& spec) = 0;
  virtual Status set_password(const std::string& id, const std::string& master,
                              const std::string& password) = 0;
  virtual Status set_security_groups(const std::string& id, const std::vector<std::string>& groups) = 0;
  // A stopped copy of the instance's data; the path that a SnapshotSeed would name.
  virtual Result<std::string> snapshot(const std::string& id) = 0;
  virtual void remove(const std::string& id) = 0;
  // Who says of tokens whether they let in; none: nobody gets in by one. Asked from the backend's own
  // threads; once this has returned, the former one is not asked any more.
  virtual void set_token_judge(TokenJudge judge) = 0;
};

}  // namespace ytb::fakes::aws
