// The eleven defects of the project that this one continues, each as a test of what makes it impossible here:
// at the level of AWS's calls where that says it all, else as whole runs of the program.
#include <fmt/format.h>

#include <filesystem>

#include "aws/aws_scenario.h"
#include "drivers/rds/snapshot_source.h"
#include "drivers/rds/stack_names.h"
#include "drivers/rds/stack_testing.h"
#include "drivers/route53/route53_alias.h"
#include "lambda/lambda_testing.h"

namespace ytb {
namespace {

using model::Phase;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using tests::AwsScenario;

constexpr const char* kCopy = "shop-yesterday-20261122-060000-1";

class Defects : public rds::StackTest {
 protected:
  std::vector<model::Snapshot> snapshots() {
    Result<std::vector<model::Snapshot>> found = rds::RdsSnapshotSource(*rds_, {.source_id = "shop"}).list();
    EXPECT_TRUE(found.ok()) << (found.ok() ? "" : to_string(found.error()));
    return found.ok() ? *found : std::vector<model::Snapshot>{};
  }
  void add_snapshot(const std::string& id, Instant created, const std::string& status = "available") {
    fakes::aws::SnapshotSeed snapshot;
    snapshot.id = id;
    snapshot.created = created;
    snapshot.status = status;
    fake_->seed(snapshot);
  }
};

// 1. One unpaginated list call: in an account with many snapshots the newest may be missed, or all of them.
TEST_F(Defects, OneUnpaginatedListCall) {
  for (int i = 0; i < 260; ++i) {
    fakes::aws::SnapshotSeed other;
    other.id = fmt::format("a-others-{}", i);
    other.instance = "aaa";
    other.created = at("2026-11-22T06:30:00Z");
    fake_->seed(other);
    add_snapshot(fmt::format("b-old-{}", i), at("2026-01-01T00:00:00Z") + std::chrono::hours(i));
  }
  add_snapshot("z-newest", at("2026-11-22T06:45:00Z"));
  const std::vector<model::Snapshot> found = snapshots();
  ASSERT_THAT(found, SizeIs(262)) << "260 old ones, the newest, and the one that every test here has";
  EXPECT_EQ(found.front().id.str(), "z-newest") << "it is on the last page";
  EXPECT_GE(fake_->count("DescribeDBSnapshots"), 3);
}

// 2. No status check: a snapshot still `creating` (which has no create time) breaks the sort or is picked.
TEST_F(Defects, ASnapshotStillBeingMade) {
  add_snapshot("today", at("2026-11-22T06:59:00Z"), "creating");
  int usable = 0;
  for (const model::Snapshot& snapshot : snapshots()) {
    EXPECT_EQ(snapshot.id.str() == "today", snapshot.state == model::SnapshotState::kInProgress);
    usable += snapshot.state == model::SnapshotState::kUsable ? 1 : 0;
  }
  EXPECT_EQ(usable, 1);
  Status asked = restore(request(1, snapshot("today")));
  ASSERT_FALSE(asked.ok());
  EXPECT_THAT(asked.error().message, HasSubstr("creating"));
  EXPECT_TRUE(fake_->mutations().empty()) << "nothing is begun that cannot end";
}

// 3. status.endswith("COMPLETE") takes ROLLBACK_COMPLETE for updatable: every later run fails until someone
// deletes the stack by hand.
TEST_F(Defects, RollbackCompleteTakenForUpdatable) {
  must(restore());
  const std::string body = stacks_->get_template(kCopy).value().value();
  const aws::Stack made = stacks_->describe_stack(kCopy).value().value();
  must(host_->record_failure(owned(), Error{.code = Code::kInternal, .message = "for the test", .hint = {}}));
  must(host_->remove(owned(), std::nullopt, progress_));
  // The very stack of ours, but that CloudFormation rolls it back.
  fake_->fail_next_resource("AWS::RDS::DBInstance", "no capacity");
  ASSERT_TRUE(stacks_
                  ->create_stack({.name = kCopy,
                                  .template_body = body,
                                  .parameters = made.parameters,
                                  .tags = made.tags,
                                  .on_failure = "ROLLBACK"})
                  .ok());
  fake_->advance(std::chrono::hours(1));
  ASSERT_EQ(fake_->stack_status(kCopy), "ROLLBACK_COMPLETE");
  Status stuck = restore();
  ASSERT_FALSE(stuck.ok());
  EXPECT_THAT(stuck.error().message, AllOf(HasSubstr("ROLLBACK_COMPLETE"), HasSubstr("no capacity")));
  EXPECT_EQ(the_copy().phase, Phase::kFailed);
  EXPECT_EQ(ours("UpdateStack"), 0);
  must(host_->remove(owned(), std::nullopt, progress_));
  EXPECT_EQ(fake_->stack_status(kCopy), "");
  must(restore(request(2)));
  EXPECT_EQ(the_copy().phase, Phase::kRestored) << "without anybody's hands";
}

// 4. Any other AWS error is swallowed: it answers `action: null` as if nothing were wrong. An unknown action
// is silently nothing.
TEST_F(Defects, ErrorsSwallowedAndUnknownActions) {
  lambda::testing_support::Site site;
  lambda::Handler handler(site.parts());
  auto answer_to = [&](const std::string& event) {
    lambda::Invocation invocation = site.invocation(event);
    Result<lambda::Handled> handled = handler.handle(invocation);
    return handled.ok() ? parse_json(handled->answer)["error"].dump() : to_string(handled.error());
  };
  EXPECT_THAT(answer_to(R"({"action": "upadte"})"), HasSubstr("there is no action 'upadte'"));
  // Errors of AWS's own, of every call that a look makes, end up with whoever looks.
  for (const char* call : {"DescribeStacks", "DescribeDBInstances"}) {
    fake_->fail(call, 1, {.kind = fakes::aws::Fault::Kind::kAccessDenied});
    Result<std::vector<model::Copy>> copies = host_->list();
    ASSERT_FALSE(copies.ok()) << call;
    EXPECT_THAT(to_string(copies.error()), HasSubstr("AccessDenied"));
  }
  fake_->fail("DescribeDBSnapshots", 1, {.kind = fakes::aws::Fault::Kind::kAccessDenied});
  Result<std::vector<model::Snapshot>> found = rds::RdsSnapshotSource(*rds_, {.source_id = "shop"}).list();
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(to_string(found.error()), HasSubstr("AccessDenied"));
  fake_->fail("CreateStack", 1, {.kind = fakes::aws::Fault::Kind::kCode, .code = "LimitExceededException"});
  Status refused = restore();
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(to_string(refused.error()), HasSubstr("LimitExceeded"));
}

// 5. The copy is `PubliclyAccessible: true` with production's own passwords and raw personal data.
TEST_F(Defects, PublicWithProductionsPasswordsAndRawData) {
  must(restore());
  EXPECT_EQ(instance()["PubliclyAccessible"], false);
  EXPECT_THAT(groups(), ElementsAre("sg-quarantine")) << "which lets only us in";
  EXPECT_EQ(ours("ModifyDBInstance"), 1) << "the master's password is a new one";
  EXPECT_EQ(door_->claims, 1) << "proven by a login";
  EXPECT_EQ(instance()["BackupRetentionPeriod"], 0) << "no backup of what is not masked yet";
  // Raw as it is, nothing opens it: neither its phase, nor a proof that is not of this very instance.
  for (Phase phase : {Phase::kDefused, Phase::kMasked, Phase::kProven})
    must(host_->record_phase(owned(), phase, {}));
  model::SealedProof sealed = model::seal(proof_for("db-OTHER"), signing_key_).value();
  model::PassedProof proof =
      model::PassedProof::verify(sealed.text, *model::public_key_of(signing_key_), request().copy, "db-OTHER")
          .value();
  EXPECT_EQ(host_->open(owned(), proof, {}, progress_).error().code, Code::kProof);
  EXPECT_THAT(groups(), ElementsAre("sg-quarantine"));
}

// 7. <name>-YYYY-MM-DD-HHMM overruns RDS's 63 characters for long names.
TEST_F(Defects, NamesThatAreTooLong) {
  const std::string longest = "a" + std::string(39, 'b');
  rds::StackOptions given = options();
  given.production = model::ProductionName(longest);
  make_host(std::move(given));
  const model::Snapshot from = snapshot();
  const model::ProductionName production(longest);
  must(host_->restore({.copy = model::copy_id(production, from.data_as_of, 1),
                       .production = production,
                       .snapshot = from,
                       .attempt = 1},
                      progress_, *stop_));
  std::vector<model::Copy> copies = list();
  ASSERT_THAT(copies, SizeIs(1));
  EXPECT_EQ(copies.front().phase, Phase::kRestored);
  for (const std::string& id : fake_->instance_ids()) EXPECT_LE(id.size(), rds::kDbNameMax) << id;
}

// 8. Deletion policy left at its default (a final snapshot), which its role may not take: old copies fail to
// delete, and cost money.
TEST_F(Defects, AFinalSnapshotWhenACopyGoes) {
  must(restore());
  const auto body = parse_json(stacks_->get_template(kCopy).value().value());
  for (const auto& [name, resource] : body["Resources"].items()) {
    EXPECT_EQ(resource["DeletionPolicy"], "Delete") << name;
    EXPECT_EQ(resource["UpdateReplacePolicy"], "Delete") << name;
  }
  EXPECT_EQ(body["Resources"]["Instance"]["Properties"].value("DeletionProtection", false), false);
  must(host_->record_failure(owned(), Error{.code = Code::kInternal, .message = "for the test", .hint = {}}));
  must(host_->remove(owned(), std::nullopt, progress_));
  EXPECT_THAT(fake_->instance_ids(), ElementsAre("shop"));
  for (const model::Snapshot& each : snapshots()) EXPECT_EQ(each.id, snapshot().id) << "no other was taken";
  for (const auto& call : fake_->mutations()) EXPECT_NE(call.operation, "CreateDBSnapshot");
  expect_production_untouched();
}

// 11. Two hosted zones of the same name (split horizon) break it.
TEST_F(Defects, TwoZonesOfOneName) {
  const std::string open = fake_->seed_zone("mysite.com");
  const std::string inside = fake_->seed_zone("mysite.com", true);
  aws::Route53 client(client_->caller());
  auto alias = [&](const std::string& zone_id) {
    return route53::Route53Alias(
        client,
        {.production = model::ProductionName("shop"),
         .zone_id = zone_id,
         .domain = zone_id.empty() ? "mysite.com" : "",
         .name = "shop-yesterday.mysite.com"},
        [] { return Result(std::map<model::CopyId, route53::Endpoint>{}); }, {}, *clock_);
  };
  Result<model::AliasState> asked = alias("").read();
  ASSERT_FALSE(asked.ok());
  EXPECT_EQ(asked.error().code, Code::kConfig);
  EXPECT_THAT(asked.error().message, AllOf(HasSubstr(open + " (public)"), HasSubstr(inside + " (private)")));
  EXPECT_TRUE(alias(inside).read().ok()) << "with its id it is one";
  EXPECT_TRUE(fake_->mutations().empty());
}

// The others need whole runs, with servers.
class DefectsOfRuns : public tests::AwsRuns {};

// 6. No check that the copy works; no notice when it fails; staging silently ages.
TEST_F(DefectsOfRuns, NoCheckNoNotice) {
  AwsScenario aws;
  tests::TemporaryFolder folder;
  tests::put(folder / "page", "#!/bin/sh\nenv | grep ^YTB_ >> " + (folder / "notices") + "\n");
  std::filesystem::permissions(folder / "page", std::filesystem::perms::owner_all);
  aws.write_config("    on_failure: [" + (folder / "page") + "]\n    max_age: 26h\n");
  // A copy that is restored and does not work.
  aws.at_every_event = [&aws] {
    const std::string copy = "shop-yesterday-20261121-060000-1";
    if (aws.fake().instance(copy).empty() || tests::ask(aws.backend().admin_connection(copy, "shop"),
                                                        "SELECT to_regclass('users') IS NULL") == "t")
      return;
    (void)tests::ask(aws.backend().admin_connection(copy, "shop"), "ALTER TABLE users ADD COLUMN phone text");
  };
  testing::RunResult failed = aws.run({"refresh"});
  EXPECT_NE(failed.status, 0);
  EXPECT_THAT(failed.err, HasSubstr("phone"));
  EXPECT_EQ(aws.resolved(), "0 values") << "the name does not point at it";
  EXPECT_EQ(aws.fake().count("UpdateStack"), 0) << "and it was not opened";
  EXPECT_THAT(tests::get(folder / "notices"),
              AllOf(HasSubstr("YTB_EVENT=failed"), HasSubstr("the policy does not fit production")));
}

// 9. A daily run with no new snapshot still replaces the instance: downtime for nothing.
// 10. The name moves when the instance is up, and the old instance is deleted at once, while clients still
// hold the old address for up to the TTL.
TEST_F(DefectsOfRuns, ReplacedForNothingAndDeletedWhileItServes) {
  tests::ScenarioOptions options;
  options.productions.front().ttl_s = 300;
  options.productions.front().drain = "5min";
  AwsScenario aws(std::move(options));
  const std::string old = "shop-yesterday-20261121-060000-1";
  aws.must({"refresh"});
  const size_t changes = aws.fake().mutations().size();
  aws.fake().advance(std::chrono::hours(2));
  EXPECT_THAT(aws.must({"refresh"}).out, HasSubstr("nothing to do"));
  EXPECT_EQ(aws.fake().mutations().size(), changes);

  aws.fake().advance(std::chrono::hours(22));
  aws.add_snapshot("2026-11-22T06:00:00Z");
  const std::string before = aws.resolved();
  aws.must({"refresh"});
  EXPECT_NE(aws.resolved(), before);
  // Whoever still has the old address is served until the TTL is over.
  EXPECT_EQ(aws.ask_staging(old, "SELECT count(*) FROM users"), "500");
  aws.fake().advance(std::chrono::minutes(4));
  aws.must({"refresh", "--if-due"});
  EXPECT_EQ(aws.ask_staging(old, "SELECT count(*) FROM users"), "500");
  aws.fake().advance(std::chrono::minutes(2));
  aws.must({"refresh", "--if-due"});
  EXPECT_EQ(aws.fake().instance(old), "") << "and then it goes";
  std::optional<Instant> moved, deleted;
  for (const auto& call : aws.fake().mutations()) {
    if (call.operation == "ChangeResourceRecordSets") moved = call.at;
    if (call.operation == "DeleteStack" && call.target.find(old) != std::string::npos) deleted = call.at;
  }
  ASSERT_TRUE(moved);
  ASSERT_TRUE(deleted);
  EXPECT_GE(*deleted - *moved, std::chrono::seconds(300));
}

}  // namespace
}  // namespace ytb
