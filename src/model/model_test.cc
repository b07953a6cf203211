#include <gtest/gtest.h>

#include <array>
#include <set>

#include "model/action.h"
#include "model/copy.h"
#include "model/known.h"
#include "model/owned.h"

namespace ytb::model {
namespace {

constexpr std::array kPhases{Phase::kRestoring, Phase::kRestored, Phase::kDefused,  Phase::kMasked,
                             Phase::kProven,    Phase::kLive,     Phase::kDraining, Phase::kSpare,
                             Phase::kDeleting,  Phase::kFailed};

Instant at(std::string_view iso) { return from_iso(iso).value(); }

TEST(Phase, NamesGoThereAndBack) {
  std::set<std::string_view> names;
  for (Phase phase : kPhases) {
    EXPECT_EQ(phase_of(name_of(phase)), phase);
    names.insert(name_of(phase));
  }
  EXPECT_EQ(names.size(), kPhases.size());
  EXPECT_EQ(phase_of("Live"), std::nullopt);
  EXPECT_EQ(phase_of(""), std::nullopt);
}

// The whole relation, written out: one row a phase, in the order of kPhases; 1 where the move is allowed.
TEST(Phase, WhichMayFollowWhichIsExactlyThis) {
  constexpr std::array<std::string_view, 10> kAllowed{
      "1100000011",  // restoring
      "0110000011",  // restored
      "0011000011",  // defused
      "0001100011",  // masked
      "0000110011",  // proven
      "0000011000",  // live: only demoted
      "0000011111",  // draining: rollback, spare
      "0000010111",  // spare: rollback
      "0000000010",  // deleting: no way back
      "0000000011",  // failed: deleted, never repaired
  };
  for (size_t from = 0; from < kPhases.size(); ++from) {
    for (size_t to = 0; to < kPhases.size(); ++to) {
      EXPECT_EQ(may_follow(kPhases[from], kPhases[to]), kAllowed[from][to] == '1')
          << name_of(kPhases[from]) << " -> " << name_of(kPhases[to]);
    }
  }
}

TEST(CopyName, DerivesFromSnapshotAndAttemptOnly) {
  EXPECT_EQ(copy_id(ProductionName("shop"), at("2026-11-22T06:00:00.123456Z"), 2).str(),
            "shop-yesterday-20261122-060000-2");
}

TEST(CopyName, OnlyNamesThatWeGiveAreOurs) {
  ProductionName shop("shop");
  for (const char* good : {"shop-yesterday-20261122-060000-1", "shop-yesterday-20261122-060000-10",
                           "shop-yesterday-20240229-235959-999999999"}) {
    EXPECT_TRUE(is_copy_name(shop, good)) << good;
  }
  for (const char* bad : {"",
                          "shop",
                          "shop-yesterday",
                          "shop-yesterday-",
                          "shop-yesterday-20261122-060000",
                          "shop-yesterday-20261122-060000-",
                          "shop-yesterday-20261122-060000-0",
                          "shop-yesterday-20261122-060000-01",
                          "shop-yesterday-20261122-060000-1x",
                          "shop-yesterday-20261122-060000-1/..",
                          "shop-yesterday-20261122-060000--1",
                          "shop-yesterday-20261322-060000-1",
                          "shop-yesterday-20230229-060000-1",
                          "shop-yesterday-20261122-240000-1",
                          "shop-yesterday-20261122-060060-1",
                          "shop2-yesterday-20261122-060000-1",
                          "xshop-yesterday-20261122-060000-1",
                          "Shop-yesterday-20261122-060000-1",
                          "shop-yesterday-20261122_060000-1",
                          "shop-yesterday-20261122-060000-1000000000",
                          "shop-yesterday-20261122-060000-1 "}) {
    EXPECT_FALSE(is_copy_name(shop, bad)) << bad;
  }
  // One production's name being the beginning of another's does not make their copies ours.
  EXPECT_FALSE(is_copy_name(ProductionName("shop"), "shop-eu-yesterday-20261122-060000-1"));
  EXPECT_FALSE(is_copy_name(ProductionName(""), "-yesterday-20261122-060000-1"));
}

TEST(Action, NamesGoThereAndBackAndMakeTheId) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(ActionKind::kStart); ++i) {
    auto kind = static_cast<ActionKind>(i);
    EXPECT_EQ(action_kind_of(name_of(kind)), kind);
    names.insert(name_of(kind));
  }
  EXPECT_EQ(names.size(), 12U);
  EXPECT_EQ(action_kind_of("destroy"), std::nullopt);
  Action action;
  action.kind = ActionKind::kMask;
  action.copy = CopyId("shop-yesterday-20261122-060000-1");
  EXPECT_EQ(action.id(), "mask:shop-yesterday-20261122-060000-1");
}

Copy good_copy() {
  Copy copy;
  copy.production = ProductionName("shop");
  copy.data_as_of = at("2026-11-22T06:00:00Z");
  copy.attempt = 1;
  copy.id = copy_id(copy.production, copy.data_as_of, copy.attempt);
  copy.marked = true;
  return copy;
}

TEST(OwnedCopy, ClaimsWhatCarriesMarkNameAndOwner) {
  Result<OwnedCopy> owned = OwnedCopy::claim(good_copy(), ProductionName("shop"), {});
  ASSERT_TRUE(owned.ok());
  EXPECT_EQ(owned->id(), good_copy().id);
}

TEST(OwnedCopy, RefusesEverythingElse) {
  struct Case {
    const char* what;
    void (*spoil)(Copy&, Protected&);
    const char* says;
  };
  const Case cases[] = {
      {"no mark", [](Copy& c, Protected&) { c.marked = false; }, "does not carry our mark"},
      {"another's", [](Copy& c, Protected&) { c.production = ProductionName("other"); },
       "belongs to 'other'"},
      {"a source", [](Copy& c, Protected& p) { p.names.insert(c.id.str()); }, "list of sources"},
      {"a foreign name", [](Copy& c, Protected&) { c.id = CopyId("main"); }, "not one that we give"},
      {"a path", [](Copy& c, Protected&) { c.id = CopyId("../" + c.id.str()); }, "not one that we give"},
      {"renamed", [](Copy& c, Protected&) { c.attempt = 2; }, "do not agree"},
      {"another instant", [](Copy& c, Protected&) { c.data_as_of += std::chrono::hours(1); }, "do not agree"},
      {"no attempt", [](Copy& c, Protected&) { c.attempt = 0; }, "do not agree"},
  };
  for (const Case& test : cases) {
    Copy copy = good_copy();
    Protected sources;
    test.spoil(copy, sources);
    Result<OwnedCopy> owned = OwnedCopy::claim(copy, ProductionName("shop"), sources);
    ASSERT_FALSE(owned.ok()) << test.what;
    EXPECT_EQ(owned.error().code, Code::kRefused) << test.what;
    EXPECT_EQ(owned.error().retry, Retry::kNever) << test.what;
    EXPECT_NE(owned.error().message.find(test.says), std::string::npos) << owned.error().message;
  }
}

TEST(Known, UnknownIsNeitherThereNorAbsent) {
  Known<int> never;
  EXPECT_FALSE(never.known());
  EXPECT_EQ(never.why_not().message, "not observed");
  Known<int> found(Result<int>(3));
  EXPECT_TRUE(found.known());
  EXPECT_EQ(*found, 3);
  Known<int> failed(Result<int>(Error{.code = Code::kConnection, .message = "no answer", .hint = {}}));
  EXPECT_FALSE(failed.known());
  EXPECT_EQ(failed.why_not().code, Code::kConnection);
}

}  // namespace
}  // namespace ytb::model
