#include "masking/needles.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "masking/words.h"

namespace ytb::masking {
namespace {

using Looking = NeedleSearch::Looking;

std::vector<NeedleText> texts(const std::vector<std::string>& stored) {
  std::vector<NeedleText> texts;
  for (const std::string& each : stored) texts.push_back(NeedleText::of(each));
  return texts;
}

uint64_t found(const std::vector<std::string>& needles, std::string_view bytes,
               Looking looking = Looking::kAll) {
  return NeedleSearch(texts(needles)).count(bytes, 0, bytes.size(), looking);
}

// As a field of a heap page: its header before it.
std::string field(const std::string& value) {
  constexpr size_t kShortMax = 126;
  if (value.size() <= kShortMax) return static_cast<char>((value.size() + 1) << 1 | 1) + value;
  const auto header = static_cast<uint32_t>((value.size() + 4) << 2);
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + value;
}

TEST(NeedleSearch, FindsFieldsAndWholeWords) {
  EXPECT_EQ(found({"Walker"}, "Walkers"), 0U);
  EXPECT_EQ(found({"Walker"}, "Skywalker Walker, Walker"), 2U);
  EXPECT_EQ(found({"Walker"}, "Walker"), 1U);
  EXPECT_EQ(found({"Walker"}, "Walke"), 0U);
  EXPECT_EQ(found({"Walker"}, "Walker-Smith"), 0U);
  EXPECT_EQ(found({"Walker"}, "Smith-.Walker"), 0U);
  EXPECT_EQ(found({"Walker"}, "Mr. Walker."), 1U);
  EXPECT_EQ(found({}, "Walker"), 0U);
  const std::string as_field("\x0fWalkers", 8);  // (6 + 1) * 2 + 1, and the next field begins with an s
  EXPECT_EQ(found({"Walker"}, as_field), 1U);
  const std::string in_toast("x\x28\0\0\0Walkers", 12);  // (6 + 4) * 4
  EXPECT_EQ(found({"Walker"}, in_toast), 1U);
}

TEST(NeedleSearch, LooksAtFieldsOrAtWhatTells) {
  const std::string mail = "anna@mail.example";
  EXPECT_EQ(found({mail}, "to " + mail + ".", Looking::kFields), 0U);
  EXPECT_EQ(found({mail}, static_cast<char>((mail.size() + 1) * 2 + 1) + mail + "x", Looking::kFields), 1U);
  EXPECT_EQ(found({mail, "Walker"}, "Walker <" + mail + ">", Looking::kTelling), 1U);
  EXPECT_EQ(found({"4930 123456"}, "+4930 123456", Looking::kTelling), 1U);
  EXPECT_EQ(found({mail}, "susanna@mail.example"), 0U);
}

TEST(NeedleSearch, FindsBytesWhereverTheyAre) {
  const std::string uuid("\x9a\x01zz\xff\x10\x20\x30\x40\x50\x60\x70\x01\x02\x03\x04", 16);
  for (Looking looking : {Looking::kFields, Looking::kTelling, Looking::kAll})
    EXPECT_EQ(found({uuid}, "x" + uuid + "x", looking), 1U);
}

// A sample holds the beginning of what is longer, and its header says how long it is.
TEST(NeedleSearch, FindsFieldsOfEveryLength) {
  for (const size_t size : {6UL, 62UL, 63UL, 64UL, 65UL, 80UL, 94UL, 95UL, 126UL, 127UL, 200UL, 5000UL}) {
    std::string value = "https://mail.example/";
    while (value.size() < size) value += std::to_string(value.size());
    value.resize(size);
    for (Looking looking : {Looking::kFields, Looking::kTelling, Looking::kAll}) {
      if (looking == Looking::kTelling && size < 24) continue;
      EXPECT_EQ(found({value}, "x" + field(value) + "y", looking), 1U) << size;
    }
    EXPECT_EQ(found({value}, "ü" + value + "y", Looking::kAll), 0U) << size;
    if (size < NeedleText::kBytesMax) continue;
    EXPECT_EQ(found({value}, field(value.substr(0, 63) + "?"), Looking::kFields), 0U) << size;
  }
  std::string signature(72, '\x01');
  for (size_t i = 0; i < signature.size(); ++i) signature[i] = static_cast<char>(i * 37);
  EXPECT_EQ(found({signature}, "x" + signature, Looking::kFields), 1U);
}

TEST(NeedleSearch, CountsEachInOnePieceOnly) {
  std::vector<std::string> needles;
  std::string bytes;
  for (int i = 0; i < 1000; ++i) {
    needles.push_back(fmt::format("https://same.example/{}", i * 7919));
    bytes += fmt::format("{}\t{} ", i, needles.back());
  }
  const NeedleSearch search(texts(needles));
  EXPECT_EQ(search.size(), needles.size());
  const uint64_t whole = search.count(bytes, 0, bytes.size(), Looking::kAll);
  EXPECT_GE(whole, needles.size());
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{64}, size_t{1000}}) {
    uint64_t sum = 0;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      const size_t from = at - std::min(at, NeedleSearch::kAround);
      const std::string_view around =
          std::string_view(bytes).substr(from, at - from + piece + NeedleSearch::kAround);
      sum += search.count(around, at - from, std::min(at - from + piece, around.size()), Looking::kAll);
    }
    EXPECT_EQ(sum, whole) << piece;
  }
}

TEST(NeedleSearch, ThoseThatAreAllAlikeCostNoMoreThanOthers) {
  std::vector<std::string> needles;
  for (int i = 0; i < 20'000; ++i) {
    std::string needle;
    for (int bit = 0; bit < 16; ++bit) needle += (i >> bit & 1) != 0 ? 'a' : 'b';
    needles.push_back(needle);
  }
  EXPECT_LE(NeedleSearch(texts(needles)).size(), 32U << 6);
}

TEST(NeedleSamples, KeepsTheSameOnesHoweverTheyCome) {
  auto sample = [](int threads) {
    NeedleSamples samples(10);
    std::vector<std::thread> running;
    for (int thread = 0; thread < threads; ++thread) {
      running.emplace_back([&samples, thread, threads] {
        std::vector<NeedleSamples::Kept> values;
        for (int i = thread; i < 10'000; i += threads)
          values.push_back({static_cast<uint64_t>(i) * 0x9e3779b97f4a7c15ULL, 0,
                            NeedleText::of(fmt::format("value {}", i))});
        NeedleSamples::Column& column = samples.column("a");
        samples.add(column, values);
        EXPECT_TRUE(values.empty());
      });
    }
    for (std::thread& thread : running) thread.join();
    std::vector<NeedleSamples::Kept> other{{1, 0, NeedleText::of("other one")},
                                           {2, 0, NeedleText::of("other two")}};
    samples.add(samples.column("b"), other);
    return samples.needles_where([](const NeedleSamples::Kept&) { return true; });
  };
  const std::vector<NeedleText> one = sample(1);
  EXPECT_EQ(one.size(), 12U);
  EXPECT_EQ(sample(4), one);
}

// However often each of them comes, and by whom it was added.
TEST(NeedleSamples, KeepsDistinctOnes) {
  NeedleSamples samples(50);
  std::vector<NeedleSamples::Kept> values;
  for (int round = 0; round < 1000; ++round) {
    for (uint64_t i = 1; i <= 100; ++i) {
      values.push_back({i * 0x9e3779b97f4a7c15ULL, 0, NeedleText::of(fmt::format("value {}", i))});
      if (values.size() % 7 == 0) samples.add(samples.column("a"), values);
    }
  }
  samples.add(samples.column("a"), values);
  EXPECT_EQ(samples.needles_where([](const NeedleSamples::Kept&) { return true; }).size(), 50U);
}

// A name that masking gives to somebody is in every copy.
TEST(NeedleSamples, PseudonymsAreNoNeedles) {
  NeedleSamples samples(10);
  std::vector<NeedleSamples::Kept> values;
  uint64_t digest = 0;
  for (std::string_view name : first_names()) values.push_back({++digest, 0, NeedleText::of(name)});
  samples.add(samples.column("a"), values);
  values.push_back({++digest, 0, NeedleText::of("+1-201-555-0143")});
  values.push_back(
      {++digest, 0,
       NeedleText::of(fmt::format("12 {}{} {}", place_heads()[0], place_tails()[0], street_kinds()[0]))});
  values.push_back({++digest, 0, NeedleText::of(fmt::format("{} Overbeck", first_names()[0]))});
  samples.add(samples.column("b"), values);
  EXPECT_EQ(samples.needles_where([](const NeedleSamples::Kept&) { return true; }),
            texts({fmt::format("{} Overbeck", first_names()[0])}));
}

}  // namespace
}  // namespace ytb::masking
