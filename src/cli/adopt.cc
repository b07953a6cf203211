// adopt.
#include <fmt/format.h>

#include "cli/context.h"
#include "cli/describe.h"

namespace ytb::cli {
namespace {

void print_plan(const Context& context, const ports::AdoptionPlan& plan) {
  if (context.output.json()) {
    Json facts = Json::object();
    for (const auto& [name, value] : plan.facts) facts[name] = value;
    context.out() << to_text(Json{
        {"event", "plan"}, {"facts", std::move(facts)}, {"steps", plan.steps}, {"remarks", plan.remarks}});
    return;
  }
  context.out() << facts(plan.facts);
  for (size_t i = 0; i < plan.steps.size(); ++i)
    context.out() << fmt::format("  {}. {}\n", i + 1, plan.steps[i]);
  for (const std::string& remark : plan.remarks) context.out() << fmt::format("  note: {}\n", remark);
  if (plan.steps.empty()) context.out() << "nothing to do\n";
}

}  // namespace

Status run_adopt(Context& context) {
  YTB_ASSIGN(std::shared_ptr<const config::Config> config, read_config(context));
  YTB_ASSIGN(const config::ProductionConfig* production, choose_production(context, *config));
  if (!context.services.open_adoption) {
    return Error{.code = Code::kUnsupported,
                 .message = "this build cannot speak to AWS: there is nothing to adopt",
                 .hint = {}};
  }
  YTB_ASSIGN(std::unique_ptr<ports::Adoption> adoption, context.services.open_adoption(*config, *production));
  YTB_ASSIGN(refresh::StateDirectory state, refresh::StateDirectory::open(config->state_directory));
  YTB_ASSIGN(os::FileLock lock, state.lock(production->name, "adopt", context.now()));
  const bool delete_old = context.call.has("delete-old");
  YTB_ASSIGN(const ports::AdoptionPlan plan, adoption->plan(delete_old));
  print_plan(context, plan);
  if (context.call.has("dry-run") || plan.steps.empty()) return {};
  YTB_TRY(context.confirm(delete_old ? "Adopt it, and delete the old stack?" : "Adopt it?"));
  ProgressView view(context.output, context.services.clock, context.services.hooks);
  Status done = adoption->carry_out(delete_old, view, context.services.stop);
  view.finish();
  YTB_TRY(std::move(done));
  if (context.output.json()) {
    context.out() << to_text(Json{{"event", "result"}, {"adopted", true}, {"deleted", delete_old}});
  } else {
    context.out() << (delete_old ? "the old stack is gone\n"
                                 : "the name is free: 'yesterdaytabase refresh' moves it\n");
  }
  return {};
}

}  // namespace ytb::cli
