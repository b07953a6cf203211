#include "masking/looks.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ytb::masking {
namespace {

TEST(Looks, SayWhatValuesAreLikeAndHoldNone) {
  EXPECT_EQ(look_of({}), "no values");
  EXPECT_EQ(look_of({"x"}), "1 value, 1 different, 1 character");
  EXPECT_EQ(look_of({"KD-1234", "KD-9876", "AB-0000", "KD-1234", "QX-5555"}),
            "5 values, 4 different, 7 characters, all like AA-9999");
  EXPECT_EQ(look_of({"KD-1234", "KD-9876", "AB-0000", "n/a", "QX-5555"}),
            "5 values, 5 different, 3 to 7 characters, mostly like AA-9999");
  EXPECT_EQ(look_of({"a", "bb", "ccc", "dddd", "eeeee"}), "5 values, 5 different, 1 to 5 characters");
  EXPECT_EQ(look_of({"ä\n", "ö\n", "ü\n", "ß\n", "é\n"}), "5 values, 5 different, 2 characters, all like x?");
  const std::string text(400, 'a');
  EXPECT_EQ(look_of({text, text, text, text, text}), "5 values, 1 different, 400 characters");
}

}  // namespace
}  // namespace ytb::masking
