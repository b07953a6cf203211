// CopyHost: starts, observes, opens and deletes copies. Contains no policy; every call is idempotent.
//
// Two of us at once: a call that changes a copy is refused (kBusy, Later) where the recorded phase is no
// longer the one in the OwnedCopy it was given: what was decided was decided about something else. A live
// copy is neither removed nor failed, whatever is asked (kRefused).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "model/copy.h"
#include "model/owned.h"
#include "model/proof.h"
#include "model/snapshot.h"
#include "ports/instance.h"
#include "ports/progress.h"

namespace ytb::ports {

struct RestoreRequest {
  model::CopyId copy;
  model::ProductionName production;
  model::Snapshot snapshot;
  int attempt = 1;
  bool remembers = false;  // its originals will be remembered (Remembering): that takes room, too
};

// What a restore needs and what there is; for `plan` and for the refusal.
struct SpaceEstimate {
  uint64_t needed_bytes = 0;
  uint64_t available_bytes = 0;
  bool shares_blocks = false;  // a reflink clone: the clone itself costs nothing
  std::string how;             // "reflink clone on btrfs", "parallel copy"
};

class CopyHost {
 public:
  virtual ~CopyHost() = default;

  // Everything in our place, ours or not (Copy::marked tells); never an error for one damaged record.
  virtual Result<std::vector<model::Copy>> list() = 0;
  // Tombstones of earlier tries, newest first, bounded.
  virtual Result<std::vector<model::Attempt>> attempts() = 0;
  // `remembers`: as in a RestoreRequest.
  virtual Result<SpaceEstimate> estimate(const model::Snapshot& snapshot, bool remembers) = 0;

  // Makes the copy: files, neutralised, recovered, running behind a closed door. On success its phase is
  // restored. A half-made one of the same id is begun anew. kSpace before anything is written.
  virtual Status restore(const RestoreRequest& request, Progress& progress, const StopFlag& stop) = 0;
  // Records a phase durably (written, fsynced, renamed); `reason` where it is failed.
  virtual Status record_phase(const model::OwnedCopy& copy, model::Phase phase, std::string_view reason) = 0;
  // Records a failed try at the present phase's action: tries + 1, or phase failed where retry is Never.
  virtual Status record_failure(const model::OwnedCopy& copy, const Error& error) = 0;
  // Once: a copy that was begun with other inputs is refused (kBusy).
  virtual Status record_inputs(const model::OwnedCopy& copy, std::string_view inputs) = 0;
  // A tombstone without a copy, e.g. for a snapshot that was rolled back from.
  virtual Status record_attempt(const model::Attempt& attempt) = 0;

  // Evidence and proof lie with the copy. load_evidence of none is an empty Evidence.
  virtual Status store_evidence(const model::OwnedCopy& copy, const model::Evidence& evidence) = 0;
  virtual Result<model::Evidence> load_evidence(const model::CopyId& copy) = 0;
  virtual Status store_proof(const model::OwnedCopy& copy, const model::SealedProof& proof) = 0;
  virtual Result<model::SealedProof> load_proof(const model::CopyId& copy) = 0;
  // The nonce that names this very instance; part of its proof.
  virtual Result<std::string> instance_of(const model::CopyId& copy) = 0;

  // What only the host can see of a copy that runs closed, for its proof: how its server is isolated. None
  // where a copy is not on this host.
  virtual Result<std::vector<model::Check>> host_checks(const model::OwnedCopy& /*copy*/) {
    return std::vector<model::Check>();
  }

  // Our own session in a closed copy, starting its server where it is down. Refused once opened.
  virtual Result<SessionTarget> session(const model::OwnedCopy& copy) = 0;
  // A folder beside the copy for the masked spool, and how many bytes are free there.
  virtual Result<std::string> spool_directory(const model::OwnedCopy& copy) = 0;
  // Lets staging users in. The door opens here and nowhere else. An open copy that runs is left as it is:
  // somebody may be in.
  virtual Status open(const model::OwnedCopy& copy, const model::PassedProof& proof,
                      const std::vector<AccessGrant>& grants, Progress& progress) = 0;
  // Starts an opened copy that is down (after a reboot). What failed before is then over: no tries are left.
  virtual Status start(const model::OwnedCopy& copy) = 0;
  // Stops and removes it, in an order that a crash cannot turn into an unmarked rest. Where it failed, or
  // `tombstone` is given, that is recorded first.
  virtual Status remove(const model::OwnedCopy& copy, const std::optional<model::Attempt>& tombstone,
                        Progress& progress) = 0;
  // Raw data that was made for a copy and is there without one: a snapshot that was copied first. None where
  // a host makes nothing beside its copies.
  virtual Result<bool> has_leftovers() { return false; }
  // Removes it: for a production that is to have no copies. kInterrupted where something cannot go yet.
  virtual Status remove_leftovers() { return {}; }
};

}  // namespace ytb::ports
