// In what the catalogs of two clusters of one major version may differ because other minor versions made
// them. initdb writes them once; a minor update replaces programs and leaves catalogs as they are. Of 13
// (from 13.6) to 18 the first and the last that npm's @embedded-postgres and Debian have were compared:
//   what the build numbers (10000 to 11999) is counted otherwise from a row on that is there no more;
//   views: pg_stats_ext and pg_stats_ext_exprs (CVE-2024-4317);
//   13 to 15: btrees over intervals lost their support function btequalimage;
//   17: binary_upgrade_set_next_attribute_versions() came;
//   18: json_strip_nulls() and jsonb_strip_nulls() became immutable.
#pragma once

#include <string>

namespace ytb::postgres {

// pg_proc.provolatile and proparallel, each a letter.
struct Promises {
  std::string volatility;
  std::string parallel;
};
// A function that promises less is called at fewer moments: the planner evaluates it less often by itself.
bool promises_no_more(const Promises& function, const Promises& servers_own);

}  // namespace ytb::postgres
