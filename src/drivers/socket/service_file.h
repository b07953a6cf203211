// Service file: libpq's pg_service.conf, of which the entries of the name are ours and the rest is other
// people's. Pure.
//
// [name] leads to the alias's socket, [name-tcp], where `listen:` names one, to the gate's address.
// Whatever else the file holds is kept to the letter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ytb::socket_alias {

struct ServiceEntries {
  std::string name;             // "shop-yesterday", whatever the directory is called
  std::string alias_directory;  // host= of [name]
  std::string tcp_host;         // of [name-tcp]; "" : there is none
  std::string tcp_port;
  std::string dbname;         // "" : left to the user
  std::string user;           // "" : left to the user
  std::string tls_root = {};  // of [name-tcp]: sslrootcert= and sslmode=verify-full; "" : neither line
  // Of [name-tcp] without tls_root: sslmode=require. The certificate is then somebody's whom libpq knows only
  // from version 16 on (sslrootcert=system), and an older one could not read such an entry.
  bool tls_required = false;
};

// The file with our entries put in place of earlier ones, or added at the end.
std::string with_entries(std::string_view file, const ServiceEntries& entries);
// The file without them.
std::string without_entries(std::string_view file, std::string_view name);
// Whether it has an entry of ours, of this name, that leads to that directory. Earlier versions called
// entries after the directory: those stay for who uses them, as long as the alias does.
bool has_entry_to(std::string_view file, std::string_view name, std::string_view directory);
// host= of the entry of ours of this name; "" : there is none, or it is not ours.
std::string directory_of(std::string_view file, std::string_view name);
// Whether an entry has this file as its sslrootcert.
bool names_authority(std::string_view file, std::string_view authority);
// Whether the file says exactly this.
bool has_entries(std::string_view file, const ServiceEntries& entries);

}  // namespace ytb::socket_alias
