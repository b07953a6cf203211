#include "drivers/postgres/initial_privileges.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "drivers/postgres/single_user.h"

namespace ytb::postgres {
namespace {

// The schema public is an ordinary one by its owner and its grants.
constexpr std::string_view kOfTheServer = "i.objoid < 16384 AND i.objoid <> 2200";

constexpr std::string_view kKnownAs = R"sql((
  SELECT 'pg_proc'::regclass::oid, p.oid, format('%s.%s %s', n.nspname, p.proname, p.proargtypes)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid < 16384
  UNION ALL SELECT 'pg_class'::regclass::oid, c.oid, format('%s.%s', n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid < 16384
  UNION ALL SELECT 'pg_namespace'::regclass::oid, oid, nspname::text FROM pg_namespace WHERE oid < 16384
  UNION ALL SELECT 'pg_language'::regclass::oid, oid, lanname::text FROM pg_language WHERE oid < 16384
  ) k (classoid, oid, name))sql";

}  // namespace

std::string list_initial_privileges() {
  return fmt::format(
      "SELECT encode(convert_to(format('(%s, %L, %s, %L)', i.classoid, k.name, i.objsubid, i.initprivs), "
      "'UTF8'), 'hex') AS ytb_privilege, (SELECT count(*) FROM pg_init_privs i WHERE {0}) AS ytb_expected "
      "FROM pg_init_privs i JOIN {1} ON k.classoid = i.classoid AND k.oid = i.objoid WHERE {0}",
      kOfTheServer, kKnownAs);
}

Result<std::vector<std::string>> read_initial_privileges(std::string_view printed) {
  std::vector<std::string> privileges = printed_bytes(printed, "ytb_privilege");
  const std::vector<std::string> expected = printed_values(printed, "ytb_expected");
  if (expected.empty() || expected.front() != std::to_string(privileges.size()))
    return Error{
        .code = Code::kInternal, .message = "not all privileges that initdb gave were read", .hint = {}};
  return privileges;
}

std::vector<std::string> write_initial_privileges(const std::vector<std::string>& privileges,
                                                  std::string_view owner) {
  return {
      fmt::format("DELETE FROM pg_init_privs i WHERE {}", kOfTheServer),
      fmt::format("INSERT INTO pg_init_privs (objoid, classoid, objsubid, privtype, initprivs) SELECT k.oid, "
                  "k.classoid, w.objsubid, 'i', replace(w.privileges, '{}', '{}')::aclitem[] FROM (VALUES "
                  "{}) w (classoid, name, objsubid, privileges) JOIN {} ON k.classoid = w.classoid::oid "
                  "AND k.name = w.name",
                  kReferenceOwner, owner, join(privileges, ", "), kKnownAs)};
}

std::string count_wrong_initial_privileges(const std::vector<std::string>& privileges) {
  return fmt::format("(SELECT abs(count(*) - {}) FROM pg_init_privs i WHERE {})", privileges.size(),
                     kOfTheServer);
}

}  // namespace ytb::postgres
