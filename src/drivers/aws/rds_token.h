// RdsToken: what a role that is a member of rds_iam logs in with, instead of a password.
//
// A presigned URL without its scheme, made here and never sent to AWS by us: the server's PAM module asks IAM
// whether whoever signed it may rds-db:connect as that user to that very instance or cluster. It is good for
// 15 minutes, for one host, port and user. libpq sends it in clear, so over verified TLS only. The RDS user
// guide's "Connecting to your DB instance using IAM authentication", with botocore's generate_db_auth_token
// as the arbiter. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/time.h"
#include "drivers/aws/sigv4.h"

namespace ytb::aws {

struct RdsLogin {
  std::string host;  // RDS's own name of it, as Describe says; never an alias
  int port = 0;
  std::string user;
};

Secret rds_token(const RdsLogin& login, const Credentials& credentials, std::string_view region, Instant now);

}  // namespace ytb::aws
