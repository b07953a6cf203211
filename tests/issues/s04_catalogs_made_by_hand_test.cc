// S04: a superuser of production can write catalogs by hand, and a few statements look too little: an
// operator, cast, aggregate, type or handler whose function has other types lets whoever may use it read and
// write the server's memory, and so become superuser in an open copy; a view that asks for no rights shows
// what is shut.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <utility>
#include <vector>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kPolicy = "    public.people: {id: keep, email: email}\n";
constexpr const char* kPeople =
    "CREATE TABLE people (id int PRIMARY KEY, email text); INSERT INTO people SELECT g, 'real' || g || "
    "'@person.test' FROM generate_series(1, 20) g; SET allow_system_table_mods = on; ";

// A type of a library's, told by what reads it, and a cast that takes any text for one.
std::string cast_of_text_into(const char* library, const char* input) {
  return fmt::format(R"sql(CREATE TYPE held; CREATE FUNCTION held_in(cstring) RETURNS held LANGUAGE internal
    IMMUTABLE STRICT AS 'byteain'; CREATE FUNCTION held_out(held) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS
    'byteaout'; CREATE TYPE held (INPUT = held_in, OUTPUT = held_out, LIKE = bytea); CREATE CAST (text AS held)
    WITHOUT FUNCTION; UPDATE pg_proc SET prolang = 13, probin = '{}', prosrc = '{}' WHERE proname = 'held_in')sql",
                     library, input);
}

struct Forged {
  const char* name;
  std::string sql;
  const char* named;
  int since = 13;
  friend void PrintTo(const Forged& one, std::ostream* out) { *out << one.name; }
};

// While it lasts, a text may be written where a stored tree belongs.
constexpr const char* kEditTrees =
    "INSERT INTO pg_cast VALUES (90003, 'text'::regtype, 'pg_node_tree'::regtype, 0, 'e', 'b'); ";
constexpr const char* kNoMore = "; DELETE FROM pg_cast WHERE oid = 90003";

class S04ByHand : public ::testing::TestWithParam<Forged> {
 protected:
  void expect_refused_by_name() {
    if (postgres_major() < GetParam().since) GTEST_SKIP() << "only from " << GetParam().since << " on";
    Scenario scenario;
    scenario.production().run("shop", kPeople + std::string(kEditTrees) + GetParam().sql + kNoMore);
    scenario.write_policy(kPolicy);
    scenario.ytb({"policy", "accept", "--yes"});  // not of every catalog: it is refused before it is masked
    scenario.forget_connection();
    scenario.take_snapshot("monday");
    const RunResult result = scenario.ytb({"refresh"});
    EXPECT_EQ(result.status, 8) << result.out << result.err;
    EXPECT_THAT(result.out + result.err, HasSubstr("that do not fit, in database shop: "));
    EXPECT_THAT(result.out + result.err, HasSubstr(GetParam().named));
    EXPECT_EQ(scenario.live_copy(), "");
  }
};
// Every sixth of them is in `make test`; the others are in `make test-long`.
using S04ByHandLong = S04ByHand;

TEST_P(S04ByHand, IsRefusedByName) { expect_refused_by_name(); }
TEST_P(S04ByHandLong, IsRefusedByName) { expect_refused_by_name(); }

std::vector<Forged> all_forged() {
  return {
      Forged{"AnOperatorThatGivesAddresses", R"sql(CREATE OPERATOR ?@ (RIGHTARG = int8, FUNCTION = int8up);
          UPDATE pg_operator SET oprright = 'bytea'::regtype WHERE oprname = '?@')sql",
             "operator public.?@"},
      Forged{"AnOperatorThatWritesToThem",
             R"sql(CREATE OPERATOR @+@ (LEFTARG = int8, RIGHTARG = int8, FUNCTION = int8pl);
          UPDATE pg_operator SET oprcode = 'int8_avg_accum' WHERE oprname = '@+@')sql",
             "operator public.@+@(bigint,bigint)"},
      Forged{"ACastThatNoStatementMakes",
             R"sql(INSERT INTO pg_cast VALUES (90001, 'int8'::regtype, 'uuid'::regtype, 0, 'e', 'b'))sql",
             "cast of bigint to uuid"},
      Forged{"ACastWithoutAFunction", R"sql(CREATE CAST (bytea AS jsonb) WITHOUT FUNCTION)sql",
             "cast of bytea to jsonb"},
      Forged{"AnAggregateOfTwoStates",
             R"sql(CREATE AGGREGATE mixed (int8) (SFUNC = int8_avg_accum, STYPE = internal,
          FINALFUNC = string_agg_finalfn))sql",
             "aggregate public.mixed(bigint)"},
      Forged{"AnAggregateWithAnotherStep",
             R"sql(CREATE AGGREGATE stepped (int8) (SFUNC = int8pl, STYPE = int8, INITCOND = '4096');
          UPDATE pg_aggregate SET aggtransfn = 'int8_avg_accum' WHERE aggfnoid = 'stepped(int8)'::regprocedure)sql",
             "aggregate public.stepped(bigint)"},
      Forged{"ATypeReadAsAnother",
             R"sql(CREATE TYPE trick; CREATE FUNCTION trick_in(cstring) RETURNS trick LANGUAGE internal
          IMMUTABLE STRICT AS 'textin'; CREATE FUNCTION trick_out(trick) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS
          'textout'; CREATE TYPE trick (INPUT = trick_in, OUTPUT = trick_out); UPDATE pg_type SET typinput = 'uuid_in'
          WHERE typname = 'trick')sql",
             "type public.trick"},
      Forged{"ADomainOverAnotherType",
             R"sql(CREATE DOMAIN dom AS int8; UPDATE pg_type SET typbasetype = 'bytea'::regtype WHERE
          typname = 'dom')sql",
             "type public.dom"},
      Forged{
          "AnEnumOfAnotherSize",
          R"sql(CREATE TYPE mood AS ENUM ('x'); UPDATE pg_type SET typlen = 8, typalign = 'd' WHERE typname = 'mood')sql",
          "type public.mood"},
      Forged{"AColumnOfInternal",
             R"sql(CREATE TABLE a (p int8); UPDATE pg_attribute SET atttypid = 'internal'::regtype WHERE
          attrelid = 'a'::regclass AND attname = 'p')sql",
             "column p of "},
      Forged{"AColumnOfAnotherLength",
             R"sql(CREATE TABLE a (p int8); UPDATE pg_attribute SET atttypid = 'text'::regtype WHERE
          attrelid = 'a'::regclass AND attname = 'p')sql",
             "column p of "},
      Forged{"AComparisonOfAnotherType",
             R"sql(CREATE OPERATOR CLASS evil FOR TYPE text USING btree AS OPERATOR 1 <,
          FUNCTION 1 (text, text) btfloat8cmp(float8, float8))sql",
             "function btfloat8cmp(double precision,double precision)"},
      Forged{"AHashOfAnotherType",
             R"sql(CREATE OPERATOR CLASS evil FOR TYPE int4 USING hash AS OPERATOR 1 =,
          FUNCTION 1 (int4, int4) hashtext(text))sql",
             "function hashtext(text)"},
      Forged{
          "AnIndexOfPointsOverNumbers",
          R"sql(CREATE OPERATOR CLASS evil FOR TYPE int8 USING gist AS OPERATOR 1 =, FUNCTION 1 (int8, int8)
          gist_point_consistent(internal, point, int2, oid, internal), FUNCTION 2 (int8, int8) gist_box_union(internal, internal),
          FUNCTION 5 (int8, int8) gist_box_penalty(internal, internal, internal), FUNCTION 6 (int8, int8)
          gist_box_picksplit(internal, internal), FUNCTION 7 (int8, int8) gist_box_same(box, box, internal))sql",
          "function gist_point_consistent("},
      Forged{"AnIndexByAnotherTypesClass",
             R"sql(CREATE TABLE a (p int8); CREATE INDEX by_p ON a (p); UPDATE pg_index
          SET indclass = (SELECT oid::text FROM pg_opclass WHERE opcname = 'text_ops' AND opcmethod = 403)::oidvector
          WHERE indexrelid = 'by_p'::regclass)sql",
             "index public.by_p"},
      Forged{"AClassThatStoresAnotherType",
             R"sql(CREATE OPERATOR CLASS mine FOR TYPE int8 USING btree AS OPERATOR 1 <,
          OPERATOR 3 =, FUNCTION 1 btint8cmp(int8, int8); UPDATE pg_opclass SET opckeytype = 'text'::regtype
          WHERE opcname = 'mine')sql",
             "operator class mine"},
      Forged{"AnExclusionByAnotherOperator", R"sql(CREATE TABLE a (p int8, EXCLUDE USING btree (p WITH =));
          UPDATE pg_constraint SET conexclop = ARRAY[98::oid] WHERE conrelid = 'a'::regclass)sql",
             "constraint a_p_excl"},
      Forged{"SubscriptsOfAnotherType",
             R"sql(CREATE TYPE sub; CREATE FUNCTION sub_in(cstring) RETURNS sub LANGUAGE internal
          IMMUTABLE STRICT AS 'int8in'; CREATE FUNCTION sub_out(sub) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS
          'int8out'; CREATE TYPE sub (INPUT = sub_in, OUTPUT = sub_out, LIKE = int8); UPDATE pg_type SET
          typsubscript = 'jsonb_subscript_handler' WHERE typname = 'sub')sql",
             "type public.sub", 14},
      Forged{"ALanguageThatIsNone",
             R"sql(CREATE LANGUAGE deref HANDLER plpgsql_call_handler; UPDATE pg_language SET
          lanplcallfoid = 'int8up(int8)'::regprocedure WHERE lanname = 'deref')sql",
             "language deref"},
      Forged{"ATriggerThatIsNone",
             R"sql(CREATE FUNCTION fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
          CREATE TRIGGER z BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION fires();
          UPDATE pg_trigger SET tgfoid = 'pg_catalog.lastval()'::regprocedure WHERE tgname = 'z')sql",
             "trigger z of "},
      Forged{"ARangeThatSubtractsOtherwise",
             R"sql(CREATE TYPE spans AS RANGE (subtype = int8); UPDATE pg_range SET
          rngsubdiff = 'int8_avg_accum' WHERE rngtypid = 'spans'::regtype)sql",
             "range type public.spans"},
      Forged{"AnAdviserOfThePlanner",
             R"sql(CREATE FUNCTION advised(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
          UPDATE pg_proc SET prosupport = 'int8_avg_accum' WHERE proname = 'advised')sql",
             "support function of public.advised(integer)"},
      Forged{
          "AViewThatAsksForNoRight",
          R"sql(CREATE VIEW verifiers AS SELECT rolname, rolpassword FROM pg_authid; GRANT SELECT ON verifiers TO PUBLIC;
          UPDATE pg_rewrite SET ev_action = regexp_replace(ev_action::text, ':requiredPerms \d+', ':requiredPerms 0', 'g')::pg_node_tree
          WHERE ev_class = 'verifiers'::regclass)sql",
          "of public.verifiers"},
      Forged{"AViewWithoutPermissions",
             R"sql(CREATE VIEW verifiers AS SELECT rolname, rolpassword FROM pg_authid;
          UPDATE pg_rewrite SET ev_action = replace(ev_action::text, ':perminfoindex 1', ':perminfoindex 0')::pg_node_tree
          WHERE ev_class = 'verifiers'::regclass)sql",
             "of public.verifiers", 16},
      Forged{
          "ABodyThatActsAsAnother",
          R"sql(CREATE FUNCTION counts() RETURNS bigint LANGUAGE sql RETURN (SELECT count(*) FROM pg_authid);
          UPDATE pg_proc SET prosqlbody = replace(prosqlbody::text, ':checkAsUser 0', ':checkAsUser 10')::pg_node_tree
          WHERE proname = 'counts')sql",
          "function public.counts()", 14},
      Forged{
          "ABodyWithAnotherResult",
          R"sql(CREATE FUNCTION deref(int8) RETURNS int8 LANGUAGE sql RETURN int8up($1); UPDATE pg_proc SET prorettype = 2950,
          prosqlbody = replace(prosqlbody::text, ':funcresulttype 20', ':funcresulttype 2950')::pg_node_tree
          WHERE proname = 'deref')sql",
          "function public.deref(bigint)", 14},
      Forged{
          "AFieldUnderAnotherName",
          R"sql(CREATE TABLE a (c text, g text GENERATED ALWAYS AS (lower(c)) STORED); UPDATE pg_attrdef SET adbin =
          replace(adbin::text, ':funcid ', ':location ')::pg_node_tree WHERE adrelid = 'a'::regclass)sql",
          "default of a column of public.a"},
      Forged{
          "ANodeWithASpaceBefore",
          R"sql(CREATE TABLE a (n int CONSTRAINT over_two CHECK (n > 2)); UPDATE pg_constraint SET conbin = replace(conbin::text,
          '{OPEXPR', '{ OPEXPR')::pg_node_tree WHERE conname = 'over_two')sql",
          "constraint over_two"},
      Forged{
          "ARightSpelledOtherwise",
          R"sql(CREATE VIEW verifiers AS SELECT rolname, rolpassword FROM pg_authid; UPDATE pg_rewrite SET ev_action =
          replace(ev_action::text, ':requiredPerms 2', ':requiredPerms  0')::pg_node_tree
          WHERE ev_class = 'verifiers'::regclass)sql",
          "of public.verifiers"},
      Forged{"ABlockRangeOfAnotherType",
             R"sql(CREATE OPERATOR CLASS evil FOR TYPE int8 USING brin AS OPERATOR 1 <(text, text),
          FUNCTION 1 brin_minmax_opcinfo(internal),
          FUNCTION 2 brin_minmax_add_value(internal, internal, internal, internal),
          FUNCTION 3 brin_minmax_consistent(internal, internal, internal),
          FUNCTION 4 brin_minmax_union(internal, internal, internal), STORAGE text)sql",
             "operator class evil"},
      Forged{"ABlockRangeOfTwoKinds",
             R"sql(CREATE OPERATOR CLASS evil FOR TYPE int8 USING brin AS OPERATOR 1 <,
          FUNCTION 1 brin_inclusion_opcinfo(internal),
          FUNCTION 2 brin_minmax_add_value(internal, internal, internal, internal),
          FUNCTION 3 brin_minmax_consistent(internal, internal, internal),
          FUNCTION 4 brin_minmax_union(internal, internal, internal))sql",
             "function brin_minmax_add_value("},
      Forged{"ABlockRangeMergedAsAnotherType",
             R"sql(CREATE FUNCTION merged(int8, int8) RETURNS int8 LANGUAGE sql AS 'SELECT $1';
          CREATE OPERATOR CLASS evil FOR TYPE inet USING brin AS OPERATOR 3 &&, FUNCTION 1 brin_inclusion_opcinfo(internal),
          FUNCTION 2 brin_inclusion_add_value(internal, internal, internal, internal),
          FUNCTION 3 brin_inclusion_consistent(internal, internal, internal),
          FUNCTION 4 brin_inclusion_union(internal, internal, internal),
          FUNCTION 11 (inet, inet) merged(int8, int8))sql",
             "function public.merged(bigint,bigint)"},
      Forged{"ABlockRangeMergedIntoAnotherType",
             R"sql(CREATE FUNCTION merged(inet, inet) RETURNS int8 LANGUAGE sql AS 'SELECT 8::int8';
          CREATE OPERATOR CLASS evil FOR TYPE inet USING brin AS OPERATOR 3 &&, FUNCTION 1 brin_inclusion_opcinfo(internal),
          FUNCTION 2 brin_inclusion_add_value(internal, internal, internal, internal),
          FUNCTION 3 brin_inclusion_consistent(internal, internal, internal),
          FUNCTION 4 brin_inclusion_union(internal, internal, internal),
          FUNCTION 11 merged(inet, inet))sql",
             "function public.merged(inet,inet)"},
      Forged{"ABlockRangeAskedAsAnotherType",
             R"sql(CREATE FUNCTION mergeable(int8, int8) RETURNS bool LANGUAGE sql AS 'SELECT true';
          CREATE OPERATOR CLASS evil FOR TYPE box USING brin AS OPERATOR 3 &&, FUNCTION 1 brin_inclusion_opcinfo(internal),
          FUNCTION 2 brin_inclusion_add_value(internal, internal, internal, internal),
          FUNCTION 3 brin_inclusion_consistent(internal, internal, internal),
          FUNCTION 4 brin_inclusion_union(internal, internal, internal),
          FUNCTION 11 bound_box(box, box), FUNCTION 12 (box, box) mergeable(int8, int8))sql",
             "function public.mergeable(bigint,bigint)"},
      Forged{"ABlockRangeOfAnyType",
             R"sql(CREATE FUNCTION less(anyelement, anyelement) RETURNS bool LANGUAGE sql AS 'SELECT true';
          CREATE OPERATOR <<< (LEFTARG = anyelement, RIGHTARG = anyelement, FUNCTION = less);
          CREATE OPERATOR CLASS evil FOR TYPE anyelement USING brin AS OPERATOR 1 <<<, FUNCTION 1 brin_minmax_opcinfo(internal),
          FUNCTION 2 brin_minmax_add_value(internal, internal, internal, internal),
          FUNCTION 3 brin_minmax_consistent(internal, internal, internal),
          FUNCTION 4 brin_minmax_union(internal, internal, internal))sql",
             "operator class evil"},
      Forged{"AClassOfTheServersStoredOtherwise",
             R"sql(CREATE OPERATOR CLASS evil FOR TYPE inet USING brin FAMILY network_inclusion_ops AS
          STORAGE int8)sql",
             "operator class evil"},
      Forged{"AFilterAskedForAnotherType",
             R"sql(CREATE FUNCTION asked(text, int8) RETURNS bool LANGUAGE sql AS 'SELECT true';
          CREATE OPERATOR =% (LEFTARG = text, RIGHTARG = int8, FUNCTION = asked);
          CREATE OPERATOR CLASS evil FOR TYPE text USING brin AS OPERATOR 1 =%(text, int8),
          FUNCTION 1 brin_bloom_opcinfo(internal),
          FUNCTION 2 brin_bloom_add_value(internal, internal, internal, internal),
          FUNCTION 3 brin_bloom_consistent(internal, internal, internal, int4),
          FUNCTION 4 brin_bloom_union(internal, internal, internal), FUNCTION 11 hashtext(text))sql",
             "operator public.=%(text,bigint)", 14},
      Forged{"AnArrayAskedForANumber",
             R"sql(CREATE FUNCTION asked(anyarray, int8) RETURNS bool LANGUAGE sql AS 'SELECT true';
          CREATE OPERATOR &&@ (LEFTARG = anyarray, RIGHTARG = int8, FUNCTION = asked);
          CREATE OPERATOR CLASS evil FOR TYPE anyarray USING gin AS OPERATOR 1 &&@(anyarray, int8),
          FUNCTION 2 ginarrayextract(anyarray, internal, internal),
          FUNCTION 3 ginqueryarrayextract(anyarray, internal, int2, internal, internal, internal, internal),
          FUNCTION 4 ginarrayconsistent(internal, int2, anyarray, int4, internal, internal, internal, internal), STORAGE anyelement)sql",
             "operator public.&&@(anyarray,bigint)"},
      Forged{"AnArrayAskedForAnotherArray",
             R"sql(CREATE FUNCTION asked(text[], int8[]) RETURNS bool LANGUAGE sql AS 'SELECT true';
          CREATE OPERATOR &&@ (LEFTARG = text[], RIGHTARG = int8[], FUNCTION = asked);
          CREATE OPERATOR CLASS evil FOR TYPE text[] USING gin AS OPERATOR 1 &&@(text[], int8[]),
          FUNCTION 1 bttextcmp(text, text), FUNCTION 2 ginarrayextract(anyarray, internal, internal),
          FUNCTION 3 ginqueryarrayextract(anyarray, internal, int2, internal, internal, internal, internal),
          FUNCTION 4 ginarrayconsistent(internal, int2, anyarray, int4, internal, internal, internal, internal), STORAGE text)sql",
             "operator public.&&@(text[],bigint[])"},
      Forged{
          "AnArrayKeptAsAnotherType",
          R"sql(CREATE OPERATOR CLASS evil FOR TYPE anyarray USING gin FAMILY array_ops AS STORAGE text)sql",
          "operator class evil"},
      Forged{"APointAskedForANumber",
             R"sql(CREATE FUNCTION asked(point, int8) RETURNS bool LANGUAGE sql AS 'SELECT true';
          CREATE OPERATOR <@@ (LEFTARG = point, RIGHTARG = int8, FUNCTION = asked);
          CREATE OPERATOR CLASS evil FOR TYPE point USING gist AS OPERATOR 48 <@@(point, int8),
          FUNCTION 1 gist_point_consistent(internal, point, int2, oid, internal), FUNCTION 2 gist_box_union(internal, internal),
          FUNCTION 3 gist_point_compress(internal), FUNCTION 5 gist_box_penalty(internal, internal, internal),
          FUNCTION 6 gist_box_picksplit(internal, internal), FUNCTION 7 gist_box_same(box, box, internal), STORAGE box)sql",
             "operator public.<@@(point,bigint)"},
      Forged{"AnAggregateOfTwoElements",
             R"sql(CREATE AGGREGATE accum(int4) (SFUNC = array_append, STYPE = int4[], INITCOND = '{}');
          UPDATE pg_aggregate SET aggtranstype = 'text[]'::regtype WHERE aggfnoid = 'accum(int4)'::regprocedure)sql",
             "aggregate public.accum(integer)"},
      Forged{"AnAggregateWithAnotherResult",
             R"sql(CREATE AGGREGATE arr8(int8) (SFUNC = array_agg_transfn, STYPE = internal,
          FINALFUNC = array_agg_finalfn, FINALFUNC_EXTRA);
          UPDATE pg_proc SET prorettype = 'tsvector'::regtype WHERE proname = 'arr8')sql",
             "aggregate public.arr8(bigint)"},
      Forged{"AnAggregateOfNoRow",
             R"sql(CREATE AGGREGATE my_json(record) (SFUNC = json_agg_transfn, STYPE = internal,
          FINALFUNC = json_agg_finalfn); UPDATE pg_proc SET proargtypes = '2278' WHERE proname = 'my_json')sql",
             "aggregate public.my_json(void)"},
      Forged{"ACastIntoWhatALibraryReads", cast_of_text_into("$libdir/postgis-3", "LWGEOM_in"),
             "cast of text to public.held"},
      Forged{"ACastIntoALikeNamedLibrarys", cast_of_text_into("$libdir/other_orafce", "varchar2in"),
             "cast of text to public.held"},
      Forged{"ANodeBehindTwoBackslashes",
             R"sql(CREATE TABLE a (n int CONSTRAINT over_two CHECK (n > 2)); UPDATE pg_constraint SET conbin =
          regexp_replace(conbin::text, '\{OPEXPR :opno (\d+) :opfuncid 147', 'x\\\\{OPEXPR :opno \1 :opfuncid 1398')::pg_node_tree
          WHERE conname = 'over_two')sql",
             "constraint over_two"},
      Forged{
          "ACastWithAnotherResult",
          R"sql(CREATE TABLE a (c char(3), g text GENERATED ALWAYS AS (c::varchar) STORED); UPDATE pg_attrdef
          SET adbin = replace(adbin::text, ':funcresulttype 1043', ':funcresulttype 20')::pg_node_tree WHERE adrelid = 'a'::regclass)sql",
          "default of a column of public.a"},
      Forged{"AnArrayComparedAsAnotherType",
             R"sql(CREATE FUNCTION compared(text, text) RETURNS int LANGUAGE sql AS 'SELECT 1';
          CREATE OPERATOR CLASS evil FOR TYPE int8[] USING gin AS OPERATOR 1 &&(anyarray, anyarray),
          FUNCTION 1 compared(text, text), FUNCTION 2 ginarrayextract(anyarray, internal, internal),
          FUNCTION 3 ginqueryarrayextract(anyarray, internal, int2, internal, internal, internal, internal),
          FUNCTION 4 ginarrayconsistent(internal, int2, anyarray, int4, internal, internal, internal, internal),
          STORAGE int8)sql",
             "function public.compared(text,text)"},
      Forged{"APointCompressedAsAnotherType",
             R"sql(CREATE FUNCTION pressed(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
          CREATE OPERATOR CLASS evil FOR TYPE point USING spgist AS OPERATOR 6 ~=,
          FUNCTION 1 spg_quad_config(internal, internal), FUNCTION 2 spg_quad_choose(internal, internal),
          FUNCTION 3 spg_quad_picksplit(internal, internal), FUNCTION 4 spg_quad_inner_consistent(internal, internal),
          FUNCTION 5 spg_quad_leaf_consistent(internal, internal), FUNCTION 6 (point, point) pressed(text))sql",
             "function public.pressed(text)"},
      Forged{
          "ACheckThatCallsAnother",
          R"sql(CREATE TABLE a (n int CONSTRAINT over_two CHECK (n > 2)); UPDATE pg_constraint SET conbin = replace(conbin::text,
          ':opfuncid 147', ':opfuncid 1398')::pg_node_tree WHERE conname = 'over_two')sql",
          "constraint over_two"}};
}

std::vector<Forged> forged(bool every_sixth) {
  std::vector<Forged> chosen;
  size_t index = 0;
  for (Forged& one : all_forged()) {
    if ((index++ % 6 == 0) == every_sixth) chosen.push_back(std::move(one));
  }
  return chosen;
}

std::string name_of(const ::testing::TestParamInfo<Forged>& one) { return one.param.name; }
INSTANTIATE_TEST_SUITE_P(Made, S04ByHand, ::testing::ValuesIn(forged(true)), name_of);
INSTANTIATE_TEST_SUITE_P(Made, S04ByHandLong, ::testing::ValuesIn(forged(false)), name_of);

// What people make by statements, and what looks like the above and is right.
constexpr const char* kOrdinary = R"sql(
CREATE AGGREGATE mul(numeric)(sfunc=numeric_mul, stype=numeric);
CREATE AGGREGATE jmerge(jsonb)(sfunc=jsonb_concat, stype=jsonb, initcond='{}');
CREATE FUNCTION first_agg(anyelement, anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1';
CREATE AGGREGATE first(anyelement)(sfunc=first_agg, stype=anyelement, parallel=safe);
CREATE AGGREGATE pct(float8 ORDER BY float8)(sfunc=ordered_set_transition, stype=internal, finalfunc=percentile_cont_float8_final);
CREATE AGGREGATE rnk(VARIADIC "any" ORDER BY VARIADIC "any")(sfunc=ordered_set_transition_multi, stype=internal, finalfunc=rank_final, finalfunc_extra, hypothetical);
CREATE AGGREGATE sagg(text, text)(sfunc=string_agg_transfn, stype=internal, finalfunc=string_agg_finalfn);
CREATE AGGREGATE avgi(int8)(sfunc=int8_avg_accum, stype=internal, finalfunc=numeric_poly_avg, combinefunc=int8_avg_combine, serialfunc=int8_avg_serialize, deserialfunc=int8_avg_deserialize, parallel=safe, msfunc=int8_avg_accum, minvfunc=int8_avg_accum_inv, mstype=internal, mfinalfunc=numeric_poly_avg);
CREATE AGGREGATE aggj(anyelement)(sfunc=jsonb_agg_transfn, stype=internal, finalfunc=jsonb_agg_finalfn);
CREATE AGGREGATE arr(anynonarray)(sfunc=array_agg_transfn, stype=internal, finalfunc=array_agg_finalfn, finalfunc_extra);
CREATE FUNCTION gc(text, text) RETURNS text LANGUAGE sql AS 'SELECT coalesce($1||'','','''')||$2';
CREATE AGGREGATE group_concat(text)(sfunc=gc, stype=text);
CREATE AGGREGATE group_concatv(varchar)(sfunc=gc, stype=text);
CREATE DOMAIN posint AS int CHECK (VALUE > 0); CREATE DOMAIN posposint AS posint;
CREATE TYPE mood AS ENUM ('a','b'); CREATE TYPE pair AS (a int, b mood, c posint[]); CREATE TYPE fr AS RANGE (subtype=float8, subtype_diff=float8mi); CREATE TYPE mr AS RANGE (subtype=mood); CREATE TYPE tr AS RANGE (subtype=time); CREATE TYPE vr AS RANGE (subtype=text, collation="C");
CREATE TYPE dr AS RANGE (subtype=posint);
CREATE DOMAIN span AS fr CHECK (NOT isempty(VALUE)); CREATE DOMAIN moods AS mood[]; CREATE DOMAIN amood AS mood; CREATE DOMAIN apair AS pair;
CREATE TABLE domains (s span, m moods, a amood, p apair, EXCLUDE USING gist (s WITH &&)); CREATE INDEX ON domains USING gist (s); CREATE INDEX ON domains (s);
CREATE INDEX ON domains USING gin (m); CREATE INDEX ON domains (a); CREATE INDEX ON domains USING hash (a); CREATE INDEX ON domains (p); CREATE INDEX ON domains (m);
CREATE TABLE by_domain (a amood, s span) PARTITION BY LIST (a); CREATE TABLE by_span (s span) PARTITION BY RANGE (s);
CREATE FUNCTION tdiff(time, time) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT extract(epoch from $1-$2)::float8';
CREATE TYPE tr2 AS RANGE (subtype=time, subtype_diff=tdiff);
CREATE TABLE t (id int, n name, m mood, p pair, ps pair[], d posposint, r fr, e mood[], x "char", i interval, ip inet);
CREATE INDEX ON t (n); CREATE INDEX ON t (m); CREATE INDEX ON t (p); CREATE INDEX ON t USING gin (e); CREATE INDEX ON t USING gist (r); CREATE INDEX ON t USING hash (d); CREATE INDEX ON t USING brin (i); CREATE INDEX ON t USING spgist (ip); CREATE INDEX ON t USING gist (ip inet_ops); CREATE INDEX ON t(x); CREATE INDEX ON t (lower(n::text)); CREATE INDEX ON t ((p)); CREATE INDEX ON t (ps);
CREATE VIEW v2 AS SELECT *, id+1 AS k FROM t; CREATE MATERIALIZED VIEW mv AS SELECT * FROM t;
CREATE CAST (varchar AS json) WITHOUT FUNCTION; CREATE CAST (text AS jsonb) WITH INOUT; CREATE CAST (varchar AS mood) WITH INOUT AS IMPLICIT;
CREATE FUNCTION mood_int(mood) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE CAST (mood AS int) WITH FUNCTION mood_int(mood);
CREATE FUNCTION int8_of(bool) RETURNS bigint LANGUAGE sql AS 'SELECT $1::int::bigint'; CREATE CAST (bool AS bigint) WITH FUNCTION int8_of(bool) AS ASSIGNMENT;
CREATE FUNCTION bool_of(bigint) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN $1 <> 0; END'; CREATE CAST (bigint AS bool) WITH FUNCTION bool_of(bigint);
CREATE FUNCTION m_lt(pair,pair) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a < ($2).a'; CREATE FUNCTION m_cmp(pair,pair) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a - ($2).a'; CREATE OPERATOR <<< (LEFTARG=pair, RIGHTARG=pair, FUNCTION=m_lt, RESTRICT=scalarltsel, JOIN=scalarltjoinsel); CREATE OPERATOR CLASS pops FOR TYPE pair USING btree AS OPERATOR 1 <<<, FUNCTION 1 m_cmp(pair,pair);
CREATE OPERATOR CLASS vops FOR TYPE varchar USING btree AS OPERATOR 1 <(text,text), OPERATOR 2 <=(text,text), OPERATOR 3 =(text,text), OPERATOR 4 >=(text,text), OPERATOR 5 >(text,text), FUNCTION 1 bttextcmp(text,text);
CREATE FUNCTION aany(anyelement, anyelement) RETURNS bool LANGUAGE sql AS 'SELECT $1 IS NOT DISTINCT FROM $2'; CREATE OPERATOR === (LEFTARG=anyelement, RIGHTARG=anyelement, FUNCTION=aany); CREATE OPERATOR ~@ (LEFTARG=jsonb, RIGHTARG=text, PROCEDURE=jsonb_exists);
CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER z BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION trg(); CREATE TRIGGER z2 BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TABLE f (id int PRIMARY KEY); CREATE TABLE g (f int REFERENCES f DEFERRABLE); ALTER TABLE t ADD COLUMN dropped bytea, ADD COLUMN gen text GENERATED ALWAYS AS (x::text) STORED; ALTER TABLE t DROP COLUMN dropped;
CREATE TABLE parts (a int, b text) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF parts DEFAULT; CREATE INDEX ON parts (b);
CREATE TYPE shelled; CREATE CONVERSION myc FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8; CREATE TEXT SEARCH TEMPLATE myt (INIT=dsimple_init, LEXIZE=dsimple_lexize); CREATE TEXT SEARCH PARSER myp (START=prsd_start, GETTOKEN=prsd_nexttoken, END=prsd_end, LEXTYPES=prsd_lextype, HEADLINE=prsd_headline);
CREATE FUNCTION et() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION et(); CREATE FOREIGN DATA WRAPPER fdwx; CREATE FOREIGN DATA WRAPPER fdwy VALIDATOR postgresql_fdw_validator;
CREATE AGGREGATE my_json(record)(sfunc=json_agg_transfn, stype=internal, finalfunc=json_agg_finalfn);
CREATE FUNCTION cnt_any(int8, anyarray) RETURNS int8 LANGUAGE sql AS 'SELECT $1 + 1';
CREATE AGGREGATE cnt_rows(record[])(sfunc=cnt_any, stype=int8, initcond='0');
CREATE AGGREGATE arr_rows(record)(sfunc=array_agg_transfn, stype=internal, finalfunc=array_agg_finalfn, finalfunc_extra);
CREATE TYPE cell; CREATE FUNCTION cell_in(cstring) RETURNS cell LANGUAGE internal IMMUTABLE STRICT AS 'int8in'; CREATE FUNCTION cell_out(cell) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int8out'; CREATE TYPE cell (INPUT=cell_in, OUTPUT=cell_out, LIKE=int8);
CREATE FUNCTION cell_lt(cell,cell) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int8lt'; CREATE OPERATOR < (LEFTARG=cell, RIGHTARG=cell, FUNCTION=cell_lt);
CREATE FUNCTION cell_gt(cell,cell) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int8gt'; CREATE OPERATOR > (LEFTARG=cell, RIGHTARG=cell, FUNCTION=cell_gt);
CREATE FUNCTION cell_eq(cell,cell) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int8eq'; CREATE OPERATOR = (LEFTARG=cell, RIGHTARG=cell, FUNCTION=cell_eq);
CREATE FUNCTION cell_cmp(cell,cell) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'btint8cmp';
CREATE FUNCTION cell_hash(cell) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'hashint8';
CREATE OPERATOR CLASS cell_minmax DEFAULT FOR TYPE cell USING brin AS OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 brin_minmax_opcinfo(internal), FUNCTION 2 brin_minmax_add_value(internal,internal,internal,internal), FUNCTION 3 brin_minmax_consistent(internal,internal,internal), FUNCTION 4 brin_minmax_union(internal,internal,internal);
CREATE OPERATOR CLASS cell_btree DEFAULT FOR TYPE cell USING btree AS OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 cell_cmp(cell,cell);
CREATE OPERATOR CLASS byte_minmax FOR TYPE bytea USING brin AS OPERATOR 1 <, FUNCTION 1 brin_minmax_opcinfo(internal), FUNCTION 2 brin_minmax_add_value(internal,internal,internal,internal), FUNCTION 3 brin_minmax_consistent(internal,internal,internal), FUNCTION 4 brin_minmax_union(internal,internal,internal);
CREATE OPERATOR CLASS wide FOR TYPE box USING brin AS OPERATOR 3 &&, OPERATOR 7 @>, OPERATOR 8 <@, FUNCTION 1 brin_inclusion_opcinfo(internal), FUNCTION 2 brin_inclusion_add_value(internal,internal,internal,internal), FUNCTION 3 brin_inclusion_consistent(internal,internal,internal), FUNCTION 4 brin_inclusion_union(internal,internal,internal), FUNCTION 11 bound_box(box,box), FUNCTION 13 box_contain(box,box);
CREATE OPERATOR CLASS arr8 FOR TYPE int8[] USING gin AS OPERATOR 1 &&(anyarray,anyarray), OPERATOR 2 @>(anyarray,anyarray), FUNCTION 1 btint8cmp(int8,int8), FUNCTION 2 ginarrayextract(anyarray,internal,internal), FUNCTION 3 ginqueryarrayextract(anyarray,internal,int2,internal,internal,internal,internal), FUNCTION 4 ginarrayconsistent(internal,int2,anyarray,int4,internal,internal,internal,internal), STORAGE int8;
CREATE OPERATOR CLASS arrall FOR TYPE anyarray USING gin AS OPERATOR 1 &&, OPERATOR 2 @>, FUNCTION 2 ginarrayextract(anyarray,internal,internal), FUNCTION 3 ginqueryarrayextract(anyarray,internal,int2,internal,internal,internal,internal), FUNCTION 4 ginarrayconsistent(internal,int2,anyarray,int4,internal,internal,internal,internal), STORAGE anyelement;
CREATE OPERATOR CLASS pts FOR TYPE point USING gist AS OPERATOR 6 ~=, OPERATOR 15 <-> (point,point) FOR ORDER BY float_ops, FUNCTION 1 gist_point_consistent(internal,point,int2,oid,internal), FUNCTION 2 gist_box_union(internal,internal), FUNCTION 3 gist_point_compress(internal), FUNCTION 5 gist_box_penalty(internal,internal,internal), FUNCTION 6 gist_box_picksplit(internal,internal), FUNCTION 7 gist_box_same(box,box,internal), FUNCTION 8 gist_point_distance(internal,point,int2,oid,internal), STORAGE box;
CREATE OPERATOR CLASS jb FOR TYPE jsonb USING gin AS OPERATOR 7 @>, FUNCTION 1 btint4cmp(int4,int4), FUNCTION 2 gin_extract_jsonb_path(jsonb,internal,internal), FUNCTION 3 gin_extract_jsonb_query_path(jsonb,internal,int2,internal,internal,internal,internal), FUNCTION 4 gin_consistent_jsonb_path(internal,int2,jsonb,int4,internal,internal,internal,internal), FUNCTION 6 gin_triconsistent_jsonb_path(internal,int2,jsonb,int4,internal,internal,internal), STORAGE int4;
CREATE AGGREGATE accum(int4)(sfunc=array_append, stype=int4[], initcond='{}');
CREATE AGGREGATE accum_t(text)(sfunc=array_append, stype=text[]);
CREATE AGGREGATE cat_t(text[])(sfunc=array_cat, stype=text[], initcond='{}');
CREATE AGGREGATE arr8(int8)(sfunc=array_agg_transfn, stype=internal, finalfunc=array_agg_finalfn, finalfunc_extra);
CREATE AGGREGATE mode_t(ORDER BY text)(sfunc=ordered_set_transition, stype=internal, finalfunc=mode_final, finalfunc_extra);
CREATE FUNCTION lasts(anyelement, anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE AS 'SELECT $2';
CREATE AGGREGATE last_i(int4)(sfunc=lasts, stype=int4);
CREATE AGGREGATE bigger(int4)(sfunc=int4larger, stype=int4, sortop = >);
CREATE AGGREGATE least_x(text)(sfunc=text_smaller, stype=text, sortop = <);
CREATE SERVER s FOREIGN DATA WRAPPER fdwx; CREATE FOREIGN TABLE ft (a int, b text) SERVER s; CREATE TEMP TABLE tmp (a posint); CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
)sql";
constexpr const char* kTrees = R"sql(
CREATE TABLE base1 (id int PRIMARY KEY, a text, b text, v int, ts timestamptz DEFAULT now());
CREATE VIEW w1 AS SELECT *, count(*) OVER (PARTITION BY a) c, row_number() OVER () FROM base1 WHERE id IN (1,2,3) AND a <> ALL (ARRAY['x','y']) AND nullif(a, b) IS NOT NULL AND nullif(id, v) > 2;
CREATE VIEW w2 AS SELECT a, array_agg(b ORDER BY b) FILTER (WHERE id > 2), sum(id), string_agg(a, ',') FROM w1 GROUP BY 1 HAVING count(*) > 1 UNION SELECT 'x', ARRAY['a'], 1, unnest(ARRAY['b']);
CREATE VIEW w3 AS WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n+1 FROM t WHERE n < 10) SELECT t.*, g.*, l.x FROM t JOIN generate_series(1,3) g ON g=n LEFT JOIN LATERAL (SELECT a AS x FROM base1 WHERE base1.id = t.n LIMIT 1) l ON true WHERE EXISTS (SELECT 1 FROM base1 b2 WHERE b2.id = t.n FOR UPDATE);
CREATE VIEW w4 AS SELECT (SELECT max(id) FROM base1) c1, ROW(1,2) < ROW(3,4) AS r, CASE base1.v WHEN 1 THEN 'a' ELSE a END c2, coalesce(a,base1.b) c3, greatest(id, 3) c4, id BETWEEN 1 AND 3 c5, a LIKE 'x%' c6, a IS DISTINCT FROM base1.b c7, xmlelement(name x, a) c8, (ARRAY[1,2])[1] c9, id::text c10, a::varchar(3) c11, current_user c12, '{}'::jsonb->'a' c13, jsonb_build_object('a', a) c14 FROM base1 JOIN w1 w USING (a, id);
CREATE VIEW w5 WITH (security_barrier) AS SELECT * FROM base1 TABLESAMPLE SYSTEM (10) WHERE array_position(ARRAY[a], b) > 0 AND int4range(id, v) @> 3 AND lower(int4range(id,v)) = 1;
CREATE VIEW w6 AS SELECT r.*, p.* FROM ROWS FROM (json_to_recordset('[]') AS (a int, b text), generate_series(1,2)) r, pg_class p;
CREATE RULE rr AS ON INSERT TO w1 DO INSTEAD INSERT INTO base1 (id, a) VALUES (NEW.id, NEW.a) ON CONFLICT (id) DO UPDATE SET a = EXCLUDED.a;
CREATE RULE r2 AS ON UPDATE TO base1 WHERE OLD.a <> NEW.a DO ALSO DELETE FROM base1 WHERE id = OLD.id + 1000;
CREATE RULE r3 AS ON DELETE TO w1 DO INSTEAD UPDATE base1 SET a = b2.a FROM base1 b2 WHERE base1.id = OLD.id;
CREATE FUNCTION fd(a int DEFAULT 1+2, b text DEFAULT lower('X')) RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER TABLE base1 ENABLE ROW LEVEL SECURITY; CREATE POLICY pp ON base1 USING (id IN (SELECT id FROM base1)) WITH CHECK (a = current_user);
CREATE FUNCTION trg2() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER w BEFORE UPDATE ON base1 FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION trg2();
ALTER TABLE base1 ADD CHECK (length(a) < 100 AND a ~ '^x'); CREATE INDEX ON base1 (lower(a), (id % 3)) WHERE v > 0;
CREATE MATERIALIZED VIEW m1 AS SELECT * FROM w2;
CREATE TABLE pex (a text, b int) PARTITION BY RANGE (lower(a), (b % 2));
CREATE DOMAIN ddd AS int DEFAULT 1+1 CHECK (VALUE + 1 > 0);
CREATE VIEW isv AS SELECT * FROM information_schema.columns;
CREATE VIEW braces AS SELECT 1 AS "{FUNCEXPR :funcid 1", 2 AS "{OPEXPR", 3 AS "{x", 4 AS "a\{AGGREF :aggfnoid x", 5 AS "{RTE :rtekind 0";
CREATE TABLE pads (c char(5), b bool, i inet, q "char");
CREATE VIEW casts AS SELECT c::varchar AS c, b::varchar AS b, i::varchar(30) AS i, q::varchar AS q, 2::int2::regclass AS r, 3::int8::regtype AS t FROM pads;
)sql";
constexpr const char* kSince14 = R"sql(
CREATE AGGREGATE array_cat_agg(anycompatiblearray) (SFUNC = array_cat, STYPE = anycompatiblearray);
CREATE FUNCTION sb(x int) RETURNS bigint LANGUAGE sql RETURN (SELECT count(*) FROM base1 WHERE id > x);
CREATE OPERATOR CLASS cell_bloom FOR TYPE cell USING brin AS OPERATOR 1 =, FUNCTION 1 brin_bloom_opcinfo(internal), FUNCTION 2 brin_bloom_add_value(internal,internal,internal,internal), FUNCTION 3 brin_bloom_consistent(internal,internal,internal,int4), FUNCTION 4 brin_bloom_union(internal,internal,internal), FUNCTION 5 brin_bloom_options(internal), FUNCTION 11 cell_hash(cell);
CREATE FUNCTION dist(int8,int8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT $1::float8 - $2';
CREATE OPERATOR CLASS mm FOR TYPE int8 USING brin AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 brin_minmax_multi_opcinfo(internal), FUNCTION 2 brin_minmax_multi_add_value(internal,internal,internal,internal), FUNCTION 3 brin_minmax_multi_consistent(internal,internal,internal,int4), FUNCTION 4 brin_minmax_multi_union(internal,internal,internal), FUNCTION 5 brin_minmax_multi_options(internal), FUNCTION 11 dist(int8,int8);
CREATE STATISTICS stx ON (lower(a)), (id % 3) FROM base1;
)sql";

TEST(S04Ordinary, WhatStatementsMakeIsTaken) {
  Scenario scenario;
  scenario.production().run(
      "shop", kPeople + std::string(kOrdinary) + kTrees + (postgres_major() >= 14 ? kSince14 : ""));
  scenario.forget_connection();
  scenario.take_snapshot("monday");
  scenario.write_policy(kPolicy);
  const RunResult result = scenario.ytb({"refresh"});
  EXPECT_THAT(result.out + result.err, ::testing::Not(HasSubstr("that do not fit")));
  EXPECT_THAT(result.out + result.err, HasSubstr("public.base1"));  // the policy does not know it
}

// As PostGIS, hll and orafce make them; of the libraries only the names are here.
constexpr const char* kOfExtensions = R"sql(
CREATE TYPE geom; CREATE FUNCTION geom_in(cstring) RETURNS geom LANGUAGE internal IMMUTABLE STRICT AS 'byteain'; CREATE FUNCTION geom_out(geom) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'byteaout'; CREATE TYPE geom (INPUT = geom_in, OUTPUT = geom_out, LIKE = bytea);
CREATE TYPE boxed; CREATE FUNCTION boxed_in(cstring) RETURNS boxed LANGUAGE internal IMMUTABLE STRICT AS 'box_in'; CREATE FUNCTION boxed_out(boxed) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'box_out'; CREATE TYPE boxed (INPUT = boxed_in, OUTPUT = boxed_out, LIKE = box);
CREATE FUNCTION overlaps(boxed, boxed) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'box_overlap'; CREATE OPERATOR && (LEFTARG = boxed, RIGHTARG = boxed, FUNCTION = overlaps);
CREATE FUNCTION contained(geom, geom) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'byteaeq'; CREATE OPERATOR @ (LEFTARG = geom, RIGHTARG = geom, FUNCTION = contained);
CREATE FUNCTION add_value(internal, internal, internal, internal) RETURNS bool LANGUAGE internal AS 'brin_inclusion_add_value'; CREATE FUNCTION merge(internal, internal) RETURNS internal LANGUAGE internal AS 'jsonb_agg_transfn'; CREATE FUNCTION mergeable(internal, internal) RETURNS bool LANGUAGE internal AS 'jsonb_agg_transfn';
UPDATE pg_proc SET prolang = 13, probin = '$libdir/postgis-3', prosrc = 'geom2d_brin_inclusion_' || proname WHERE proname IN ('add_value', 'merge', 'mergeable');
CREATE OPERATOR CLASS geom_ops DEFAULT FOR TYPE geom USING brin AS FUNCTION 1 brin_inclusion_opcinfo(internal), FUNCTION 2 add_value(internal, internal, internal, internal), FUNCTION 3 brin_inclusion_consistent(internal, internal, internal), FUNCTION 4 brin_inclusion_union(internal, internal, internal), FUNCTION 11 merge(internal, internal), FUNCTION 12 mergeable(internal, internal), OPERATOR 3 &&(boxed, boxed), OPERATOR 8 @(geom, geom), STORAGE boxed;
CREATE TABLE base1 (id int);
CREATE TYPE sketch; CREATE FUNCTION sketch_in(cstring) RETURNS sketch LANGUAGE internal IMMUTABLE STRICT AS 'byteain'; CREATE FUNCTION sketch_out(sketch) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'byteaout'; CREATE TYPE sketch (INPUT = sketch_in, OUTPUT = sketch_out, LIKE = bytea);
CREATE CAST (bytea AS sketch) WITHOUT FUNCTION; CREATE CAST (sketch AS bytea) WITHOUT FUNCTION; UPDATE pg_proc SET prolang = 13, probin = '$libdir/hll', prosrc = 'hll_in' WHERE proname = 'sketch_in';
CREATE TYPE mol; CREATE FUNCTION mol_in(cstring) RETURNS mol LANGUAGE internal IMMUTABLE STRICT AS 'byteain'; CREATE FUNCTION mol_out(mol) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'byteaout'; CREATE TYPE mol (INPUT = mol_in, OUTPUT = mol_out, LIKE = bytea); CREATE TYPE qmol; CREATE FUNCTION qmol_in(cstring) RETURNS qmol LANGUAGE internal IMMUTABLE STRICT AS 'byteain'; CREATE FUNCTION qmol_out(qmol) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'byteaout'; CREATE TYPE qmol (INPUT = qmol_in, OUTPUT = qmol_out, LIKE = bytea);
UPDATE pg_proc SET prolang = 13, probin = '$libdir/rdkit', prosrc = proname WHERE proname IN ('mol_in', 'qmol_in'); CREATE CAST (mol AS qmol) WITHOUT FUNCTION;
CREATE TYPE varchar2; CREATE FUNCTION varchar2in(cstring, oid, int) RETURNS varchar2 LANGUAGE internal IMMUTABLE STRICT AS 'varcharin'; CREATE FUNCTION varchar2out(varchar2) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'varcharout'; CREATE TYPE varchar2 (INPUT = varchar2in, OUTPUT = varchar2out, LIKE = varchar, COLLATABLE = true);
CREATE CAST (text AS varchar2) WITHOUT FUNCTION AS IMPLICIT; CREATE CAST (varchar AS varchar2) WITHOUT FUNCTION AS IMPLICIT; CREATE CAST (char AS varchar2) WITHOUT FUNCTION AS IMPLICIT; CREATE CAST (varchar2 AS text) WITHOUT FUNCTION AS IMPLICIT; UPDATE pg_proc SET prolang = 13, probin = '$libdir/orafce.so', prosrc = proname WHERE proname = 'varchar2in';
)sql";

TEST(S04Ordinary, WhatExtensionsMakeIsTaken) {
  Scenario scenario;
  scenario.production().run("shop", kPeople + std::string(kOfExtensions));
  scenario.forget_connection();
  scenario.take_snapshot("monday");
  scenario.write_policy(kPolicy);
  const RunResult result = scenario.ytb({"refresh"});
  EXPECT_THAT(result.out + result.err, ::testing::Not(HasSubstr("that do not fit")));
  EXPECT_THAT(result.out + result.err, HasSubstr("public.base1"));  // the policy does not know it
}

}  // namespace
}  // namespace ytb::testing
