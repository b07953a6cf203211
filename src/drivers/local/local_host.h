// LocalHost: copies on this host, one folder and one server each.
//
//   <directory>/<copy id>/copy.json     the mark and the state, written, fsynced, renamed at each change
//                         proof.json, evidence.json
//                         seal.lock, seal.json, seal.pages           who works there (os/occupant.h)
//                         seal                                       an empty folder, root of the server's
//                         world data, tablespaces, run (sockets), log      the server's, of the user it runs
//                         as spool                                      ours
//   <directory>/attempts.json           tombstones
//   <directory>/.lock-<copy id>         held by whoever changes that copy
//
// A folder is ours when its copy.json is ours, whole, and names the folder; everything else is listed as
// unmarked and never touched. A copy's folder comes into being with its copy.json in it and goes with it: a
// crash between any two steps leaves a marked copy or nothing but a hidden folder that the next call sweeps
// away.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "drivers/local/record.h"
#include "drivers/os/lock.h"
#include "ports/copy_host.h"
#include "ports/instance.h"
#include "ports/snapshot_files.h"

namespace ytb::local {

struct LocalOptions {
  model::ProductionName production;
  std::string directory;  // absolute; where copies live
  std::string run_as;     // "" : as ourselves
  uint16_t port_first = 6500;
  uint16_t port_last = 6599;
  std::string bin_dir;
  std::map<std::string, std::string> settings;
  std::vector<std::string> preload;
  model::Isolation isolation = {};  // of copies that are restored from now on
  std::vector<std::string> extensions = {};
  model::Protected protected_names;  // paths among them: no copy may be made in, above or below one
  std::string public_key;  // of our proofs, 32 bytes: for Copy::proven, and looked at again when opening
  std::function<void(std::string_view)> note = {};  // what a person should know and nothing depends on
};

inline constexpr std::string_view kLockPrefix = ".lock-";

class LocalHost final : public ports::CopyHost {
 public:
  // All must outlive this.
  LocalHost(LocalOptions options, ports::InstanceKind& kind, ports::SnapshotFiles& files, const Clock& clock);

  // Whether copies below `directory`, which need not be there yet, can be reached by whom they run as.
  static Status check_reach(const std::string& directory, const std::string& run_as);

  Result<std::vector<model::Copy>> list() override;
  Result<std::vector<model::Attempt>> attempts() override;
  Result<ports::SpaceEstimate> estimate(const model::Snapshot& snapshot, bool remembers) override;
  Status restore(const ports::RestoreRequest& request, ports::Progress& progress,
                 const StopFlag& stop) override;
  Status record_phase(const model::OwnedCopy& copy, model::Phase phase, std::string_view reason) override;
  Status record_failure(const model::OwnedCopy& copy, const Error& error) override;
  Status record_inputs(const model::OwnedCopy& copy, std::string_view inputs) override;
  Status record_attempt(const model::Attempt& attempt) override;
  Status store_evidence(const model::OwnedCopy& copy, const model::Evidence& evidence) override;
  Result<model::Evidence> load_evidence(const model::CopyId& copy) override;
  Status store_proof(const model::OwnedCopy& copy, const model::SealedProof& proof) override;
  Result<model::SealedProof> load_proof(const model::CopyId& copy) override;
  Result<std::string> instance_of(const model::CopyId& copy) override;
  Result<std::vector<model::Check>> host_checks(const model::OwnedCopy& copy) override;
  Result<ports::SessionTarget> session(const model::OwnedCopy& copy) override;
  Result<std::string> spool_directory(const model::OwnedCopy& copy) override;
  Status open(const model::OwnedCopy& copy, const model::PassedProof& proof,
              const std::vector<ports::AccessGrant>& grants, ports::Progress& progress) override;
  Status start(const model::OwnedCopy& copy) override;
  Status remove(const model::OwnedCopy& copy, const std::optional<model::Attempt>& tombstone,
                ports::Progress& progress) override;

 private:
  // A copy that may be changed now: locked, its record read, its phase what the caller believes.
  struct Held {
    os::FileLock lock;
    CopyRecord record;
  };

  [[nodiscard]] std::string folder_of(const model::CopyId& copy) const;
  [[nodiscard]] std::string file_of(const model::CopyId& copy, std::string_view name) const;
  [[nodiscard]] ports::InstanceSpec spec_of(const CopyRecord& record) const;
  // kRefused where there is no record of ours; kUnsupported or kCorrupt where it cannot be read.
  Result<CopyRecord> load(const model::CopyId& copy) const;
  Status save(const CopyRecord& record) const;
  [[nodiscard]] std::string lock_file(const model::CopyId& copy) const;
  Result<os::FileLock> lock(const model::CopyId& copy, std::string_view purpose) const;
  Result<Held> hold(const model::OwnedCopy& copy, std::string_view purpose) const;
  [[nodiscard]] Result<std::string> load_proof_file(const model::CopyId& copy) const;
  [[nodiscard]] bool has_passing_proof(const CopyRecord& record) const;
  // What the copy's server was started under; as it was asked for, before its first start.
  [[nodiscard]] std::optional<model::Isolation> isolation_of(const CopyRecord& record) const;

  Status check_request(const ports::RestoreRequest& request) const;
  Status check_place() const;
  Status check_space(const model::Snapshot& snapshot, bool remembers);
  Result<CopyRecord> create(const ports::RestoreRequest& request);
  Status clear(const CopyRecord& record);
  Status fill(const CopyRecord& record, const ports::RestoreRequest& request, ports::Progress& progress,
              const StopFlag& stop);
  // Starts an opened copy. What failed before is over once it runs; one that refuses its configuration, and
  // so has let nobody in, is closed again where it never was live, to get another once the config is mended.
  Status start_opened(CopyRecord& record);
  Result<uint16_t> choose_port() const;
  // Hidden folders and locks that killed runs left. `held`: the copy whose lock the caller has.
  Status sweep(const model::CopyId& held) const;
  Status sweep_one(const model::CopyId& copy) const;
  // Of every production whose copies live here.
  [[nodiscard]] Result<std::vector<ProductionAttempt>> read_attempts() const;
  Status write_attempt(const model::Attempt& attempt) const;

  LocalOptions options_;
  ports::InstanceKind& kind_;
  ports::SnapshotFiles& files_;
  const Clock& clock_;
  mutable std::atomic<bool> empty_attempts_noted_ = false;
};

}  // namespace ytb::local
