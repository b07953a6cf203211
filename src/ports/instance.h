// InstanceKind: how one database server program is prepared, started and stopped over a folder of files that
// the local host made. One per engine; the local host knows nothing of PostgreSQL or MariaDB.
//
// Layout of a copy's folder, all made by the host: <root>/data (the server's data directory), <root>/run
// (socket directory), <root>/spool, <root>/log, <root>/tablespaces.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "model/access.h"
#include "model/isolation.h"
#include "model/proof.h"
#include "ports/progress.h"

namespace ytb::ports {

struct InstanceSpec {
  std::string root;        // absolute path of the copy's folder
  std::string copy_id;     // also the cluster_name
  std::string data_as_of;  // ISO; shown by SHOW yesterdaytabase.data_as_of
  int engine_major = 0;
  uint16_t port = 0;                            // the socket file's number
  std::string run_as;                           // user name; empty: as ourselves
  std::string admin_role;                       // reserved random name of our own superuser
  std::map<std::string, std::string> settings;  // user's own server settings, checked by validate()
  std::vector<std::string> preload;             // libraries our config names; nothing of production's
  std::string bin_dir;                          // "" : find it by version
  model::Isolation isolation = {};              // the copy's own, from its first start to its end
  std::vector<std::string> extensions = {};     // that may be created in a sealed copy; others cannot be

  [[nodiscard]] std::string data() const { return root + "/data"; }
  [[nodiscard]] std::string run() const { return root + "/run"; }
  [[nodiscard]] std::string spool() const { return root + "/spool"; }
  [[nodiscard]] std::string log() const { return root + "/log"; }
};

// What is needed to open the door: access roles with their resolved passwords.
struct AccessGrant {
  model::AccessRole role;
  Secret password;
};

// How our own sessions reach a closed copy (or production's catalog): keyword/value pairs for the driver.
struct SessionTarget {
  std::map<std::string, std::string> parameters;  // host, port, user, … never a password in clear logs
  Secret password;                                // empty: peer authentication
  std::string label;                              // for messages: "copy shop-yesterday-…", "production"
  // Of a copy on a host that is not ours: what the host marked it with when it was restored. Empty for
  // productions and for local copies.
  std::string nonce{};
  // Of a copy in our own place. Said by what opened the place: a server that says so of itself may lie.
  bool local_copy = false;
  // Of a local copy: its folder. No session is opened with anybody but the server that works there, whatever
  // lies where its socket was.
  std::string folder{};
  // Of the volume that all of its databases share; 0: not known, or it grows by itself.
  uint64_t storage_bytes = 0;
};

enum class InstanceState { kStopped, kStarting, kReady };

class InstanceKind {
 public:
  virtual ~InstanceKind() = default;

  // The server binaries for this version, checked to be there. Error{kUnsupported} lists what is installed.
  virtual Result<std::string> find_binaries(const InstanceSpec& spec) = 0;
  // What the config gives a server, before anything is restored: settings that would break a promise
  // (listen_addresses, fsync, archive_command …) or that it does not take, libraries and users that are not
  // there. kConfig.
  virtual Status validate(const InstanceSpec& spec) = 0;
  // Whether this host can keep the copy's server isolated as the spec says. Tried, not guessed; kUnsupported
  // with what to change.
  virtual Status check_isolation(const InstanceSpec& spec) = 0;
  // What the server that runs, or else the last one that ran, was started under, as was written down when it
  // began. None: none has begun.
  virtual Result<std::optional<model::Isolation::Kind>> confined_by(const InstanceSpec& spec) = 0;
  // What is seen of the running server's isolation, for the proof: from the copy's first start on.
  virtual Result<model::Check> isolation(const InstanceSpec& spec) = 0;
  // After the files are in place and before any start: links that lead out, signal files, configuration
  // written whole, closed door. Idempotent.
  virtual Status neutralise(const InstanceSpec& spec) = 0;
  // First start: recovery without network, workers or triggers; our own superuser made, every other role
  // shut out. Leaves it stopped. Idempotent.
  virtual Status recover(const InstanceSpec& spec, Progress& progress, const StopFlag& stop) = 0;
  // Starts the closed server on its private socket, durability off. Already running: success.
  virtual Status start_closed(const InstanceSpec& spec) = 0;
  // Stops, gives access roles their passwords, ends our own superuser's login, syncs everything, writes the
  // open configuration (door: access roles only). Leaves it stopped. Idempotent; may be repeated after a
  // crash.
  virtual Status prepare_open(const InstanceSpec& spec, const std::vector<AccessGrant>& grants,
                              Progress& progress) = 0;
  // Starts an opened server, durability on. Already running: success.
  virtual Status start_open(const InstanceSpec& spec) = 0;
  // Stops it and everything it started; success when it was not running. Waits, bounded.
  virtual Status stop(const InstanceSpec& spec) = 0;
  virtual Result<InstanceState> state(const InstanceSpec& spec) = 0;
  // Connections that the running server has. None: it does not run, or that is not ours to see.
  virtual std::optional<int> clients(const InstanceSpec& spec) = 0;
  // Our own session in the closed copy.
  virtual Result<SessionTarget> session(const InstanceSpec& spec) = 0;
};

}  // namespace ytb::ports
