// KnownNames: what people of this production are called, by the sampled values of columns that hold their
// names. Another column in which they stand is about people, whatever it is called: "Team Okonkwo",
// "laptop-of-okonkwo-7". No list of names could know them.
// Private to the masking room.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "masking/policy.h"

namespace ytb::masking {

// Whether what it masks are names of people.
bool holds_names(const MaskerSpec& masker);

class KnownNames {
 public:
  // Values of a column of names; `called`: as the column is, for the evidence.
  void add(const std::string& database, const std::string& called, const std::vector<std::string>& values);

  struct Found {
    size_t values = 0;     // that hold a name
    size_t names = 0;      // how many different ones they hold
    std::string database;  // of the column that most of them are known from
    std::string column;    // never a value
    // "public.users.name", of another database "shop public.users.name".
    [[nodiscard]] std::string where(const std::string& from_database) const;
    // One name in many values may be a word that is somebody's name, too.
    [[nodiscard]] bool tells(size_t of_values) const;
  };
  [[nodiscard]] Found found_in(const std::vector<std::string>& values) const;
  [[nodiscard]] bool empty() const { return names_.empty(); }

 private:
  std::vector<std::pair<std::string, std::string>> columns_;  // with their databases
  std::unordered_map<std::string, size_t> names_;             // in a plain form, and of which column
};

}  // namespace ytb::masking
