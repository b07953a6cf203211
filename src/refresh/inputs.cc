#include "refresh/inputs.h"

#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/os/secrets.h"

namespace ytb::refresh {
namespace {

constexpr int kWorkersMax = 8;

// A part of a digest: its length first, so that no two lists of parts give the same bytes.
void feed(crypto_hash_sha256_state& state, std::string_view part) {
  std::string length = fmt::format("{}:", part.size());
  crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(length.data()), length.size());
  crypto_hash_sha256_update(&state, reinterpret_cast<const unsigned char*>(part.data()), part.size());
}

Result<std::string> read_config_file(const std::string& file, size_t size_max, std::string_view what,
                                     std::string_view hint) {
  Result<std::string> text = os::read_file(file, size_max);
  if (text.ok()) return text;
  Error error = std::move(text).error();
  error.code = Code::kConfig;
  error.message = fmt::format("{}: {}", what, error.message);
  if (!os::exists(file)) error.hint = hint;
  return error;
}

std::optional<std::string> bytes_from_hex(std::string_view hex, size_t size) {
  std::string bytes(size, '\0');
  size_t length = 0;
  if (sodium_hex2bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), hex.data(), hex.size(),
                     nullptr, &length, nullptr) != 0 ||
      length != size) {
    return std::nullopt;
  }
  return bytes;
}

Result<Secret> read_signing_key(const std::string& file) {
  model::SecretRef reference{.kind = model::SecretRef::Kind::kFile, .locator = file};
  YTB_ASSIGN(Secret text, os::resolve_secret(reference));
  std::optional<std::string> bytes = bytes_from_hex(trim(text.reveal()), crypto_sign_SECRETKEYBYTES);
  if (!bytes) {
    return Error{
        .code = Code::kConfig,
        .message = fmt::format("the signing key {} is not {} hexadecimal digits", file,
                               2 * crypto_sign_SECRETKEYBYTES),
        .hint =
            "restore it from a backup; or move it away, and the next run makes a new one (copies proven with "
            "the old key are then made anew)"};
  }
  return Secret(std::move(*bytes));
}

}  // namespace

Result<config::Config> load_config(const std::string& file) {
  YTB_ASSIGN(std::string text,
             read_config_file(file, kConfigSizeMax, "the config cannot be read",
                              "'yesterdaytabase init' writes a first one; --config names another"));
  return config::parse_config(text, file);
}

Result<PolicyFiles> load_policy(const config::MaskingConfig& masking) {
  PolicyFiles files;
  YTB_ASSIGN(std::string policy,
             read_config_file(masking.policy_file, kPolicySizeMax, "the masking policy cannot be read",
                              fmt::format("'yesterdaytabase policy propose --out {}' writes a first one",
                                          masking.policy_file)));
  YTB_ASSIGN(files.policy, config::parse_policy(policy, masking.policy_file));
  if (!os::exists(masking.lock_file)) {
    files.lock.file = masking.lock_file;
    return files;
  }
  YTB_ASSIGN(std::string lock,
             read_config_file(masking.lock_file, kLockSizeMax, "the policy lock cannot be read", ""));
  YTB_ASSIGN(files.lock, config::parse_lock(lock, masking.lock_file));
  return files;
}

std::string digest_of(const Inputs& inputs) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  feed(state, "yesterdaytabase inputs 1");
  feed(state, inputs.none_reason);
  feed(state, inputs.policy.digest);
  feed(state, inputs.lock.digest);
  feed(state, inputs.key ? inputs.key->id() : std::string());
  for (const ports::AccessGrant& grant : inputs.access) {
    feed(state, "role");
    feed(state, grant.role.name);
    feed(state, grant.role.existing ? "existing" : "");
    for (const std::string& role : grant.role.member_of) feed(state, role);
    feed(state, "from");
    for (const std::string& address : grant.role.from) feed(state, address);
  }
  for (const model::SqlCheck& check : inputs.sql_checks) {
    for (const std::string* part : {&check.name, &check.database, &check.sql, &check.expect})
      feed(state, *part);
  }
  std::string digest(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256_final(&state, reinterpret_cast<unsigned char*>(digest.data()));
  return to_hex(digest);
}

Result<Inputs> load_inputs(const config::ProductionConfig& production) {
  Inputs inputs;
  inputs.none_reason = production.masking.none_reason;
  if (inputs.none_reason.empty()) {
    YTB_ASSIGN(PolicyFiles files, load_policy(production.masking));
    inputs.policy = std::move(files.policy);
    inputs.lock = std::move(files.lock);
    Result<Secret> key = os::resolve_secret(production.masking.key);
    if (!key.ok()) return std::move(key).error().while_doing("masking.key");
    constexpr size_t kKeySizeMin = 16;
    if (key->reveal().size() < kKeySizeMin) {
      return Error{.code = Code::kConfig,
                   .message = fmt::format("masking.key has {} bytes; at least {} are needed",
                                          key->reveal().size(), kKeySizeMin),
                   .hint = "'yesterdaytabase init' makes a good one"};
    }
    inputs.key = std::make_shared<masking::MaskingKey>(*key);
  }
  for (const model::AccessRole& role : production.access) {
    Result<Secret> password = os::resolve_secret(role.password);
    if (!password.ok())
      return std::move(password).error().while_doing(fmt::format("access.{}.password", role.name));
    inputs.access.push_back({.role = role, .password = std::move(*password)});
  }
  inputs.sql_checks = production.checks;
  int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  inputs.workers = production.masking.workers > 0 ? production.masking.workers : std::min(cores, kWorkersMax);
  inputs.digest = digest_of(inputs);
  return inputs;
}

Result<StateDirectory> StateDirectory::open(const std::string& path) {
  Status made = os::make_folders(path, 0700);
  if (!made.ok()) return std::move(made).error().while_doing("the state directory");
  return StateDirectory(path);
}

Result<Secret> StateDirectory::signing_key() const {
  std::string file = path_ + "/signing.key";
  if (!os::exists(file)) {
    // Of two processes that find it missing, one wins; both read what is there then.
    Secret key = model::new_signing_key();
    std::string draft = fmt::format("{}.{}", file, ::getpid());
    YTB_TRY(os::write_file(draft, to_hex(key.reveal()) + "\n", {.mode = 0600, .owner = std::nullopt}));
    Status placed = os::rename_new(draft, file);
    if (!placed.ok()) {
      YTB_TRY(os::remove_file(draft));
      if (!os::exists(file)) return std::move(placed).error();
    }
  }
  YTB_ASSIGN(Secret key, read_signing_key(file));
  std::string public_file = path_ + "/signing.pub";
  if (!os::exists(public_file)) {
    YTB_ASSIGN(std::string public_key, model::public_key_of(key));
    YTB_TRY(os::write_file(public_file, to_hex(public_key) + "\n", {.mode = 0644, .owner = std::nullopt}));
  }
  return key;
}

Result<os::FileLock> StateDirectory::lock(const model::ProductionName& production, std::string_view purpose,
                                          Instant now) const {
  return os::FileLock::acquire(fmt::format("{}/{}.lock", path_, production), purpose, now);
}

model::Protected protected_names(const config::Config& config) {
  model::Protected names;
  for (const config::ProductionConfig& production : config.productions) {
    for (const std::string& directory : production.source.directories) {
      names.names.insert(directory);
      names.names.insert(os::name_in(directory));
    }
  }
  return names;
}

Result<Settings> make_settings(const config::Config& config, const config::ProductionConfig& production,
                               const StateDirectory& state, std::string inputs_digest, std::string program) {
  Settings settings;
  settings.desired.production = production.name;
  settings.desired.schedule = production.schedule;
  settings.desired.spare_copies = production.spare_copies;
  settings.desired.drain = production.drain;
  settings.desired.inputs = std::move(inputs_digest);
  settings.desired.protected_names = protected_names(config);
  YTB_ASSIGN(settings.signing_key, state.signing_key());
  settings.program = std::move(program);
  return settings;
}

}  // namespace ytb::refresh
