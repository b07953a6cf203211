// lambda, work.
#include "cli/context.h"

namespace ytb::cli {
namespace {

Error not_built() {
  return Error{.code = Code::kUnsupported,
               .message = "this program was built without AWS",
               .hint = "'yesterdaytabase serve' keeps a schedule on this machine"};
}

}  // namespace

Status run_lambda(Context& context) {
  if (!context.services.run_lambda) return not_built();
  if (const std::optional<std::string> file = context.call.value("check-config")) {
    YTB_ASSIGN(const std::string found, context.services.check_original_config(*file));
    context.out() << found << "\n";
    return {};
  }
  return context.services.run_lambda();
}

Status run_work(Context& context) {
  std::optional<std::string> copy = context.call.value("copy");
  if (!copy || copy->empty()) {
    return Error{.code = Code::kUsage,
                 .message = "work needs --copy",
                 .hint = "yesterdaytabase work --copy COPY; 'yesterdaytabase status' lists the copies"};
  }
  if (!context.services.run_work) return not_built();
  return context.services.run_work({.copy = *copy,
                                    .production = context.call.value("production"),
                                    .config = context.call.value("config")});
}

}  // namespace ytb::cli
