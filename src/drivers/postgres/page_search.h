// Reads values of kept tables from the pages that they lie in, instead of having the server write them out:
// cheaper, and deleted rows are read with the others, for all originals and not for a sample.
//
// The server must be ours, closed, on this host, and have written a checkpoint since anything changed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/heap_page.h"
#include "drivers/postgres/searched_values.h"

namespace ytb::postgres {

class PageSearch {
 public:
  // `data`: the data directory.
  static Result<PageSearch> make(Connection& session, std::string data);
  // Whether every column that is searched is stored in a way that is known here.
  [[nodiscard]] bool can_read(const SearchedRelation& relation) const;

  struct RowAt {
    uint32_t page = 0;
    uint32_t item = 0;  // of the page, from 1: its ctid
  };
  struct Outcome {
    bool complete = true;         // false: a page is not as it should be, and not all was looked at
    std::vector<RowAt> to_ask{};  // rows of which only the server can read a value
  };
  // Looks at pages [first, past). Thread-safe; half a MB each, and eight bytes for each row to ask for.
  Result<Outcome> search(const SearchedRelation& relation, int64_t first, int64_t past,
                         const ports::SurvivorSearch& search, Lookers& lookers, const StopFlag& stop) const;

 private:
  std::string data_;
  std::map<int64_t, std::vector<Attribute>> attributes_;  // of relations by oid
};

}  // namespace ytb::postgres
