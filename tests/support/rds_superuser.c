/*
 * What Amazon's PostgreSQL from 16 on does and PostgreSQL does not: members of rds_superuser grant and revoke roles
 * without ADMIN OPTION on them. (AWS, "Viewing roles and their privileges": the master is a member of rds_superuser with
 * INHERIT and SET, of nothing else; "Understanding the rds_superuser role": it may grant and revoke. Tried by Teleport,
 * gravitational/teleport#48897: "you do not need the WITH ADMIN OPTION".) Not superusers, and not the predefined roles
 * that reach the server's files and programs. ALTER ROLE is PostgreSQL's own: nobody has reported that Amazon changed it.
 *
 * A library for session_preload_libraries, built by tests/rds_server.cc. The grant is recorded as the bootstrap
 * superuser's, as every grant of a superuser is; where the member has ADMIN OPTION himself it is his own.
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"

PG_MODULE_MAGIC;

void _PG_init(void);

static ProcessUtility_hook_type next_hook = NULL;

/* Whether Amazon lets the current user do what PostgreSQL would refuse. */
static bool raises(const GrantRoleStmt *statement) {
  const Oid group = get_role_oid("rds_superuser", true);
  bool lacks_admin = false;
  ListCell *cell;
  if (!OidIsValid(group) || superuser() || !has_privs_of_role(GetUserId(), group)) return false;
  foreach (cell, statement->granted_roles) {
    const Oid role = get_role_oid(((AccessPriv *)lfirst(cell))->priv_name, true);
    if (!OidIsValid(role) || superuser_arg(role) || role == ROLE_PG_READ_SERVER_FILES ||
        role == ROLE_PG_WRITE_SERVER_FILES || role == ROLE_PG_EXECUTE_SERVER_PROGRAM)
      return false;
    if (!is_admin_of_role(GetUserId(), role)) lacks_admin = true;
  }
  return lacks_admin;
}

static void run(PlannedStmt *planned, const char *text, bool is_read_only, ProcessUtilityContext context,
                ParamListInfo parameters, QueryEnvironment *environment, DestReceiver *receiver,
                QueryCompletion *completion) {
  const ProcessUtility_hook_type next = next_hook != NULL ? next_hook : standard_ProcessUtility;
  Oid user;
  int security;
  if (!IsA(planned->utilityStmt, GrantRoleStmt) || !raises((GrantRoleStmt *)planned->utilityStmt)) {
    next(planned, text, is_read_only, context, parameters, environment, receiver, completion);
    return;
  }
  GetUserIdAndSecContext(&user, &security);
  SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, security | SECURITY_LOCAL_USERID_CHANGE);
  PG_TRY();
  { next(planned, text, is_read_only, context, parameters, environment, receiver, completion); }
  PG_FINALLY();
  { SetUserIdAndSecContext(user, security); }
  PG_END_TRY();
}

void _PG_init(void) {
  next_hook = ProcessUtility_hook;
  ProcessUtility_hook = run;
}
