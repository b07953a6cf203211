// Looking at copies, and what is recorded of them.
#include "drivers/local/local_host.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/shell.h"
#include "base/text.h"
#include "drivers/os/files.h"

namespace ytb::local {

using model::Phase;

namespace {

constexpr size_t kCopiesMax = 10'000;
constexpr size_t kEvidenceBytesMax = 256ULL << 20;
constexpr auto kLockPatience = std::chrono::seconds(5);  // for changes that take a moment only

constexpr std::string_view kRecordFile = "copy.json";
constexpr std::string_view kProofFile = "proof.json";
constexpr std::string_view kEvidenceFile = "evidence.json";
constexpr std::string_view kAttemptsFile = "attempts.json";

Error not_ours(const model::CopyId& copy, std::string_view why) {
  return Error{.code = Code::kRefused,
               .message = fmt::format("{} is not a copy of ours: {}", printable(copy.str()), why),
               .hint = "it was left alone; if it is in the way, look at it and remove it by hand"};
}

// A server without durability whose host went down has lost an unknown part of what it wrote.
void judge_boot(CopyRecord& record) {
  model::Copy& copy = record.copy;
  // One that is still being restored is begun anew anyway.
  bool closed = !copy.opened && copy.phase != Phase::kRestoring && copy.phase != Phase::kFailed &&
                copy.phase != Phase::kDeleting;
  if (!closed) return;
  auto boot = os::boot_id();
  if (!boot.ok() || *boot == record.boot_id) return;
  copy.phase = Phase::kFailed;
  copy.failure = "the host was restarted while the copy was not durable yet";
  copy.failure_code = Code::kCorrupt;
  copy.failure_retry = Retry::kLater;  // another attempt at the same snapshot may well succeed
}

}  // namespace

LocalHost::LocalHost(LocalOptions options, ports::InstanceKind& kind, ports::SnapshotFiles& files,
                     const Clock& clock)
    : options_(std::move(options)), kind_(kind), files_(files), clock_(clock) {}

std::string LocalHost::folder_of(const model::CopyId& copy) const {
  return os::join_path(options_.directory, copy.str());
}

std::string LocalHost::file_of(const model::CopyId& copy, std::string_view name) const {
  return os::join_path(folder_of(copy), name);
}

ports::InstanceSpec LocalHost::spec_of(const CopyRecord& record) const {
  return {.root = folder_of(record.copy.id),
          .copy_id = record.copy.id.str(),
          .data_as_of = to_iso(record.copy.data_as_of),
          .engine_major = record.engine_major,
          .port = record.port,
          .run_as = record.run_as,
          .admin_role = record.admin_role,
          .settings = options_.settings,
          .preload = options_.preload,
          .bin_dir = options_.bin_dir,
          .isolation = record.isolation.value_or(options_.isolation),
          .extensions = options_.extensions};
}

Result<CopyRecord> LocalHost::load(const model::CopyId& copy) const {
  if (copy.empty() || copy.str().find('/') != std::string::npos || copy.str().starts_with('.')) {
    return not_ours(copy, "that is no copy's name");
  }
  YTB_ASSIGN(std::optional<os::FileInfo> folder, os::info_of(folder_of(copy)));
  if (!folder) return not_ours(copy, "it is not there");
  if (folder->kind != os::FileKind::kDirectory) return not_ours(copy, "it is no folder");
  YTB_ASSIGN(std::optional<os::FileInfo> file, os::info_of(file_of(copy, kRecordFile)));
  if (!file || file->kind != os::FileKind::kFile) return not_ours(copy, "it has no copy.json");
  // Nobody but us may have written it: not the server's user, who owns other things in there.
  if (folder->uid != ::geteuid() || file->uid != ::geteuid())
    return not_ours(copy, "it belongs to another user");
  YTB_ASSIGN(std::string text, os::read_file(file_of(copy, kRecordFile), kRecordBytesMax));
  Result<CopyRecord> read = record_from_json(text);
  if (!read.ok()) return std::move(read).error().while_doing(printable(file_of(copy, kRecordFile)));
  CopyRecord record = std::move(read).value();
  if (record.copy.id != copy) return not_ours(copy, "its copy.json is another copy's");
  record.copy.marked = true;
  judge_boot(record);
  return record;
}

Status LocalHost::save(const CopyRecord& record) const {
  return os::write_file(file_of(record.copy.id, kRecordFile), to_json(record));
}

std::string LocalHost::lock_file(const model::CopyId& copy) const {
  return os::join_path(options_.directory, std::string(kLockPrefix) + copy.str());
}

Result<os::FileLock> LocalHost::lock(const model::CopyId& copy, std::string_view purpose) const {
  return os::FileLock::acquire_within(lock_file(copy), purpose, clock_.now(), kLockPatience);
}

Result<LocalHost::Held> LocalHost::hold(const model::OwnedCopy& copy, std::string_view purpose) const {
  YTB_ASSIGN(os::FileLock held, lock(copy.id(), purpose));
  YTB_ASSIGN(CopyRecord record, load(copy.id()));
  if (record.copy.production != copy.copy().production)
    return not_ours(copy.id(), "it is another production's");
  if (record.copy.phase != copy.copy().phase) {
    return Error{.code = Code::kBusy,
                 .message = fmt::format("{} is {} by now, not {}", copy.id(), name_of(record.copy.phase),
                                        name_of(copy.copy().phase)),
                 .hint = "someone else is at work on it; it is looked at again",
                 .retry = Retry::kLater};
  }
  return Held{.lock = std::move(held), .record = std::move(record)};
}

std::optional<model::Isolation> LocalHost::isolation_of(const CopyRecord& record) const {
  auto seen = kind_.confined_by(spec_of(record));
  if (!seen.ok() || !*seen) return record.isolation;
  if (record.isolation && record.isolation->kind == **seen) return record.isolation;
  return model::Isolation{.kind = **seen, .reason = {}};
}

bool LocalHost::has_passing_proof(const CopyRecord& record) const {
  if (options_.public_key.empty()) return false;
  auto sealed = load_proof_file(record.copy.id);
  return sealed.ok() &&
         model::PassedProof::verify(*sealed, options_.public_key, record.copy.id, record.instance).ok();
}

Result<std::string> LocalHost::load_proof_file(const model::CopyId& copy) const {
  return os::read_file(file_of(copy, kProofFile), kEvidenceBytesMax);
}

Result<std::vector<model::Copy>> LocalHost::list() {
  std::vector<model::Copy> copies;
  if (!os::exists(options_.directory)) return copies;
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(options_.directory, kCopiesMax));
  for (const os::FileInfo& entry : entries) {
    if (entry.name.starts_with('.') || entry.kind == os::FileKind::kFile ||
        entry.kind == os::FileKind::kOther)
      continue;
    model::CopyId id(entry.name);
    auto record = load(id);
    if (!record.ok()) {
      model::Copy stranger;
      stranger.id = id;
      stranger.failure = record.error().message;
      stranger.failure_code = record.error().code;
      copies.push_back(std::move(stranger));
      continue;
    }
    model::Copy copy = record->copy;
    copy.proven = has_passing_proof(*record);
    auto state = kind_.state(spec_of(*record));
    copy.running = state.ok() && *state == ports::InstanceState::kReady;
    if (copy.phase == model::Phase::kDraining) copy.clients = kind_.clients(spec_of(*record));
    copy.isolation = isolation_of(*record);
    copies.push_back(std::move(copy));
  }
  return copies;
}

// An empty file, as a power cut or a full disk leaves one, says nothing that anybody could bring back: it is
// no record. One that was cut off or altered does, and is a person's to look at.
Result<std::vector<ProductionAttempt>> LocalHost::read_attempts() const {
  const std::string path = os::join_path(options_.directory, kAttemptsFile);
  std::vector<ProductionAttempt> none;
  if (!os::exists(path)) return none;
  YTB_ASSIGN(std::string text, os::read_file(path, kAttemptsBytesMax));
  if (trim(text).empty()) {
    if (options_.note && !empty_attempts_noted_.exchange(true)) {
      options_.note(
          fmt::format("{} is empty: what failed before is forgotten and may be tried again; remove "
                      "the file, or leave it to the next failure",
                      printable(path)));
    }
    return none;
  }
  Result<std::vector<ProductionAttempt>> all = attempts_from_json(text);
  if (all.ok() || all.error().code != Code::kCorrupt) return all;
  return Error{
      .code = Code::kCorrupt,
      .message = fmt::format("{} cannot be read: {}", printable(path), all.error().message),
      .hint = fmt::format("move it away, and what failed before is tried once more: mv {0} {0}.damaged",
                          shell_word(path))};
}

Result<std::vector<model::Attempt>> LocalHost::attempts() {
  std::vector<model::Attempt> ours;
  YTB_ASSIGN(std::vector<ProductionAttempt> all, read_attempts());
  for (ProductionAttempt& each : all) {
    if (each.production == options_.production) ours.push_back(std::move(each.attempt));
  }
  return ours;
}

Status LocalHost::write_attempt(const model::Attempt& attempt) const {
  YTB_ASSIGN(os::FileLock held,
             os::FileLock::acquire_within(os::join_path(options_.directory, ".lock-attempts"),
                                          "recording a try", clock_.now(), kLockPatience));
  YTB_ASSIGN(std::vector<ProductionAttempt> all, read_attempts());
  add_attempt(all, {options_.production, attempt});
  return os::write_file(os::join_path(options_.directory, kAttemptsFile), to_json(all));
}

Status LocalHost::record_attempt(const model::Attempt& attempt) {
  YTB_TRY(os::make_folders(options_.directory, 0711));
  return write_attempt(attempt);
}

Status LocalHost::record_phase(const model::OwnedCopy& copy, Phase phase, std::string_view reason) {
  YTB_ASSIGN(Held held, hold(copy, fmt::format("recording {}", name_of(phase))));
  CopyRecord& record = held.record;
  if (!model::may_follow(record.copy.phase, phase)) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} is {} and cannot become {}", copy.id(),
                                        name_of(record.copy.phase), name_of(phase)),
                 .hint = {}};
  }
  if (record.copy.phase != phase) {
    record.copy.phase = phase;
    record.copy.phase_since = clock_.now();
    record.copy.tries = 0;
    record.copy.last_try = {};
    if (phase != Phase::kFailed) {  // given up after some tries: why, and whether to begin anew, is kept
      record.copy.failure.clear();
      record.copy.failure_retry = Retry::kNever;
    }
  } else if (phase == Phase::kDraining) {
    record.copy.phase_since = clock_.now();  // a drain that begins anew: the clock had been set back
  }
  if (phase == Phase::kFailed && !reason.empty()) {
    record.copy.failure = std::string(reason);
    // Given up for what was seen, without a try that failed: no bug of ours.
    if (record.copy.failure_code == Code::kInternal) record.copy.failure_code = Code::kExternal;
  }
  return save(record);
}

Status LocalHost::record_failure(const model::OwnedCopy& copy, const Error& error) {
  YTB_ASSIGN(Held held, hold(copy, "recording a failure"));
  model::Copy& recorded = held.record.copy;
  recorded.tries += 1;
  recorded.last_try = clock_.now();
  recorded.failure = error.message;
  recorded.failure_code = error.code;
  recorded.failure_retry = error.retry;
  if (error.retry == Retry::kNever && recorded.phase != Phase::kFailed &&
      model::may_follow(recorded.phase, Phase::kFailed)) {
    recorded.phase = Phase::kFailed;
    recorded.phase_since = clock_.now();
    recorded.tries = 0;  // tries at what comes next, its deletion
  }
  return save(held.record);
}

Status LocalHost::record_inputs(const model::OwnedCopy& copy, std::string_view inputs) {
  YTB_ASSIGN(Held held, hold(copy, "recording inputs"));
  if (!held.record.copy.inputs.empty() && held.record.copy.inputs != inputs) {
    return Error{.code = Code::kBusy,
                 .message = fmt::format("{} was begun with another policy, key or access", copy.id()),
                 .hint = "someone else is at work on it; it is looked at again",
                 .retry = Retry::kLater};
  }
  held.record.copy.inputs = std::string(inputs);
  return save(held.record);
}

Status LocalHost::store_evidence(const model::OwnedCopy& copy, const model::Evidence& evidence) {
  YTB_ASSIGN(Held held, hold(copy, "storing evidence"));
  return os::write_file(file_of(copy.id(), kEvidenceFile), model::to_json(evidence));
}

Result<model::Evidence> LocalHost::load_evidence(const model::CopyId& copy) {
  YTB_ASSIGN(CopyRecord record, load(copy));
  std::string path = file_of(record.copy.id, kEvidenceFile);
  if (!os::exists(path)) return model::Evidence();
  YTB_ASSIGN(std::string text, os::read_file(path, kEvidenceBytesMax));
  Result<model::Evidence> evidence = model::evidence_from_json(text);
  if (!evidence.ok()) return std::move(evidence).error().while_doing(printable(path));
  return evidence;
}

Status LocalHost::store_proof(const model::OwnedCopy& copy, const model::SealedProof& proof) {
  YTB_ASSIGN(Held held, hold(copy, "storing the proof"));
  return os::write_file(file_of(copy.id(), kProofFile), proof.text);
}

Result<model::SealedProof> LocalHost::load_proof(const model::CopyId& copy) {
  YTB_ASSIGN(CopyRecord record, load(copy));
  YTB_ASSIGN(std::string text, load_proof_file(record.copy.id));
  return model::SealedProof{std::move(text)};
}

Result<std::vector<model::Check>> LocalHost::host_checks(const model::OwnedCopy& copy) {
  YTB_ASSIGN(Held held, hold(copy, "looking at its isolation"));
  YTB_ASSIGN(model::Check isolation, kind_.isolation(spec_of(held.record)));
  return std::vector<model::Check>{std::move(isolation)};
}

Result<std::string> LocalHost::instance_of(const model::CopyId& copy) {
  YTB_ASSIGN(CopyRecord record, load(copy));
  return record.instance;
}

}  // namespace ytb::local
