#include "drivers/rds/stack_look.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "drivers/rds/stack_names.h"

namespace ytb::rds {

using model::Phase;

namespace {

constexpr size_t kCopiesMax = 1000;
constexpr int kEventsMax = 500;
constexpr size_t kReasonsMax = 3;
constexpr std::string_view kStackIdTag = "aws:cloudformation:stack-id";

Server to_server(aws::DbInstance instance) {
  Server server{.id = std::move(instance.id),
                .arn = std::move(instance.arn),
                .resource_id = std::move(instance.resource_id),
                .status = instance.status,
                .own_status = std::move(instance.status),
                .master = std::move(instance.master_username),
                .retention_days = instance.backup_retention_days,
                .allocated_gib = instance.allocated_gib,
                .public_access = instance.publicly_accessible,
                .iam_authentication = instance.iam_authentication,
                .deletion_protection = instance.deletion_protection,
                .groups = std::move(instance.security_groups),
                .pending = std::move(instance.pending),
                .tags = std::move(instance.tags)};
  if (instance.endpoint) {
    server.address = instance.endpoint->address;
    server.port = instance.endpoint->port;
  }
  if (!instance.parameter_groups.empty()) server.parameter_group = instance.parameter_groups.front().id;
  return server;
}

Server to_server(aws::DbCluster cluster, const std::optional<aws::DbInstance>& writer) {
  Server server{.id = std::move(cluster.id),
                .arn = std::move(cluster.arn),
                .resource_id = std::move(cluster.resource_id),
                .status = cluster.status,
                .own_status = std::move(cluster.status),
                .master = std::move(cluster.master_username),
                .address = std::move(cluster.endpoint),
                .port = static_cast<int>(cluster.port),
                .retention_days = cluster.backup_retention_days,
                .iam_authentication = cluster.iam_authentication,
                .deletion_protection = cluster.deletion_protection,
                .parameter_group = std::move(cluster.parameter_group),
                .groups = std::move(cluster.security_groups),
                .pending = std::move(cluster.pending),
                .tags = std::move(cluster.tags)};
  server.public_access = writer && writer->publicly_accessible;
  if (server.status == "available") server.status = writer ? writer->status : "creating its writer";
  return server;
}

bool is_same(const Mark& a, const Mark& b) {
  return a.production == b.production && a.copy == b.copy && a.snapshot == b.snapshot &&
         a.attempt == b.attempt;
}

}  // namespace

StackStands stands(const std::string& status) {
  static const std::map<std::string, StackStands> kKnown = {
      {"CREATE_IN_PROGRESS", StackStands::kBusy},
      {"UPDATE_IN_PROGRESS", StackStands::kBusy},
      {"UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", StackStands::kBusy},
      {"UPDATE_ROLLBACK_IN_PROGRESS", StackStands::kBusy},
      {"UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", StackStands::kBusy},
      {"IMPORT_IN_PROGRESS", StackStands::kBusy},
      {"IMPORT_ROLLBACK_IN_PROGRESS", StackStands::kBusy},
      {"CREATE_COMPLETE", StackStands::kUsable},
      {"UPDATE_COMPLETE", StackStands::kUsable},
      {"UPDATE_ROLLBACK_COMPLETE", StackStands::kUsable},
      {"IMPORT_COMPLETE", StackStands::kUsable},
      {"IMPORT_ROLLBACK_COMPLETE", StackStands::kUsable},
      {"CREATE_FAILED", StackStands::kFailed},
      {"ROLLBACK_IN_PROGRESS", StackStands::kFailed},
      {"ROLLBACK_COMPLETE", StackStands::kFailed},
      {"ROLLBACK_FAILED", StackStands::kFailed},
      {"UPDATE_ROLLBACK_FAILED", StackStands::kRollbackFailed},
      {"DELETE_IN_PROGRESS", StackStands::kDeleting},
      {"DELETE_FAILED", StackStands::kDeleteFailed},
      {"DELETE_COMPLETE", StackStands::kGone},
  };
  auto found = kKnown.find(status);
  return found == kKnown.end() ? StackStands::kUnknown : found->second;
}

bool is_fatal(const std::string& status) {
  return status == "failed" || status.starts_with("incompatible-") ||
         status.starts_with("inaccessible-encryption-credentials") || status == "restore-error";
}

bool is_available(const std::string& status) { return status == "available"; }

namespace {

// IAM's own words: "User: arn:… is not authorized to perform: rds:RestoreDBInstanceFromDBSnapshot on
// resource: arn:aws:rds:eu-west-1:123456789012:snapshot:before-migration because no identity-based policy
// allows …". "" where it says nothing of such an action.
std::string_view denied_resource(std::string_view reason, std::string_view action) {
  constexpr std::string_view kDenied = "is not authorized to perform: ";
  constexpr std::string_view kOn = "on resource: ";
  const size_t denied = reason.find(kDenied);
  if (denied == std::string_view::npos) return {};
  reason.remove_prefix(denied + kDenied.size());
  if (!reason.starts_with(action)) return {};
  const size_t on = reason.find(kOn);
  if (on == std::string_view::npos) return {};
  reason.remove_prefix(on + kOn.size());
  return reason.substr(0, reason.find(' '));
}

bool is_snapshot(std::string_view resource) {
  return resource.find(":snapshot:") != std::string_view::npos ||
         resource.find(":cluster-snapshot:") != std::string_view::npos;
}

// "The specified KMS key [arn:…] does not exist, is not enabled or you do not have permissions to access it.
// (Service: Rds, …)"; over the wire with the code KMSKeyNotAccessibleFault.
bool denies_key(std::string_view reason) {
  if (reason.find("KMSKeyNotAccessible") != std::string_view::npos) return true;
  return reason.find("KMS key") != std::string_view::npos &&
         reason.find("not have permission") != std::string_view::npos;
}

}  // namespace

bool forbids_snapshot(std::string_view reason) {
  if (denies_key(reason)) return true;
  const std::string_view resource = denied_resource(reason, "rds:Restore");
  return is_snapshot(resource);
}

bool forbids_copying(std::string_view reason, std::string_view snapshot_arn, std::string_view our_key) {
  if (denies_key(reason)) return reason.find(our_key) == std::string_view::npos;
  return denied_resource(reason, "rds:Copy") == snapshot_arn;
}

bool is_settled(const std::string& status) {
  return is_available(status) || status == "storage-optimization";
}

bool is_up(const std::string& status) {
  // While the others of RDS's states last, it may or may not answer: their end is waited for.
  return is_settled(status) || status == "backing-up" || status == "resetting-master-credentials" ||
         status == "configuring-enhanced-monitoring" || status == "configuring-log-exports" ||
         status == "configuring-iam-database-auth" || status == "modifying" || status == "maintenance" ||
         status == "storage-config-upgrade" || status == "storage-initialization";
}

Seen StackLook::judge(std::string name, std::optional<aws::Stack> stack, std::optional<Server> server) const {
  Seen seen{.name = std::move(name)};
  std::optional<Mark> mark = stack ? mark_of(stack->tags) : std::nullopt;
  if (!stack) {
    seen.why = "there is no stack of its name";
  } else if (!mark) {
    seen.why = "its stack does not carry our mark";
  } else if (mark->production != production_) {
    seen.why = fmt::format("it is marked as of '{}'", printable(mark->production.str()));
  } else if (stack_name(production_, mark->copy) != seen.name) {
    seen.why = "its mark is another copy's";
  } else {
    seen.mark = *mark;
  }
  if (stack) seen.stack = *std::move(stack);
  if (seen.ours() && server) {
    std::optional<Mark> theirs = mark_of(server->tags);
    auto made_by = server->tags.find(std::string(kStackIdTag));
    bool is_its = theirs && is_same(*theirs, seen.mark) &&
                  (made_by == server->tags.end() || made_by->second == seen.stack.id);
    if (!is_its) return seen;  // a stack of ours whose server is somebody else's has none
  }
  seen.server = std::move(server);
  return seen;
}

Result<std::string> StackLook::reason(const aws::Stack& stack) {
  std::vector<std::string> reasons;
  int looked_at = 0;
  auto each = [&](const aws::StackEvent& event) -> Result<bool> {
    if (++looked_at > kEventsMax) return false;
    const bool is_stack = event.physical_id == stack.id;
    // What was done before the latest request to the stack is of no interest.
    if (is_stack && event.status_reason == "User Initiated") return false;
    const bool failed = event.status.ends_with("_FAILED") && !event.status_reason.empty();
    // What only fell with another one says so.
    const bool cancelled = event.status_reason.find("cancelled") != std::string::npos;
    if (failed && !is_stack && !cancelled) {
      reasons.push_back(fmt::format("{}: {}", event.logical_id, printable(event.status_reason)));
    }
    return true;
  };
  YTB_TRY(stacks_.describe_stack_events(stack.id, each));
  if (reasons.empty()) return printable(stack.status_reason);
  std::reverse(reasons.begin(), reasons.end());  // the first one is the cause
  if (reasons.size() > kReasonsMax) reasons.resize(kReasonsMax);
  return join(reasons, "; ");
}

Status StackLook::add_state(Seen& seen) {
  if (!seen.ours()) return {};
  const StackStands stand = stands(seen.stack.status);
  std::optional<State> tagged = seen.server ? state_of(seen.server->tags) : std::nullopt;
  if (!tagged || tagged->tries > 0 || tagged->phase == Phase::kFailed) {
    auto stored = store_.state(seen.stack.id);
    // A damaged record says as much as none; a bucket that does not answer says nothing.
    if (!stored.ok() && stored.error().code != Code::kCorrupt) return std::move(stored).error();
    const bool is_there = stored.ok() && stored->has_value();
    if (!tagged && is_there) {
      tagged = **stored;
    } else if (tagged && is_there) {
      tagged->message = (*stored)->message;
    }
  }
  seen.state = tagged.value_or(State{.phase = Phase::kRestoring, .since = seen.stack.created_at});
  State& state = seen.state;
  if (stand == StackStands::kDeleting || stand == StackStands::kDeleteFailed) {
    state.phase = Phase::kDeleting;
    return {};
  }
  const bool closed = state.phase < Phase::kLive;
  std::string dead;
  if (stand == StackStands::kFailed && closed) {
    YTB_ASSIGN(std::string why, reason(seen.stack));
    dead = fmt::format("its stack is {}: {}", seen.stack.status, why);
  } else if (seen.server && is_fatal(seen.server->status) && closed) {
    dead = fmt::format("its server is {}", printable(seen.server->status));
  }
  if (dead.empty()) return {};
  // Another attempt at the same snapshot may well succeed: capacity comes back, and attempts are counted. One
  // that the role may not restore is passed over for an older one.
  const bool forbidden = forbids_snapshot(dead);
  seen.failed_by_itself = state.phase != Phase::kFailed;
  state.phase = Phase::kFailed;
  state.message = std::move(dead);
  state.code = forbidden ? Code::kForbidden : Code::kExternal;
  state.retry = forbidden ? Retry::kNever : Retry::kLater;
  return {};
}

Result<std::optional<Server>> StackLook::server(const std::string& name) {
  if (!aurora_) {
    YTB_ASSIGN(std::optional<aws::DbInstance> instance, rds_.describe_db_instance(name));
    if (!instance) return std::optional<Server>();
    return std::optional<Server>(to_server(*std::move(instance)));
  }
  YTB_ASSIGN(std::optional<aws::DbCluster> cluster, rds_.describe_db_cluster(name));
  if (!cluster) return std::optional<Server>();
  YTB_ASSIGN(std::optional<aws::DbInstance> writer, rds_.describe_db_instance(writer_name(name)));
  return std::optional<Server>(to_server(*std::move(cluster), writer));
}

Result<std::optional<Seen>> StackLook::glance(const std::string& name) {
  YTB_ASSIGN(std::optional<aws::Stack> stack, stacks_.describe_stack(name));
  if (stack && stands(stack->status) == StackStands::kGone) stack.reset();
  YTB_ASSIGN(std::optional<Server> found, server(name));
  if (!stack && !found) return std::optional<Seen>();
  return std::optional<Seen>(judge(name, std::move(stack), std::move(found)));
}

Result<std::optional<Seen>> StackLook::one(const model::CopyId& copy) {
  if (!model::is_copy_name(production_, copy.str())) return std::optional<Seen>();
  YTB_ASSIGN(std::optional<Seen> seen, glance(stack_name(production_, copy)));
  if (seen) YTB_TRY(add_state(*seen));
  return seen;
}

Result<std::vector<Seen>> StackLook::all() {
  const std::string prefix = name_prefix(production_);
  std::map<std::string, std::optional<aws::Stack>> stacks;
  std::map<std::string, aws::DbInstance> instances;
  std::map<std::string, Server> servers;
  auto full = [&](size_t size) -> Status {
    if (size < kCopiesMax) return {};
    return Error{.code = Code::kExternal,
                 .message = fmt::format("there are more than {} things called {}…", kCopiesMax, prefix),
                 .hint = "look what makes them"};
  };
  YTB_TRY(stacks_.describe_stacks(prefix, [&](aws::Stack stack) -> Status {
    if (stands(stack.status) == StackStands::kGone) return {};
    std::string name = stack.name;
    stacks[std::move(name)] = std::move(stack);
    return full(stacks.size());
  }));
  YTB_TRY(rds_.describe_db_instances(prefix, [&](aws::DbInstance instance) -> Status {
    std::string name = instance.id;
    instances[std::move(name)] = std::move(instance);
    return full(instances.size());
  }));
  if (aurora_) {
    YTB_TRY(rds_.describe_db_clusters(prefix, [&](aws::DbCluster cluster) -> Status {
      std::string name = cluster.id;
      auto writer = instances.find(writer_name(name));
      servers[name] = to_server(std::move(cluster), writer == instances.end()
                                                        ? std::optional<aws::DbInstance>()
                                                        : std::optional<aws::DbInstance>(writer->second));
      return full(servers.size());
    }));
  } else {
    for (auto& [name, instance] : instances) servers[name] = to_server(std::move(instance));
  }
  for (const auto& [name, unused] : servers) stacks.try_emplace(name);
  std::vector<Seen> found;
  for (auto& [name, stack] : stacks) {
    auto server = servers.find(name);
    found.push_back(judge(name, std::move(stack),
                          server == servers.end() ? std::nullopt : std::optional<Server>(server->second)));
    YTB_TRY(add_state(found.back()));
  }
  return found;
}

}  // namespace ytb::rds
