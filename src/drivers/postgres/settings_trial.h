// Whether a server takes the settings of the config: asked of its own program, before anything is restored.
#pragma once

#include <map>
#include <string>

#include "base/result.h"

namespace ytb::postgres {

// kConfig, in the server's own words, where `postgres` of `bin_dir` knows no such setting or refuses its
// value. What only a running server finds (two settings that exclude each other, those of libraries that are
// loaded later) is not found here. Starts no server and reads no files of one.
Status try_settings(const std::string& bin_dir, const std::string& run_as,
                    const std::map<std::string, std::string>& settings);

}  // namespace ytb::postgres
