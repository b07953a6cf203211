// `postgres --single`: the server without network, workers or event triggers. The bootstrap superuser's
// session, which no login, setting or trap of production's can reach (process_settings() does nothing in it).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "ports/instance.h"

namespace ytb::postgres {

// What one run is to do.
struct SingleUserWork {
  // Any bytes; "": the first of template1, postgres, template0 that there is.
  std::string database = {};
  std::vector<std::string> statements = {};
  // A query of one count, named "ytb", that must be 0 at the end; "": the exit status says how it went.
  std::string expect_zero = "SELECT 0 AS ytb";
  size_t output_bytes_max = 1 << 20;    // more is an error
  bool change_catalogs = false;         // statements may change the definitions of the server's own relations
  bool ignore_catalog_indexes = false;  // nothing is looked up by them; each look reads a whole catalog
};

// Runs statements, one each, with search_path = pg_catalog. The server recovers first where it must. The
// first error ends the run and fails it, as does another answer to expect_zero than 0; nothing else that is
// printed is taken for that answer. Returns what the server printed.
Result<std::string> run_single_user(const ports::InstanceSpec& spec, const std::string& bin_dir,
                                    const SingleUserWork& work,
                                    const std::function<void(std::string_view)>& on_line,
                                    const StopFlag* stop);

// The values of one column in what a run printed; columns whose values hold no quote or line end.
std::vector<std::string> printed_values(std::string_view output, std::string_view column);
// The same of a column of hex digits, as bytes.
std::vector<std::string> printed_bytes(std::string_view output, std::string_view column);

// E'\x61\x62': any bytes as a literal that cannot end early, whatever single-user mode makes of them.
std::string hex_literal(std::string_view text);

}  // namespace ytb::postgres
