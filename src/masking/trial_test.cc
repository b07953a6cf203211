#include "masking/trial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ytb::masking {
namespace {

using ::testing::HasSubstr;
using enum TrialOutcome;

// Of `trial`, once the server has said this of its rows.
PlanCheck settled(ConstraintTrial trial, std::vector<TrialAnswer::Row> rows,
                  std::optional<size_t> satisfied_by = std::nullopt) {
  trial.what = "CHECK constraint c";
  trial.about = "column public.t.a (text) of shop";
  trial.masker = "hash";
  if (trial.columns.empty()) trial.columns = {"a"};
  PlanCheck check;
  check.plan.emplace();
  check.findings.push_back({.kind = Finding::Kind::kNotTried,
                            .error = false,
                            .column = "a",
                            .trial = std::make_shared<ConstraintTrial>(std::move(trial))});
  settle_trials({TrialAnswer{.why_not = {}, .rows = std::move(rows), .satisfied_by = satisfied_by}}, check);
  return check;
}

std::vector<TrialAnswer::Row> rows(size_t allowed, size_t forbidden) {
  std::vector<TrialAnswer::Row> out(allowed, {kAllowed, kAllowed});
  out.insert(out.end(), forbidden, {kAllowed, kForbidden});
  return out;
}

TEST(Trial, OneForbiddenRowIsEnoughWhereTheMaskHasNothingToDoWithTheValue) {
  EXPECT_FALSE(settled({}, rows(7, 1)).ok());
  EXPECT_TRUE(settled({}, rows(8, 0)).findings.empty());
}

TEST(Trial, AMaskThatStaysNearTheValueHasToBeForbiddenOften) {
  ConstraintTrial near;
  near.follows_the_value = true;
  EXPECT_FALSE(settled(near, rows(20, 2)).ok());
  const PlanCheck rarely = settled(near, rows(60, 1));
  EXPECT_TRUE(rarely.ok());
  EXPECT_THAT(rarely.findings.at(0).message, HasSubstr("may violate"));
  // Of few rows nothing is sure.
  EXPECT_TRUE(settled(near, rows(0, 2)).ok());
}

TEST(Trial, WhatARealRowHoldsNobodyHereKnows) {
  ConstraintTrial kept;
  kept.columns = {"a", "b"};
  kept.has_kept = true;
  EXPECT_TRUE(settled(kept, rows(0, 64)).ok());
  // Rows that were forbidden before are none of anybody's where equal values stay equal.
  ConstraintTrial two;
  two.columns = {"a", "b"};
  std::vector<TrialAnswer::Row> mixed = rows(2, 0);
  mixed.insert(mixed.end(), 62, {kForbidden, kForbidden});
  EXPECT_TRUE(settled(two, mixed).ok());
  EXPECT_FALSE(settled(two, rows(0, 64)).ok());
}

TEST(Trial, FewRowsAreNoGroundToSayThatItIsSatisfied) {
  const PlanCheck few = settled({}, rows(7, 0));
  EXPECT_TRUE(few.ok());
  EXPECT_THAT(few.findings.at(0).message, HasSubstr("too few values"));
}

TEST(Trial, WhatSatisfiesItIsWrittenOut) {
  ConstraintTrial trial;
  MaskerSpec email;
  email.name = "email";
  trial.others.push_back({.spec = email, .after = {}});
  const PlanCheck check = settled(trial, rows(0, 8), 0);
  EXPECT_EQ(check.findings.at(0).instead, "a: email");
  ASSERT_TRUE(check.findings.at(0).satisfied_by);
  EXPECT_EQ(check.findings.at(0).satisfied_by->name, "email");
}

}  // namespace
}  // namespace ytb::masking
