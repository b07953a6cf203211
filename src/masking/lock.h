// The lock: every column that is kept, as it was when a person accepted it.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "masking/catalog.h"
#include "masking/judgement.h"
#include "masking/policy.h"

namespace ytb::masking {

// The lock, for looking up: one look a column, however large the lock. It must outlive this.
class LockIndex {
 public:
  explicit LockIndex(const PolicyLock& lock);
  [[nodiscard]] const PolicyLock& lock() const { return lock_; }
  // The entry of a column; nullptr: none.
  [[nodiscard]] const LockEntry* find(std::string_view database, const QualifiedName& table,
                                      std::string_view column) const;
  // The entry that lets `column` be kept: its own, or that of an ancestor's column of equal name, of equal
  // type and not expired. Where there is none its own all the same (of another type, or expired), to say why.
  [[nodiscard]] const LockEntry* covering(std::string_view database, const TableIndex& tables,
                                          const Table& table, const Column& column) const;
  [[nodiscard]] bool holds(const LockEntry& entry, const Column& column) const;
  [[nodiscard]] bool expired(const LockEntry& entry) const;

 private:
  const PolicyLock& lock_;
  std::unordered_map<std::string, const LockEntry*> entries_;
};

// The type as a lock says it: of a domain also what it is over ("public.flag over bool"), which may become
// something else under the same name.
std::string locked_type(const Column& column);
// "2027-01-31", a day that there is.
bool is_date(std::string_view text);

// The lock that accepting `policy` against `catalog` would give: every column that is kept, but those of
// inheritance children that an ancestor's entry covers.
PolicyLock expand_lock(const Policy& policy, const Catalog& catalog);

// What a person says of all that they accept at once; each may be empty.
struct Acceptance {
  std::string by{};
  std::string expires{};
  std::string why{};
};
// What `before` says of entries that stay as they are is taken over into `after`; what is new, has another
// type or had expired gets what `said` says. `before` was read today.
void carry_over(const PolicyLock& before, const Acceptance& said, PolicyLock& after);

struct LockDiff {
  size_t added = 0;
  size_t removed = 0;
  size_t changed = 0;              // of another type, or in what is said of them
  std::vector<std::string> lines;  // "+ shop public.users.nickname text" and "- …", sorted
};
LockDiff diff_locks(const PolicyLock& before, const PolicyLock& after);

}  // namespace ytb::masking
