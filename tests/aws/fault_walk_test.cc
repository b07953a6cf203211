// Every call of a whole refresh, failed in every way, one at a time: the first refresh of a production, and
// the next day's with its drain and its deletion. A run that ends is gone on with by a new process, as the
// next invocation would. Over real HTTP.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "aws/storm/world.h"
#include "drivers/http/curl_client.h"

namespace ytb::storm {
namespace {

using Kind = fakes::aws::Fault::Kind;

// So that a failing test names it instead of its bytes.
struct Way {
  friend void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }
  const char* name;
  Kind kind;
};
constexpr Way kWays[] = {{"throttled", Kind::kThrottle},
                         {"500", Kind::kInternalError},
                         {"dropped before", Kind::kDropBefore},
                         {"dropped after success", Kind::kDropAfter},
                         {"hung", Kind::kHang},
                         {"truncated body", Kind::kTruncatedBody},
                         {"malformed body", Kind::kMalformed},
                         {"wrong root", Kind::kWrongRoot},
                         {"expired credentials", Kind::kExpiredToken},
                         {"clock skew", Kind::kTimeSkewed},
                         {"access denied", Kind::kAccessDenied}};
constexpr int kRunsMax = 12;  // new processes until the goal is reached
constexpr auto kClientPatience = std::chrono::milliseconds(40);
constexpr auto kHang = std::chrono::milliseconds(80);
constexpr const char* kFirst = "rds:shop-2026-11-22-06-00";
constexpr const char* kSecond = "rds:shop-2026-11-23-06-00";

// "all", or one moment to look at closely, as "GetObject 6"; else what a day's test has time for.
std::string walk_wanted() {
  const char* wanted = std::getenv("YTB_WALK");
  return wanted == nullptr ? "" : wanted;
}
bool is_one_moment() { return walk_wanted().find(' ') != std::string::npos; }

// Says nothing, but of one moment everything.
class Teller final : public refresh::Listener {
 public:
  void on_event(const refresh::Event& event) override {
    if (!tells_) return;
    if (event.kind == refresh::Event::Kind::kDecided)
      fmt::print("{} {}\n", to_iso(event.at), to_string(*event.decision));
    if (event.error != nullptr) fmt::print("  failed: {}\n", to_string(*event.error));
  }
  void update(const ports::ProgressUpdate&) override {}
  void note(std::string_view text) override {
    if (tells_) fmt::print("  {}\n", text);
  }

 private:
  bool tells_ = is_one_moment();
};

// What one life went through.
struct Life {
  std::vector<std::string> calls;  // operations, in order
  std::vector<Error> errors;       // that runs ended with
  bool hit = false;                // what should fail has failed
  bool arrived = false;
  bool helped = false;  // a person had to ask again
  std::vector<std::string> violations;
  std::vector<std::string> left;  // what is not as it should be in the end
};

class Walk {
 public:
  // The `at`-th call of the operation fails (1 is the first), of both days together; 0: none.
  Walk(const Way* way, std::string operation, int at, int attempts, fakes::aws::Settings settings)
      : world_(7, std::move(settings)),
        way_(way),
        operation_(std::move(operation)),
        at_(at),
        attempts_(attempts) {}

  Life run() {
    world_.add_snapshot(kFirst, *from_iso("2026-11-22T06:00:00Z"));
    day(kFirst);
    if (!life_.violations.empty() || !life_.arrived || life_.hit) return life_;
    life_.arrived = false;
    world_.cloud.advance(std::chrono::hours(24));
    world_.add_snapshot(kSecond, *from_iso("2026-11-23T06:00:00Z"));
    day(kSecond);
    return life_;
  }

 private:
  void day(const std::string& snapshot) {
    for (int run = 0; run < kRunsMax && life_.violations.empty(); ++run) {
      Process process(world_, curl_, {.attempts_max = attempts_});
      process.wire.before = [this](http::Request& request, const std::string& operation) -> Status {
        // A call that was given up is done late, but not after a later one: tags cannot be written
        // conditionally, and SAFETY.md says so.
        wait_for_the_hung_one();
        life_.calls.push_back(operation);
        if (way_ == nullptr || operation != operation_ || ++seen_ != at_) return {};
        life_.hit = true;
        // Where a refusal makes our client try once more at once, that is refused, too.
        const bool twice = way_->kind == Kind::kExpiredToken || way_->kind == Kind::kTimeSkewed;
        world_.cloud.fail("*", 1, {.kind = way_->kind, .hang = kHang});
        if (twice) world_.cloud.fail("*", 2, {.kind = way_->kind});
        if (way_->kind == Kind::kHang) {
          request.total_timeout = kClientPatience;
          hung_from_ = world_.cloud.calls().size() + 1;
        }
        return {};
      };
      refresh::Refresher refresher(process.ports(), world_.settings(), world_.mind.inputs(), teller_,
                                   process.stop);
      // Half of the runs by themselves; then a person does as they were told.
      const bool asked = run >= kRunsMax / 2 && !life_.errors.empty();
      life_.helped |= asked;
      Result<refresh::RunResult> result =
          refresher.run({.refresh_now = asked, .wait_drain = true, .ticks_max = 200});
      wait_for_the_hung_one();
      world_.check(2);
      life_.violations = world_.mind.violations;
      if (!result.ok()) life_.errors.push_back(result.error());
      if (result.ok() && world_.problems(snapshot, 0).empty()) {
        life_.arrived = true;
        break;
      }
      world_.cloud.advance(std::chrono::minutes(30));
    }
    for (const auto& [from, times] : world_.restores()) {
      // What could not be gone on with is made anew, when a person says so.
      if (times > (life_.helped ? 2 : 1))
        life_.violations.push_back(fmt::format("{} was restored {} times", from, times));
    }
    if (life_.violations.empty() && !life_.arrived) {
      for (const std::string& problem : world_.problems(snapshot, 0)) life_.left.push_back(problem);
    }
  }
  // What our client gave up is done by AWS all the same.
  void wait_for_the_hung_one() {
    for (int i = 0; i < 100 && hung_from_ > world_.cloud.calls().size(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    hung_from_ = 0;
  }

  StormWorld world_;
  http::CurlClient curl_;
  Teller teller_;
  const Way* way_;
  std::string operation_;
  int at_;
  int seen_ = 0;
  int attempts_;
  size_t hung_from_ = 0;
  Life life_;
};

std::string told(const Life& life) {
  std::string text;
  for (const std::string& violation : life.violations) text += "\n  " + violation;
  for (const Error& error : life.errors) text += "\n  ended with: " + to_string(error);
  for (const std::string& problem : life.left) text += "\n  " + problem;
  return text;
}

class FaultWalk : public testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    ASSERT_EQ(fakes::aws::FakeAws::available(), "") << "tools/setup installs botocore's models";
  }
  // The operations of a life in which nothing fails, in order. Looked at once.
  static const std::vector<std::string>& script() {
    static const std::vector<std::string> kScript = Walk(nullptr, "", 0, 3, storm_settings()).run().calls;
    return kScript;
  }
};

std::string name_of_param(const testing::TestParamInfo<Way>& test) {
  std::string name = test.param.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

using FaultFree = FaultWalk;

TEST_P(FaultFree, ArrivesWithoutAnError) {
  fakes::aws::Settings settings = storm_settings();
  for (int stale : {0, 1, 2, 3}) {
    settings.stale_reads = stale;
    Life life = Walk(nullptr, "", 0, 3, settings).run();
    EXPECT_TRUE(life.arrived) << stale << told(life);
    EXPECT_TRUE(life.violations.empty()) << stale << told(life);
    for (const Error& error : life.errors) {
      // A snapshot that is not shown yet is no mistake of anybody's.
      EXPECT_TRUE(stale > 0 && error.code == Code::kNoSnapshot) << stale << told(life);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Calm, FaultFree, testing::Values(kWays[0]), [](const auto&) { return "calm"; });

struct Moment {
  std::string operation;
  int at = 0;    // which call of it; 1 is the first
  int turn = 0;  // among all moments, whichever are chosen: what varies with it is the same in a replay
};

// Which calls of each operation: one of them, another for each way to fail; see walk_wanted().
std::vector<Moment> moments(const std::vector<std::string>& script, int way) {
  std::map<std::string, int> times;
  for (const std::string& operation : script) ++times[operation];
  std::vector<Moment> chosen;
  int turn = 0;
  const std::string wanted = walk_wanted();
  for (const auto& [operation, count] : times) {
    for (int at = 1; at <= count; ++at) {
      ++turn;
      const bool is_wanted = wanted == "all" || wanted == fmt::format("{} {}", operation, at);
      if (is_wanted || (wanted.empty() && at == 1 + way * 7 % count)) chosen.push_back({operation, at, turn});
    }
  }
  return chosen;
}

TEST_P(FaultWalk, EndsLiveOrSaysWhatToDo) {
  const Way& way = GetParam();
  std::set<std::string> hit;
  for (const auto& [operation, at, turn] : moments(script(), static_cast<int>(way.kind))) {
    SCOPED_TRACE(fmt::format("{} at {} {}", way.name, operation, at));
    fakes::aws::Settings settings = storm_settings();
    settings.stale_reads = turn % 4 == 0 ? 1 : 0;
    // Our client mostly tries once only, so that a fault reaches who must cope with it.
    const Life life = Walk(&way, operation, at, turn % 5 == 0 ? 3 : 1, settings).run();
    ASSERT_TRUE(life.violations.empty()) << told(life);
    ASSERT_TRUE(life.arrived) << told(life);
    if (life.hit) hit.insert(operation);
    if (!life.helped) continue;
    // Where a person is needed, they are told what for.
    ASSERT_FALSE(life.errors.empty());
    EXPECT_NE(life.errors.front().hint, "") << told(life);
    EXPECT_EQ(way.kind, Kind::kAccessDenied) << "a person was needed" << told(life);
  }
  if (is_one_moment()) {
    EXPECT_EQ(hit.size(), 1U) << "there is no " << walk_wanted();
    return;
  }
  const std::set<std::string> used(script().begin(), script().end());
  EXPECT_EQ(hit, used);
  EXPECT_GT(used.size(), 14U);
}
INSTANTIATE_TEST_SUITE_P(Ways, FaultWalk, testing::ValuesIn(kWays), name_of_param);

}  // namespace
}  // namespace ytb::storm
