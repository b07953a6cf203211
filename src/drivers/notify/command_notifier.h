// CommandNotifier: runs the `on_failure:` command when a refresh failed or staging is older than promised.
//
// No shell. The notice is in the environment (YTB_EVENT, YTB_PRODUCTION, YTB_MESSAGE, YTB_HINT, YTB_AT) and,
// as one JSON object, on standard input. The command has kTimeout; what it prints is dropped unless it fails.
// Thread-safe.
#pragma once

#include <string>
#include <vector>

#include "ports/notifier.h"

namespace ytb::drivers {

class CommandNotifier final : public ports::Notifier {
 public:
  static constexpr Duration kTimeout = std::chrono::seconds(30);

  // `argv` empty: nobody is told. `timeout` is for tests.
  explicit CommandNotifier(std::vector<std::string> argv, Duration timeout = kTimeout);

  // Success for events that are no failure ("live"): nothing is run. Error{kExternal} names the command.
  Status tell(const ports::Notice& notice) override;

 private:
  std::vector<std::string> argv_;
  Duration timeout_;
};

}  // namespace ytb::drivers
