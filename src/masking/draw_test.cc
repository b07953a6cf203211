#include "masking/draw.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace ytb::masking {
namespace {

TEST(Draw, hexIsWhatItIsElsewhereWhateverItsLength) {
  for (unsigned first = 0; first < 256; first += 32) {
    Digest digest;
    for (size_t i = 0; i < digest.size(); ++i) digest[i] = static_cast<uint8_t>(first + i);
    const std::string whole =
        to_hex(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
    for (size_t count = 0; count <= kHexSizeMax; ++count) {
      std::string text = "before ";
      append_hex(digest, count, text);
      EXPECT_EQ(text, "before " + whole.substr(0, count));
    }
  }
  EXPECT_EQ(to_hex(std::string_view("\x00\x0f\xa9\xff", 4)), "000fa9ff");
}

}  // namespace
}  // namespace ytb::masking
