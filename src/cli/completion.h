// Completion: scripts for shells, made from the command table. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ytb::cli {

// For "bash" or "zsh", of both names of the program; kUsage for another shell.
Result<std::string> completion_script(std::string_view shell);

}  // namespace ytb::cli
