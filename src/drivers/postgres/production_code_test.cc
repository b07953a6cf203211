// What the catalogs cannot be made to say by SQL, or only with what a restore refuses: asked of the query
// itself.
#include "drivers/postgres/production_code.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/postgres_cluster.h"

namespace ytb::postgres {
namespace {

using ::testing::IsEmpty;
using testing::PostgresCluster;
using ::testing::SizeIs;

class ProductionCode : public ::testing::Test {
 protected:
  void SetUp() override {
    PostgresCluster::Options options;
    options.settings = {{"jit", "off"}};  // as in a copy
    cluster_ = PostgresCluster::make(options);
    ASSERT_NE(cluster_, nullptr);
  }
  CodedDefinitions found() {
    ports::SessionTarget target{
        .parameters = {{"connection", cluster_->connection()}}, .password = {}, .label = "p"};
    auto session = Connection::open(target, "postgres", SessionKind::kProduction);
    EXPECT_TRUE(session.ok());
    auto coded = coded_definitions(*session);
    EXPECT_TRUE(coded.ok()) << coded.error().message;
    return coded.ok() ? *coded : CodedDefinitions{};
  }
  // The tree of `edited`'s generated column becomes what `expression` makes of it.
  void edit(std::string_view expression) {
    cluster_->run("postgres", fmt::format(R"sql(SET allow_system_table_mods = on;
      INSERT INTO pg_cast VALUES (90003, 'text'::regtype, 'pg_node_tree'::regtype, 0, 'e', 'b');
      UPDATE pg_attrdef SET adbin = ({})::pg_node_tree WHERE adrelid = 'edited'::regclass;
      DELETE FROM pg_cast WHERE oid = 90003;)sql",
                                          expression));
  }
  std::unique_ptr<PostgresCluster> cluster_;
};

TEST_F(ProductionCode, is_not_in_what_ordinary_schemas_compute) {
  cluster_->run("postgres", R"sql(
    CREATE TYPE mood AS ENUM ('glad', 'sad');
    CREATE DOMAIN past AS date CHECK (VALUE <= CURRENT_DATE);
    CREATE TABLE plain (id int, a text, m mood, d past, j jsonb, ts timestamptz, tags text[], o oid, v varchar(20),
      r int4range, q int,
      g1 text GENERATED ALWAYS AS (lower(a)) STORED,
      g2 tsvector GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, coalesce(a, '') || ' ' || v)) STORED,
      g3 timestamp GENERATED ALWAYS AS (date_trunc('day', ts AT TIME ZONE 'UTC')) STORED,
      g4 text GENERATED ALWAYS AS (md5(j->>'x') || (j #>> '{a,b}')) STORED,
      g5 bool GENERATED ALWAYS AS (q IN (1, 2, 3) AND (a, q) < ('x', 5) AND NOT a = 'y' AND a IS DISTINCT FROM v) STORED,
      g6 text GENERATED ALWAYS AS (NULLIF(a, '') || q::text || 12.5::text || (q::float8 * 1e-30)::int::text) STORED,
      g7 bool GENERATED ALWAYS AS (o = 4200000000::oid OR tags @> ARRAY['a', E'\n\t 007 { +5'] OR r @> 5) STORED,
      g8 int GENERATED ALWAYS AS (CASE m WHEN 'glad' THEN 1 ELSE (q * 4000000000 % 7)::int END) STORED);
    CREATE INDEX ON plain (lower(a)) WHERE ts > '2020-01-01';
    CREATE INDEX ON plain USING gin (to_tsvector('english', a));
    CREATE INDEX ON plain USING gin (tags);
    CREATE INDEX ON plain USING gin (j jsonb_path_ops);
    CREATE INDEX ON plain USING gist (r);
    CREATE INDEX ON plain USING brin (d);
    CREATE INDEX ON plain USING hash (v);
    CREATE INDEX ON plain (m, o))sql");
  const CodedDefinitions coded = found();
  EXPECT_THAT(coded.columns, IsEmpty());
  EXPECT_THAT(coded.indexes, IsEmpty());
  EXPECT_THAT(coded.statistics, IsEmpty());
  EXPECT_THAT(coded.tables, IsEmpty());
}

// The function of this operator, in SQL, casts whatever it is given to text.
TEST_F(ProductionCode, is_called_by_an_operator_that_is_not_immutable) {
  cluster_->run("postgres", R"sql(
    CREATE TYPE mood AS ENUM ('glad');
    CREATE TABLE edited (id int, c text, m mood, g text GENERATED ALWAYS AS (c || 'x') STORED))sql");
  EXPECT_THAT(found().columns, IsEmpty());
  edit(R"sql(replace(replace(replace(adbin::text, ':opno 654 :opfuncid 1258',
    ':opno ' || (SELECT oid FROM pg_operator WHERE oprcode = 'anytextcat'::regproc) || ' :opfuncid 0'),
    ':varattno 2 :vartype 25', ':varattno 3 :vartype ' || 'mood'::regtype::oid), ':varattnosyn 2',
    ':varattnosyn 3'))sql");
  EXPECT_THAT(found().columns, SizeIs(1));
}

// A function in SQL looks for casts of what it is given, whoever calls it.
TEST_F(ProductionCode, is_a_cast_of_a_type) {
  cluster_->run("postgres", R"sql(
    CREATE TYPE mood AS ENUM ('glad');
    CREATE TABLE kept (m mood, g bool GENERATED ALWAYS AS (m = 'glad') STORED))sql");
  EXPECT_THAT(found().columns, IsEmpty());
  cluster_->run("postgres", R"sql(
    CREATE FUNCTION say(m mood) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN ''; END $$;
    CREATE CAST (mood AS text) WITH FUNCTION say(mood))sql");
  EXPECT_THAT(found().columns, SizeIs(1));
}

// The server reads a number as strtoul() does, and passes over what a field is called.
TEST_F(ProductionCode, is_in_a_tree_that_is_not_spelled_as_the_server_spells_it) {
  const auto before = [&](std::string_view expression) {
    cluster_->run("postgres", fmt::format("DROP TABLE IF EXISTS edited; CREATE TABLE edited (c text, g text "
                                          "GENERATED ALWAYS AS ({}) STORED)",
                                          expression));
    EXPECT_THAT(found().columns, IsEmpty());
  };
  for (const char* spelled : {"' :funcid 0'", "' :funcid +'", "' :funcid ' || chr(13)", "' :location '",
                              "'  :funcid '", "' :funcid 4294967296.'"}) {
    before("lower(c)");
    edit(fmt::format("replace(adbin::text, ' :funcid ', {})", spelled));
    EXPECT_THAT(found().columns, SizeIs(1)) << spelled;
  }
  for (const char* spelled : {"'{ OPEXPR :opno '", "'{OPEXPR :location '", "'{OPEXPR :opno 0'"}) {
    before("c || 'x'");
    edit(fmt::format("replace(adbin::text, '{{OPEXPR :opno ', {})", spelled));
    EXPECT_THAT(found().columns, SizeIs(1)) << spelled;
  }
}

}  // namespace
}  // namespace ytb::postgres
