// Names that would break whatever puts text together: databases, schemas, tables, columns, roles.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

std::string sql_name(const std::string& name) {
  std::string out = "\"";
  for (char c : name) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}
// A name as a YAML double-quoted key.
std::string yaml_key(const std::string& name) {
  std::string out = "\"";
  for (char c : name) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

TEST(Hostile, NamesOfEveryKind) {
  const std::vector<std::string> names = {"\"; drop table x;--",
                                          "select",
                                          "Grüße 世界",
                                          "two\nlines",
                                          "back\\slash",
                                          "percent %s %n",
                                          "a.b",
                                          "'quote'",
                                          std::string(63, 'n'),
                                          "*",
                                          "--",
                                          "$$;",
                                          " leading and trailing "};
  Scenario scenario;
  PostgresCluster& production = scenario.production();
  std::string tables = "    public.x: keep\n";
  std::string script = "CREATE TABLE x (id int); INSERT INTO x VALUES (1);\n";
  std::string databases;
  for (const std::string& name : names) {
    const std::string q = sql_name(name);
    production.run("template1", fmt::format("CREATE ROLE {} LOGIN PASSWORD 'x'", q));
    production.run("template1", fmt::format("CREATE DATABASE {} OWNER {}", q, q));
    production.run(name,
                   fmt::format("CREATE TABLE t (c text); INSERT INTO t VALUES ('kept in {}')", "its own"));
    // Verbatim, but for what would read as the wildcard or as a quoted name: those are SQL-quoted.
    const std::string in_policy = name == "*" || name.starts_with('"') ? q : name;
    databases += fmt::format("  {}: keep\n", yaml_key(in_policy));
    script += fmt::format(
        "CREATE SCHEMA {0}; CREATE TABLE {0}.{0} ({0} text UNIQUE, other int PRIMARY KEY); "
        "INSERT INTO {0}.{0} SELECT 'person' || g || '@real.test', g FROM generate_series(1, 500) g; "
        "CREATE VIEW {0}.v AS SELECT {0} AS mail FROM {0}.{0}; "
        "CREATE SEQUENCE {0}.s; CREATE INDEX ON {0}.{0} (lower({0}));\n",
        q);
    tables += fmt::format("    {}:\n      {}: email\n      other: keep\n",
                          yaml_key(fmt::format("{0}.{0}", q)), yaml_key(in_policy));
  }
  production.run("shop", script);
  scenario.write_policy(tables, databases);
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.refresh();
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM x"), "1");
  for (const std::string& name : names) {
    const std::string q = sql_name(name);
    EXPECT_EQ(
        scenario.staging_value(fmt::format("SELECT count(*) FROM {0}.{0} WHERE {0} LIKE '%@real.test'", q)),
        "0");
    EXPECT_EQ(scenario.staging_value(fmt::format("SELECT count(DISTINCT mail) FROM {}.v", q)), "500");
  }
}

}  // namespace
}  // namespace ytb::testing
