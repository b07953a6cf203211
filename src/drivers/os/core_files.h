#pragma once

namespace ytb::os {

// For this process and those that it starts. A core file, or what a handler of the host's is piped, would
// hold production's rows, keys, and samples of originals.
void forbid_core_files();

}  // namespace ytb::os
