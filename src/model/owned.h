// OwnedCopy: the right to change or delete a copy. Whoever changes anything takes one of these, and there is
// one way to get it (invariant 3, hands off production).
#pragma once

#include <set>
#include <string>

#include "base/result.h"
#include "model/copy.h"

namespace ytb::model {

// What is never ours: sources of any configured production (directories, sockets, instance names).
struct Protected {
  std::set<std::string> names;
};

class OwnedCopy {
 public:
  // Error{kRefused, kNever} unless the copy carries our mark, belongs to `production`, has the name that we
  // would have given it and is on no list of sources.
  static Result<OwnedCopy> claim(const Copy& copy, const ProductionName& production,
                                 const Protected& protected_names);

  [[nodiscard]] const Copy& copy() const { return copy_; }
  [[nodiscard]] const CopyId& id() const { return copy_.id; }

 private:
  explicit OwnedCopy(Copy copy) : copy_(std::move(copy)) {}
  Copy copy_;
};

}  // namespace ytb::model
