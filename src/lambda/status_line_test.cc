// The line that alarms are made of.
#include "lambda/status_line.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace ytb::lambda {
namespace {

using model::Copy;
using model::Phase;
using std::chrono::hours;
using std::chrono::minutes;
using Tree = nlohmann::json;

class StatusLine : public ::testing::Test {
 protected:
  StatusLine() {
    production_.name = model::ProductionName("shop");
    production_.max_age = hours(26);
    production_.drain = minutes(5);
  }
  Copy copy(Phase phase, Duration age = hours(1), Duration in_phase = hours(1)) const {
    Copy made;
    made.production = production_.name;
    made.marked = true;
    made.phase = phase;
    made.data_as_of = now_ - age;
    made.phase_since = now_ - in_phase;
    return made;
  }
  Tree line(const std::vector<Copy>& copies) const {
    return parse_json<Tree>(status_line(production_, copies, now_));
  }
  int64_t overdue(const std::vector<Copy>& copies) const { return line(copies)["overdue_copies"]; }

  Instant now_ = *from_iso("2026-11-25T11:00:00Z");
  config::ProductionConfig production_;
};

TEST_F(StatusLine, is_one_line_with_these_keys) {
  EXPECT_EQ(
      status_line(production_, std::vector<Copy>{copy(Phase::kLive, std::chrono::seconds(41'200))}, now_),
      R"({"ytb":"status","production":"shop","stale":0,"overdue_copies":0,"data_age_s":41200,"copies":1})");
}

TEST_F(StatusLine, is_stale_beyond_max_age_and_where_nothing_is_live) {
  EXPECT_EQ(line({copy(Phase::kLive, hours(26))})["stale"], 0);
  EXPECT_EQ(line({copy(Phase::kLive, hours(26) + minutes(1))})["stale"], 1);
  EXPECT_EQ(line({copy(Phase::kMasked)})["stale"], 1);
  EXPECT_TRUE(line({copy(Phase::kMasked)})["data_age_s"].is_null());
  EXPECT_EQ(line({})["stale"], 1);
  production_.max_age.reset();
  EXPECT_EQ(line({copy(Phase::kLive, hours(9999))})["stale"], 0) << "no age is promised";
  EXPECT_EQ(line({})["stale"], 1);
}

TEST_F(StatusLine, counts_copies_that_should_be_gone) {
  const Copy live = copy(Phase::kLive);
  EXPECT_EQ(overdue({live, copy(Phase::kRestoring), copy(Phase::kProven)}), 0) << "on their way";
  EXPECT_EQ(overdue({live, copy(Phase::kDraining, hours(25), minutes(4))}), 0) << "still serves clients";
  EXPECT_EQ(overdue({live, copy(Phase::kDraining, hours(25), minutes(5))}), 1);
  EXPECT_EQ(overdue({live, copy(Phase::kFailed), copy(Phase::kDeleting)}), 2);
  EXPECT_EQ(overdue({live, copy(Phase::kSpare)}), 1);
  production_.spare_copies = 1;
  EXPECT_EQ(overdue({live, copy(Phase::kSpare)}), 0);
  EXPECT_EQ(overdue({live, copy(Phase::kDraining, hours(25), hours(2))}), 0) << "a spare to be";
  EXPECT_EQ(overdue({live, copy(Phase::kSpare), copy(Phase::kSpare), copy(Phase::kFailed)}), 2);
}

TEST_F(StatusLine, counts_only_what_is_ours) {
  Copy unmarked = copy(Phase::kFailed);
  unmarked.marked = false;
  Copy of_another = copy(Phase::kLive);
  of_another.production = model::ProductionName("crm");
  const Tree found = line({unmarked, of_another});
  EXPECT_EQ(found["copies"], 0);
  EXPECT_EQ(found["overdue_copies"], 0);
  EXPECT_EQ(found["stale"], 1);
}

TEST_F(StatusLine, what_is_not_known_is_stale_and_counted_as_nothing) {
  const Tree found = parse_json<Tree>(
      status_line(production_, Error{.code = Code::kConnection, .message = "no answer", .hint = {}}, now_));
  EXPECT_EQ(found["stale"], 1);
  EXPECT_FALSE(found.contains("overdue_copies")) << "a metric of nothing would clear its alarm";
  EXPECT_TRUE(found["copies"].is_null());
}

}  // namespace
}  // namespace ytb::lambda
