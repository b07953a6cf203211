// The policy's way from files to a plan: schema, policy and lock as texts, the findings as people see them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "masking/lock.h"
#include "masking/names.h"
#include "masking/plan.h"
#include "support/golden.h"
#include "support/schema.h"

namespace ytb::config {
namespace {

using masking::Catalog;
using masking::Finding;
using masking::PlanCheck;
using masking::Policy;
using masking::PolicyLock;
using masking::TablePlan;
using masking::Treatment;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using tests::catalog_of;

Policy policy_of(std::string_view yaml) {
  Result<Policy> policy = parse_policy(yaml, "policy.yaml");
  EXPECT_TRUE(policy.ok()) << to_string(policy.error());
  return policy.ok() ? std::move(policy).value() : Policy{};
}

Policy tables(std::string_view lines) { return policy_of("version: 1\ntables:\n" + std::string(lines)); }

// The plan check under the lock that accepting just now would give.
PlanCheck accepted(const Policy& policy, const Catalog& catalog) {
  return plan_masking(policy, expand_lock(policy, catalog), catalog);
}

std::vector<std::string> kinds(const PlanCheck& check, bool errors = true) {
  std::vector<std::string> found;
  for (const Finding& finding : check.findings) {
    if (finding.error == errors) {
      found.push_back(fmt::format("{} {}", name_of(finding.kind), finding.column));
    }
  }
  return found;
}

std::string shown(const PlanCheck& check) {
  std::string text;
  for (const Finding& finding : check.findings) text += to_string(finding) + "\n";
  return text.empty() ? "no findings\n" : text;
}

const TablePlan* plan_for(const PlanCheck& check, std::string_view table) {
  if (!check.plan) return nullptr;
  for (const auto& database : check.plan->databases) {
    for (const TablePlan& plan : database.tables) {
      if (plan.table.name.name == table) return &plan;
    }
  }
  return nullptr;
}

TEST(PolicyPlanTest, AJudgedCatalogGivesAPlan) {
  Catalog catalog = catalog_of(R"(
CREATE TABLE users (id bigint PRIMARY KEY, email text UNIQUE, name text, city text, plan text);
CREATE TABLE audit_log (id bigint, note text);
CREATE TABLE plans (code text PRIMARY KEY, price numeric);
)");
  Policy policy = tables(R"(
  public.users: {email: email, name: person_name, city: city, "*": keep}
  public.audit_log: {rows: none}
  public.plans: keep
)");
  PlanCheck check = accepted(policy, catalog);
  ASSERT_TRUE(check.ok()) << shown(check);
  EXPECT_THAT(check.findings, IsEmpty());
  EXPECT_EQ(check.plan->digest.size(), 64U);
  const TablePlan* users = plan_for(check, "users");
  ASSERT_NE(users, nullptr);
  EXPECT_EQ(users->treatment, Treatment::kMask);
  ASSERT_EQ(users->columns.size(), 5U);
  EXPECT_EQ(users->columns[0].masker.name, "keep");
  EXPECT_EQ(users->columns[0].judged_by, "lock");
  EXPECT_EQ(users->columns[1].masker.name, "email");
  EXPECT_EQ(users->columns[1].judged_by, "policy.yaml:4");
  EXPECT_EQ(plan_for(check, "audit_log")->treatment, Treatment::kEmpty);
  EXPECT_EQ(plan_for(check, "plans")->treatment, Treatment::kKeep);
}

TEST(PolicyPlanTest, TheDigestChangesWithPolicyAndLock) {
  Catalog catalog = catalog_of("CREATE TABLE t (a int);");
  Policy policy = tables("  public.t: keep\n");
  PolicyLock lock = expand_lock(policy, catalog);
  std::string before = plan_masking(policy, lock, catalog).plan->digest;
  lock.digest = "x";
  EXPECT_NE(plan_masking(policy, lock, catalog).plan->digest, before);
  lock.digest.clear();
  policy.digest = "x";
  EXPECT_NE(plan_masking(policy, lock, catalog).plan->digest, before);
}

// Production has changed since the policy was accepted: each way, as the person sees it at six in the
// morning.
TEST(PolicyPlanTest, DriftIsFoundAndSaysWhatToAdd) {
  const char* before = R"(
CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL);
CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(10,2));
CREATE TABLE plans (code text PRIMARY KEY, price numeric(10,2));
CREATE TABLE old (id int);
)";
  Policy policy = tables(R"(  public.users: {id: keep, email: email}
  public.orders: {"*": keep}
  public.plans: keep
  public.old: keep
)");
  PolicyLock lock = expand_lock(policy, catalog_of(before));
  ASSERT_TRUE(plan_masking(policy, lock, catalog_of(before)).ok());
  Catalog after = catalog_of(R"(
CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, first_name character varying(50), blob tsvector);
CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(12,2), "Delivery Address" text);
CREATE TABLE plans (code text PRIMARY KEY, price numeric(10,2), note text, "new
line" boolean);
CREATE TABLE old2 (id int, phone text);
)");
  PlanCheck check = plan_masking(policy, lock, after);
  EXPECT_FALSE(check.ok());
  EXPECT_THAT(kinds(check), testing::UnorderedElementsAre(
                                "unjudged_column first_name", "unjudged_column blob", "changed_type total",
                                "unjudged_column Delivery Address", "unjudged_column note",
                                "unjudged_column new\nline", "unjudged_table ", "missing_table "));
  tests::expect_golden("policy/drift.txt",
                       shown(check) + "\n---- error\n" + to_string(to_error(check)) + "\n");
}

TEST(PolicyPlanTest, TheLinesToAddAreAPolicyThatPasses) {
  Catalog catalog = catalog_of(R"(
CREATE SCHEMA "größe"; CREATE TABLE "größe"."Tabelle ü" (id int);
CREATE TABLE "Odd ""Name" (id int, "E-Mail" text, "*" text, "rows" text, "a: b" boolean, tv tsvector,
  day date, doc jsonb, "nul
l" text);
)");
  PlanCheck check = plan_masking(tables("  public.other: keep\n"), {}, catalog);
  ASSERT_EQ(kinds(check).size(), 3U) << shown(check);
  std::string add;
  for (const Finding& finding : check.findings) {
    if (finding.kind == Finding::Kind::kUnjudgedTable) add += finding.add + "\n";
  }
  std::string lines;
  for (size_t at = 0; at < add.size();) {
    const size_t end = std::min(add.find('\n', at), add.size());
    lines += "  " + add.substr(at, end - at) + "\n";
    at = end + 1;
  }
  PlanCheck again = plan_masking(tables(lines), {}, catalog);
  EXPECT_TRUE(again.ok()) << lines << shown(again);
}

TEST(PolicyPlanTest, MaskersAreHeldAgainstTheColumns) {
  Catalog catalog = catalog_of(R"(
CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY, n serial, flag boolean, doc tsvector, email text NOT NULL,
  name text, up text GENERATED ALWAYS AS (upper(name)) STORED, day date);
)");
  PlanCheck check = plan_masking(tables(R"(
  public.t:
    id: {fixed: 1}
    n: {fixed: 1}
    flag: email
    doc: emial
    email: "null"
    name: judge
    up: hash
    day: {date_shift: {dys: 3}}
    gone: email
)"),
                                 {}, catalog);
  EXPECT_THAT(kinds(check), testing::UnorderedElementsAre("too_weak_for_unique id", "too_weak_for_unique n",
                                                          "cannot_serve_type flag", "unknown_masker doc",
                                                          "cannot_serve_type email", "undecided name",
                                                          "generated up", "bad_parameter day"));
  EXPECT_THAT(kinds(check, false), ElementsAre("missing_column gone"));
  tests::expect_golden("policy/maskers.txt", shown(check));
}

TEST(PolicyPlanTest, AJudgeInsideJsonIsUndecided) {
  Catalog catalog = catalog_of("CREATE TABLE t (doc jsonb);");
  PlanCheck check =
      plan_masking(tables("  public.t: {doc: {json: {\"$.a\": {json: {\"$.b\": judge}}}}}\n"), {}, catalog);
  // Known without any catalog, with the places.
  EXPECT_FALSE(masking::still_undecided(tables("  public.t: {doc: hash, \"*\": keep}\n")));
  const auto undecided = masking::still_undecided(
      tables("  public.t: {doc: {json: {\"$.a\": judge}}}\n  public.u: {a: keep, b: judge}\n"));
  ASSERT_TRUE(undecided);
  EXPECT_EQ(undecided->code, Code::kPolicy);
  EXPECT_THAT(undecided->message, HasSubstr("the policy leaves 2 columns undecided, marked `judge`\n"
                                            "policy.yaml:3:20: public.t.doc\npolicy.yaml:4:26: public.u.b"));
  EXPECT_THAT(kinds(check), ElementsAre("undecided doc"));
}

TEST(PolicyPlanTest, GeneratedColumnsNeedNoJudgement) {
  Catalog catalog = catalog_of("CREATE TABLE t (a text, b text GENERATED ALWAYS AS (upper(a)) STORED);");
  EXPECT_TRUE(accepted(tables("  public.t: {a: hash}\n"), catalog).ok());
  EXPECT_TRUE(accepted(tables("  public.t: {a: hash, b: keep}\n"), catalog).ok());
}

struct UniqueCase {
  const char* name;
  const char* sql;
  const char* columns;
  const char* weak;  // the column that is reported; "" : none
};

TEST(PolicyPlanTest, UniqueIndexesKeepTheirPromise) {
  const std::vector<UniqueCase> cases = {
      {"high entropy", "CREATE TABLE t (a text UNIQUE);", "{a: email}", ""},
      {"too weak", "CREATE TABLE t (a text UNIQUE);", "{a: city}", "a"},
      {"not unique", "CREATE TABLE t (a text);", "{a: city}", ""},
      {"primary key", "CREATE TABLE t (a text PRIMARY KEY);", "{a: city}", "a"},
      {"null under unique", "CREATE TABLE t (a text UNIQUE);", "{a: \"null\"}", ""},
      {"null, nulls not distinct", "CREATE TABLE t (a text UNIQUE NULLS NOT DISTINCT);", "{a: \"null\"}",
       "a"},
      // (f(a), b): rows that differ in a alone collide where f does.
      {"composite, one weak", "CREATE TABLE t (a text, b int, UNIQUE (a, b));", "{a: city, b: keep}", "a"},
      {"composite, one strong", "CREATE TABLE t (a text, b int, UNIQUE (a, b));", "{a: email, b: keep}", ""},
      {"composite over a key", "CREATE TABLE t (a text, b int PRIMARY KEY, UNIQUE (a, b));",
       "{a: city, b: keep}", ""},
      {"composite over a nullable key", "CREATE TABLE t (a text, b int UNIQUE, UNIQUE (a, b));",
       "{a: city, b: keep}", "a"},
      {"composite over a weak key", "CREATE TABLE t (a text, b text NOT NULL UNIQUE, UNIQUE (a, b));",
       "{a: keep, b: city}", "b"},
      {"partial", "CREATE TABLE t (a text, b int); CREATE UNIQUE INDEX i ON t (a) WHERE b > 1;",
       "{a: city, b: keep}", "a"},
      {"expression, strong", "CREATE TABLE t (a text); CREATE UNIQUE INDEX i ON t (lower(a));", "{a: email}",
       ""},
      {"expression, weak", "CREATE TABLE t (a text); CREATE UNIQUE INDEX i ON t (lower(a));", "{a: city}",
       "a"},
      {"partial key is no key",
       "CREATE TABLE t (a text, b int NOT NULL, UNIQUE (a, b)); CREATE UNIQUE INDEX i ON t (b) WHERE b > 1;",
       "{a: city, b: keep}", "a"},
      {"plain index", "CREATE TABLE t (a text); CREATE INDEX i ON t (a);", "{a: city}", ""},
      {"on a partitioned table",
       "CREATE TABLE t (a text, b int, UNIQUE (a, b)) PARTITION BY LIST (b);"
       "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE UNIQUE INDEX i1 ON t1 (a, b);",
       "{a: city, b: keep}", "a"},
      {"on a leaf alone",
       "CREATE TABLE t (a text, b int) PARTITION BY LIST (b);"
       "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE UNIQUE INDEX i1 ON t1 (a);",
       "{a: city, b: keep}", "a"},
  };
  for (const UniqueCase& one : cases) {
    PlanCheck check = accepted(tables(fmt::format("  public.t: {}\n", one.columns)), catalog_of(one.sql));
    std::vector<std::string> expected;
    if (*one.weak != '\0') expected.push_back(fmt::format("too_weak_for_unique {}", one.weak));
    EXPECT_EQ(kinds(check), expected) << one.name << "\n" << shown(check);
  }
}

struct KeyCase {
  const char* name;
  const char* sql;
  const char* policy;
  int torn;
};

TEST(PolicyPlanTest, ForeignKeysStillMatch) {
  const char* natural = "CREATE TABLE a (m text UNIQUE); CREATE TABLE b (m text REFERENCES a (m));";
  const char* composite =
      "CREATE TABLE a (x int, m text, UNIQUE (x, m));"
      "CREATE TABLE b (x int, m text, FOREIGN KEY (x, m) REFERENCES a (x, m));";
  const char* self = "CREATE TABLE a (m text UNIQUE, boss text REFERENCES a (m));";
  const char* serial = "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a_id int REFERENCES a);";
  const std::vector<KeyCase> cases = {
      {"both kept", natural, "  public.a: keep\n  public.b: keep\n", 0},
      {"both masked alike", natural, "  public.a: {m: email}\n  public.b: {m: email}\n", 0},
      {"one masked", natural, "  public.a: {m: email}\n  public.b: {m: keep}\n", 1},
      {"the other masked", natural, "  public.a: {m: keep}\n  public.b: {m: email}\n", 1},
      {"other masker", natural, "  public.a: {m: email}\n  public.b: {m: username}\n", 1},
      {"other domain", natural, "  public.a: {m: email}\n  public.b: {m: {email: {domain: x}}}\n", 1},
      {"same domain", natural,
       "  public.a: {m: {email: {domain: x}}}\n  public.b: {m: {email: {domain: x}}}\n", 0},
      {"null on this side", natural, "  public.a: {m: email}\n  public.b: {m: \"null\"}\n", 0},
      {"referenced table emptied", natural, "  public.a: {rows: none}\n  public.b: keep\n", 1},
      {"emptied, and NULL here", natural, "  public.a: {rows: none}\n  public.b: {m: \"null\"}\n", 0},
      {"this table emptied", natural, "  public.a: {m: email}\n  public.b: {rows: none}\n", 0},
      {"composite alike", composite, "  public.a: {x: keep, m: email}\n  public.b: {x: keep, m: email}\n", 0},
      {"composite torn", composite, "  public.a: {x: keep, m: email}\n  public.b: {x: keep, m: keep}\n", 1},
      {"self alike", self, "  public.a: {m: email, boss: email}\n", 0},
      {"self torn", self, "  public.a: {m: email, boss: keep}\n", 1},
      {"kept ids", serial, "  public.a: keep\n  public.b: keep\n", 0},
      {"length cuts one side only",
       "CREATE TABLE a (m varchar(30) UNIQUE); CREATE TABLE b (m text REFERENCES a (m));",
       "  public.a: {m: hash}\n  public.b: {m: hash}\n", 1},
      {"lengths that never cut",
       "CREATE TABLE a (m varchar(255) UNIQUE); CREATE TABLE b (m text REFERENCES a (m));",
       "  public.a: {m: hash}\n  public.b: {m: hash}\n", 0},
      {"a partition's key, once",
       "CREATE TABLE a (m text UNIQUE); CREATE TABLE b (m text, k int) PARTITION BY LIST (k);"
       "CREATE TABLE b1 PARTITION OF b FOR VALUES IN (1);"
       "ALTER TABLE b ADD FOREIGN KEY (m) REFERENCES a (m); ALTER TABLE b1 ADD FOREIGN KEY (m) REFERENCES a "
       "(m);",
       "  public.a: {m: email}\n  public.b: {m: keep, k: keep}\n", 1},
  };
  for (const KeyCase& one : cases) {
    PlanCheck check = accepted(tables(one.policy), catalog_of(one.sql));
    int torn = 0;
    for (const Finding& finding : check.findings) {
      EXPECT_EQ(finding.kind, Finding::Kind::kForeignKeyTorn) << one.name << "\n" << to_string(finding);
      torn += finding.kind == Finding::Kind::kForeignKeyTorn ? 1 : 0;
    }
    EXPECT_EQ(torn, one.torn) << one.name << "\n" << shown(check);
    EXPECT_EQ(check.ok(), one.torn == 0) << one.name;
  }
}

TEST(PolicyPlanTest, PartitionsFollowTheirTopmostParent) {
  Catalog catalog = catalog_of(R"(
CREATE TABLE p (id int, region text, mail text) PARTITION BY LIST (region);
CREATE TABLE p_eu PARTITION OF p FOR VALUES IN ('eu') PARTITION BY RANGE (id);
CREATE TABLE p_eu_1 (mail text, region text, id int);
ALTER TABLE p_eu ATTACH PARTITION p_eu_1 FOR VALUES FROM (1) TO (9);
CREATE FOREIGN TABLE p_far PARTITION OF p FOR VALUES IN ('us') SERVER s;
)");
  PlanCheck check = accepted(tables("  public.p: {mail: email, \"*\": keep}\n"), catalog);
  ASSERT_TRUE(check.ok()) << shown(check);
  EXPECT_THAT(kinds(check, false), ElementsAre("unsupported "));  // the foreign leaf, as a remark
  ASSERT_EQ(check.plan->databases.at(0).tables.size(), 1U);
  const TablePlan* leaf = plan_for(check, "p_eu_1");
  ASSERT_NE(leaf, nullptr);
  EXPECT_EQ(leaf->treatment, Treatment::kMask);
  EXPECT_EQ(leaf->columns.at(0).column.name, "mail");
  EXPECT_EQ(leaf->columns.at(0).masker.name, "email");
  EXPECT_EQ(leaf->columns.at(2).masker.name, "keep");

  PlanCheck own =
      accepted(tables("  public.p: {mail: email, \"*\": keep}\n  public.p_eu_1: keep\n"), catalog);
  EXPECT_THAT(kinds(own), ElementsAre("unsupported "));
  EXPECT_THAT(shown(own), HasSubstr("public.p_eu_1 is a partition: the entry of public.p judges it"));

  PlanCheck key = accepted(tables("  public.p: {region: city, \"*\": keep}\n"), catalog);
  EXPECT_THAT(kinds(key), ElementsAre("partition_key region"));
  EXPECT_TRUE(accepted(tables("  public.p: {rows: none}\n"), catalog).ok());
  EXPECT_EQ(plan_for(accepted(tables("  public.p: {rows: none}\n"), catalog), "p_eu_1")->treatment,
            Treatment::kEmpty);
}

// The key of a level further down moves rows just as well.
TEST(PolicyPlanTest, ASubPartitionKeyIsAPartitionKey) {
  Catalog catalog = catalog_of(R"(
CREATE TABLE p (id int, region text, mail text) PARTITION BY LIST (region);
CREATE TABLE p_eu PARTITION OF p FOR VALUES IN ('eu') PARTITION BY HASH (mail);
CREATE TABLE p_eu_0 PARTITION OF p_eu FOR VALUES WITH (MODULUS 1, REMAINDER 0);
)");
  PlanCheck check = accepted(tables("  public.p: {mail: email, \"*\": keep}\n"), catalog);
  EXPECT_THAT(kinds(check), ElementsAre("partition_key mail"));
}

// What a child has of its parent the parent's entry judges; the rest is its own.
TEST(PolicyPlanTest, InheritanceChildrenAddToTheirParents) {
  Catalog catalog = catalog_of("CREATE TABLE a (m text); CREATE TABLE b (n text) INHERITS (a);");
  EXPECT_THAT(kinds(accepted(tables("  public.a: {m: email}\n"), catalog)), ElementsAre("unjudged_column n"));
  EXPECT_TRUE(accepted(tables("  public.a: {m: email}\n  public.b: {m: email, n: hash}\n"), catalog).ok());
}

TEST(PolicyPlanTest, ForeignTablesAndMaterializedViews) {
  Catalog catalog = catalog_of(R"(
CREATE TABLE t (a int);
CREATE FOREIGN TABLE far (a int) SERVER s;
CREATE MATERIALIZED VIEW mv AS SELECT 1;
)");
  PlanCheck check = accepted(tables("  public.t: keep\n"), catalog);
  EXPECT_TRUE(check.ok());
  EXPECT_THAT(shown(check), HasSubstr("public.far is a foreign table"));
  EXPECT_TRUE(accepted(tables("  public.t: keep\n  public.far: keep\n"), catalog).ok());
  PlanCheck view = accepted(tables("  public.t: keep\n  public.mv: {one: hash}\n"), catalog);
  EXPECT_THAT(kinds(view), ElementsAre("unsupported "));
  EXPECT_THAT(shown(view), HasSubstr("is a materialized view"));
}

TEST(PolicyPlanTest, DatabasesAreJudgedLikeColumns) {
  Catalog catalog = catalog_of("CREATE TABLE t (a int, m text);");
  auto add = [&](std::string name, bool with_table) {
    masking::Database database = catalog.databases[0];
    database.name = std::move(name);
    if (!with_table) database.tables.clear();
    catalog.databases.push_back(std::move(database));
  };
  add("postgres", false);
  add("template1", false);
  Policy alone = tables("  public.t: keep\n");
  EXPECT_TRUE(accepted(alone, catalog).ok());

  add("crm", false);
  PlanCheck several = accepted(alone, catalog);
  EXPECT_THAT(kinds(several), ElementsAre("unjudged_database ", "unjudged_database "));
  for (const Finding& finding : several.findings) {
    // What is judged now is not to be emptied because another database came.
    EXPECT_EQ(finding.add.find("omit") == std::string::npos, finding.database == "shop") << finding.add;
  }
  Policy named = policy_of(R"(version: 1
databases:
  shop: {tables: {public.t: keep}}
  crm: omit
)");
  EXPECT_TRUE(accepted(named, catalog).ok());

  // What is empty today may be the door tomorrow: postgres counts once there is a table in it.
  catalog.databases[1].tables = catalog.databases[0].tables;
  EXPECT_THAT(kinds(accepted(named, catalog)), ElementsAre("unjudged_database "));

  Policy all = policy_of(R"(version: 1
databases: {shop: {tables: {public.t: keep}}, crm: omit, postgres: keep, gone: keep}
)");
  EXPECT_THAT(kinds(accepted(all, catalog)), ElementsAre("missing_database "));
  PolicyLock lock = expand_lock(all, catalog);
  EXPECT_EQ(lock.entries.size(), 4U);  // of shop and of postgres
  lock.entries.pop_back();
  EXPECT_EQ(kinds(plan_masking(all, lock, catalog)).size(), 2U);
}

TEST(PolicyPlanTest, AnOmittedDatabaseIsEmptied) {
  Catalog catalog = catalog_of("CREATE TABLE t (a int);");
  catalog.databases[0].large_objects = 3;
  PlanCheck check = accepted(policy_of("version: 1\ndatabases: {shop: omit}\n"), catalog);
  ASSERT_TRUE(check.ok()) << shown(check);
  EXPECT_TRUE(check.plan->databases[0].omitted);
  EXPECT_EQ(check.plan->databases[0].large_objects, masking::LargeObjects::kNone);
  EXPECT_EQ(plan_for(check, "t")->treatment, Treatment::kEmpty);
}

TEST(PolicyPlanTest, LargeObjectsAreJudgedByThemselves) {
  Catalog catalog = catalog_of("CREATE TABLE t (a int);");
  catalog.databases[0].large_objects = 3;
  PlanCheck check = accepted(tables("  public.t: keep\n"), catalog);
  EXPECT_THAT(kinds(check), ElementsAre("unjudged_table "));
  EXPECT_THAT(shown(check), HasSubstr("add: large_objects: none"));
  EXPECT_TRUE(accepted(tables("  public.t: keep\nlarge_objects: keep\n"), catalog).ok());
  PlanCheck none = accepted(tables("  public.t: keep\nlarge_objects: none\n"), catalog);
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none.plan->databases[0].large_objects, masking::LargeObjects::kNone);
  // With the whole database they are kept as of the lock: an old lock does not cover them.
  Policy whole = policy_of("version: 1\ndatabases: {shop: keep}\n");
  EXPECT_TRUE(accepted(whole, catalog).ok());
  PolicyLock lock = expand_lock(whole, catalog);
  std::erase_if(lock.entries, [](const auto& entry) { return entry.table.name == "pg_largeobject"; });
  EXPECT_THAT(kinds(plan_masking(whole, lock, catalog)), ElementsAre("unjudged_table "));
}

TEST(PolicyPlanTest, HostileNamesAreJudgedLikeOthers) {
  const std::string name63(63, 'n');
  Catalog catalog = catalog_of(fmt::format(
      "CREATE TABLE \"\"\"; drop table x;--\".\"select\" (\"naïve\nname\" text, \"{}\" text);", name63));
  Policy policy = tables(
      fmt::format("  '\"\"\"; drop table x;--\".select': {{\"naïve\\nname\": email, {}: keep}}\n", name63));
  PlanCheck check = accepted(policy, catalog);
  EXPECT_TRUE(check.ok()) << shown(check);
  PlanCheck unjudged = accepted(tables("  public.x: keep\n"), catalog);
  EXPECT_EQ(shown(unjudged).find("naïve\nname"), std::string::npos);
}

TEST(PolicyPlanTest, AcceptShowsWhatChanges) {
  Policy policy = tables("  public.t: keep\n");
  PolicyLock before = expand_lock(policy, catalog_of("CREATE TABLE t (a int, b text, gone text);"));
  PolicyLock after = expand_lock(policy, catalog_of("CREATE TABLE t (a bigint, b text, \"New\" text);"));
  EXPECT_THAT(diff_locks(before, after).lines,
              ElementsAre("+ shop public.t.\"New\" text", "- shop public.t.a integer",
                          "+ shop public.t.a bigint", "- shop public.t.gone text"));
  EXPECT_THAT(diff_locks(after, after).lines, IsEmpty());
}

TEST(PolicyPlanTest, ALongErrorShowsTheFirstAndCountsTheRest) {
  std::string sql = "CREATE TABLE t (";
  for (int i = 0; i < 12; ++i) sql += fmt::format("{}c{:02} text", i == 0 ? "" : ", ", i);
  Error error = to_error(accepted(tables("  public.t: {}\n"), catalog_of(sql + ");")));
  EXPECT_EQ(error.code, Code::kPolicy);
  EXPECT_THAT(error.message, HasSubstr("12 findings"));
  EXPECT_THAT(error.message, HasSubstr("public.t.c04"));
  EXPECT_THAT(error.message, testing::Not(HasSubstr("public.t.c05")));
  EXPECT_THAT(error.message, HasSubstr("… and 7 more"));
  EXPECT_THAT(error.hint, HasSubstr("ytb policy propose"));
  EXPECT_THAT(error.hint, HasSubstr("ytb policy accept"));
  EXPECT_THAT(error.hint, HasSubstr("ytb policy check"));
}

// Seconds of the processor that planning `count` tables takes: the least of three, for whatever else runs on
// this machine only adds to it.
double planning_s(int count) {
  Catalog catalog =
      catalog_of("CREATE TABLE t (id bigint PRIMARY KEY, email text UNIQUE, a text, b int, c date);");
  masking::Database& database = catalog.databases[0];
  const masking::Table model = database.tables[0];
  Policy policy = tables("  public.t: {email: email, a: hash, \"*\": keep}\n");
  const masking::TablePolicy entry = policy.databases[""].tables.at({"public", "t"});
  database.tables.clear();
  policy.databases[""].tables.clear();
  for (int i = 0; i < count; ++i) {
    database.tables.push_back(model);
    database.tables.back().name.name = fmt::format("t{}", i);
    policy.databases[""].tables[database.tables.back().name] = entry;
  }
  double least_s = std::numeric_limits<double>::max();
  for (int i = 0; i < 3; ++i) {
    const std::clock_t start = std::clock();
    EXPECT_TRUE(accepted(policy, catalog).ok());
    least_s = std::min(least_s, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return least_s;
}

// Ten times as many would cost a hundred times as much if each were looked for among all.
TEST(PolicyPlanTest, CostGrowsNoFasterThanTheTables) {
  EXPECT_LT(planning_s(10'000), 40 * planning_s(1'000));
}

}  // namespace
}  // namespace ytb::config
