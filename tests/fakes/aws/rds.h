// RDS: snapshots, instances, groups and tags, in AWS's own shapes. What readers see may lag (Shelf).
//
// CloudFormation acts through the same handlers as a client does: call() runs one on a stack's behalf.
#pragma once

#include "tests/fakes/aws/instance_backend.h"
#include "tests/fakes/aws/world.h"

namespace ytb::fakes::aws {

class Rds final : public Service {
 public:
  explicit Rds(World& world);
  void seed(const SnapshotSeed& snapshot);
  void seed(const InstanceSeed& instance);
  void seed_subnet_group(const std::string& name);
  void seed_option_group(const std::string& name, const std::string& major);
  // The truth, for other services and assertions; null where there is none.
  json* instance(const std::string& id) { return instances_.find(id); }
  void unseed_snapshot(const std::string& id) { snapshots_.erase(id); }
  json* snapshot(const std::string& id) { return snapshots_.find(id); }
  json* cluster(const std::string& id) { return clusters_.find(id); }
  json* cluster_snapshot(const std::string& id) { return cluster_snapshots_.find(id); }
  [[nodiscard]] std::vector<std::string> instance_ids() const { return instances_.names(); }
  void set_status(const std::string& id, const std::string& status);
  void blur(const std::string& kind, const std::string& id);
  void grow_volume(const std::string& id, int64_t gib) { apply(id, {{"AllocatedStorage", gib}}); }
  // Of whoever sends a token as his password. Takes the lock itself: a server asks, and no call.
  bool accepts_token(const TokenLogin& login);

 private:
  // What a describe does not show.
  struct Hidden {
    std::string password, data;
    std::optional<Instant> grown_at = {};  // its volume
    bool optimizing = false;
  };
  void add_instance_operations();
  void add_group_operations();
  void add_catalog_operations();
  json describe_instances(Call& call);
  json restore_instance(Call& call);
  json create_instance(Call& call);
  json modify_instance(Call& call);
  json reboot_instance(Call& call);
  json delete_instance(Call& call);
  json create_snapshot(Call& call);
  // Refuses names that are taken, groups that are not there, and more instances than the quota.
  void check_new_instance(const Call& call, const std::string& id);
  json new_instance(const Call& call, const std::string& id);
  void begin_instance(const std::string& id, json instance, Hidden hidden);
  void come_up(const std::string& id);
  void apply(const std::string& id, const json& changes);
  // Gives the instance the volume that a restore asks for; whether that is another one than the snapshot's.
  static bool restore_volume(const Call& call, const json& snapshot, json& instance);
  // Refuses what RDS refuses of a volume: to shrink, to grow by little, to change again within hours.
  void check_storage_change(const Call& call, const std::string& id, const json& instance) const;
  void optimize_storage(const std::string& id);
  void vanish(const std::string& id);
  void take_snapshot(const std::string& snapshot, const std::string& instance, const std::string& type,
                     const json& tags);
  void check_password(const std::string& engine, const std::string& password) const;
  InstanceSpec spec_of(const std::string& id);
  std::string instance_named(const std::string& name);
  void add_snapshot_operations();
  void add_tag_operations();
  json describe_snapshots(Call& call);
  // Refuses what IAM refuses: a restore is authorised on the snapshot, too.
  // IAM on the snapshot, and its key. Also of copying it.
  void may_restore(const Call& call, const json& snapshot);
  void may_use_key(const Call& call, const json& snapshot);
  json copy_snapshot(Call& call);
  json delete_snapshot(Call& call);
  // By id or ARN; refuses where it is not there.
  std::string snapshot_named(const std::string& name);
  static void check_tags(const Call& call, const json& tags);
  // The thing that a tag operation is about.
  json& tagged(Call& call, std::string& kind, std::string& name);
  // `copy`, which is the source's, becomes a manual snapshot that is being made; who and what it is says the
  // caller.
  static void begin_copy(const Call& call, json& copy, const char* encrypted);
  void finish_snapshot(const std::string& name);
  // The snapshot as it is once it is made. None where it is gone, or was made already.
  std::optional<json> finished(Shelf& shelf, const std::string& name);
  static int64_t manual_in(Shelf& shelf);
  // Aurora.
  void add_cluster_operations();
  void seed_cluster_snapshot(const SnapshotSeed& snapshot);
  json copy_cluster_snapshot(Call& call);
  json delete_cluster_snapshot(Call& call);
  std::string cluster_snapshot_named(const std::string& name);
  json restore_cluster(Call& call);
  json modify_cluster(Call& call);
  json delete_cluster(Call& call);
  json create_member(Call& call, const std::string& id);
  void join_cluster(const std::string& id);
  void leave_cluster(const std::string& id);
  void set_cluster_status(const std::string& id, const std::string& status);
  void apply_to_cluster(const std::string& id, const json& changes);

  World& world_;
  Shelf snapshots_, instances_, parameter_groups_, subnet_groups_, clusters_, cluster_snapshots_;
  std::map<std::string, json> option_groups_;
  std::map<std::string, Hidden> hidden_;
  std::map<std::string, json> parameters_;  // by group: name → value
  std::map<std::string, json> cluster_parameters_;
  std::map<std::string, SnapshotSeed> snapshot_seeds_;
  // What the first page of the last walk over snapshots found; the others go on in it. By its question.
  std::pair<std::string, std::vector<json>> snapshot_walk_;
};

// The version that is restored from a snapshot of `version`: another one where its major version is past its
// end of standard support and the call switches Extended Support off. Sets what of it the instance or cluster
// shows.
void restore_version(const Call& call, const std::string& version, Instant now, json& shown);

// What of a change is about the volume.
inline const std::vector<std::string> kStorage = {"AllocatedStorage", "StorageType", "Iops",
                                                  "StorageThroughput"};

// Readers get pages of an RDS list: Marker, MaxRecords 20–100.
json rds_page(const Call& call, const std::vector<json>& items, const std::string& list_name);
// Refuses filters that are not among `known`; those given, by name.
std::map<std::string, std::vector<std::string>> rds_filters(const Call& call,
                                                            const std::vector<std::string>& known);
// Whether a describe shows this snapshot, an instance's or a cluster's: by its type, whose it is, and what
// else the call asks about. `name`: the one that it asks for by name or ARN.
bool shows_snapshot(const Call& call, const json& snapshot, const std::string& name,
                    const Settings& settings);
// What another account sees of it: no tags.
json as_shown(json snapshot, const std::string& account);
// Letters, digits, hyphens; a letter first, no two hyphens in a row, none at the end; at most `max`.
void check_identifier(const std::string& what, const std::string& name, size_t max);

}  // namespace ytb::fakes::aws
