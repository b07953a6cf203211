// The fake ports over a World. Stricter than the real thing: what is out of order is refused, and what would
// break a promise is written down as a violation even where it is carried out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fakes/world.h"
#include "ports/alias_store.h"
#include "ports/copy_host.h"
#include "ports/engine.h"
#include "ports/journal.h"
#include "ports/notifier.h"
#include "ports/snapshot_source.h"

namespace ytb::fakes {

class FakeSource : public ports::SnapshotSource {
 public:
  explicit FakeSource(World& world) : world_(world) {}
  Result<std::vector<model::Snapshot>> list() override;
  Status verify(const model::Snapshot& snapshot, ports::Progress& progress, const StopFlag& stop) override;
  Result<std::optional<ports::SnapshotPoint>> point_of(const model::Snapshot&) override {
    return std::optional<ports::SnapshotPoint>();
  }
  Result<model::Snapshot> take(ports::Progress& progress, const StopFlag& stop) override;
  Result<std::vector<model::SnapshotId>> prune() override;

 protected:
  World& world_;
};

class FakeHost : public ports::CopyHost {
 public:
  explicit FakeHost(World& world) : world_(world) {}
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
  Result<ports::SessionTarget> session(const model::OwnedCopy& copy) override;
  Result<std::string> spool_directory(const model::OwnedCopy& copy) override;
  Status open(const model::OwnedCopy& copy, const model::PassedProof& proof,
              const std::vector<ports::AccessGrant>& grants, ports::Progress& progress) override;
  Status start(const model::OwnedCopy& copy) override;
  Status remove(const model::OwnedCopy& copy, const std::optional<model::Attempt>& tombstone,
                ports::Progress& progress) override;

 protected:
  // The copy as it is, where it is still what the caller saw; kBusy where it has moved on.
  Result<FakeCopy*> unchanged(const model::OwnedCopy& copy);
  World& world_;
};

class FakeEngine : public ports::Engine {
 public:
  explicit FakeEngine(World& world) : world_(world) {}
  Result<masking::Catalog> catalog(const ports::SessionTarget& target) override;
  Result<ports::MadeSince> made_since(const ports::SessionTarget&, const ports::SnapshotPoint&) override {
    return ports::MadeSince();
  }
  Result<ports::TakenSamples> sample(const ports::SessionTarget& target, const masking::Catalog& catalog,
                                     int rows_max) override;
  Result<std::vector<std::vector<std::optional<std::string>>>> rows(const ports::SessionTarget& target,
                                                                    std::string_view database,
                                                                    const masking::Table& table,
                                                                    int rows_max) override;
  Result<model::Evidence> defuse(const ports::SessionTarget& target,
                                 const std::vector<model::AccessRole>& access) override;
  Result<model::Evidence> mask(const ports::SessionTarget& target, const ports::MaskRequest& request,
                               ports::Progress& progress, const StopFlag& stop) override;
  Result<std::vector<std::string>> warm_up(const ports::SessionTarget& target,
                                           const ports::WarmUpRequest& request, ports::Progress& progress,
                                           const StopFlag& stop) override;
  Result<std::vector<model::Check>> verify(const ports::SessionTarget& target,
                                           const ports::VerifyRequest& request, ports::Progress& progress,
                                           const StopFlag& stop) override;

 protected:
  // The copy that the session leads into; a session into an earlier instance of the name is refused.
  Result<FakeCopy*> reach(const ports::SessionTarget& target);
  World& world_;
};

class FakeAliasStore : public ports::AliasStore {
 public:
  explicit FakeAliasStore(World& world) : world_(world) {}
  Result<model::AliasState> read() override;
  Status repoint(const model::PassedProof& proof, const model::Copy& copy) override;
  Status remove() override;

 protected:
  World& world_;
};

// History and notices may fail at any time without anybody noticing.
class FakeJournal final : public ports::Journal {
 public:
  explicit FakeJournal(World& world) : world_(world) {}
  Status append(const ports::JournalEntry& entry) override;
  Result<std::vector<ports::JournalEntry>> recent(const model::ProductionName&, int) override {
    return entries;
  }
  Status keep_proof(const model::ProductionName&, const model::CopyId& copy,
                    std::string_view envelope) override;
  Result<std::string> find_proof(const model::CopyId& copy) override { return proofs[copy]; }
  std::vector<ports::JournalEntry> entries;
  std::map<model::CopyId, std::string> proofs;

 private:
  World& world_;
};

class FakeNotifier final : public ports::Notifier {
 public:
  explicit FakeNotifier(World& world) : world_(world) {}
  Status tell(const ports::Notice& notice) override;
  std::vector<ports::Notice> told;

 private:
  World& world_;
};

}  // namespace ytb::fakes
