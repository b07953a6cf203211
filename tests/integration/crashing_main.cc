// The program, killed by itself at a named point, as a power cut would: YTB_TEST_CRASH_AT is one of
//   before:<action>     when the action has been decided and is about to begin
//   after:<action>      when it was done and recorded
//   inside:<action>:<us>  that many microseconds after it began
//   stage:<stage>[:<us>]  when work told of that stage ("compute views") for the first time, or so much later
// Where YTB_TEST_RUN is set, too, it is not killed: that line is run by a shell, as if a wall had let it in.
// Without a point it is the program. It exists so that the program itself has no switch for this.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

#include "app.h"
#include "model/action.h"
#include "ports/progress.h"
#include "refresh/refresher.h"

namespace {

void crash_or_run() {
  const char* line = std::getenv("YTB_TEST_RUN");
  if (line == nullptr) kill(getpid(), SIGKILL);
  if (std::system(line) != 0) std::abort();  // NOLINT(concurrency-mt-unsafe,cert-env33-c)
}

}  // namespace

int main(int argc, char** argv) {
  const char* variable = std::getenv("YTB_TEST_CRASH_AT");
  const std::string at = variable == nullptr ? "" : variable;
  ytb::AppHooks hooks;
  hooks.on_event = [&at](const ytb::refresh::Event& event) {
    if (event.action == nullptr) return;
    const std::string name(ytb::model::name_of(event.action->kind));
    using Kind = ytb::refresh::Event::Kind;
    if (event.kind == Kind::kActionStarted && at == "before:" + name) crash_or_run();
    if (event.kind == Kind::kActionDone && at == "after:" + name) crash_or_run();
    if (event.kind == Kind::kActionStarted && at.starts_with("inside:" + name + ":")) {
      const auto wait = std::chrono::microseconds(std::stol(at.substr(at.rfind(':') + 1)));
      std::thread([wait] {
        std::this_thread::sleep_for(wait);
        crash_or_run();
      }).detach();
    }
  };
  hooks.on_progress = [&at, begun = false](const ytb::ports::ProgressUpdate& update) mutable {
    const std::string name = "stage:" + std::string(update.stage);
    if (begun || (at != name && !at.starts_with(name + ":"))) return;
    begun = true;
    if (at == name) return crash_or_run();
    const auto wait = std::chrono::microseconds(std::stol(at.substr(at.rfind(':') + 1)));
    std::thread([wait] {
      std::this_thread::sleep_for(wait);
      crash_or_run();
    }).detach();
  };
  return ytb::run_app(argc, argv, hooks);
}
