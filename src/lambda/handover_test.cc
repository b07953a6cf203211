#include "lambda/handover.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ytb::lambda {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr uint64_t kGb = 1'000'000'000;

// 20 MB/s with a slack of 1.5: 1 GB takes 75 s.
struct Row {
  const char* what;
  std::vector<uint64_t> sizes;
  Duration left;
  Place without_worker;
  Place with_worker;
};

Work work_of(const Row& row) {
  Work work;
  int number = 0;
  for (uint64_t bytes : row.sizes) work.tables.push_back({"shop public.t" + std::to_string(++number), bytes});
  work.time_left = row.left;
  work.time_full = minutes(14);
  work.spool_free_bytes = 100 * kGb;
  return work;
}

TEST(Handover, WhereTheWorkIsDone) {
  for (const Row& row : std::vector<Row>{
           {"nothing to do", {}, seconds(1), Place::kHere, Place::kHere},
           {"fits", {kGb, kGb}, minutes(10), Place::kHere, Place::kHere},
           {"one table, exactly in time", {8 * kGb}, minutes(10), Place::kHere, Place::kHere},
           {"one table, a second short", {8 * kGb}, minutes(10) - seconds(1), Place::kNext, Place::kNext},
           {"too late for the largest", {kGb, 4 * kGb}, minutes(4), Place::kNext, Place::kNext},
           {"several invocations, table by table",
            {8 * kGb, 8 * kGb, 8 * kGb},
            minutes(12),
            Place::kHere,
            Place::kWorker},
           {"a table that only fits in an invocation that does nothing else",
            {10 * kGb + kGb / 2},
            minutes(14),
            Place::kRefused,
            Place::kWorker},
           {"a table that fits in no invocation",
            {kGb, 12 * kGb},
            minutes(14),
            Place::kRefused,
            Place::kWorker},
           {"absurdly large", {~uint64_t{0}, ~uint64_t{0}}, minutes(14), Place::kRefused, Place::kWorker},
           {"the deadline is over", {kGb}, -seconds(5), Place::kNext, Place::kNext}}) {
    Work work = work_of(row);
    EXPECT_EQ(place_work(work).place, row.without_worker) << row.what;
    work.worker_configured = true;
    EXPECT_EQ(place_work(work).place, row.with_worker) << row.what;
  }
}

TEST(Handover, TheNumbersAreSaid) {
  Work work = work_of({"", {kGb, 412 * kGb}, minutes(14), Place::kHere, Place::kHere});
  work.rate_bytes_s = 30e6;
  Handover refused = place_work(work);
  EXPECT_EQ(refused.place, Place::kRefused);
  EXPECT_EQ(refused.reason,
            "it does not fit here: shop public.t2 alone (412 GB) takes about 5 h 43 min at 30 MB/s as "
            "measured, and an invocation has 12 min 36 s");
  EXPECT_THAT(refused.hint, HasSubstr("Fargate"));
  EXPECT_EQ(refused.bytes, 413 * kGb);
  EXPECT_EQ(std::chrono::duration_cast<minutes>(refused.needed), minutes(344));
}

TEST(Handover, TheSpoolMustHoldWhatIsInItAtOnce) {
  Work work = work_of({"", {3 * kGb, 2 * kGb, kGb}, minutes(14), Place::kHere, Place::kHere});
  work.spool_free_bytes = 5 * kGb;
  work.spooled_at_once = 2;
  EXPECT_EQ(place_work(work).place, Place::kHere);
  work.spooled_at_once = 3;
  EXPECT_EQ(place_work(work).place, Place::kRefused);
  EXPECT_THAT(place_work(work).reason, HasSubstr("/tmp has 5.0 GB free"));
  work.spools = false;
  EXPECT_EQ(place_work(work).place, Place::kHere);
}

TEST(Handover, WhatIsAllOrNothingMustFitAsAWhole) {
  Work work = work_of({"", {6 * kGb, 6 * kGb}, minutes(14), Place::kHere, Place::kHere});
  EXPECT_EQ(place_work(work).place, Place::kHere);
  work.between_tables = false;
  EXPECT_EQ(place_work(work).place, Place::kRefused);
  work.worker_configured = true;
  EXPECT_EQ(place_work(work).place, Place::kWorker);
}

TEST(Handover, WhatIsRememberedTakesRoomAndWhatIsSearchedTakesTime) {
  Work work = work_of({"", {3 * kGb, 2 * kGb}, minutes(14), Place::kHere, Place::kHere});
  work.spool_free_bytes = 4 * kGb;
  work.kept_bytes = kGb;
  EXPECT_EQ(place_work(work).place, Place::kHere);
  work.kept_bytes = 2 * kGb;
  EXPECT_EQ(place_work(work).place, Place::kRefused);
  EXPECT_THAT(place_work(work).reason, HasSubstr("and the digests of originals may take 5.0 GB"));
  work.kept_bytes = 0;
  work.between_tables = false;
  EXPECT_EQ(place_work(work).place, Place::kHere);
  work.read_bytes = 6 * kGb;
  EXPECT_EQ(place_work(work).place, Place::kRefused);
  EXPECT_EQ(place_work(work).bytes, 11 * kGb);
  work.tables.clear();
  work.read_bytes = 20 * kGb;
  EXPECT_EQ(place_work(work).place, Place::kRefused) << "nothing is masked, and too much is searched";
  work.read_bytes = kGb;
  EXPECT_EQ(place_work(work).place, Place::kHere);
  work.worker_first = true;
  EXPECT_EQ(place_work(work).place, Place::kHere);
  work.worker_configured = true;
  EXPECT_EQ(place_work(work).place, Place::kWorker);
}

}  // namespace
}  // namespace ytb::lambda
