// S12: files in a snapshot that no catalog names came along into the copy: of transactions under way during
// the backup, of databases whose creation never ended, strays.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <filesystem>
#include <fstream>

#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kMarker = "planted-row@real.test";

class S12 : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_.production().run("shop", R"(
      CREATE TABLE users (id int PRIMARY KEY, email text);
      INSERT INTO users SELECT g, 'user' || g || '@real.test' FROM generate_series(1, 100) g;
      CREATE TABLE plans (id int, name text) WITH (autovacuum_enabled = false);
      INSERT INTO plans SELECT g, 'plan' FROM generate_series(1, 50) g;)");
    scenario_.write_policy("    public.users: {id: keep, email: email}\n    public.plans: keep\n");
    scenario_.accept();
  }

  void plant(const std::string& relative) {
    const std::filesystem::path path = scenario_.snapshots() + "/monday/" + relative;
    std::filesystem::create_directories(path.parent_path());
    {
      std::ofstream file(path, std::ios::binary);
      for (int i = 0; i < 1000; ++i) file << kMarker << '\n';
    }
    if (!server_user().empty()) {
      run_program({"chown", "-R", server_user(), path.parent_path().string()});
    }
  }

  // Paths below the copies' folder.
  std::string files_with_marker() {
    return run_program({"grep", "-rlaF", "--", std::string(kMarker), scenario_.copies()}).out;
  }

  Scenario scenario_;
};

TEST_F(S12, FilesThatNoCatalogNamesAreGone) {
  scenario_.take_snapshot("monday");
  const std::string database =
      "base/" + scenario_.production().value("shop", "SELECT oid FROM pg_database WHERE datname = 'shop'");
  const std::string users = scenario_.production().value("shop", "SELECT pg_relation_filepath('users')");
  for (const std::string& path :
       {database + "/999999", database + "/999999_fsm", database + "/t3_16384", database + "/dump.sql",
        users + ".2", database + "/pgsql_tmp7.1", std::string("base/77777/16384"), std::string("base/stray"),
        std::string("global/999998"), std::string("global/notes"), std::string("pg_xact/notes"),
        std::string("pg_multixact/members/notes"), std::string("pg_multixact/offsets/old/0000"),
        std::string("pg_logical/snapshots/0-1.snap"), std::string("pg_wal/notes")}) {
    plant(path);
  }
  scenario_.refresh();
  EXPECT_EQ(files_with_marker(), "");
  const std::string proof = scenario_.proof();
  EXPECT_THAT(proof, HasSubstr("no_unnamed_files"));
  EXPECT_THAT(proof, HasSubstr("relation files that no catalog names"));
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM users"), "100");
}

// A CREATE DATABASE that a crash cut off leaves a folder for good, with some of its files and no row, or with
// the row of a transaction that never ended; a DROP DATABASE that was cut off leaves a row that nobody can
// use.
TEST_F(S12, FoldersOfDatabasesThatNobodyCanEnterAreNoObstacle) {
  scenario_.production().run("template1", "CREATE DATABASE dropping");
  const std::string dropping =
      scenario_.production().value("template1", "SELECT oid FROM pg_database WHERE datname = 'dropping'");
  scenario_.production().run("template1",
                             R"(UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'dropping';
    SET allow_system_table_mods = on;
    CREATE TEMP TABLE row AS SELECT * FROM pg_database WHERE datname = 'shop';
    UPDATE row SET oid = 88888, datname = 'never';)"
                             "BEGIN; INSERT INTO pg_database SELECT * FROM row; ROLLBACK");
  scenario_.production().run("template1", "CHECKPOINT");
  const std::string folder =
      scenario_.production().value("template1", "SHOW data_directory") + "/base/" + dropping;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().filename() != "pg_filenode.map") std::filesystem::remove(file.path());
  }
  scenario_.take_snapshot("monday");
  plant("base/77777/pg_filenode.map");
  plant("base/88888/pg_filenode.map");
  scenario_.refresh();
  EXPECT_EQ(files_with_marker(), "");
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM users"), "100");
}

// What an unlogged table begins with after a crash: the server would put it in the masked table's place.
TEST_F(S12, AnUnloggedTableBeginsWithNothing) {
  scenario_.production().run("shop", fmt::format("CREATE UNLOGGED TABLE drafts (id int, email text);"
                                                 "CREATE TABLE model (LIKE drafts);"
                                                 "INSERT INTO model VALUES (1, '{}'); CHECKPOINT",
                                                 kMarker));
  auto path_of = [&](const char* table) {
    return scenario_.production().value("template1", "SHOW data_directory") + "/" +
           scenario_.production().value("shop", fmt::format("SELECT pg_relation_filepath('{}')", table));
  };
  const std::string beginning = path_of("drafts") + "_init";
  ASSERT_TRUE(std::filesystem::copy_file(path_of("model"), beginning,
                                         std::filesystem::copy_options::overwrite_existing));
  if (!server_user().empty()) run_program({"chown", server_user(), beginning});
  scenario_.production().run("shop", "DROP TABLE model");
  scenario_.write_policy(
      "    public.users: {id: keep, email: email}\n    public.plans: keep\n"
      "    public.drafts: {id: keep, email: email}\n");
  scenario_.accept();
  scenario_.take_snapshot("monday");
  scenario_.refresh();
  EXPECT_EQ(files_with_marker(), "");
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM drafts"), "1");
}

TEST_F(S12, NorIsWhatATransactionDuringTheBackupWrote) {
  std::unique_ptr<PGconn, decltype(&PQfinish)> session(
      PQconnectdb(scenario_.production().connection("shop").c_str()), PQfinish);
  std::unique_ptr<PGresult, decltype(&PQclear)> begun(
      PQexec(session.get(), fmt::format("BEGIN; CREATE TABLE report AS SELECT '{}' AS email FROM "
                                        "generate_series(1, 1000)",
                                        kMarker)
                                .c_str()),
      PQclear);
  ASSERT_EQ(PQresultStatus(begun.get()), PGRES_COMMAND_OK) << PQerrorMessage(session.get());
  scenario_.production().run("shop", "CHECKPOINT");
  scenario_.take_snapshot("monday");
  scenario_.refresh();
  EXPECT_EQ(files_with_marker(), "");
}

// They have names that the server gives, and no transaction is in them.
TEST_F(S12, NorAreSegmentsOfTransactionLogsThatNoneIsIn) {
  scenario_.production().run("shop", "BEGIN; SELECT FROM users FOR SHARE; COMMIT");
  scenario_.take_snapshot("monday");
  for (const char* path : {"pg_xact/0FFF", "pg_xact/0001", "pg_multixact/members/0ABC",
                           "pg_multixact/members/14078", "pg_multixact/offsets/00FF", "pg_commit_ts/0000"}) {
    plant(path);
  }
  scenario_.refresh();
  EXPECT_EQ(files_with_marker(), "");
  EXPECT_THAT(scenario_.proof(), HasSubstr("other files"));
  EXPECT_EQ(scenario_.staging_value("SELECT count(*) FROM users"), "100");
}

TEST_F(S12, DeadRowsOfKeptTablesAreCounted) {
  scenario_.production().run("shop", "DELETE FROM plans WHERE id <= 7; SELECT count(*) FROM plans");
  scenario_.take_snapshot("monday");
  scenario_.refresh();
  EXPECT_THAT(scenario_.proof(), HasSubstr("public.plans: 7 dead rows"));
}

}  // namespace
}  // namespace ytb::testing
