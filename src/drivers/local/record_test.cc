#include "drivers/local/record.h"

#include <gtest/gtest.h>

namespace ytb::local {
namespace {

CopyRecord sample() {
  CopyRecord record;
  record.copy.id = model::CopyId("shop-yesterday-20261122-060000-2");
  record.copy.production = model::ProductionName("shop");
  record.copy.snapshot = model::SnapshotId("b\"1\n");
  record.copy.data_as_of = *from_iso("2026-11-22T06:00:00Z");
  record.copy.attempt = 2;
  record.copy.phase = model::Phase::kMasked;
  record.copy.phase_since = *from_iso("2026-11-22T07:00:00.25Z");
  record.copy.inputs = "abc";
  record.copy.tries = 3;
  record.copy.last_try = *from_iso("2026-11-22T08:00:00Z");
  record.copy.failure = "no space";
  record.copy.failure_code = Code::kSpace;
  record.copy.failure_retry = Retry::kLater;
  record.instance = "00ff";
  record.engine = "postgresql";
  record.engine_major = 15;
  record.admin_role = "ytb_x";
  record.port = 6501;
  record.run_as = "postgres";
  record.boot_id = "b";
  record.isolation = model::Isolation{.kind = model::Isolation::Kind::kWeak, .reason = "a container"};
  return record;
}

TEST(Record, RoundTrip) {
  CopyRecord before = sample();
  before.copy.opened = true;
  before.opening = true;
  auto after = record_from_json(to_json(before));
  ASSERT_TRUE(after.ok()) << to_string(after.error());
  EXPECT_EQ(to_json(*after), to_json(before));
  EXPECT_EQ(after->copy.snapshot, before.copy.snapshot);
  EXPECT_EQ(after->copy.phase_since, before.copy.phase_since);
  EXPECT_EQ(after->copy.failure_retry, Retry::kLater);
  EXPECT_EQ(after->copy.failure_code, Code::kSpace);
  EXPECT_TRUE(after->copy.opened && after->opening);
  EXPECT_FALSE(after->copy.marked) << "the mark is for whoever read the file to give";
}

TEST(Record, ANewerFormatIsRefused) {
  std::string text = to_json(sample());
  text.replace(text.find("\"format\": 2"), 11, "\"format\": 3");
  EXPECT_EQ(record_from_json(text).error().code, Code::kUnsupported);
}

TEST(Record, AnEarlierOneHasNoIsolationAndStaysSo) {
  CopyRecord before = sample();
  EXPECT_EQ(record_from_json(to_json(before))->isolation, before.isolation);
  before.isolation.reset();
  const std::string text = to_json(before);
  EXPECT_NE(text.find("\"format\": 1"), std::string::npos);
  auto after = record_from_json(text);
  ASSERT_TRUE(after.ok()) << to_string(after.error());
  EXPECT_FALSE(after->isolation);
  EXPECT_EQ(to_json(*after), text);
}

TEST(Record, EveryCutIsNoticed) {
  std::string text = to_json(sample());
  for (size_t size = 0; size + 2 < text.size(); ++size) {
    EXPECT_EQ(record_from_json(text.substr(0, size)).error().code, Code::kCorrupt) << size;
  }
}

TEST(Record, EveryMissingOrWrongPartIsNoticed) {
  std::string text = to_json(sample());
  size_t lines = 0;
  for (size_t at = text.find("\n  \""); at != std::string::npos; at = text.find("\n  \"", at + 1)) {
    std::string renamed = text;
    renamed.insert(at + 4, "x");
    EXPECT_FALSE(record_from_json(renamed).ok()) << renamed.substr(at, 30);
    ++lines;
  }
  EXPECT_EQ(lines, 26U);
  for (const auto& [from, to] : {std::pair{"\"masked\"", "\"maskd\""},
                                 {"6501", "650100"},
                                 {"\"later\"", "\"sometime\""},
                                 {"yesterdaytabase local copy", "something else"},
                                 {"\"00ff\"", "\"\""},
                                 {"\"weak\"", "\"wek\""},
                                 {"2026-11-22T06", "2026-13-22T06"}}) {
    std::string changed = text;
    changed.replace(changed.find(from), std::string_view(from).size(), to);
    EXPECT_EQ(record_from_json(changed).error().code, Code::kCorrupt) << to;
  }
}

TEST(Attempts, AreBoundedByProductionAndNewestFirst) {
  std::vector<ProductionAttempt> all;
  add_attempt(all, {model::ProductionName("other"),
                    {.snapshot = model::SnapshotId("s"),
                     .data_as_of = {},
                     .attempt = 1,
                     .at = {},
                     .inputs = {},
                     .reason = {}}});
  for (int i = 1; i <= 150; ++i) {
    add_attempt(all, {model::ProductionName("shop"),
                      {.snapshot = model::SnapshotId("s"),
                       .data_as_of = {},
                       .attempt = i,
                       .at = {},
                       .inputs = {},
                       .reason = {}}});
  }
  add_attempt(all, {model::ProductionName("shop"),
                    {.snapshot = model::SnapshotId("s"),
                     .data_as_of = {},
                     .attempt = 149,
                     .at = {},
                     .inputs = {},
                     .reason = "again"}});
  auto read = attempts_from_json(to_json(all));
  ASSERT_TRUE(read.ok()) << to_string(read.error());
  ASSERT_EQ(read->size(), kAttemptsMax + 1);
  EXPECT_EQ(read->front().attempt.reason, "again");
  EXPECT_EQ(read->at(1).attempt.attempt, 150);
  EXPECT_EQ(read->back().production.str(), "other");
}

}  // namespace
}  // namespace ytb::local
