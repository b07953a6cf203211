// S18: libpq's variables (PGHOSTADDR, PGSERVICE, PGOPTIONS, …) of whoever started us reached our sessions.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

// Variables of this process for the length of an object; libpq of the tests' own helpers would go by them,
// too.
class Variables {
 public:
  explicit Variables(std::vector<std::pair<std::string, std::string>> variables)
      : variables_(std::move(variables)) {
    for (const auto& [name, value] : variables_) setenv(name.c_str(), value.c_str(), 1);
  }
  ~Variables() {
    for (const auto& [name, value] : variables_) unsetenv(name.c_str());
  }
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;

 private:
  std::vector<std::pair<std::string, std::string>> variables_;
};

TEST(S18, LibpqsVariablesReachNoSession) {
  Scenario scenario;
  scenario.production().run(
      "shop",
      "CREATE TABLE t (id int PRIMARY KEY, email text); INSERT INTO t SELECT g, 'real' || g "
      "|| '@person.test' FROM generate_series(1, 10) g");
  scenario.write_policy("    public.t:\n      id: keep\n      email: email\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  const std::string services = scenario.home() + "/services.conf";
  std::ofstream(services) << "[elsewhere]\nhost=/nowhere\noptions=-c array_nulls=off\n";
  const std::vector<std::vector<std::pair<std::string, std::string>>> cases = {
      {{"PGHOSTADDR", "192.0.2.1"}},
      {{"PGOPTIONS", "-c default_transaction_read_only=on -c search_path=nowhere"}},
      {{"PGTARGETSESSIONATTRS", "standby"}},
      {{"PGSERVICE", "not_there"}},
      {{"PGSERVICEFILE", services}, {"PGSERVICE", "elsewhere"}},
      {{"PGSYSCONFDIR", "/nowhere"}, {"PGSERVICE", "not_there"}},
      {{"PGGSSENCMODE", "require"}},
      {{"PGSSLMODE", "verify-full"}, {"PGREQUIREAUTH", "scram-sha-256"}, {"PGCHANNELBINDING", "require"}},
      {{"PGDATESTYLE", "SQL, DMY"}, {"PGTZ", "Asia/Tokyo"}, {"PGCLIENTENCODING", "LATIN1"}},
  };
  for (const auto& variables : cases) {
    RunResult catalog;
    {
      Variables set(variables);
      catalog = scenario.ytb({"policy", "check"});  // reads production's catalog
    }
    EXPECT_EQ(catalog.status, 0) << variables[0].first << ": " << catalog.out << catalog.err;
  }
  RunResult refresh;
  {
    Variables set({{"PGHOSTADDR", "192.0.2.1"},
                   {"PGSERVICE", "not_there"},
                   {"PGTARGETSESSIONATTRS", "standby"},
                   {"PGGSSENCMODE", "require"},
                   {"PGOPTIONS", "-c default_transaction_read_only=on"}});
    refresh = scenario.ytb({"refresh"});
  }
  EXPECT_EQ(refresh.status, 0) << refresh.out << refresh.err;
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM public.t"), "10");
}

TEST(S18, AConfigMayStillNameOne) {
  Scenario::Options options;
  options.access =
      "      staging:\n        password: ${PGPASSWORD}\n        member_of: [pg_read_all_data]\n"
      "        from: [local]\n";
  Scenario scenario(options);
  scenario.production().run("shop", "CREATE TABLE t (id int PRIMARY KEY)");
  scenario.write_policy("    public.t: keep\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  {
    Variables set({{"PGPASSWORD", scenario.password()}});
    scenario.refresh();
  }
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM public.t"), "0");
}

}  // namespace
}  // namespace ytb::testing
