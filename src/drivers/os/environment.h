// The process's environment, and what of it libraries must not go by.
//
// libpq fills in what a connection does not say from PG… variables (PGHOSTADDR, PGOPTIONS, PGSERVICE, …): a
// shell that happens to have one set would send our sessions elsewhere. They are taken out of the environment
// once, before there is any thread, and stay readable here alone, for a config that names one of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ytb::os {

// Takes every variable whose name begins with `prefix` out of the environment. Only while there is one
// thread.
void set_apart_variables(std::string_view prefix);
// A variable's value, also of one that was set apart.
std::optional<std::string> variable(const std::string& name);

}  // namespace ytb::os
