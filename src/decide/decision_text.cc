#include <fmt/format.h>

#include "decide/decide.h"

namespace ytb::decide {

std::string to_string(const Decision& decision) {
  if (!decision.until) return decision.reason;
  std::string until = to_iso(*decision.until);
  if (decision.reason.find(until) != std::string::npos) return decision.reason;
  return fmt::format("{} (until {})", decision.reason, until);
}

}  // namespace ytb::decide
