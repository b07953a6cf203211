// StormWorld: a fake AWS with a production in it, processes of ours that live and die, and the truth about
// the copies: what is masked, who has been let in, where DNS leads. It writes down each breach of a promise.
//
// Our processes use the real AWS drivers. What no AWS knows (the inside of a database) is in memory: an
// engine and a door that are known by the instance's resource id, so that another instance of the name is
// another one. One thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "drivers/aws/caller.h"
#include "drivers/aws/cloudformation.h"
#include "drivers/aws/rds.h"
#include "drivers/aws/route53.h"
#include "drivers/aws/s3.h"
#include "drivers/rds/snapshot_source.h"
#include "drivers/rds/stack_host.h"
#include "drivers/route53/route53_alias.h"
#include "fakes/aws/fake_aws.h"
#include "fakes/ports.h"
#include "fakes/world.h"
#include "ports/patience.h"
#include "refresh/refresher.h"
#include "support/temporary.h"

namespace ytb::storm {

// "CreateStack", "ChangeResourceRecordSets", "PutObject": what a request asks for.
std::string operation_of(const http::Request& request);

// A Transport without a wire: requests go into the fake as they are, signatures and all.
class Direct final : public http::Transport {
 public:
  explicit Direct(fakes::aws::FakeAws& fake) : fake_(fake) {}
  Result<http::Response> send(const http::Request& request) override;

 private:
  fakes::aws::FakeAws& fake_;
};

// The Transport of a process of ours: where tests break in.
class Wire final : public http::Transport {
 public:
  explicit Wire(http::Transport& inner) : inner_(inner) {}
  Result<http::Response> send(const http::Request& request) override;

  // Before and after each call; may throw fakes::Crash: the process dies there. An Error from `before` is
  // what our client sees instead of an answer.
  std::function<Status(http::Request&, const std::string& operation)> before;
  std::function<Status(http::Response&, const std::string& operation)> after;

 private:
  http::Transport& inner_;
};

class StormWorld;

// The clock of our machine, which may differ from AWS's.
class OurClock final : public Clock {
 public:
  explicit OurClock(StormWorld& world) : world_(world) {}
  [[nodiscard]] Instant now() const override;
  void sleep(Duration duration) override;

 private:
  StormWorld& world_;
};

class StormDoor final : public ports::Door {
 public:
  explicit StormDoor(StormWorld& world) : world_(world) {}
  Result<ports::Claim> claim(const ports::SessionTarget& target) override;
  Result<std::vector<std::string>> free_master(const ports::SessionTarget& target) override;
  Status open(const ports::SessionTarget& target, const std::vector<ports::AccessGrant>& grants,
              std::string_view data_as_of) override;
  Result<bool> is_open(const ports::SessionTarget& target) override;

 private:
  StormWorld& world_;
};

class StormEngine final : public fakes::FakeEngine {
 public:
  explicit StormEngine(StormWorld& world);
  Result<masking::Catalog> catalog(const ports::SessionTarget& target) override;
  Result<model::Evidence> defuse(const ports::SessionTarget& target,
                                 const std::vector<model::AccessRole>& access) override;
  Result<model::Evidence> mask(const ports::SessionTarget& target, const ports::MaskRequest& request,
                               ports::Progress& progress, const StopFlag& stop) override;
  Result<std::vector<model::Check>> verify(const ports::SessionTarget& target,
                                           const ports::VerifyRequest& request, ports::Progress& progress,
                                           const StopFlag& stop) override;

 private:
  StormWorld& storm_;
};

// One process of ours, with drivers of its own: what it knew dies with it.
struct Process {
  Process(StormWorld& world, http::Transport& transport, aws::CallerOptions options = {});

  StopFlag stop;
  Wire wire;
  aws::FixedCredentials credentials;
  OurClock clock;
  aws::Caller caller;
  aws::Rds rds;
  aws::CloudFormation stacks;
  aws::S3 s3;
  aws::Route53 route53;
  StormDoor door;
  StormEngine engine;
  std::unique_ptr<ports::SnapshotSource> source;
  std::unique_ptr<ports::CopyHost> host;
  std::unique_ptr<ports::AliasStore> alias;
  fakes::FakeJournal journal;
  fakes::FakeNotifier notifier;

  refresh::Ports ports() { return {*source, *host, engine, *alias, notifier, journal, clock}; }
};

class StormWorld {
 public:
  StormWorld(uint64_t seed, fakes::aws::Settings settings);

  static constexpr const char* kName = "shop-yesterday.mysite.com";
  static constexpr int kTtlSeconds = 60;

  fakes::World mind;  // the dice, the policy and the keys; its copies are databases, by resource id
  fakes::aws::FakeAws cloud;
  ports::Patience patience = ports::Patience::kWait;  // of our processes: a person's, or a function's
  Duration our_skew{};                                // how far our clock is ahead of AWS's
  std::map<std::string, Instant> snapshots;           // all there ever were
  tests::TemporaryFolder spool;

  // --- what comes about ---
  void add_snapshot(const std::string& id, Instant as_of, const std::string& status = "available");
  // Somebody else's stack of that name, with a parameter group in it.
  void add_foreign_stack(const std::string& name);
  // A tag of a copy's instance, written by somebody who may.
  void write_tag(const std::string& instance, const std::string& key, const std::string& value);

  // --- the truth ---
  [[nodiscard]] std::vector<std::string>
  our_copies();  // names of stacks and instances of ours, also half gone
  [[nodiscard]] nlohmann::json instance(const std::string& id);
  fakes::FakeCopy& database(const std::string& resource_id);
  // The instance that a session reaches, where its password is in force.
  Result<std::string> log_in(const ports::SessionTarget& target);
  // In the middle of anything: the name leads somewhere, once it has.
  void watch_the_name();
  // Each promise, now.
  void check(int copies_max);
  // What keeps the world from being as it should be: `newest` live, `spares` beside it, nothing else.
  std::vector<std::string> problems(const std::string& newest, int spares);
  // Restores that RDS began, by snapshot.
  [[nodiscard]] std::map<std::string, int> restores();
  // Operations that our processes (not stacks) used.
  [[nodiscard]] std::set<std::string> operations();
  [[nodiscard]] std::string alias_target();  // host name that DNS answers with; "": none

  refresh::Settings settings();

  // --- drivers ---
  rds::StackOptions stack_options();

 private:
  void check_production();
  void check_calls();
  void check_call(const fakes::aws::RecordedCall& call);
  void check_copy(const std::string& name);
  void check_alias();

  Direct direct_;
  aws::FixedCredentials admin_credentials_;
  ManualClock admin_clock_;
  std::string production_;
  std::set<std::string> foreign_;                   // instances and stacks that are not ours
  std::set<std::string> ours_;                      // names of stacks that we were allowed to make
  std::map<std::string, std::string> snapshot_of_;  // by stack
  std::map<std::string, int> restored_;             // instances that were restored, by name
  size_t calls_seen_ = 0;
  std::set<std::string> passwords_set_;  // instances whose password we have changed
  bool alias_worked_ = false;
};

// For tests: what Settings begin with: a clock of ours and states that take a little while.
fakes::aws::Settings storm_settings();

}  // namespace ytb::storm
