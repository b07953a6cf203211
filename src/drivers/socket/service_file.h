// Service file: libpq's pg_service.conf, of which two entries are ours and the rest is other people's. Pure.
//
// [name] leads to the alias's socket, [name-tcp] to the live copy's port on 127.0.0.1. Whatever else the file
// holds is kept to the letter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ytb::socket_alias {

struct ServiceEntries {
  std::string name;             // "shop-yesterday"
  std::string alias_directory;  // host= of [name]
  uint16_t port = 0;            // of the live copy, for [name-tcp]
  std::string dbname;           // "" : left to the user
  std::string user;             // "" : left to the user
};

// The file with our two entries put in place of earlier ones, or added at the end.
std::string with_entries(std::string_view file, const ServiceEntries& entries);
// The file without them.
std::string without_entries(std::string_view file, std::string_view name);
// Whether the file says exactly this.
bool has_entries(std::string_view file, const ServiceEntries& entries);

}  // namespace ytb::socket_alias
