#include "refresh/inputs.h"

#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/os/ownership.h"
#include "drivers/os/secrets.h"
#include "drivers/os/users.h"
#include "model/drift.h"

namespace ytb::refresh {
namespace {

constexpr int kWorkersMax = 8;
constexpr size_t kPublicKeyFileMax = 4096;

// SHA-256 over texts, each with its length first, so that no two lists of texts give the same bytes.
class PartDigest {
 public:
  explicit PartDigest(std::string_view part) {
    crypto_hash_sha256_init(&state_);
    feed("yesterdaytabase inputs 2").feed(part);
  }
  PartDigest& feed(std::string_view text) {
    std::string length = fmt::format("{}:", text.size());
    crypto_hash_sha256_update(&state_, reinterpret_cast<const unsigned char*>(length.data()), length.size());
    crypto_hash_sha256_update(&state_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    return *this;
  }
  [[nodiscard]] std::string hex() {
    std::string digest(crypto_hash_sha256_BYTES, '\0');
    crypto_hash_sha256_final(&state_, reinterpret_cast<unsigned char*>(digest.data()));
    return to_hex(digest);
  }

 private:
  crypto_hash_sha256_state state_{};
};

// Of the access roles' passwords, so that a changed one is seen. Whoever reads a record must not be able to
// try guesses at a password: it is keyed by what the masking key, or a secret of the signing key's where
// nothing is masked, gives for nothing else.
std::string passwords_digest(const Secret& secret, const std::vector<ports::AccessGrant>& access) {
  constexpr std::string_view kDomain = "yesterdaytabase access passwords 1";
  std::array<unsigned char, crypto_generichash_KEYBYTES> key{};
  crypto_generichash(key.data(), key.size(), reinterpret_cast<const unsigned char*>(secret.reveal().data()),
                     secret.reveal().size(), reinterpret_cast<const unsigned char*>(kDomain.data()),
                     kDomain.size());
  crypto_generichash_state state;
  std::string digest(crypto_generichash_BYTES, '\0');
  crypto_generichash_init(&state, key.data(), key.size(), digest.size());
  auto feed = [&](std::string_view text) {
    const std::string length = fmt::format("{}:", text.size());
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(length.data()), length.size());
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  };
  for (const ports::AccessGrant& grant : access) {
    feed(grant.role.name);
    feed(grant.password.reveal());
  }
  crypto_generichash_final(&state, reinterpret_cast<unsigned char*>(digest.data()), digest.size());
  sodium_memzero(key.data(), key.size());
  return to_hex(digest);
}

// A document that must be there.
Result<std::string> read_document(ports::Vault& vault, const std::string& place, size_t size_max,
                                  std::string_view what, std::string_view hint) {
  Result<std::optional<std::string>> text = vault.text(place, size_max);
  if (text.ok() && *text) return **std::move(text);
  if (text.ok()) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("{}: there is no {}", what, printable(place)),
                 .hint = std::string(hint)};
  }
  Error error = std::move(text).error();
  // What is only not reached at the moment stays what it is.
  if (error.retry == Retry::kNever) error.code = Code::kConfig;
  error.message = fmt::format("{}: {}", what, error.message);
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

std::string how_to_get_another_key(const std::string& file, const std::string& public_file) {
  return fmt::format(
      "restore it from a backup; or remove {} and {}, and the next run makes a new pair. What is live is "
      "then replaced by a copy that is proven with it by: yesterdaytabase refresh --force",
      file, public_file);
}

Result<Secret> read_signing_key(const std::string& file, const std::string& public_file) {
  model::SecretRef reference{.kind = model::SecretRef::Kind::kFile, .locator = file};
  YTB_ASSIGN(Secret text, os::resolve_secret(reference));
  std::optional<std::string> bytes = bytes_from_hex(trim(text.reveal()), crypto_sign_SECRETKEYBYTES);
  if (!bytes) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("the signing key {} is not {} hexadecimal digits", file,
                                        2 * crypto_sign_SECRETKEYBYTES),
                 .hint = how_to_get_another_key(file, public_file)};
  }
  return Secret(std::move(*bytes));
}

}  // namespace

Result<config::Config> load_config(const std::string& file, ports::Vault& vault) {
  YTB_ASSIGN(std::string text,
             read_document(vault, file, kConfigSizeMax, "the config cannot be read",
                           "'yesterdaytabase init' writes a first one; --config names another"));
  YTB_ASSIGN(config::Config config, config::parse_config(text, file));
  config.read_at = SystemClock().now();  // compared between processes of this host only
  if (os::running_as_root()) {
    for (config::ProductionConfig& production : config.productions) {
      if (production.copies.kind == "local" && production.copies.run_as.empty())
        production.copies.run_as = kRunAsOfRoot;
    }
  }
  return config;
}

Result<PolicyFiles> load_policy(const config::MaskingConfig& masking, ports::Vault& vault,
                                std::optional<Error>* lock_unreadable) {
  PolicyFiles files;
  const std::string file = config::is_remote(masking.policy_file) ? "policy.yaml" : masking.policy_file;
  YTB_ASSIGN(
      std::string policy,
      read_document(vault, masking.policy_file, kPolicySizeMax, "the masking policy cannot be read",
                    fmt::format("'yesterdaytabase policy propose --out {}' writes a first one", file)));
  YTB_ASSIGN(files.policy, config::parse_policy(policy, masking.policy_file));
  Result<std::optional<std::string>> lock = vault.text(masking.lock_file, kLockSizeMax);
  if (!lock.ok()) return std::move(lock).error().while_doing("the policy lock");
  constexpr size_t kDateSize = 10;
  const std::string today = to_iso(SystemClock().now()).substr(0, kDateSize);
  files.lock.file = masking.lock_file;
  files.lock.today = today;
  if (!*lock) return files;
  Result<masking::PolicyLock> parsed = config::parse_lock(**lock, masking.lock_file);
  if (parsed.ok()) {
    files.lock = std::move(*parsed);
    files.lock.today = today;
  } else if (lock_unreadable != nullptr) {
    *lock_unreadable = std::move(parsed).error();
  } else {
    return std::move(parsed).error();
  }
  return files;
}

std::string digest_of(const Inputs& inputs) {
  PartDigest policy("policy");
  policy.feed(inputs.none_reason).feed(inputs.policy.digest);
  PartDigest lock("lock");
  lock.feed(inputs.lock.digest);
  PartDigest key("key");
  key.feed(inputs.key ? inputs.key->id() : std::string());
  PartDigest access("access");
  for (const ports::AccessGrant& grant : inputs.access) {
    access.feed("role").feed(grant.role.name).feed(grant.role.existing ? "existing" : "");
    for (const std::string& role : grant.role.member_of) access.feed(role);
    if (grant.role.bypass_row_security) access.feed("bypass_row_security");
    access.feed("from");
    for (const std::string& address : grant.role.from) access.feed(address);
  }
  PartDigest passwords("passwords");
  passwords.feed(inputs.passwords);
  PartDigest checks("checks");
  for (const model::SqlCheck& check : inputs.sql_checks) {
    for (const std::string* part : {&check.name, &check.database, &check.sql, &check.expect})
      checks.feed(*part);
  }
  return model::inputs_record({{"policy", policy.hex()},
                               {"lock", lock.hex()},
                               {"key", key.hex()},
                               {"access", access.hex()},
                               {"passwords", passwords.hex()},
                               {"checks", checks.hex()}});
}

Result<Inputs> load_inputs(const config::Config& config, const config::ProductionConfig& production,
                           const StateDirectory& state, ports::Vault& vault) {
  Inputs inputs;
  std::optional<Secret> digest_key;
  inputs.none_reason = production.masking.none_reason;
  if (inputs.none_reason.empty()) {
    YTB_ASSIGN(PolicyFiles files, load_policy(production.masking, vault));
    inputs.policy = std::move(files.policy);
    inputs.lock = std::move(files.lock);
    Result<Secret> key = vault.secret(production.masking.key);
    if (!key.ok()) {
      Error error = std::move(key).error();
      if (error.hint.empty()) {
        error.hint =
            "put back the key that was there: with another one, every pseudonym changes. For a first one, "
            "'yesterdaytabase init' makes it";
      }
      return std::move(error).while_doing("masking.key");
    }
    constexpr size_t kKeySizeMin = 16;
    if (key->reveal().size() < kKeySizeMin) {
      return Error{.code = Code::kConfig,
                   .message = fmt::format("masking.key has {} bytes; at least {} are needed",
                                          key->reveal().size(), kKeySizeMin),
                   .hint = "for example: openssl rand -hex 32"};
    }
    inputs.key = std::make_shared<masking::MaskingKey>(*key);
    digest_key = std::move(*key);
    // Without its password it is not asked, and what only that would have told comes later. On AWS nobody
    // knows of a snapshot where in production's history it was taken.
    if (!config::is_aws(production)) {
      if (Result<ports::SessionTarget> target = production_target(production, vault); target.ok())
        inputs.production = std::move(*target);
    }
  } else if (!production.access.empty()) {
    YTB_ASSIGN(const Secret signing, signing_key(config, state, vault));
    YTB_ASSIGN(digest_key, derive_secret(signing, "password"));
  }
  for (const model::AccessRole& role : production.access) {
    Result<Secret> password = vault.secret(role.password);
    if (!password.ok())
      return std::move(password).error().while_doing(fmt::format("access.{}.password", role.name));
    inputs.access.push_back({.role = role, .password = std::move(*password)});
  }
  if (digest_key) inputs.passwords = passwords_digest(*digest_key, inputs.access);
  inputs.sql_checks = production.checks;
  int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  inputs.workers = production.masking.workers > 0 ? production.masking.workers : std::min(cores, kWorkersMax);
  inputs.warm_up = production.copies.rds.warm_up;
  inputs.digest = digest_of(inputs);
  return inputs;
}

Result<StateDirectory> StateDirectory::open(const std::string& path) {
  Status made = os::make_folders(path, 0700);
  if (!made.ok()) return std::move(made).error().while_doing("the state directory");
  // Keys and locks are in it, so that who only looks needs it as well. Found out here, and not by what fails
  // first in there.
  if (!os::check_writable(path).ok()) {
    YTB_ASSIGN(const std::optional<os::FileInfo> found, os::info_of(path));
    YTB_ASSIGN(const os::User ourselves, os::find_user(""));
    const std::string owner = found ? os::name_of_user(found->uid) : "another user";
    return Error{.code = Code::kRefused,
                 .message = fmt::format("the state directory {} belongs to {}, and this runs as {}",
                                        printable(path), owner, printable(ourselves.name)),
                 .hint = fmt::format("run it as {}: sudo -u {} yesterdaytabase …", owner, owner)};
  }
  return StateDirectory(path);
}

Result<Secret> StateDirectory::signing_key() const {
  const std::string file = path_ + "/signing.key";
  const std::string public_file = path_ + "/signing.pub";
  // Looked at first: the key is always there before it.
  const bool had_one = os::exists(public_file);
  if (!os::exists(file)) {
    if (had_one) {
      return Error{.code = Code::kConfig,
                   .message = fmt::format("the signing key {} is gone; {} is of it", file, public_file),
                   .hint = how_to_get_another_key(file, public_file)};
    }
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
  YTB_ASSIGN(Secret key, read_signing_key(file, public_file));
  YTB_ASSIGN(const std::string public_key, model::public_key_of(key));
  if (!had_one) {
    YTB_TRY(os::write_file(public_file, to_hex(public_key) + "\n", {.mode = 0644, .owner = std::nullopt}));
    return key;
  }
  YTB_ASSIGN(const std::string said, os::read_file(public_file, kPublicKeyFileMax));
  if (trim(said) != to_hex(public_key)) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("the signing key {} is another one than {} is of", file, public_file),
                 .hint = how_to_get_another_key(file, public_file)};
  }
  return key;
}

Result<os::FileLock> StateDirectory::lock(const model::ProductionName& production, std::string_view purpose,
                                          Instant now) const {
  return os::FileLock::acquire(fmt::format("{}/{}.lock", path_, production), purpose, now);
}

Result<Secret> signing_key(const config::Config& config, const StateDirectory& state, ports::Vault& vault) {
  if (config.signing_key.empty()) return state.signing_key();
  Result<Secret> text = vault.secret(config.signing_key);
  if (!text.ok()) return std::move(text).error().while_doing("signing_key");
  const std::string_view given = trim(text->reveal());
  if (std::optional<std::string> key = bytes_from_hex(given, crypto_sign_SECRETKEYBYTES))
    return Secret(std::move(*key));
  if (given.size() < kSigningTextMin) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("signing_key has {} characters; at least {} are needed", given.size(),
                                        kSigningTextMin),
                 .hint = "aws secretsmanager get-random-password makes a good one"};
  }
  constexpr std::string_view kDomain = "yesterdaytabase signing key 1";
  std::array<unsigned char, crypto_sign_SEEDBYTES> seed{};
  crypto_generichash(seed.data(), seed.size(), reinterpret_cast<const unsigned char*>(given.data()),
                     given.size(), reinterpret_cast<const unsigned char*>(kDomain.data()), kDomain.size());
  std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> public_key{};
  std::string key(crypto_sign_SECRETKEYBYTES, '\0');
  crypto_sign_seed_keypair(public_key.data(), reinterpret_cast<unsigned char*>(key.data()), seed.data());
  sodium_memzero(seed.data(), seed.size());
  return Secret(std::move(key));
}

Result<Secret> derive_secret(const Secret& signing_key, std::string_view purpose) {
  static_assert(crypto_sign_SEEDBYTES == crypto_kdf_KEYBYTES);
  if (signing_key.reveal().size() != crypto_sign_SECRETKEYBYTES ||
      purpose.size() != crypto_kdf_CONTEXTBYTES) {
    return Error{.code = Code::kInternal, .message = "a secret cannot be derived of this", .hint = {}};
  }
  // An Ed25519 secret key is its seed and the public key behind it.
  std::string derived(crypto_kdf_KEYBYTES, '\0');
  crypto_kdf_derive_from_key(reinterpret_cast<unsigned char*>(derived.data()), derived.size(), 1,
                             purpose.data(),
                             reinterpret_cast<const unsigned char*>(signing_key.reveal().data()));
  return Secret(std::move(derived));
}

model::Protected protected_names(const config::Config& config) {
  model::Protected names;
  for (const config::ProductionConfig& production : config.productions) {
    for (const std::string& directory : production.source.directories) {
      names.names.insert(directory);
      names.names.insert(os::name_in(directory));
    }
    for (const std::string& id : {production.source.rds.id, production.source.rds.resource_id}) {
      if (!id.empty()) names.names.insert(id);
    }
  }
  return names;
}

Result<ports::SessionTarget> production_target(const config::ProductionConfig& production,
                                               ports::Vault& vault) {
  if (production.source.connection.empty()) {
    return Error{
        .code = Code::kConfig,
        .message = fmt::format("production '{}' has no source.connection", production.name),
        .hint = "add source.connection to the config (and source.password; never a password inside it)"};
  }
  YTB_ASSIGN(Secret password, vault.secret(production.source.password));
  return ports::SessionTarget{.parameters = {{"connection", production.source.connection}},
                              .password = std::move(password),
                              .label = "production"};
}

Result<Settings> make_settings(const config::Config& config, const config::ProductionConfig& production,
                               const StateDirectory& state, ports::Vault& vault, std::string inputs_digest,
                               std::string program) {
  Settings settings;
  settings.desired.production = production.name;
  settings.desired.schedule = production.schedule;
  settings.desired.spare_copies = production.spare_copies;
  settings.desired.drain = production.drain;
  settings.desired.inputs = std::move(inputs_digest);
  if (!config::is_aws(production)) settings.desired.isolation = production.copies.isolation;
  settings.desired.protected_names = protected_names(config);
  YTB_ASSIGN(settings.signing_key, signing_key(config, state, vault));
  settings.program = std::move(program);
  return settings;
}

}  // namespace ytb::refresh
