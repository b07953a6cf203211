// Inputs, settings and the state directory: what one run is given, read anew each time.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "config/config.h"
#include "drivers/os/lock.h"
#include "refresh/drivers.h"
#include "refresh/refresher.h"

namespace ytb::refresh {

constexpr size_t kConfigSizeMax = 4 << 20;
constexpr size_t kPolicySizeMax = 16 << 20;
constexpr size_t kLockSizeMax = 64 << 20;

// The config file, read and parsed. A file that is not there is kConfig.
Result<config::Config> load_config(const std::string& file);

struct PolicyFiles {
  masking::Policy policy;
  masking::PolicyLock lock;  // empty where the file is not there yet
};
Result<PolicyFiles> load_policy(const config::MaskingConfig& masking);

// Policy, lock, key, passwords and the digest over all but secrets.
Result<Inputs> load_inputs(const config::ProductionConfig& production);
// SHA-256, hex, of all of `inputs` that shapes a copy: policy, lock, key id, roles, checks. No secret is in
// it.
std::string digest_of(const Inputs& inputs);

// The state directory, mode 0700: journal.db, signing.key and .pub, one lock a production.
class StateDirectory {
 public:
  // Makes it where it is missing.
  static Result<StateDirectory> open(const std::string& path);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string journal_file() const { return path_ + "/journal.db"; }
  // The Ed25519 key that signs proofs; made at the first use, and its public half beside it.
  Result<Secret> signing_key() const;
  // Whoever changes anything of a production holds this. kBusy names the holder.
  Result<os::FileLock> lock(const model::ProductionName& production, std::string_view purpose,
                            Instant now) const;

 private:
  explicit StateDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Sources of all productions: never ours, whatever mark they carry.
model::Protected protected_names(const config::Config& config);

// `inputs_digest`: "" where the inputs cannot be read.
Result<Settings> make_settings(const config::Config& config, const config::ProductionConfig& production,
                               const StateDirectory& state, std::string inputs_digest, std::string program);

}  // namespace ytb::refresh
