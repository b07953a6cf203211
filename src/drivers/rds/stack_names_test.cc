// Names, secrets, tags: what is derived and what is read back.
#include "drivers/rds/stack_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "drivers/rds/stack_secrets.h"
#include "drivers/rds/stack_tags.h"

namespace ytb::rds {
namespace {

using model::CopyId;
using model::ProductionName;
using ::testing::HasSubstr;

Instant day() { return *from_iso("2026-11-22T06:00:00Z"); }

std::string name_of_copy(const std::string& production, int attempt = 1) {
  ProductionName name(production);
  return stack_name(name, model::copy_id(name, day(), attempt));
}

// RDS: letters, digits, single hyphens, a letter first, no hyphen last, at most 63.
bool fits_rds(const std::string& name) {
  bool letters = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  return letters && name.size() <= 63 && name.front() >= 'a' && name.back() != '-' &&
         name.find("--") == std::string::npos;
}

TEST(StackNames, are_the_copys_id_where_rds_allows_it) {
  EXPECT_EQ(name_of_copy("shop"), "shop-yesterday-20261122-060000-1");
  EXPECT_EQ(name_prefix(ProductionName("shop")), "shop-yesterday-");
}

// The original made <name>-YYYY-MM-DD-HHMM, whatever its length.
TEST(StackNames, original_defect_7_the_longest_production_still_fits) {
  const std::string longest = "a" + std::string(39, 'b');
  ASSERT_EQ(longest.size(), 40U);
  for (const std::string& production :
       {longest, std::string("a--b"), std::string("shop-"), "x" + std::string(24, 'y'),
        "x" + std::string(25, 'y'), "a" + std::string(39, '-')}) {
    for (int attempt : {1, 999'999'999}) {
      std::string name = name_of_copy(production, attempt);
      EXPECT_TRUE(fits_rds(name)) << name;
      EXPECT_TRUE(fits_rds(writer_name(name))) << name;
      EXPECT_TRUE(name.starts_with(name_prefix(ProductionName(production)))) << name;
      EXPECT_THAT(name, HasSubstr("-yesterday-20261122-060000-"));
      EXPECT_EQ(name, name_of_copy(production, attempt));
    }
  }
  // What is cut off still tells them apart.
  EXPECT_NE(name_of_copy(longest), name_of_copy("a" + std::string(38, 'b') + "c"));
  EXPECT_NE(name_of_copy("a--b"), name_of_copy("a-b"));
  EXPECT_NE(name_of_copy("shop-"), name_of_copy("shop"));
}

// deploy.sh shortens likewise, before it uploads anything.
TEST(StackNames, a14_are_shortened_as_the_deployment_expects) {
  EXPECT_EQ(name_prefix(model::ProductionName("a-production-with-quite-a-long-name")),
            "a-production-wit-73e544dd-yesterday-");
  EXPECT_EQ(name_prefix(model::ProductionName("shop--main")), "shop-main-73573638-yesterday-");
}

TEST(StackNames, tokens_are_the_same_for_the_same_and_fit_the_api) {
  std::string token = request_token("shop-yesterday-20261122-060000-1", "open", "2026-11-22T06:00:00Z");
  EXPECT_EQ(token, request_token("shop-yesterday-20261122-060000-1", "open", "2026-11-22T06:00:00Z"));
  EXPECT_NE(token, request_token("shop-yesterday-20261122-060000-1", "open", "2026-11-22T06:00:01Z"));
  EXPECT_NE(token, request_token("shop-yesterday-20261122-060000-2", "open", "2026-11-22T06:00:00Z"));
  EXPECT_TRUE(fits_rds(token)) << token;
}

TEST(StackSecrets, derive_from_the_seed_and_that_very_instance) {
  const Secret seed(std::string(32, 's'));
  const Secret other(std::string(32, 't'));
  std::string password(master_password(seed, "db-ABC").reveal());
  EXPECT_EQ(password.size(), 32U);
  EXPECT_EQ(password.find_first_of("/\"@ "), std::string::npos);
  EXPECT_EQ(password, master_password(seed, "db-ABC").reveal());
  EXPECT_NE(password, master_password(seed, "db-ABD").reveal());
  EXPECT_NE(password, master_password(other, "db-ABC").reveal());
  EXPECT_EQ(copy_nonce(seed, "db-ABC").size(), 32U);
  EXPECT_NE(copy_nonce(seed, "db-ABC"), copy_nonce(seed, "db-ABD"));
}

Mark mark() {
  return {.production = ProductionName("shop"),
          .copy = model::copy_id(ProductionName("shop"), day(), 2),
          .snapshot = model::SnapshotId("rds:shop-2026-11-22-06-00"),
          .data_as_of = day(),
          .attempt = 2};
}

TEST(StackTags, a_mark_is_whole_or_it_is_none) {
  Result<Tags> tags = to_tags(mark());
  ASSERT_TRUE(tags.ok());
  std::optional<Mark> back = mark_of(*tags);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->copy, mark().copy);
  EXPECT_EQ(back->snapshot, mark().snapshot);
  EXPECT_EQ(back->data_as_of, mark().data_as_of);
  EXPECT_EQ(back->attempt, 2);
  for (const auto& [name, value] : *tags) {
    Tags less = *tags;
    less.erase(name);
    EXPECT_FALSE(mark_of(less)) << name;
  }
  Tags another = *tags;
  another["yesterdaytabase:attempt"] = "3";
  EXPECT_FALSE(mark_of(another)) << "its name and its tags tell two stories";
  Mark odd = mark();
  odd.snapshot = model::SnapshotId("x{}");
  EXPECT_FALSE(to_tags(odd).ok());
}

TEST(StackTags, a_state_goes_through_tags_and_through_json) {
  State state{.phase = model::Phase::kMasked,
              .since = day(),
              .inputs = "ab12",
              .tries = 3,
              .last_try = day() + std::chrono::hours(1),
              .code = Code::kSpace,
              .retry = Retry::kInDoubt,
              .message = "no room: \"x\" <ü>"};
  std::optional<State> tagged = state_of(to_tags(state));
  ASSERT_TRUE(tagged);
  Result<State> written = state_from_json(to_json(state));
  ASSERT_TRUE(written.ok());
  EXPECT_EQ(written->message, state.message);
  for (const State& back : {*tagged, *written}) {
    EXPECT_EQ(back.phase, state.phase);
    EXPECT_EQ(back.since, state.since);
    EXPECT_EQ(back.inputs, state.inputs);
    EXPECT_EQ(back.tries, state.tries);
    EXPECT_EQ(back.last_try, state.last_try);
    EXPECT_EQ(back.code, state.code);
    EXPECT_EQ(back.retry, state.retry);
  }
  EXPECT_FALSE(state_of({{"yesterdaytabase:phase", "opened"}}));
  EXPECT_FALSE(state_from_json("{}").ok());
  EXPECT_FALSE(state_from_json("").ok());
}

TEST(StackTags, attempts_are_bounded_and_the_newest_comes_first) {
  std::vector<model::Attempt> attempts;
  for (int i = 1; i <= 150; ++i) {
    model::Attempt attempt;
    attempt.snapshot = model::SnapshotId("s");
    attempt.attempt = i;
    attempt.reason = "because";
    add_attempt(attempts, attempt);
  }
  add_attempt(attempts, attempts.at(7));
  EXPECT_EQ(attempts.size(), kAttemptsMax);
  EXPECT_EQ(attempts.front().attempt, 143);
  Result<std::vector<model::Attempt>> back = attempts_from_json(to_json(attempts));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->size(), attempts.size());
  EXPECT_EQ(back->front().reason, "because");
}

}  // namespace
}  // namespace ytb::rds
