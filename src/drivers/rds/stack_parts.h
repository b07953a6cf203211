// StackHost's parts: what its files share. For them only; each has one matter:
// stack_host.cc (looking), stack_record.cc, stack_restore.cc, stack_take_over.cc, stack_open.cc,
// stack_remove.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/rds/stack_host.h"
#include "drivers/rds/stack_look.h"
#include "drivers/rds/stack_snapshot.h"
#include "drivers/rds/stack_store.h"
#include "drivers/rds/stack_wait.h"

namespace ytb::rds {

struct StackHost::Parts {
  Parts(StackOptions given, StackServices with);

  StackOptions options;
  StackServices services;
  StackStore store;
  StackLook look;
  SnapshotCopies snapshots;

  [[nodiscard]] bool aurora() const { return options.kind == Kind::kAurora; }
  // Days: what AWS allows least.
  [[nodiscard]] int retention_days() const { return aurora() ? 1 : 0; }
  // The groups of a copy: closed, and open.
  [[nodiscard]] std::vector<std::string> groups(bool open) const;
  [[nodiscard]] Status check_options() const;
  [[nodiscard]] std::string spool_of(const std::string& name) const;

  // A copy of ours as it is now. kRefused where there is none.
  Result<Seen> find(const model::CopyId& copy);
  // The same with its server, whose resource id names it.
  Result<Seen> find_server(const model::CopyId& copy);
  // The same by the stack's name, without what is recorded of it: for waiting. Later where it is not shown.
  Result<Seen> look_again(const std::string& name);
  // One that may be changed: its phase is still the one that the caller has decided about, else kBusy.
  Result<Seen> hold(const model::OwnedCopy& copy);
  // Writes it where it belongs: the instance's tags; S3 as long as there is none, and for the message.
  Status save(const Seen& seen, const State& state);
  // Of its server: none yet is an empty one. Lines that are there are not added again.
  Result<model::Evidence> evidence_of(const Seen& seen);
  Status add_evidence(const Seen& seen, model::Evidence more);
  [[nodiscard]] model::Copy to_copy(const Seen& seen) const;
  // Whether the envelope is a passing proof of ours of this very server.
  [[nodiscard]] Status verify(const Seen& seen, const std::string& envelope) const;
  // kProof unless a passing envelope of ours that names this very server lies in S3.
  Status check_proof(const Seen& seen);
  // How its master is reached over verified TLS.
  [[nodiscard]] ports::SessionTarget target(const Seen& seen) const;

  // Password and retention set, our mark inside, and the password the only way in: as it is shown then.
  Result<Seen> take_over(Seen seen, ports::Progress& progress, const StackWait& wait);
  // Whether it was a run of ours that switched IAM authentication on, and did not come to switch it off.
  Result<bool> is_iam_ours(const Seen& seen);
  Status restore(const ports::RestoreRequest& request, ports::Progress& progress, const StopFlag& stop);
  Status open(const model::OwnedCopy& copy, const model::PassedProof& proof,
              const std::vector<ports::AccessGrant>& grants, ports::Progress& progress);
  Status remove(const model::OwnedCopy& copy, const std::optional<model::Attempt>& tombstone,
                ports::Progress& progress);
  // Snapshots that were copied for a copy which has no stack.
  Result<std::vector<aws::DbSnapshot>> leftovers();
};

Error not_ours(std::string_view name, std::string_view why);
Error not_restored(const model::CopyId& copy, std::string_view why);
// Whether the server has exactly these security groups, and all of them in force.
bool has_groups(const Server& server, const std::vector<std::string>& groups);

}  // namespace ytb::rds
