// `policy explain`: which line of the policy, and which of the lock, speaks of one column.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "masking/catalog.h"
#include "masking/plan.h"
#include "masking/policy.h"

namespace ytb::masking {

struct Explanation {
  enum class Verdict {
    kMasked,
    kKept,
    kEmptied,    // its table, or its database, is
    kComputed,   // generated: computed again from what is masked
    kNotJudged,  // of a foreign table or a materialized view: no row of it is ever read
    kRefused,    // judged, and it does not fit: the findings say why
    kUnjudged,
  };
  // A line of a file, and what stands there.
  struct Line {
    std::string what;  // "rule '*.created_at'", "column", "\"*\": keep"
    Where where{};
  };
  std::string database;
  QualifiedName table;
  std::string column;
  std::string type;
  Verdict verdict = Verdict::kUnjudged;
  MaskerSpec masker{};  // without a name where there is none
  std::optional<Line> judged_by{};
  std::string as{};  // the table whose entry or rows these are, where it is another one; may be empty
  std::vector<Line> passed_over{};  // rules that match, too
  std::optional<LockEntry> lock{};  // of a kept column
  std::vector<Finding> findings{};  // about this column
};
std::string_view name_of(Explanation::Verdict verdict);  // "masked"

struct ColumnPlace {
  const Database* database = nullptr;
  const Table* table = nullptr;
  const Column* column = nullptr;
};
// The columns that `name` may mean: schema.table.column or table.column, quoted as in SQL or not at all.
std::vector<ColumnPlace> find_columns(const Catalog& catalog, std::string_view name);

Explanation explain(const Policy& policy, const PolicyLock& lock, const Catalog& catalog,
                    const ColumnPlace& place);

}  // namespace ytb::masking
