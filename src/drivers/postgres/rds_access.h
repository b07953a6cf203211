// Who may log in to a copy on RDS: nobody but the master and the provider while it is closed, the access
// roles once it is open. pg_authid is out of the master's reach: what it may not alter is named, never
// guessed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "model/access.h"
#include "ports/door.h"
#include "ports/instance.h"

namespace ytb::postgres {

// From 16 on CREATEROLE alters only roles that it administers: those that it made itself on 16 or later.
// Makes the master the administrator of the others, too, made before an upgrade or by somebody else:
// rds_superuser may grant any role but a superuser (AWS, "Understanding the rds_superuser role";
// gravitational/teleport#48897). What it may not, and who can act as the master, is left to shut_roles.
// Before borrow_memberships, whose grants it would overwrite.
Status administer_roles(Connection& session);
// Takes rds_iam and rds_ad (which overrule passwords) from every role, the master's included, and login and
// password from all but the master and the provider's. Records its deeds in the session's database.
Status shut_roles(Connection& session);
// Roles that could still log in, one line each.
Result<std::vector<std::string>> rds_open_doors(Connection& session);

// As prepare_access_roles and take_away_in_database of access_rights.h: what reaches beyond the database here
// is rds_superuser and its kin, and the functions of the aws_* extensions.
Status prepare_rds_access(Connection& session, const std::vector<model::AccessRole>& access);
Status take_away_aws_functions(Connection& session, const std::vector<model::AccessRole>& access);
Result<std::vector<std::string>> rds_dangerous_rights(Connection& session,
                                                      const std::vector<model::AccessRole>& access);

class RdsDoor final : public ports::Door {
 public:
  Result<ports::Claim> claim(const ports::SessionTarget& target) override;
  // rds_iam and rds_ad, from the master and from every role that it is a member of.
  Result<std::vector<std::string>> free_master(const ports::SessionTarget& target) override;
  // Passwords go as SCRAM verifiers, made here. All in one transaction. `data_as_of` is kept in the mark,
  // which everybody may read: shobj_description('yesterdaytabase_copy'::regrole, 'pg_authid').
  Status open(const ports::SessionTarget& target, const std::vector<ports::AccessGrant>& grants,
              std::string_view data_as_of) override;
  Result<bool> is_open(const ports::SessionTarget& target) override;
};

}  // namespace ytb::postgres
