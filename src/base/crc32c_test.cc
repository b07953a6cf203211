#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace ytb {
namespace {

TEST(Crc32c, KnownVectors) {
  // RFC 3720, B.4.
  EXPECT_EQ(crc32c(0, std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(0, std::string(32, '\xFF')), 0x62A8AB43U);
  EXPECT_EQ(crc32c(0, "123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(crc32c(0, "1234"), "56789"), 0xE3069283U);
}

}  // namespace
}  // namespace ytb
