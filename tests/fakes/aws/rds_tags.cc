#include <fmt/format.h>
#include <re2/re2.h>

#include "base/text.h"
#include "tests/fakes/aws/rds.h"

namespace ytb::fakes::aws {
namespace {

constexpr size_t kTagsMax = 50;
constexpr size_t kKeyMax = 128;
constexpr size_t kValueMax = 256;

}  // namespace

void Rds::check_tags(const Call& call, const json& tags) {
  bool by_stack = call.who.arn.rfind("cloudformation.amazonaws.com/", 0) == 0;
  static const RE2 kAlphabet(R"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)");
  std::map<std::string, int> seen;
  for (const json& tag : tags) {
    std::string key = tag.value("Key", "");
    std::string value = tag.value("Value", "");
    if (key.empty() || key.size() > kKeyMax || value.size() > kValueMax || !RE2::FullMatch(key, kAlphabet) ||
        !RE2::FullMatch(value, kAlphabet)) {
      refuse("InvalidParameterValue", fmt::format("invalid tag '{}': '{}'", key, value));
    }
    if (!by_stack && to_lower_ascii(key).rfind("aws:", 0) == 0) {
      refuse("InvalidParameterValue", "tag keys starting with 'aws:' are reserved for system use");
    }
    if (++seen[key] > 1) refuse("InvalidParameterValue", "the tag '" + key + "' is given twice");
  }
  if (tags.size() > kTagsMax) refuse("InvalidParameterValue", "more than 50 tags");
}

json& Rds::tagged(Call& call, std::string& kind, std::string& name) {
  std::string arn = call.text("ResourceName");
  std::string own = world_.arn("rds", "");
  size_t colon = arn.find(':', own.size());
  if (arn.rfind(own, 0) != 0 || colon == std::string::npos) {
    refuse("InvalidParameterValue", "Invalid resource name: " + arn);
  }
  kind = arn.substr(own.size(), colon - own.size());
  name = arn.substr(colon + 1);
  call.target = kind + ":" + name;
  json* found = nullptr;
  if (kind == "snapshot") found = snapshots_.find(name);
  if (kind == "db") found = instances_.find(name);
  if (kind == "cluster") found = clusters_.find(name);
  if (found != nullptr) return *found;
  if (kind == "cluster") refuse("DBClusterNotFoundFault", "DBCluster " + name + " not found.", 404);
  if (kind == "snapshot") refuse("DBSnapshotNotFoundFault", "DBSnapshot " + name + " not found.");
  if (kind == "db") refuse("DBInstanceNotFoundFault", "DBInstance " + name + " not found.");
  refuse("InvalidParameterValue", "the fake AWS has no tags on " + kind);
}

void Rds::blur(const std::string& kind, const std::string& id) {
  json* thing = kind == "db"        ? instances_.find(id)
                : kind == "cluster" ? clusters_.find(id)
                                    : snapshots_.find(id);
  if (thing == nullptr) return;
  for (const char* field :
       {"EngineVersion", "MasterUsername", "StorageEncrypted", "Encrypted", "AllocatedStorage",
        "IAMDatabaseAuthenticationEnabled", "BackupRetentionPeriod", "DeletionProtection"})
    thing->erase(field);
}

void Rds::add_tag_operations() {
  on("ListTagsForResource", [this](Call& call) {
    std::string kind, name;
    return json{{"TagList", tagged(call, kind, name).value("TagList", json::array())}};
  });
  on("AddTagsToResource", [this](Call& call) {
    std::string kind, name;
    json& thing = tagged(call, kind, name);
    check_tags(call, call.input["Tags"]);
    Tags tags = tags_from_json(thing.value("TagList", json::array()));
    for (const json& tag : call.input["Tags"]) tags[tag["Key"]] = tag.value("Value", "");
    if (tags.size() > kTagsMax) refuse("InvalidParameterValue", "more than 50 tags");
    thing["TagList"] = tags_to_json(tags);
    return json::object();
  });
  on("RemoveTagsFromResource", [this](Call& call) {
    std::string kind, name;
    json& thing = tagged(call, kind, name);
    Tags tags = tags_from_json(thing.value("TagList", json::array()));
    for (const json& key : call.input["TagKeys"]) tags.erase(key.get<std::string>());
    thing["TagList"] = tags_to_json(tags);
    return json::object();
  });
}

}  // namespace ytb::fakes::aws
