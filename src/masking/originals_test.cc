#include "masking/originals.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace ytb::masking {
namespace {

constexpr size_t kBytesMin = 4;
constexpr uint64_t kFilterMax = 64 << 20;

Secret key(char first = 'k') {
  std::string bytes;
  for (size_t i = 0; i < Originals::kKeyBytes; ++i)
    bytes.push_back(static_cast<char>(first + static_cast<char>(i)));
  return Secret(std::move(bytes));
}

class OriginalsTest : public ::testing::Test {
 protected:
  // How often originals stand in `text`.
  uint64_t found(std::string_view text, SearchDepth depth = SearchDepth::kPhrases) {
    EXPECT_TRUE(recorder.flush().ok());
    SurvivorCandidates candidates;
    OriginalsSearch search(originals, candidates);
    search.look(7, text, depth);
    search.finish();
    candidates.confirm(spool);
    auto survivors = candidates.survivors();
    return survivors.empty() ? 0 : survivors.at(7);
  }
  void add(std::string_view text) { recorder.add_text(text, kBytesMin); }

  std::vector<uint64_t> spool;
  Originals originals{key(), 1000, kFilterMax, [this](std::span<const uint64_t> digests) {
                        spool.insert(spool.end(), digests.begin(), digests.end());
                        return Status();
                      }};
  OriginalsRecorder recorder{originals};
};

TEST_F(OriginalsTest, AreFoundWhole) {
  add("Anna.Schmidt@mail.example");
  EXPECT_EQ(found("anna.schmidt@MAIL.example", SearchDepth::kWhole), 1U);
  EXPECT_EQ(found("write to anna.schmidt@mail.example", SearchDepth::kWhole), 0U);
  EXPECT_EQ(found("bertha.schmidt@mail.example"), 0U);
  EXPECT_EQ(found(""), 0U);
}

TEST_F(OriginalsTest, AreFoundInProse) {
  add("anna.schmidt@mail.example");
  add("Anna Schmidt");
  add("12 Main Street");
  std::string prose;
  for (int i = 0; i < 5000; ++i) prose += fmt::format("word{} ", i);
  EXPECT_EQ(found(prose), 0U);
  EXPECT_EQ(found(prose + "<anna.schmidt@mail.example>, " + prose), 1U);
  EXPECT_EQ(found(prose + "<anna.schmidt@mail.example>, " + prose, SearchDepth::kWords), 1U);
  EXPECT_EQ(found("Dear Anna\nSchmidt, you live in 12, Main Street."), 2U);
  EXPECT_EQ(found("Dear Anna Schmidt", SearchDepth::kWords), 0U);  // two words
  EXPECT_EQ(found(R"({"contact": {"name": "Anna Schmidt"}})"), 1U);
}

TEST_F(OriginalsTest, LongerOnesAreFoundWholeAndAsChunks) {
  add("https://x.test/people/anna/photo/1");
  EXPECT_EQ(found("see https://x.test/people/anna/photo/1 for it"), 1U);
  EXPECT_EQ(found("HTTPS://x.test/people/anna/photo/1"), 1U);
}

TEST_F(OriginalsTest, TextsOfManyMegabytesAreSearchedInPieces) {
  add("anna.schmidt@mail.example");
  add("Anna Schmidt");
  for (const size_t before : {size_t{3'000'000}, NormalText::kTextMax - 5, NormalText::kTextMax}) {
    std::string text(before, 'x');
    text.back() = ' ';
    text += "Anna Schmidt anna.schmidt@mail.example ";
    text.append(1'500'000, 'y');
    EXPECT_GE(found(text), 2U) << before;
  }
}

TEST_F(OriginalsTest, NumbersAreFoundHoweverTheyAreTyped) {
  add("+49 (30) 123 45 67");
  EXPECT_EQ(found("49301234567"), 1U);
  EXPECT_EQ(found("call +49-30-1234567 today"), 1U);
  EXPECT_EQ(found("49301234568"), 0U);
}

TEST_F(OriginalsTest, PairsOfColumnsAreFound) {
  recorder.add_pair("Anna", "Schmidt", kBytesMin);
  recorder.add_pair("Schmidt", "Anna", kBytesMin);
  EXPECT_EQ(found("for Anna Schmidt"), 1U);
  EXPECT_EQ(found("SCHMIDT, ANNA"), 1U);
  EXPECT_EQ(found("Anna"), 0U);
}

TEST_F(OriginalsTest, ShortOnesAreNotRemembered) {
  add("ab");
  add(" -- ");
  EXPECT_EQ(found("ab"), 0U);
  EXPECT_EQ(recorder.recorded(), 0U);
}

TEST_F(OriginalsTest, IntegersAreFoundInColumnsOfTheirKindOnly) {
  recorder.add_integer(3, 4711);
  EXPECT_TRUE(recorder.flush().ok());
  SurvivorCandidates candidates;
  OriginalsSearch search(originals, candidates);
  search.look_integer(1, 3, 4711);
  search.look_integer(2, 4, 4711);
  search.look_integer(3, 3, 4712);
  search.look(4, "4711", SearchDepth::kPhrases);
  search.finish();
  candidates.confirm(spool);
  EXPECT_EQ(candidates.survivors(), (std::map<uint32_t, uint64_t>{{1, 1}}));
}

TEST_F(OriginalsTest, OneValueAgainAndAgainIsRecordedOnce) {
  for (int i = 0; i < 100'000; ++i) add("the same value");
  EXPECT_EQ(recorder.recorded(), 1U);
}

TEST_F(OriginalsTest, WhatOnlyTheFilterHoldsIsNoSurvivor) {
  add("anna.schmidt@mail.example");
  EXPECT_TRUE(recorder.flush().ok());
  SurvivorCandidates candidates;
  OriginalsSearch search(originals, candidates);
  search.look(1, "anna.schmidt@mail.example", SearchDepth::kWhole);
  search.finish();
  EXPECT_EQ(candidates.size(), 1U);
  EXPECT_TRUE(candidates.survivors().empty());  // no spool passed by
}

TEST_F(OriginalsTest, TheSpoolSaysNothingWithoutTheKey) {
  add("anna.schmidt@mail.example");
  EXPECT_TRUE(recorder.flush().ok());
  std::vector<uint64_t> others;
  Originals other(key('x'), 1000, kFilterMax, [&](std::span<const uint64_t> digests) {
    others.assign(digests.begin(), digests.end());
    return Status();
  });
  OriginalsRecorder same(other);
  same.add_text("anna.schmidt@mail.example", kBytesMin);
  EXPECT_TRUE(same.flush().ok());
  ASSERT_EQ(others.size(), 1U);
  EXPECT_NE(others, spool);
}

TEST_F(OriginalsTest, TooManyCandidatesAreSaid) {
  constexpr size_t kMax = 100;
  for (const size_t count : {kMax, kMax + 1}) {
    SurvivorCandidates candidates(kMax);
    OriginalsSearch search(originals, candidates);
    for (size_t i = 0; i < count; ++i) {
      add(fmt::format("value{}", i));
      search.look(1, fmt::format("value{}", i), SearchDepth::kWhole);
      search.look(1, fmt::format("value{}", i), SearchDepth::kWhole);  // counted where it is
    }
    search.finish();
    EXPECT_EQ(candidates.complete(), count == kMax);
    EXPECT_TRUE(recorder.flush().ok());
    candidates.confirm(spool);
    EXPECT_EQ(candidates.survivors(), (std::map<uint32_t, uint64_t>{{1, 2 * kMax}}));
  }
}

TEST_F(OriginalsTest, AFailingSpoolIsSaid) {
  Originals broken(key(), 1000, kFilterMax, [](std::span<const uint64_t>) -> Status {
    return Error{.code = Code::kInternal, .message = "the disk is full", .hint = {}};
  });
  OriginalsRecorder writer(broken);
  writer.add_text("anna.schmidt", kBytesMin);
  EXPECT_FALSE(writer.flush().ok());
}

TEST(Originals, SeveralThreadsRememberAndSearch) {
  constexpr int kThreads = 4;
  constexpr int kEach = 20'000;
  std::mutex mutex;
  std::vector<uint64_t> spool;
  Originals originals(key(), uint64_t{kThreads} * kEach, kFilterMax, [&](std::span<const uint64_t> digests) {
    std::lock_guard lock(mutex);
    spool.insert(spool.end(), digests.begin(), digests.end());
    return Status();
  });
  const auto beside = [](const std::function<void(int)>& work) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
    for (std::thread& thread : threads) thread.join();
  };
  beside([&](int thread) {
    OriginalsRecorder recorder(originals);
    for (int i = 0; i < kEach; ++i) recorder.add_text(fmt::format("person{}x{}", thread, i), 4);
    EXPECT_TRUE(recorder.flush().ok());
  });
  EXPECT_EQ(spool.size(), size_t{kThreads} * kEach);
  SurvivorCandidates candidates;
  beside([&](int thread) {
    OriginalsSearch search(originals, candidates);
    for (int i = 0; i < kEach; i += 100) {
      search.look(static_cast<uint32_t>(thread), fmt::format("see person{}x{} here", thread, i),
                  SearchDepth::kWords);
      search.look(9, fmt::format("nobody{}x{}", thread, i), SearchDepth::kWords);
    }
    search.finish();
  });
  candidates.confirm(spool);
  std::map<uint32_t, uint64_t> wanted;
  for (uint32_t thread = 0; thread < kThreads; ++thread) wanted[thread] = kEach / 100;
  EXPECT_EQ(candidates.survivors(), wanted);
}

TEST(DigestFilter, PassesFewThatWereNotAdded) {
  constexpr uint64_t kCount = 200'000;
  DigestFilter filter(kCount, kFilterMax);
  // Digests are uniform: those of a full-period generator stand for them.
  uint64_t state = 1;
  const auto next = [&] {
    state = state * 6364136223846793005 + 1442695040888963407;
    return state ^ (state >> 33);
  };
  for (uint64_t i = 0; i < kCount; ++i) filter.add(next());
  uint64_t passed = 0;
  for (uint64_t i = 0; i < 10 * kCount; ++i) passed += filter.may_hold(next()) ? 1 : 0;
  EXPECT_LE(passed, 40U);  // one in fifty thousand
  EXPECT_NEAR(static_cast<double>(filter.memory_bytes()), kCount * 51.0 / 8, 64);
}

TEST(DigestFilter, KeepsWithinItsMemory) {
  EXPECT_EQ(DigestFilter(1'000'000'000, 1 << 20).memory_bytes(), 1U << 20);
  EXPECT_EQ(DigestFilter(0, 0).memory_bytes(), 64U << 10);
}

}  // namespace
}  // namespace ytb::masking
