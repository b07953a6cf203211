#include "drivers/rds/old_stack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ytb::rds {
namespace {

using ::testing::HasSubstr;

constexpr const char* kYaml = R"(
AWSTemplateFormatVersion: '2010-09-09'
Parameters:
  DBName: {Type: String}
Resources:
  Name:
    Type: AWS::Route53::RecordSet
    Properties:
      Name: !Sub "${HostName}.${DomainRoot}"
      ResourceRecords: [!GetAtt Db.Endpoint.Address]
      TTL: 300
      Type: CNAME
  Db:
    Type: AWS::RDS::DBInstance
    Properties:
      BackupRetentionPeriod: 0
      DBInstanceIdentifier: !Ref DBName
      DBSnapshotIdentifier: !Ref SnapshotID
      PubliclyAccessible: true
      DBInstanceClass: '0012'
Outputs:
  DomainName: {Value: !Ref Name}
  Size: {Value: !Ref DiskSize}
)";

class OldStacks : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.name = "shop-yesterdaytabase";
    stack_.status = "CREATE_COMPLETE";
    stack_.parameters = {
        {"DBName", "shop-2026-11-22-1100"}, {"DomainRoot", "mysite.com"}, {"SnapshotID", "rds:shop"}};
    add("Name", "AWS::Route53::RecordSet", "shop-yesterday.mysite.com");
    add("Db", "AWS::RDS::DBInstance", "shop-2026-11-22-1100");
  }
  void add(const std::string& logical, const std::string& type, const std::string& physical) {
    aws::StackResource resource;
    resource.logical_id = logical;
    resource.type = type;
    resource.physical_id = physical;
    resources_.push_back(resource);
  }
  Result<OldStack> recognise(const std::string& text) {
    return OldStack::recognise(
        {.database = "shop", .record_name = "shop-yesterday.mysite.com", .protected_ids = {"shop"}}, stack_,
        text, resources_);
  }
  aws::Stack stack_;
  std::vector<aws::StackResource> resources_;
};

// Only what is meant changes, whether the template is YAML or JSON.
TEST_F(OldStacks, each_step_changes_one_thing) {
  auto old = recognise(kYaml);
  ASSERT_TRUE(old.ok()) << to_string(old.error());
  EXPECT_TRUE(old->holds_record());
  EXPECT_FALSE(old->keeps_record());
  const Tree source = *parse_stack_template(kYaml);
  EXPECT_EQ(
      source["Resources"]["Db"]["Properties"].dump(),
      R"({"BackupRetentionPeriod":0,"DBInstanceIdentifier":{"Ref":"DBName"},)"
      R"("DBSnapshotIdentifier":{"Ref":"SnapshotID"},"PubliclyAccessible":true,"DBInstanceClass":"0012"})");
  EXPECT_EQ(source["Resources"]["Name"]["Properties"]["ResourceRecords"].dump(),
            R"([{"Fn::GetAtt":["Db","Endpoint.Address"]}])");

  Tree kept = Tree::parse(old->with_record_kept());
  auto again = recognise(kept.dump());
  ASSERT_TRUE(again.ok()) << to_string(again.error());
  EXPECT_TRUE(again->keeps_record());
  EXPECT_EQ(kept["Resources"]["Name"]["UpdateReplacePolicy"], "Retain");
  for (const char* ours : {"DeletionPolicy", "UpdateReplacePolicy", "Metadata"})
    kept["Resources"]["Name"].erase(ours);
  EXPECT_EQ(kept, source);

  Tree freed = Tree::parse(again->without_record());
  EXPECT_FALSE(freed["Resources"].contains("Name"));
  EXPECT_EQ(freed["Resources"]["Db"], source["Resources"]["Db"]);
  EXPECT_EQ(freed["Outputs"].dump(), R"({"Size":{"Value":{"Ref":"DiskSize"}}})");
  resources_.erase(resources_.begin());
  auto without = recognise(freed.dump());
  ASSERT_TRUE(without.ok()) << to_string(without.error());
  EXPECT_FALSE(without->holds_record());
  EXPECT_FALSE(without->deletes_instance_whole());
  EXPECT_TRUE(recognise(without->with_instance_deleted_whole())->deletes_instance_whole());
}

TEST_F(OldStacks, a_production_is_never_one) {
  for (const char* id :
       {"shop", "SHOP", "shop-main", "shop-2026-11-22", "shop-2026-11-22-110a", "crm-2026-11-22-1100"}) {
    resources_[1].physical_id = id;
    auto refused = recognise(kYaml);
    ASSERT_FALSE(refused.ok()) << id;
    EXPECT_EQ(refused.error().code, Code::kRefused);
    EXPECT_THAT(refused.error().message, HasSubstr("its instance "));
  }
}

TEST_F(OldStacks, all_that_differs_is_said) {
  stack_.name = "other";
  stack_.parameters["Owner"] = "me";
  stack_.parameters.erase("SnapshotID");
  auto refused = recognise(kYaml);
  ASSERT_FALSE(refused.ok());
  for (const char* part : {"it is not called shop-yesterdaytabase", "it has a parameter Owner",
                           "it has no parameter SnapshotID"}) {
    EXPECT_THAT(refused.error().message, HasSubstr(part));
  }
}

TEST(StackTemplates, what_cannot_be_carried_over_is_an_error) {
  for (const char* text :
       {"", "[]", "{\"a\":", "a: !Mystery b", "a: 1\na: 2", "x: !GetAtt NoDot", "a: [", "<<: {a: 1}"}) {
    auto tree = parse_stack_template(text);
    ASSERT_FALSE(tree.ok()) << text;
    EXPECT_EQ(tree.error().code, Code::kUnsupported);
  }
  std::string deep;
  for (int i = 0; i < 60; ++i) deep += "[";
  EXPECT_FALSE(parse_stack_template("a: " + deep).ok());
  // Aliases that double at each line stay within the bound on nodes.
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 30; ++i)
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + ", *a" +
            std::to_string(i - 1) + "]\n";
  EXPECT_FALSE(parse_stack_template(bomb).ok());
}

}  // namespace
}  // namespace ytb::rds
