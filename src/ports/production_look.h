// ProductionLook: what a first look at a production finds, for `init` and `check`. No row is read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace ytb::ports {

struct DatabaseLook {
  std::string name;
  uint64_t bytes = 0;  // 0: the login may not ask
  std::vector<std::string> extensions;
  uint64_t tables = 0;    // of users, with views and materialized views
  uint64_t readable = 0;  // of these, by the login
};

// How many tables of all databases a role may read from; "": what everybody may.
struct RoleReach {
  std::string role;
  uint64_t tables = 0;
};

struct ProductionLook {
  // Of the connection string, as far as it says so.
  std::string dbname;
  std::string user;
  std::string host;

  std::optional<Error> unreachable;  // then of the rest nothing is known, but whether it is for the password:
  bool no_answer = false;            // no server was there to refuse anything: a wrong host, port or folder
  bool wants_password = false;       // it asked for one and got none,
  bool wrong_password = false;       // or did not take the one it got

  int major = 0;
  std::string version;  // "15.8"
  std::string login;
  bool is_superuser = false;
  bool may_replicate = false;              // by its attributes
  std::optional<Error> no_base_backups;    // why a session for them was refused; none: it was admitted
  std::string wal_level;                   // "replica"
  std::vector<DatabaseLook> databases;     // that accept connections, without templates
  std::vector<std::string> not_looked_at;  // databases that the login may not enter
  std::vector<std::string> roles;          // all, by name
  std::vector<RoleReach> reaches;          // of those that were asked about
  std::vector<RoleReach> groups;           // roles without login that may read something, widest first

  [[nodiscard]] uint64_t tables() const {
    uint64_t sum = 0;
    for (const DatabaseLook& database : databases) sum += database.tables;
    return sum;
  }
  [[nodiscard]] uint64_t readable() const {
    uint64_t sum = 0;
    for (const DatabaseLook& database : databases) sum += database.readable;
    return sum;
  }
  [[nodiscard]] uint64_t bytes() const {
    uint64_t sum = 0;
    for (const DatabaseLook& database : databases) sum += database.bytes;
    return sum;
  }
};

}  // namespace ytb::ports
