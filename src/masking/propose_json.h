// What becomes of a JSON column, by sampled documents: each path is judged as a column of that name would be,
// and then by its values. Private to the masking room.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "masking/catalog.h"
#include "masking/json_tree.h"
#include "masking/known_names.h"
#include "masking/propose.h"

namespace ytb::masking {

// What sampled documents of one column hold: its paths, each judged by its name and values. The members of an
// object may be somebody's data themselves (`{"adaeze": "yes", "chidi": "no"}`): they are one path, `$.*`,
// and the keys are masked.
class JsonLook {
 public:
  // A document that was cut short is read as far as it goes.
  JsonLook(std::string database, const Table& table, const Column& column,
           const std::vector<std::string>& documents);

  // The names of people that paths hold.
  void tell_names(KnownNames& names) const;
  // Sets the proposal's masker and evidence where the documents have paths. What no path names, the `json`
  // masker hashes, and so is a path whose values hold `names`, and keys that are names.
  void propose(const KnownNames& names, Proposal& proposal);

 private:
  struct Path {
    std::string path;
    MaskerSpec masker;
    std::vector<std::string> texts;
    size_t values = 0;  // of the texts, those that are not empty
  };
  void judge_paths();
  std::string database_;
  std::string where_;   // "public.users.settings"
  std::string object_;  // what a table would be called of which the document is a row
  JsonTree tree_;
  std::vector<Path> paths_;
  size_t read_ = 0;
  size_t broken_ = 0;
  bool too_many_ = false;  // paths: none is in paths_
};

}  // namespace ytb::masking
