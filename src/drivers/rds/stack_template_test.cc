#include "drivers/rds/stack_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "drivers/rds/stack_template_testing.h"

namespace ytb::rds {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

json made(bool aurora, const config::RdsCopiesConfig& copies) {
  Result<std::string> text = stack_template({.name = "shop-yesterday-20261122-060000-1",
                                             .aurora = aurora,
                                             .engine_version = "15.4",
                                             .copies = copies,
                                             .volume = every_volume(),
                                             .tags = {{"yesterdaytabase:production", "shop"}}});
  EXPECT_TRUE(text.ok()) << (text.ok() ? "" : to_string(text.error()));
  if (!text.ok()) return {};
  EXPECT_LT(text->size(), kTemplateBytesMax);
  return parse_json(*text);
}

// The original left all of these at what production or AWS has.
TEST(StackTemplate, original_defects_5_and_8_closed_unprotected_and_nothing_inherited) {
  json found = made(false, every_setting());
  const json& resources = found["Resources"];
  for (const auto& [name, resource] : resources.items()) {
    EXPECT_EQ(resource["DeletionPolicy"], "Delete") << name;
    EXPECT_EQ(resource["UpdateReplacePolicy"], "Delete") << name;
    EXPECT_EQ(resource["Properties"]["Tags"][0]["Key"], "team") << name;
    EXPECT_EQ(resource["Properties"]["Tags"][1]["Key"], "yesterdaytabase:production") << name;
  }
  const json& instance = resources["Instance"]["Properties"];
  EXPECT_EQ(instance["PubliclyAccessible"], false);
  EXPECT_EQ(instance["DeletionProtection"], false);
  EXPECT_EQ(instance["EnableIAMDatabaseAuthentication"], false);
  EXPECT_EQ(instance["BackupRetentionPeriod"], 0);
  EXPECT_EQ(instance["AllocatedStorage"], "500");
  EXPECT_EQ(instance["StorageType"], "gp3");
  EXPECT_EQ(instance["Iops"], 12'000);
  EXPECT_EQ(instance["StorageThroughput"], 500);
  EXPECT_EQ(instance["DeleteAutomatedBackups"], true);
  EXPECT_EQ(instance["CopyTagsToSnapshot"], false);
  EXPECT_EQ(instance["MultiAZ"], false);
  EXPECT_EQ(instance["AutoMinorVersionUpgrade"], false);
  EXPECT_EQ(instance["DBSnapshotIdentifier"]["Ref"], "Snapshot");
  EXPECT_EQ(instance["VPCSecurityGroups"]["Ref"], "Groups");
  for (const char* never : {"MasterUsername", "DBName", "KmsKeyId", "StorageEncrypted", "MasterUserPassword"})
    EXPECT_FALSE(instance.contains(never)) << never;
  const json& parameters = resources["Parameters"]["Properties"]["Parameters"];
  EXPECT_EQ(parameters["rds.logical_replication"], "0");
  EXPECT_EQ(parameters["max_logical_replication_workers"], "0");
  EXPECT_EQ(parameters["shared_preload_libraries"], "pg_stat_statements");
  EXPECT_EQ(parameters["work_mem"], "65536");
  EXPECT_EQ(resources["Parameters"]["Properties"]["Family"], "postgres15");
  EXPECT_FALSE(found.contains("Capabilities"));
}

TEST(StackTemplate, a_cluster_keeps_its_version_and_carries_what_is_the_clusters) {
  json resources = made(true, every_setting())["Resources"];
  const json& cluster = resources["Cluster"]["Properties"];
  EXPECT_EQ(cluster["SnapshotIdentifier"]["Ref"], "Snapshot");
  EXPECT_EQ(cluster["EngineVersion"], "15.4");
  EXPECT_EQ(cluster["VpcSecurityGroupIds"]["Ref"], "Groups");
  EXPECT_EQ(cluster["BackupRetentionPeriod"], 1);
  EXPECT_EQ(cluster["EnableIAMDatabaseAuthentication"], false);
  EXPECT_EQ(resources["ClusterParameters"]["Properties"]["Parameters"]["rds.logical_replication"], "0");
  EXPECT_EQ(resources["ClusterParameters"]["Properties"]["Family"], "aurora-postgresql15");
  const json& writer = resources["Instance"]["Properties"];
  EXPECT_EQ(writer["DBInstanceIdentifier"], "shop-yesterday-20261122-060000-1-w");
  EXPECT_EQ(writer["DBClusterIdentifier"]["Ref"], "Cluster");
  EXPECT_EQ(writer["PubliclyAccessible"], false);
  for (const auto& [name, resource] : resources.items())
    EXPECT_EQ(resource["DeletionPolicy"], "Delete") << name;
}

TEST(StackTemplate, parameters_that_would_break_a_promise_are_refused) {
  for (const char* name : {"rds.logical_replication", "max_logical_replication_workers", "cron.database_name",
                           "session_preload_libraries", "local_preload_libraries", "archive_command",
                           "wal_level", "session_replication_role", "password_encryption", "Work_Mem", ""}) {
    EXPECT_FALSE(check_parameters({{name, "1"}}).ok()) << name;
  }
  for (const char* libraries : {"pg_cron", "pg_stat_statements,pg_cron", "pglogical", ""})
    EXPECT_FALSE(check_parameters({{"shared_preload_libraries", libraries}}).ok()) << libraries;
  EXPECT_FALSE(check_parameters({{"work_mem", "1\n2"}}).ok());
  EXPECT_TRUE(check_parameters({{"shared_preload_libraries", "pg_stat_statements, pgaudit"},
                                {"rds.logical_replication", "0"},
                                {"autovacuum_max_workers", "5"}})
                  .ok());
  config::RdsCopiesConfig copies = every_setting();
  copies.tags = {{"yesterdaytabase:phase", "proven"}};
  EXPECT_FALSE(
      stack_template({.name = "n", .aurora = false, .engine_version = "15.4", .copies = copies, .tags = {}})
          .ok());
}

TEST(StackTemplate, its_policy_denies_replacement_and_deletion_by_update) {
  json policy = parse_json(stack_policy());
  EXPECT_EQ(policy["Statement"][0]["Effect"], "Deny");
  EXPECT_THAT(policy["Statement"][0]["Action"].dump(), HasSubstr("Update:Replace"));
  EXPECT_THAT(policy["Statement"][0]["Action"].dump(), HasSubstr("Update:Delete"));
}

}  // namespace
}  // namespace ytb::rds
