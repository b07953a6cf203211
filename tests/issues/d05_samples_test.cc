// D5: of a JSON document 200 bytes were sampled, and it was then called unparsable; a document that is a list
// gave no paths; partitioned tables were not sampled at all; "08:30:00" passed for an IP address.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class D05 : public ::testing::Test {
 protected:
  std::string proposal(const std::string& sql) {
    scenario_.production().run("shop", sql);
    const std::string file = scenario_.home() + "/proposal.yaml";
    const RunResult proposed = scenario_.ytb({"policy", "propose", "--out", file});
    EXPECT_EQ(proposed.status, 0) << proposed.err;
    said_ = proposed.out;
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  Scenario scenario_;
  std::string said_;
};

TEST_F(D05, DocumentsAreReadWhole) {
  const std::string policy = proposal(R"(
    CREATE TABLE docs (long jsonb, list jsonb, nested json, huge jsonb);
    INSERT INTO docs SELECT
      jsonb_build_object('aa_version', 1, 'padding', repeat('x', 5000), 'zz_contact', jsonb_build_object('email', 'a' || g || '@raw.test')),
      jsonb_build_array(jsonb_build_object('phone', '+49 30 90182' || g, 'status', 'open'), jsonb_build_object('first_name', 'Ann')),
      json_build_object('orders', json_build_array(json_build_object('lines', json_build_array(json_build_object('customer', json_build_object('name', 'Ann Lee'), 'sku', 'x'))))),
      jsonb_build_object('email', 'a' || g || '@raw.test', 'zzzzzz', repeat(md5(g::text), 20000))
    FROM generate_series(1, 30) g;)");
  EXPECT_THAT(policy, HasSubstr(R"("$.zz_contact.email": email)"));
  EXPECT_THAT(policy, HasSubstr(R"("$.aa_version": keep)"));
  EXPECT_THAT(policy, HasSubstr(R"("$[*].phone": phone)"));
  EXPECT_THAT(policy, HasSubstr(R"("$[*].status": keep)"));
  EXPECT_THAT(policy, HasSubstr(R"("$[*].first_name": first_name)"));
  EXPECT_THAT(policy, HasSubstr(R"("$.orders[*].lines[*].customer.name": person_name)"));
  // Longer than what is sampled: what there is is used.
  EXPECT_THAT(policy, HasSubstr(R"(huge: {json: {"$.email": email)"));
  EXPECT_THAT(policy, HasSubstr("30 documents are too long to be read whole"));
  // It can be used as it is.
  std::ofstream(scenario_.policy_file()) << policy;
  EXPECT_THAT(scenario_.ytb({"policy", "check"}).out, Not(HasSubstr("docs")));
}

TEST_F(D05, PartitionedTablesAreSampled) {
  const std::string policy = proposal(R"(
    CREATE EXTENSION postgres_fdw;
    CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere.invalid');
    CREATE TABLE events (day date, who text, x text) PARTITION BY RANGE (day);
    CREATE TABLE e1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE e2 (x text, who text, day date);
    ALTER TABLE events ATTACH PARTITION e2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
    CREATE TABLE e3 PARTITION OF events FOR VALUES FROM ('2026-03-01') TO ('2026-05-01') PARTITION BY RANGE (day);
    CREATE TABLE e31 PARTITION OF e3 FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
    CREATE FOREIGN TABLE e4 PARTITION OF events FOR VALUES FROM ('2026-06-01') TO ('2026-07-01') SERVER far;
    INSERT INTO events SELECT '2026-02-10', 'a' || g || '@raw.test', 'x' FROM generate_series(1, 20) g;
    INSERT INTO events SELECT '2026-03-10', 'b' || g || '@raw.test', 'x' FROM generate_series(1, 20) g;)");
  EXPECT_THAT(policy, HasSubstr("who: email"));
  EXPECT_THAT(policy, HasSubstr("40 of 40 samples look like e-mail addresses"));
  EXPECT_THAT(said_, HasSubstr("of each table"));
}

// Who was granted the parent alone reads through it.
TEST_F(D05, PartitionsThatMayNotBeReadAreReadThroughTheirParent) {
  scenario_.production().run("shop", R"(
    CREATE TABLE events (day date, who text) PARTITION BY RANGE (day);
    CREATE TABLE e1 PARTITION OF events DEFAULT;
    INSERT INTO events SELECT '2026-02-10', 'a' || g || '@raw.test' FROM generate_series(1, 20) g;
    CREATE ROLE plain LOGIN;
    GRANT SELECT ON events TO plain;)");
  std::ifstream in(scenario_.config_file());
  std::string config{std::istreambuf_iterator<char>(in), {}};
  const size_t user = config.find("user=");
  ASSERT_NE(user, std::string::npos);
  const size_t end = config.find_first_of(" \"", user);
  config.replace(user, end - user, "user=plain");
  std::ofstream(scenario_.config_file(), std::ios::trunc) << config;
  EXPECT_THAT(proposal("SELECT 1"), HasSubstr("20 of 20 samples look like e-mail addresses"));
}

TEST_F(D05, DomainsAndTimesAndHardwareAddresses) {
  const std::string policy = proposal(R"(
    CREATE DOMAIN address AS text CHECK (VALUE ~ '@');
    CREATE DOMAIN work_address AS address;
    CREATE DOMAIN years AS integer CHECK (VALUE > 0);
    CREATE DOMAIN document AS jsonb;
    CREATE TABLE t (a work_address, age years, d document, opens text, card_reader text, peer text);
    INSERT INTO t SELECT 'a' || g || '@raw.test', 30, '{"email": "a@raw.test"}', '08:30:0' || g % 10,
      '00:1b:44:11:3a:b' || g % 10, '2001:db8::' || g FROM generate_series(1, 30) g;)");
  EXPECT_THAT(policy, HasSubstr("a: email"));
  EXPECT_THAT(policy, HasSubstr("age: {number_noise: {absolute: 3}}"));
  EXPECT_THAT(policy, HasSubstr(R"(d: {json: {"$.email": email}})"));
  EXPECT_THAT(policy, HasSubstr("opens: judge"));
  EXPECT_THAT(policy, HasSubstr("card_reader: hash"));
  EXPECT_THAT(policy, HasSubstr("30 of 30 samples look like MAC addresses"));
  EXPECT_THAT(policy, HasSubstr("peer: ip"));
}

}  // namespace
}  // namespace ytb::testing
