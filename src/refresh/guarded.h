// Guarded places: what decides over a refresh, and who on this host could change it. Thread-safe.
//
// Root refuses to go by what somebody else could have written: a config names programs that are run
// (`on_failure`, `bin_dir`), folders that are written, and the policy what is masked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/config.h"

namespace ytb::refresh {

struct GuardedPlace {
  std::string_view what;  // "policy lock"
  std::string path;
  std::string run_as;  // who may change it beside root and ourselves; "": nobody more
};

// Those of a production that lie on this host. Key files are judged where they are read.
std::vector<GuardedPlace> guarded_places(const config::Config& config,
                                         const config::ProductionConfig& production);

// kRefused where we are root and somebody else could change one of them. Other users decide for themselves
// whom they trust; `check` names such a place.
Status refuse_as_root(const config::Config& config, const config::ProductionConfig& production);

}  // namespace ytb::refresh
