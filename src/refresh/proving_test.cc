#include "refresh/proving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

namespace ytb::refresh {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SurvivorsCheck : public ::testing::Test {
 protected:
  // Remembers "grace@person.test" and finds it `times` times at `place`.
  model::Check found_at(const std::string& place, int times) {
    std::vector<uint64_t> spool;
    std::string key;
    for (size_t i = 0; i < masking::Originals::kKeyBytes; ++i) key.push_back(static_cast<char>(i));
    masking::Originals originals(Secret(std::move(key)), 10, 1 << 20, [&](std::span<const uint64_t> digests) {
      spool.assign(digests.begin(), digests.end());
      return Status();
    });
    masking::OriginalsRecorder recorder(originals);
    recorder.add_text("grace@person.test");
    EXPECT_TRUE(recorder.flush().ok());
    masking::SurvivorCandidates candidates(max);
    masking::OriginalsSearch search(originals, candidates);
    for (int i = 0; i < times; ++i) search.look(0, "grace@person.test", masking::SearchDepth::kWhole);
    search.finish();
    candidates.confirm(spool);
    ports::SurvivorSearch looked{.originals = originals, .candidates = candidates, .samples = samples};
    looked.places = {place};
    looked.values = 1000;
    return no_original_survives(policy, plan, looked, 1);
  }

  masking::NeedleSamples samples{1};
  size_t max = masking::SurvivorCandidates::kMax;
  masking::SurvivorPolicy policy;
  masking::MaskingPlan plan;
};

TEST_F(SurvivorsCheck, NamesPlacesAndCountsAndNoValue) {
  const model::Check check = found_at("shop public.notes.body", 3);
  EXPECT_EQ(check.outcome, model::Outcome::kFailed);
  EXPECT_THAT(check.detail, HasSubstr("shop public.notes.body (3 times)"));
  EXPECT_THAT(check.detail, Not(HasSubstr("person.test")));
  EXPECT_EQ(found_at("shop public.notes.body", 0).outcome, model::Outcome::kPassed);
}

TEST_F(SurvivorsCheck, WhatIsAllowedIsCountedWithItsReason) {
  policy.allow["shop"]["public.notes.body"] = "our own account";
  const model::Check check = found_at("shop public.notes.body", 3);
  EXPECT_EQ(check.outcome, model::Outcome::kPassed);
  EXPECT_THAT(check.detail, HasSubstr("allowed: shop public.notes.body (3 times): our own account"));
  EXPECT_EQ(found_at("shop public.notes.title", 1).outcome, model::Outcome::kFailed);
  EXPECT_EQ(found_at("other public.notes.body", 1).outcome, model::Outcome::kFailed);
}

TEST_F(SurvivorsCheck, FilesAreToldApartFromValues) {
  masking::SurvivorCandidates candidates;
  masking::Originals originals(Secret(std::string(masking::Originals::kKeyBytes, 'k')), 10, 1 << 20,
                               [](std::span<const uint64_t>) { return Status(); });
  ports::SurvivorSearch looked{.originals = originals, .candidates = candidates, .samples = samples};
  looked.needles = 20'000;
  EXPECT_EQ(no_original_in_files(policy, looked).outcome, model::Outcome::kPassed);
  EXPECT_THAT(no_original_in_files(policy, looked).detail, HasSubstr("for 20,000 sampled originals"));
  looked.in_files = {{"shop files of public.notes", 2}, {"server files of pg_wal", 1}};
  EXPECT_EQ(no_original_in_files(policy, looked).outcome, model::Outcome::kFailed);
  EXPECT_THAT(no_original_in_files(policy, looked).detail, HasSubstr("shop files of public.notes (2 times)"));
  policy.allow["shop"]["files of public.notes"] = "a demonstration";
  EXPECT_EQ(no_original_in_files(policy, looked).outcome, model::Outcome::kFailed);
  policy.allow["server"]["files of pg_wal"] = "of it";
  EXPECT_EQ(no_original_in_files(policy, looked).outcome, model::Outcome::kPassed);
  EXPECT_THAT(no_original_in_files(policy, looked).detail, HasSubstr("a demonstration"));
}

TEST_F(SurvivorsCheck, WhereNobodyAsksTheProofSaysSo) {
  EXPECT_EQ(originals_not_searched().outcome, model::Outcome::kNotCheckable);
  EXPECT_THAT(originals_not_searched().detail, HasSubstr("was not searched"));
}

TEST_F(SurvivorsCheck, MoreThanCanBeCountedFailsWhateverIsAllowed) {
  policy.allow["shop"]["public.notes.body"] = "our own account";
  max = 0;
  EXPECT_EQ(found_at("shop public.notes.body", 1).outcome, model::Outcome::kFailed);
}

}  // namespace
}  // namespace ytb::refresh
