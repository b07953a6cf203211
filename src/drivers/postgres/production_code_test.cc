// What the catalogs cannot be made to say by SQL, or only with what a restore refuses: asked of the query
// itself.
#include "drivers/postgres/production_code.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "tests/postgres_cluster.h"

namespace ytb::postgres {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using testing::postgres_major;
using testing::PostgresCluster;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

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

// What the server does for each of many rows: asking a subquery that is not hashed, or walking the whole
// inner side of a nested loop that no index, function or list bounds.
std::vector<std::string> products_in(const std::vector<std::vector<std::string>>& plan) {
  std::vector<std::string> found;
  std::vector<std::pair<size_t, int>> loops;  // nested loops that we are in: indentation, children seen
  for (const auto& row : plan) {
    const std::string& line = row[0];
    for (size_t at = line.find("SubPlan "); at != std::string::npos; at = line.find("SubPlan ", at + 1)) {
      const bool heading = line.find_first_not_of(' ') == at;
      if (!heading && (at < 7 || line.compare(at - 7, 7, "hashed ") != 0)) found.push_back(line);
    }
    const size_t arrow = line.find("->  ");
    if (arrow == std::string::npos || line.find_first_not_of(' ') != arrow) continue;
    while (!loops.empty() && arrow <= loops.back().first) loops.pop_back();
    const std::string node = line.substr(arrow + 4);
    if (!loops.empty() && arrow == loops.back().first + 6 && ++loops.back().second == 2 &&
        !std::regex_search(node,
                           std::regex("^(Function|Values|Index|Index Only|Bitmap Heap) Scan|^Memoize"))) {
      found.push_back(line);
    }
    if (node.rfind("Nested Loop", 0) == 0) loops.emplace_back(arrow, 0);
  }
  return found;
}

TEST_F(ProductionCode, is_found_at_a_cost_that_is_no_product) {
  cluster_->run("postgres", R"sql(
    CREATE DOMAIN past AS date CHECK (VALUE <= CURRENT_DATE);
    DO $do$ BEGIN FOR k IN 1..200 LOOP EXECUTE format($each$
      CREATE FUNCTION f%1$s(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN a; END $$;
      CREATE TABLE t%1$s (id int PRIMARY KEY, a text, b int, d past,
        g text GENERATED ALWAYS AS (lower(a)) STORED);
      CREATE INDEX ON t%1$s (lower(a));
      CREATE INDEX ON t%1$s (b) WHERE b > %1$s;
      CREATE INDEX ON t%1$s (a, b)$each$, k); END LOOP; END $do$)sql");
  const std::string explain = "SET search_path = pg_catalog, pg_temp; EXPLAIN (COSTS OFF) " +
                              coded_definitions_query(postgres_major());
  EXPECT_THAT(products_in(cluster_->rows("postgres", explain)), IsEmpty());
  cluster_->run("postgres", "ANALYZE");
  EXPECT_THAT(products_in(cluster_->rows("postgres", explain)), IsEmpty());
}

// A database that has only relations of ours.
TEST_F(ProductionCode, is_nothing_in_a_database_without_relations) {
  cluster_->run("postgres", R"sql(
    CREATE FUNCTION say(a text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN a; END $$;
    CREATE SCHEMA yesterdaytabase_progress;
    CREATE TABLE yesterdaytabase_progress.t (a text PRIMARY KEY, b oid))sql");
  EXPECT_THAT(found().tables, IsEmpty());
  cluster_->run("postgres", "CREATE INDEX ON yesterdaytabase_progress.t (say(a))");
  EXPECT_THAT(found().indexes, SizeIs(1));
  cluster_->run("postgres", R"sql(
    DROP TABLE yesterdaytabase_progress.t;
    CREATE DOMAIN told AS text CHECK (say(VALUE) <> '');
    CREATE TABLE yesterdaytabase_progress.t (a text PRIMARY KEY, b told))sql");
  EXPECT_THAT(found().tables, SizeIs(1));
}

// Whatever leads to it, each thing is found by itself.
TEST_F(ProductionCode, is_found_in_each_place_that_leads_to_it) {
  cluster_->run("postgres", R"sql(
    CREATE FUNCTION same(a text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN a; END $$;
    CREATE FUNCTION less(a int, b int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN a < b; END $$;
    CREATE FUNCTION compare(a int, b int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN a - b; END $$;
    CREATE OPERATOR ### (LEFTARG = int, RIGHTARG = int, PROCEDURE = less);
    CREATE OPERATOR CLASS ints FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =,
      OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 compare(int, int);
    CREATE TYPE span AS RANGE (subtype = int, subtype_opclass = ints);
    CREATE DOMAIN inner_text AS text CHECK (same(VALUE) <> '');
    CREATE DOMAIN outer_text AS inner_text;
    CREATE TYPE pair AS (a int, b outer_text);
    CREATE TABLE plain (a text, b int, g int GENERATED ALWAYS AS (b + 1) STORED);
    CREATE INDEX expression ON plain (same(a));
    CREATE INDEX operators ON plain (b ints);
    CREATE INDEX predicate ON plain (a) WHERE b ### 3;
    CREATE INDEX harmless ON plain (b) WHERE b > 3;
    CREATE TABLE typed (a outer_text, b int, p pair[], g int GENERATED ALWAYS AS (b + 1) STORED);
    CREATE INDEX of_typed ON typed ((b + 1));
    CREATE INDEX over_code ON typed (a);
    CREATE INDEX over_int ON typed (b);
    CREATE STATISTICS both_columns ON a, b FROM typed;
    CREATE TABLE rows_of_it (r typed);
    CREATE TABLE spans (s span, EXCLUDE USING gist (s WITH &&));
    CREATE TABLE generated (a text, g text GENERATED ALWAYS AS (same(a)) STORED))sql");
  const CodedDefinitions coded = found();
  auto names = [&](const std::vector<int64_t>& oids) {
    std::vector<std::string> out;
    for (int64_t oid : oids) {
      out.push_back(cluster_->value("postgres", fmt::format("SELECT {}::regclass", oid)));
    }
    return out;
  };
  EXPECT_THAT(names(coded.indexes), UnorderedElementsAre("expression", "operators", "predicate", "of_typed",
                                                         "over_code", "spans_s_excl"));
  EXPECT_THAT(coded.statistics, SizeIs(1));
  std::vector<int64_t> columns;
  for (const auto& [relation, number] : coded.columns) columns.push_back(relation);
  EXPECT_THAT(names(columns), UnorderedElementsAre("typed", "generated"));
  EXPECT_THAT(names(coded.tables), IsSupersetOf({"plain", "typed", "pair", "rows_of_it", "spans"}));
  EXPECT_THAT(names(coded.tables), Not(Contains("generated")));
}

// A brace in a name has a backslash before it; one that has two is a brace again.
TEST_F(ProductionCode, is_not_a_name_that_looks_like_a_node) {
  cluster_->run("postgres", R"sql(
    CREATE TABLE edited (c text, g text GENERATED ALWAYS AS (lower(c)) STORED);
    CREATE TABLE kept (a text, g text GENERATED ALWAYS AS (upper(a)) STORED))sql");
  EXPECT_THAT(found().columns, IsEmpty());
  edit(R"sql(replace(adbin::text, ' :location ',
    ' :\{FUNCEXPR\ :funcid\ x\{SUB\{\ 1\{RTE\(\{2x :location '))sql");
  EXPECT_THAT(found().columns, IsEmpty());
  edit(R"sql(replace(adbin::text, '{FUNCEXPR :funcid ', '\\{FUNCEXPR :label '))sql");
  EXPECT_THAT(found().columns, SizeIs(1));
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
