// Wiring: with main.cc the only place that picks drivers.
#pragma once

#include "cli/progress.h"

namespace ytb {

// What a test binary may watch a run through; empty in the program itself.
using cli::AppHooks;

// Runs the command line; returns the exit status. Installs signal handlers: once a process.
int run_app(int argc, char** argv, const AppHooks& hooks = {});

}  // namespace ytb
