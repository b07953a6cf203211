#include "drivers/notify/command_notifier.h"

#include <fmt/format.h>

#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "drivers/os/subprocess.h"

namespace ytb::drivers {
namespace {

// An environment variable ends at a NUL and has a limit of its own (MAX_ARG_STRLEN, 128 kB on Linux).
constexpr size_t kVariableSizeMax = 64 << 10;

std::string variable(std::string_view text) {
  std::string value(text.substr(0, kVariableSizeMax));
  for (char& c : value) {
    if (c == '\0') c = ' ';
  }
  return value;
}

}  // namespace

CommandNotifier::CommandNotifier(std::vector<std::string> argv, Duration timeout)
    : argv_(std::move(argv)), timeout_(timeout) {}

Status CommandNotifier::tell(const ports::Notice& notice) {
  if (argv_.empty() || (notice.event != "failed" && notice.event != "stale")) return {};
  nlohmann::ordered_json json{{"event", notice.event},
                              {"production", notice.production.str()},
                              {"message", notice.message},
                              {"hint", notice.hint},
                              {"at", to_iso(notice.at)}};
  os::Command command{.argv = argv_,
                      .run_as = {},
                      .environment = {{"YTB_EVENT", variable(notice.event)},
                                      {"YTB_PRODUCTION", variable(notice.production.str())},
                                      {"YTB_MESSAGE", variable(notice.message)},
                                      {"YTB_HINT", variable(notice.hint)},
                                      {"YTB_AT", to_iso(notice.at)}},
                      .stdin_text = write_json(json) + "\n",
                      .timeout = timeout_};
  Result<os::Finished> finished = os::run_checked(command);
  if (finished.ok()) return {};
  return std::move(finished).error().while_doing("on_failure: " + printable(argv_.front()));
}

}  // namespace ytb::drivers
