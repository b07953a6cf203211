// connect, as a person on the staging machine uses it: it becomes psql and leads to the live copy.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

class Connect : public ::testing::Test {
 protected:
  // As from a person's shell, whose variables would lead elsewhere.
  RunResult connect(const std::string& arguments) {
    return run_program(
        {"sh", "-c",
         fmt::format("PGPASSWORD={} PGHOST=nowhere.invalid PGDATABASE=nothing PGUSER=nobody {}",
                     scenario_.password(), scenario_.ytb_line("connect " + arguments))});
  }
  Scenario scenario_{Scenario::with_postgres()};
};

TEST_F(Connect, LeadsToTheLiveCopy) {
  scenario_.prepare_users();

  RunResult early = connect("-- -XAtc 'SELECT 1'");
  EXPECT_EQ(early.status, 7) << early.out << early.err;
  EXPECT_THAT(early.err, HasSubstr("no copy is live"));

  scenario_.refresh();
  RunResult rows = connect("-- -XAt -v ON_ERROR_STOP=1 -c 'SELECT count(*), current_user FROM users'");
  EXPECT_EQ(rows.status, 0) << rows.err;
  EXPECT_EQ(rows.out, "100|staging\n");
  EXPECT_EQ(connect("-- -XAtc 'SELECT no_such_column'").status, 1) << "psql's own status";
  EXPECT_EQ(connect("--dbname postgres -- -XAtc 'SELECT current_database()'").out, "postgres\n");
  EXPECT_EQ(connect("-- -XAt -d postgres -c 'SELECT current_database()'").out, "postgres\n")
      << "a database of the copy, not of the server that PGHOST names";
  EXPECT_EQ(connect("-- -XAt -c 'SELECT current_database(), current_user' postgres").out,
            "postgres|staging\n");
  EXPECT_EQ(connect("--role app -- -XAtc 'SELECT 1'").status, 2);

  // The printed line does the same in another shell.
  RunResult line = connect("--print -- -XAtc 'SELECT count(*) FROM users'");
  ASSERT_EQ(line.status, 0) << line.err;
  RunResult pasted =
      run_program({"sh", "-c", fmt::format("export PGPASSWORD={}; {}", scenario_.password(), line.out)});
  EXPECT_EQ(pasted.out, "100\n") << line.out << pasted.err;
  line = connect("--print -- -XAtc 'SELECT current_database()' postgres");
  pasted = run_program({"sh", "-c", fmt::format("export PGPASSWORD={}; {}", scenario_.password(), line.out)});
  EXPECT_EQ(pasted.out, "postgres\n") << line.out << pasted.err;

  // With a gate the service file gets another entry; until it is there, nobody is sent by it.
  scenario_.options().alias_extra =
      "        listen: 0.0.0.0:6432\n        tls_names: [staging.example.com]\n";
  scenario_.write_config();
  EXPECT_EQ(connect("--tcp --print").status, 7);
  scenario_.refresh();
  RunResult gate = connect("--tcp --print");
  EXPECT_THAT(gate.out, HasSubstr("'service=shop-yesterday-tcp dbname=shop user=staging'")) << gate.err;
  RunResult file = run_program({"cat", scenario_.home() + "/pg_service.conf"});
  EXPECT_THAT(file.out,
              HasSubstr(fmt::format("[shop-yesterday-tcp]\n# kept by yesterdaytabase\n"
                                    "host=staging.example.com\nport=6432\ndbname=shop\nuser=staging\n"
                                    "sslmode=verify-full\nsslrootcert={}/shop-yesterday-ca.crt\n",
                                    scenario_.home())));
}

}  // namespace
}  // namespace ytb::testing
