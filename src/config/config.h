// Config: one YAML (or JSON) file, read strictly: unknown keys, wrong types and bad values are errors with
// file:line:column, a caret and "did you mean". docs/config.md is the reference for users.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "decide/schedule.h"
#include "masking/policy.h"
#include "model/access.h"
#include "model/ids.h"
#include "model/isolation.h"

namespace ytb::config {

// How AWS is called, for every production of the file. Credentials come from the usual chain, never from
// here.
struct AwsConfig {
  std::string region;        // "" : AWS_REGION, then the profile's
  std::string profile;       // "" : AWS_PROFILE, then "default"
  std::string endpoint_url;  // "" : AWS's own. For tests, proxies and VPC endpoints
  std::string ca_bundle;     // certificates that AWS's HTTPS is verified against; "" : the system's
};

// Which of a source's snapshots count: those that every member which is not empty says yes to.
struct SnapshotSelection {
  std::vector<std::string> kinds;  // automated, manual, awsbackup, shared
  std::vector<std::string>
      names;  // patterns with one * each: "nightly-*"; of a shared one its name, without the ARN
  std::map<std::string, std::string> tags;
};

// Source kinds `rds` and `aurora`. `id` or `resource_id` is given, or both: then both have to fit.
struct RdsSourceConfig {
  std::string id;           // DBInstanceIdentifier, or DBClusterIdentifier with aurora
  std::string resource_id;  // DbiResourceId, which survives renames; instances only
  // Account ids: snapshots that these share with us count, nobody else's. None: no shared ones do.
  std::vector<std::string> owners;
  SnapshotSelection snapshots;
  // Only rds: `id` is that of a Multi-AZ DB cluster, whose snapshots are restored into one instance.
  bool is_cluster = false;
  std::string kms_key;  // under which a shared encrypted snapshot is first copied; "" : such a one is refused
};

// Aurora capacity units of a db.serverless writer, in halves.
struct ServerlessCapacity {
  double min = 0.5;
  double max = 1;
};

// Copies kinds `rds` and `aurora`: one CloudFormation stack each.
struct RdsCopiesConfig {
  std::string instance_class = "db.t4g.medium";
  std::string subnet_group;
  std::vector<std::string>
      quarantine_groups;  // security groups of a closed copy: the worker gets in, nothing gets out
  std::vector<std::string> staging_groups;  // added at opening
  // Whether `check` refuses staging groups through which an open copy reaches the network, or warns of them.
  bool refuse_staging_egress = false;
  std::string option_group;
  // A copy's volume, only rds. "" or 0: as the snapshot's.
  std::string storage_type;
  int64_t storage_gb = 0;  // GiB, as RDS counts
  int64_t iops = 0;
  int64_t storage_throughput = 0;                // MiB/s
  std::optional<ServerlessCapacity> serverless;  // only aurora, with instance_class db.serverless
  // Whether RDS may charge for a major version past its end of standard support; else it would upgrade a
  // copy, and such snapshots are refused.
  bool extended_support = true;
  std::map<std::string, std::string>
      parameters;              // of the copy's own parameter group, checked like `settings`
  std::string ca_certificate;  // CACertificateIdentifier; "" : the account's default
  std::string ca_bundle;       // file: what the copy's TLS is verified against
  std::vector<std::string> log_exports;
  std::map<std::string, std::string> tags;
  std::string service_role;  // ARN of the role CloudFormation acts as; "" : as ourselves
  std::string bucket;        // S3: evidence and proofs
  std::string bucket_prefix = "yesterdaytabase";
  Duration restore_max = std::chrono::hours(12);
  // Only rds: whether what masking leaves untouched is read once before opening, for a restored volume loads
  // from S3 as it is first read.
  bool warm_up = false;
};

// Alias kind `route53`. Exactly one of `zone_id` and `domain` is given.
struct Route53AliasConfig {
  std::string zone_id;
  std::string domain;
  std::string name;  // "" : <production>-yesterday.<domain>
  int64_t ttl_s = 60;
  std::string seen_from = "public";  // public, vpc, none, or a resolver's address[:port]
};

// Where masking runs that does not fit a 15-minute function.
struct FargateConfig {
  std::string cluster;
  std::string task_definition;
  std::string container = "yesterdaytabase";
  std::vector<std::string> subnets;
  std::vector<std::string> security_groups;
  bool public_ip = false;
};

struct SourceConfig {
  std::string kind = "basebackup";  // basebackup, rds, aurora
  RdsSourceConfig rds;
  std::vector<std::string> directories;  // absolute, or relative to the config file; resolved
  std::string connection;         // libpq connection string of production; may be empty. No password in it.
  model::SecretRef password;      // for `connection`
  bool allow_unverified = false;  // version 12 has no manifest
  int keep = 7;                   // of the snapshots that `snapshot take` made
  std::string compress = "none";  // none, gzip, zstd, lz4: tar format unless none
};

struct CopiesConfig {
  std::string kind = "local";  // local, rds, aurora
  RdsCopiesConfig rds;
  std::string directory;  // where copies live
  std::string run_as;     // "" : as ourselves (as root: "postgres")
  uint16_t port_first = 6500;
  uint16_t port_last = 6599;
  std::string bin_dir;  // "" : found by version
  std::map<std::string, std::string> settings;
  std::vector<std::string> preload;
  model::Isolation isolation = {};
  std::vector<std::string> extensions;  // that may be created in a sealed copy
};

struct AliasConfig {
  std::string kind = "socket";  // socket, route53
  Route53AliasConfig route53;
  std::string directory;     // what staging users put in host=
  std::string service_file;  // "" : <directory>/../pg_service.conf
  std::string listen;        // "" or "address:port": of the gate
  // The rest is of that gate, and is given only with `listen`.
  // False ("offered"): a client that asks for no TLS is let in as well. The default where `listen` is
  // loopback.
  bool tls_required = true;
  std::string tls_certificate;         // PEM file, its chain included; "" : one of our own authority
  std::string tls_key;                 // PEM file of its private key; given where tls_certificate is
  std::vector<std::string> tls_names;  // what our own certificate is for beside this machine's names
  std::vector<std::string> proxies;    // addresses and CIDR blocks whose connections begin with PROXY v2
  std::optional<Duration> idle;        // after so long without a byte a connection is ended; none: never
  int connections = 1000;              // at once, in all
  int connections_per_address = 500;   // at once, from one client's address
};

struct MaskingConfig {
  std::string none_reason;  // masking: {none: "…"}; then the rest is empty
  std::string policy_file;  // a path, "s3://bucket/key" or "ssm:name"
  std::string lock_file;    // likewise; default: policy file with .lock
  model::SecretRef key;
  int workers = 0;  // 0: number of cores, at most 8
  // Whether constraints that need production's code are tried on a server made from its schema.
  bool try_constraints = true;
};

struct ProductionConfig {
  model::ProductionName name;
  SourceConfig source;
  CopiesConfig copies;
  AliasConfig alias;
  std::optional<FargateConfig> fargate;  // none: everything is masked where we run
  std::string role;                      // ARN of what the function becomes for this production; "": itself
  MaskingConfig masking;
  std::vector<model::AccessRole> access;
  std::vector<model::SqlCheck> checks;
  std::optional<decide::Schedule> schedule;
  int spare_copies = 0;
  Duration drain = std::chrono::minutes(5);
  std::optional<Duration> max_age;      // of staging's data: status and serve complain beyond it
  std::vector<std::string> on_failure;  // command and arguments
};

struct Config {
  int version = 1;
  std::string file;
  AwsConfig aws;
  model::SecretRef signing_key;               // of proofs; none: made in the state directory
  std::string state_directory;                // journal, locks, signing key; default: beside the copies
  std::vector<ProductionConfig> productions;  // in file order, at least one
  Instant read_at;                            // when the file was read
};

// Whether a production lives with AWS: its source, its copies and its alias do, or none of them does.
inline bool is_aws(const ProductionConfig& production) { return production.copies.kind != "local"; }
// Whether the gate stands before the Unix socket, too: a server cannot tell who came through the gate, and
// some role may not come in locally.
bool guards_socket(const ProductionConfig& production);
// Whether there is to be a gate at all.
bool wants_gate(const ProductionConfig& production);
// Whether a file that the config names is kept with AWS ("s3://bucket/key", "ssm:name") and not on this
// machine.
bool is_remote(std::string_view place);

// Pure: `text` is the file's content, `file` its name for messages and for resolving relative paths.
Result<Config> parse_config(std::string_view text, std::string_view file);
Result<masking::Policy> parse_policy(std::string_view text, std::string_view file);
Result<masking::PolicyLock> parse_lock(std::string_view text, std::string_view file);
std::string to_lock_text(const masking::PolicyLock& lock);
// A schema dump (pg_dump --schema-only of one database) as a catalog; parsed by PostgreSQL's own grammar.
Result<masking::Catalog> parse_schema(std::string_view sql, std::string_view file, std::string_view database);
// A commented first config for `init`.
std::string starter_config(const ProductionConfig& values);

}  // namespace ytb::config
