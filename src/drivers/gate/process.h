// The gate as a process of its own that outlives us: begun, looked after and ended by whoever works on the
// production. It gets sockets that listen already and what it needs to know, and then walls itself in
// (os/sandbox.h): it has no key but its certificate's, opens no file, and reaches nothing but Unix sockets.
//
//   <folder>/control  where it is asked (control.h); ours alone
//   <folder>/.s.PGSQL.5432  where it is the public Unix socket, too
//   <folder>/log, lock
//
// Another of other settings is put in a gate's place without a gap: the old one hands over its listeners and
// serves who is connected until the last has gone.
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
  std::string folder;   // of the gate; made where it is missing
  std::string address;  // numeric; "": no gate is wanted
  uint16_t port = 0;
  std::map<std::string, std::vector<std::string>> roles;  // role → where it may come in from
  std::string live;                                       // leads to the live copy's Unix socket
  bool listens_locally = false;                           // at the public Unix socket, too
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

  Result<std::string> keep() override;
  Result<std::optional<ports::GateReport>> report() override;
  Status end() override;

 private:
  [[nodiscard]] std::string control() const;
  Result<std::string> keep_locked();
  Status begin(Listeners listeners, const std::string& settings, const TlsIdentity& identity) const;

  GateSettings settings_;
  const Clock& clock_;
};

// In a process that GateProcess began: its whole life. The exit status.
int run_gate_process();

}  // namespace ytb::gate
