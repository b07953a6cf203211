#include "drivers/aws/rds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/aws/aws_testing.h"

namespace ytb::aws {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing_support::Bench;

std::string wrapped(const std::string& action, const std::string& content) {
  return "<" + action + "Response xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><" + action + "Result>" +
         content + "</" + action + "Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></" +
         action + "Response>";
}
std::string refusal(const std::string& code) {
  return "<ErrorResponse><Error><Code>" + code + "</Code><Message>m</Message></Error></ErrorResponse>";
}

std::string snapshot(const std::string& id, const std::string& more = "") {
  return "<DBSnapshot><DBSnapshotIdentifier>" + id + "</DBSnapshotIdentifier><DBSnapshotArn>arn:" + id +
         "</DBSnapshotArn><DBInstanceIdentifier>shop</DBInstanceIdentifier><Engine>postgres</Engine>"
         "<EngineVersion>15.4</EngineVersion><Status>available</Status><SnapshotType>automated</SnapshotType>"
         "<AllocatedStorage>100</AllocatedStorage><Encrypted>true</Encrypted>" +
         more + "</DBSnapshot>";
}

const char* const kInstance = R"(<DBInstance>
  <DBInstanceIdentifier>copy</DBInstanceIdentifier><DBInstanceArn>arn:copy</DBInstanceArn>
  <DbiResourceId>db-ABC</DbiResourceId><DBInstanceClass>db.t3.small</DBInstanceClass><Engine>postgres</Engine>
  <EngineVersion>15.4</EngineVersion><DBInstanceStatus>available</DBInstanceStatus>
  <Endpoint><Address>copy.x.rds.amazonaws.com</Address><Port>5432</Port><HostedZoneId>Z9</HostedZoneId></Endpoint>
  <InstanceCreateTime>2026-11-22T06:10:11.123Z</InstanceCreateTime><AllocatedStorage>100</AllocatedStorage>
  <BackupRetentionPeriod>7</BackupRetentionPeriod><PubliclyAccessible>false</PubliclyAccessible>
  <StorageEncrypted>true</StorageEncrypted><IAMDatabaseAuthenticationEnabled>false</IAMDatabaseAuthenticationEnabled>
  <DeletionProtection>true</DeletionProtection>
  <VpcSecurityGroups><VpcSecurityGroupMembership><VpcSecurityGroupId>sg-1</VpcSecurityGroupId><Status>active</Status>
  </VpcSecurityGroupMembership></VpcSecurityGroups>
  <DBParameterGroups><DBParameterGroup><DBParameterGroupName>pg</DBParameterGroupName>
  <ParameterApplyStatus>in-sync</ParameterApplyStatus></DBParameterGroup></DBParameterGroups>
  <DBSubnetGroup><DBSubnetGroupName>subnets</DBSubnetGroupName><VpcId>vpc-1</VpcId></DBSubnetGroup>
  <PendingModifiedValues><MasterUserPassword>****</MasterUserPassword><Port/></PendingModifiedValues>
  <StatusInfos><DBInstanceStatusInfo><StatusType>read replication</StatusType><Normal>false</Normal>
  <Status>error</Status><Message>broken</Message></DBInstanceStatusInfo></StatusInfos>
  <TagList><Tag><Key>a</Key><Value> </Value></Tag><Tag><Key>b</Key><Value/></Tag></TagList>
</DBInstance>)";

Result<std::vector<DbSnapshot>> all_snapshots(Bench& bench, const SnapshotQuery& query) {
  std::vector<DbSnapshot> found;
  const Status status = Rds(bench.caller).describe_db_snapshots(query, [&](DbSnapshot one) -> Status {
    found.push_back(std::move(one));
    return {};
  });
  if (!status.ok()) return status.error();
  return found;
}

TEST(Rds, SnapshotsAreWalkedToTheEnd) {
  Bench bench;
  bench.transport
      .answer(200, wrapped("DescribeDBSnapshots",
                           "<Marker>m/1</Marker><DBSnapshots>" +
                               snapshot("one",
                                        "<SnapshotCreateTime>2026-11-21T06:00:00Z</SnapshotCreateTime>"
                                        "<OriginalSnapshotCreateTime>2026-11-20T06:00:00Z"
                                        "</OriginalSnapshotCreateTime>") +
                               "</DBSnapshots>"))
      .answer(200, wrapped("DescribeDBSnapshots", "<Marker>m/2</Marker><DBSnapshots/>"))
      .answer(200, wrapped("DescribeDBSnapshots", "<DBSnapshots>" + snapshot("two") + "</DBSnapshots>"));
  const auto found = all_snapshots(bench, {.source_id = "shop", .resource_id = "db-1", .type = "automated"});
  ASSERT_TRUE(found.ok()) << found.error().message;
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ(found->at(0).id, "one");
  EXPECT_EQ(found->at(0).created_at, from_iso("2026-11-21T06:00:00Z"));
  EXPECT_EQ(found->at(0).original_created_at, from_iso("2026-11-20T06:00:00Z"));
  EXPECT_EQ(found->at(0).allocated_gib, 100);
  EXPECT_TRUE(found->at(0).encrypted);
  EXPECT_EQ(found->at(1).created_at, std::nullopt);
  EXPECT_EQ(bench.transport.requests.at(0).body,
            "Action=DescribeDBSnapshots&Version=2014-10-31&MaxRecords=100&DBInstanceIdentifier=shop&"
            "DbiResourceId=db-1"
            "&SnapshotType=automated");
  EXPECT_THAT(bench.transport.requests.at(2).body, HasSubstr("&Marker=m%2F2"));
}

TEST(Rds, WhatIsMissingOrWrongIsNamedAndNothingOfThePageIsGiven) {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"<DBSnapshots>" + snapshot("one") + "<DBSnapshot/></DBSnapshots>",
       "DBSnapshots[1].DBSnapshotIdentifier is missing"},
      {"<DBSnapshots>" + snapshot("one", "<SnapshotCreateTime>today</SnapshotCreateTime>") + "</DBSnapshots>",
       "SnapshotCreateTime is no time"},
      {"<DBSnapshots>" + snapshot("one", "<Port>54x</Port>") + "</DBSnapshots>", "Port is no whole number"},
      {"<Snapshots/>", "DescribeDBSnapshotsResult.DBSnapshots is missing"},
  };
  for (const auto& [content, what] : bad) {
    Bench bench;
    bench.transport.answer(200, wrapped("DescribeDBSnapshots", content));
    int given = 0;
    const Status status = Rds(bench.caller).describe_db_snapshots({}, [&](const DbSnapshot&) -> Status {
      ++given;
      return {};
    });
    ASSERT_FALSE(status.ok()) << what;
    EXPECT_THAT(status.error().message, HasSubstr(what));
    EXPECT_EQ(status.error().retry, Retry::kLater);
    EXPECT_EQ(given, 0);
  }
  for (const std::string& body :
       {std::string("<DescribeDBSnapshotsResponse><Descr"), std::string("<Other/>"), std::string()}) {
    Bench bench;
    bench.transport.answer(200, body);
    EXPECT_FALSE(all_snapshots(bench, {}).ok());
  }
}

TEST(Rds, AMarkerThatComesAgainEndsTheWalk) {
  Bench bench;
  const std::string page = wrapped("DescribeDBSnapshots", "<Marker>same</Marker><DBSnapshots/>");
  bench.transport.answer(200, page).answer(200, page);
  const auto found = all_snapshots(bench, {});
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.error().message, HasSubstr("again and again"));
}

TEST(Rds, ErrorsOfTheVisitorEndTheWalk) {
  Bench bench;
  bench.transport.answer(
      200, wrapped("DescribeDBSnapshots",
                   "<Marker>m</Marker><DBSnapshots>" + snapshot("a") + snapshot("b") + "</DBSnapshots>"));
  const Status status = Rds(bench.caller).describe_db_snapshots({}, [&](const DbSnapshot& one) -> Status {
    return Error{.code = Code::kRefused, .message = one.id, .hint = ""};
  });
  EXPECT_EQ(status.error().message, "a");
}

TEST(Rds, InstanceIsReadWhole) {
  Bench bench;
  bench.transport
      .answer(200,
              wrapped("DescribeDBInstances", std::string("<DBInstances>") + kInstance + "</DBInstances>"))
      .answer(404, refusal("DBInstanceNotFound"));
  Rds rds(bench.caller);
  const auto found = rds.describe_db_instance("copy");
  ASSERT_TRUE(found.ok()) << found.error().message;
  const DbInstance& copy = **found;
  EXPECT_EQ(copy.resource_id, "db-ABC");
  ASSERT_TRUE(copy.endpoint);
  EXPECT_EQ(copy.endpoint->address, "copy.x.rds.amazonaws.com");
  EXPECT_EQ(copy.endpoint->port, 5432);
  EXPECT_EQ(copy.backup_retention_days, 7);
  EXPECT_TRUE(copy.deletion_protection);
  EXPECT_FALSE(copy.publicly_accessible);
  EXPECT_EQ(copy.vpc_id, "vpc-1");
  EXPECT_EQ(copy.security_groups.at(0).id, "sg-1");
  EXPECT_EQ(copy.parameter_groups.at(0).status, "in-sync");
  EXPECT_THAT(copy.pending, ElementsAre("MasterUserPassword"));
  EXPECT_THAT(copy.problems, ElementsAre("read replication: error: broken"));
  EXPECT_EQ(copy.tags, (Tags{{"a", " "}, {"b", ""}}));
  const auto none = rds.describe_db_instance("copy");
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->has_value());
}

TEST(Rds, WhatSafetyRestsOnIsRequired) {
  for (const std::string member :
       {"PubliclyAccessible", "BackupRetentionPeriod", "IAMDatabaseAuthenticationEnabled",
        "DeletionProtection", "VpcSecurityGroups", "DbiResourceId"}) {
    Bench bench;
    std::string text = kInstance;
    for (size_t at = text.find(member + ">"); at != std::string::npos; at = text.find(member + ">", at + 9)) {
      text.replace(at, member.size(), "X" + member);
    }
    bench.transport.answer(200, wrapped("DescribeDBInstances", "<DBInstances>" + text + "</DBInstances>"));
    const auto found = Rds(bench.caller).describe_db_instance("copy");
    ASSERT_FALSE(found.ok()) << member;
    EXPECT_THAT(found.error().message, HasSubstr(member + " is missing"));
  }
}

TEST(Rds, ModifySendsOnlyWhatChangesAndHidesThePassword) {
  Bench bench;
  const Secret password("hunter2-hunter2");
  bench.transport.answer(200, wrapped("ModifyDBInstance", kInstance))
      .answer(
          400,
          "<ErrorResponse><Error><Code>InvalidParameterValue</Code><Message>hunter2-hunter2 is odd</Message>"
          "</Error></ErrorResponse>")
      .answer(200, "<cut");
  Rds rds(bench.caller);
  const ModifyDb change{.id = "copy",
                        .master_password = &password,
                        .backup_retention_days = 0,
                        .security_groups = {"sg-1", "sg-2"}};
  ASSERT_TRUE(rds.modify_db_instance(change).ok());
  EXPECT_EQ(bench.transport.requests.at(0).body,
            "Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier=copy&MasterUserPassword=hunter2-"
            "hunter2"
            "&BackupRetentionPeriod=0&VpcSecurityGroupIds.VpcSecurityGroupId.1=sg-1"
            "&VpcSecurityGroupIds.VpcSecurityGroupId.2=sg-2&ApplyImmediately=true");
  EXPECT_FALSE(bench.transport.requests.at(0).may_repeat);
  EXPECT_THAT(to_string(rds.modify_db_instance(change).error()), Not(HasSubstr("hunter2")));
  // An answer that cannot be read after a change: perhaps done.
  EXPECT_EQ(rds.modify_db_instance(change).error().retry, Retry::kInDoubt);
}

TEST(Rds, CopyAndDeleteTellWhatWasThere) {
  Bench bench;
  bench.transport.answer(200, wrapped("CopyDBSnapshot", snapshot("target")))
      .answer(400, refusal("DBSnapshotAlreadyExists"))
      .answer(200, wrapped("DeleteDBSnapshot", snapshot("target")))
      .answer(404, refusal("DBSnapshotNotFound"));
  Rds rds(bench.caller);
  const CopySnapshot copy{
      .source = "arn:source", .target_id = "target", .kms_key_id = "key", .tags = {{"k", "v"}}};
  EXPECT_EQ(rds.copy_db_snapshot(copy)->value().id, "target");
  EXPECT_THAT(bench.transport.requests.at(0).body,
              HasSubstr("&KmsKeyId=key&Tags.Tag.1.Key=k&Tags.Tag.1.Value=v"));
  const auto again = rds.copy_db_snapshot(copy);
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again->has_value());
  EXPECT_EQ(rds.delete_db_snapshot("target").value(), Deletion::kBegun);
  EXPECT_EQ(rds.delete_db_snapshot("target").value(), Deletion::kNotThere);
}

TEST(Rds, ClusterAndItsSnapshots) {
  Bench bench;
  bench.transport
      .answer(
          200,
          wrapped("DescribeDBClusters",
                  "<DBClusters><DBCluster><DBClusterIdentifier>c</DBClusterIdentifier><DBClusterArn>arn</"
                  "DBClusterArn>"
                  "<DbClusterResourceId>cluster-1</DbClusterResourceId><Engine>aurora-postgresql</Engine>"
                  "<EngineVersion>15.4</EngineVersion><Status>available</Status><Endpoint>w</Endpoint>"
                  "<BackupRetentionPeriod>1</BackupRetentionPeriod><StorageEncrypted>true</StorageEncrypted>"
                  "<IAMDatabaseAuthenticationEnabled>false</IAMDatabaseAuthenticationEnabled>"
                  "<DeletionProtection>false</DeletionProtection><VpcSecurityGroups/><DBClusterMembers>"
                  "<DBClusterMember><DBInstanceIdentifier>c-1</DBInstanceIdentifier><IsClusterWriter>true"
                  "</IsClusterWriter></DBClusterMember></DBClusterMembers></DBCluster></DBClusters>"))
      .answer(200,
              wrapped("DescribeDBClusterSnapshots",
                      "<DBClusterSnapshots><DBClusterSnapshot><DBClusterSnapshotIdentifier>s"
                      "</DBClusterSnapshotIdentifier><DBClusterSnapshotArn>arn:s</DBClusterSnapshotArn>"
                      "<DBClusterIdentifier>c</DBClusterIdentifier><Engine>aurora-postgresql</"
                      "Engine><EngineVersion>15.4"
                      "</EngineVersion><Status>available</Status><SnapshotType>manual</SnapshotType>"
                      "<StorageEncrypted>false</StorageEncrypted></DBClusterSnapshot></DBClusterSnapshots>"))
      .answer(404, refusal("DBClusterNotFoundFault"));
  Rds rds(bench.caller);
  const auto cluster = rds.describe_db_cluster("c");
  ASSERT_TRUE(cluster.ok()) << cluster.error().message;
  EXPECT_EQ((*cluster)->members.at(0).instance_id, "c-1");
  EXPECT_TRUE((*cluster)->members.at(0).is_writer);
  std::string id;
  ASSERT_TRUE(rds.describe_db_cluster_snapshots({.source_id = "c"},
                                                [&](const DbSnapshot& one) -> Status {
                                                  id = one.id + one.source_id;
                                                  return {};
                                                })
                  .ok());
  EXPECT_EQ(id, "sc");
  EXPECT_FALSE(rds.describe_db_cluster("c")->has_value());
}

TEST(Rds, TagsGroupsAndQuotas) {
  Bench bench;
  bench.transport.answer(200, "<AddTagsToResourceResponse/>")
      .answer(200, "<RemoveTagsFromResourceResponse/>")
      .answer(200,
              wrapped("ListTagsForResource", "<TagList><Tag><Key>k</Key><Value>v</Value></Tag></TagList>"))
      .answer(
          200,
          wrapped(
              "DescribeDBSubnetGroups",
              "<DBSubnetGroups><DBSubnetGroup><DBSubnetGroupName>g</DBSubnetGroupName><VpcId>v</VpcId>"
              "<Subnets><Subnet><SubnetIdentifier>s</SubnetIdentifier><SubnetAvailabilityZone><Name>z</Name>"
              "</SubnetAvailabilityZone></Subnet></Subnets></DBSubnetGroup></DBSubnetGroups>"))
      .answer(404, refusal("DBParameterGroupNotFound"))
      .answer(
          200,
          wrapped(
              "DescribeAccountAttributes",
              "<AccountQuotas><AccountQuota><AccountQuotaName>DBInstances</AccountQuotaName><Used>3</Used>"
              "<Max>40</Max></AccountQuota></AccountQuotas>"))
      .answer(200, wrapped("DescribeDBEngineVersions",
                           "<DBEngineVersions><DBEngineVersion><Engine>postgres</Engine><EngineVersion>15.4"
                           "</EngineVersion><DBParameterGroupFamily>postgres15</DBParameterGroupFamily>"
                           "</DBEngineVersion></DBEngineVersions>"))
      .answer(200, wrapped("DescribeOrderableDBInstanceOptions",
                           "<OrderableDBInstanceOptions><OrderableDBInstanceOption><Engine>postgres</"
                           "Engine><EngineVersion>15.4"
                           "</EngineVersion><DBInstanceClass>db.t3.small</DBInstanceClass><AvailabilityZones>"
                           "<AvailabilityZone><Name>z</Name></AvailabilityZone></AvailabilityZones>"
                           "</OrderableDBInstanceOption></OrderableDBInstanceOptions>"));
  Rds rds(bench.caller);
  ASSERT_TRUE(rds.add_tags_to_resource("arn", {{"k", "v w"}}).ok());
  EXPECT_THAT(bench.transport.requests.at(0).body, HasSubstr("&Tags.Tag.1.Key=k&Tags.Tag.1.Value=v%20w"));
  ASSERT_TRUE(rds.remove_tags_from_resource("arn", {"k"}).ok());
  EXPECT_THAT(bench.transport.requests.at(1).body, HasSubstr("&TagKeys.member.1=k"));
  EXPECT_EQ(rds.list_tags_for_resource("arn").value(), (Tags{{"k", "v"}}));
  EXPECT_EQ(rds.describe_db_subnet_group("g")->value().subnets.at(0).availability_zone, "z");
  EXPECT_FALSE(rds.describe_db_parameter_group("g")->has_value());
  EXPECT_EQ(rds.describe_account_attributes()->at(0).max, 40);
  EXPECT_EQ(rds.describe_db_engine_versions("postgres", "15.4")->at(0).parameter_group_family, "postgres15");
  EXPECT_EQ(rds.describe_orderable_db_instance_options("postgres", "15.4", "db.t3.small")
                ->at(0)
                .availability_zones.at(0),
            "z");
}

}  // namespace
}  // namespace ytb::aws
