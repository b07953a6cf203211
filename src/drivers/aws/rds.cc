#include "drivers/aws/rds.h"

#include <utility>

#include "drivers/aws/query.h"

namespace ytb::aws {
namespace {

constexpr int kRecordsPerPage = 100;  // RDS allows 20 to 100

Params rds(const std::string& action, Effect effect) { return {Service::kRds, action, effect}; }

Tags tags_of(const Fields& fields) { return fields.pairs_if("TagList", "Tag", "Key", "Value"); }

std::vector<GroupState> groups_of(const Fields& fields, const char* list, const char* member, const char* id,
                                  const char* status) {
  std::vector<GroupState> groups;
  for (const Fields& group : fields.list(list, member)) {
    groups.push_back({.id = group.text(id), .status = group.text_if(status)});
  }
  return groups;
}

std::vector<std::string> pending_of(const Fields& fields) {
  const std::optional<Fields> pending = fields.child_if("PendingModifiedValues");
  return pending ? pending->names() : std::vector<std::string>{};
}

DbSnapshot read_snapshot(const Fields& fields) {
  return {.id = fields.text("DBSnapshotIdentifier"),
          .arn = fields.text("DBSnapshotArn"),
          .source_id = fields.text("DBInstanceIdentifier"),
          .resource_id = fields.text_if("DbiResourceId"),
          .engine = fields.text("Engine"),
          .engine_version = fields.text("EngineVersion"),
          .status = fields.text("Status"),
          .type = fields.text("SnapshotType"),
          .created_at = fields.instant_if("SnapshotCreateTime"),
          .original_created_at = fields.instant_if("OriginalSnapshotCreateTime"),
          .allocated_gib = fields.integer("AllocatedStorage"),
          .percent_progress = fields.integer_if("PercentProgress").value_or(0),
          .port = fields.integer_if("Port").value_or(0),
          .encrypted = fields.flag("Encrypted"),
          .kms_key_id = fields.text_if("KmsKeyId"),
          .storage_type = fields.text_if("StorageType"),
          .iops = fields.integer_if("Iops").value_or(0),
          .throughput_mibs = fields.integer_if("StorageThroughput").value_or(0),
          .master_username = fields.text_if("MasterUsername"),
          .vpc_id = fields.text_if("VpcId"),
          .copied_from = fields.text_if("SourceDBSnapshotIdentifier"),
          .tags = tags_of(fields)};
}

DbSnapshot read_cluster_snapshot(const Fields& fields) {
  return {.id = fields.text("DBClusterSnapshotIdentifier"),
          .arn = fields.text("DBClusterSnapshotArn"),
          .source_id = fields.text("DBClusterIdentifier"),
          .resource_id = fields.text_if("DbClusterResourceId"),
          .engine = fields.text("Engine"),
          .engine_version = fields.text("EngineVersion"),
          .status = fields.text("Status"),
          .type = fields.text("SnapshotType"),
          .created_at = fields.instant_if("SnapshotCreateTime"),
          .original_created_at = {},
          .allocated_gib = fields.integer_if("AllocatedStorage").value_or(0),
          .percent_progress = fields.integer_if("PercentProgress").value_or(0),
          .port = fields.integer_if("Port").value_or(0),
          .encrypted = fields.flag("StorageEncrypted"),
          .kms_key_id = fields.text_if("KmsKeyId"),
          .storage_type = fields.text_if("StorageType"),
          .throughput_mibs = fields.integer_if("StorageThroughput").value_or(0),
          .master_username = fields.text_if("MasterUsername"),
          .vpc_id = fields.text_if("VpcId"),
          .copied_from = fields.text_if("SourceDBClusterSnapshotArn"),
          .tags = tags_of(fields)};
}

// Until it has an address RDS sends no Endpoint, or one that holds the hosted zone alone.
std::optional<DbEndpoint> read_endpoint(const Fields& fields) {
  const std::optional<Fields> endpoint = fields.child_if("Endpoint");
  if (!endpoint || endpoint->text_if("Address").empty()) return std::nullopt;
  return DbEndpoint{.address = endpoint->text("Address"),
                    .port = static_cast<int>(endpoint->integer("Port")),
                    .hosted_zone_id = endpoint->text_if("HostedZoneId")};
}

std::vector<std::string> problems_of(const Fields& fields) {
  std::vector<std::string> problems;
  for (const Fields& info : fields.list_if("StatusInfos", "DBInstanceStatusInfo")) {
    if (info.flag_or("Normal", true)) continue;
    problems.push_back(info.text_if("StatusType") + ": " + info.text_if("Status") + ": " +
                       info.text_if("Message"));
  }
  return problems;
}

DbInstance read_instance(const Fields& fields) {
  DbInstance instance{.id = fields.text("DBInstanceIdentifier"),
                      .arn = fields.text("DBInstanceArn"),
                      .resource_id = fields.text("DbiResourceId"),
                      .instance_class = fields.text("DBInstanceClass"),
                      .engine = fields.text("Engine"),
                      .engine_version = fields.text("EngineVersion"),
                      .status = fields.text("DBInstanceStatus"),
                      .master_username = fields.text_if("MasterUsername"),
                      .db_name = fields.text_if("DBName"),
                      .endpoint = read_endpoint(fields),
                      .created_at = fields.instant_if("InstanceCreateTime"),
                      .latest_restorable_at = fields.instant_if("LatestRestorableTime"),
                      .allocated_gib = fields.integer("AllocatedStorage"),
                      .storage_type = fields.text_if("StorageType"),
                      .backup_retention_days = static_cast<int>(fields.integer("BackupRetentionPeriod")),
                      .publicly_accessible = fields.flag("PubliclyAccessible"),
                      .storage_encrypted = fields.flag("StorageEncrypted"),
                      .kms_key_id = fields.text_if("KmsKeyId"),
                      .iam_authentication = fields.flag("IAMDatabaseAuthenticationEnabled"),
                      .deletion_protection = fields.flag("DeletionProtection"),
                      .multi_az = fields.flag_or("MultiAZ", false),
                      .ca_certificate = fields.text_if("CACertificateIdentifier"),
                      .cluster_id = fields.text_if("DBClusterIdentifier"),
                      .subnet_group = {},
                      .vpc_id = {},
                      .security_groups = groups_of(fields, "VpcSecurityGroups", "VpcSecurityGroupMembership",
                                                   "VpcSecurityGroupId", "Status"),
                      .parameter_groups = groups_of(fields, "DBParameterGroups", "DBParameterGroup",
                                                    "DBParameterGroupName", "ParameterApplyStatus"),
                      .pending = pending_of(fields),
                      .problems = problems_of(fields),
                      .tags = tags_of(fields)};
  if (const std::optional<Fields> group = fields.child_if("DBSubnetGroup")) {
    instance.subnet_group = group->text("DBSubnetGroupName");
    instance.vpc_id = group->text_if("VpcId");
  }
  return instance;
}

std::vector<DbClusterMember> members_of(const Fields& fields) {
  std::vector<DbClusterMember> members;
  for (const Fields& member : fields.list("DBClusterMembers", "DBClusterMember")) {
    members.push_back(
        {.instance_id = member.text("DBInstanceIdentifier"), .is_writer = member.flag("IsClusterWriter")});
  }
  return members;
}

DbCluster read_cluster(const Fields& fields) {
  return {.id = fields.text("DBClusterIdentifier"),
          .arn = fields.text("DBClusterArn"),
          .resource_id = fields.text("DbClusterResourceId"),
          .engine = fields.text("Engine"),
          .engine_version = fields.text("EngineVersion"),
          .engine_mode = fields.text_if("EngineMode"),
          .status = fields.text("Status"),
          .master_username = fields.text_if("MasterUsername"),
          .database_name = fields.text_if("DatabaseName"),
          .endpoint = fields.text_if("Endpoint"),
          .reader_endpoint = fields.text_if("ReaderEndpoint"),
          .port = fields.integer_if("Port").value_or(0),
          .created_at = fields.instant_if("ClusterCreateTime"),
          .earliest_restorable_at = fields.instant_if("EarliestRestorableTime"),
          .latest_restorable_at = fields.instant_if("LatestRestorableTime"),
          .backup_retention_days = static_cast<int>(fields.integer("BackupRetentionPeriod")),
          .storage_encrypted = fields.flag("StorageEncrypted"),
          .kms_key_id = fields.text_if("KmsKeyId"),
          .iam_authentication = fields.flag("IAMDatabaseAuthenticationEnabled"),
          .deletion_protection = fields.flag("DeletionProtection"),
          .parameter_group = fields.text_if("DBClusterParameterGroup"),
          .subnet_group = fields.text_if("DBSubnetGroup"),
          .members = members_of(fields),
          .security_groups = groups_of(fields, "VpcSecurityGroups", "VpcSecurityGroupMembership",
                                       "VpcSecurityGroupId", "Status"),
          .pending = pending_of(fields),
          .tags = tags_of(fields)};
}

SubnetGroup read_subnet_group(const Fields& fields) {
  SubnetGroup group{.name = fields.text("DBSubnetGroupName"),
                    .arn = fields.text_if("DBSubnetGroupArn"),
                    .vpc_id = fields.text("VpcId"),
                    .status = fields.text_if("SubnetGroupStatus"),
                    .subnets = {}};
  for (const Fields& subnet : fields.list("Subnets", "Subnet")) {
    group.subnets.push_back({.id = subnet.text("SubnetIdentifier"),
                             .availability_zone = subnet.child("SubnetAvailabilityZone").text("Name")});
  }
  return group;
}

ParameterGroup read_parameter_group(const Fields& fields) {
  return {.name = fields.text("DBParameterGroupName"),
          .family = fields.text("DBParameterGroupFamily"),
          .arn = fields.text_if("DBParameterGroupArn")};
}

OptionGroup read_option_group(const Fields& fields) {
  return {.name = fields.text("OptionGroupName"),
          .engine = fields.text("EngineName"),
          .major_version = fields.text("MajorEngineVersion"),
          .vpc_id = fields.text_if("VpcId")};
}

CaCertificate read_certificate(const Fields& fields) {
  return {.id = fields.text("CertificateIdentifier"), .valid_until = fields.instant_if("ValidTill")};
}

EngineVersion read_engine_version(const Fields& fields) {
  return {.engine = fields.text("Engine"),
          .version = fields.text("EngineVersion"),
          .parameter_group_family = fields.text("DBParameterGroupFamily"),
          .status = fields.text_if("Status")};
}

OrderableOption read_orderable(const Fields& fields) {
  OrderableOption option{.engine = fields.text("Engine"),
                         .engine_version = fields.text("EngineVersion"),
                         .instance_class = fields.text("DBInstanceClass"),
                         .storage_type = fields.text_if("StorageType"),
                         .availability_zones = {},
                         .supports_encryption = fields.flag_or("SupportsStorageEncryption", false),
                         .vpc = fields.flag_or("Vpc", false)};
  for (const Fields& zone : fields.list("AvailabilityZones", "AvailabilityZone")) {
    option.availability_zones.push_back(zone.text("Name"));
  }
  return option;
}

Params paged(const std::string& action) {
  return std::move(rds(action, Effect::kReads).set("MaxRecords", kRecordsPerPage));
}

std::function<bool(const Fields&)> begins_with(const char* name, const std::string& prefix) {
  return [name, prefix](const Fields& fields) { return fields.text_if(name).starts_with(prefix); };
}

std::function<bool(const Fields&)> wanted_by(const SnapshotQuery& query, const char* arn) {
  if (!query.wanted) return {};
  return [arn, wanted = query.wanted](const Fields& fields) { return wanted(fields.text_if(arn)); };
}

// One element of the result, or none where the call met a fault that it expected.
template <typename T>
Result<std::optional<T>> run_one(Caller& caller, const Params& params, const char* element,
                                 T (*read)(const Fields&)) {
  YTB_ASSIGN(const XmlAnswer answer, run(caller, params));
  if (answer.has_fault()) return std::optional<T>();
  Problem problem;
  T item = read(answer.result(params.action() + "Result", problem).child(element));
  YTB_TRY(check(params, answer, problem));
  return std::optional<T>(std::move(item));
}

template <typename T>
Result<std::vector<T>> collect(Pages pages, const char* list, const char* member, T (*read)(const Fields&)) {
  std::vector<T> items;
  const std::function<Status(T)> keep = [&](T item) -> Status {
    items.push_back(std::move(item));
    return {};
  };
  YTB_TRY(walk_all<T>(std::move(pages), list, member, read, keep));
  return items;
}

// For calls that name what they ask for: exactly one or none.
template <typename T>
Result<std::optional<T>> find_one(const Params& params, Caller& caller, const char* list, const char* member,
                                  T (*read)(const Fields&)) {
  YTB_ASSIGN(std::vector<T> items, collect<T>({caller, params, "Marker"}, list, member, read));
  if (items.size() > 1) {
    return Error{.code = Code::kExternal,
                 .message = "RDS " + params.action() + ": one was asked for and several came",
                 .hint = ""};
  }
  if (items.empty()) return std::optional<T>();
  return std::optional<T>(std::move(items.front()));
}

void set_changes(Params& params, const ModifyDb& change) {
  if (change.master_password != nullptr) params.set_secret("MasterUserPassword", *change.master_password);
  params.set_if("BackupRetentionPeriod", change.backup_retention_days)
      .set_if("DeletionProtection", change.deletion_protection)
      .set_if("EnableIAMDatabaseAuthentication", change.iam_authentication)
      .list("VpcSecurityGroupIds.VpcSecurityGroupId", change.security_groups)
      .set("ApplyImmediately", change.apply_immediately);
}

template <typename T>
Result<T> modify(Caller& caller, const Params& params, const char* element, T (*read)(const Fields&)) {
  YTB_ASSIGN(std::optional<T> item, run_one<T>(caller, params, element, read));
  YTB_CHECK(item.has_value());  // no fault is expected
  return std::move(*item);
}

Result<Deletion> erase(Caller& caller, const Params& params) {
  YTB_ASSIGN(const XmlAnswer answer, run(caller, params));
  return answer.has_fault() ? Deletion::kNotThere : Deletion::kBegun;
}

}  // namespace

Status Rds::describe_db_snapshots(const SnapshotQuery& query, const Each<DbSnapshot>& each) {
  Params params = paged("DescribeDBSnapshots");
  params.set_if("DBInstanceIdentifier", query.source_id)
      .set_if("DbiResourceId", query.resource_id)
      .set_if("DBSnapshotIdentifier", query.snapshot_id)
      .set_if("SnapshotType", query.type)
      .expect("DBSnapshotNotFound");
  if (query.include_shared) params.set("IncludeShared", true);
  return walk_all<DbSnapshot>(Pages(caller_, params, "Marker").only(wanted_by(query, "DBSnapshotArn")),
                              "DBSnapshots", "DBSnapshot", read_snapshot, each);
}

Status Rds::describe_db_cluster_snapshots(const SnapshotQuery& query, const Each<DbSnapshot>& each) {
  YTB_CHECK_MSG(query.resource_id.empty(), "cluster snapshots are not found by resource id");
  Params params = paged("DescribeDBClusterSnapshots");
  params.set_if("DBClusterIdentifier", query.source_id)
      .set_if("DBClusterSnapshotIdentifier", query.snapshot_id)
      .set_if("SnapshotType", query.type)
      .expect("DBClusterSnapshotNotFoundFault");
  // A type that is documented for instances alone: where RDS has none of it, there are none.
  if (query.type == "awsbackup") params.expect("InvalidParameterValue");
  if (query.include_shared) params.set("IncludeShared", true);
  return walk_all<DbSnapshot>(Pages(caller_, params, "Marker").only(wanted_by(query, "DBClusterSnapshotArn")),
                              "DBClusterSnapshots", "DBClusterSnapshot", read_cluster_snapshot, each);
}

Status Rds::describe_db_instances(const std::string& prefix, const Each<DbInstance>& each) {
  return walk_all<DbInstance>(Pages(caller_, paged("DescribeDBInstances"), "Marker")
                                  .only(begins_with("DBInstanceIdentifier", prefix)),
                              "DBInstances", "DBInstance", read_instance, each);
}

Status Rds::describe_db_clusters(const std::string& prefix, const Each<DbCluster>& each) {
  return walk_all<DbCluster>(
      Pages(caller_, paged("DescribeDBClusters"), "Marker").only(begins_with("DBClusterIdentifier", prefix)),
      "DBClusters", "DBCluster", read_cluster, each);
}

Result<std::optional<DbInstance>> Rds::describe_db_instance(const std::string& id) {
  Params params = rds("DescribeDBInstances", Effect::kReads);
  params.set("DBInstanceIdentifier", id).expect("DBInstanceNotFound");
  return find_one<DbInstance>(params, caller_, "DBInstances", "DBInstance", read_instance);
}

Result<std::optional<DbCluster>> Rds::describe_db_cluster(const std::string& id) {
  Params params = rds("DescribeDBClusters", Effect::kReads);
  params.set("DBClusterIdentifier", id).expect("DBClusterNotFoundFault");
  return find_one<DbCluster>(params, caller_, "DBClusters", "DBCluster", read_cluster);
}

Result<std::optional<DbSnapshot>> Rds::copy_db_snapshot(const CopySnapshot& copy) {
  Params params = rds("CopyDBSnapshot", Effect::kRepeatable);
  params.set("SourceDBSnapshotIdentifier", copy.source)
      .set("TargetDBSnapshotIdentifier", copy.target_id)
      .set_if("KmsKeyId", copy.kms_key_id)
      .set_if("OptionGroupName", copy.option_group)
      .pairs("Tags.Tag", copy.tags)
      .expect("DBSnapshotAlreadyExists");
  return run_one<DbSnapshot>(caller_, params, "DBSnapshot", read_snapshot);
}

Result<std::optional<DbSnapshot>> Rds::copy_db_cluster_snapshot(const CopySnapshot& copy) {
  Params params = rds("CopyDBClusterSnapshot", Effect::kRepeatable);
  params.set("SourceDBClusterSnapshotIdentifier", copy.source)
      .set("TargetDBClusterSnapshotIdentifier", copy.target_id)
      .set_if("KmsKeyId", copy.kms_key_id)
      .pairs("Tags.Tag", copy.tags)
      .expect("DBClusterSnapshotAlreadyExistsFault");
  return run_one<DbSnapshot>(caller_, params, "DBClusterSnapshot", read_cluster_snapshot);
}

Result<Deletion> Rds::delete_db_snapshot(const std::string& id) {
  Params params = rds("DeleteDBSnapshot", Effect::kRepeatable);
  params.set("DBSnapshotIdentifier", id).expect("DBSnapshotNotFound");
  return erase(caller_, params);
}

Result<Deletion> Rds::delete_db_cluster_snapshot(const std::string& id) {
  Params params = rds("DeleteDBClusterSnapshot", Effect::kRepeatable);
  params.set("DBClusterSnapshotIdentifier", id).expect("DBClusterSnapshotNotFoundFault");
  return erase(caller_, params);
}

Result<DbInstance> Rds::modify_db_instance(const ModifyDb& change) {
  Params params = rds("ModifyDBInstance", Effect::kRepeatable);
  params.set("DBInstanceIdentifier", change.id)
      .set_if("PubliclyAccessible", change.publicly_accessible)
      .set_if("DBParameterGroupName", change.parameter_group)
      .set_if("DBInstanceClass", change.instance_class);
  set_changes(params, change);
  return modify<DbInstance>(caller_, params, "DBInstance", read_instance);
}

Result<DbCluster> Rds::modify_db_cluster(const ModifyDb& change) {
  YTB_CHECK_MSG(!change.publicly_accessible && change.instance_class.empty(), "these belong to instances");
  Params params = rds("ModifyDBCluster", Effect::kRepeatable);
  params.set("DBClusterIdentifier", change.id).set_if("DBClusterParameterGroupName", change.parameter_group);
  set_changes(params, change);
  return modify<DbCluster>(caller_, params, "DBCluster", read_cluster);
}

Result<Secret> Rds::login_token(const RdsLogin& login) {
  YTB_ASSIGN(const Caller::Signer signer, caller_.signer());
  return rds_token(login, *signer.credentials, signer.region, signer.now);
}

Status Rds::add_tags_to_resource(const std::string& arn, const Tags& tags) {
  Params params = rds("AddTagsToResource", Effect::kRepeatable);
  params.set("ResourceName", arn).pairs("Tags.Tag", tags);
  YTB_ASSIGN(const XmlAnswer answer, run(caller_, params));
  return {};
}

Status Rds::remove_tags_from_resource(const std::string& arn, const std::vector<std::string>& keys) {
  Params params = rds("RemoveTagsFromResource", Effect::kRepeatable);
  params.set("ResourceName", arn).list("TagKeys.member", keys);
  YTB_ASSIGN(const XmlAnswer answer, run(caller_, params));
  return {};
}

Result<Tags> Rds::list_tags_for_resource(const std::string& arn) {
  Params params = rds("ListTagsForResource", Effect::kReads);
  params.set("ResourceName", arn);
  YTB_ASSIGN(const XmlAnswer answer, run(caller_, params));
  Problem problem;
  const Fields result = answer.result("ListTagsForResourceResult", problem);
  const Fields list = result.child("TagList");
  Tags tags = tags_of(result);
  YTB_TRY(check(params, answer, problem));
  return tags;
}

Result<std::optional<SubnetGroup>> Rds::describe_db_subnet_group(const std::string& name) {
  Params params = rds("DescribeDBSubnetGroups", Effect::kReads);
  params.set("DBSubnetGroupName", name).expect("DBSubnetGroupNotFoundFault");
  return find_one<SubnetGroup>(params, caller_, "DBSubnetGroups", "DBSubnetGroup", read_subnet_group);
}

Result<std::optional<ParameterGroup>> Rds::describe_db_parameter_group(const std::string& name) {
  Params params = rds("DescribeDBParameterGroups", Effect::kReads);
  params.set("DBParameterGroupName", name).expect("DBParameterGroupNotFound");
  return find_one<ParameterGroup>(params, caller_, "DBParameterGroups", "DBParameterGroup",
                                  read_parameter_group);
}

Result<std::optional<OptionGroup>> Rds::describe_option_group(const std::string& name) {
  Params params = rds("DescribeOptionGroups", Effect::kReads);
  params.set("OptionGroupName", name).expect("OptionGroupNotFoundFault");
  return find_one<OptionGroup>(params, caller_, "OptionGroupsList", "OptionGroup", read_option_group);
}

Result<std::optional<CaCertificate>> Rds::describe_certificate(const std::string& id) {
  Params params = rds("DescribeCertificates", Effect::kReads);
  params.set("CertificateIdentifier", id).expect("CertificateNotFound");
  return find_one<CaCertificate>(params, caller_, "Certificates", "Certificate", read_certificate);
}

Result<std::vector<AccountQuota>> Rds::describe_account_attributes() {
  const Params params = rds("DescribeAccountAttributes", Effect::kReads);
  YTB_ASSIGN(const XmlAnswer answer, run(caller_, params));
  Problem problem;
  std::vector<AccountQuota> quotas;
  const Fields result = answer.result("DescribeAccountAttributesResult", problem);
  for (const Fields& quota : result.list("AccountQuotas", "AccountQuota")) {
    quotas.push_back(
        {.name = quota.text("AccountQuotaName"), .used = quota.integer("Used"), .max = quota.integer("Max")});
  }
  YTB_TRY(check(params, answer, problem));
  return quotas;
}

Result<std::vector<EngineVersion>> Rds::describe_db_engine_versions(const std::string& engine,
                                                                    const std::string& version) {
  Params params = paged("DescribeDBEngineVersions");
  params.set("Engine", engine).set_if("EngineVersion", version);
  return collect<EngineVersion>({caller_, params, "Marker"}, "DBEngineVersions", "DBEngineVersion",
                                read_engine_version);
}

Result<std::vector<OrderableOption>> Rds::describe_orderable_db_instance_options(
    const std::string& engine, const std::string& version, const std::string& instance_class) {
  Params params = paged("DescribeOrderableDBInstanceOptions");
  params.set("Engine", engine).set_if("EngineVersion", version).set_if("DBInstanceClass", instance_class);
  return collect<OrderableOption>({caller_, params, "Marker"}, "OrderableDBInstanceOptions",
                                  "OrderableDBInstanceOption", read_orderable);
}

}  // namespace ytb::aws
