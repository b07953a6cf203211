// Environment: where variables come from, so that tests bring their own. An empty variable counts as unset.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace ytb::aws {

using Environment = std::function<std::optional<std::string>(const std::string& name)>;

Environment process_environment();
Environment fixed_environment(std::map<std::string, std::string> variables);

}  // namespace ytb::aws
