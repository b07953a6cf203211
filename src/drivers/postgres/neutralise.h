// Making restored files harmless before any server starts over them: links, leftovers, configuration.
#pragma once

#include <string>

#include "base/result.h"
#include "drivers/postgres/server_settings.h"
#include "ports/instance.h"

namespace ytb::postgres {

// kRefused for any symbolic link under data or tablespaces that leads out of the copy's folder, and for a
// tablespace_map that names a place outside.
Status check_links(const std::string& root);
// Keeps what a data directory is made of and removes the rest: signal files, production's configuration,
// keys, server logs, statistics with query texts, replication slots.
Status remove_leftovers(const std::string& data);
// postgresql.conf, pg_hba.conf, pg_ident.conf and an empty postgresql.auto.conf.
Status write_configuration(const ports::InstanceSpec& spec, const pgfiles::ControlFile& control, Door door,
                           const std::string& hba, const std::string& ident);
Result<pgfiles::ControlFile> read_control(const ports::InstanceSpec& spec);

}  // namespace ytb::postgres
