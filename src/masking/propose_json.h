// What becomes of a JSON column, by sampled documents: each path is judged as a column of that name would be,
// and then by its values. Private to the masking room.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "masking/catalog.h"
#include "masking/known_names.h"
#include "masking/propose.h"

namespace ytb::masking {

// What sampled documents of one column hold: its paths with their values.
class JsonLook {
 public:
  // A document that was cut short is read as far as it goes.
  explicit JsonLook(const std::vector<std::string>& documents);

  struct Leaf {
    std::string name;    // the last member on its path
    std::string parent;  // the one before
    std::vector<std::string> texts;
    bool whole = false;    // holds whole numbers
    bool decimal = false;  // holds other numbers
    bool truth = false;    // holds true or false
  };
  using Leaves = std::map<std::string, Leaf>;  // by path

  // The names of people that paths hold which are called so.
  void tell_names(const Table& table, const Column& column, KnownNames& names) const;
  // Sets the proposal's masker and evidence where the documents have paths. What no path names, the `json`
  // masker hashes.
  void propose(const Table& table, const Column& column, const KnownNames& names, Proposal& proposal) const;

 private:
  Leaves leaves_;
  size_t read_ = 0;
  size_t broken_ = 0;
};

}  // namespace ytb::masking
