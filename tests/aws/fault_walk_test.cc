// Every call of a whole refresh, failed in every way, one at a time: the first refresh of a production, and the
// next day's with its drain and its deletion. A run that ends is gone on with by a new process, as the next
// invocation would. Over real HTTP.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "aws/storm/world.h"
#include "drivers/http/curl_client.h"

namespace ytb::storm {
namespace {

using fakes::aws::Fault;
using Kind = fakes::aws::Fault::Kind;

struct Way {
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

class Quiet final : public refresh::Listener {
 public:
  void on_event(const refresh::Event&) override {}
  void update(const ports::ProgressUpdate&) override {}
  void note(std::string_view) override {}
};

// What one life went through.
struct Life {
  std::vector<std::string> calls;  // operations, in order
  std::vector<Error> errors;       // that runs ended with
  bool arrived = false;
  std::vector<std::string> violations;
};

class Walk {
 public:
  // `at`: the call that fails (1 is the first), of both days together; 0: none.
  Walk(const Way* way, size_t at, int attempts, fakes::aws::Settings settings)
      : world_(7, std::move(settings)), way_(way), at_(at), attempts_(attempts) {}

  Life run() {
    world_.add_snapshot(kFirst, *from_iso("2026-11-22T06:00:00Z"));
    day(kFirst);
    if (!life_.violations.empty() || !life_.arrived) return life_;
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
        life_.calls.push_back(operation);
        if (way_ == nullptr || life_.calls.size() != at_) return {};
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
      refresh::Refresher refresher(process.ports(), world_.settings(), world_.mind.inputs(), quiet_,
                                   process.stop);
      Result<refresh::RunResult> result =
          refresher.run({.refresh_now = false, .wait_drain = true, .ticks_max = 200});
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
      if (times > 1) life_.violations.push_back(fmt::format("{} was restored {} times", from, times));
    }
    if (life_.violations.empty() && !life_.arrived) {
      for (const std::string& problem : world_.problems(snapshot, 0)) left_.push_back(problem);
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
  Quiet quiet_;
  const Way* way_;
  size_t at_;
  int attempts_;
  size_t hung_from_ = 0;
  Life life_;
  std::vector<std::string> left_;
};

std::string told(const Life& life) {
  std::string text;
  for (const std::string& violation : life.violations) text += "\n  " + violation;
  for (const Error& error : life.errors) text += "\n  ended with: " + to_string(error);
  return text;
}

TEST(FaultWalk, NothingFails) {
  const auto begun = std::chrono::steady_clock::now();
  Life life = Walk(nullptr, 0, 3, storm_settings()).run();
  fmt::print("{} calls, {} ms\n", life.calls.size(),
             std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun).count());
  EXPECT_TRUE(life.arrived) << told(life);
  EXPECT_TRUE(life.violations.empty()) << told(life);
  EXPECT_TRUE(life.errors.empty()) << told(life);
}

}  // namespace
}  // namespace ytb::storm
