#include "cli/progress.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/json.h"
#include "base/text.h"
#include "support/golden.h"

namespace ytb::cli {
namespace {

class ProgressViewTest : public testing::Test {
 protected:
  std::ostringstream out_;
  std::ostringstream err_;
  ManualClock clock_{from_iso("2026-11-22T06:00:00Z").value()};
  model::Action mask_;
  decide::Decision waiting_;

  void SetUp() override {
    mask_.kind = model::ActionKind::kMask;
    mask_.copy = model::CopyId("shop-yesterday-20261122-060000-1");
    mask_.reason = "it is defused";
    waiting_.reason = "the next refresh is due at 06:00";
    waiting_.until = from_iso("2026-11-23T06:00:00Z");
  }

  Output output(bool terminal, Format format = Format::kText) {
    return {.out = out_,
            .err = err_,
            .out_is_terminal = terminal,
            .err_is_terminal = terminal,
            .color = false,
            .columns = 100,
            .format = format,
            .verbose = false};
  }
  refresh::Event event(refresh::Event::Kind kind) {
    refresh::Event made;
    made.kind = kind;
    made.at = clock_.now();
    if (kind == refresh::Event::Kind::kWaiting) {
      made.decision = &waiting_;
    } else {
      made.action = &mask_;
    }
    return made;
  }
  void step(ProgressView& view, uint64_t done_bytes, Duration after) {
    clock_.advance(after);
    view.update({.stage = "mask",
                 .item = "shop public.users",
                 .done_bytes = done_bytes,
                 .total_bytes = 2'000'000'000,
                 .done_rows = done_bytes / 1000,
                 .total_rows = 2'000'000});
  }
  void whole_run(ProgressView& view) {
    view.on_event(event(refresh::Event::Kind::kActionStarted));
    for (int i = 1; i <= 30; ++i)
      step(view, 20'000'000ULL * static_cast<uint64_t>(i), std::chrono::seconds(1));
    view.note("one line that stays");
    refresh::Event done = event(refresh::Event::Kind::kActionDone);
    done.elapsed = std::chrono::seconds(100);
    view.on_event(done);
    Error error{.code = Code::kProof, .message = "a check failed", .hint = "look at it"};
    refresh::Event failed = event(refresh::Event::Kind::kActionFailed);
    failed.error = &error;
    failed.elapsed = std::chrono::milliseconds(1500);
    view.on_event(failed);
    view.on_event(event(refresh::Event::Kind::kWaiting));
    view.on_event(event(refresh::Event::Kind::kWaiting));
    view.finish();
  }
};

TEST_F(ProgressViewTest, DescribesHowFar) {
  ports::ProgressUpdate update{
      .stage = "mask", .item = "", .done_bytes = 500'000'000, .total_bytes = 2'000'000'000};
  EXPECT_EQ(describe_progress(update, std::chrono::seconds(5), 8),
            "[██░░░░░░]  25%  500 MB of 2.0 GB  100 MB/s  15.0 s left");
  EXPECT_EQ(describe_progress(update, std::chrono::milliseconds(100), 4), "[█░░░]  25%  500 MB of 2.0 GB");
  update.done_bytes = 3'000'000'000;
  EXPECT_EQ(describe_progress(update, std::chrono::seconds(30), 4),
            "[████] 100%  3.0 GB of 2.0 GB  100 MB/s");
  EXPECT_EQ(describe_progress({.stage = "reindex", .item = "", .done_rows = 3, .total_rows = 12},
                              std::chrono::seconds(1), 4),
            "[█░░░]  25%  3 rows  3.0 s left");
  EXPECT_EQ(describe_progress({.stage = "recover", .item = ""}, std::chrono::seconds(9), 4), "");
}

TEST_F(ProgressViewTest, PlainLines) {
  ProgressView view(output(false), clock_);
  whole_run(view);
  EXPECT_EQ(out_.str(), "");
  tests::expect_golden("cli/progress_lines.txt", err_.str());
}

// A restore's later half: each stage is over before a line of its own would be due.
TEST_F(ProgressViewTest, ManyShortStagesAreToldOfAsWell) {
  auto stages = [&](bool terminal, Format format) {
    out_.str("");
    err_.str("");
    ProgressView view(output(terminal, format), clock_);
    view.on_event(event(refresh::Event::Kind::kActionStarted));
    for (const char* stage : {"redo", "catalogs", "views", "roles", "redo", "catalogs"}) {
      view.update({.stage = stage, .item = "shop"});
      clock_.advance(std::chrono::seconds(4));
    }
    return out_.str() + err_.str();
  };
  EXPECT_NE(stages(false, Format::kText).find("  roles    shop"), std::string::npos);
  for (const char* stage : {"redo", "catalogs", "views", "roles"}) {
    EXPECT_NE(stages(true, Format::kText).find(stage), std::string::npos) << stage;
    EXPECT_NE(stages(false, Format::kJson).find(stage), std::string::npos) << stage;
  }
}

TEST_F(ProgressViewTest, JsonLines) {
  ProgressView view(output(false, Format::kJson), clock_);
  whole_run(view);
  EXPECT_EQ(err_.str(), "");
  int progress = 0;
  std::vector<std::string> events;
  for (const std::string& line : split(out_.str(), '\n')) {
    if (line.empty()) continue;
    auto json = parse_json(line);
    if (json["event"] == "progress") {
      ++progress;
    } else {
      events.push_back(json["event"]);
    }
  }
  EXPECT_EQ(progress, 30);
  EXPECT_EQ(events, (std::vector<std::string>{"action_started", "note", "action_done", "action_failed",
                                              "waiting", "waiting"}));
}

TEST_F(ProgressViewTest, LiveLineIsRedrawnAtMostTenTimesASecond) {
  ProgressView view(output(true), clock_);
  view.on_event(event(refresh::Event::Kind::kActionStarted));
  for (int i = 0; i < 1000; ++i) step(view, static_cast<uint64_t>(i), std::chrono::milliseconds(1));
  size_t draws = 0;
  std::string text = err_.str();
  for (size_t at = text.find("\r"); at != std::string::npos; at = text.find("\r", at + 1)) ++draws;
  EXPECT_GE(draws, 9U);
  EXPECT_LE(draws, 11U);
}

TEST_F(ProgressViewTest, LiveLineNeverWrapsAndIsErased) {
  Output narrow = output(true);
  narrow.columns = 40;
  ProgressView view(narrow, clock_);
  step(view, 1'000'000, std::chrono::seconds(1));
  std::string drawn = err_.str();
  ASSERT_TRUE(drawn.starts_with("\r\x1b[K")) << drawn;
  EXPECT_LE(display_width(drawn.substr(4)), 39U);
  view.finish();
  EXPECT_TRUE(err_.str().ends_with("\r\x1b[K"));
  size_t size = err_.str().size();
  view.finish();
  EXPECT_EQ(err_.str().size(), size) << "erased twice";
}

TEST_F(ProgressViewTest, HostileNamesCannotMoveTheCursor) {
  ProgressView view(output(true), clock_);
  view.update({.stage = "mask", .item = "shop public.\x1b[2Jx\n", .done_bytes = 1, .total_bytes = 2});
  view.note("a\x1b[2Jb");
  EXPECT_EQ(err_.str().find("\x1b[2J"), std::string::npos);
}

TEST_F(ProgressViewTest, HooksAreToldFirst) {
  std::vector<std::string> seen;
  AppHooks hooks{
      .on_event = [&](const refresh::Event& told) { seen.push_back(told.action->id()); },
      .on_progress = [&](const ports::ProgressUpdate& update) { seen.emplace_back(update.stage); }};
  ProgressView view(output(false), clock_, hooks);
  view.on_event(event(refresh::Event::Kind::kActionStarted));
  step(view, 1, std::chrono::seconds(1));
  EXPECT_EQ(seen, (std::vector<std::string>{"mask:shop-yesterday-20261122-060000-1", "mask"}));
}

TEST(Output, TablesAreAligned) {
  EXPECT_EQ(table({{"a", "bb", "c"}, {"äää", "b", "cc"}}), "  a    bb  c\n  äää  b   cc\n");
  EXPECT_EQ(facts({{"live", "x"}, {"empty", ""}, {"how", "y"}}), "  live  x\n  how   y\n");
  EXPECT_EQ(facts({{"why", "x\ny"}, {"how", "z"}}), "  why  x\n       y\n  how  z\n");
  EXPECT_EQ(wrap("one two three\n  as it is", 7), "one two\nthree\n  as it is\n");
}

TEST(Output, ErrorsForPeopleAndPrograms) {
  std::ostringstream out;
  std::ostringstream err;
  Error error{.code = Code::kBusy, .message = "held", .hint = "wait", .retry = Retry::kLater};
  print_error({.out = out, .err = err}, error);
  EXPECT_EQ(err.str(), "error: held\nhint: wait\n");
  EXPECT_EQ(out.str(), "");
  print_error({.out = out, .err = err, .format = Format::kJson}, error);
  EXPECT_EQ(out.str(),
            "{\"error\":{\"code\":\"busy\",\"message\":\"held\",\"hint\":\"wait\",\"retry\":\"later\",\"exit_"
            "status\":9}}\n");
}

}  // namespace
}  // namespace ytb::cli
