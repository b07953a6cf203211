#include "drivers/postgres/minor_versions.h"

#include <string_view>

namespace ytb::postgres {
namespace {

// The further to the right, the more is promised.
bool no_more(std::string_view letters, const std::string& one, const std::string& other) {
  const size_t at = one.size() == 1 ? letters.find(one) : std::string_view::npos;
  const size_t bound = other.size() == 1 ? letters.find(other) : std::string_view::npos;
  return at != std::string_view::npos && bound != std::string_view::npos && at <= bound;
}

}  // namespace

bool promises_no_more(const Promises& function, const Promises& servers_own) {
  return no_more("vsi", function.volatility, servers_own.volatility) &&
         no_more("urs", function.parallel, servers_own.parallel);
}

}  // namespace ytb::postgres
