// Wiring: with main.cc the only place that picks drivers.
#pragma once

namespace ytb {

// Runs the command line; returns the exit status.
int run_app(int argc, char** argv);

}  // namespace ytb
