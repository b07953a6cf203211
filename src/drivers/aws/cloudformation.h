// CloudFormation: the calls (API 2010-05-15) that make, change, watch and delete one stack a copy.
//
// "No updates are to be performed" and "does not exist" come as ValidationError: here they are outcomes.
// Stacks that were deleted are found by their id only. Thread-safe as its Caller is.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "drivers/aws/caller.h"

namespace ytb::aws {

struct Stack {
  std::string id;  // its ARN
  std::string name;
  std::string status;  // "CREATE_COMPLETE"
  std::string status_reason;
  Instant created_at;
  std::optional<Instant> updated_at;
  std::optional<Instant> deleted_at;
  std::map<std::string, std::string> parameters;
  std::map<std::string, std::string> outputs;
  std::map<std::string, std::string> tags;
  std::string role_arn;
  bool termination_protection = false;
};

struct StackEvent {
  std::string id;
  std::string stack_id;
  std::string logical_id;
  std::string physical_id;
  std::string resource_type;
  Instant at;
  std::string status;
  std::string status_reason;
  std::string client_token;
};

struct StackResource {
  std::string logical_id;
  std::string physical_id;  // "" before it is made
  std::string type;         // "AWS::RDS::DBInstance"
  std::string status;
  std::string status_reason;
};

struct StackSummary {
  std::string id;
  std::string name;
  std::string status;
  std::string status_reason;
  Instant created_at;
  std::optional<Instant> deleted_at;
};

struct CreateStack {
  std::string name;
  std::string template_body;
  std::map<std::string, std::string> parameters = {};
  std::map<std::string, std::string> tags = {};
  std::string stack_policy = {};  // JSON
  std::string role_arn = {};
  std::string client_token = {};  // the same for every try of the same creation
  std::string on_failure = {};    // DO_NOTHING, ROLLBACK, DELETE; "": ROLLBACK
  std::optional<int> timeout_min = {};
};

// With the previous template, unless there is a body.
struct UpdateStack {
  std::string name;
  std::string template_body = {};
  std::map<std::string, std::string> parameters = {};  // new values
  std::vector<std::string> previous_parameters = {};   // names that keep theirs
  std::map<std::string, std::string> tags = {};        // empty: as they are
  std::string stack_policy = {};
  std::string role_arn = {};
  std::string client_token = {};
};

struct CreateOutcome {
  enum class Kind { kStarted, kAlreadyThere } kind = Kind::kStarted;
  std::string stack_id;  // of a started one
};
struct UpdateOutcome {
  enum class Kind { kStarted, kNothingToDo, kNotThere } kind = Kind::kStarted;
  std::string stack_id;
};

class CloudFormation {
 public:
  explicit CloudFormation(Caller& caller) : caller_(caller) {}

  template <typename T>
  using Each = std::function<Status(T)>;

  Result<CreateOutcome> create_stack(const CreateStack& create);
  Result<UpdateOutcome> update_stack(const UpdateStack& update);
  // By name or id. A stack that is not there is success, as CloudFormation has it.
  Status delete_stack(const std::string& name, const std::string& client_token = "",
                      const std::string& role_arn = "");
  // Only from UPDATE_ROLLBACK_FAILED. A token that was used is success: it was asked for already.
  Status continue_update_rollback(const std::string& name, const std::string& client_token = "",
                                  const std::string& role_arn = "");
  Status set_stack_policy(const std::string& name, const std::string& policy_json);

  // None: there is no such stack (a deleted one is not found by name).
  Result<std::optional<Stack>> describe_stack(const std::string& name);
  // Those whose names begin with `prefix`, page by page; others are passed over unread. Deleted ones are not
  // among them.
  Status describe_stacks(const std::string& prefix, const Each<Stack>& each);
  // Newest first; `each` returns false to stop. A stack that is not there is an empty walk.
  Status describe_stack_events(const std::string& name, const std::function<Result<bool>(StackEvent)>& each);
  // None: there is no such stack.
  Result<std::optional<std::vector<StackResource>>> describe_stack_resources(const std::string& name);
  Result<std::optional<std::string>> get_template(const std::string& name);
  // Deleted ones (of 90 days) included, unless `statuses` says which are wanted.
  Status list_stacks(const std::vector<std::string>& statuses, const Each<StackSummary>& each);

 private:
  Caller& caller_;
};

}  // namespace ytb::aws
