// The gate as a process of its own that outlives us: begun, looked after and ended by whoever works on the
// production. It gets sockets that listen already and what it needs to know, and then walls itself in
// (os/sandbox.h): it has no key but its certificate's, opens no file, and reaches nothing but Unix sockets.
//
//   <folder>/control      where it is asked (control.h); ours alone
//   <folder>/control.new  the same of one that is just beginning
//   <folder>/control.1 …  of those that it replaced, as long as they serve somebody
//   <folder>/log, lock
//
// Another of other settings is put in a gate's place without a gap: it gets the same listeners, and only when
// it answers is the old one asked to take nobody in any more. The old one serves who is connected until the
// last has gone. Killed at any moment, the next look goes on from what is there.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "drivers/gate/gate.h"
#include "ports/gatekeeper.h"

namespace ytb::gate {

// What the command line has to say for us to become a gate: run_gate_process() then.
constexpr std::string_view kGateCommand = "gate-process";

struct GateSettings {
  [[nodiscard]] bool wanted() const { return !address.empty() || listens_locally; }

  std::string folder;   // of the gates of this production, in our own state; made where it is missing
  Instant config_read;  // when the config was read: what a newer one wants is left alone
  std::string address;  // numeric; "": none is wanted for the network
  uint16_t port = 0;
  std::map<std::string, std::vector<std::string>> roles;  // role → where it may come in from
  std::string live;                                       // leads to the live copy's Unix socket
  bool listens_locally = false;                           // at the public Unix socket, too:
  std::string public_folder;                              // there, as .s.PGSQL.5432
  std::string live_behind_gate;                           // `live` where the name leads to that folder
  std::string alias;                                      // the name: a link, to it or to the copy's folder
  std::string copies;                                     // the folder of the copies
  std::string run_as;  // their servers' user, and the gate's; "": ourselves
  GateLimits limits{};
  std::vector<std::string> proxies;
  bool tls_required = false;
  std::vector<std::string> tls_names;  // that our certificate is for, beside those of this host
  std::string certificate_file;        // "": one of our own authority's
  std::string key_file;
  std::string authority_folder;   // of our own authority; made on first use
  std::string authority_publish;  // where its certificate is put for clients to read
  std::string version;            // of this program: another's gate is replaced
  std::string unit;               // of systemd, for its scope
};

class GateProcess final : public ports::Gatekeeper {
 public:
  // `clock` outlives it.
  GateProcess(GateSettings settings, const Clock& clock) : settings_(std::move(settings)), clock_(clock) {}

  Status check() override;
  Result<std::string> keep() override;
  Result<std::optional<ports::GateReport>> report() override;
  Status end() override;

 private:
  [[nodiscard]] std::string place(std::string_view name) const;
  Result<std::string> keep_locked();
  Status settle();
  Status retire_present();
  [[nodiscard]] bool is_listened_at_locally() const;
  [[nodiscard]] Status lead_where_the_name_leads() const;
  Status begin(Listeners listeners, const std::string& settings, const TlsIdentity& identity) const;
  [[nodiscard]] Result<std::vector<std::string>> controls() const;

  GateSettings settings_;
  const Clock& clock_;
};

// In a process that GateProcess began: its whole life. The exit status.
int run_gate_process();

}  // namespace ytb::gate
