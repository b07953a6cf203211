// SecretPrompt: a password from the terminal, without its being shown. By one thread at a time.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "base/stop.h"

namespace ytb::os {

// Writes `prompt` to standard error and reads a line of at most 1,024 bytes from standard input, with echo
// off; backspace works, Ctrl-C is kInterrupted. None: standard input is no terminal, or nothing was typed.
// The terminal is as it was afterwards, whatever happens but SIGKILL.
Result<std::optional<Secret>> ask_secret(const std::string& prompt, const StopFlag& stop);

}  // namespace ytb::os
