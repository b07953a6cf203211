// ProgressView: shows a run while it happens.
//
// On a terminal: a line for each finished phase, and below it one live line with bar, bytes, rows, rate and
// time left, redrawn at most ten times a second. Without one: plain lines, a progress line at most every ten
// seconds. With --output json: one JSON object a line on `out`. Thread-safe.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "cli/output.h"
#include "refresh/refresher.h"

namespace ytb::cli {

// For tests: what a kill harness or a recorder is told, before it is shown.
struct AppHooks {
  std::function<void(const refresh::Event&)> on_event;
  std::function<void(const ports::ProgressUpdate&)> on_progress;
};

// How far, as text: "[██████░░░░]  60%  1.2 GB of 2.0 GB  1,200,000 rows  85 MB/s  9 s left".
std::string describe_progress(const ports::ProgressUpdate& update, Duration elapsed, int bar_width);

class ProgressView final : public refresh::Listener {
 public:
  static constexpr Duration kRedrawEvery = std::chrono::milliseconds(100);
  static constexpr Duration kLineEvery = std::chrono::seconds(10);
  static constexpr Duration kJsonEvery = std::chrono::seconds(1);

  ProgressView(const Output& output, const Clock& clock, AppHooks hooks = {});
  ~ProgressView() override;

  void on_event(const refresh::Event& event) override;
  void update(const ports::ProgressUpdate& update) override;
  void note(std::string_view line) override;
  // Takes the live line away, so that what follows begins on a clean one.
  void finish();
  // What was last said of an action that failed; "": nothing.
  [[nodiscard]] const std::string& told_failure() const { return failure_; }

 private:
  void draw(const ports::ProgressUpdate& update, Instant now);
  void erase();
  void line(std::string_view text);
  void json_event(const refresh::Event& event);
  void text_event(const refresh::Event& event);

  Output output_;
  const Clock& clock_;
  AppHooks hooks_;
  std::mutex mutex_;
  bool live_line_ = false;  // something stands on the last line that is to be erased
  std::string action_;      // under way
  std::string failure_;
  std::string waiting_;  // what was last said about waiting, so that it is said once
  std::string stage_;
  Instant stage_since_;
  Instant last_drawn_;
};

}  // namespace ytb::cli
