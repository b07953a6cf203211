// S13: data in definitions (defaults, CHECKs, enum labels, comments, bodies of functions and views) passed
// without a word.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class S13 : public ::testing::Test {
 protected:
  std::string check(const std::string& definitions) {
    scenario_.production().run("shop", R"(
      CREATE TABLE users (id int PRIMARY KEY, email text, plan text);
      INSERT INTO users VALUES (1, 'eve@real.test', 'free');)" +
                                           definitions);
    scenario_.write_policy(
        "    public.users: {id: keep, email: email, plan: keep}\n    public.parts: keep\n");
    scenario_.accept();
    const RunResult result = scenario_.ytb({"policy", "check"});
    EXPECT_EQ(result.status, 0) << result.out << result.err;
    const std::string said = result.out + result.err;
    EXPECT_THAT(said, Not(HasSubstr("planted")));
    return said;
  }

  Scenario scenario_;
};

TEST_F(S13, DefinitionsThatSeemToHoldDataAreListed) {
  const std::string said = check(R"(
    CREATE TABLE parts (id int) PARTITION BY RANGE (id);
    ALTER TABLE users ALTER plan SET DEFAULT 'planted-default@real.test';
    ALTER TABLE users ADD CONSTRAINT known CHECK (email <> 'planted-check@real.test');
    CREATE TYPE who AS ENUM ('planted-label@real.test', 'other');
    COMMENT ON TABLE users IS 'ask planted-comment@real.test';
    CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 'planted-body@real.test' $$;
    CREATE VIEW v AS SELECT id FROM users WHERE email = 'planted-view@real.test';)");
  for (const char* object : {"default value for column plan of table public.users",
                             "constraint known on table", "labels of type public.who",
                             "comment on table public.users", "function public.f()", "view public.v"}) {
    EXPECT_THAT(said, HasSubstr(object));
  }
}

TEST_F(S13, SoArePoliciesIndexesBoundsAndComments) {
  const std::string said = check(R"(
    CREATE TABLE parts (mail text) PARTITION BY LIST (mail);
    CREATE TABLE one PARTITION OF parts FOR VALUES IN ('planted-bound@real.test');
    CREATE POLICY mine ON users USING (email = 'planted-policy@real.test');
    CREATE INDEX one_user ON users (id) WHERE email = 'planted-predicate@real.test';
    CREATE ROLE api; COMMENT ON ROLE api IS 'of planted-role@real.test';
    COMMENT ON DATABASE shop IS 'planted-database@real.test';)");
  for (const char* object : {"bounds of table public.one", "policy mine on table public.users",
                             "index public.one_user", "comment on role api", "comment on database shop"}) {
    EXPECT_THAT(said, HasSubstr(object));
  }
}

TEST_F(S13, SecretsAreAndOrdinaryOnesAreNot) {
  const std::string said = check(R"(
    CREATE TABLE parts (id int) PARTITION BY RANGE (id);
    CREATE FUNCTION login() RETURNS text LANGUAGE plpgsql AS
      $$ DECLARE api_token text := 'planted-0123456789'; BEGIN RETURN api_token; END $$;
    CREATE FUNCTION plain() RETURNS text LANGUAGE sql AS $$ SELECT 'mark' || 'https://example.com/x' $$;
    COMMENT ON COLUMN users.plan IS 'which of our plans';)");
  EXPECT_THAT(said, HasSubstr("function public.login() in shop seems to hold a password, key or token"));
  EXPECT_THAT(said, Not(HasSubstr("public.plain")));
  EXPECT_THAT(said, Not(HasSubstr("column plan")));
}

}  // namespace
}  // namespace ytb::testing
