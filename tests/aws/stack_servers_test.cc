// A copy on AWS from its restore to its end, with real servers behind the fake's instances: the door, the
// engine and the security groups are what they are in earnest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include "base/json.h"
#include "drivers/postgres/engine_testing.h"
#include "drivers/postgres/rds_access.h"
#include "drivers/rds/stack_testing.h"
#include "tests/fakes/aws/postgres_backend.h"

namespace ytb::rds {
namespace {

using fakes::aws::PostgresBackend;
using model::Phase;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kName = "shop-yesterday-20261122-060000-1";

// The first value, or the error.
std::string ask(const std::string& target, const std::string& sql) {
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(target.c_str()), &PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) return PQerrorMessage(connection.get());
  std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql.c_str()), &PQclear);
  if (PQresultStatus(result.get()) == PGRES_TUPLES_OK) return PQgetvalue(result.get(), 0, 0);
  return PQerrorMessage(connection.get());
}

class StackServers : public StackTest {
 protected:
  void SetUp() override {
    if (!fakes::aws::FakeAws::available().empty()) GTEST_SKIP() << fakes::aws::FakeAws::available();
    if (!PostgresBackend::available().empty()) GTEST_SKIP() << PostgresBackend::available();
    backend_ = std::make_shared<PostgresBackend>();
    backend_->allow("sg-quarantine", {"127.0.0.1"});
    backend_->allow("sg-staging", {"127.9.0.1"});
    backend_->allow("sg-production", {"127.0.0.1"});
    fakes::aws::Settings settings = slow();
    settings.backend = backend_;
    data_ = backend_->make_data(
        "master", "production-password", "shop",
        "CREATE TABLE users (id int PRIMARY KEY, email text); INSERT INTO users SELECT i, "
        "'ann' || i || '@corp.test' FROM generate_series(1, 100) i");
    ASSERT_FALSE(data_.empty());
    start(std::move(settings));
  }
  StackOptions options() override {
    StackOptions given = StackTest::options();
    given.copies.ca_bundle = backend_->ca_bundle();
    given.spool_directory = spools_.path() + "/spools";
    return given;
  }
  ports::Door& door() override { return rds_door_; }
  std::string login(const std::string& id, const std::string& user, const std::string& password,
                    const std::string& more = "") {
    nlohmann::json there = instance(id)["Endpoint"];
    return "host=" + there["Address"].get<std::string>() +
           " port=" + std::to_string(there["Port"].get<int>()) + " user=" + user + " password=" + password +
           " dbname=shop sslmode=verify-full sslrootcert=" + backend_->ca_bundle() + " " + more;
  }
  // Everything between restore and open, by the real engine; the proof signed with the test's key.
  model::PassedProof mask_and_prove(const std::vector<model::AccessRole>& access) {
    postgres::PostgresEngine engine(postgres::Profile::kRds);
    masking::MaskingKey key(Secret("0123456789abcdef0123456789abcdef"));
    ports::SessionTarget target = host_->session(owned()).value();
    model::Evidence evidence = engine.defuse(target, access).value();
    must(host_->record_phase(owned(), Phase::kDefused, {}));
    masking::Catalog catalog = engine.catalog(target).value();
    masking::MaskingPlan plan = postgres::plan_for(catalog, {{"public.users.email", "email"}});
    std::string spool = host_->spool_directory(owned()).value();
    model::Evidence masked =
        engine
            .mask(target, {.plan = plan, .key = key, .spool_directory = spool, .workers = 1}, progress_,
                  *stop_)
            .value();
    masked.defused = evidence.defused;
    must(host_->store_evidence(owned(), masked));
    must(host_->record_phase(owned(), Phase::kMasked, {}));
    std::vector<model::Check> checks = engine
                                           .verify(target,
                                                   {.plan = &plan,
                                                    .evidence = host_->load_evidence(request().copy).value(),
                                                    .sql_checks = {},
                                                    .access = access,
                                                    .admin_role = "master"},
                                                   progress_, *stop_)
                                           .value();
    std::string instance = host_->instance_of(request().copy).value();
    model::Proof proof = proof_for(instance);
    proof.checks = std::move(checks);
    proof.evidence = masked;
    model::SealedProof sealed = model::seal(proof, signing_key_).value();
    must(host_->store_proof(owned(), sealed));
    must(host_->record_phase(owned(), Phase::kProven, {}));
    return model::PassedProof::verify(sealed.text, *model::public_key_of(signing_key_), request().copy,
                                      instance)
        .value();
  }

  testing::TempFolder spools_;
  std::shared_ptr<PostgresBackend> backend_;
  postgres::RdsDoor rds_door_;
};

TEST_F(StackServers, a_copy_lives_behind_its_door_until_it_is_proven_and_leaves_nothing) {
  must(restore());
  fakes::aws::Door staging_network("127.9.0.1", instance(kName)["Endpoint"]["Address"],
                                   instance(kName)["Endpoint"]["Port"]);
  const std::string from_staging = "hostaddr=127.0.0.1 port=" + std::to_string(staging_network.port());
  // Production's logins are worth nothing in it, and staging's network does not reach it.
  EXPECT_THAT(ask(login(kName, "master", "production-password"), "SELECT 1"),
              HasSubstr("password authentication failed"));
  EXPECT_THAT(ask(login(kName, "master", "production-password", from_staging), "SELECT 1"),
              HasSubstr("no pg_hba.conf entry"));
  EXPECT_EQ(instance(kName)["BackupRetentionPeriod"], 0);

  model::AccessRole staging{
      .name = "staging", .password = {}, .member_of = {}, .from = {}, .existing = false};
  model::PassedProof proof = mask_and_prove({staging});
  std::vector<ports::AccessGrant> grants;
  grants.push_back({.role = staging, .password = Secret("staging-password")});
  const std::string as_staging = login(kName, "staging", "staging-password", from_staging);
  EXPECT_THAT(ask(as_staging, "SELECT 1"), HasSubstr("no pg_hba.conf entry"));
  // Ended between the roles and the network: no closed copy any more, and not open yet. The next run opens
  // it.
  fake_->fail("UpdateStack", 1, {.kind = fakes::aws::Fault::Kind::kAccessDenied});
  ASSERT_FALSE(host_->open(owned(), proof, grants, progress_).ok());
  EXPECT_FALSE(the_copy().opened);
  Result<ports::SessionTarget> session = host_->session(owned());
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.error().code, Code::kRefused);
  EXPECT_THAT(ask(as_staging, "SELECT 1"), HasSubstr("no pg_hba.conf entry"));
  must(host_->open(owned(), proof, grants, progress_));
  EXPECT_TRUE(the_copy().opened);
  std::string said;
  // The server re-reads its file a moment after it is told to.
  for (int i = 0; i < 50 && said != "staging"; ++i) said = ask(as_staging, "SELECT current_user");
  EXPECT_EQ(said, "staging");
  must(host_->open(owned(), proof, grants, progress_));
  EXPECT_EQ(ours("UpdateStack"), 1) << "the denied one did not count";
  EXPECT_FALSE(host_->session(owned()).ok());
  const std::string as_master = login(kName, "master", "production-password");
  EXPECT_THAT(ask(as_master, "SELECT 1"), HasSubstr("password authentication failed"));
  EXPECT_EQ(ask(backend_->admin_connection(kName, "shop"),
                "SELECT count(*) FROM users WHERE email LIKE '%@corp.test'"),
            "0");
  EXPECT_EQ(ask(backend_->admin_connection(kName, "shop"), "SELECT count(*) FROM users"), "100");

  must(host_->record_phase(owned(), Phase::kLive, {}));
  EXPECT_EQ(host_->remove(owned(), std::nullopt, progress_).error().code, Code::kRefused);
  must(host_->record_phase(owned(), Phase::kDraining, {}));
  must(host_->remove(owned(), std::nullopt, progress_));
  EXPECT_TRUE(list().empty());
  EXPECT_THAT(fake_->instance_ids(), ElementsAre("shop"));
  EXPECT_EQ(fake_->stack_status(kName), "");
  EXPECT_EQ(std::filesystem::exists(spools_.path() + "/spools/" + kName), false);
  // Production is as it was, and nobody has asked for anything of it to change.
  EXPECT_EQ(ask(login("shop", "master", "production-password"), "SELECT email FROM users WHERE id = 1"),
            "ann1@corp.test");
  for (const auto& call : fake_->mutations()) {
    EXPECT_NE(call.target, "db:shop") << call.operation;
    EXPECT_NE(call.target, "snapshot:rds:shop-2026-11-22-06-00") << call.operation;
    EXPECT_NE(call.operation, "CreateDBSnapshot");
  }
}

}  // namespace
}  // namespace ytb::rds
