// What stands in a copy's postgresql.conf, pg_hba.conf and pg_ident.conf: pure text, written whole by us.
// Nothing of production's is read.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/pgfiles/control_file.h"
#include "ports/instance.h"

namespace ytb::postgres {

// Error{kConfig}: a setting that is not known to be harmless (did you mean), or a value that cannot stand in
// the file.
Status check_settings(const std::map<std::string, std::string>& settings,
                      const std::vector<std::string>& preload);

enum class Door { kClosed, kOpen };
// `control`: limits that recovery refuses to start with less of, and the size of WAL's segments, of which the
// server wants at least two.
std::string postgresql_conf(const ports::InstanceSpec& spec, const pgfiles::ControlFile& control, Door door);
// Our own role gets in by its password.
std::string closed_hba(const std::string& admin_role);
// `os_user`: whoever we are; as that user one gets in as one of `roles` that may log in, as an owner may for
// a moment (owner_session.h).
std::string closed_ident(const std::vector<std::string>& roles, std::string_view os_user);
// kConfig for a role name or address that pg_hba.conf cannot carry.
Result<std::string> open_hba(const std::vector<ports::AccessGrant>& grants);

}  // namespace ytb::postgres
