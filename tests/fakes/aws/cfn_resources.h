// The resource types that stacks may hold: what creating, changing and deleting one does, in stages.
//
// A stage is polled: true when it is over, false to be asked again later, a Refusal when it failed.
// Everything is done through the services' own operations, on the stack's behalf, so that it is recorded like
// any call.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "tests/fakes/aws/world.h"

namespace ytb::fakes::aws {

struct StackResource {
  std::string logical, type;
  std::string physical;  // "" until something was made
  json properties = json::object();
  Tags tags;  // the stack's, and CloudFormation's own
  std::string deletion_policy, update_replace_policy;
  std::string status, reason;
  Instant changed;
};
using ResourcePtr = std::shared_ptr<StackResource>;
using Stages = std::deque<std::function<bool()>>;

class StackResources {
 public:
  explicit StackResources(World& world) : world_(world) {}
  // Refuses types that are not known here.
  static void check_type(const std::string& type);
  Stages create(const ResourcePtr& resource, const std::string& stack);
  Stages modify(const ResourcePtr& resource, const json& properties, const Tags& tags,
                const std::string& stack);
  // Not there any more is fine. `policy`: Delete or Snapshot.
  Stages remove(const ResourcePtr& resource, const std::string& policy, const std::string& stack);
  static bool replaces(const std::string& type, const json& before, const json& after);
  json attribute(const StackResource& resource, const std::string& name);
  // The deletion policy where the template says none.
  static std::string default_policy(const std::string& type);

 private:
  bool instance_ready(const std::string& id);
  json instance_input(const StackResource& resource, bool restore) const;
  Stages create_instance(const ResourcePtr& resource, const std::string& stack);
  void add_provisioned_storage(const std::string& id, const json& properties, json& change);
  Stages modify_instance(const ResourcePtr& resource, const json& properties, const std::string& stack);
  // cfn_cluster.cc
  bool cluster_ready(const std::string& id);
  Stages create_cluster(const ResourcePtr& resource, const std::string& stack);
  Stages modify_cluster(const ResourcePtr& resource, const json& properties, const std::string& stack);
  Stages remove_cluster(const StackResource& resource, const std::string& stack);
  Stages create_group(const ResourcePtr& resource, const std::string& stack);
  Stages change_record(const ResourcePtr& resource, const json& properties, const std::string& action,
                       const std::string& stack);
  std::string zone_of(const json& properties);
  World& world_;
};

}  // namespace ytb::fakes::aws
