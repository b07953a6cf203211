// Sample databases, which do not come with the project: tests that want one are skipped where it is not.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

namespace ytb::tests {

// Where a sample database ("pagila.sql.gz") is looked for: in YTB_SAMPLE_DATA, or in shared/data beside the
// tree.
inline std::string sample_file(std::string_view name) {
  const char* folder = std::getenv("YTB_SAMPLE_DATA");
  const std::string where = folder != nullptr ? folder : std::string(YTB_SOURCE_DIR) + "/../shared/data";
  return where + "/" + std::string(name);
}

}  // namespace ytb::tests
