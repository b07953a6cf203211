#include "masking/normal_form.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace ytb::masking {
namespace {

std::string normal(std::string_view text) {
  NormalText read;
  read.read(text);
  return std::string(read.whole());
}

TEST(NormalText, WhatAPersonCallsTheSameHasOneForm) {
  EXPECT_EQ(normal("Schmidt,  Anna"), "schmidt anna");
  EXPECT_EQ(normal("\"Schmidt\", \"Anna\""), "schmidt anna");
  EXPECT_EQ(normal("  (12 Main St.)\n"), "12 main st");
  EXPECT_EQ(normal("O'Brien"), normal("O\xe2\x80\x99"
                                      "Brien"));
  EXPECT_EQ(normal("M\xc3\x9cLLER"), "m\xc3\xbcller");
  EXPECT_EQ(normal("Mu\xcc\x88ller"), "m\xc3\xbcller");  // u and a combining diaeresis
  EXPECT_EQ(normal("Anna\xc2\xa0Schmidt"), "anna schmidt");
}

TEST(NormalText, AddressesAndNumbersWithDotsAreOneWord) {
  EXPECT_EQ(normal("<Anna.Schmidt+x@Mail.example>;"), "anna.schmidt+x@mail.example");
  EXPECT_EQ(normal("on 2026-11-29, at 10.0.0.7."), "on 2026-11-29 at 10.0.0.7");
  EXPECT_EQ(normal("--- ... @"), "");
}

TEST(NormalText, WhatIsNoUtf8IsTakenAsItIs) {
  EXPECT_EQ(normal("M\xfcller\xff"), "m\xfcller\xff");
  EXPECT_EQ(normal(std::string_view("a\0b", 3)), "a b");
  EXPECT_EQ(normal(""), "");
}

TEST(NormalText, PhrasesAndChunksStandInTheWhole) {
  NormalText text;
  text.read("see https://x.test/u/anna now");
  EXPECT_EQ(text.whole(), "see https x.test u anna now");
  ASSERT_EQ(text.words(), 6U);
  EXPECT_EQ(text.phrase(1, 2), "https x.test");
  EXPECT_EQ(text.chunk_words(0), 1U);
  EXPECT_EQ(text.chunk_words(1), 4U);
  EXPECT_EQ(text.chunk_words(2), 1U);
  EXPECT_EQ(text.phrase(1, text.chunk_words(1)), "https x.test u anna");
}

TEST(NormalText, ANumberIsItsDigits) {
  NormalText text;
  text.read("+49 (30) 123-45.67");
  EXPECT_EQ(text.number(), "49301234567");
  text.read("123 456");
  EXPECT_EQ(text.number(), "");  // six digits
  text.read("room 1234567");
  EXPECT_EQ(text.number(), "");
  text.read("123456789012345678901");
  EXPECT_EQ(text.number(), "");
}

std::vector<std::string> numbers_in(std::string_view text) {
  std::vector<std::string> found;
  NormalText::for_each_number(text, [&](std::string_view digits) { found.emplace_back(digits); });
  return found;
}

TEST(NormalText, NumbersInProseAreFoundBetweenOthers) {
  const std::vector<std::string> found = numbers_in("order 5 +49 30 1234567, or 030/1234567 (ext 12)");
  const auto holds = [&](std::string_view number) {
    return std::count(found.begin(), found.end(), number) > 0;
  };
  EXPECT_TRUE(holds("49301234567"));
  EXPECT_TRUE(holds("0301234567"));
  EXPECT_FALSE(holds("493012345670301234567"));  // a comma parts them
  EXPECT_TRUE(numbers_in("1 2 3 4 5 6").empty());
}

// However many digits stand in a row, there are at most fourteen numbers for each group of them.
TEST(NormalText, ManyGroupsOfDigitsCostLittle) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "1 ";
  EXPECT_EQ(numbers_in(text).size(), 14U * 1000 - 6 * 14 - 13 * 14 / 2);
  EXPECT_TRUE(numbers_in(std::string(100'000, '7')).empty());
}

TEST(NormalText, OfALongTextItsBeginningIsRead) {
  NormalText text;
  text.read(std::string(3 * NormalText::kTextMax, 'a'));
  EXPECT_EQ(text.whole().size(), NormalText::kTextMax);
}

}  // namespace
}  // namespace ytb::masking
