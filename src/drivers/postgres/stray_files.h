// StrayFiles: files in the folders of databases that no catalog names. What a transaction that was under way
// during the backup had written, the folder of a database whose creation never ended, segments beyond a
// relation's end, segments of transaction logs that no transaction is in (log_segments.h), what an unlogged
// table begins with after a crash, which is nothing: rows of production's that no statement shows and no
// policy judges.
//
// The server must be ours, closed, on this host, and nothing may create or drop a relation between know() and
// the end. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"

namespace ytb::postgres {

// The data directory of the session's server, where it is this host's and this very server's; else
// kUnsupported.
Result<std::string> data_folder(Connection& session);

// A file of a relation by its name: "16384_vm.1" is segment 1 of the fork "vm" of file node 16384.
struct RelationFile {
  std::string node;
  std::string fork;  // "" for the main one
  uint64_t segment = 0;
};
// False: not the name of a relation's file.
bool parse_relation_file(const std::string& name, RelationFile& file);

class StrayFiles {
 public:
  // Remembers which files the catalog of the session's database names.
  Status know(Connection& session);
  // Removes the others, of every database that is known, and the folders of databases that do not exist. What
  // was removed, by kind; "" for nothing.
  Result<std::string> remove(Connection& session);
  // What is left.
  Result<std::vector<std::string>> left(Connection& session);

 private:
  struct Found {
    std::string path;  // relative to the data directory
    bool folder = false;
    bool relation = false;
    bool beginning = false;  // an init fork that holds something: it stays, empty
  };
  Result<std::vector<Found>> look(Connection& session) const;
  Status look_into_database(const std::string& folder, std::vector<Found>& found) const;
  [[nodiscard]] bool is_named(const std::string& path, const RelationFile& file) const;

  std::set<std::string> databases_;  // by oid
  struct Named {
    bool unlogged = false;
    bool rows = false;  // of a table, a view or TOAST
  };
  std::map<std::string, Named> named_;  // by path without fork and segment
  std::string data_;
  uint64_t segment_bytes_ = 0;
};

}  // namespace ytb::postgres
