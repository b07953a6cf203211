// Probes: ways to get raw data or power out of a copy, as data. Each is planted in production by SQL, tried
// in the open copy by a staging user, where it must fail, and in production by a role with the same rights,
// where it must succeed: a probe that cannot succeed proves nothing.
//
// In the SQL, {DIR} is a folder of the server's user with a file `file-mark` that holds "file-mark"; {PORT}
// and {SOCKET} lead to production; {NAME} is the probe's name; {SNAPSHOTS} and {COPIES} are folders of the
// program.
#pragma once

#include <string_view>
#include <vector>

namespace ytb::testing {

enum class Wall {
  kSeal,     // no way out: network, other processes, other files
  kPower,    // nobody inside is a superuser
  kOrder,    // no code of production's runs while anything raw is left
  kResidue,  // what is left is named or gone
};

// What shows that a probe succeeded.
enum class Sign {
  kRaw,    // the answer holds a raw value: "@raw.test"
  kFile,   // the answer holds "file-mark", the content or name of a file of the host
  kDone,   // the answer holds "did-it"
  kTouch,  // the file {DIR}/{NAME} came into being
  kAudit,  // production's table audit has a row {NAME}
  kHash,   // the answer holds the beginning of a stored password
};

struct Probe {
  std::string_view name;
  Wall wall;
  Sign sign;
  std::string_view plant;       // as production's superuser
  std::string_view attack;      // in the copy, as `as`; "": the refresh itself sets it off
  std::string_view control{};   // in production; "": the attack
  std::string_view as = "low";  // "low": an ordinary role; "chief": may SET ROLE to production's superuser
  int major_min = 13;           // PostgreSQL's version from which on it can succeed at all
  int major_max = 99;
  bool held_elsewhere = false;  // another wall or defusing stops it as well, also where there is no seal
};

const std::vector<Probe>& probes_of(Wall wall);
// What every plant may use: roles, functions and tables.
std::string_view common_plant();

}  // namespace ytb::testing
