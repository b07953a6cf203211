#include "drivers/os/environment.h"

#include <unistd.h>

#include <cstdlib>
#include <map>

namespace ytb::os {
namespace {

// Like the environment itself it belongs to the process; written only by set_apart_variables.
std::map<std::string, std::string>& set_apart() {
  static std::map<std::string, std::string> variables;
  return variables;
}

}  // namespace

void set_apart_variables(std::string_view prefix) {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || !text.starts_with(prefix)) continue;
    set_apart().emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  for (const auto& [name, value] : set_apart()) ::unsetenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
}

std::optional<std::string> variable(const std::string& name) {
  if (auto found = set_apart().find(name); found != set_apart().end()) return found->second;
  const char* value = ::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

}  // namespace ytb::os
