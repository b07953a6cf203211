// Looking at copies, and what the others share.
#include "drivers/rds/stack_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/rds/stack_names.h"
#include "drivers/rds/stack_parts.h"
#include "drivers/rds/stack_secrets.h"
#include "drivers/rds/stack_template.h"

namespace ytb::rds {

using model::Phase;

namespace {

constexpr size_t kPublicKeyBytes = 32;
constexpr Duration kSeenLately = std::chrono::seconds(10);

Status config_error(std::string_view what, std::string_view hint) {
  return Error{.code = Code::kConfig, .message = std::string(what), .hint = std::string(hint)};
}

}  // namespace

Error not_ours(std::string_view name, std::string_view why) {
  return Error{.code = Code::kRefused,
               .message = fmt::format("{} is not a copy of ours: {}", printable(name), why),
               .hint = "it was left alone; if it is in the way, look at it and remove it by hand"};
}

bool has_groups(const Server& server, const std::vector<std::string>& groups) {
  std::set<std::string> wanted(groups.begin(), groups.end());
  std::set<std::string> found;
  for (const aws::GroupState& group : server.groups) {
    if (group.status != "active") return false;
    found.insert(group.id);
  }
  return found == wanted;
}

StackHost::Parts::Parts(StackOptions given, StackServices with)
    : options(std::move(given)),
      services(with),
      store(services.s3, options.copies.bucket, options.copies.bucket_prefix, options.production),
      look(services.rds, services.stacks, store, options.production, options.kind == Kind::kAurora),
      snapshots(services.rds, options.kind == Kind::kAurora || options.from_multi_az_cluster,
                options.kind == Kind::kAurora, options.kms_key) {
  if (options.copies.ca_bundle.empty()) options.copies.ca_bundle = options.ca_bundle;
}

StackHost::StackHost(StackOptions options, StackServices services)
    : parts_(std::make_unique<Parts>(std::move(options), services)) {}
StackHost::~StackHost() = default;

std::vector<std::string> StackHost::Parts::groups(bool open) const {
  std::vector<std::string> all = options.copies.quarantine_groups;
  if (open) all.insert(all.end(), options.copies.staging_groups.begin(), options.copies.staging_groups.end());
  return all;
}

Status StackHost::Parts::check_options() const {
  const config::RdsCopiesConfig& copies = options.copies;
  if (options.master_seed.reveal().size() < kSeedBytesMin) {
    return config_error(
        fmt::format("the secret that passwords derive from has fewer than {} bytes", kSeedBytesMin),
        "make one: head -c 32 /dev/urandom");
  }
  if (options.public_key.size() != kPublicKeyBytes)
    return config_error("there is no key to verify proofs with", "");
  if (copies.subnet_group.empty())
    return config_error("copies.subnet_group is missing", "name a DB subnet group");
  if (copies.bucket.empty())
    return config_error("copies.bucket is missing", "evidence and proofs are kept there");
  if (copies.ca_bundle.empty()) {
    return config_error(
        "copies.ca_bundle is missing",
        "the certificates of RDS: https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem");
  }
  if (copies.quarantine_groups.empty() || copies.staging_groups.empty()) {
    return config_error("copies.quarantine_groups and copies.staging_groups name at least one group each",
                        "a copy is in the first until its proof has passed; then the second are added");
  }
  for (const std::string& group : copies.staging_groups) {
    if (std::find(copies.quarantine_groups.begin(), copies.quarantine_groups.end(), group) ==
        copies.quarantine_groups.end())
      continue;
    return config_error(fmt::format("{} is a quarantine group and a staging group", printable(group)),
                        "a closed copy must not be reached from staging");
  }
  for (const std::string& group : groups(true)) {
    if (!group.starts_with("sg-") || group.find(',') != std::string::npos) {
      return config_error(fmt::format("'{}' is no security group", printable(group)), "sg-…");
    }
  }
  YTB_TRY(check_parameters(copies.parameters));
  return check_user_tags(copies.tags);
}

Status StackHost::check_options() const { return parts_->check_options(); }

std::string StackHost::Parts::spool_of(const std::string& name) const {
  return options.spool_directory.empty() ? "" : os::join_path(options.spool_directory, name);
}

Result<Seen> StackHost::Parts::find(const model::CopyId& copy) {
  YTB_ASSIGN(std::optional<Seen> seen, look.one(copy));
  if (!seen) return not_ours(copy.str(), "it is not there");
  if (!seen->ours()) return not_ours(copy.str(), seen->why);
  if (options.protected_names.names.contains(seen->name))
    return not_ours(copy.str(), "it is on the list of sources");
  return *std::move(seen);
}

Result<Seen> StackHost::Parts::find_server(const model::CopyId& copy) {
  YTB_ASSIGN(Seen seen, find(copy));
  if (seen.server) return seen;
  return Error{.code = Code::kRefused,
               .message = fmt::format("{} has no server yet", copy),
               .hint = "its restore goes on",
               .retry = Retry::kLater};
}

Result<Seen> StackHost::Parts::look_again(const std::string& name) {
  YTB_ASSIGN(std::optional<Seen> seen, look.glance(name));
  if (!seen || seen->stack.id.empty()) {
    return Error{.code = Code::kExternal,
                 .message = fmt::format("the stack {} is not shown any more", name),
                 .hint = "it is looked at again",
                 .retry = Retry::kLater};
  }
  if (!seen->ours()) return not_ours(name, seen->why);
  return *std::move(seen);
}

model::Copy StackHost::Parts::to_copy(const Seen& seen) const {
  model::Copy copy;
  if (!seen.ours()) {
    copy.id = model::CopyId(seen.name);
    copy.failure = not_ours(seen.name, seen.why).message;
    copy.failure_code = Code::kRefused;
    return copy;
  }
  copy.id = seen.mark.copy;
  copy.production = seen.mark.production;
  copy.marked = true;
  copy.snapshot = seen.mark.snapshot;
  copy.data_as_of = seen.mark.data_as_of;
  copy.attempt = seen.mark.attempt;
  copy.phase = seen.state.phase;
  copy.phase_since = seen.state.since;
  copy.inputs = seen.state.inputs;
  copy.tries = seen.state.tries;
  copy.last_try = seen.state.last_try;
  copy.failure = seen.state.message;
  copy.failure_code = seen.state.code;
  copy.failure_retry = seen.state.retry;
  if (!seen.server) return copy;
  copy.running = is_up(seen.server->status);
  const std::vector<std::string>& staging = options.copies.staging_groups;
  copy.opened = std::any_of(seen.server->groups.begin(), seen.server->groups.end(), [&](const auto& group) {
    return std::find(staging.begin(), staging.end(), group.id) != staging.end();
  });
  return copy;
}

Status StackHost::Parts::verify(const Seen& seen, const std::string& envelope) const {
  YTB_ASSIGN(model::PassedProof passed, model::PassedProof::verify(envelope, options.public_key,
                                                                   seen.mark.copy, seen.server->resource_id));
  (void)passed;
  return {};
}

Status StackHost::Parts::check_proof(const Seen& seen) {
  YTB_ASSIGN(std::optional<std::string> envelope, store.proof(seen.server->resource_id));
  if (envelope) return verify(seen, *envelope);
  return Error{.code = Code::kProof,
               .message = fmt::format("no proof lies with {}", seen.mark.copy),
               .hint = "the copy stays closed"};
}

Result<std::vector<model::Copy>> StackHost::list() {
  endpoints_.reset();
  YTB_ASSIGN(std::vector<Seen> all, parts_->look.all());
  seen_at_ = parts_->services.clock.now();
  Endpoints endpoints;
  for (const Seen& seen : all) {
    if (seen.ours() && seen.server && !seen.server->address.empty())
      endpoints[seen.mark.copy] = {.address = seen.server->address, .port = seen.server->port};
  }
  std::vector<model::Copy> copies;
  for (const Seen& seen : all) {
    model::Copy copy = parts_->to_copy(seen);
    const bool may_be_proven = copy.opened || copy.phase == Phase::kMasked || copy.phase == Phase::kProven ||
                               copy.phase == Phase::kLive || copy.phase == Phase::kDraining ||
                               copy.phase == Phase::kSpare;
    if (seen.server && seen.ours() && may_be_proven) {
      // No proof is one thing, a bucket that does not answer another: then nothing is known.
      YTB_ASSIGN(std::optional<std::string> envelope, parts_->store.proof(seen.server->resource_id));
      copy.proven = envelope && parts_->verify(seen, *envelope).ok();
    }
    copies.push_back(std::move(copy));
  }
  endpoints_ = std::move(endpoints);
  return copies;
}

std::optional<StackHost::Endpoints> StackHost::take_endpoints() {
  if (parts_->services.clock.now() - seen_at_ > kSeenLately) endpoints_.reset();
  return std::exchange(endpoints_, std::nullopt);
}

Result<std::vector<model::Attempt>> StackHost::attempts() { return parts_->store.attempts(); }

Result<ports::SpaceEstimate> StackHost::estimate(const model::Snapshot& snapshot, bool /*remembers*/) {
  return ports::SpaceEstimate{.needed_bytes = snapshot.size_bytes,
                              .available_bytes = std::numeric_limits<uint64_t>::max(),
                              .shares_blocks = false,
                              .how = parts_->aurora() ? "Aurora restores it" : "RDS restores it"};
}

Result<model::Evidence> StackHost::load_evidence(const model::CopyId& copy) {
  YTB_ASSIGN(Seen seen, parts_->find_server(copy));
  return parts_->evidence_of(seen);
}

Result<model::SealedProof> StackHost::load_proof(const model::CopyId& copy) {
  YTB_ASSIGN(Seen seen, parts_->find_server(copy));
  YTB_ASSIGN(std::optional<std::string> text, parts_->store.proof(seen.server->resource_id));
  if (text) return model::SealedProof{*std::move(text)};
  return Error{.code = Code::kProof, .message = fmt::format("no proof lies with {}", copy), .hint = {}};
}

Result<std::string> StackHost::instance_of(const model::CopyId& copy) {
  YTB_ASSIGN(Seen seen, parts_->find_server(copy));
  return seen.server->resource_id;
}

ports::SessionTarget StackHost::Parts::target(const Seen& seen) const {
  const Server& server = *seen.server;
  return {.parameters = {{"host", server.address},
                         {"port", std::to_string(server.port)},
                         {"user", server.master},
                         {"sslmode", "verify-full"},
                         {"sslrootcert", options.copies.ca_bundle}},
          .password = master_password(options.master_seed, server.resource_id),
          .label = fmt::format("copy {}", seen.mark.copy),
          .nonce = copy_nonce(options.master_seed, server.resource_id),
          .storage_bytes = static_cast<uint64_t>(std::max<int64_t>(0, server.allocated_gib)) << 30};
}

Result<ports::SessionTarget> StackHost::session(const model::OwnedCopy& copy) {
  YTB_ASSIGN(Seen seen, parts_->hold(copy));
  const Phase phase = seen.state.phase;
  const bool opened = parts_->to_copy(seen).opened;
  bool closed = !opened && seen.server &&
                (phase == Phase::kRestored || phase == Phase::kDefused || phase == Phase::kMasked ||
                 phase == Phase::kProven);
  ports::SessionTarget target = closed ? parts_->target(seen) : ports::SessionTarget{};
  if (closed && !is_up(seen.server->status)) {
    return Error{.code = Code::kBusy,
                 .message = fmt::format("the server of {} is {}", copy.id(), printable(seen.server->status)),
                 .hint = "it is looked at again",
                 .retry = Retry::kLater};
  }
  // Its roles may have been let in already, though no network is yet.
  if (closed && phase == Phase::kProven) {
    YTB_ASSIGN(bool is_open, parts_->services.door.is_open(target));
    closed = !is_open;
  }
  if (closed) return target;
  return Error{.code = Code::kRefused,
               .message = fmt::format("{} has no closed session: it is {}{}", copy.id(), name_of(phase),
                                      opened ? " and open" : ""),
               .hint = {}};
}

Result<std::string> StackHost::spool_directory(const model::OwnedCopy& copy) {
  YTB_ASSIGN(Seen seen, parts_->hold(copy));
  std::string folder = parts_->spool_of(seen.name);
  if (folder.empty()) {
    return Error{.code = Code::kConfig, .message = "there is no place for the spool", .hint = {}};
  }
  YTB_TRY(os::make_folders(parts_->options.spool_directory, 0700));
  YTB_TRY(os::make_folder(folder, 0700));
  return folder;
}

Status StackHost::start(const model::OwnedCopy& copy) {
  YTB_ASSIGN(Seen seen, parts_->hold(copy));
  if (!parts_->to_copy(seen).opened) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} was never opened, so it is not started for staging", copy.id()),
                 .hint = {}};
  }
  const std::string& status = seen.server->status;
  if (is_up(status)) return {};
  if (status == "stopped") {
    return Error{
        .code = Code::kUnsupported,
        .message = fmt::format("{} was stopped; yesterdaytabase stops and starts no instances", seen.name),
        .hint = fmt::format("aws rds start-db-{0} --db-{0}-identifier {1}",
                            parts_->aurora() ? "cluster" : "instance", seen.name),
        .retry = Retry::kLater};
  }
  return Error{.code = Code::kBusy,
               .message = fmt::format("the server of {} is {}", copy.id(), printable(status)),
               .hint = "AWS is at work on it; it is looked at again",
               .retry = Retry::kLater};
}

Status StackHost::restore(const ports::RestoreRequest& request, ports::Progress& progress,
                          const StopFlag& stop) {
  return parts_->restore(request, progress, stop);
}
Status StackHost::open(const model::OwnedCopy& copy, const model::PassedProof& proof,
                       const std::vector<ports::AccessGrant>& grants, ports::Progress& progress) {
  return parts_->open(copy, proof, grants, progress);
}
Status StackHost::remove(const model::OwnedCopy& copy, const std::optional<model::Attempt>& tombstone,
                         ports::Progress& progress) {
  return parts_->remove(copy, tombstone, progress);
}

}  // namespace ytb::rds
