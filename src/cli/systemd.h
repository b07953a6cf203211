// Units of systemd, as text. Copies outlive the service: they are put into scopes of their own when they
// start, and the service's KillMode leaves anything else of theirs alone.
#pragma once

#include <string>
#include <vector>

namespace ytb::cli {

struct SystemdUnit {
  std::string name;  // "yesterdaytabase.service"
  std::string text;
  std::string what;  // for people
};

// `executable` and `config_file`: absolute paths. `user`: whose config it is, and who is to run it; "": root.
std::vector<SystemdUnit> systemd_units(const std::string& executable, const std::string& config_file,
                                       const std::string& user);

// A path as one word of ExecStart=: quoted, with %, $, " and \ escaped (systemd.service(5),
// systemd.syntax(7)).
std::string systemd_word(const std::string& text);

}  // namespace ytb::cli
