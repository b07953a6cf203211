// CloudFormation: stacks of the resources in cfn_resources.h, with the states, events, rollbacks,
// replacements and policies that AWS has. A stack's work is a queue of steps; pump() does what can be done
// and comes again.
#pragma once

#include <deque>
#include <memory>

#include "tests/fakes/aws/cfn_resources.h"
#include "tests/fakes/aws/cfn_template.h"
#include "tests/fakes/aws/world.h"

namespace ytb::fakes::aws {

class CloudFormation final : public Service {
 public:
  explicit CloudFormation(World& world);
  CloudFormation(const CloudFormation&) = delete;
  CloudFormation& operator=(const CloudFormation&) = delete;
  ~CloudFormation() override;
  // The next creation of a resource of this type fails with the reason, once begun.
  void fail_next(const std::string& type, const std::string& reason) { failing_[type].push_back(reason); }
  // The next change of one, by an update or by its undoing, before anything of it is done.
  void fail_next_change(const std::string& type, const std::string& reason) {
    failing_changes_[type].push_back(reason);
  }
  // The truth: "" where there is no stack of the name.
  [[nodiscard]] std::string status(const std::string& name) const;

 private:
  struct Step {
    std::string logical, verb;           // verb: CREATE, UPDATE, DELETE
    std::function<Stages(Step&)> begin;  // may change `verb`; "" says that there is nothing to tell
    ResourcePtr resource;
    Stages left;
    bool begun = false;
  };
  struct Undo {
    ResourcePtr made;    // null where an existing one was modified
    ResourcePtr before;  // null where it is new
    json tried;          // properties of a modified one, as the update wanted them
  };
  struct Stack {
    std::string id, name, status, reason;
    StackTemplate source, next_source;
    Parameters parameters, next_parameters;
    Tags tags, next_tags;
    json outputs = json::array();
    json policy;
    std::string role_arn, token;
    std::map<std::string, std::string> tokens;  // all that came, by the operation they came with
    bool disable_rollback = false, protected_ = false;
    std::string on_failure;
    std::map<std::string, ResourcePtr> resources;
    std::vector<json> events;  // oldest first
    std::deque<Step> steps;
    std::vector<ResourcePtr> cleanup;  // replaced or removed
    std::vector<Undo> undo;
    Instant created;
    std::optional<Instant> updated, deleted;
    uint64_t generation = 0;  // work of an earlier operation stops
  };
  using StackPtr = std::shared_ptr<Stack>;

  // Operations.
  json create(Call& call);
  json update(Call& call);
  json remove(Call& call);
  json continue_rollback(Call& call);
  // Whether this very request came before: it is answered and not done. Refuses another operation's token.
  static bool is_repeat(Stack& stack, const Call& call);
  json describe(Call& call);
  json describe_events(Call& call);
  json describe_resources(Call& call);
  json list(Call& call);
  void add_small_operations();
  StackPtr stack_named(const std::string& name, bool deleted_too = false);
  [[nodiscard]] json view(const Stack& stack) const;
  void check_tags(const json& tags) const;

  // The engine.
  void pump(const StackPtr& stack, uint64_t generation, Duration wait);
  bool run_step(const StackPtr& stack, Step& step);
  void fail(const StackPtr& stack, const std::string& reason);
  void finish(const StackPtr& stack);
  void begin_work(const StackPtr& stack, const std::string& status, const std::string& reason = "");
  void set_status(const StackPtr& stack, const std::string& status, const std::string& reason = "");
  void event(Stack& stack, const std::string& logical, const std::string& physical, const std::string& type,
             const std::string& status, const std::string& reason);
  void resource_event(Stack& stack, StackResource& resource, const std::string& status,
                      const std::string& reason = "");
  Step create_step(const StackPtr& stack, const std::string& logical);
  Step update_step(const StackPtr& stack, const std::string& logical);
  Step remove_step(const StackPtr& stack, const ResourcePtr& resource, const std::string& policy);
  void fail_if_planned(const std::string& type);
  Stages begin_update(const StackPtr& stack, const std::string& logical, Step& step);
  void queue_cleanup(const StackPtr& stack);
  void queue_rollback(const StackPtr& stack);
  ResourcePtr new_resource(const StackPtr& stack, const StackTemplate& source, const std::string& logical,
                           const json& properties, const Tags& tags);
  ResolveScope scope_of(const StackPtr& stack, const Parameters& parameters);
  json outputs_of(const StackPtr& stack, const StackTemplate& source, const Parameters& parameters);
  void check_policy(const Stack& stack, const std::string& logical, const std::string& type,
                    const std::string& action) const;
  Tags resource_tags(const Stack& stack, const Tags& tags, const std::string& logical) const;

  World& world_;
  StackResources kinds_;
  std::vector<StackPtr> stacks_;  // deleted ones too
  Shelf shown_;
  std::map<std::string, std::deque<std::string>> failing_, failing_changes_;
};

}  // namespace ytb::fakes::aws
