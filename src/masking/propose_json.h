// What becomes of a JSON column, by sampled documents: each path is judged as a column of that name would be,
// and then by its values. Private to the masking room.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "masking/catalog.h"
#include "masking/known_names.h"
#include "masking/propose.h"

namespace ytb::masking {

// What sampled documents of one column hold: its paths, each judged once by its name and values.
class JsonLook {
 public:
  // A document that was cut short is read as far as it goes.
  JsonLook(const Table& table, const Column& column, const std::vector<std::string>& documents);

  // The names of people that paths hold.
  void tell_names(KnownNames& names) const;
  // Sets the proposal's masker and evidence where the documents have paths. What no path names, the `json`
  // masker hashes, and so is a path whose values hold `names`.
  void propose(const KnownNames& names, Proposal& proposal) const;

 private:
  struct Path {
    std::string path;
    MaskerSpec masker;
    std::vector<std::string> texts;
    size_t values = 0;  // of the texts, those that are not empty
  };
  std::string where_;  // "public.users.settings"
  std::vector<Path> paths_;
  size_t read_ = 0;
  size_t broken_ = 0;
  bool too_many_ = false;  // paths: none is in paths_
};

}  // namespace ytb::masking
