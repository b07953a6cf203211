// What this machine is called.
#pragma once

#include <string>

namespace ytb::os {

// As the kernel has it, often without a domain: nobody is asked. "" where it cannot be read.
std::string host_name();

}  // namespace ytb::os
