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
  // Remembers an original and finds it `times` times at `place`.
  model::Check found_at(const std::string& place, int times,
                        const std::string& original = "grace@person.test") {
    std::vector<uint64_t> spool;
    std::string key;
    for (size_t i = 0; i < masking::Originals::kKeyBytes; ++i) key.push_back(static_cast<char>(i));
    masking::Originals originals(Secret(std::move(key)), [&](std::span<const uint64_t> digests) {
      spool.assign(digests.begin(), digests.end());
      return Status();
    });
    masking::OriginalsRecorder recorder(originals);
    recorder.add_text(original);
    EXPECT_TRUE(recorder.flush().ok());
    originals.make_filter(spool.size(), 1 << 20);
    originals.add_to_filter(spool);
    masking::SurvivorCandidates candidates(max);
    masking::OriginalsSearch search(originals, candidates);
    for (int i = 0; i < times; ++i) search.look(0, original, masking::SearchDepth::kWhole);
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

TEST_F(SurvivorsCheck, SaysTheLinesThatWouldAllowIt) {
  masking::SurvivorCandidates candidates;
  masking::Originals originals(Secret(std::string(masking::Originals::kKeyBytes, 'k')),
                               [](std::span<const uint64_t>) { return Status(); });
  ports::SurvivorSearch looked{.originals = originals, .candidates = candidates, .samples = samples};
  EXPECT_EQ(how_to_settle(policy, looked), "");
  looked.in_files = {{"shop files of public.\"a, b\"", 2}, {"server files of pg_wal", 1}};
  EXPECT_THAT(how_to_settle(policy, looked), HasSubstr(R"(  survivors:
    search: prose
    allow:
      "server":
        "files of pg_wal": ""
      "shop":
        "files of public.\"a, b\"": ""
)"));
  policy.allow["server"]["files of pg_wal"] = "of it";
  EXPECT_THAT(how_to_settle(policy, looked), Not(HasSubstr("pg_wal")));
}

TEST_F(SurvivorsCheck, AFewWordsThatAreNamesFailOnlyWhereThePolicyIsStrict) {
  EXPECT_EQ(found_at("shop public.tickets.status", 2000, "Read").outcome, model::Outcome::kFailed);
  policy.names = masking::SurvivorPolicy::Names::kWarn;
  const model::Check told = found_at("shop public.tickets.status", 2000, "Read");
  EXPECT_EQ(told.outcome, model::Outcome::kPassed);
  EXPECT_THAT(told.detail, HasSubstr("somebody's name, too, in shop public.tickets.status (2,000 times)"));
  EXPECT_EQ(found_at("shop public.tickets.status", 1, "Read Me").outcome, model::Outcome::kFailed);
}

TEST_F(SurvivorsCheck, FilesAreToldApartFromValues) {
  masking::SurvivorCandidates candidates;
  masking::Originals originals(Secret(std::string(masking::Originals::kKeyBytes, 'k')),
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
  looked.files_closed = true;
  EXPECT_EQ(no_original_in_files(policy, looked).outcome, model::Outcome::kNotCheckable);
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

TEST_F(SurvivorsCheck, DetectorsWarnOrFailOrRest) {
  using Detectors = masking::SurvivorPolicy::Detectors;
  masking::SurvivorCandidates candidates;
  masking::Originals originals(Secret(std::string(masking::Originals::kKeyBytes, 'k')),
                               [](std::span<const uint64_t>) { return Status(); });
  ports::SurvivorSearch looked{.originals = originals, .candidates = candidates, .samples = samples};
  looked.places = {"shop public.notes.body", "shop public.notes.title"};
  EXPECT_EQ(kept_values_detected(policy, looked).outcome, model::Outcome::kPassed);
  EXPECT_EQ(kept_values_to_judge(policy, looked), "");
  looked.signs[1][masking::kEmailSign] = 3;
  looked.signs[1][masking::kCardSign] = 1;
  constexpr const char* kSeen =
      "shop public.notes.title (e-mail addresses in 3 values, card numbers in 1 values)";
  EXPECT_EQ(kept_values_detected(policy, looked).outcome, model::Outcome::kPassed);
  EXPECT_THAT(kept_values_detected(policy, looked).detail, HasSubstr(kSeen));
  EXPECT_EQ(kept_values_to_judge(policy, looked), kSeen);
  policy.detectors = Detectors::kFail;
  EXPECT_EQ(kept_values_detected(policy, looked).outcome, model::Outcome::kFailed);
  EXPECT_EQ(kept_values_to_judge(policy, looked), "");
  policy.allow["shop"]["public.notes.title"] = "robots";
  EXPECT_EQ(kept_values_detected(policy, looked).outcome, model::Outcome::kPassed);
  EXPECT_THAT(kept_values_detected(policy, looked).detail, HasSubstr(std::string(kSeen) + ": robots"));
  policy.detectors = Detectors::kNone;
  EXPECT_EQ(kept_values_detected(policy, looked).outcome, model::Outcome::kNotCheckable);
}

}  // namespace
}  // namespace ytb::refresh
