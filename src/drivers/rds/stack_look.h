// StackLook: what is there of a copy, seen from the outside: its stack, its instance or cluster, its tags.
//
// Only reads. A copy is ours where its stack carries our mark, whole, of this production, and has the name
// that the mark gives it; its server is that stack's where it carries the same mark. What has the name
// without being ours is found, too, and said to be a stranger.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/aws/cloudformation.h"
#include "drivers/aws/rds.h"
#include "drivers/rds/stack_store.h"
#include "drivers/rds/stack_tags.h"
#include "model/copy.h"

namespace ytb::rds {

// An RDS instance, or an Aurora cluster with its writer: what they have in common.
struct Server {
  std::string id = {};
  std::string arn = {};
  std::string resource_id = {};
  std::string status = {};      // a cluster's, then its writer's: "available" where both are
  std::string own_status = {};  // without the writer's: what a modify of it depends on
  std::string master = {};
  std::string address = {};  // "" until it has one
  int port = 0;
  int retention_days = 0;
  int64_t allocated_gib = 0;  // 0: a cluster's, which has no limit of ours
  bool public_access = false;
  bool iam_authentication = false;
  bool deletion_protection = false;
  std::string parameter_group = {};
  std::vector<aws::GroupState> groups = {};
  std::vector<std::string> pending = {};  // changes that are not done yet
  Tags tags = {};
};

struct Seen {
  std::string name = {};  // of stack_names.h
  std::string why = {};   // not ours, because …; "" where it is
  Mark mark = {};         // where it is ours
  aws::Stack stack = {};  // empty where there is a server only
  std::optional<Server> server = {};
  State state = {};
  bool failed_by_itself = false;  // stack or server say so; nobody has recorded when
  [[nodiscard]] bool ours() const { return why.empty(); }
};

// How a stack stands; exact, for "…COMPLETE" is said of failures, too.
enum class StackStands {
  kBusy,            // *_IN_PROGRESS: wait
  kUsable,          // may be updated
  kFailed,          // its creation failed: delete it
  kRollbackFailed,  // UPDATE_ROLLBACK_FAILED: continue the rollback
  kDeleting,
  kDeleteFailed,
  kGone,
  kUnknown,  // a status that is not known here
};
StackStands stands(const std::string& status);
// Never comes back by itself: the copy is of no use.
bool is_fatal(const std::string& server_status);
// Takes sessions, as far as RDS knows.
bool is_up(const std::string& server_status);
// Nothing is being changed but the volume underneath: what Describe shows is what is, and RDS takes any
// change but one of the volume.
bool is_settled(const std::string& server_status);
// The one status that CloudFormation waits for, and in which RDS takes a change of anything.
bool is_available(const std::string& server_status);

// Whether a stack failed because it may not restore from this snapshot, or not use its key: another one may
// do.
bool forbids_snapshot(std::string_view reason);
// The same of the copying of a snapshot under `our_key`. That our own copy may not be made, or our own key
// not be used, is not the snapshot's fault: the next one would fail alike.
bool forbids_copying(std::string_view reason, std::string_view snapshot_arn, std::string_view our_key);
inline constexpr std::string_view kForbiddenHint =
    "an older snapshot is taken; allow the role this one (FurtherSnapshots; where it is the key, in the "
    "key's "
    "own policy), or leave such ones out with source.snapshots";

class StackLook {
 public:
  // All outlive it.
  StackLook(aws::Rds& rds, aws::CloudFormation& stacks, StackStore& store, model::ProductionName production,
            bool aurora)
      : rds_(rds), stacks_(stacks), store_(store), production_(std::move(production)), aurora_(aurora) {}

  // Everything with a name of ours. Two or three walks, and a look into S3 for what has failed.
  Result<std::vector<Seen>> all();
  // None: neither stack nor server.
  Result<std::optional<Seen>> one(const model::CopyId& copy);
  // The same without what is recorded of it: cheap, for waiting.
  Result<std::optional<Seen>> glance(const std::string& name);
  Result<std::optional<Server>> server(const std::string& name);
  // Why the stack's latest work failed, from its events; "" where they do not say.
  Result<std::string> reason(const aws::Stack& stack);

 private:
  Seen judge(std::string name, std::optional<aws::Stack> stack, std::optional<Server> server) const;
  Status add_state(Seen& seen);

  aws::Rds& rds_;
  aws::CloudFormation& stacks_;
  StackStore& store_;
  model::ProductionName production_;
  bool aurora_;
};

}  // namespace ytb::rds
