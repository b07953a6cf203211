// No setting that production can give to a database or to a role reaches a session of ours. The server itself
// says which there are, so that a new version's new setting is either reset or fails here.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "drivers/postgres/connection.h"
#include "tests/postgres_cluster.h"

namespace ytb::postgres {
namespace {

using testing::PostgresCluster;

// Left as they are, each for a reason.
const std::set<std::string> kReviewed = {
    "max_stack_depth",  // the built-in default is below what servers start with; it makes errors, never
                        // values
};

// Another value than the default for settings that are texts.
const std::map<std::string, std::string> kTexts = {
    {"application_name", "x"},
    {"backtrace_functions", "nothing"},
    {"client_encoding", "LATIN1"},
    {"createrole_self_grant", "set, inherit"},
    {"DateStyle", "SQL, DMY"},
    {"debug_io_direct", ""},
    {"default_table_access_method", "heap"},
    {"default_tablespace", "pg_default"},
    {"default_text_search_config", "pg_catalog.german"},
    {"dynamic_library_path", "/nowhere"},
    {"extension_control_path", "/nowhere"},
    {"extension_destdir", "/nowhere"},
    {"lc_messages", "C.UTF-8"},
    {"lc_monetary", "C.UTF-8"},
    {"lc_numeric", "C.UTF-8"},
    {"lc_time", "C.UTF-8"},
    {"local_preload_libraries", "not_there"},
    {"log_connections", "all"},
    {"output_plugin_libraries", "not_there"},
    {"restrict_nonsystem_relation_kind", "view"},
    {"search_path", "nowhere"},
    {"session_preload_libraries", "not_there"},
    {"synchronized_standby_slots", ""},
    {"temp_tablespaces", "pg_default"},
    {"timezone_abbreviations", "Australia"},
    {"TimeZone", "Asia/Tokyo"},
    {"wal_consistency_checking", "heap"},
};

// name, value, context: what can be set for a database, and a value that it does not have by itself.
const char* const kAll = R"sql(
    SELECT name, CASE vartype
        WHEN 'bool' THEN CASE boot_val WHEN 'on' THEN 'off' ELSE 'on' END
        WHEN 'enum' THEN (SELECT v FROM unnest(enumvals) AS v WHERE v <> boot_val ORDER BY v LIMIT 1)
        WHEN 'string' THEN ''
        ELSE (CASE WHEN boot_val::numeric + 1 <= max_val::numeric THEN boot_val::numeric + 1
                   ELSE min_val::numeric END)::text END, vartype, context
    FROM pg_settings WHERE context IN ('user', 'superuser', 'backend', 'superuser-backend')
    ORDER BY name)sql";

class SessionSettings : public ::testing::Test {
 protected:
  void SetUp() override {
    cluster_ = PostgresCluster::make();
    ASSERT_TRUE(cluster_);
    cluster_->run("postgres", "CREATE DATABASE shop; CREATE ROLE ordinary LOGIN");
  }

  // Sets everything by "ALTER <whom> SET …"; `superuser`: also what only a superuser may set.
  void set_all(const std::string& whom, bool superuser) {
    for (const auto& row : cluster_->rows("postgres", kAll)) {
      if (!superuser && row[3] != "user") continue;
      std::string value = row[1];
      if (row[2] == "enum" && value.empty()) continue;  // a build that knows no other value
      if (row[2] == "string") {
        auto text = kTexts.find(row[0]);
        if (text == kTexts.end()) {
          ADD_FAILURE() << row[0] << " is new here: give it a value";
          continue;
        }
        value = text->second;
      }
      std::string error;
      const bool lists = row[0] == "search_path" || row[0].ends_with("_libraries");
      const std::string quoted = lists ? value : "'" + value + "'";
      if (cluster_->try_run("postgres", fmt::format("ALTER {} SET {} = {}", whom, row[0], quoted), &error)) {
        ++set_;
      } else if (row[3] == "user") {
        refused_.insert(row[0]);
      }
    }
  }

  // Settings of production's that a session of ours has.
  std::vector<std::string> found_in(SessionKind kind, const std::string& user) {
    ports::SessionTarget target;
    target.parameters = {
        {"host", cluster_->socket_directory()}, {"port", std::to_string(cluster_->port())}, {"user", user}};
    target.label = "the test's server";
    auto session = Connection::open(target, "shop", kind);
    if (!session.ok()) return {"<" + to_string(session.error()) + ">"};
    auto rows = session->query(R"sql(
        SELECT name, source FROM pg_catalog.pg_settings
        WHERE source IN ('global', 'database', 'user', 'database user'))sql");
    if (!rows.ok()) return {"<" + to_string(rows.error()) + ">"};
    std::vector<std::string> names;
    for (int i = 0; i < rows->count(); ++i) {
      if (!kReviewed.contains(rows->text(i, 0))) names.push_back(rows->text(i, 0));
    }
    for (const auto& [name, value] : std::map<std::string, std::string>{{"array_nulls", "on"},
                                                                        {"DateStyle", "ISO, MDY"},
                                                                        {"TimeZone", "UTC"},
                                                                        {"xmlbinary", "base64"},
                                                                        {"lc_monetary", "C"}}) {
      auto is = session->value("SELECT current_setting($1)", {name});
      EXPECT_EQ(is.ok() ? *is : to_string(is.error()), value) << name;
    }
    return names;
  }

  std::unique_ptr<PostgresCluster> cluster_;
  int set_ = 0;
  std::set<std::string> refused_;  // by the server, though every user may set them
};

TEST_F(SessionSettings, NoneOfADatabaseReachesACopysSession) {
  set_all("DATABASE shop", true);
  EXPECT_GT(set_, 140);
  // Of a transaction, not of a session: the server lets nobody set them for a database.
  EXPECT_EQ(refused_, (std::set<std::string>{"transaction_deferrable", "transaction_isolation"}));
  EXPECT_EQ(found_in(SessionKind::kCopy, "postgres"), std::vector<std::string>{});
}

TEST_F(SessionSettings, NoneOfARoleReachesACopysSession) {
  set_all("ROLE postgres IN DATABASE shop", true);
  EXPECT_GT(set_, 140);
  EXPECT_EQ(found_in(SessionKind::kCopy, "postgres"), std::vector<std::string>{});
}

TEST_F(SessionSettings, NoneReachesAMastersOrProductionsSession) {
  set_all("DATABASE shop", false);
  EXPECT_GT(set_, 100);
  EXPECT_EQ(found_in(SessionKind::kMaster, "ordinary"), std::vector<std::string>{});
  // In production itself nobody could connect with this one.
  cluster_->run("postgres", "ALTER DATABASE shop RESET local_preload_libraries");
  EXPECT_EQ(found_in(SessionKind::kProduction, "ordinary"), std::vector<std::string>{});
}

}  // namespace
}  // namespace ytb::postgres
