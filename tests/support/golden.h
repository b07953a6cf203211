// Golden files: texts that people read, kept under tests/golden and compared whole.
// YTB_UPDATE_GOLDEN=1 writes them anew; look at the diff before committing it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace ytb::tests {

inline void expect_golden(const std::string& name, std::string_view actual) {
  std::filesystem::path file = std::filesystem::path(YTB_SOURCE_DIR) / "tests" / "golden" / name;
  const char* update = std::getenv("YTB_UPDATE_GOLDEN");
  if (update != nullptr && std::string_view(update) == "1") {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << actual;
    return;
  }
  std::ifstream in(file, std::ios::binary);
  ASSERT_TRUE(in.good()) << "no golden file " << file << "; make it with YTB_UPDATE_GOLDEN=1";
  std::ostringstream expected;
  expected << in.rdbuf();
  EXPECT_EQ(expected.str(), actual) << "differs from " << file
                                    << "; if it is meant, run with YTB_UPDATE_GOLDEN=1";
}

}  // namespace ytb::tests
