// From words to an exit status: parse, dispatch, print the error.
#include <fmt/format.h>

#include "base/json.h"
#include "cli/completion.h"
#include "cli/context.h"
#include "cli/manual.h"

namespace ytb::cli {
namespace {

Status run_version(Context& context) {
  if (context.output.json()) {
    context.out() << nlohmann::ordered_json{{"program", "yesterdaytabase"},
                                            {"version", context.services.version}}
                         .dump()
                  << "\n";
  } else {
    context.out() << context.program() << "\n";
  }
  return {};
}

Status run_completion(Context& context) {
  YTB_ASSIGN(const std::string script, completion_script(context.call.arguments.front()));
  context.out() << script;
  return {};
}

Status dispatch(Context& context) {
  switch (context.call.command->id) {
    case CommandId::kInit:
      return run_init(context);
    case CommandId::kCheck:
      return run_check(context);
    case CommandId::kSnapshotTake:
      return run_snapshot_take(context);
    case CommandId::kSnapshotList:
      return run_snapshot_list(context);
    case CommandId::kPolicyPropose:
      return run_policy_propose(context);
    case CommandId::kPolicyAccept:
      return run_policy_accept(context);
    case CommandId::kPolicyCheck:
      return run_policy_check(context);
    case CommandId::kPolicyExplain:
      return run_policy_explain(context);
    case CommandId::kPolicyPreview:
      return run_policy_preview(context);
    case CommandId::kPlan:
      return run_plan(context);
    case CommandId::kRefresh:
      return run_refresh(context);
    case CommandId::kServe:
      return run_serve(context);
    case CommandId::kLambda:
      return run_lambda(context);
    case CommandId::kWork:
      return run_work(context);
    case CommandId::kStatus:
      return run_status(context);
    case CommandId::kConnect:
      return run_connect(context);
    case CommandId::kRollback:
      return run_rollback(context);
    case CommandId::kDelete:
      return run_delete(context);
    case CommandId::kTeardown:
      return run_teardown(context);
    case CommandId::kAdopt:
      return run_adopt(context);
    case CommandId::kProofShow:
      return run_proof_show(context);
    case CommandId::kProofVerify:
      return run_proof_verify(context);
    case CommandId::kHelp:  // was printed already
      return {};
    case CommandId::kVersion:
      return run_version(context);
    case CommandId::kCompletion:
      return run_completion(context);
    case CommandId::kMan:
      context.out() << manual_page(context.services.version);
      return {};
  }
  return {};
}

// Errors of a line that could not be parsed come in the form that was asked for, too.
bool asks_for_json(const std::vector<std::string>& words) {
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--output=json") return true;
    if (words[i] == "--output" && i + 1 < words.size() && words[i + 1] == "json") return true;
  }
  return false;
}

}  // namespace

int run_command_line(const std::vector<std::string>& words, Services& services, Output output) {
  Result<Invocation> invocation = parse_command_line(words);
  if (!invocation.ok()) {
    if (asks_for_json(words)) output.format = Format::kJson;
    print_error(output, invocation.error());
    return exit_status(invocation.error().code);
  }
  if (!invocation->help.empty()) {
    output.out << invocation->help << std::flush;
    return 0;
  }
  if (invocation->value("output") == "json") output.format = Format::kJson;
  output.verbose = invocation->has("verbose");
  if (invocation->has("no-color") || output.json()) output.color = false;
  Context context{.call = *invocation, .services = services, .output = output};
  Status status = invocation->nothing ? run_nothing(context) : dispatch(context);
  output.out << std::flush;
  if (status.ok()) return 0;
  print_error(output, status.error());
  return exit_status(status.error().code);
}

}  // namespace ytb::cli
