// LdapBinds: an LDAP server on loopback that knows simple binds and nothing else, so that a PostgreSQL can
// ask us about a password (pg_hba.conf's method ldap): RDS has a PAM module for that.
//
// Strict: BER with definite lengths, version 3, a name and a password that are not empty; anything else ends
// the connection. One connection after the other, each for kTalkMax at most. Stops with the object.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace ytb::fakes::aws {

// One request, read: its message's id as it came, and what it is.
struct LdapRequest {
  std::string id;
  bool unbind = false;
  std::string name, password;
};
// None where it is not one of ours. `message` is a whole LDAPMessage.
std::optional<LdapRequest> read_ldap(std::string_view message);

class LdapBinds {
 public:
  // Asked from the server's own thread.
  using Judge = std::function<bool(const std::string& name, const std::string& password)>;
  explicit LdapBinds(Judge judge);
  ~LdapBinds();
  LdapBinds(const LdapBinds&) = delete;
  LdapBinds& operator=(const LdapBinds&) = delete;
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  void serve();
  void talk(int client);
  Judge judge_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace ytb::fakes::aws
