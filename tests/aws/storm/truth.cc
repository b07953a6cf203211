// What must be true of the world, whatever our drivers believe.
#include <fmt/format.h>

#include <algorithm>

#include "aws/storm/world.h"
#include "fakes/aws/small_services.h"

namespace ytb::storm {

using fakes::FakeCopy;
using nlohmann::json;

namespace {

constexpr const char* kBucket = "proofs";
constexpr const char* kStagingGroup = "sg-staging";

bool has_staging_group(const json& instance) {
  for (const json& group : instance.value("VpcSecurityGroups", json::array())) {
    if (group.value("VpcSecurityGroupId", "") == kStagingGroup) return true;
  }
  return false;
}

std::string proof_key(const std::string& resource_id) {
  return fmt::format("yesterdaytabase/shop/instances/{}/proof.json", resource_id);
}

}  // namespace

void StormWorld::check(int copies_max) {
  check_production();
  check_calls();
  const std::vector<std::string> copies = our_copies();
  for (const std::string& name : copies) check_copy(name);
  check_alias();
  if (copies.size() > static_cast<size_t>(copies_max))
    mind.violate("no_litter", fmt::format("{} copies, {} allowed", copies.size(), copies_max));
}

void StormWorld::check_production() {
  if (cloud.instance("shop") != production_) mind.violate("hands_off", "production was changed");
  for (const std::string& id : foreign_) {
    const bool was_stack = id.starts_with("shop-yesterday-") && cloud.instance(id).empty();
    const bool gone = was_stack ? !cloud.stack_status(id).ends_with("CREATE_COMPLETE") &&
                                      !cloud.stack_status(id).ends_with("CREATE_IN_PROGRESS")
                                : cloud.instance(id).empty();
    if (gone) mind.violate("hands_off", fmt::format("{} is not ours and was changed", id));
  }
  if (cloud.dns_values("www.mysite.com", "A") != std::vector<std::string>{"192.0.2.1"})
    mind.violate("hands_off", "another record was changed");
}

void StormWorld::check_calls() {
  const std::vector<fakes::aws::RecordedCall> fresh = cloud.calls(calls_seen_);
  calls_seen_ += fresh.size();
  for (const auto& call : fresh) {
    const bool ours = call.principal.ends_with("user/tester") ||
                      call.principal.starts_with("cloudformation.amazonaws.com/shop-yesterday-");
    if (call.mutating && ours) check_call(call);
  }
}

void StormWorld::check_call(const fakes::aws::RecordedCall& call) {
  const size_t colon = call.target.find(':');
  const std::string kind = call.target.substr(0, colon);
  const std::string name = colon == std::string::npos ? "" : call.target.substr(colon + 1);
  if (call.operation == "CreateStack" && call.error.empty()) {
    std::string snapshot;
    for (const json& parameter : parse_json(call.input).value("Parameters", json::array())) {
      if (parameter.value("ParameterKey", "") == "Snapshot") snapshot = parameter.value("ParameterValue", "");
    }
    auto as_of = snapshots.find(snapshot);
    const int attempt = std::stoi(name.substr(name.rfind('-') + 1));
    if (as_of == snapshots.end() ||
        name != model::copy_id(model::ProductionName("shop"), as_of->second, attempt).str()) {
      mind.violate("names", fmt::format("{} was made of {}", name, snapshot));
    }
    ours_.insert(name);
    snapshot_of_[name] = snapshot;
    return;
  }
  if (call.operation == "RestoreDBInstanceFromDBSnapshot" && call.error.empty() && ++restored_[name] > 1)
    mind.violate("names", fmt::format("{} was restored again", name));
  if (call.operation == "ModifyDBInstance" && call.error.empty() && call.principal.ends_with("user/tester"))
    passwords_set_.insert(name);
  if (call.operation == "DeleteDBInstance" && call.error.empty()) passwords_set_.erase(name);
  if (name == "shop" || snapshots.contains(name))
    mind.violate("hands_off", fmt::format("{} of {}", call.operation, call.target));
  if ((kind == "db" || kind == "stack") && call.error.empty()) {
    // Stacks may be named by their id.
    const bool known = std::any_of(ours_.begin(), ours_.end(), [&](const std::string& our) {
      return name == our || name.find(":stack/" + our + "/") != std::string::npos;
    });
    if (!known) mind.violate("hands_off", fmt::format("{} of {}", call.operation, call.target));
  }
}

// Closed until it is proven; and what staging can reach is masked, and leaves no raw backup behind.
void StormWorld::check_copy(const std::string& name) {
  const json there = instance(name);
  if (there.is_null() || there.value("DBInstanceStatus", "") == "deleting") return;
  const std::string id = there["DbiResourceId"];
  const FakeCopy& inside = database(id);
  if (!has_staging_group(there) && !inside.record.opened) return;
  std::optional<std::string> envelope = cloud.s3().get(kBucket, proof_key(id));
  if (!envelope || !model::PassedProof::verify(*envelope, mind.public_key, model::CopyId(name), id).ok()) {
    mind.violate("closed_door", fmt::format("{} is open without a proof", name));
  }
  if (!inside.defused || (!mind.masking_none && inside.masked_with.size() != 2))
    mind.violate("closed_door", fmt::format("{} is open and raw", name));
  if (there.value("BackupRetentionPeriod", -1) != 0)
    mind.violate("closed_door", fmt::format("{} is open and its raw backups are kept", name));
  if (there.value("PubliclyAccessible", true))
    mind.violate("closed_door", fmt::format("{} can be reached from everywhere", name));
}

void StormWorld::watch_the_name() {
  if (alias_worked_ && alias_target().empty()) mind.violate("no_gap", "the name leads nowhere");
}

void StormWorld::check_alias() {
  const std::string host = alias_target();
  if (host.empty()) {
    if (alias_worked_) mind.violate("no_gap", "the name leads nowhere");
    return;
  }
  alias_worked_ = true;
  const std::string name = host.substr(0, host.find('.'));
  const json there = instance(name);
  const bool serves =
      !there.is_null() && there["DBInstanceStatus"] != "deleting" && there["DBInstanceStatus"] != "creating";
  if (!serves) {
    mind.violate("no_gap", fmt::format("the name leads to {}, which is gone", name));
  } else if (!has_staging_group(there) || !database(there["DbiResourceId"]).record.opened) {
    mind.violate("closed_door", fmt::format("the name leads to {}, which is closed", name));
  }
}

std::vector<std::string> StormWorld::problems(const std::string& newest, int spares) {
  std::vector<std::string> found;
  const std::string host = alias_target();
  const std::string live = host.substr(0, host.find('.'));
  if (live.empty() || snapshot_of_[live] != newest)
    found.push_back(fmt::format("the name leads to '{}', not to a copy of {}", live, newest));
  int others = 0;
  std::set<std::string> ids;
  for (const std::string& name : our_copies()) {
    const json there = instance(name);
    if (!there.is_null()) ids.insert(there["DbiResourceId"].get<std::string>());
    std::string phase;
    if (!there.is_null()) {
      for (const json& tag : there["TagList"]) {
        if (tag["Key"] == "yesterdaytabase:phase") phase = tag["Value"];
      }
    }
    const bool wanted = name == live ? phase == "live" : phase == "spare" && ++others <= spares;
    if (!wanted) found.push_back(fmt::format("{} is left, {}", name, phase));
  }
  for (const std::string& key : cloud.s3().keys(kBucket)) {
    const bool of_copy = key.find("/stacks/") != std::string::npos || key.ends_with("/evidence.json");
    const bool wanted = std::any_of(ids.begin(), ids.end(), [&](const std::string& id) {
      return key.find("/" + id + "/") != std::string::npos;
    });
    const std::vector<std::string> copies = our_copies();
    const bool of_there = std::any_of(copies.begin(), copies.end(), [&](const std::string& name) {
      return key.find("/stacks/" + name + "/") != std::string::npos;
    });
    if (of_copy && !wanted && !of_there) found.push_back(key + " is left");
  }
  return found;
}

}  // namespace ytb::storm
