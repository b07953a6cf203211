// Restoring, recording, opening, removing: against the fake AWS, on a clock that nobody waits for.
#include "drivers/rds/stack_host.h"

#include "drivers/rds/stack_testing.h"

namespace ytb::rds {
namespace {

using fakes::aws::Fault;
using model::Phase;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr const char* kName = "shop-yesterday-20261122-060000-1";

using StackHostTest = StackTest;

// A refresh that is asked for between the two tries anew; one that is asked for before must not.
TEST_F(StackHostTest, a_failed_attempt_is_of_when_it_failed_and_not_of_when_it_was_cleared_away) {
  must(restore());
  must(host_->record_failure(owned(), {.code = Code::kPolicy, .message = "m", .hint = {}}));
  const Instant failed = clock_->now();
  fake_->advance(std::chrono::hours(3));
  must(host_->remove(owned(), std::nullopt, progress_));
  const model::Attempt kept = host_->attempts().value().at(0);
  EXPECT_LE(kept.at - failed, std::chrono::seconds(1));
  EXPECT_LE(failed - kept.at, std::chrono::seconds(1));
  EXPECT_EQ(kept.reason, "m");
  // What failed by itself is of when it was seen, by our clock: AWS's may differ.
  fake_->fail_next_resource("AWS::RDS::DBInstance", "no capacity");
  EXPECT_FALSE(restore(request(2)).ok());
  const Instant seen = clock_->now();
  must(host_->record_failure(owned(),
                             {.code = Code::kExternal, .message = "n", .hint = {}, .retry = Retry::kLater}));
  fake_->advance(std::chrono::hours(3));
  must(host_->remove(owned(), std::nullopt, progress_));
  EXPECT_LE(host_->attempts().value().at(0).at - seen, std::chrono::seconds(1));
  EXPECT_GE(host_->attempts().value().at(0).at, seen - std::chrono::seconds(1));
}

TEST_F(StackHostTest, restores_behind_a_closed_door_with_nothing_of_productions_left_on) {
  must(restore());
  model::Copy copy = the_copy();
  EXPECT_EQ(copy.id.str(), kName);
  EXPECT_TRUE(copy.marked);
  EXPECT_EQ(copy.phase, Phase::kRestored);
  EXPECT_FALSE(copy.opened);
  EXPECT_FALSE(copy.proven);
  EXPECT_TRUE(copy.running);
  EXPECT_EQ(copy.snapshot, snapshot().id);
  EXPECT_EQ(copy.data_as_of, snapshot().data_as_of);
  EXPECT_THAT(groups(), ElementsAre("sg-quarantine"));
  EXPECT_EQ(instance()["BackupRetentionPeriod"], 0);
  EXPECT_EQ(instance()["PubliclyAccessible"], false);
  EXPECT_EQ(tag("service"), "") << "production's tags are not inherited";
  EXPECT_EQ(tag("yesterdaytabase:phase"), "restored");
  EXPECT_EQ(ours("CreateStack"), 1);
  EXPECT_EQ(ours("ModifyDBInstance"), 1);
  EXPECT_EQ(door_->claims, 1);
  EXPECT_EQ(door_->nonce.size(), 32U);
  EXPECT_EQ(host_->instance_of(copy.id).value(), instance()["DbiResourceId"].get<std::string>());
  Result<ports::SessionTarget> session = host_->session(owned());
  ASSERT_TRUE(session.ok()) << to_string(session.error());
  EXPECT_EQ(session->nonce, door_->nonce);
  // Again is no work.
  size_t mutations = fake_->mutations().size();
  must(restore());
  EXPECT_EQ(fake_->mutations().size(), mutations);
  expect_production_untouched();
}

TEST_F(StackHostTest, stopped_at_every_moment_it_goes_on_and_does_nothing_twice) {
  int runs = 0;
  Status status;
  do {
    StopFlag stop;
    int sleeps = 0;
    clock_->on_sleep = [&] {
      if (++sleeps == 40) stop.request();
    };
    make_host();
    status = host_->restore(request(), progress_, stop);
    if (!status.ok()) {
      ASSERT_EQ(status.error().code, Code::kInterrupted) << to_string(status.error());
      EXPECT_EQ(the_copy().phase, Phase::kRestoring);
    }
    ASSERT_LT(++runs, 200);
  } while (!status.ok());
  clock_->on_sleep = nullptr;
  EXPECT_GT(runs, 10);
  EXPECT_EQ(ours("CreateStack"), 1);
  // A stop right after the modify, while RDS shows nothing of it yet, may send the same one again.
  EXPECT_LE(ours("ModifyDBInstance"), 2);
  EXPECT_EQ(the_copy().phase, Phase::kRestored);
  EXPECT_THAT(fake_->instance_ids(), UnorderedElementsAre("shop", kName));
}

TEST_F(StackHostTest, answers_that_never_came_and_looks_that_lag_change_nothing) {
  for (int stale : {0, 1, 3}) {
    start(slow(stale));
    for (const char* operation :
         {"CreateStack", "cloudformation:DescribeStacks", "rds:ModifyDBInstance", "AddTagsToResource",
          "DescribeDBInstances", "UpdateStack", "DeleteStack", "PutObject"})
      fake_->fail(operation, 1, {.kind = Fault::Kind::kDropAfter});
    catch_up();
    must(persist([&] { return restore(); }));
    EXPECT_EQ(fake_->stack_status(kName), "CREATE_COMPLETE");
    catch_up();
    EXPECT_EQ(the_copy().phase, Phase::kRestored) << stale;
    must(host_->record_inputs(owned(), "in"));
    catch_up();
    model::PassedProof proof = prove();
    must(persist([&] { return host_->open(owned(), proof, {}, progress_); }));
    EXPECT_THAT(groups(), UnorderedElementsAre("sg-quarantine", "sg-staging"));
    EXPECT_EQ(door_->opened, 1);
    catch_up();
    const model::Copy open = the_copy();
    must(persist([&] { return host_->remove(owned(open), std::nullopt, progress_); }));
    EXPECT_THAT(fake_->instance_ids(), ElementsAre("shop"));
    EXPECT_EQ(fake_->stack_status(kName), "");
    expect_production_untouched();
  }
}

// The original took every status that ends in COMPLETE for a good one.
TEST_F(StackHostTest, original_defect_3_a_failed_stack_is_told_with_its_reason_and_deleted) {
  fake_->fail_next_resource("AWS::RDS::DBInstance",
                            "We currently do not have sufficient db.t3.small capacity");
  Status status = restore();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().retry, Retry::kLater);
  EXPECT_THAT(status.error().message, HasSubstr("sufficient db.t3.small capacity"));
  EXPECT_THAT(status.error().message, HasSubstr("CREATE_FAILED"));
  model::Copy copy = the_copy();
  EXPECT_EQ(copy.phase, Phase::kFailed);
  EXPECT_THAT(copy.failure, HasSubstr("capacity"));
  EXPECT_EQ(copy.failure_retry, Retry::kLater);
  must(host_->record_failure(owned(), status.error()));
  must(host_->remove(owned(), std::nullopt, progress_));
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_THAT(fake_->instance_ids(), ElementsAre("shop"));
  auto attempts = host_->attempts().value();
  ASSERT_EQ(attempts.size(), 1U);
  EXPECT_THAT(attempts[0].reason, HasSubstr("capacity"));
  EXPECT_EQ(attempts[0].retry, Retry::kLater);
  must(restore(request(2)));
  EXPECT_EQ(the_copy().attempt, 2);
}

TEST_F(StackHostTest, an_instance_that_will_never_be_is_told_at_once) {
  clock_->on_sleep = [&] {
    if (!instance().is_null()) fake_->set_instance_status(kName, "incompatible-restore");
  };
  Status status = restore();
  clock_->on_sleep = nullptr;
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("incompatible-restore"));
  EXPECT_EQ(the_copy().phase, Phase::kFailed);
  must(host_->remove(owned(), std::nullopt, progress_));
  EXPECT_THAT(list(), IsEmpty());
}

TEST_F(StackHostTest, what_takes_too_long_ends) {
  StackOptions given = options();
  given.copies.restore_max = std::chrono::minutes(10);
  make_host(std::move(given));
  Status status = restore();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("more than 10 min"));
  EXPECT_EQ(status.error().retry, Retry::kNever);
  must(host_->record_failure(owned(), status.error()));
  EXPECT_EQ(the_copy().phase, Phase::kFailed);
  EXPECT_THAT(the_copy().failure, HasSubstr("more than 10 min"));
}

TEST_F(StackHostTest, a_deletion_that_takes_too_long_is_told) {
  fakes::aws::Settings settings = slow();
  settings.delays.instance_delete = std::chrono::hours(100);
  start(settings);
  must(restore());
  const Instant begun = clock_->now();
  const Status status = host_->remove(owned(), std::nullopt, progress_);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("was waited for in vain for 2 h"));
  EXPECT_EQ(status.error().retry, Retry::kLater);
  EXPECT_LT(clock_->now() - begun, std::chrono::hours(3));
}

TEST_F(StackHostTest, a_volume_grows_where_that_is_asked) {
  fakes::aws::Settings settings = slow();
  settings.delays.storage_optimization = std::chrono::hours(8);
  start(settings);
  StackOptions given = options();
  given.copies.storage_gb = 30;
  make_host(std::move(given));
  must(restore());
  EXPECT_EQ(instance()["AllocatedStorage"], 30);
  EXPECT_EQ(instance()["BackupRetentionPeriod"], 0);
  EXPECT_EQ(instance("shop")["AllocatedStorage"], 20);
  EXPECT_EQ(host_->session(owned())->storage_bytes, 30ULL << 30);
  model::PassedProof proof = prove();
  must(host_->open(owned(), proof, {}, progress_));
  EXPECT_THAT(groups(), UnorderedElementsAre("sg-quarantine", "sg-staging"));
  expect_production_untouched();
}

TEST_F(StackHostTest, a_volume_that_cannot_be_is_refused_before_the_first_call) {
  for (int64_t gib : {10, 19, 21}) {
    StackOptions given = options();
    given.copies.storage_gb = gib;
    make_host(std::move(given));
    Status status = restore();
    ASSERT_FALSE(status.ok()) << gib;
    EXPECT_EQ(status.error().code, Code::kConfig);
    EXPECT_EQ(status.error().retry, Retry::kNever);
    EXPECT_THAT(status.error().message,
                HasSubstr(fmt::format("storage_gb is {}, and the snapshot's volume has "
                                      "20 GiB",
                                      gib)));
    EXPECT_THAT(status.error().hint, HasSubstr("storage_gb: 22"));
  }
  EXPECT_TRUE(fake_->mutations().empty());
  StackOptions given = options();
  given.copies.storage_gb = 20;
  make_host(std::move(given));
  must(restore());
  EXPECT_EQ(instance()["AllocatedStorage"], 20);
}

TEST_F(StackHostTest, others_things_of_the_name_are_listed_and_left_alone) {
  must([&]() -> Status {
    YTB_ASSIGN(auto made, stacks_->create_stack(
                              {.name = kName,
                               .template_body = R"({"Resources":{"P":{"Type":"AWS::RDS::DBParameterGroup",
                                   "Properties":{"Description":"d","Family":"postgres15"}}}})",
                               .tags = {{"yesterdaytabase:production", "other"}}}));
    return {};
  }());
  size_t mutations = fake_->mutations().size();
  Status status = restore();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kRefused);
  model::Copy stranger = the_copy();
  EXPECT_FALSE(stranger.marked);
  EXPECT_FALSE(model::OwnedCopy::claim(stranger, model::ProductionName("shop"), {}).ok());
  EXPECT_THAT(stranger.failure, HasSubstr("does not carry our mark"));
  EXPECT_EQ(fake_->mutations().size(), mutations);
}

TEST_F(StackHostTest, an_instance_of_the_name_that_is_not_its_stacks_survives_its_deletion) {
  fakes::aws::InstanceSeed seed;
  seed.id = kName;
  fake_->seed(seed);
  model::Copy stranger = the_copy();
  EXPECT_FALSE(stranger.marked);
  Status status = restore();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kRefused) << "nothing is begun where something is";
  EXPECT_EQ(ours("CreateStack"), 0);
  EXPECT_THAT(fake_->instance_ids(), UnorderedElementsAre("shop", kName));
}

TEST_F(StackHostTest, requests_that_are_not_ours_are_refused) {
  ports::RestoreRequest other = request();
  other.production = model::ProductionName("other");
  EXPECT_EQ(restore(other).error().code, Code::kRefused);
  ports::RestoreRequest renamed = request();
  renamed.attempt = 2;
  EXPECT_EQ(restore(renamed).error().code, Code::kRefused);
  StackOptions given = options();
  given.protected_names.names.insert(kName);
  make_host(std::move(given));
  EXPECT_EQ(restore().error().code, Code::kRefused);
  given = options();
  given.copies.staging_groups = {"sg-quarantine"};
  make_host(std::move(given));
  EXPECT_EQ(restore().error().code, Code::kConfig);
  EXPECT_TRUE(fake_->mutations().empty());
}

TEST_F(StackHostTest, a_snapshot_that_went_is_told_before_anything_is_made) {
  Status status = restore(request(1, snapshot("rds:gone")));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kCorrupt);
  EXPECT_TRUE(fake_->mutations().empty());
}

TEST_F(StackHostTest, a_shared_encrypted_snapshot_is_copied_first_and_its_copy_goes) {
  fakes::aws::SnapshotSeed seed;
  seed.id = "theirs";
  seed.type = "shared";
  seed.owner = "210987654321";
  seed.encrypted = true;
  seed.kms_key = "arn:aws:kms:eu-west-1:210987654321:key/k";
  seed.created = at("2026-11-22T06:00:00Z");
  fake_->seed(seed);
  const model::Snapshot theirs = snapshot("arn:aws:rds:eu-west-1:210987654321:snapshot:theirs");
  Status refused = restore(request(1, theirs));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kConfig);
  StackOptions given = options();
  given.kms_key = "arn:aws:kms:eu-west-1:123456789012:key/ours";
  make_host(std::move(given));
  // Killed while the first attempt's copy was being made, and before there was a stack.
  StopFlag stop;
  int sleeps = 0;
  clock_->on_sleep = [&] {
    if (++sleeps == 10) stop.request();
  };
  EXPECT_EQ(host_->restore(request(1, theirs), progress_, stop).error().code, Code::kInterrupted);
  clock_->on_sleep = nullptr;
  fake_->advance(std::chrono::hours(1));
  EXPECT_NE(fake_->snapshot(std::string(kName) + "-source"), "");
  EXPECT_THAT(list(), IsEmpty());
  must(restore(request(2, theirs)));
  EXPECT_EQ(fake_->snapshot(std::string(kName) + "-source"), "") << "the first attempt's is swept away";
  EXPECT_EQ(fake_->snapshot("shop-yesterday-20261122-060000-2-source"), "");
  EXPECT_EQ(the_copy().phase, Phase::kRestored);
  EXPECT_EQ(ours("CopyDBSnapshot"), 2);
}

TEST_F(StackHostTest, records_are_of_what_was_decided_about) {
  must(restore());
  model::OwnedCopy restored = owned();
  must(host_->record_inputs(restored, "digest-1"));
  EXPECT_EQ(host_->record_inputs(restored, "digest-2").error().code, Code::kBusy);
  must(host_->record_failure(restored, Error{.code = Code::kConnection,
                                             .message = "it did not answer, „twice“",
                                             .hint = {},
                                             .retry = Retry::kLater}));
  model::Copy copy = the_copy();
  EXPECT_EQ(copy.tries, 1);
  EXPECT_EQ(copy.inputs, "digest-1");
  EXPECT_EQ(copy.failure, "it did not answer, „twice“");
  EXPECT_EQ(copy.failure_code, Code::kConnection);
  EXPECT_EQ(copy.failure_retry, Retry::kLater);
  EXPECT_EQ(copy.last_try, clock_->now());
  must(host_->record_phase(restored, Phase::kDefused, {}));
  EXPECT_EQ(the_copy().tries, 0);
  EXPECT_EQ(the_copy().failure, "");
  Status late = host_->record_phase(restored, Phase::kDefused, {});
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, Code::kBusy);
  EXPECT_EQ(late.error().retry, Retry::kLater);
  EXPECT_EQ(host_->record_phase(owned(), Phase::kLive, {}).error().code, Code::kRefused);
  must(host_->record_failure(owned(), Error{.code = Code::kPolicy, .message = "unjudged", .hint = {}}));
  EXPECT_EQ(the_copy().phase, Phase::kFailed);
  must(host_->remove(owned(), std::nullopt, progress_));
  EXPECT_EQ(host_->attempts().value().front().inputs, "digest-1");
  EXPECT_EQ(host_->attempts().value().front().code, Code::kPolicy);
}

TEST_F(StackHostTest, what_fails_before_there_is_an_instance_is_remembered_too) {
  StopFlag stop;
  clock_->on_sleep = [&] { stop.request(); };
  EXPECT_EQ(host_->restore(request(), progress_, stop).error().code, Code::kInterrupted);
  clock_->on_sleep = nullptr;
  EXPECT_EQ(the_copy().phase, Phase::kRestoring);
  must(host_->record_failure(
      owned(), Error{.code = Code::kExternal, .message = "throttled", .hint = {}, .retry = Retry::kLater}));
  EXPECT_EQ(the_copy().tries, 1);
  EXPECT_EQ(the_copy().failure, "throttled");
  must(restore());
  EXPECT_EQ(the_copy().tries, 0);
}

TEST_F(StackHostTest, opens_by_adding_the_staging_groups_and_nothing_else) {
  must(restore());
  std::string before = stacks_->get_template(kName).value().value();
  model::PassedProof proof = prove();
  EXPECT_TRUE(the_copy().proven);
  EXPECT_FALSE(the_copy().opened);
  std::vector<ports::AccessGrant> grants(1);
  grants[0].role.name = "staging";
  model::OwnedCopy closed = owned();
  must(host_->open(closed, proof, grants, progress_));
  EXPECT_THAT(groups(), UnorderedElementsAre("sg-quarantine", "sg-staging"));
  EXPECT_EQ(door_->opened, 1);
  EXPECT_EQ(door_->roles, 1U);
  EXPECT_EQ(stacks_->get_template(kName).value().value(), before);
  EXPECT_EQ(fake_->stack_status(kName), "UPDATE_COMPLETE");
  EXPECT_TRUE(the_copy().opened);
  EXPECT_TRUE(the_copy().proven);
  Result<ports::SessionTarget> session = host_->session(owned());
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.error().code, Code::kRefused);
  must(host_->open(owned(), proof, grants, progress_));
  EXPECT_EQ(ours("UpdateStack"), 1);
  EXPECT_EQ(door_->opened, 1);
  must(host_->record_phase(owned(), Phase::kLive, {}));
  EXPECT_EQ(tag("yesterdaytabase:phase"), "live");
  EXPECT_EQ(tag("yesterdaytabase:copy"), kName) << "the update took no tag of ours away";
  must(host_->start(owned()));
  fake_->set_instance_status(kName, "stopped");
  EXPECT_FALSE(the_copy().running);
  Status stopped = host_->start(owned());
  EXPECT_EQ(stopped.error().code, Code::kUnsupported);
  EXPECT_THAT(stopped.error().hint, HasSubstr("aws rds start-db-instance"));
  fake_->set_instance_status(kName, "available");
  Status live = host_->remove(owned(), std::nullopt, progress_);
  ASSERT_FALSE(live.ok());
  EXPECT_EQ(live.error().code, Code::kRefused);
  EXPECT_THAT(fake_->instance_ids(), UnorderedElementsAre("shop", kName));
}

TEST_F(StackHostTest, a_tag_opens_nothing) {
  must(restore());
  must(rds_->add_tags_to_resource(instance()["DBInstanceArn"], {{"yesterdaytabase:phase", "proven"}}));
  EXPECT_EQ(the_copy().phase, Phase::kProven);
  EXPECT_FALSE(the_copy().proven);
  // A proof of ours, of this copy, of another instance.
  auto key = *model::public_key_of(signing_key_);
  model::SealedProof other = model::seal(proof_for("db-ANOTHER"), signing_key_).value();
  auto passed = model::PassedProof::verify(other.text, key, request().copy, "db-ANOTHER").value();
  EXPECT_EQ(host_->open(owned(), passed, {}, progress_).error().code, Code::kProof);
  // One of this very instance in our hand, but none that lies with it.
  std::string instance = host_->instance_of(request().copy).value();
  model::SealedProof good = model::seal(proof_for(instance), signing_key_).value();
  passed = model::PassedProof::verify(good.text, key, request().copy, instance).value();
  EXPECT_EQ(host_->open(owned(), passed, {}, progress_).error().code, Code::kProof);
  // And one that somebody else has signed.
  Secret theirs = model::new_signing_key();
  must(host_->store_proof(owned(), model::seal(proof_for(instance), theirs).value()));
  EXPECT_FALSE(the_copy().proven);
  EXPECT_FALSE(host_->open(owned(), passed, {}, progress_).ok());
  EXPECT_EQ(door_->opened, 0);
  EXPECT_EQ(ours("UpdateStack"), 0);
  EXPECT_THAT(groups(), ElementsAre("sg-quarantine"));
}

TEST_F(StackHostTest, evidence_and_proof_lie_under_the_very_instance) {
  must(restore());
  EXPECT_TRUE(host_->load_evidence(request().copy).value().defused.empty());
  model::Evidence evidence;
  evidence.defused = {"a subscription"};
  must(host_->store_evidence(owned(), evidence));
  EXPECT_THAT(host_->load_evidence(request().copy).value().defused, ElementsAre("a subscription"));
  (void)prove();
  std::string resource = instance()["DbiResourceId"];
  EXPECT_THAT(fake_->s3().keys("proofs"),
              ElementsAre("yesterdaytabase/shop/instances/" + resource + "/evidence.json",
                          "yesterdaytabase/shop/instances/" + resource + "/proof.json"));
  EXPECT_TRUE(host_->load_proof(request().copy).ok());
}

TEST_F(StackHostTest, a_damaged_record_is_one_copys_and_a_silent_bucket_is_nobodys) {
  must(restore());
  (void)prove();
  std::string resource = instance()["DbiResourceId"];
  fake_->s3().put("proofs", "yesterdaytabase/shop/instances/" + resource + "/proof.json", "{");
  EXPECT_FALSE(the_copy().proven);
  EXPECT_EQ(the_copy().phase, Phase::kProven);
  fake_->fail("GetObject", 1, {.kind = Fault::Kind::kAccessDenied});
  EXPECT_FALSE(host_->list().ok()) << "what could not be looked at is not known";
}

TEST_F(StackHostTest, removes_what_somebody_protected_and_is_gone_on_with) {
  must(restore());
  must([&]() -> Status {
    YTB_ASSIGN(auto changed, rds_->modify_db_instance({.id = kName, .deletion_protection = true}));
    return {};
  }());
  fake_->advance(std::chrono::minutes(5));
  model::Attempt tombstone;
  tombstone.snapshot = snapshot().id;
  tombstone.attempt = 1;
  tombstone.outcome = model::AttemptOutcome::kDeletedByPerson;
  Status status;
  int runs = 0;
  do {
    make_host();
    int sleeps = 0;
    clock_->on_sleep = [&] {
      if (++sleeps == 30) stop_->request();
    };
    status = host_->remove(owned(), tombstone, progress_);
    if (!status.ok()) {
      ASSERT_EQ(status.error().code, Code::kInterrupted) << to_string(status.error());
      if (list().empty()) break;
      EXPECT_EQ(the_copy().phase, Phase::kDeleting);
    }
    ASSERT_LT(++runs, 100);
  } while (!status.ok());
  clock_->on_sleep = nullptr;
  EXPECT_GT(runs, 2);
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_THAT(fake_->instance_ids(), ElementsAre("shop"));
  ASSERT_EQ(host_->attempts().value().size(), 1U);
  EXPECT_EQ(host_->attempts().value()[0].outcome, model::AttemptOutcome::kDeletedByPerson);
  EXPECT_THAT(fake_->s3().keys("proofs"), ElementsAre("yesterdaytabase/shop/attempts.json"));
  for (const auto& call : fake_->mutations()) EXPECT_NE(call.operation, "CreateDBSnapshot");
  expect_production_untouched();
}

TEST_F(StackHostTest, what_fails_while_aws_deletes_leaves_nothing_behind) {
  must(restore());
  must(host_->record_failure(owned(), Error{.code = Code::kPolicy, .message = "unjudged", .hint = {}}));
  clock_->on_sleep = [&] { stop_->request(); };
  EXPECT_EQ(host_->remove(owned(), std::nullopt, progress_).error().code, Code::kInterrupted);
  clock_->on_sleep = nullptr;
  make_host();
  must(host_->record_failure(
      owned(), Error{.code = Code::kExternal, .message = "throttled", .hint = {}, .retry = Retry::kLater}));
  EXPECT_EQ(the_copy().tries, 1);
  fake_->advance(std::chrono::hours(1));
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_THAT(fake_->s3().keys("proofs"), ElementsAre("yesterdaytabase/shop/attempts.json"));
}

TEST_F(StackHostTest, what_is_given_up_without_a_try_is_no_bug_of_ours) {
  must(restore());
  must(host_->record_phase(owned(), Phase::kFailed, "its proof does not verify"));
  EXPECT_EQ(the_copy().failure_code, Code::kExternal);
  EXPECT_EQ(the_copy().failure, "its proof does not verify");
}

TEST_F(StackHostTest, no_secret_is_in_what_is_recorded_or_told) {
  must(restore());
  std::string password(host_->session(owned())->password.reveal());
  ASSERT_EQ(password.size(), 32U);
  for (const auto& call : fake_->calls()) EXPECT_THAT(call.input, Not(HasSubstr(password)));
  EXPECT_THAT(stacks_->get_template(kName).value().value(), Not(HasSubstr(password)));
  const auto seen = instance();
  for (const auto& tag : seen["TagList"]) EXPECT_NE(tag["Value"], password);
}

// Any call may fail for as long as our caller is patient: nothing is done twice, and looking again helps.
TEST_F(StackHostTest, whatever_call_fails_and_however_the_next_run_goes_on) {
  constexpr Fault::Kind kKinds[] = {Fault::Kind::kThrottle,      Fault::Kind::kInternalError,
                                    Fault::Kind::kDropBefore,    Fault::Kind::kDropAfter,
                                    Fault::Kind::kTruncatedBody, Fault::Kind::kMalformed,
                                    Fault::Kind::kWrongRoot};
  constexpr int kStep = 13;  // coprime to the kinds: each kind meets all kinds of moments
  int calls = 1;
  for (int at = 1; at <= calls; at += kStep) {
    start(slow());
    for (int attempt = 0; attempt < 3; ++attempt)
      fake_->fail("*", at + attempt, {.kind = kKinds[static_cast<size_t>(at) % std::size(kKinds)]});
    SCOPED_TRACE(fmt::format("from call {} on", at));
    must(persist([&] { return restore(); }));
    model::Copy copy;
    must(persist([&]() -> Status {
      YTB_ASSIGN(auto copies, host_->list());
      copy = copies.at(0);
      return {};
    }));
    ASSERT_EQ(copy.phase, Phase::kRestored);
    std::string instance_id = instance()["DbiResourceId"];
    for (Phase phase : {Phase::kDefused, Phase::kMasked, Phase::kProven}) {
      // Done though no answer came: that is seen by looking.
      must(persist([&]() -> Status {
        Status recorded = host_->record_phase(owned(copy), phase, {});
        auto seen = host_->list();
        return seen.ok() && seen->at(0).phase == phase ? Status() : recorded;
      }));
      copy.phase = phase;
    }
    model::SealedProof sealed = model::seal(proof_for(instance_id), signing_key_).value();
    must(persist([&] { return host_->store_proof(owned(copy), sealed); }));
    auto proof =
        model::PassedProof::verify(sealed.text, *model::public_key_of(signing_key_), copy.id, instance_id)
            .value();
    must(persist([&] { return host_->open(owned(copy), proof, {}, progress_); }));
    EXPECT_THAT(groups(), UnorderedElementsAre("sg-quarantine", "sg-staging"));
    EXPECT_EQ(door_->opened, 1);
    EXPECT_EQ(instance()["DbiResourceId"], instance_id) << "never replaced";
    must(persist([&] {
      Status removed = host_->remove(owned(copy), std::nullopt, progress_);
      if (auto left = host_->list(); !removed.ok() && left.ok() && !left->empty())
        copy.phase = left->at(0).phase;
      return removed;
    }));
    EXPECT_THAT(fake_->instance_ids(), ElementsAre("shop"));
    EXPECT_EQ(fake_->stack_status(kName), "");
    int restores = 0;
    for (const auto& call : fake_->mutations())
      restores += call.operation == "RestoreDBInstanceFromDBSnapshot" ? 1 : 0;
    EXPECT_EQ(restores, 1);
    expect_production_untouched();
    if (at == 1) calls = static_cast<int>(fake_->calls().size());
    if (HasFailure()) break;
  }
  EXPECT_GT(calls, 50);
}

TEST_F(StackHostTest, an_opening_that_is_rolled_back_is_told_and_tried_again) {
  must(restore());
  model::PassedProof proof = prove();
  fake_->fail_next_change("AWS::RDS::DBInstance", "the group sg-staging is in another VPC");
  Status status = host_->open(owned(), proof, {}, progress_);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message,
              HasSubstr("UPDATE_ROLLBACK_COMPLETE: Instance: the group sg-staging is in another VPC"));
  EXPECT_EQ(status.error().retry, Retry::kLater);
  EXPECT_THAT(groups(), ElementsAre("sg-quarantine"));
  fake_->advance(std::chrono::minutes(5));
  must(persist([&] { return host_->open(owned(), proof, {}, progress_); }));
  EXPECT_THAT(groups(), UnorderedElementsAre("sg-quarantine", "sg-staging"));
  EXPECT_EQ(door_->opened, 1);
}

TEST_F(StackHostTest, a_record_that_was_read_late_is_not_written_back) {
  must(restore());
  model::OwnedCopy restored = owned();
  must(host_->record_inputs(restored, "digest"));
  auto writes = [&] {
    std::string last;
    for (const auto& call : fake_->calls()) {
      if (call.operation == "AddTagsToResource" && call.principal.ends_with("user/tester")) last = call.input;
    }
    return last;
  };
  EXPECT_THAT(writes(), HasSubstr("yesterdaytabase:inputs"));
  EXPECT_THAT(writes(), Not(HasSubstr("yesterdaytabase:phase")));
  must(host_->record_phase(restored, Phase::kDefused, {}));
  EXPECT_THAT(writes(), HasSubstr("yesterdaytabase:phase"));
  EXPECT_THAT(writes(), Not(HasSubstr("yesterdaytabase:inputs")));
  EXPECT_EQ(the_copy().inputs, "digest");
}

TEST_F(StackHostTest, a_look_costs_as_much_for_many_copies_as_for_one) {
  must(restore());
  int before = fake_->count("DescribeDBInstances") + fake_->count("DescribeStacks");
  (void)list();
  EXPECT_EQ(fake_->count("DescribeDBInstances") + fake_->count("DescribeStacks") - before, 2);
}

}  // namespace
}  // namespace ytb::rds
