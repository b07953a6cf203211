#include "cli/fitted.h"

#include <gtest/gtest.h>

#include <sstream>

namespace ytb::cli {
namespace {

TEST(Fitted, WordsGoToTheNextLineAndALongOneStaysWhole) {
  EXPECT_EQ(fitted("one two three four", 10, "- ", "  "), "- one two\n  three\n  four\n");
  EXPECT_EQ(fitted("a 0123456789abcdef b", 10, "", "  "), "a\n  0123456789abcdef\n  b\n");
  EXPECT_EQ(fitted("short", 80, "  ", "    "), "  short\n");
  EXPECT_EQ(fitted("", 80, "  ", "    "), "  \n");
}

TEST(Fitted, ALastCellContinuesInItsColumn) {
  const std::string words = "one two three four five six seven eight nine ten";
  EXPECT_EQ(fitted_table({{"label", "short"}, {"other label", words}}, 50),
            "  label        short\n"
            "  other label  one two three four five six seven\n"
            "               eight nine ten\n");
  // Too little room beside what comes before.
  EXPECT_EQ(fitted_table({{"a label that is rather long", words}}, 50),
            "  a label that is rather long\n"
            "      one two three four five six seven eight nine\n"
            "      ten\n");
  EXPECT_EQ(fitted_table({{"a", ""}, {"b", "x"}}, 50), "  a\n  b  x\n");
}

TEST(Fitted, WhatIsReadByAProgramIsNotBroken) {
  std::ostringstream out;
  Output output{.out = out, .err = out};
  const std::string words(1000, 'x');
  EXPECT_EQ(fitted_table({{"a", words + " " + words}}, line_width(output)),
            "  a  " + words + " " + words + "\n");
  output.out_is_terminal = true;
  output.columns = 100;
  EXPECT_EQ(line_width(output), 100U);
  output.columns = 0;
  EXPECT_EQ(line_width(output), 40U) << "a terminal that does not know how wide it is";
}

}  // namespace
}  // namespace ytb::cli
