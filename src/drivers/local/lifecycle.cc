// Making, opening, starting and removing copies.
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "base/secret.h"
#include "base/text.h"
#include "drivers/local/local_host.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"
#include "drivers/os/subprocess.h"
#include "drivers/os/tcp_ports.h"
#include "masking/originals.h"

namespace ytb::local {

using model::Phase;

namespace {

constexpr mode_t kPassMode = 0711;  // others may pass through, not look around
constexpr mode_t kPrivateMode = 0700;
constexpr auto kEndGrace = std::chrono::seconds(30);
constexpr size_t kNonceBytes = 16;
constexpr size_t kRoleBytes = 8;
constexpr uint64_t kSpareBytes = 64ULL << 20;  // WAL, logs, temporary files

// Hidden folders: a copy before its first and after its last moment, holding at most a copy.json.
constexpr std::string_view kNewPrefix = ".new-";
constexpr std::string_view kGonePrefix = ".gone-";
std::string newborn(const std::string& directory, const model::CopyId& copy) {
  return os::join_path(directory, std::string(kNewPrefix) + copy.str());
}
std::string gone(const std::string& directory, const model::CopyId& copy) {
  return os::join_path(directory, std::string(kGonePrefix) + copy.str());
}

// Everything of a copy but its record, in the order in which it goes.
constexpr std::string_view kParts[] = {"run", "data", "tablespaces", "spool", "log"};

Result<bool> user_can(const std::string& user, const char* test, const std::string& path) {
  YTB_ASSIGN(os::Finished finished, os::run({.argv = {"test", test, path}, .run_as = user}));
  return finished.ok();
}

}  // namespace

Status LocalHost::check_request(const ports::RestoreRequest& request) const {
  auto refused = [&](std::string_view why) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} is not restored: {}", printable(request.copy.str()), why),
                 .hint = {}};
  };
  if (request.production != options_.production) return refused("it is another production's");
  if (request.attempt < 1 ||
      model::copy_id(request.production, request.snapshot.data_as_of, request.attempt) != request.copy) {
    return refused("its name is not the one of that snapshot and attempt");
  }
  if (options_.protected_names.names.contains(request.copy.str()))
    return refused("it is on the list of sources");
  for (const std::string& name : options_.protected_names.names) {
    bool touches =
        os::is_inside(folder_of(request.copy), name) || os::is_inside(name, folder_of(request.copy));
    if (!name.empty() && name.front() == '/' && touches) {
      return refused(fmt::format("its folder and the source {} overlap", printable(name)));
    }
  }
  return {};
}

Status LocalHost::check_reach(const std::string& directory, const std::string& run_as) {
  YTB_ASSIGN(os::User user, os::find_user(run_as));
  if (os::is_ourselves(user)) return {};
  std::string there = directory;  // what we make below it lets pass
  while (!os::exists(there) && os::parent_of(there) != there) there = os::parent_of(there);
  YTB_ASSIGN(bool passes, user_can(run_as, "-x", there));
  if (passes) return {};
  return Error{.code = Code::kConfig,
               .message = fmt::format("the user {} cannot reach {}", user.name, printable(there)),
               .hint = fmt::format("chmod o+x it and the folders above it: namei -m {}", printable(there))};
}

Status LocalHost::check_place() const {
  YTB_TRY(os::make_folders(options_.directory, kPassMode));
  return check_reach(options_.directory, options_.run_as);
}

Result<ports::SpaceEstimate> LocalHost::estimate(const model::Snapshot& snapshot, bool remembers) {
  YTB_ASSIGN(ports::FilesEstimate files, files_.estimate(snapshot, options_.directory));
  YTB_ASSIGN(os::Space space, os::space_at(options_.directory));
  // Masking writes every masked table anew while the old one is still there, and a compressed spool beside
  // it: at the worst as much as there is, be it of its own or blocks that are shared no more.
  const uint64_t digests = remembers ? masking::spool_bytes_for(files.bytes) : 0;
  return ports::SpaceEstimate{
      .needed_bytes = digests + (files.shares_blocks ? 0 : files.bytes) + files.bytes + kSpareBytes,
      .available_bytes = space.available_bytes,
      .shares_blocks = files.shares_blocks,
      .how = files.how};
}

Status LocalHost::check_space(const model::Snapshot& snapshot, bool remembers) {
  YTB_ASSIGN(ports::SpaceEstimate space, estimate(snapshot, remembers));
  if (space.needed_bytes <= space.available_bytes) return {};
  return Error{.code = Code::kSpace,
               .message = fmt::format("a copy of {} needs up to {} in {}, and {} are free", snapshot.id,
                                      human_bytes(space.needed_bytes), printable(options_.directory),
                                      human_bytes(space.available_bytes)),
               .hint =
                   "free some space, delete a spare copy, or put copies.directory on a larger disk "
                   "(btrfs or XFS share blocks with the snapshot)",
               .retry = Retry::kLater};
}

Result<uint16_t> LocalHost::choose_port() const {
  std::set<uint16_t> taken;
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(options_.directory));
  for (const os::FileInfo& entry : entries) {
    auto record = load(model::CopyId(entry.name));
    if (record.ok()) taken.insert(record->port);
  }
  return os::find_free_port(options_.port_first, options_.port_last, taken);
}

Status LocalHost::sweep_one(const model::CopyId& copy) const {
  YTB_TRY(os::remove_tree(newborn(options_.directory, copy)));
  return os::remove_tree(gone(options_.directory, copy));
}

Status LocalHost::sweep(const model::CopyId& held) const {
  YTB_TRY(sweep_one(held));
  std::set<std::string> others;
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(options_.directory));
  for (const os::FileInfo& entry : entries) {
    for (std::string_view prefix : {kNewPrefix, kGonePrefix, kLockPrefix}) {
      if (entry.name.starts_with(prefix)) others.insert(entry.name.substr(prefix.size()));
    }
  }
  for (const std::string& name : others) {
    model::CopyId other(name);
    if (other == held || !model::is_copy_name(options_.production, name)) continue;
    auto lock = os::FileLock::acquire(lock_file(other), "sweeping", clock_.now());
    if (!lock.ok()) continue;  // somebody is at work on it
    YTB_TRY(sweep_one(other));
    if (!os::exists(folder_of(other))) YTB_TRY(lock->remove_file());
  }
  return {};
}

// The folder appears with its record in it, by one rename.
Result<CopyRecord> LocalHost::create(const ports::RestoreRequest& request) {
  CopyRecord record;
  record.copy.id = request.copy;
  record.copy.production = request.production;
  record.copy.snapshot = request.snapshot.id;
  record.copy.data_as_of = request.snapshot.data_as_of;
  record.copy.attempt = request.attempt;
  record.copy.phase = Phase::kRestoring;
  record.copy.phase_since = clock_.now();
  record.instance = to_hex(random_key(kNonceBytes).reveal());
  record.engine = request.snapshot.engine;
  record.engine_major = request.snapshot.engine_major;
  record.admin_role = "ytb_" + to_hex(random_key(kRoleBytes).reveal());
  record.run_as = options_.run_as;
  record.isolation = options_.isolation;
  YTB_ASSIGN(record.boot_id, os::boot_id());
  // Two restores at a time choose one after the other, and see what the other has chosen.
  YTB_ASSIGN(os::FileLock ports_lock,
             os::FileLock::acquire_within(os::join_path(options_.directory, ".lock-ports"), "choosing a port",
                                          clock_.now(), kEndGrace));
  if (os::exists(folder_of(request.copy))) {
    YTB_ASSIGN(CopyRecord earlier, load(request.copy));  // its port is its own already, if nobody took it
    record.port = earlier.port;
    record.copy.tries = earlier.copy.tries;
    record.copy.last_try = earlier.copy.last_try;
    record.copy.failure = earlier.copy.failure;
    record.copy.failure_code = earlier.copy.failure_code;
    record.copy.failure_retry = earlier.copy.failure_retry;
    if (record.port < options_.port_first || record.port > options_.port_last ||
        !os::port_is_free(record.port)) {
      YTB_ASSIGN(record.port, choose_port());
    }
    YTB_TRY(save(record));
    return record;
  }
  YTB_ASSIGN(record.port, choose_port());
  std::string folder = newborn(options_.directory, request.copy);
  YTB_TRY(os::make_folder(folder, kPassMode));
  YTB_TRY(os::write_file(os::join_path(folder, "copy.json"), to_json(record)));
  YTB_TRY(os::rename_new(folder, folder_of(request.copy)));
  return record;
}

// Ends whatever runs in the folder and removes everything but the record.
Status LocalHost::clear(const CopyRecord& record) {
  std::string folder = folder_of(record.copy.id);
  YTB_TRY(kind_.stop(spec_of(record)));
  YTB_TRY(os::end_processes_in(folder, SIGTERM, kEndGrace));
  for (std::string_view part : kParts) {
    std::string path = os::join_path(folder, part);
    YTB_ASSIGN(std::optional<os::FileInfo> info, os::info_of(path));
    if (info) YTB_TRY(info->kind == os::FileKind::kDirectory ? os::remove_tree(path) : os::remove_file(path));
  }
  YTB_ASSIGN(std::vector<os::FileInfo> rest, os::list_folder(folder));
  for (const os::FileInfo& entry : rest) {
    std::string path = os::join_path(folder, entry.name);
    if (entry.name == "copy.json") continue;
    YTB_TRY(entry.kind == os::FileKind::kDirectory ? os::remove_tree(path) : os::remove_file(path));
  }
  return os::sync_folder(folder);
}

Status LocalHost::fill(const CopyRecord& record, const ports::RestoreRequest& request,
                       ports::Progress& progress, const StopFlag& stop) {
  ports::InstanceSpec spec = spec_of(record);
  YTB_ASSIGN(os::User user, os::find_user(record.run_as));
  for (const std::string& folder : {spec.run(), spec.log(), spec.data(), spec.root + "/tablespaces"}) {
    YTB_TRY(os::make_folder(folder, kPrivateMode, user));
  }
  YTB_TRY(os::make_folder(spec.spool(), kPrivateMode));
  if (!os::is_ourselves(user)) {
    YTB_ASSIGN(bool reads, user_can(record.run_as, "-r", request.snapshot.location));
    if (reads) {
      progress.note(fmt::format("the user {} can read the snapshot {}: better run copies as one that cannot",
                                user.name, printable(request.snapshot.location)));
    }
  }
  YTB_TRY(files_.materialise(request.snapshot, spec.root, record.run_as, progress, stop));
  YTB_TRY(stop.check());
  YTB_TRY(kind_.neutralise(spec));
  YTB_TRY(kind_.recover(spec, progress, stop));
  return kind_.start_closed(spec);
}

Status LocalHost::restore(const ports::RestoreRequest& request, ports::Progress& progress,
                          const StopFlag& stop) {
  YTB_TRY(check_request(request));
  YTB_TRY(check_place());
  YTB_ASSIGN(os::FileLock held, lock(request.copy, "restoring"));
  YTB_TRY(sweep(request.copy));
  if (os::exists(folder_of(request.copy))) {
    YTB_ASSIGN(CopyRecord earlier, load(request.copy));
    if (earlier.copy.production != request.production || earlier.copy.snapshot != request.snapshot.id) {
      return Error{.code = Code::kRefused,
                   .message = fmt::format("{} is there already, of another snapshot", request.copy),
                   .hint = {}};
    }
    if (earlier.copy.phase == Phase::kRestored) return kind_.start_closed(spec_of(earlier));
    if (earlier.copy.phase != Phase::kRestoring) {
      return Error{.code = Code::kBusy,
                   .message = fmt::format("{} is {} already", request.copy, name_of(earlier.copy.phase)),
                   .hint = "someone else is at work on it; it is looked at again",
                   .retry = Retry::kLater};
    }
    YTB_TRY(clear(earlier));
  }
  CopyRecord blank;
  blank.copy.id = request.copy;
  blank.engine_major = request.snapshot.engine_major;
  blank.run_as = options_.run_as;
  YTB_TRY(kind_.validate(spec_of(blank)));
  YTB_ASSIGN(std::string binaries, kind_.find_binaries(spec_of(blank)));
  YTB_TRY(kind_.check_isolation(spec_of(blank)));
  YTB_TRY(check_space(request.snapshot, request.remembers));
  YTB_ASSIGN(CopyRecord record, create(request));
  YTB_TRY(fill(record, request, progress, stop));
  record.copy.phase = Phase::kRestored;
  record.copy.phase_since = clock_.now();
  record.copy.tries = 0;
  record.copy.last_try = {};
  record.copy.failure.clear();
  return save(record);
}

Result<ports::SessionTarget> LocalHost::session(const model::OwnedCopy& copy) {
  YTB_ASSIGN(Held held, hold(copy, "starting it closed"));
  const CopyRecord& record = held.record;
  bool closed = !record.copy.opened && !record.opening &&
                (record.copy.phase == Phase::kRestored || record.copy.phase == Phase::kDefused ||
                 record.copy.phase == Phase::kMasked || record.copy.phase == Phase::kProven);
  if (!closed) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} has no closed session: it is {}{}", copy.id(),
                                        name_of(record.copy.phase), record.copy.opened ? " and open" : ""),
                 .hint = {}};
  }
  ports::InstanceSpec spec = spec_of(record);
  YTB_TRY(kind_.start_closed(spec));
  return kind_.session(spec);
}

Result<std::string> LocalHost::spool_directory(const model::OwnedCopy& copy) {
  YTB_ASSIGN(Held held, hold(copy, "making room for the spool"));
  std::string folder = spec_of(held.record).spool();
  YTB_TRY(os::make_folder(folder, kPrivateMode));
  return folder;
}

Status LocalHost::open(const model::OwnedCopy& copy, const model::PassedProof& proof,
                       const std::vector<ports::AccessGrant>& grants, ports::Progress& progress) {
  YTB_ASSIGN(Held held, hold(copy, "opening"));
  CopyRecord& record = held.record;
  if (proof.copy() != copy.id() || proof.proof().instance != record.instance) {
    return Error{.code = Code::kProof,
                 .message = fmt::format("the proof is of {}, not of this very instance of {}", proof.copy(),
                                        copy.id()),
                 .hint = "the copy stays closed"};
  }
  // What lies with the copy is what people will be shown: it must be a passing proof, too.
  if (!options_.public_key.empty() && !has_passing_proof(record)) {
    return Error{.code = Code::kProof,
                 .message = fmt::format("no passing proof of ours lies with {}", copy.id()),
                 .hint = "the copy stays closed"};
  }
  ports::InstanceSpec spec = spec_of(record);
  if (record.copy.opened) return start_opened(record);
  if (record.copy.phase != Phase::kProven) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} is {}, not proven", copy.id(), name_of(record.copy.phase)),
                 .hint = "the copy stays closed"};
  }
  // The config may have changed since the restore: better found before the door is touched.
  YTB_TRY(kind_.validate(spec));
  if (!record.opening) {
    record.opening = true;
    YTB_TRY(save(record));
  }
  YTB_TRY(kind_.prepare_open(spec, grants, progress));
  // The spool held masked rows only, but it is of no use any more.
  YTB_TRY(os::remove_tree(spec.spool()));
  // Recorded before it is so: a crash in between leaves a copy that is said to be open and is merely not
  // running, where the other order would leave an open one that is said to be closed.
  record.copy.opened = true;
  record.opening = false;
  YTB_TRY(save(record));
  if (::chmod(spec.root.c_str(), kPassMode) != 0)
    return os::system_error("change the mode of", spec.root, errno);
  return start_opened(record);
}

Status LocalHost::start_opened(CopyRecord& record) {
  Status started = kind_.start_open(spec_of(record));
  if (started.ok()) {
    if (record.copy.tries == 0) return {};
    record.copy.tries = 0;
    record.copy.last_try = {};
    record.copy.failure.clear();
    record.copy.failure_retry = Retry::kNever;
    return save(record);
  }
  if (started.error().code == Code::kConfig && record.copy.phase == Phase::kProven) {
    record.copy.opened = false;
    record.opening = true;
    YTB_TRY(save(record));
  }
  return started;
}

Status LocalHost::start(const model::OwnedCopy& copy) {
  YTB_ASSIGN(Held held, hold(copy, "starting"));
  if (!held.record.copy.opened) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} was never opened, so it is not started for staging", copy.id()),
                 .hint = {}};
  }
  return start_opened(held.record);
}

Status LocalHost::remove(const model::OwnedCopy& copy, const std::optional<model::Attempt>& tombstone,
                         ports::Progress& progress) {
  YTB_ASSIGN(Held held, hold(copy, "removing"));
  CopyRecord& record = held.record;
  if (record.copy.phase == Phase::kLive) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} is live", copy.id()),
                 .hint = "refresh or roll back first, so that another copy is"};
  }
  if (options_.protected_names.names.contains(folder_of(copy.id()))) {
    return Error{.code = Code::kRefused, .message = fmt::format("{} is a source", copy.id()), .hint = {}};
  }
  if (tombstone) {
    YTB_TRY(write_attempt(*tombstone));
  } else if (record.copy.phase == Phase::kFailed) {
    YTB_TRY(write_attempt(model::failed_attempt_of(record.copy)));
  }
  if (record.copy.phase != Phase::kDeleting) {
    record.copy.phase = Phase::kDeleting;
    record.copy.phase_since = clock_.now();
    YTB_TRY(save(record));
  }
  progress.update({.stage = "delete", .item = copy.id().str()});
  YTB_TRY(sweep(copy.id()));
  YTB_TRY(clear(record));
  // The record last, and by a rename: there is no moment with a folder that nobody knows.
  std::string hidden = gone(options_.directory, copy.id());
  YTB_TRY(os::rename_new(folder_of(copy.id()), hidden));
  YTB_TRY(os::remove_tree(hidden));
  return held.lock.remove_file();
}

}  // namespace ytb::local
