// Aurora: clusters and their snapshots. A cluster is storage, password and groups; what takes connections is
// its one writer, an instance that was made with DBClusterIdentifier.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "tests/fakes/aws/rds.h"
#include "tests/fakes/aws/sigv4.h"

namespace ytb::fakes::aws {
namespace {

constexpr size_t kClusterNameMax = 63;

json memberships(const std::vector<std::string>& groups) {
  json out = json::array();
  for (const std::string& group : groups)
    out.push_back({{"VpcSecurityGroupId", group}, {"Status", "active"}});
  return out;
}

std::string cluster_resource_id(const std::string& seed) {
  std::string digits = sha256_hex(seed).substr(0, 26);
  for (char& c : digits) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "cluster-" + digits;
}

}  // namespace

void Rds::seed_cluster_snapshot(const SnapshotSeed& seed) {
  bool foreign = !seed.owner.empty() && seed.owner != world_.settings.account;
  std::string owner = foreign ? seed.owner : world_.settings.account;
  std::string arn = fmt::format("arn:{}:rds:{}:{}:cluster-snapshot:{}", world_.settings.partition,
                                world_.settings.region, owner, seed.id);
  json snapshot = {{"DBClusterSnapshotIdentifier", foreign ? arn : seed.id},
                   {"DBClusterSnapshotArn", arn},
                   {"DBClusterIdentifier", seed.instance},
                   {"Engine", seed.engine},
                   {"EngineVersion", seed.engine_version},
                   {"EngineMode", "provisioned"},
                   {"AllocatedStorage", seed.allocated_gib},
                   {"Status", seed.status},
                   {"SnapshotType", seed.type},
                   {"StorageEncrypted", seed.encrypted},
                   {"StorageType", seed.multi_az_cluster ? "io1" : "aurora"},
                   {"MasterUsername", seed.master},
                   {"Port", 0},
                   {"VpcId", "vpc-00000000000000001"},
                   {"PercentProgress", seed.status == "available" ? 100 : 35},
                   {"IAMDatabaseAuthenticationEnabled", false},
                   {"TagList", tags_to_json(seed.tags)}};
  if (seed.encrypted) snapshot["KmsKeyId"] = seed.kms_key;
  if (seed.status != "creating") snapshot["SnapshotCreateTime"] = to_iso(seed.created, true);
  cluster_snapshots_.put(foreign ? arn : seed.id, snapshot);
  snapshot_seeds_["cluster " + (foreign ? arn : seed.id)] = seed;
}

void Rds::add_cluster_operations() {
  on("DescribeDBClusters", [this](Call& call) {
    std::string id = to_lower_ascii(call.text("DBClusterIdentifier"));
    std::vector<json> found;
    for (json& cluster : clusters_.read_all()) {
      if (id.empty() || cluster["DBClusterIdentifier"] == id) found.push_back(std::move(cluster));
    }
    if (!id.empty() && found.empty())
      refuse("DBClusterNotFoundFault", "DBCluster " + id + " not found.", 404);
    return rds_page(call, found, "DBClusters");
  });
  on("RestoreDBClusterFromSnapshot", [this](Call& call) { return restore_cluster(call); });
  on("ModifyDBCluster", [this](Call& call) { return modify_cluster(call); });
  on("DeleteDBCluster", [this](Call& call) { return delete_cluster(call); });
  on("CopyDBClusterSnapshot", [this](Call& call) { return copy_cluster_snapshot(call); });
  on("DeleteDBClusterSnapshot", [this](Call& call) { return delete_cluster_snapshot(call); });
  on("DescribeDBClusterSnapshots", [this](Call& call) {
    std::string id = call.text("DBClusterSnapshotIdentifier");
    std::string source = call.text("DBClusterIdentifier");
    if (!id.empty() && !source.empty()) {
      refuse("InvalidParameterCombination",
             "DBClusterIdentifier can't be used in conjunction with DBClusterSnapshotIdentifier");
    }
    std::vector<std::string> types = {"automated", "manual", "shared", "public"};
    if (world_.settings.assumed.cluster_awsbackup) types.emplace_back("awsbackup");
    if (call.has("SnapshotType") &&
        std::find(types.begin(), types.end(), call.text("SnapshotType")) == types.end()) {
      refuse("InvalidParameterValue", "SnapshotType must be one of " + join(types, ", "));
    }
    std::vector<json> found;
    for (json& snapshot : cluster_snapshots_.read_all()) {
      const bool named =
          snapshot["DBClusterSnapshotIdentifier"] == id || snapshot["DBClusterSnapshotArn"] == id;
      if (!id.empty() && !named) continue;
      if (!source.empty() && snapshot["DBClusterIdentifier"] != to_lower_ascii(source)) continue;
      if (!shows_snapshot(call, snapshot, id, world_.settings)) continue;
      found.push_back(as_shown(std::move(snapshot), world_.settings.account));
    }
    if (!id.empty() && found.empty()) {
      refuse("DBClusterSnapshotNotFoundFault", "DBClusterSnapshot " + id + " not found.", 404);
    }
    return rds_page(call, found, "DBClusterSnapshots");
  });
  for (const char* verb : {"Create", "Modify", "Delete"}) {
    on(fmt::format("{}DBClusterParameterGroup", verb), [this, verb = std::string(verb)](Call& call) {
      std::string name = to_lower_ascii(call.text("DBClusterParameterGroupName"));
      call.target = "cluster-pg:" + name;
      if (verb == "Create") {
        if (cluster_parameters_.contains(name)) {
          refuse("DBParameterGroupAlreadyExistsFault", "Parameter group " + name + " already exists");
        }
        cluster_parameters_[name] = json::object();
        return json{{"DBClusterParameterGroup",
                     {{"DBClusterParameterGroupName", name},
                      {"DBParameterGroupFamily", call.text("DBParameterGroupFamily")}}}};
      }
      if (!cluster_parameters_.contains(name))
        refuse("DBParameterGroupNotFoundFault", "DBClusterParameterGroup not found: " + name, 404);
      if (verb == "Modify") {
        for (const json& parameter : call.input["Parameters"])
          cluster_parameters_[name][parameter.value("ParameterName", "")] =
              parameter.value("ParameterValue", "");
        return json{{"DBClusterParameterGroupName", name}};
      }
      for (const std::string& id : clusters_.names()) {
        if ((*clusters_.find(id))["DBClusterParameterGroup"] == name)
          refuse("InvalidDBParameterGroupStateFault", "One or more clusters are still members of " + name);
      }
      cluster_parameters_.erase(name);
      return json::object();
    });
  }
}

std::string Rds::cluster_snapshot_named(const std::string& name) {
  const std::string own = world_.arn("rds", "cluster-snapshot:");
  std::string id = name.starts_with(own) ? name.substr(own.size()) : name;
  if (!cluster_snapshots_.has(id))
    refuse("DBClusterSnapshotNotFoundFault", "DBClusterSnapshot " + id + " not found.", 404);
  return id;
}

json Rds::copy_cluster_snapshot(Call& call) {
  const std::string target = to_lower_ascii(call.text("TargetDBClusterSnapshotIdentifier"));
  call.target = "cluster-snapshot:" + target;
  check_identifier("TargetDBClusterSnapshotIdentifier", target, kClusterNameMax);
  const std::string source = cluster_snapshot_named(call.text("SourceDBClusterSnapshotIdentifier"));
  if (cluster_snapshots_.has(target)) {
    refuse(
        "DBClusterSnapshotAlreadyExistsFault",
        "Cannot create the cluster snapshot because one with the identifier " + target + " already exists.");
  }
  json copy = *cluster_snapshots_.find(source);
  may_restore(call, copy);
  if (copy["Status"] != "available")
    refuse("InvalidDBClusterSnapshotStateFault", source + " is not in the available state.");
  if (copy["SnapshotType"] == "shared" && copy["StorageEncrypted"] == true && !call.has("KmsKeyId"))
    refuse("KMSKeyNotAccessibleFault", "The source snapshot's KMS key is not accessible.");
  begin_copy(call, copy, "StorageEncrypted");
  copy["SourceDBClusterSnapshotArn"] = copy["DBClusterSnapshotArn"];
  copy["DBClusterSnapshotIdentifier"] = target;
  copy["DBClusterSnapshotArn"] = world_.arn("rds", "cluster-snapshot:" + target);
  cluster_snapshots_.put(target, copy);
  snapshot_seeds_["cluster " + target] = snapshot_seeds_["cluster " + source];
  world_.later(world_.settings.delays.snapshot, [this, target] {
    if (std::optional<json> done = finished(cluster_snapshots_, target))
      cluster_snapshots_.put(target, *done);
  });
  return {{"DBClusterSnapshot", copy}};
}

json Rds::delete_cluster_snapshot(Call& call) {
  const std::string asked = call.text("DBClusterSnapshotIdentifier");
  call.target = "cluster-snapshot:" + asked;
  const std::string name = cluster_snapshot_named(asked);
  json snapshot = *cluster_snapshots_.find(name);
  if (snapshot["SnapshotType"] != "manual" || snapshot["Status"] != "available") {
    refuse("InvalidDBClusterSnapshotStateFault",
           "Only manual snapshots that are available may be deleted: " + name);
  }
  cluster_snapshots_.erase(name);
  snapshot["Status"] = "deleted";
  return {{"DBClusterSnapshot", snapshot}};
}

json Rds::restore_cluster(Call& call) {
  std::string id = to_lower_ascii(call.text("DBClusterIdentifier"));
  call.target = "cluster:" + id;
  check_identifier("DBClusterIdentifier", id, kClusterNameMax);
  if (clusters_.has(id)) refuse("DBClusterAlreadyExistsFault", "DB Cluster already exists");
  std::string name = call.text("SnapshotIdentifier");
  std::string own = world_.arn("rds", "cluster-snapshot:");
  if (name.starts_with(own)) name = name.substr(own.size());
  if (!cluster_snapshots_.has(name))
    refuse("DBClusterSnapshotNotFoundFault", "DBClusterSnapshot " + name + " not found.", 404);
  const json& snapshot = *cluster_snapshots_.find(name);
  may_restore(call, snapshot);
  if (snapshot["Status"] != "available")
    refuse("InvalidDBClusterSnapshotStateFault", "The snapshot " + name + " is not available.");
  if (snapshot["SnapshotType"] == "shared" && snapshot["StorageEncrypted"] == true)
    refuse("KMSKeyNotAccessibleFault", "An encrypted shared snapshot must be copied before it is restored.");
  if (snapshot["Engine"] != call.text("Engine"))
    refuse("InvalidParameterCombination",
           "The engine of the snapshot is " + snapshot["Engine"].get<std::string>());
  std::string group = call.text("DBClusterParameterGroupName");
  if (!group.empty() && !cluster_parameters_.contains(group))
    refuse("DBClusterParameterGroupNotFoundFault", "DBClusterParameterGroup not found: " + group, 404);
  check_tags(call, call.input.value("Tags", json::array()));
  const SnapshotSeed seed = snapshot_seeds_["cluster " + name];
  json cluster = {
      {"DBClusterIdentifier", id},
      {"DBClusterArn", world_.arn("rds", "cluster:" + id)},
      {"DbClusterResourceId", cluster_resource_id("cluster " + world_.fresh_id(32))},
      {"Status", "creating"},
      {"Engine", snapshot["Engine"]},
      // Not said: AWS's default, which need not be the snapshot's.
      {"EngineVersion", call.has("EngineVersion") ? call.text("EngineVersion") : "16.1"},
      {"EngineMode", "provisioned"},
      {"MasterUsername", snapshot["MasterUsername"]},
      {"BackupRetentionPeriod", std::max(1, seed.backup_retention)},
      {"DBClusterParameterGroup", group.empty() ? "default.aurora-postgresql15" : group},
      {"DBSubnetGroup", call.text("DBSubnetGroupName")},
      {"VpcSecurityGroups", memberships(call.input.value(
                                "VpcSecurityGroupIds", std::vector<std::string>{"sg-0000000000000default"}))},
      {"StorageEncrypted", snapshot["StorageEncrypted"]},
      {"IAMDatabaseAuthenticationEnabled", call.flag("EnableIAMDatabaseAuthentication")},
      {"DeletionProtection", call.flag("DeletionProtection")},
      {"CopyTagsToSnapshot", call.flag("CopyTagsToSnapshot")},
      {"Endpoint", id + ".cluster-fake0123abcd." + world_.settings.region + ".rds.amazonaws.com"},
      {"Port", 5432},
      {"DBClusterMembers", json::array()},
      {"ClusterCreateTime", to_iso(world_.now(), true)},
      {"TagList", call.has("Tags") ? call.input["Tags"] : snapshot.value("TagList", json::array())}};
  restore_version(call, cluster["EngineVersion"], world_.now(), cluster);
  if (call.has("ServerlessV2ScalingConfiguration"))
    cluster["ServerlessV2ScalingConfiguration"] = call.input["ServerlessV2ScalingConfiguration"];
  if (snapshot.contains("KmsKeyId")) cluster["KmsKeyId"] = snapshot["KmsKeyId"];
  clusters_.put(id, cluster);
  hidden_["cluster " + id] = {"", seed.data};
  world_.later(world_.settings.delays.instance_create, [this, id] { set_cluster_status(id, "available"); });
  return {{"DBCluster", cluster}};
}

void Rds::set_cluster_status(const std::string& id, const std::string& status) {
  json* cluster = clusters_.find(id);
  if (cluster == nullptr || (*cluster)["Status"] == "deleting") return;
  json changed = *cluster;
  changed["Status"] = status;
  clusters_.put(id, changed);
}

// An instance of a cluster: it has the cluster's data, password and groups.
json Rds::create_member(Call& call, const std::string& id) {
  std::string name = to_lower_ascii(call.text("DBClusterIdentifier"));
  if (!clusters_.has(name)) refuse("DBClusterNotFoundFault", "DBCluster " + name + " not found.", 404);
  for (const char* of_cluster :
       {"MasterUsername", "MasterUserPassword", "VpcSecurityGroupIds", "AllocatedStorage",
        "BackupRetentionPeriod", "DeletionProtection", "EnableIAMDatabaseAuthentication"}) {
    if (call.has(of_cluster))
      refuse("InvalidParameterCombination", fmt::format("Set {} for the DB cluster", of_cluster));
  }
  const json cluster = *clusters_.find(name);
  if (cluster["Status"] != "available")
    refuse("InvalidDBClusterStateFault", "The DB cluster is not in the available state.");
  if (call.text("DBInstanceClass") == "db.serverless" &&
      !cluster.contains("ServerlessV2ScalingConfiguration")) {
    refuse("InvalidDBClusterStateFault",
           "Set the Serverless v2 scaling configuration on the parent DB cluster before creating a "
           "Serverless v2 DB "
           "instance.");
  }
  json instance = new_instance(call, id);
  for (const char* field : {"Engine", "EngineVersion", "MasterUsername", "BackupRetentionPeriod",
                            "VpcSecurityGroups", "StorageEncrypted"})
    instance[field] = cluster[field];
  instance["AllocatedStorage"] = 1;
  instance["StorageType"] = "aurora";
  instance["DBClusterIdentifier"] = name;
  instance["DBParameterGroups"] = json::array(
      {{{"DBParameterGroupName", call.text("DBParameterGroupName")}, {"ParameterApplyStatus", "in-sync"}}});
  begin_instance(id, instance, hidden_["cluster " + name]);
  return {{"DBInstance", *instances_.find(id)}};
}

void Rds::join_cluster(const std::string& id) {
  const json instance = *instances_.find(id);
  std::string name = instance.value("DBClusterIdentifier", "");
  if (!clusters_.has(name)) return;
  json cluster = *clusters_.find(name);
  cluster["DBClusterMembers"].push_back({{"DBInstanceIdentifier", id}, {"IsClusterWriter", true}});
  if (world_.settings.backend != nullptr) {
    cluster["Endpoint"] = instance["Endpoint"]["Address"];
    cluster["Port"] = instance["Endpoint"]["Port"];
  }
  clusters_.put(name, cluster);
}

void Rds::leave_cluster(const std::string& id) {
  for (const std::string& name : clusters_.names()) {
    json cluster = *clusters_.find(name);
    json left = json::array();
    for (const json& member : cluster["DBClusterMembers"]) {
      if (member["DBInstanceIdentifier"] != id) left.push_back(member);
    }
    if (left.size() == cluster["DBClusterMembers"].size()) continue;
    cluster["DBClusterMembers"] = left;
    clusters_.put(name, cluster);
  }
}

json Rds::modify_cluster(Call& call) {
  std::string id = to_lower_ascii(call.text("DBClusterIdentifier"));
  call.target = "cluster:" + id;
  if (!clusters_.has(id)) refuse("DBClusterNotFoundFault", "DBCluster " + id + " not found.", 404);
  json cluster = *clusters_.find(id);
  if (cluster["Status"] != "available")
    refuse("InvalidDBClusterStateFault", "DB cluster is not in available state.");
  if (call.has("MasterUserPassword")) check_password(cluster["Engine"], call.text("MasterUserPassword"));
  if (call.has("BackupRetentionPeriod") && call.number("BackupRetentionPeriod", 0) < 1)
    refuse("InvalidParameterValue", "Invalid backup retention period: 0. It must be between 1 and 35.");
  json changes = call.input;
  changes.erase("DBClusterIdentifier");
  changes.erase("ApplyImmediately");
  if (call.has("MasterUserPassword")) {
    cluster["PendingModifiedValues"] = {{"MasterUserPassword", "****"}};
    *clusters_.find(id) = cluster;
  }
  if (call.has("EnableIAMDatabaseAuthentication")) {
    cluster["PendingModifiedValues"]["IAMDatabaseAuthenticationEnabled"] =
        call.flag("EnableIAMDatabaseAuthentication");
    *clusters_.find(id) = cluster;
  }
  std::string resource_id = cluster["DbClusterResourceId"];
  world_.later(world_.settings.delays.modify_notice, [this, id, changes, resource_id] {
    set_cluster_status(id,
                       changes.contains("MasterUserPassword") ? "resetting-master-credentials" : "modifying");
    world_.later(world_.settings.delays.modify, [this, id, changes, resource_id] {
      json* found = clusters_.find(id);
      if (found != nullptr && (*found)["DbClusterResourceId"] == resource_id) apply_to_cluster(id, changes);
    });
  });
  return {{"DBCluster", cluster}};
}

void Rds::apply_to_cluster(const std::string& id, const json& changes) {
  json cluster = *clusters_.find(id);
  cluster.erase("PendingModifiedValues");
  std::vector<std::string> members;
  for (const json& member : cluster["DBClusterMembers"]) members.push_back(member["DBInstanceIdentifier"]);
  for (const auto& [name, value] : changes.items()) {
    if (name == "MasterUserPassword") {
      hidden_["cluster " + id].password = value;
    } else if (name == "VpcSecurityGroupIds") {
      cluster["VpcSecurityGroups"] = memberships(value);
    } else if (name == "EnableIAMDatabaseAuthentication") {
      cluster["IAMDatabaseAuthenticationEnabled"] = value;
    } else if (name == "DBClusterParameterGroupName") {
      cluster["DBClusterParameterGroup"] = value;
    } else {
      cluster[name] = value;
    }
  }
  if (cluster["Status"] != "deleting") cluster["Status"] = "available";
  clusters_.put(id, cluster);
  for (const std::string& member : members) {
    json instance = *instances_.find(member);
    instance["VpcSecurityGroups"] = cluster["VpcSecurityGroups"];
    instance["BackupRetentionPeriod"] = cluster["BackupRetentionPeriod"];
    instances_.put(member, instance);
    if (world_.settings.backend == nullptr) continue;
    Status done;
    if (changes.contains("MasterUserPassword"))
      done = world_.settings.backend->set_password(member, cluster["MasterUsername"],
                                                   changes["MasterUserPassword"]);
    if (done.ok() && changes.contains("VpcSecurityGroupIds"))
      done = world_.settings.backend->set_security_groups(member, changes["VpcSecurityGroupIds"]);
    if (!done.ok()) fmt::print(stderr, "fake AWS: {} was not modified: {}\n", id, done.error().message);
  }
}

json Rds::delete_cluster(Call& call) {
  std::string id = to_lower_ascii(call.text("DBClusterIdentifier"));
  call.target = "cluster:" + id;
  if (!clusters_.has(id)) refuse("DBClusterNotFoundFault", "DBCluster " + id + " not found.", 404);
  json cluster = *clusters_.find(id);
  if (!call.flag("SkipFinalSnapshot"))
    refuse("InvalidParameterCombination", "the fake AWS takes no final snapshot");
  if (cluster["DeletionProtection"])
    refuse("InvalidParameterCombination",
           "Cannot delete protected Cluster, please disable deletion protection.");
  if (!cluster["DBClusterMembers"].empty()) {
    refuse("InvalidDBClusterStateFault",
           "Cluster cannot be deleted, it still contains DB instances in non-deleting state.");
  }
  set_cluster_status(id, "deleting");
  world_.later(world_.settings.delays.instance_delete, [this, id] {
    clusters_.erase(id);
    hidden_.erase("cluster " + id);
  });
  return {{"DBCluster", *clusters_.find(id)}};
}

}  // namespace ytb::fakes::aws
