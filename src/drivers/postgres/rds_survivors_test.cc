// The search for originals with a master's rights: what each place holds is found there, by its name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/postgres/rds_testing.h"
#include "masking/needles.h"
#include "masking/originals.h"

namespace ytb::postgres {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr const char* kShop = R"(
  CREATE TABLE people (id int PRIMARY KEY, email text);
  INSERT INTO people SELECT i, 'person' || i || '@corp.example' FROM generate_series(1, 200) i;
  CREATE TABLE notes (id int PRIMARY KEY, body text); INSERT INTO notes VALUES (1, 'nothing');
  CREATE TABLE kinds (id int PRIMARY KEY, label text); INSERT INTO kinds VALUES (1, 'small');
  ANALYZE people; ANALYZE notes; ANALYZE kinds
)";

class RdsSurvivors : public RdsTest {
 protected:
  // A copy of a shop in which `script` was run, masked, and searched: the places that hold originals.
  std::vector<std::string> search(const std::string& script) {
    make_copy({{"autovacuum", "off"}});
    cluster_->run("postgres", "CREATE DATABASE shop OWNER app_owner");
    cluster_->run("shop", "GRANT ALL ON SCHEMA public TO app_owner");
    cluster_->run("shop", std::string("SET SESSION AUTHORIZATION app_owner; ") + kShop);
    cluster_->run("shop", "SET SESSION AUTHORIZATION app_owner; " + script);
    claim();
    defuse();
    auto catalog = engine_.catalog(target_);
    EXPECT_TRUE(catalog.ok());
    masking::MaskingPlan plan =
        plan_for(*catalog, {{"public.people.email", "email"}, {"public.people.birth_date", "null"}});
    for (masking::DatabasePlan& database : plan.databases)
      database.large_objects = masking::LargeObjects::kKeep;
    masking::NeedleSamples samples(50);
    std::vector<uint64_t> spool;
    std::mutex mutex;
    masking::Originals originals(
        Secret(std::string(masking::Originals::kKeyBytes, 'k')),
        [&](std::span<const uint64_t> digests) -> Status {
          std::lock_guard lock(mutex);
          spool.insert(spool.end(), digests.begin(), digests.end());
          return {};
        },
        &samples);
    ports::Remembering remember{.originals = originals};
    auto evidence = engine_.mask(target_,
                                 {.plan = plan,
                                  .key = key_,
                                  .spool_directory = spool_,
                                  .workers = 2,
                                  .pages_bytes_min = 0,
                                  .remember = &remember},
                                 progress_, stop_);
    EXPECT_TRUE(evidence.ok()) << (evidence.ok() ? "" : to_string(evidence.error()));
    if (!evidence.ok()) return {"<not masked>"};
    EXPECT_GE(spool.size(), 200U);
    originals.make_filter(spool.size(), 1 << 20);
    originals.add_to_filter(spool);
    masking::SurvivorCandidates candidates;
    ports::SurvivorSearch search{.originals = originals, .candidates = candidates, .samples = samples};
    auto checks = engine_.verify(target_,
                                 {.plan = &plan,
                                  .evidence = *evidence,
                                  .sql_checks = {},
                                  .access = {},
                                  .admin_role = admin_role_,
                                  .survivors = &search},
                                 progress_, stop_);
    EXPECT_TRUE(checks.ok()) << (checks.ok() ? "" : to_string(checks.error()));
    if (!checks.ok()) return {"<not verified>"};
    EXPECT_EQ(bad(*checks), "");
    EXPECT_TRUE(search.files_closed);
    unread_ = search.unread;
    candidates.confirm(spool);
    std::vector<std::string> places;
    for (const auto& [place, found] : candidates.survivors()) places.push_back(search.places.at(place));
    return places;
  }

  std::vector<std::string> unread_;
};

TEST_F(RdsSurvivors, FindsNothingWhereNothingIs) { EXPECT_THAT(search("SELECT 1"), ElementsAre()); }

TEST_F(RdsSurvivors, FindsRowsWhicheverWayTheyAreKept) {
  EXPECT_THAT(search(R"(
    INSERT INTO notes VALUES (2, 'call person7@corp.example back');
    CREATE TABLE guarded (id int, who text); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    ALTER TABLE guarded FORCE ROW LEVEL SECURITY; CREATE POLICY nobody ON guarded USING (false);
    ALTER TABLE guarded NO FORCE ROW LEVEL SECURITY; INSERT INTO guarded VALUES (1, 'person8@corp.example');
    ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
    CREATE TABLE parts (id int, who text[]) PARTITION BY RANGE (id);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
    INSERT INTO parts VALUES (1, '{nobody,person9@corp.example}');
    CREATE MATERIALIZED VIEW seen AS SELECT body || '' AS body FROM notes)"),
              UnorderedElementsAre("shop public.notes.body", "shop public.guarded.who",
                                   "shop public.parts_1.who", "shop public.seen.body"));
}

TEST_F(RdsSurvivors, FindsDefinitionsCommentsAndSettings) {
  EXPECT_THAT(search(R"(
    CREATE VIEW special AS SELECT id FROM notes WHERE body = 'person7@corp.example';
    COMMENT ON TABLE kinds IS 'asked for by person8@corp.example';
    ALTER TABLE kinds ALTER label SET DEFAULT 'person9@corp.example')"),
              UnorderedElementsAre(HasSubstr("view public.special"), HasSubstr("comment on table"),
                                   HasSubstr("default value for column label")));
}

TEST_F(RdsSurvivors, FindsStatisticsOfRowsThatAreGone) {
  const std::vector<std::string> places = search(R"(
    ALTER TABLE people ADD birth_date date; UPDATE people SET birth_date = '1950-01-01'::date + id;
    CREATE TABLE listed (id int, mails text[]);
    INSERT INTO listed SELECT i, '{nobody,person9@corp.example}' FROM generate_series(1, 100) i; ANALYZE listed;
    UPDATE listed SET mails = '{}';
    CREATE TABLE said (id int, label text, doc jsonb, birth_date date);
    INSERT INTO said SELECT i, CASE WHEN i % 2 = 0 THEN 'person7@corp.example' ELSE 'x' END,
      CASE WHEN i % 2 = 0 THEN '{"to": "person8@corp.example"}' ELSE '{}' END::jsonb, '1950-01-08' FROM
      generate_series(1, 100) i;
    CREATE STATISTICS together (mcv) ON label, birth_date FROM said; ANALYZE said;
    UPDATE said SET label = 'x', doc = '{}', birth_date = '2000-01-01')");
  EXPECT_THAT(places, UnorderedElementsAre("shop statistics of public.said.label",
                                           "shop statistics of public.said.doc",
                                           "shop statistics of public.said.birth_date",
                                           "shop statistics of public.said.together",
                                           "shop statistics of public.listed.mails"));
}

TEST_F(RdsSurvivors, FindsStatisticsOfExpressions) {
  if (testing::postgres_major() < 14) GTEST_SKIP() << "statistics of expressions came with PostgreSQL 14";
  EXPECT_THAT(
      search(R"(
    CREATE TABLE said (id int, label text);
    INSERT INTO said SELECT i, 'PERSON7@CORP.EXAMPLE' FROM generate_series(1, 100) i;
    CREATE STATISTICS lowered ON (label || '') FROM said; CREATE INDEX of_said ON said ((label || '.')); ANALYZE said;
    UPDATE said SET label = 'x')"),
      AllOf(Contains("shop statistics of public.said.lowered"),
            Contains("shop statistics of public.said.label"), Not(Contains("shop public.said.label"))));
}

TEST_F(RdsSurvivors, FindsLargeObjectsInEveryPieceOfThem) {
  // The second lies across the end of the first sixteen megabytes.
  EXPECT_THAT(search(R"(
    SELECT lo_from_bytea(0, 'about person7@corp.example, a customer');
    CREATE TABLE large (oid oid); INSERT INTO large SELECT lo_from_bytea(0, 'x');
    SELECT lo_put(oid, 16777206, ' person8@corp.example '), lo_put(oid, 20000000, 'end') FROM large;
    SELECT lo_from_bytea(0, '\x000102'), lo_from_bytea(0, ''))"),
              ElementsAre("shop large objects"));
  EXPECT_THAT(unread_, ElementsAre());
}

}  // namespace
}  // namespace ytb::postgres
