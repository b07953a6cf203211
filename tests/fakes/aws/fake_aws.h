// FakeAws: AWS on a loopback port, stricter than AWS, for tests of everything that talks to it.
//
// All services are on one port (plain HTTP), told apart by the signature's scope: point every endpoint at
// endpoint(). Each request must carry a right SigV4 signature by one of the identities, and is parsed by the
// service models of Debian's python3-botocore, found at run time: what is unknown, missing, of a wrong type
// or out of bounds is refused. available() is empty where the models are, else the reason for a test to skip.
//
// Time. State changes (creating → available, PENDING → INSYNC, stacks) happen `Delays` after their request on
// the fake's clock: real time plus advance(), or, with Settings::start_at, a clock that only advance() moves.
// Signatures are checked against the same clock without advance() when it is real, so that a program under
// test may live on real time while states are hurried.
//
// Instances are metadata only, unless Settings::backend starts real servers (postgres_backend.h).
// Thread-safe. Stops and joins all of its threads when it goes. Seeding takes effect at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace ytb::fakes::aws {

class DnsResponder;
class InstanceBackend;
struct HttpRequest;
struct HttpResponse;
class World;
class Server;
class Sts;
class SecretsManager;
class Ssm;
class S3;
class Ec2;
class Iam;
class Ecs;

using Tags = std::map<std::string, std::string>;

// Who signs. `session_token` is empty for a user's long-lived key.
struct Identity {
  std::string access_key = "AKIAFAKEFAKEFAKE0001";
  std::string secret_key = "planted-secret-key";
  std::string session_token;
  std::string arn = "arn:aws:iam::123456789012:user/tester";
  std::optional<Instant> expires;
};

struct Delays {
  Duration snapshot{};              // creating → available
  Duration instance_create{};       // creating → backing-up
  Duration instance_backup{};       // backing-up → available
  Duration modify_notice{};         // the stale `available` after ModifyDBInstance was answered
  Duration modify{};                // modifying, resetting-master-credentials → available
  Duration storage_optimization{};  // storage-optimization → available, after a volume was changed
  Duration instance_delete{};
  Duration stack_step{};  // each stack resource that has no delay of its own
  Duration dns{};         // PENDING → INSYNC
  Duration task{};        // each of an ECS task's PROVISIONING, PENDING
};

// What none of us has tried on AWS. Each may be answered both ways, and the product has to live with both: a
// default is the answer that helps less. BEHAVIOUR.md says what is known of each.
struct Assumed {
  // A shared snapshot that is named by its ARN, with IncludeShared, is shown.
  bool shared_by_arn = false;
  // SnapshotType may be awsbackup for clusters' snapshots; else it is refused.
  bool cluster_awsbackup = false;
  // A restore into another volume than the snapshot's (size, type, IOPS) shows storage-optimization before it
  // is available, for as long as the delay says; else the volume is as asked at once.
  bool restore_optimizes = true;
  // While a volume is being optimized, a change that names storage is accepted where it names what is there.
  bool same_storage_while_optimizing = false;
};

struct Settings {
  std::string account = "123456789012";
  std::string region = "eu-west-1";
  std::string partition = "aws";
  std::vector<Identity> identities = {Identity{}};
  uint16_t port = 0;                // 0: a free one
  std::optional<Instant> start_at;  // a clock that only advance() moves
  Delays delays;
  Assumed assumed;
  int stale_reads = 0;         // each change is hidden from the next N describes of the thing
  int route53_per_second = 0;  // more requests than this are throttled; 0: no limit
  int snapshot_quota = 100;    // manual snapshots
  int instance_quota = 40;
  int storage_quota_gib = 100'000;
  std::shared_ptr<InstanceBackend> backend;
};

// What goes wrong with one call. The work is not done unless it says so.
struct Fault {
  enum class Kind {
    kThrottle,
    kInternalError,
    kDropBefore,     // the connection ends, nothing was done
    kDropAfter,      // the work is done, the connection ends without an answer
    kHang,           // waits `hang`, then goes on as usual
    kTruncatedBody,  // the work is done, the answer stops half-way through its Content-Length
    kMalformed,      // the work is done, the answer is not well-formed XML or JSON
    kWrongRoot,      // the work is done, the answer is well-formed but something else's
    kExpiredToken,
    kTimeSkewed,
    kAccessDenied,
    kCode,  // any other error, e.g. PriorRequestNotComplete: `code`, `status`
  };
  Kind kind = Kind::kInternalError;
  std::chrono::milliseconds hang{0};
  std::string code = {};
  int status = 400;
};

struct RecordedCall {
  Instant at;
  std::string service;    // "rds"
  std::string operation;  // "DeleteDBInstance"
  std::string principal;  // ARN; "cloudformation.amazonaws.com/<stack>" for what a stack did
  std::string target;     // what it is about: "db:shop", "snapshot:x", "stack:y", "zone:Z1", ""
  bool mutating = false;
  std::string input;  // JSON, passwords and secrets left out
  std::string error;  // the error's code; "" where it went well
};

// Of an Aurora cluster (`instance` is its name then) where the engine is aurora-postgresql.
struct SnapshotSeed {
  std::string id;  // "rds:…" for automated ones
  std::string instance = "shop";
  std::string type = "manual";       // automated, manual, shared, public, awsbackup
  std::string status = "available";  // `creating` ones have no time
  Instant created;
  std::optional<Instant> original_created;
  std::string engine = "postgres";
  std::string engine_version = "15.4";
  int allocated_gib = 20;
  bool multi_az_cluster = false;     // of a Multi-AZ DB cluster: a cluster's snapshot, of engine postgres
  std::string storage_type = "gp2";  // instances
  int iops = 0;                      // 0: not shown
  int throughput_mibs = 0;
  bool encrypted = false;
  std::string kms_key;          // an ARN; needed where encrypted
  std::string owner;            // account; for shared and public ones, else ours
  std::string dbi_resource_id;  // "": derived from `instance`
  std::string master = "master";
  int backup_retention = 7;  // what a restore inherits
  Tags tags;
  std::string data;  // for the backend: a stopped server's data directory
};

struct InstanceSeed {
  std::string id;
  std::string engine = "postgres";
  std::string engine_version = "15.4";
  std::string instance_class = "db.t3.small";
  int allocated_gib = 20;
  std::string master = "master";
  std::string password = "production-password";
  int backup_retention = 7;
  bool deletion_protection = true;
  bool iam_authentication = false;
  std::vector<std::string> security_groups = {"sg-0000000000000default"};
  Tags tags;
  std::string data;  // for the backend
};

class FakeAws {
 public:
  explicit FakeAws(Settings settings = {});
  ~FakeAws();
  FakeAws(const FakeAws&) = delete;
  FakeAws& operator=(const FakeAws&) = delete;

  // "" where botocore's models are installed, else why not.
  static std::string available();

  [[nodiscard]] std::string endpoint() const;  // "http://127.0.0.1:41234"
  [[nodiscard]] uint16_t port() const;
  // A request that comes without a wire, for tests that make too many for one: signed and checked like any.
  HttpResponse handle(const HttpRequest& request);
  // Environment of a client: keys, region, AWS_ENDPOINT_URL, no instance metadata.
  [[nodiscard]] std::vector<std::string> environment() const;

  [[nodiscard]] Instant now() const;
  void advance(Duration duration);
  // The clock that signatures are checked against runs ahead of the real one by this.
  void skew(Duration duration);

  void add_identity(const Identity& identity);
  // The n-th call (1 is the next) of an operation, "DescribeDBSnapshots" or "rds:DescribeDBSnapshots" or "*".
  void fail(std::string_view operation, int nth, Fault fault);

  void seed(const SnapshotSeed& snapshot);
  // It goes, as production's retention has it.
  void unseed_snapshot(const std::string& id);
  void seed(const InstanceSeed& instance);
  void seed_subnet_group(const std::string& name);
  void seed_option_group(const std::string& name, const std::string& major);
  // "Z…"; the zone has its NS and SOA. Names may occur twice, as with a public and a private one.
  std::string seed_zone(const std::string& name, bool is_private = false);
  void seed_record(const std::string& zone, const std::string& name, const std::string& type, int ttl_s,
                   const std::vector<std::string>& values);
  // Values that are in sync, e.g. of ("shop-yesterday.example.com", "CNAME").
  [[nodiscard]] std::vector<std::string> dns_values(const std::string& name, const std::string& type);
  // A real resolver on 127.0.0.1 (UDP) that answers for the public zones' records in sync.
  [[nodiscard]] uint16_t dns_port() const;

  // As AWS sees them now, without any lag: JSON in AWS's shape, "" where there is none.
  [[nodiscard]] std::string instance(const std::string& id);
  [[nodiscard]] std::string snapshot(const std::string& id);
  [[nodiscard]] std::string cluster(const std::string& id);
  [[nodiscard]] std::string cluster_snapshot(const std::string& id);
  [[nodiscard]] std::vector<std::string> instance_ids();
  // "CREATE_COMPLETE"; "" where there is no such stack.
  [[nodiscard]] std::string stack_status(const std::string& name);
  // The next creation of a resource by a stack, e.g. of an "AWS::RDS::DBInstance", fails with the reason.
  void fail_next_resource(const std::string& type, const std::string& reason);
  // The next change of one that is there, by a stack's update or by its rollback, fails before it is done.
  void fail_next_change(const std::string& type, const std::string& reason);
  // Something of this id changes behind everybody's back, e.g. to "incompatible-restore".
  void set_instance_status(const std::string& id, const std::string& status);
  // A thing that says less of itself than PostgreSQL on RDS: "db", "cluster" or "snapshot" by its identifier.
  // RDS's describes hold those of DocumentDB and Neptune, too.
  void blur(const std::string& kind, const std::string& id);
  // Its volume grows as RDS's storage autoscaling has it, and is optimized.
  void grow_volume(const std::string& id, int gib);

  // All calls from the `from`-th on.
  [[nodiscard]] std::vector<RecordedCall> calls(size_t from = 0) const;
  // Only those that change something, also those that were refused.
  [[nodiscard]] std::vector<RecordedCall> mutations() const;
  [[nodiscard]] int count(std::string_view operation) const;

  // Services with seeds and looks of their own: small_services.h, ecs.h, sts.h. Seed them before the first
  // request, for they do not lock.
  Sts& sts();
  SecretsManager& secrets();
  Ssm& ssm();
  S3& s3();
  Ec2& ec2();
  Iam& iam();
  Ecs& ecs();

 private:
  std::unique_ptr<World> world_;
  std::unique_ptr<DnsResponder> dns_;
  std::unique_ptr<Server> server_;
};

}  // namespace ytb::fakes::aws
