#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "tests/fakes/aws/rds.h"
#include "tests/fakes/aws/sigv4.h"

namespace ytb::fakes::aws {
namespace {

constexpr size_t kInstanceNameMax = 63;
constexpr std::string_view kDefaultGroup = "sg-0000000000000default";

json memberships(const std::vector<std::string>& groups) {
  json out = json::array();
  for (const std::string& group : groups)
    out.push_back({{"VpcSecurityGroupId", group}, {"Status", "active"}});
  return out;
}

std::string family_of(const json& instance) {
  return instance["Engine"].get<std::string>() + split(instance["EngineVersion"].get<std::string>(), '.')[0];
}

std::string resource_id_of(const std::string& seed) {
  std::string digits = sha256_hex(seed).substr(0, 26);
  for (char& c : digits) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "db-" + digits;
}

void check_groups(const std::vector<std::string>& groups) {
  for (const std::string& group : groups) {
    if (group.rfind("sg-", 0) != 0) {
      refuse("InvalidParameterValue", "Invalid security group , groupId= " + group + ", groupName=.");
    }
  }
}

// Parameters of a restore or creation that become a field of the same name.
const std::vector<std::string> kPlainFields = {"DBInstanceClass",
                                               "AvailabilityZone",
                                               "MultiAZ",
                                               "PubliclyAccessible",
                                               "AutoMinorVersionUpgrade",
                                               "LicenseModel",
                                               "StorageType",
                                               "CopyTagsToSnapshot",
                                               "DeletionProtection",
                                               "DBName",
                                               "NetworkType",
                                               "StorageThroughput",
                                               "Iops"};
const std::vector<std::string> kModifiable = {"DBInstanceIdentifier",
                                              "ApplyImmediately",
                                              "MasterUserPassword",
                                              "BackupRetentionPeriod",
                                              "VpcSecurityGroupIds",
                                              "DeletionProtection",
                                              "DBInstanceClass",
                                              "AllocatedStorage",
                                              "CopyTagsToSnapshot",
                                              "PubliclyAccessible",
                                              "AutoMinorVersionUpgrade",
                                              "DBParameterGroupName",
                                              "EnableIAMDatabaseAuthentication",
                                              "MultiAZ",
                                              "StorageType",
                                              "Iops",
                                              "StorageThroughput",
                                              "EngineVersion",
                                              "CACertificateIdentifier",
                                              "PreferredBackupWindow"};

}  // namespace

void Rds::add_instance_operations() {
  on("DescribeDBInstances", [this](Call& call) { return describe_instances(call); });
  on("RestoreDBInstanceFromDBSnapshot", [this](Call& call) { return restore_instance(call); });
  on("CreateDBInstance", [this](Call& call) { return create_instance(call); });
  on("ModifyDBInstance", [this](Call& call) { return modify_instance(call); });
  on("DeleteDBInstance", [this](Call& call) { return delete_instance(call); });
  on("RebootDBInstance", [this](Call& call) { return reboot_instance(call); });
  on("CreateDBSnapshot", [this](Call& call) { return create_snapshot(call); });
}

void Rds::seed(const InstanceSeed& seed) {
  Call call{"CreateDBInstance", json::object(), {}, ""};
  call.input = {{"DBInstanceClass", seed.instance_class},
                {"DeletionProtection", seed.deletion_protection},
                {"VpcSecurityGroupIds", seed.security_groups},
                {"Tags", tags_to_json(seed.tags)}};
  json instance = new_instance(call, seed.id);
  instance["Engine"] = seed.engine;
  instance["EngineVersion"] = seed.engine_version;
  instance["MasterUsername"] = seed.master;
  instance["AllocatedStorage"] = seed.allocated_gib;
  instance["BackupRetentionPeriod"] = seed.backup_retention;
  instance["DbiResourceId"] = resource_id_of(seed.id);
  instance["IAMDatabaseAuthenticationEnabled"] = seed.iam_authentication;
  instance["DBParameterGroups"] = json::array(
      {{{"DBParameterGroupName", "default." + family_of(instance)}, {"ParameterApplyStatus", "in-sync"}}});
  instances_.put(seed.id, instance);
  hidden_[seed.id] = {seed.password, seed.data};
  come_up(seed.id);
  set_status(seed.id, "available");
}

void Rds::set_status(const std::string& id, const std::string& status) {
  json* instance = instances_.find(id);
  if (instance == nullptr) return;
  json changed = *instance;
  changed["DBInstanceStatus"] = status;
  instances_.put(id, changed);
}

std::string Rds::instance_named(const std::string& name) {
  std::string own = world_.arn("rds", "db:");
  std::string id = to_lower_ascii(name.rfind(own, 0) == 0 ? name.substr(own.size()) : name);
  if (!instances_.has(id)) refuse("DBInstanceNotFoundFault", "DBInstance " + name + " not found.");
  return id;
}

json Rds::describe_instances(Call& call) {
  std::string id = to_lower_ascii(call.text("DBInstanceIdentifier"));
  auto filters = rds_filters(call, {"db-instance-id", "dbi-resource-id", "engine", "db-cluster-id"});
  static const std::map<std::string, std::string> kFields = {{"db-instance-id", "DBInstanceIdentifier"},
                                                             {"dbi-resource-id", "DbiResourceId"},
                                                             {"engine", "Engine"},
                                                             {"db-cluster-id", "DBClusterIdentifier"}};
  std::vector<json> found;
  auto fits = [&](const json& instance) {
    return std::all_of(filters.begin(), filters.end(), [&](const auto& filter) {
      return std::find(filter.second.begin(), filter.second.end(),
                       instance.value(kFields.at(filter.first), "")) != filter.second.end();
    });
  };
  if (!id.empty()) {
    std::string own = to_lower_ascii(world_.arn("rds", "db:"));
    auto seen = instances_.read(id.rfind(own, 0) == 0 ? id.substr(own.size()) : id);
    if (!seen) refuse("DBInstanceNotFoundFault", "DBInstance " + id + " not found.");
    if (fits(*seen)) found.push_back(*seen);
  } else {
    for (json& instance : instances_.read_all()) {
      if (fits(instance)) found.push_back(std::move(instance));
    }
  }
  return rds_page(call, found, "DBInstances");
}

void Rds::check_new_instance(const Call& call, const std::string& id) {
  check_identifier("DBInstanceIdentifier", id, kInstanceNameMax);
  if (instances_.has(id)) refuse("DBInstanceAlreadyExistsFault", "DB instance already exists");
  if (static_cast<int>(instances_.names().size()) >= world_.settings.instance_quota) {
    refuse("InstanceQuotaExceededFault", "DB instance quota exceeded");
  }
  check_tags(call, call.input.value("Tags", json::array()));
  check_groups(call.input.value("VpcSecurityGroupIds", std::vector<std::string>{}));
  std::string subnets = call.text("DBSubnetGroupName");
  if (!subnets.empty() && !subnet_groups_.has(subnets)) {
    refuse("DBSubnetGroupNotFoundFault", "DB subnet group '" + subnets + "' does not exist.");
  }
  std::string group = call.text("DBParameterGroupName");
  if (!group.empty() && group.rfind("default.", 0) != 0 && !parameter_groups_.has(group)) {
    refuse("DBParameterGroupNotFoundFault", "DBParameterGroup not found: " + group);
  }
}

json Rds::new_instance(const Call& call, const std::string& id) {
  std::vector<std::string> groups = call.input.value("VpcSecurityGroupIds", std::vector<std::string>{});
  if (groups.empty()) groups.emplace_back(kDefaultGroup);
  json instance = {
      {"DBInstanceIdentifier", id},
      {"DBInstanceArn", world_.arn("rds", "db:" + id)},
      {"DbiResourceId", resource_id_of("instance " + world_.fresh_id(32))},
      {"DBInstanceStatus", "creating"},
      {"DBInstanceClass", "db.m5.large"},
      {"InstanceCreateTime", to_iso(world_.now(), true)},
      {"VpcSecurityGroups", memberships(groups)},
      {"PendingModifiedValues", json::object()},
      {"MultiAZ", false},
      {"PubliclyAccessible", false},
      {"AutoMinorVersionUpgrade", true},
      {"CopyTagsToSnapshot", false},
      {"DeletionProtection", false},
      {"StorageEncrypted", false},
      {"StorageType", call.has("Iops") ? "io1" : "gp3"},
      {"DbInstancePort", 0},
      {"CACertificateIdentifier", "rds-ca-rsa2048-g1"},
      {"IAMDatabaseAuthenticationEnabled", call.flag("EnableIAMDatabaseAuthentication")},
      {"TagList", call.input.value("Tags", json::array())},
      {"DBSubnetGroup",
       {{"DBSubnetGroupName", call.has("DBSubnetGroupName") ? call.text("DBSubnetGroupName") : "default"},
        {"SubnetGroupStatus", "Complete"},
        {"VpcId", "vpc-00000000000000001"}}}};
  for (const std::string& field : kPlainFields) {
    if (call.has(field)) instance[field] = call.input[field];
  }
  return instance;
}

json Rds::restore_instance(Call& call) {
  std::string id = to_lower_ascii(call.text("DBInstanceIdentifier"));
  call.target = "db:" + id;
  const bool of_cluster = call.has("DBClusterSnapshotIdentifier");
  if (of_cluster == call.has("DBSnapshotIdentifier")) {
    refuse("InvalidParameterCombination",
           "Exactly one of DBSnapshotIdentifier and DBClusterSnapshotIdentifier must be specified.");
  }
  std::string asked = call.text(of_cluster ? "DBClusterSnapshotIdentifier" : "DBSnapshotIdentifier");
  std::string name = of_cluster ? cluster_snapshot_named(asked) : snapshot_named(asked);
  check_new_instance(call, id);
  json snapshot = of_cluster ? *cluster_snapshots_.find(name) : *snapshots_.find(name);
  may_restore(call, snapshot);
  if (of_cluster && snapshot["Engine"] == "aurora-postgresql")
    refuse("InvalidParameterValue",
           "DBClusterSnapshotIdentifier can't be that of an Aurora DB cluster snapshot.");
  if (of_cluster) {
    snapshot["Encrypted"] = snapshot["StorageEncrypted"];
    snapshot["LicenseModel"] = "postgresql-license";
  }
  if (snapshot["Status"] != "available") {
    refuse("InvalidDBSnapshotStateFault", "The snapshot " + asked + " is not available.");
  }
  if (snapshot["SnapshotType"] == "shared" && snapshot["Encrypted"]) {
    refuse("KMSKeyNotAccessibleFault", "An encrypted shared snapshot must be copied before it is restored.");
  }
  if (call.has("Engine") && snapshot["Engine"] != call.text("Engine")) {
    refuse("InvalidParameterCombination",
           "The engine of the snapshot is " + snapshot["Engine"].get<std::string>());
  }
  if (call.has("DBName") && snapshot["Engine"] == "postgres") {
    refuse("InvalidParameterCombination", "DBName must be null for PostgreSQL restores.");
  }
  json instance = new_instance(call, id);
  for (const char* field : {"Engine", "MasterUsername", "LicenseModel"}) instance[field] = snapshot[field];
  restore_version(call, snapshot["EngineVersion"], world_.now(), instance);
  instance["AllocatedStorage"] = call.number("AllocatedStorage", snapshot["AllocatedStorage"]);
  const bool changes_volume = restore_volume(call, snapshot, instance);
  instance["StorageEncrypted"] = snapshot["Encrypted"];
  if (snapshot.contains("KmsKeyId")) instance["KmsKeyId"] = snapshot["KmsKeyId"];
  const SnapshotSeed& seed = snapshot_seeds_[of_cluster ? "cluster " + name : name];
  instance["BackupRetentionPeriod"] = seed.backup_retention;
  // Production's tags, unless some are given.
  if (!call.has("Tags")) instance["TagList"] = snapshot.value("TagList", json::array());
  std::string group =
      call.has("DBParameterGroupName") ? call.text("DBParameterGroupName") : "default." + family_of(instance);
  instance["DBParameterGroups"] =
      json::array({{{"DBParameterGroupName", group}, {"ParameterApplyStatus", "in-sync"}}});
  Hidden hidden{.password = "", .data = seed.data};
  hidden.optimizing = changes_volume && world_.settings.assumed.restore_optimizes;
  begin_instance(id, instance, std::move(hidden));
  return {{"DBInstance", *instances_.find(id)}};
}

// Without a snapshot: an empty server.
json Rds::create_instance(Call& call) {
  std::string id = to_lower_ascii(call.text("DBInstanceIdentifier"));
  call.target = "db:" + id;
  check_new_instance(call, id);
  if (call.has("DBClusterIdentifier")) return create_member(call, id);
  for (const char* needed : {"Engine", "MasterUsername", "MasterUserPassword", "AllocatedStorage"}) {
    if (!call.has(needed)) {
      refuse("InvalidParameterValue",
             fmt::format("The parameter {} must be provided and must not be blank.", needed));
    }
  }
  check_password(call.text("Engine"), call.text("MasterUserPassword"));
  json instance = new_instance(call, id);
  instance["Engine"] = call.text("Engine");
  instance["EngineVersion"] = call.has("EngineVersion") ? call.text("EngineVersion") : "15.4";
  instance["MasterUsername"] = call.text("MasterUsername");
  instance["AllocatedStorage"] = call.number("AllocatedStorage", 20);
  instance["BackupRetentionPeriod"] = call.number("BackupRetentionPeriod", 1);
  instance["DBParameterGroups"] = json::array(
      {{{"DBParameterGroupName", "default." + family_of(instance)}, {"ParameterApplyStatus", "in-sync"}}});
  begin_instance(id, instance, {call.text("MasterUserPassword"), ""});
  return {{"DBInstance", *instances_.find(id)}};
}

void Rds::begin_instance(const std::string& id, json instance, Hidden hidden) {
  bool backs_up = instance["BackupRetentionPeriod"].get<int>() > 0;
  std::string resource_id = instance["DbiResourceId"];
  instances_.put(id, std::move(instance));
  hidden_[id] = std::move(hidden);
  auto still = [this, id, resource_id] {
    json* found = instances_.find(id);
    return found != nullptr && (*found)["DbiResourceId"] == resource_id &&
           (*found)["DBInstanceStatus"] != "deleting" && (*found)["DBInstanceStatus"] != "failed";
  };
  auto ready = [this, id] {
    const bool optimizing = hidden_[id].optimizing;
    set_status(id, optimizing ? "storage-optimization" : "available");
    if (optimizing) optimize_storage(id);
  };
  const Delays& delays = world_.settings.delays;
  world_.later(delays.instance_create, [this, id, backs_up, still, ready] {
    if (!still()) return;
    come_up(id);
    if (!still()) return;
    if (!backs_up) return ready();
    set_status(id, "backing-up");
    world_.later(world_.settings.delays.instance_backup, [this, id, still, ready] {
      if (!still()) return;
      ready();
      (*instances_.find(id))["LatestRestorableTime"] = to_iso(world_.now(), true);
    });
  });
}

InstanceSpec Rds::spec_of(const std::string& id) {
  const json& instance = *instances_.find(id);
  InstanceSpec spec;
  spec.id = id;
  spec.data = hidden_[id].data;
  spec.master = instance["MasterUsername"];
  spec.password = hidden_[id].password;
  for (const json& group : instance["VpcSecurityGroups"])
    spec.security_groups.push_back(group["VpcSecurityGroupId"]);
  std::string group = instance["DBParameterGroups"][0]["DBParameterGroupName"];
  for (const auto& [name, value] : parameters_[group].items()) spec.parameters[name] = value;
  if (const json* cluster = clusters_.find(instance.value("DBClusterIdentifier", "")); cluster != nullptr) {
    const json& whole = cluster_parameters_[(*cluster)["DBClusterParameterGroup"]];
    for (const auto& [name, value] : whole.items()) spec.parameters.emplace(name, value);
  }
  return spec;
}

void Rds::come_up(const std::string& id) {
  InstanceEndpoint endpoint{id + ".fake0123abcd." + world_.settings.region + ".rds.amazonaws.com", 5432};
  if (world_.settings.backend != nullptr) {
    Result<InstanceEndpoint> started = world_.settings.backend->start(spec_of(id));
    if (!started.ok()) {
      fmt::print(stderr, "fake AWS: {} did not start: {}\n", id, started.error().message);
      set_status(id, "failed");
      return;
    }
    endpoint = *started;
  }
  (*instances_.find(id))["Endpoint"] = {
      {"Address", endpoint.address}, {"Port", endpoint.port}, {"HostedZoneId", "Z29XKXDKYMONMX"}};
  join_cluster(id);
}

void Rds::check_password(const std::string& engine, const std::string& password) const {
  size_t max = engine.find("mysql") != std::string::npos || engine == "mariadb" ? 41 : 128;
  bool good = password.size() >= 8 && password.size() <= max &&
              std::all_of(password.begin(), password.end(),
                          [](char c) { return c > ' ' && c < 127 && c != '/' && c != '"' && c != '@'; });
  if (good) return;
  refuse("InvalidParameterValue",
         "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides "
         "'/', '@', "
         "'\"', ' ' may be used.");
}

json Rds::modify_instance(Call& call) {
  std::string id = to_lower_ascii(call.text("DBInstanceIdentifier"));
  call.target = "db:" + id;
  id = instance_named(id);
  json instance = *instances_.find(id);
  for (const auto& [name, unused] : call.input.items()) {
    if (std::find(kModifiable.begin(), kModifiable.end(), name) == kModifiable.end()) {
      refuse("NotImplemented", "the fake AWS cannot modify " + name, 501);
    }
  }
  std::string status = instance["DBInstanceStatus"];
  if (status != "available" && status != "storage-optimization" && status != "backing-up") {
    refuse("InvalidDBInstanceStateFault", "Database instance is not in available state.");
  }
  if (call.has("MasterUserPassword")) check_password(instance["Engine"], call.text("MasterUserPassword"));
  check_groups(call.input.value("VpcSecurityGroupIds", std::vector<std::string>{}));
  check_storage_change(call, id, instance);
  std::string group = call.text("DBParameterGroupName");
  if (!group.empty() && group.rfind("default.", 0) != 0 && !parameter_groups_.has(group)) {
    refuse("DBParameterGroupNotFoundFault", "DBParameterGroup not found: " + group);
  }
  json changes = call.input;
  changes.erase("DBInstanceIdentifier");
  changes.erase("ApplyImmediately");
  json& pending = instance["PendingModifiedValues"];
  if (call.has("MasterUserPassword")) pending["MasterUserPassword"] = "****";
  for (const char* waiting : {"BackupRetentionPeriod", "DBInstanceClass", "AllocatedStorage", "MultiAZ",
                              "StorageType", "Iops", "StorageThroughput"}) {
    if (!call.has(waiting) || call.input[waiting] == instance.value(waiting, json())) continue;
    pending[waiting] = call.input[waiting];
    // Without ApplyImmediately it waits for the maintenance window, which never comes here.
    if (!call.flag("ApplyImmediately")) changes.erase(waiting);
  }
  if (call.has("EnableIAMDatabaseAuthentication")) {
    const bool wanted = call.flag("EnableIAMDatabaseAuthentication");
    if (wanted != instance.value("IAMDatabaseAuthenticationEnabled", false))
      pending["IAMDatabaseAuthenticationEnabled"] = wanted;
  }
  *instances_.find(id) = instance;
  if (changes.empty()) return {{"DBInstance", instance}};
  std::string resource_id = instance["DbiResourceId"];
  auto still = [this, id, resource_id] {
    json* found = instances_.find(id);
    return found != nullptr && (*found)["DbiResourceId"] == resource_id &&
           (*found)["DBInstanceStatus"] != "deleting";
  };
  world_.later(world_.settings.delays.modify_notice, [this, id, changes, still] {
    if (!still()) return;
    set_status(id, changes.contains("MasterUserPassword") ? "resetting-master-credentials" : "modifying");
    world_.later(world_.settings.delays.modify, [this, id, changes, still] {
      if (still()) apply(id, changes);
    });
  });
  return {{"DBInstance", instance}};
}

void Rds::optimize_storage(const std::string& id) {
  hidden_[id].grown_at = world_.now();
  hidden_[id].optimizing = true;
  std::string resource_id = (*instances_.find(id))["DbiResourceId"];
  world_.later(world_.settings.delays.storage_optimization, [this, id, resource_id] {
    json* found = instances_.find(id);
    if (found == nullptr || (*found)["DbiResourceId"] != resource_id) return;
    hidden_[id].optimizing = false;
    if ((*found)["DBInstanceStatus"] == "storage-optimization") set_status(id, "available");
  });
}

void Rds::apply(const std::string& id, const json& changes) {
  json instance = *instances_.find(id);
  const bool changes_volume = std::any_of(kStorage.begin(), kStorage.end(), [&](const std::string& name) {
    return changes.contains(name) && changes[name] != instance.value(name, json());
  });
  for (const auto& [name, value] : changes.items()) {
    instance["PendingModifiedValues"].erase(name);
    if (name == "MasterUserPassword") {
      hidden_[id].password = value;
    } else if (name == "VpcSecurityGroupIds") {
      instance["VpcSecurityGroups"] = memberships(value);
    } else if (name == "EnableIAMDatabaseAuthentication") {
      instance["IAMDatabaseAuthenticationEnabled"] = value;
      instance["PendingModifiedValues"].erase("IAMDatabaseAuthenticationEnabled");
    } else if (name == "DBParameterGroupName") {
      bool same = instance["DBParameterGroups"][0]["DBParameterGroupName"] == value;
      if (!same) {
        instance["DBParameterGroups"] =
            json::array({{{"DBParameterGroupName", value}, {"ParameterApplyStatus", "pending-reboot"}}});
      }
    } else {
      instance[name] = value;
    }
  }
  instance["DBInstanceStatus"] =
      changes_volume || hidden_[id].optimizing ? "storage-optimization" : "available";
  instances_.put(id, instance);
  if (changes_volume) optimize_storage(id);
  if (world_.settings.backend == nullptr) return;
  Status done = ok_status();
  if (changes.contains("MasterUserPassword")) {
    done =
        world_.settings.backend->set_password(id, instance["MasterUsername"], changes["MasterUserPassword"]);
  }
  if (done.ok() && changes.contains("VpcSecurityGroupIds")) {
    done = world_.settings.backend->set_security_groups(id, changes["VpcSecurityGroupIds"]);
  }
  if (!done.ok()) fmt::print(stderr, "fake AWS: {} was not modified: {}\n", id, done.error().message);
}

json Rds::reboot_instance(Call& call) {
  std::string id = to_lower_ascii(call.text("DBInstanceIdentifier"));
  call.target = "db:" + id;
  id = instance_named(id);
  if ((*instances_.find(id))["DBInstanceStatus"] != "available")
    refuse("InvalidDBInstanceStateFault", "Database instance is not in available state.");
  set_status(id, "rebooting");
  std::string resource_id = (*instances_.find(id))["DbiResourceId"];
  world_.later(world_.settings.delays.modify, [this, id, resource_id] {
    json* found = instances_.find(id);
    if (found == nullptr || (*found)["DbiResourceId"] != resource_id) return;
    if ((*found)["DBInstanceStatus"] != "rebooting") return;
    json rebooted = *found;
    rebooted["DBParameterGroups"][0]["ParameterApplyStatus"] = "in-sync";
    rebooted["DBInstanceStatus"] = "available";
    instances_.put(id, rebooted);
  });
  return {{"DBInstance", *instances_.find(id)}};
}

json Rds::delete_instance(Call& call) {
  std::string id = to_lower_ascii(call.text("DBInstanceIdentifier"));
  call.target = "db:" + id;
  id = instance_named(id);
  json instance = *instances_.find(id);
  std::string final_name = call.text("FinalDBSnapshotIdentifier");
  if (call.flag("SkipFinalSnapshot") == !final_name.empty()) {
    refuse("InvalidParameterCombination",
           final_name.empty()
               ? "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
               : "FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot.");
  }
  if (instance["DeletionProtection"]) {
    refuse("InvalidParameterCombination",
           "Cannot delete protected DB Instance, please disable deletion protection and try again.");
  }
  if (instance["DBInstanceStatus"] == "deleting") {
    refuse("InvalidDBInstanceStateFault", "Instance " + id + " is already being deleted.");
  }
  if (!final_name.empty()) take_snapshot(final_name, id, "manual", instance["TagList"]);
  set_status(id, "deleting");
  bool drop_backups = call.flag("DeleteAutomatedBackups", true);
  world_.later(world_.settings.delays.instance_delete, [this, id, drop_backups] {
    if (drop_backups) {
      for (const std::string& name : snapshots_.names()) {
        const json& snapshot = *snapshots_.find(name);
        if (snapshot["SnapshotType"] == "automated" && snapshot["DBInstanceIdentifier"] == id)
          snapshots_.erase(name);
      }
    }
    vanish(id);
  });
  return {{"DBInstance", *instances_.find(id)}};
}

void Rds::vanish(const std::string& id) {
  if (world_.settings.backend != nullptr) world_.settings.backend->remove(id);
  leave_cluster(id);
  instances_.erase(id);
  hidden_.erase(id);
}

void Rds::take_snapshot(const std::string& asked, const std::string& instance_id, const std::string& type,
                        const json& tags) {
  std::string name = to_lower_ascii(asked);
  if (snapshots_.has(name)) {
    refuse("DBSnapshotAlreadyExistsFault",
           "Cannot create the snapshot because one named " + name + " already exists.");
  }
  const json& instance = *instances_.find(instance_id);
  SnapshotSeed seed;
  seed.id = name;
  seed.instance = instance_id;
  seed.type = type;
  seed.status = "creating";
  seed.created = world_.now();
  seed.engine = instance["Engine"];
  seed.engine_version = instance["EngineVersion"];
  seed.allocated_gib = instance["AllocatedStorage"];
  seed.storage_type = instance["StorageType"];
  seed.iops = instance.value("Iops", 0);
  seed.throughput_mibs = instance.value("StorageThroughput", 0);
  seed.dbi_resource_id = instance["DbiResourceId"];
  seed.master = instance["MasterUsername"];
  seed.backup_retention = instance["BackupRetentionPeriod"];
  seed.tags = tags_from_json(tags);
  seed.data = hidden_[instance_id].data;
  if (world_.settings.backend != nullptr) {
    if (Result<std::string> data = world_.settings.backend->snapshot(instance_id); data.ok())
      seed.data = *data;
  }
  this->seed(seed);
  world_.later(world_.settings.delays.snapshot, [this, name] { finish_snapshot(name); });
}

json Rds::create_snapshot(Call& call) {
  std::string name = to_lower_ascii(call.text("DBSnapshotIdentifier"));
  call.target = "snapshot:" + name;
  check_identifier("DBSnapshotIdentifier", name, 255);
  std::string id = instance_named(call.text("DBInstanceIdentifier"));
  if ((*instances_.find(id))["DBInstanceStatus"] != "available") {
    refuse("InvalidDBInstanceStateFault", "Cannot create a snapshot because the database instance " + id +
                                              " is not currently in the available state.");
  }
  json tags = call.input.value("Tags", json::array());
  check_tags(call, tags);
  take_snapshot(name, id, "manual", tags);
  return {{"DBSnapshot", *snapshots_.find(name)}};
}

}  // namespace ytb::fakes::aws
