#include "cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/text.h"

namespace ytb::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr Duration kRateAfter = std::chrono::milliseconds(500);  // earlier, a rate is noise
constexpr double kMicroseconds = 1e6;

void write_line(std::ostream& out, const Json& tree) { out << write_json(tree) << "\n" << std::flush; }

// Cuts to `columns` code points; the live line must not wrap, or it could not be erased.
std::string cut(std::string_view text, size_t columns) {
  size_t width = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U) continue;
    if (width++ == columns) return std::string(text.substr(0, i));
  }
  return std::string(text);
}

std::string_view name_of(refresh::Event::Kind kind) {
  switch (kind) {
    case refresh::Event::Kind::kDecided:
      return "decided";
    case refresh::Event::Kind::kActionStarted:
      return "action_started";
    case refresh::Event::Kind::kActionDone:
      return "action_done";
    case refresh::Event::Kind::kActionFailed:
      return "action_failed";
    case refresh::Event::Kind::kWaiting:
      return "waiting";
  }
  return "";
}

}  // namespace

std::string describe_progress(const ports::ProgressUpdate& update, Duration elapsed, int bar_width) {
  bool by_bytes = update.total_bytes > 0;
  uint64_t done = by_bytes ? update.done_bytes : update.done_rows;
  uint64_t total = by_bytes ? update.total_bytes : update.total_rows;
  std::vector<std::string> parts;
  if (total > 0) {
    done = std::min(done, total);
    double share = static_cast<double>(done) / static_cast<double>(total);
    int full = static_cast<int>(share * bar_width);
    std::string bar;
    for (int i = 0; i < bar_width; ++i) bar += i < full ? "█" : "░";
    parts.push_back(fmt::format("[{}] {:3}%", bar, static_cast<int>(share * 100)));
  }
  if (update.total_bytes > 0) {
    parts.push_back(fmt::format("{} of {}", human_bytes(update.done_bytes), human_bytes(update.total_bytes)));
  } else if (update.done_bytes > 0) {
    parts.push_back(human_bytes(update.done_bytes));
  }
  if (update.done_rows > 0) parts.push_back(fmt::format("{} rows", with_commas(update.done_rows)));
  double seconds = static_cast<double>(elapsed.count()) / kMicroseconds;
  if (elapsed >= kRateAfter && done > 0) {
    if (update.done_bytes > 0) {
      double rate = static_cast<double>(update.done_bytes) / seconds;
      parts.push_back(fmt::format("{}/s", human_bytes(static_cast<uint64_t>(rate))));
    }
    if (total > done) {
      double left_s = seconds * static_cast<double>(total - done) / static_cast<double>(done);
      parts.push_back(
          fmt::format("{} left", to_human(Duration(static_cast<int64_t>(left_s * kMicroseconds)))));
    }
  }
  return join(parts, "  ");
}

ProgressView::ProgressView(const Output& output, const Clock& clock, AppHooks hooks)
    : output_(output), clock_(clock), hooks_(std::move(hooks)) {}

ProgressView::~ProgressView() { finish(); }

void ProgressView::erase() {
  if (!live_line_) return;
  output_.err << "\r\x1b[K" << std::flush;
  live_line_ = false;
}

void ProgressView::finish() {
  std::scoped_lock lock(mutex_);
  erase();
}

void ProgressView::line(std::string_view text) {
  erase();
  output_.err << text << "\n" << std::flush;
}

void ProgressView::json_event(const refresh::Event& event) {
  Json tree{{"event", name_of(event.kind)}, {"at", to_iso(event.at, /*exact=*/true)}};
  if (event.action != nullptr) {
    tree["action"] = model::name_of(event.action->kind);
    tree["copy"] = event.action->copy.str();
    tree["reason"] = event.action->reason;
  }
  if (event.decision != nullptr) {
    tree["reason"] = event.decision->reason;
    if (event.decision->until) tree["until"] = to_iso(*event.decision->until);
  }
  if (event.kind == refresh::Event::Kind::kActionDone || event.kind == refresh::Event::Kind::kActionFailed) {
    tree["seconds"] = static_cast<double>(event.elapsed.count()) / kMicroseconds;
  }
  if (event.error != nullptr) {
    tree["error"] = {{"code", ytb::name_of(event.error->code)},
                     {"message", event.error->message},
                     {"hint", event.error->hint}};
  }
  write_line(output_.out, tree);
}

void ProgressView::text_event(const refresh::Event& event) {
  std::string name =
      event.action == nullptr ? std::string() : std::string(model::name_of(event.action->kind));
  switch (event.kind) {
    case refresh::Event::Kind::kDecided:
      if (output_.verbose && event.decision != nullptr)
        line(output_.dim("  because " + event.decision->reason));
      break;
    case refresh::Event::Kind::kActionStarted:
      action_ = name;
      if (!output_.err_is_terminal) {
        line(fmt::format("… {:<8} {}", name, event.action == nullptr ? "" : event.action->copy.str()));
      }
      if (output_.verbose && event.action != nullptr) line(output_.dim("  because " + event.action->reason));
      break;
    case refresh::Event::Kind::kActionDone:
      line(fmt::format("{} {:<8} {:>10}  {}", output_.good("✓"), name, to_human(event.elapsed),
                       event.action == nullptr ? "" : output_.dim(event.action->copy.str())));
      action_.clear();
      break;
    case refresh::Event::Kind::kActionFailed:
      line(fmt::format("{} {:<8} {:>10}  {}", output_.bad("✗"), name, to_human(event.elapsed),
                       event.error == nullptr ? "" : event.error->message));
      if (event.error != nullptr) failure_ = event.error->message;
      if (event.error != nullptr && !event.error->hint.empty()) line("  hint: " + event.error->hint);
      action_.clear();
      break;
    case refresh::Event::Kind::kWaiting:
      if (event.decision != nullptr && event.decision->reason != waiting_) {
        waiting_ = event.decision->reason;
        line(fmt::format("{} waiting: {}", output_.dim("·"), decide::to_string(*event.decision)));
      }
      return;
  }
  waiting_.clear();
}

void ProgressView::on_event(const refresh::Event& event) {
  if (hooks_.on_event) hooks_.on_event(event);
  std::scoped_lock lock(mutex_);
  if (event.kind == refresh::Event::Kind::kActionStarted) {
    stage_.clear();
    last_drawn_ = {};
  }
  if (output_.json()) {
    json_event(event);
  } else {
    text_event(event);
  }
}

void ProgressView::draw(const ports::ProgressUpdate& update, Instant now) {
  std::string head = fmt::format("{:<8} ", update.stage);
  std::string item = update.item.empty() ? "" : printable(update.item) + "  ";
  if (!output_.err_is_terminal) {
    constexpr int kNoBar = 0;
    std::string text = describe_progress(update, now - stage_since_, kNoBar);
    if (text.starts_with("[]")) text.erase(0, 2);
    line(fmt::format("  {}{}{}", head, item, trim(text)));
    return;
  }
  constexpr int kBarWidth = 20;
  std::string text = describe_progress(update, now - stage_since_, kBarWidth);
  auto columns = static_cast<size_t>(std::max(output_.columns, 20)) - 1;
  output_.err << "\r\x1b[K" << cut("  " + head + text + "  " + item, columns) << std::flush;
  live_line_ = true;
}

void ProgressView::update(const ports::ProgressUpdate& update) {
  if (hooks_.on_progress) hooks_.on_progress(update);
  std::scoped_lock lock(mutex_);
  Instant now = clock_.now();
  if (update.stage != stage_) {
    stage_ = std::string(update.stage);
    stage_since_ = now;
    // Plain lines keep their distance: a step of many short stages is told of as well.
    if (output_.err_is_terminal || output_.json()) last_drawn_ = {};
  }
  Duration every = output_.json() ? kJsonEvery : output_.err_is_terminal ? kRedrawEvery : kLineEvery;
  // Without a terminal the first line comes after the first interval: most stages are over by then.
  if (last_drawn_ == Instant{} && !output_.err_is_terminal && !output_.json()) last_drawn_ = now;
  if (last_drawn_ != Instant{} && now - last_drawn_ < every) return;
  last_drawn_ = now;
  if (output_.json()) {
    write_line(output_.out, Json{{"event", "progress"},
                                 {"at", to_iso(now, /*exact=*/true)},
                                 {"stage", update.stage},
                                 {"item", update.item},
                                 {"done_bytes", update.done_bytes},
                                 {"total_bytes", update.total_bytes},
                                 {"done_rows", update.done_rows},
                                 {"total_rows", update.total_rows}});
    return;
  }
  draw(update, now);
}

void ProgressView::note(std::string_view text) {
  std::scoped_lock lock(mutex_);
  if (output_.json()) {
    write_line(output_.out,
               Json{{"event", "note"}, {"at", to_iso(clock_.now(), /*exact=*/true)}, {"note", text}});
    return;
  }
  line(fmt::format("  {}", output_.dim(printable(text))));
}

}  // namespace ytb::cli
