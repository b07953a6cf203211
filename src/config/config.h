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

namespace ytb::config {

struct SourceConfig {
  std::string kind = "basebackup";
  std::vector<std::string> directories;  // absolute, or relative to the config file; resolved
  std::string connection;         // libpq connection string of production; may be empty. No password in it.
  model::SecretRef password;      // for `connection`
  bool allow_unverified = false;  // version 12 has no manifest
  int keep = 7;                   // of the snapshots that `snapshot take` made
  std::string compress = "none";  // none, gzip, zstd, lz4: tar format unless none
};

struct CopiesConfig {
  std::string kind = "local";
  std::string directory;  // where copies live
  std::string run_as;     // "" : as ourselves (as root: "postgres")
  uint16_t port_first = 6500;
  uint16_t port_last = 6599;
  std::string bin_dir;  // "" : found by version
  std::map<std::string, std::string> settings;
  std::vector<std::string> preload;
};

struct AliasConfig {
  std::string kind = "socket";
  std::string directory;     // what staging users put in host=
  std::string service_file;  // "" : <directory>/../pg_service.conf
  std::string listen;        // "" or "address:port", forwarded by serve
};

struct MaskingConfig {
  std::string none_reason;  // masking: {none: "…"}; then the rest is empty
  std::string policy_file;
  std::string lock_file;  // default: policy file with .lock
  model::SecretRef key;
  int workers = 0;  // 0: number of cores, at most 8
};

struct ProductionConfig {
  model::ProductionName name;
  SourceConfig source;
  CopiesConfig copies;
  AliasConfig alias;
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
  std::string state_directory;                // journal, locks, signing key; default: beside the copies
  std::vector<ProductionConfig> productions;  // in file order, at least one
};

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
