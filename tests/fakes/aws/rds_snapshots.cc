#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "tests/fakes/aws/rds.h"
#include "tests/fakes/aws/sigv4.h"
#include "tests/fakes/aws/small_services.h"

namespace ytb::fakes::aws {
namespace {

constexpr size_t kSnapshotNameMax = 255;

// Which instance or cluster a call asks about; none of either is another account's.
bool names_a_source(const Call& call) {
  for (const char* name :
       {"DBInstanceIdentifier", "DbiResourceId", "DBClusterIdentifier", "DbClusterResourceId"}) {
    if (call.has(name)) return true;
  }
  const json filters = call.input.value("Filters", json::array());
  return std::any_of(filters.begin(), filters.end(), [](const json& filter) {
    const std::string name = filter.value("Name", "");
    return name == "db-instance-id" || name == "dbi-resource-id" || name == "db-cluster-id";
  });
}

bool passes(const std::map<std::string, std::vector<std::string>>& filters, const json& snapshot) {
  static const std::map<std::string, std::string> kFields = {{"db-instance-id", "DBInstanceIdentifier"},
                                                             {"db-snapshot-id", "DBSnapshotIdentifier"},
                                                             {"dbi-resource-id", "DbiResourceId"},
                                                             {"snapshot-type", "SnapshotType"},
                                                             {"engine", "Engine"}};
  return std::all_of(filters.begin(), filters.end(), [&](const auto& filter) {
    std::string value = snapshot.value(kFields.at(filter.first), "");
    return std::find(filter.second.begin(), filter.second.end(), value) != filter.second.end();
  });
}

// Nobody promises an order; one that looks like an order would be relied upon.
void shuffle(std::vector<json>& snapshots) {
  std::sort(snapshots.begin(), snapshots.end(), [](const json& a, const json& b) {
    return sha256_hex(a["DBSnapshotArn"].get<std::string>()) <
           sha256_hex(b["DBSnapshotArn"].get<std::string>());
  });
}

}  // namespace

bool shows_snapshot(const Call& call, const json& snapshot, const std::string& name,
                    const Settings& settings) {
  const bool of_cluster = snapshot.contains("DBClusterSnapshotArn");
  const std::string arn = snapshot[of_cluster ? "DBClusterSnapshotArn" : "DBSnapshotArn"];
  const std::string type = snapshot["SnapshotType"];
  const std::string wanted = call.text("SnapshotType");
  if (arn.find(":" + settings.account + ":") != std::string::npos) {
    // One of ours that is named is shown whatever its type.
    if (wanted.empty()) return !name.empty() || type == "automated" || type == "manual";
    return type == wanted;
  }
  // Others' snapshots are manual ones to their owners, and seen only when asked for; together with an
  // instance never.
  if (names_a_source(call)) return false;
  if (!name.empty() && wanted.empty() && !settings.assumed.shared_by_arn) return false;
  return (type == "shared" && (wanted == "shared" || (wanted.empty() && call.flag("IncludeShared")))) ||
         (type == "public" && (wanted == "public" || (wanted.empty() && call.flag("IncludePublic"))));
}

json as_shown(json snapshot, const std::string& account) {
  const bool of_cluster = snapshot.contains("DBClusterSnapshotArn");
  const std::string arn = snapshot[of_cluster ? "DBClusterSnapshotArn" : "DBSnapshotArn"];
  if (arn.find(":" + account + ":") == std::string::npos) snapshot["TagList"] = json::array();
  return snapshot;
}

std::map<std::string, std::vector<std::string>> rds_filters(const Call& call,
                                                            const std::vector<std::string>& known) {
  std::map<std::string, std::vector<std::string>> out;
  for (const json& filter : call.input.value("Filters", json::array())) {
    std::string name = filter["Name"];
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      refuse("InvalidParameterValue", "Unrecognized filter name: " + name);
    }
    out[name] = filter["Values"].get<std::vector<std::string>>();
  }
  return out;
}

json rds_page(const Call& call, const std::vector<json>& items, const std::string& list_name) {
  int64_t limit = call.number("MaxRecords", 100);
  if (limit < 20 || limit > 100) {
    refuse("InvalidParameterValue",
           fmt::format("Invalid value {} for MaxRecords. Must be between 20 and 100", limit));
  }
  json query = call.input;
  query.erase("Marker");
  std::string next;
  json out = {{list_name, page_of(items, call.text("Marker"), static_cast<size_t>(limit), query.dump(),
                                  "InvalidParameterValue", next)}};
  if (!next.empty()) out["Marker"] = next;
  return out;
}

void check_identifier(const std::string& what, const std::string& name, size_t max) {
  bool good = !name.empty() && name.size() <= max && std::isalpha(static_cast<unsigned char>(name[0])) != 0 &&
              name.back() != '-' && name.find("--") == std::string::npos &&
              std::all_of(name.begin(), name.end(), [](char c) {
                return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-';
              });
  if (good) return;
  refuse("InvalidParameterValue",
         fmt::format(
             "The parameter {} is not a valid identifier. Identifiers must begin with a letter; must contain "
             "only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two "
             "consecutive hyphens. ({}, at most {})",
             what, name, max));
}

Rds::Rds(World& world)
    : world_(world),
      snapshots_(world.settings.stale_reads),
      instances_(world.settings.stale_reads),
      parameter_groups_(world.settings.stale_reads),
      subnet_groups_(world.settings.stale_reads),
      clusters_(world.settings.stale_reads),
      cluster_snapshots_(world.settings.stale_reads) {
  add_snapshot_operations();
  add_tag_operations();
  add_instance_operations();
  add_group_operations();
  add_catalog_operations();
  add_cluster_operations();
}

void Rds::seed(const SnapshotSeed& seed) {
  if (seed.engine.starts_with("aurora") || seed.multi_az_cluster) return seed_cluster_snapshot(seed);
  bool foreign = !seed.owner.empty() && seed.owner != world_.settings.account;
  std::string owner = foreign ? seed.owner : world_.settings.account;
  std::string arn = fmt::format("arn:{}:rds:{}:{}:snapshot:{}", world_.settings.partition,
                                world_.settings.region, owner, seed.id);
  std::string resource_id = seed.dbi_resource_id;
  if (resource_id.empty()) resource_id = "db-" + to_lower_ascii(sha256_hex(seed.instance)).substr(0, 26);
  for (char& c : resource_id) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  resource_id.replace(0, 3, "db-");
  json snapshot = {{"DBSnapshotIdentifier", foreign ? arn : seed.id},
                   {"DBSnapshotArn", arn},
                   {"DBInstanceIdentifier", seed.instance},
                   {"DbiResourceId", resource_id},
                   {"Engine", seed.engine},
                   {"EngineVersion", seed.engine_version},
                   {"AllocatedStorage", seed.allocated_gib},
                   {"Status", seed.status},
                   {"SnapshotType", seed.type},
                   {"Encrypted", seed.encrypted},
                   {"MasterUsername", seed.master},
                   {"Port", 5432},
                   {"VpcId", "vpc-00000000000000001"},
                   {"AvailabilityZone", world_.settings.region + "a"},
                   {"LicenseModel", "postgresql-license"},
                   {"OptionGroupName", "default:" + seed.engine + "-" + split(seed.engine_version, '.')[0]},
                   {"StorageType", seed.storage_type},
                   {"SnapshotTarget", "region"},
                   {"ProcessorFeatures", json::array()},
                   {"IAMDatabaseAuthenticationEnabled", false},
                   {"PercentProgress", seed.status == "available" ? 100 : 35},
                   {"InstanceCreateTime", to_iso(seed.created - std::chrono::hours(24 * 365))},
                   {"TagList", tags_to_json(seed.tags)}};
  if (seed.encrypted) snapshot["KmsKeyId"] = seed.kms_key;
  if (seed.iops > 0) snapshot["Iops"] = seed.iops;
  if (seed.throughput_mibs > 0) snapshot["StorageThroughput"] = seed.throughput_mibs;
  if (seed.status != "creating") {
    snapshot["SnapshotCreateTime"] = to_iso(seed.created, true);
    snapshot["OriginalSnapshotCreateTime"] = to_iso(seed.original_created.value_or(seed.created), true);
  }
  snapshots_.put(foreign ? arn : seed.id, snapshot);
  snapshot_seeds_[foreign ? arn : seed.id] = seed;
}

void Rds::add_snapshot_operations() {
  on("DescribeDBSnapshots", [this](Call& call) { return describe_snapshots(call); });
  on("CopyDBSnapshot", [this](Call& call) { return copy_snapshot(call); });
  on("DeleteDBSnapshot", [this](Call& call) { return delete_snapshot(call); });
}

std::string Rds::snapshot_named(const std::string& name) {
  std::string own = world_.arn("rds", "snapshot:");
  std::string id = name.rfind(own, 0) == 0 ? name.substr(own.size()) : name;
  if (!snapshots_.has(id)) refuse("DBSnapshotNotFoundFault", "DBSnapshot " + name + " not found.");
  return id;
}

void Rds::may_restore(const Call& call, const json& snapshot) {
  const char* field = snapshot.contains("DBClusterSnapshotArn") ? "DBClusterSnapshotArn" : "DBSnapshotArn";
  const std::string arn = snapshot[field];
  const std::string action = "rds:" + call.operation;
  if (world_.service<Iam>("iam").allows(call.who.arn, action, arn)) return may_use_key(call, snapshot);
  refuse("AccessDenied",
         fmt::format(
             "User: {} is not authorized to perform: {} on resource: {} because no identity-based policy "
             "allows the {} action",
             call.who.arn, action, arn, action),
         403);
}

void Rds::may_use_key(const Call& call, const json& snapshot) {
  if (!snapshot.contains("KmsKeyId")) return;
  const std::string key = snapshot["KmsKeyId"];
  if (world_.service<Iam>("iam").allows(call.who.arn, "kms:CreateGrant", key)) return;
  refuse("KMSKeyNotAccessibleFault",
         "The specified KMS key [" + key +
             "] does not exist, is not enabled or you do not have permissions to access it.");
}

json Rds::describe_snapshots(Call& call) {
  std::string id = call.text("DBSnapshotIdentifier");
  std::string instance = call.text("DBInstanceIdentifier");
  std::string resource_id = call.text("DbiResourceId");
  static const std::vector<std::string> kTypes = {"automated", "manual", "shared", "public", "awsbackup"};
  if (call.has("SnapshotType") &&
      std::find(kTypes.begin(), kTypes.end(), call.text("SnapshotType")) == kTypes.end()) {
    refuse("InvalidParameterValue", "SnapshotType must be one of " + join(kTypes, ", "));
  }
  auto filters =
      rds_filters(call, {"db-instance-id", "db-snapshot-id", "dbi-resource-id", "snapshot-type", "engine"});
  json question = call.input;
  question.erase("Marker");
  if (call.has("Marker") && snapshot_walk_.first == question.dump())
    return rds_page(call, snapshot_walk_.second, "DBSnapshots");
  std::vector<json> found;
  for (json& snapshot : snapshots_.read_all()) {
    if (!id.empty() && snapshot["DBSnapshotIdentifier"] != to_lower_ascii(id) &&
        snapshot["DBSnapshotArn"] != id)
      continue;
    if (!instance.empty() && snapshot["DBInstanceIdentifier"] != to_lower_ascii(instance)) continue;
    if (!resource_id.empty() && snapshot["DbiResourceId"] != resource_id) continue;
    if (!shows_snapshot(call, snapshot, id, world_.settings)) continue;
    if (passes(filters, snapshot)) found.push_back(as_shown(std::move(snapshot), world_.settings.account));
  }
  if (!id.empty() && found.empty()) refuse("DBSnapshotNotFoundFault", "DBSnapshot " + id + " not found.");
  shuffle(found);
  snapshot_walk_ = {question.dump(), std::move(found)};
  return rds_page(call, snapshot_walk_.second, "DBSnapshots");
}

json Rds::copy_snapshot(Call& call) {
  std::string target = to_lower_ascii(call.text("TargetDBSnapshotIdentifier"));
  call.target = "snapshot:" + target;
  check_identifier("TargetDBSnapshotIdentifier", target, kSnapshotNameMax);
  std::string source = snapshot_named(call.text("SourceDBSnapshotIdentifier"));
  json copy = *snapshots_.find(source);
  may_restore(call, copy);
  bool foreign = copy["SnapshotType"] == "shared" || copy["SnapshotType"] == "public";
  if (foreign && copy["DBSnapshotArn"] != call.text("SourceDBSnapshotIdentifier")) {
    refuse("InvalidParameterValue", "a shared snapshot is named by its ARN");
  }
  if (snapshots_.has(target)) {
    refuse(
        "DBSnapshotAlreadyExistsFault",
        "Cannot create the snapshot because a snapshot with the identifier " + target + " already exists.");
  }
  if (copy["Status"] != "available") {
    refuse("InvalidDBSnapshotStateFault", "The snapshot " + source + " is not in the available state.");
  }
  if (foreign && copy["Encrypted"] && !call.has("KmsKeyId")) {
    refuse("KMSKeyNotAccessibleFault",
           "The source snapshot KMS key [" + copy["KmsKeyId"].get<std::string>() +
               "] does not exist, is not enabled or you do not have permissions.");
  }
  if (manual_in(snapshots_) >= world_.settings.snapshot_quota) {
    refuse("SnapshotQuotaExceededFault", "Cannot create more than the allowed manual snapshots");
  }
  begin_copy(call, copy, "Encrypted");
  copy["DBSnapshotIdentifier"] = target;
  copy["DBSnapshotArn"] = world_.arn("rds", "snapshot:" + target);
  copy["SourceDBSnapshotIdentifier"] = (*snapshots_.find(source))["DBSnapshotArn"];
  snapshots_.put(target, copy);
  snapshot_seeds_[target] = snapshot_seeds_[source];
  world_.later(world_.settings.delays.snapshot, [this, target] { finish_snapshot(target); });
  return {{"DBSnapshot", copy}};
}

void Rds::begin_copy(const Call& call, json& copy, const char* encrypted) {
  const json tags = call.input.value("Tags", json::array());
  check_tags(call, tags);
  if (!tags.empty() || !call.flag("CopyTags")) copy["TagList"] = tags;
  copy["SnapshotType"] = "manual";
  copy["Status"] = "creating";
  copy["PercentProgress"] = 0;
  copy.erase("SnapshotCreateTime");
  if (call.has("KmsKeyId")) {
    copy["KmsKeyId"] = call.text("KmsKeyId");
    copy[encrypted] = true;
  }
}

int64_t Rds::manual_in(Shelf& shelf) {
  const auto names = shelf.names();
  return std::count_if(names.begin(), names.end(), [&shelf](const std::string& name) {
    return (*shelf.find(name))["SnapshotType"] == "manual";
  });
}

std::optional<json> Rds::finished(Shelf& shelf, const std::string& name) {
  const json* snapshot = shelf.find(name);
  if (snapshot == nullptr || snapshot->at("Status") != "creating") return std::nullopt;
  json done = *snapshot;
  done["Status"] = "available";
  done["PercentProgress"] = 100;
  done["SnapshotCreateTime"] = to_iso(world_.now(), true);
  return done;
}

void Rds::finish_snapshot(const std::string& name) {
  std::optional<json> done = finished(snapshots_, name);
  if (!done) return;
  if (!done->contains("OriginalSnapshotCreateTime"))
    (*done)["OriginalSnapshotCreateTime"] = (*done)["SnapshotCreateTime"];
  snapshots_.put(name, *done);
}

json Rds::delete_snapshot(Call& call) {
  std::string asked = call.text("DBSnapshotIdentifier");
  call.target = "snapshot:" + asked;
  std::string name = snapshot_named(asked);
  json snapshot = *snapshots_.find(name);
  if (snapshot["SnapshotType"] != "manual") {
    refuse("InvalidDBSnapshotStateFault", "Only manual snapshots may be deleted: " + name);
  }
  if (snapshot["Status"] != "available") {
    refuse("InvalidDBSnapshotStateFault",
           "Cannot delete the snapshot because it is not currently in the available state.");
  }
  snapshots_.erase(name);
  snapshot["Status"] = "deleted";
  return {{"DBSnapshot", snapshot}};
}

}  // namespace ytb::fakes::aws
