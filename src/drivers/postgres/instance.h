// PostgresInstance: prepares, starts, opens and stops a PostgreSQL server over a copy's folder.
//
// The order is the safety: links and configuration before any start, recovery in single-user mode where
// nothing of production's runs, and the door (pg_hba.conf, pg_authid) opened only while the server is down.
// Every call may be repeated after a crash at any point. Holds no state; thread-safe for different copies.
#pragma once

#include <string>
#include <vector>

#include "ports/instance.h"

namespace ytb::postgres {

// Whether servers can run as this user ("" is ourselves): PostgreSQL refuses root, and only root can switch.
Status check_run_as(const std::string& run_as);

// Whether the system takes the path of the server's socket, below spec.root.
Status check_socket_path(const ports::InstanceSpec& spec);

class PostgresInstance final : public ports::InstanceKind {
 public:
  Result<std::string> find_binaries(const ports::InstanceSpec& spec) override;
  Status validate(const ports::InstanceSpec& spec) override;
  Status check_isolation(const ports::InstanceSpec& spec) override;
  Result<std::optional<model::Isolation::Kind>> confined_by(const ports::InstanceSpec& spec) override;
  Result<model::Check> isolation(const ports::InstanceSpec& spec) override;
  // A closed copy of nothing, to start as any other: a cluster as initdb makes it, with our own role alone.
  // `guest`: the door admits a role of this name as well; the caller makes that role.
  Status make_empty(const ports::InstanceSpec& spec, const std::string& guest, const StopFlag& stop);
  Status neutralise(const ports::InstanceSpec& spec) override;
  Status recover(const ports::InstanceSpec& spec, ports::Progress& progress, const StopFlag& stop) override;
  Status start_closed(const ports::InstanceSpec& spec) override;
  Status prepare_open(const ports::InstanceSpec& spec, const std::vector<ports::AccessGrant>& grants,
                      ports::Progress& progress) override;
  // Is the closed server until `stop` or the end of `life`, and ends it by SIGKILL with all that it started;
  // it also ends with us, however we do. Little memory is enough for it, and what it says is dropped. Whether
  // it has started, state() says.
  Status run_closed(const ports::InstanceSpec& spec, Duration life, const StopFlag& stop);
  Status start_open(const ports::InstanceSpec& spec) override;
  Status stop(const ports::InstanceSpec& spec) override;
  Result<ports::InstanceState> state(const ports::InstanceSpec& spec) override;
  std::optional<int> clients(const ports::InstanceSpec& spec) override;
  Result<ports::SessionTarget> session(const ports::InstanceSpec& spec) override;

 private:
  // `guests`: roles that the closed door admits besides ours, by who we are.
  Status write_closed(const ports::InstanceSpec& spec, const std::vector<std::string>& guests);
};

}  // namespace ytb::postgres
