// SocketAlias: the name as a directory that staging users put in `host=`. It is a symbolic link to the live
// copy's socket directory, replaced by an atomic rename, so that every new connection finds either the old
// copy or the new one, and never neither.
//
// The socket's file is named after the port, which differs from copy to copy; a link `.s.PGSQL.5432` beside
// it lets `host=alias` work without a port. The same name is kept in a service file. Link and service file
// cannot change in one step: read() compares both, and where they disagree the alias is not consistent:
// repoint again. Seen is a copy whose own server, by its process id, answers at the alias: whatever else
// listens there is not.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "drivers/socket/service_file.h"
#include "model/ids.h"
#include "ports/alias_store.h"

namespace ytb::socket_alias {

struct SocketAliasOptions {
  std::string directory;  // what users put in host=
  std::string service_file;
  std::string service_name;      // of its entry there: <production>-yesterday
  std::string copies_directory;  // copies' folders are its children: <copies>/<id>/run
  std::string dbname;            // for the service entries; may be empty
  std::string user;              // likewise
  std::string tcp_host{};        // where `listen:` is reached, for the service entries; "" : nowhere
  std::string tcp_port{};
  std::string tls_root{};     // as in ServiceEntries
  bool tls_required = false;  // likewise
  // Of the gate, where it listens at the public socket, too, since a role may come in from elsewhere only:
  // then the name leads there, and a link in there, `live`, to the copy's socket, whose folder others cannot
  // pass. "": the name leads to that folder.
  std::string gate_folder{};
};

// "<production>-yesterday", what the entry of the service file is called.
std::string service_name_of(const model::ProductionName& production);
// The folder of an alias's gate: beside the alias, whose parent is the place of what clients see.
std::string gate_folder_of(const std::string& alias_directory);

// Where the certificate of our own authority is published, for clients to verify the gate by: beside the
// service file, named after the service ("shop-yesterday-ca.crt").
std::string authority_file(const std::string& service_file, const std::string& service_name);

class SocketAlias final : public ports::AliasStore {
 public:
  explicit SocketAlias(SocketAliasOptions options);

  // Error{kConfig} when a socket below the alias would have a path that is too long for a socket: 107 bytes.
  static Status check_length(const std::string& directory);
  // The same, and kRefused when something that is no link is in the alias's place; an error when no link can
  // be made there.
  static Status check_place(const std::string& directory);

  // Error{kRefused} where the service file has an entry of ours, of our name, that leads to another
  // production: earlier versions called entries after the alias's folder. Clients that use it would be led
  // elsewhere without a word.
  [[nodiscard]] Status check_entry() const;

  Result<model::AliasState> read() override;
  Status repoint(const model::PassedProof& proof, const model::Copy& copy) override;
  Status remove() override;

 private:
  // Of the copy that an alias at this directory leads to, through a gate as well; "" : it leads to none.
  [[nodiscard]] static Result<std::string> copy_at(const std::string& directory);
  // The directory of another production that the entry of our name leads to; "" : there is no such entry.
  [[nodiscard]] Result<std::string> taken_by(std::string_view service) const;
  [[nodiscard]] model::ProductionName production() const;
  [[nodiscard]] std::string run_directory(const model::CopyId& copy) const;
  // The link that moves: the alias itself, or `live` in the gate's folder.
  [[nodiscard]] std::string moving_link() const;
  // The port in the name of the one socket in a run directory; kConnection where there is none.
  [[nodiscard]] Result<uint16_t> port_in(const std::string& run_directory) const;
  [[nodiscard]] mode_t mode_of_run() const;
  // Folders of sockets of this production's other copies that others can pass.
  [[nodiscard]] Result<std::vector<std::string>> others_of(const model::CopyId& copy) const;
  // Also where none is wanted.
  [[nodiscard]] bool gate_listens() const;
  // The process id of a copy's server, compared with what was written down when it began; 0: none, or not
  // ours to read.
  [[nodiscard]] pid_t server_of(const model::CopyId& copy) const;
  [[nodiscard]] ServiceEntries entries() const;

  SocketAliasOptions options_;
};

// Whether the PostgreSQL server with this process id answers at a unix socket: the kernel says who listens
// there, and the answer to a request for TLS is one byte.
bool server_answers(const std::string& socket_path, pid_t server, Duration timeout);

}  // namespace ytb::socket_alias
