#include "model/engine_versions.h"

#include <fmt/format.h>

namespace ytb::model {

std::string why_untested(int major) {
  return fmt::format("it is of PostgreSQL {}, and {} to {} are supported", major, kPostgresMajorMin,
                     kPostgresMajorMax);
}

Error untested_major(const std::string& what, int major) {
  return {.code = Code::kUnsupported,
          .message = fmt::format("{} is PostgreSQL {}, and {} to {} are supported", what, major,
                                 kPostgresMajorMin, kPostgresMajorMax),
          .hint =
              "use a version of yesterdaytabase that knows this one: nothing is taken, restored or judged "
              "by rules that were never tried with it"};
}

}  // namespace ytb::model
