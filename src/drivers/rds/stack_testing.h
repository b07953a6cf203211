// What tests of StackHost share: a fake AWS whose clock is ours and never sleeps, a door that knows only what
// RDS would let it know, and a signing key. For tests only.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "base/json.h"
#include "drivers/aws/fake_client_testing.h"
#include "drivers/rds/stack_host.h"
#include "fakes/aws/small_services.h"

namespace ytb::rds {

// Time goes on where somebody waits.
class FakesClock final : public Clock {
 public:
  explicit FakesClock(fakes::aws::FakeAws& fake) : fake_(fake) {}
  [[nodiscard]] Instant now() const override { return fake_.now(); }
  void sleep(Duration duration) override {
    fake_.advance(duration);
    if (on_sleep) on_sleep();
  }
  std::function<void()> on_sleep;

 private:
  fakes::aws::FakeAws& fake_;
};

// Lets in whoever has the password that was last set by us, once RDS has put it into force; where the master
// is `overruled`, only who has a token, once IAM authentication is in force, until that was taken from it.
class FakeDoor final : public ports::Door {
 public:
  explicit FakeDoor(fakes::aws::FakeAws& fake) : fake_(fake) {}
  Result<ports::Claim> claim(const ports::SessionTarget& target) override {
    if (overruled) return ports::Claim::kOverruled;
    YTB_TRY(log_in(target));
    ++claims;
    nonce = target.nonce;
    return ports::Claim::kOurs;
  }
  Result<std::vector<std::string>> free_master(const ports::SessionTarget& target) override {
    EXPECT_EQ(target.parameters.at("sslmode"), "verify-full");
    const std::string host = target.parameters.at("host");
    const auto there = described(host);
    EXPECT_EQ(there["IAMDatabaseAuthenticationEnabled"], true);
    const std::string start =
        host + ":" + target.parameters.at("port") + "/?Action=connect&DBUser=master&X-Amz-Algorithm=";
    EXPECT_EQ(std::string(target.password.reveal()).substr(0, start.size()), start);
    ++tokens;
    if (tokens <= tokens_refused) {
      return Error{.code = Code::kConnection,
                   .message = "PAM authentication failed for user \"master\"",
                   .hint = {},
                   .retry = Retry::kNever};
    }
    overruled = false;
    return std::vector<std::string>{"taken from role master: its membership in rds_iam"};
  }
  Status open(const ports::SessionTarget& target, const std::vector<ports::AccessGrant>& grants,
              std::string_view) override {
    YTB_TRY(log_in(target));
    if (!is_open_) ++opened;
    is_open_ = true;
    roles = grants.size();
    return {};
  }
  Result<bool> is_open(const ports::SessionTarget& target) override {
    YTB_TRY(log_in(target));
    return is_open_;
  }
  bool overruled = false;
  int tokens = 0, tokens_refused = 0;
  int claims = 0, opened = 0;
  size_t roles = 0;
  std::string nonce;

 private:
  Status log_in(const ports::SessionTarget& target) {
    const std::string id = id_of(target.parameters.at("host"));
    const bool is_cluster = !fake_.cluster(id).empty();
    const auto there = described(target.parameters.at("host"));
    bool set = false;
    for (const auto& call : fake_.calls()) {
      set |= call.principal.ends_with("user/tester") &&
             call.input.find("MasterUserPassword") != std::string::npos &&
             call.operation == (is_cluster ? "ModifyDBCluster" : "ModifyDBInstance") &&
             call.target == (is_cluster ? "cluster:" : "db:") + id;
    }
    bool in_force = set && there.value("PendingModifiedValues", nlohmann::json::object()).empty();
    EXPECT_EQ(target.parameters.at("sslmode"), "verify-full");
    EXPECT_EQ(target.password.reveal().size(), 32U);
    if (in_force) return {};
    return Error{.code = Code::kConnection,
                 .message = "password authentication failed for user \"master\"",
                 .hint = {},
                 .retry = Retry::kNever};
  }
  static std::string id_of(const std::string& host) { return host.substr(0, host.find('.')); }
  [[nodiscard]] nlohmann::json described(const std::string& host) {
    const std::string cluster = fake_.cluster(id_of(host));
    return parse_json(cluster.empty() ? fake_.instance(id_of(host)) : cluster);
  }
  fakes::aws::FakeAws& fake_;
  bool is_open_ = false;
};

class StackTest : public ::testing::Test {
 protected:
  static fakes::aws::Settings slow(int stale_reads = 0) {
    fakes::aws::Settings settings;
    settings.start_at = *from_iso("2026-11-22T07:00:00Z");
    settings.stale_reads = stale_reads;
    settings.delays = {.snapshot = std::chrono::minutes(10),
                       .instance_create = std::chrono::minutes(20),
                       .instance_backup = std::chrono::minutes(5),
                       .modify_notice = std::chrono::seconds(30),
                       .modify = std::chrono::minutes(1),
                       .instance_delete = std::chrono::minutes(5),
                       .stack_step = std::chrono::seconds(2)};
    return settings;
  }
  void SetUp() override {
    ASSERT_EQ(fakes::aws::FakeAws::available(), "") << "tools/setup installs botocore's models";
    start(slow());
  }
  void start(fakes::aws::Settings settings) {
    host_.reset();
    client_.reset();
    const std::string region = settings.region;
    fake_ = std::make_unique<fakes::aws::FakeAws>(std::move(settings));
    clock_ = std::make_unique<FakesClock>(*fake_);
    client_ = std::make_unique<aws::FakeAwsClient>(*fake_, *clock_, aws::CallerOptions{}, region);
    rds_ = std::make_unique<aws::Rds>(client_->caller());
    stacks_ = std::make_unique<aws::CloudFormation>(client_->caller());
    s3_ = std::make_unique<aws::S3>(client_->caller());
    door_ = std::make_unique<FakeDoor>(*fake_);
    fake_->s3().seed_bucket("proofs");
    fake_->seed_subnet_group("private");
    fakes::aws::InstanceSeed production;
    production.id = "shop";
    production.tags = {{"service", "shop"}};
    production.data = data_;
    production.security_groups = {"sg-production"};
    fake_->seed(production);
    fakes::aws::SnapshotSeed snapshot;
    snapshot.id = "rds:shop-2026-11-22-06-00";
    snapshot.type = "automated";
    snapshot.created = at("2026-11-22T06:00:00Z");
    snapshot.backup_retention = 35;
    snapshot.tags = {{"service", "shop"}};
    snapshot.data = data_;
    fake_->seed(snapshot);
    make_host();
  }
  virtual StackOptions options() {
    StackOptions options;
    options.production = model::ProductionName("shop");
    options.copies.subnet_group = "private";
    options.copies.instance_class = "db.t3.small";
    options.copies.storage_type = "gp2";
    options.copies.quarantine_groups = {"sg-quarantine"};
    options.copies.staging_groups = {"sg-staging"};
    options.copies.ca_bundle = "/etc/ssl/rds.pem";
    options.copies.bucket = "proofs";
    options.public_key = *model::public_key_of(signing_key_);
    options.master_seed = Secret(std::string(32, 's'));
    options.protected_names.names = {"shop"};
    return options;
  }
  virtual ports::Door& door() { return *door_; }
  // As another process would.
  void make_host() { make_host(options()); }
  void make_host(StackOptions options) {
    host_.reset();
    stop_ = std::make_unique<StopFlag>();
    host_ = std::make_unique<StackHost>(std::move(options), StackServices{.rds = *rds_,
                                                                          .stacks = *stacks_,
                                                                          .s3 = *s3_,
                                                                          .door = door(),
                                                                          .clock = *clock_,
                                                                          .stop = *stop_,
                                                                          .patience = patience_});
  }

  static Instant at(const char* text) { return *from_iso(text); }
  static model::Snapshot snapshot(const std::string& id = "rds:shop-2026-11-22-06-00") {
    model::Snapshot snapshot;
    snapshot.id = model::SnapshotId(id);
    snapshot.data_as_of = at("2026-11-22T06:00:00Z");
    snapshot.state = model::SnapshotState::kUsable;
    snapshot.engine = "postgresql";
    snapshot.engine_major = 15;
    return snapshot;
  }
  static ports::RestoreRequest request(int attempt = 1, const model::Snapshot& from = snapshot()) {
    model::ProductionName shop("shop");
    return {.copy = model::copy_id(shop, from.data_as_of, attempt),
            .production = shop,
            .snapshot = from,
            .attempt = attempt};
  }
  Status restore(const ports::RestoreRequest& asked = request()) {
    return host_->restore(asked, progress_, *stop_);
  }
  std::vector<model::Copy> list() {
    auto copies = host_->list();
    EXPECT_TRUE(copies.ok()) << (copies.ok() ? "" : to_string(copies.error()));
    return copies.ok() ? *copies : std::vector<model::Copy>{};
  }
  model::Copy the_copy() {
    std::vector<model::Copy> copies = list();
    EXPECT_EQ(copies.size(), 1U);
    return copies.empty() ? model::Copy{} : copies.front();
  }
  model::OwnedCopy owned() { return owned(the_copy()); }
  static model::OwnedCopy owned(const model::Copy& copy) {
    return model::OwnedCopy::claim(copy, model::ProductionName("shop"), {.names = {"shop"}}).value();
  }
  model::Proof proof_for(const std::string& instance) {
    model::Proof proof;
    proof.production = model::ProductionName("shop");
    proof.copy = request().copy;
    proof.instance = instance;
    proof.snapshot = snapshot().id;
    proof.data_as_of = snapshot().data_as_of;
    proof.made_at = clock_->now();
    proof.checks = {{.name = "x", .asserts = "y", .outcome = model::Outcome::kPassed, .detail = ""}};
    return proof;
  }
  // Recorded, proof included, up to proven. Returns the proof as open() wants it.
  model::PassedProof prove() {
    for (model::Phase phase : {model::Phase::kDefused, model::Phase::kMasked}) {
      must(host_->record_phase(owned(), phase, {}));
      catch_up();
    }
    std::string instance = host_->instance_of(request().copy).value();
    model::SealedProof sealed = model::seal(proof_for(instance), signing_key_).value();
    must(host_->store_proof(owned(), sealed));
    must(host_->record_phase(owned(), model::Phase::kProven, {}));
    catch_up();
    return model::PassedProof::verify(sealed.text, *model::public_key_of(signing_key_), request().copy,
                                      instance)
        .value();
  }
  // What is in doubt or was refused for now is answered by looking again, as the refresher does.
  static Status persist(const std::function<Status()>& work) {
    Status status = work();
    for (int i = 0; i < 5 && !status.ok() && status.error().retry != Retry::kNever; ++i) status = work();
    return status;
  }
  // Until readers that lag behind have caught up.
  void catch_up() {
    for (int i = 0; i < 4; ++i) {
      (void)list();
      (void)rds_->describe_db_snapshots({.source_id = "shop"}, [](const auto&) { return Status(); });
    }
  }
  static void must(const Status& status) { ASSERT_TRUE(status.ok()) << to_string(status.error()); }
  [[nodiscard]] nlohmann::json instance(const std::string& id = "shop-yesterday-20261122-060000-1") const {
    std::string text = fake_->instance(id);
    return text.empty() ? nlohmann::json() : parse_json(text);
  }
  [[nodiscard]] std::vector<std::string> groups() const {
    std::vector<std::string> found;
    const nlohmann::json there = instance();
    for (const auto& group : there["VpcSecurityGroups"]) found.push_back(group["VpcSecurityGroupId"]);
    return found;
  }
  [[nodiscard]] std::string tag(const std::string& name) const {
    const nlohmann::json there = instance();
    for (const auto& tag : there["TagList"]) {
      if (tag["Key"] == name) return tag["Value"];
    }
    return "";
  }
  // Calls of ours, not of a stack's.
  [[nodiscard]] int ours(const std::string& operation) const {
    int count = 0;
    for (const auto& call : fake_->calls())
      count += call.operation == operation && call.principal.ends_with("user/tester") ? 1 : 0;
    return count;
  }
  void expect_production_untouched() const {
    for (const auto& call : fake_->mutations()) {
      EXPECT_NE(call.target, "db:shop") << call.operation;
      EXPECT_NE(call.target, "snapshot:rds:shop-2026-11-22-06-00") << call.operation;
    }
    EXPECT_EQ(instance("shop")["DBInstanceStatus"], "available");
  }

  std::string data_;  // of production, where there are servers
  Secret signing_key_ = model::new_signing_key();
  ports::Patience patience_ = ports::Patience::kWait;
  std::unique_ptr<StopFlag> stop_ = std::make_unique<StopFlag>();
  ports::NoProgress progress_;
  std::unique_ptr<fakes::aws::FakeAws> fake_;
  std::unique_ptr<FakesClock> clock_;
  std::unique_ptr<aws::FakeAwsClient> client_;
  std::unique_ptr<aws::Rds> rds_;
  std::unique_ptr<aws::CloudFormation> stacks_;
  std::unique_ptr<aws::S3> s3_;
  std::unique_ptr<FakeDoor> door_;
  std::unique_ptr<StackHost> host_;
};

}  // namespace ytb::rds
