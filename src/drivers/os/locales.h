// Locales that the operating system has.
#pragma once

#include <string>

namespace ytb::os {

// Whether a server on this host could use it, by the name that PostgreSQL keeps ("de_DE.utf8"). C and POSIX
// always. Thread-safe.
bool has_locale(const std::string& name);

}  // namespace ytb::os
