// Inputs, settings and the state directory: what one run is given, read anew each time.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "config/config.h"
#include "drivers/os/lock.h"
#include "ports/vault.h"
#include "refresh/drivers.h"
#include "refresh/refresher.h"

namespace ytb::refresh {

constexpr size_t kConfigSizeMax = 4 << 20;
constexpr size_t kPolicySizeMax = 16 << 20;
constexpr size_t kLockSizeMax = 64 << 20;

// Whom root runs copies as where the config names nobody: PostgreSQL refuses root itself.
constexpr std::string_view kRunAsOfRoot = "postgres";

// The config, read and parsed: a file, or a document that `vault` reaches. One that is not there is kConfig.
// Defaults that depend on who we are are decided here.
Result<config::Config> load_config(const std::string& file, ports::Vault& vault);

struct PolicyFiles {
  masking::Policy policy;
  masking::PolicyLock lock;  // empty where the file is not there yet
};
// A lock that cannot be read is an error; with `lock_unreadable`, it is told there, and the lock is empty.
Result<PolicyFiles> load_policy(const config::MaskingConfig& masking, ports::Vault& vault,
                                std::optional<Error>* lock_unreadable = nullptr);

class StateDirectory;
// Policy, lock, key, passwords and the digest over all but secrets. Without masking the signing key is read,
// too: of it comes the key of the passwords' digest.
Result<Inputs> load_inputs(const config::Config& config, const config::ProductionConfig& production,
                           const StateDirectory& state, ports::Vault& vault);
// The record (model/drift.h) of all of `inputs` that shapes a copy: policy, lock, key id, roles, checks, and
// of passwords a keyed digest. No secret is in it.
std::string digest_of(const Inputs& inputs);

// The state directory, mode 0700: journal.db, signing.key and .pub, one lock a production.
class StateDirectory {
 public:
  // Makes it where it is missing.
  static Result<StateDirectory> open(const std::string& path);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string journal_file() const { return path_ + "/journal.db"; }
  // Its own Ed25519 key for proofs; made at the first use, and its public half beside it.
  Result<Secret> signing_key() const;
  // Whoever changes anything of a production holds this. kBusy names the holder.
  Result<os::FileLock> lock(const model::ProductionName& production, std::string_view purpose,
                            Instant now) const;

 private:
  explicit StateDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// The Ed25519 key that signs proofs: the config's `signing_key`, else the state directory's own. As text: 128
// hexadecimal digits are the key; anything else of at least kSigningTextMin characters is what it is made of,
// always the same one.
inline constexpr size_t kSigningTextMin = 32;
Result<Secret> signing_key(const config::Config& config, const StateDirectory& state, ports::Vault& vault);
// A secret of 32 bytes that is derived from the signing key, of no use to anything but `purpose` (8
// characters, e.g. "rds-copy"). kInternal: the key is none.
Result<Secret> derive_secret(const Secret& signing_key, std::string_view purpose);

// Sources of all productions: never ours, whatever mark they carry.
model::Protected protected_names(const config::Config& config);

// Production's own server, to read its catalog. kConfig where the config does not lead there.
Result<ports::SessionTarget> production_target(const config::ProductionConfig& production,
                                               ports::Vault& vault);

// `inputs_digest`: "" where the inputs cannot be read.
Result<Settings> make_settings(const config::Config& config, const config::ProductionConfig& production,
                               const StateDirectory& state, ports::Vault& vault, std::string inputs_digest,
                               std::string program);

}  // namespace ytb::refresh
