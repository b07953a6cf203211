// Dead rows and free space: what the files of tables hold besides the rows that anybody can select. Masked
// and emptied tables are written anew and hold none; in a kept table the bytes of deleted and updated rows
// stay until the server overwrites them. No statement shows them, but whoever reads the files sees them, so a
// proof counts them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "drivers/postgres/connection.h"

namespace ytb::postgres {

struct DeadRows {
  std::string table;  // "public.plans"
  uint64_t dead = 0;
  uint64_t undecided = 0;   // the page does not say whether their transaction was rolled back
  uint64_t free_bytes = 0;  // about, by the free space map
};
// Of the tables and materialized views of the session's database, those with anything to count, TOAST
// included. Reads only pages that are not known to be all-visible. The server must be on this host; call
// after a CHECKPOINT.
Result<std::vector<DeadRows>> count_dead_rows(Connection& session, const std::string& data_folder,
                                              const StopFlag& stop);
std::string to_string(const DeadRows& rows);

namespace internal {
// Free bytes that a free space map's file speaks of (freespace.c, fsmpage.c).
uint64_t free_bytes_in(std::string_view map);
// Whether a visibility map's file says that a heap page is all-visible.
bool is_all_visible(std::string_view map, uint64_t page);
}  // namespace internal

}  // namespace ytb::postgres
