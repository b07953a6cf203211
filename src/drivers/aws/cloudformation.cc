#include "drivers/aws/cloudformation.h"

#include <utility>

#include "drivers/aws/query.h"

namespace ytb::aws {
namespace {

Params cloudformation(const std::string& action, Effect effect) {
  return {Service::kCloudFormation, action, effect};
}

constexpr const char* kTokenUsed = "TokenAlreadyExistsException";
// CloudFormation says both with the code ValidationError; these are its sentences.
constexpr const char* kValidation = "ValidationError";
constexpr const char* kNoUpdates = "No updates are to be performed";
constexpr const char* kNotThere = "does not exist";

Stack read_stack(const Fields& fields) {
  return {.id = fields.text("StackId"),
          .name = fields.text("StackName"),
          .status = fields.text("StackStatus"),
          .status_reason = fields.text_if("StackStatusReason"),
          .created_at = fields.instant("CreationTime"),
          .updated_at = fields.instant_if("LastUpdatedTime"),
          .deleted_at = fields.instant_if("DeletionTime"),
          .parameters = fields.pairs_if("Parameters", "member", "ParameterKey", "ParameterValue"),
          .outputs = fields.pairs_if("Outputs", "member", "OutputKey", "OutputValue"),
          .tags = fields.pairs_if("Tags", "member", "Key", "Value"),
          .role_arn = fields.text_if("RoleARN"),
          .termination_protection = fields.flag_or("EnableTerminationProtection", false)};
}

StackEvent read_event(const Fields& fields) {
  return {.id = fields.text("EventId"),
          .stack_id = fields.text("StackId"),
          .logical_id = fields.text_if("LogicalResourceId"),
          .physical_id = fields.text_if("PhysicalResourceId"),
          .resource_type = fields.text_if("ResourceType"),
          .at = fields.instant("Timestamp"),
          .status = fields.text_if("ResourceStatus"),
          .status_reason = fields.text_if("ResourceStatusReason"),
          .client_token = fields.text_if("ClientRequestToken")};
}

StackSummary read_summary(const Fields& fields) {
  return {.id = fields.text("StackId"),
          .name = fields.text("StackName"),
          .status = fields.text("StackStatus"),
          .status_reason = fields.text_if("StackStatusReason"),
          .created_at = fields.instant("CreationTime"),
          .deleted_at = fields.instant_if("DeletionTime")};
}

StackResource read_resource(const Fields& fields) {
  return {.logical_id = fields.text("LogicalResourceId"),
          .physical_id = fields.text_if("PhysicalResourceId"),
          .type = fields.text("ResourceType"),
          .status = fields.text("ResourceStatus"),
          .status_reason = fields.text_if("ResourceStatusReason")};
}

Result<std::string> stack_id_of(const Params& params, const XmlAnswer& answer) {
  Problem problem;
  std::string id = answer.result(params.action() + "Result", problem).text("StackId");
  YTB_TRY(check(params, answer, problem));
  return id;
}

}  // namespace

Result<CreateOutcome> CloudFormation::create_stack(const CreateStack& create) {
  Params params = cloudformation("CreateStack", Effect::kRepeatable);
  params.set("StackName", create.name)
      .set("TemplateBody", create.template_body)
      .pairs("Parameters.member", create.parameters, "ParameterKey", "ParameterValue")
      .pairs("Tags.member", create.tags)
      .set_if("StackPolicyBody", create.stack_policy)
      .set_if("RoleARN", create.role_arn)
      .set_if("ClientRequestToken", create.client_token)
      .set_if("OnFailure", create.on_failure)
      .set_if("TimeoutInMinutes", create.timeout_min)
      .expect("AlreadyExistsException");
  YTB_ASSIGN(const XmlAnswer answer, run(caller_, params));
  if (answer.has_fault()) return CreateOutcome{.kind = CreateOutcome::Kind::kAlreadyThere, .stack_id = {}};
  YTB_ASSIGN(std::string id, stack_id_of(params, answer));
  return CreateOutcome{.kind = CreateOutcome::Kind::kStarted, .stack_id = std::move(id)};
}

Result<UpdateOutcome> CloudFormation::update_stack(const UpdateStack& update) {
  Params params = cloudformation("UpdateStack", Effect::kRepeatable);
  params.set("StackName", update.name);
  if (update.template_body.empty()) {
    params.set("UsePreviousTemplate", true);
  } else {
    params.set("TemplateBody", update.template_body);
  }
  params.pairs("Parameters.member", update.parameters, "ParameterKey", "ParameterValue");
  size_t at = update.parameters.size();
  for (const std::string& name : update.previous_parameters) {
    const std::string member = "Parameters.member." + std::to_string(++at);
    params.set(member + ".ParameterKey", name).set(member + ".UsePreviousValue", true);
  }
  params.pairs("Tags.member", update.tags)
      .set_if("StackPolicyBody", update.stack_policy)
      .set_if("RoleARN", update.role_arn)
      .set_if("ClientRequestToken", update.client_token)
      .expect(kValidation, kNoUpdates)
      .expect(kValidation, kNotThere);
  YTB_ASSIGN(const XmlAnswer answer, run(caller_, params));
  if (!answer.has_fault()) {
    YTB_ASSIGN(std::string id, stack_id_of(params, answer));
    return UpdateOutcome{.kind = UpdateOutcome::Kind::kStarted, .stack_id = std::move(id)};
  }
  const bool is_there = answer.fault().message.find(kNotThere) == std::string::npos;
  return UpdateOutcome{.kind = is_there ? UpdateOutcome::Kind::kNothingToDo : UpdateOutcome::Kind::kNotThere,
                       .stack_id = {}};
}

Status CloudFormation::delete_stack(const std::string& name, const std::string& client_token,
                                    const std::string& role_arn) {
  Params params = cloudformation("DeleteStack", Effect::kRepeatable);
  params.set("StackName", name).set_if("ClientRequestToken", client_token).set_if("RoleARN", role_arn);
  YTB_ASSIGN(const XmlAnswer answer, run(caller_, params));
  return {};
}

Status CloudFormation::continue_update_rollback(const std::string& name, const std::string& client_token,
                                                const std::string& role_arn) {
  Params params = cloudformation("ContinueUpdateRollback", Effect::kRepeatable);
  params.set("StackName", name)
      .set_if("ClientRequestToken", client_token)
      .set_if("RoleARN", role_arn)
      .expect(kTokenUsed);
  YTB_ASSIGN(const XmlAnswer answer, run(caller_, params));
  return {};
}

Status CloudFormation::set_stack_policy(const std::string& name, const std::string& policy_json) {
  Params params = cloudformation("SetStackPolicy", Effect::kRepeatable);
  params.set("StackName", name).set("StackPolicyBody", policy_json);
  YTB_ASSIGN(const XmlAnswer answer, run(caller_, params));
  return {};
}

Result<std::optional<Stack>> CloudFormation::describe_stack(const std::string& name) {
  Params params = cloudformation("DescribeStacks", Effect::kReads);
  params.set("StackName", name).expect(kValidation, kNotThere);
  YTB_ASSIGN(const XmlAnswer answer, run(caller_, params));
  if (answer.has_fault()) return std::optional<Stack>();
  Problem problem;
  std::vector<Stack> stacks;
  const Fields result = answer.result("DescribeStacksResult", problem);
  for (const Fields& stack : result.list("Stacks", "member")) stacks.push_back(read_stack(stack));
  if (stacks.size() != 1)
    problem.note("Stacks holds " + std::to_string(stacks.size()) + " where one was asked for");
  YTB_TRY(check(params, answer, problem));
  return std::optional<Stack>(std::move(stacks.front()));
}

Status CloudFormation::describe_stacks(const std::string& prefix, const Each<Stack>& each) {
  return walk_all<Stack>(
      Pages(caller_, cloudformation("DescribeStacks", Effect::kReads), "NextToken")
          .only([&prefix](const Fields& fields) { return fields.text_if("StackName").starts_with(prefix); }),
      "Stacks", "member", read_stack, each);
}

Status CloudFormation::describe_stack_events(const std::string& name,
                                             const std::function<Result<bool>(StackEvent)>& each) {
  Params params = cloudformation("DescribeStackEvents", Effect::kReads);
  params.set("StackName", name).expect(kValidation, kNotThere);
  return walk<StackEvent>({caller_, params, "NextToken"}, "StackEvents", "member", read_event, each);
}

Result<std::optional<std::vector<StackResource>>> CloudFormation::describe_stack_resources(
    const std::string& name) {
  Params params = cloudformation("DescribeStackResources", Effect::kReads);
  params.set("StackName", name).expect(kValidation, kNotThere);
  YTB_ASSIGN(const XmlAnswer answer, run(caller_, params));
  if (answer.has_fault()) return std::optional<std::vector<StackResource>>();
  Problem problem;
  std::vector<StackResource> resources;
  const Fields result = answer.result("DescribeStackResourcesResult", problem);
  for (const Fields& resource : result.list("StackResources", "member")) {
    resources.push_back(read_resource(resource));
  }
  YTB_TRY(check(params, answer, problem));
  return std::optional<std::vector<StackResource>>(std::move(resources));
}

Result<std::optional<std::string>> CloudFormation::get_template(const std::string& name) {
  Params params = cloudformation("GetTemplate", Effect::kReads);
  params.set("StackName", name).set("TemplateStage", "Original").expect(kValidation, kNotThere);
  YTB_ASSIGN(const XmlAnswer answer, run(caller_, params));
  if (answer.has_fault()) return std::optional<std::string>();
  Problem problem;
  std::string body = answer.result("GetTemplateResult", problem).text("TemplateBody");
  YTB_TRY(check(params, answer, problem));
  return std::optional<std::string>(std::move(body));
}

Status CloudFormation::list_stacks(const std::vector<std::string>& statuses, const Each<StackSummary>& each) {
  Params params = cloudformation("ListStacks", Effect::kReads);
  params.list("StackStatusFilter.member", statuses);
  return walk_all<StackSummary>({caller_, params, "NextToken"}, "StackSummaries", "member", read_summary,
                                each);
}

}  // namespace ytb::aws
