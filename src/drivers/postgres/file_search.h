// FileSearch: the bytes of every file of a copy's data directory, searched for needles (masking/needles.h):
// what no statement shows and whoever reads the files sees. Deleted rows, free space, indexes, statistics,
// catalogs, logs. What the server keeps compressed is not looked into, nor are texts that are not ASCII found
// in a database of another encoding than UTF-8.
//
// The server must be ours, closed, on this host, and have written a checkpoint since anything changed.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "drivers/postgres/connection.h"
#include "masking/needles.h"
#include "ports/progress.h"

namespace ytb::postgres {

class FileSearch {
 public:
  // Remembers whose files are whose in the session's database.
  Status know(Connection& session, const std::string& database);
  // What is looked for: in users' tables all, but in those (as SurvivorSearch::relations has them) in which
  // statements found some already, and in the catalogs, logs and statistics that repeat them, only what those
  // did not find.
  struct Needles {
    masking::NeedleSearch all;
    masking::NeedleSearch unseen;
    std::set<std::string> seen_in;
    // Whose rows statements have read, every value of them: where only fields count, live rows of theirs are
    // passed over.
    std::set<std::string> read;
  };
  // `data`: the data directory. `fields`: needles count as fields of their own only. Names and words are not
  // looked for outside the relations of users: catalogs and programs have words of their own.
  // Several threads; a MB each, whatever there is to read.
  Status search(const std::string& data, const Needles& needles, bool fields, int workers,
                ports::Progress& progress, const StopFlag& stop);
  // How many needles stand where: "shop files of public.notes" (with its TOAST), "shop files of index
  // public.notes_pkey", "server files of pg_wal".
  [[nodiscard]] const std::map<std::string, uint64_t>& found() const { return found_; }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }

 private:
  struct Piece {
    std::string path;  // relative to the data directory
    uint64_t from = 0;
    uint64_t to = 0;
  };
  Status list(const std::string& data, const std::string& folder, std::vector<Piece>& pieces) const;
  struct Place {
    std::string name;
    bool users = false;   // rows of theirs, or an index of such
    std::string table{};  // whose rows these are: "shop 16385"
    bool heap = false;    // these are the rows themselves: no index, no TOAST, no map
  };
  [[nodiscard]] Place place_of(const std::string& path) const;

  std::map<std::string, Place> places_;           // by path without fork and segment
  std::map<std::string, std::string> databases_;  // names by oid
  std::map<std::string, uint64_t> found_;
  uint64_t bytes_ = 0;
};

}  // namespace ytb::postgres
