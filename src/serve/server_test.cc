#include "serve/server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <set>

namespace ytb::serve {
namespace {

// Counts what the server's threads do; the real clock, as nothing here waits longer than one poll.
class ServerTest : public testing::Test {
 protected:
  static config::ProductionConfig production(std::string name, std::string listen = {}) {
    config::ProductionConfig made;
    made.name = model::ProductionName(std::move(name));
    made.alias.listen = std::move(listen);
    return made;
  }
  ServerParts parts() {
    return {.load_config = [this]() -> Result<config::Config> {
              std::scoped_lock lock(mutex_);
              if (config_error_) return *config_error_;
              return config_;
            },
            .open_workplace = [this](const config::Config&, const config::ProductionConfig& opened)
                -> Result<std::unique_ptr<Workplace>> {
              std::scoped_lock lock(mutex_);
              turns_.insert(opened.name.str());
              return std::unique_ptr<Workplace>(std::make_unique<Idle>());
            },
            .make_gatekeeper = [this](const config::Config&, const config::ProductionConfig& kept)
                -> std::unique_ptr<ports::Gatekeeper> {
              if (kept.alias.listen.empty()) return nullptr;
              return std::make_unique<FakeGatekeeper>(*this, kept.alias.listen);
            },
            .clock = clock_,
            .stop = stop_,
            .reload = reload_,
            .log =
                [this](const model::ProductionName& name, std::string_view line) {
                  std::scoped_lock lock(mutex_);
                  log_.push_back(name.str() + ": " + std::string(line));
                }};
  }
  // Runs the server and, beside it, `person`.
  Status run(const std::function<void()>& person) {
    std::thread thread([&] {
      person();
      stop_.request();
    });
    Server server(parts());
    Status status = server.run();
    thread.join();
    return status;
  }
  bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 500; ++i) {
      {
        std::scoped_lock lock(mutex_);
        if (condition()) return true;
      }
      clock_.sleep(std::chrono::milliseconds(10));
    }
    return false;
  }
  bool logged(const std::string& part) {
    for (const std::string& line : log_) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }
  void change(const std::function<void()>& how) {
    {
      std::scoped_lock lock(mutex_);
      how();
    }
    reload_ = true;
  }

  struct Idle final : Workplace {
    Status start_copies() override { return {}; }
    Result<decide::Decision> tick() override {
      decide::Decision decision;
      decision.reason = "nothing to do";
      return decision;
    }
    Result<std::optional<Instant>> live_data_as_of() override { return std::optional<Instant>(); }
    Status tell(const ports::Notice&) override { return {}; }
  };
  struct FakeGatekeeper final : ports::Gatekeeper {
    Status check() override { return {}; }
    FakeGatekeeper(ServerTest& owner, std::string where) : test(owner), listen(std::move(where)) {}
    Result<std::string> keep() override {
      if (test.meet_ > 0) {
        // Only where another is looked at meanwhile.
        std::unique_lock lock(test.mutex_);
        ++test.met_;
        test.meeting_.notify_all();
        test.meeting_.wait_for(lock, std::chrono::seconds(5), [this] { return test.met_ >= test.meet_; });
        if (test.met_ < test.meet_)
          return Error{.code = Code::kBusy, .message = "waited in vain", .hint = ""};
      }
      std::scoped_lock lock(test.mutex_);
      if (test.gate_error_) return *test.gate_error_;
      const bool same = !test.gates_.insert(listen).second;
      return same ? std::string() : "the gate at " + listen;
    }
    Result<std::optional<ports::GateReport>> report() override { return std::optional<ports::GateReport>(); }
    Status end() override {
      std::scoped_lock lock(test.mutex_);
      test.gates_.erase(listen);
      return {};
    }
    ServerTest& test;
    std::string listen;
  };

  std::mutex mutex_;
  SystemClock clock_;
  StopFlag stop_;
  std::atomic<bool> reload_ = false;
  config::Config config_;
  std::optional<Error> config_error_;
  std::optional<Error> gate_error_;
  int meet_ = 0;  // so many gates are to be looked at side by side
  int met_ = 0;
  std::condition_variable meeting_;
  std::multiset<std::string> turns_;
  std::set<std::string> gates_;
  std::vector<std::string> log_;
};

TEST_F(ServerTest, KeepsEveryProductionAndItsGateAndStops) {
  config_.productions = {production("shop", "127.0.0.1:6432"), production("crm")};
  Status status = run([&] {
    EXPECT_TRUE(eventually([&] { return turns_.contains("shop") && turns_.contains("crm"); }));
    EXPECT_TRUE(eventually([&] { return gates_.contains("127.0.0.1:6432"); }));
  });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(std::count(log_.begin(), log_.end(), "shop: the gate at 127.0.0.1:6432"), 1) << "said once";
  EXPECT_TRUE(logged("stopped"));
}

TEST_F(ServerTest, ReadsTheConfigAgain) {
  config_.productions = {production("shop", "127.0.0.1:6432")};
  Status status = run([&] {
    EXPECT_TRUE(eventually([&] { return turns_.count("shop") == 1; }));
    change([&] { config_.productions = {production("shop", "127.0.0.1:7000"), production("crm")}; });
    EXPECT_TRUE(eventually([&] { return turns_.contains("crm"); }));
    EXPECT_TRUE(eventually([&] { return gates_.contains("127.0.0.1:7000"); }));
    EXPECT_TRUE(eventually([&] { return turns_.count("shop") == 2; })) << "the change is looked at at once";
    change([&] { config_.productions = {production("crm")}; });
    EXPECT_TRUE(eventually([&] { return logged("shop: is no longer in the config"); }));
    EXPECT_TRUE(eventually([&] { return !gates_.contains("127.0.0.1:7000"); })) << "nobody's gate goes on";
    change([&] { config_.productions = {production("crm"), production("shop")}; });
    EXPECT_TRUE(eventually([&] { return turns_.count("shop") == 3; }))
        << "a production that came back is not kept";
  });
  EXPECT_TRUE(status.ok());
}

TEST_F(ServerTest, ABrokenNewConfigKeepsTheOldOne) {
  config_.productions = {production("shop", "127.0.0.1:6432")};
  Status status = run([&] {
    EXPECT_TRUE(eventually([&] { return turns_.contains("shop"); }));
    change([&] { config_error_ = Error{.code = Code::kConfig, .message = "line 3 is odd", .hint = ""}; });
    EXPECT_TRUE(eventually([&] { return logged("the old one stays in force: line 3 is odd"); }));
    EXPECT_TRUE(eventually([&] { return gates_.contains("127.0.0.1:6432"); }));
  });
  EXPECT_TRUE(status.ok());
}

TEST_F(ServerTest, ABrokenFirstConfigIsAnError) {
  config_error_ = Error{.code = Code::kConfig, .message = "line 3 is odd", .hint = ""};
  Status status = run([] {});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kConfig);
}

TEST_F(ServerTest, WhereTheConfigHasNoGateAnyMoreItsGateEnds) {
  config_.productions = {production("shop", "127.0.0.1:6432")};
  Status status = run([&] {
    EXPECT_TRUE(eventually([&] { return gates_.contains("127.0.0.1:6432"); }));
    change([&] { config_.productions = {production("shop")}; });
    EXPECT_TRUE(eventually([&] { return !gates_.contains("127.0.0.1:6432"); }));
  });
  EXPECT_TRUE(status.ok());
  EXPECT_TRUE(logged("shop: its gate was closed"));
}

TEST_F(ServerTest, GatesThatTakeLongKeepNobodyWaiting) {
  meet_ = 3;
  for (const char* name : {"shop", "crm", "erp"})
    config_.productions.push_back(
        production(name, fmt::format("127.0.0.1:{}", 6400 + config_.productions.size())));
  Status status = run([&] { EXPECT_TRUE(eventually([&] { return gates_.size() == 3; })); });
  EXPECT_TRUE(status.ok());
  EXPECT_FALSE(logged("waited in vain"));
}

TEST_F(ServerTest, AGateThatCannotListenDoesNotStopTheRest) {
  config_.productions = {production("shop", "127.0.0.1:6432")};
  gate_error_ = Error{.code = Code::kConnection, .message = "port taken", .hint = ""};
  Status status = run([&] {
    EXPECT_TRUE(eventually([&] { return turns_.contains("shop") && logged("port taken"); }));
    change([&] { gate_error_.reset(); });
    EXPECT_TRUE(eventually([&] { return gates_.contains("127.0.0.1:6432"); }));
  });
  EXPECT_TRUE(status.ok());
}

}  // namespace
}  // namespace ytb::serve
