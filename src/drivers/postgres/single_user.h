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

// Runs statements, one each, in the first of template1, postgres that lets us in. The server recovers first
// where it must. Errors of single statements do not end it (there are none to catch): `expect_zero` is a
// query of one count, named "ytb", that must be 0 at the end.
Status run_single_user(const ports::InstanceSpec& spec, const std::string& bin_dir,
                       const std::vector<std::string>& statements, const std::string& expect_zero,
                       const std::function<void(std::string_view)>& on_line, const StopFlag* stop);

// E'\x61\x62': any bytes as a literal that cannot end early, whatever single-user mode makes of them.
std::string hex_literal(std::string_view text);

}  // namespace ytb::postgres
