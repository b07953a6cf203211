// StackHost: copies on AWS, one CloudFormation stack each: an RDS instance, or an Aurora cluster and its
// writer.
//
//   the stack       named by stack_names.h; its tags are the mark, and say of which snapshot and attempt it
//   is the instance    (or cluster) its tags are the phase and what else changes; its DbiResourceId or
//                   DbClusterResourceId, which never comes back, is what instance_of() returns
//   s3://<bucket>/<prefix>/<production>/
//     attempts.json                       tombstones
//     stacks/<stack's id>/state.json      why it failed; and the phase, as long as there is no instance
//     instances/<resource id>/evidence.json, proof.json
//                                         the proof outlives the copy: it says what was opened
//
// Tags are hints. A copy is opened where Describe shows a staging group on it, and proven where the envelope
// in S3 bears our signature and names this very instance; open() verifies it once more.
//
// The master's password and the mark inside the copy derive from `master_seed` and the resource id: nothing
// has to be kept, and whoever goes on after a crash knows both. Every step is found out by looking before it
// is done. Each wait ends with kInterrupted when asked to stop, and at once without patience; the next call
// goes on from there. The mark of a snapshot that had to be copied first (shared and encrypted) is its tags;
// it goes with the restore.
//
// A thing of a copy's name without our mark is listed as unmarked and never touched. One call at a time.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "base/stop.h"
#include "config/config.h"
#include "drivers/aws/cloudformation.h"
#include "drivers/aws/rds.h"
#include "drivers/aws/s3.h"
#include "ports/copy_host.h"
#include "ports/door.h"
#include "ports/patience.h"

namespace ytb::rds {

enum class Kind { kRds, kAurora };

struct StackOptions {
  model::ProductionName production;
  Kind kind = Kind::kRds;
  bool from_multi_az_cluster = false;  // kRds: production is a Multi-AZ DB cluster
  config::RdsCopiesConfig copies;  // of the config file; quarantine and staging groups, CA bundle, bucket …
  std::string kms_key = {};        // for the copy of a shared encrypted snapshot; "": such a one is refused
  std::string ca_bundle = {};      // resolved path, used where copies.ca_bundle is empty
  std::string spool_directory = {};  // absolute; a folder for each copy is made in it
  std::string public_key = {};       // of our proofs, 32 bytes
  Secret master_seed = {};           // at least kSeedBytesMin; the same for as long as a copy lives
  model::Protected protected_names = {};
};

inline constexpr size_t kSeedBytesMin = 32;

// What it works with; all outlive it. `stop` ends the waits of those calls that are not given one.
struct StackServices {
  aws::Rds& rds;
  aws::CloudFormation& stacks;
  aws::S3& s3;
  ports::Door& door;
  Clock& clock;
  const StopFlag& stop;
  ports::Patience patience = ports::Patience::kWait;
};

class StackHost final : public ports::CopyHost {
 public:
  struct Parts;  // for its own files

  StackHost(StackOptions options, StackServices services);
  ~StackHost() override;

  // kConfig with what to change where the options cannot be worked with. No call is made. restore() and
  // open() look, too.
  [[nodiscard]] Status check_options() const;

  Result<std::vector<model::Copy>> list() override;
  // Where the copies are that list() saw last, for whoever looks at the name next: once, and not for long.
  struct Endpoint {
    std::string address;
    int port = 0;
  };
  using Endpoints = std::map<model::CopyId, Endpoint>;
  std::optional<Endpoints> take_endpoints();
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
  Result<ports::SessionTarget> session(const model::OwnedCopy& copy) override;
  Result<std::string> spool_directory(const model::OwnedCopy& copy) override;
  Status open(const model::OwnedCopy& copy, const model::PassedProof& proof,
              const std::vector<ports::AccessGrant>& grants, ports::Progress& progress) override;
  // kUnsupported (Later): nothing of ours stops an instance, so a person did and is told how to start it.
  Status start(const model::OwnedCopy& copy) override;
  Status remove(const model::OwnedCopy& copy, const std::optional<model::Attempt>& tombstone,
                ports::Progress& progress) override;
  Result<bool> has_leftovers() override;
  Status remove_leftovers() override;

 private:
  std::unique_ptr<Parts> parts_;
  std::optional<Endpoints> endpoints_;
  Instant seen_at_;
};

}  // namespace ytb::rds
