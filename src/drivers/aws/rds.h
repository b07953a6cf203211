// Rds: the calls of Amazon RDS (API 2014-10-31) that this project makes, Aurora's included.
//
// Answers are plain structs; a member that the struct has no `optional` or default for was there, or the
// answer is an error that names it. Times are UTC, sizes GiB as RDS counts them. Thread-safe as its Caller
// is.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "drivers/aws/caller.h"
#include "drivers/aws/rds_token.h"

namespace ytb::aws {

using Tags = std::map<std::string, std::string>;

// Of an instance (DBSnapshot) or of a cluster (DBClusterSnapshot).
struct DbSnapshot {
  std::string id;  // "rds:shop-2026-11-22-06-00"
  std::string arn;
  std::string source_id;    // DBInstanceIdentifier or DBClusterIdentifier
  std::string resource_id;  // DbiResourceId; "" for clusters
  std::string engine;
  std::string engine_version;
  std::string status;                          // "available", "creating"
  std::string type;                            // "automated", "manual", "awsbackup"
  std::optional<Instant> created_at;           // none while it is being made
  std::optional<Instant> original_created_at;  // of the first one, where this is a copy
  int64_t allocated_gib = 0;
  int64_t percent_progress = 0;
  int64_t port = 0;
  bool encrypted = false;
  std::string kms_key_id;
  std::string storage_type;
  int64_t iops = 0;             // 0: it does not say
  int64_t throughput_mibs = 0;  // likewise
  std::string master_username;
  std::string vpc_id;
  std::string copied_from;  // snapshot's ARN or identifier, where it is a copy
  Tags tags;
};

struct GroupState {
  std::string id;
  std::string status;  // security groups: "active"; parameter groups: "in-sync", "pending-reboot"
};

struct DbEndpoint {
  std::string address;
  int port = 0;
  std::string hosted_zone_id;
};

struct DbInstance {
  std::string id;
  std::string arn;
  std::string resource_id;  // DbiResourceId: survives renames, never comes back
  std::string instance_class;
  std::string engine;
  std::string engine_version;
  std::string status;  // "available", "creating", "resetting-master-credentials", …
  std::string master_username;
  std::string db_name;
  std::optional<DbEndpoint> endpoint;  // none until it has one
  std::optional<Instant> created_at;
  std::optional<Instant> latest_restorable_at;
  int64_t allocated_gib = 0;
  std::string storage_type;
  int backup_retention_days = 0;
  bool publicly_accessible = false;
  bool storage_encrypted = false;
  std::string kms_key_id;
  bool iam_authentication = false;
  bool deletion_protection = false;
  bool multi_az = false;
  std::string ca_certificate;
  std::string cluster_id;  // "": no member of one
  std::string subnet_group;
  std::string vpc_id;
  std::vector<GroupState> security_groups;
  std::vector<GroupState> parameter_groups;
  std::vector<std::string> pending;   // names of PendingModifiedValues' members, e.g. "MasterUserPassword"
  std::vector<std::string> problems;  // StatusInfos that are not normal
  Tags tags;
};

struct DbClusterMember {
  std::string instance_id;
  bool is_writer = false;
};

struct DbCluster {
  std::string id;
  std::string arn;
  std::string resource_id;  // DbClusterResourceId
  std::string engine;
  std::string engine_version;
  std::string engine_mode;
  std::string status;
  std::string master_username;
  std::string database_name;
  std::string endpoint;  // the writer's; "" until it has one
  std::string reader_endpoint;
  int64_t port = 0;
  std::optional<Instant> created_at;
  std::optional<Instant> earliest_restorable_at;
  std::optional<Instant> latest_restorable_at;
  int backup_retention_days = 0;
  bool storage_encrypted = false;
  std::string kms_key_id;
  bool iam_authentication = false;
  bool deletion_protection = false;
  std::string parameter_group;
  std::string subnet_group;
  std::vector<DbClusterMember> members;
  std::vector<GroupState> security_groups;
  std::vector<std::string> pending;
  Tags tags;
};

// Which snapshots. Empty members do not restrict.
struct SnapshotQuery {
  std::string source_id = {};    // DBInstanceIdentifier or DBClusterIdentifier
  std::string resource_id = {};  // DbiResourceId; instances only
  std::string snapshot_id = {};  // one, by name or ARN
  std::string type = {};         // automated, manual, shared, public, awsbackup; "": automated and manual
  bool include_shared = false;
  // By the ARN. Those that it says no to are passed over unread.
  std::function<bool(const std::string& arn)> wanted = {};
};

struct CopySnapshot {
  std::string source;  // identifier, or ARN for another account's; same region
  std::string target_id;
  std::string kms_key_id = {};
  std::string option_group = {};  // instances only
  Tags tags = {};
};

// What is not set stays as it is.
struct ModifyDb {
  std::string id;  // instance or cluster
  const Secret* master_password = nullptr;
  std::optional<int> backup_retention_days = {};
  std::vector<std::string> security_groups = {};  // all of them, when not empty
  std::optional<bool> deletion_protection = {};
  std::optional<bool> iam_authentication = {};
  std::optional<bool> publicly_accessible = {};  // instances only
  std::string parameter_group = {};
  std::string instance_class = {};  // instances only
  bool apply_immediately = true;
};

struct SubnetGroup {
  std::string name;
  std::string arn;
  std::string vpc_id;
  std::string status;
  struct Subnet {
    std::string id;
    std::string availability_zone;
  };
  std::vector<Subnet> subnets;
};

struct ParameterGroup {
  std::string name;
  std::string family;  // "postgres15"
  std::string arn;
};

struct OptionGroup {
  std::string name;
  std::string engine;
  std::string major_version;  // "15"
  std::string vpc_id;         // "": of any
};

struct CaCertificate {
  std::string id;  // "rds-ca-rsa2048-g1"
  std::optional<Instant> valid_until;
};

struct AccountQuota {
  std::string name;  // "DBInstances", "ManualSnapshots", "AllocatedStorage"
  int64_t used = 0;
  int64_t max = 0;
};

struct EngineVersion {
  std::string engine;
  std::string version;
  std::string parameter_group_family;
  std::string status;  // "available", "deprecated"; "" where RDS does not say
};

struct OrderableOption {
  std::string engine;
  std::string engine_version;
  std::string instance_class;
  std::string storage_type;
  std::vector<std::string> availability_zones;
  bool supports_encryption = false;
  bool vpc = false;
};

enum class Deletion { kBegun, kNotThere };

class Rds {
 public:
  explicit Rds(Caller& caller) : caller_(caller) {}

  // Called for each, in RDS's order (which is none); an Error from it ends the walk and is returned.
  template <typename T>
  using Each = std::function<Status(T)>;

  // All pages. A snapshot, instance or cluster named and not there is an empty walk. Snapshots that others
  // share are never shown to who names an instance or a cluster. RDS may not know the type awsbackup for
  // clusters: an empty walk, too.
  Status describe_db_snapshots(const SnapshotQuery& query, const Each<DbSnapshot>& each);
  Status describe_db_cluster_snapshots(const SnapshotQuery& query, const Each<DbSnapshot>& each);
  // Those whose identifiers begin with `prefix`; others are passed over unread: an account holds instances of
  // other engines and services, which say less of themselves.
  Status describe_db_instances(const std::string& prefix, const Each<DbInstance>& each);
  Status describe_db_clusters(const std::string& prefix, const Each<DbCluster>& each);
  // None: there is no such.
  Result<std::optional<DbInstance>> describe_db_instance(const std::string& id);
  Result<std::optional<DbCluster>> describe_db_cluster(const std::string& id);

  // None: a snapshot of the target's name is there already. Whose it is is the caller's to look at.
  Result<std::optional<DbSnapshot>> copy_db_snapshot(const CopySnapshot& copy);
  Result<std::optional<DbSnapshot>> copy_db_cluster_snapshot(const CopySnapshot& copy);
  Result<Deletion> delete_db_snapshot(const std::string& id);
  Result<Deletion> delete_db_cluster_snapshot(const std::string& id);

  // Asynchronous: what they return may be the state before.
  Result<DbInstance> modify_db_instance(const ModifyDb& change);
  Result<DbCluster> modify_db_cluster(const ModifyDb& change);

  // A password for a role whose logins IAM decides (rds_token.h), by who we are. No call is made.
  Result<Secret> login_token(const RdsLogin& login);

  Status add_tags_to_resource(const std::string& arn, const Tags& tags);
  Status remove_tags_from_resource(const std::string& arn, const std::vector<std::string>& keys);
  Result<Tags> list_tags_for_resource(const std::string& arn);

  Result<std::optional<SubnetGroup>> describe_db_subnet_group(const std::string& name);
  Result<std::optional<ParameterGroup>> describe_db_parameter_group(const std::string& name);
  Result<std::optional<OptionGroup>> describe_option_group(const std::string& name);
  Result<std::optional<CaCertificate>> describe_certificate(const std::string& id);
  Result<std::vector<AccountQuota>> describe_account_attributes();
  // Of one engine, optionally one version.
  Result<std::vector<EngineVersion>> describe_db_engine_versions(const std::string& engine,
                                                                 const std::string& version = "");
  Result<std::vector<OrderableOption>> describe_orderable_db_instance_options(
      const std::string& engine, const std::string& version, const std::string& instance_class);

 private:
  Caller& caller_;
};

}  // namespace ytb::aws
