#include "lambda/answer.h"

#include <fmt/format.h>

#include <algorithm>

namespace ytb::lambda {

using model::Action;
using model::ActionKind;
using model::Copy;
using model::Phase;

namespace {

constexpr size_t kRemarksMax = 20;

const Copy* live_of(const model::Observed& observed) {
  if (!observed.copies.known()) return nullptr;
  for (const Copy& copy : *observed.copies) {
    if (copy.phase == Phase::kLive) return &copy;
  }
  return nullptr;
}

// The copy that the answer is about: the one acted on, else the one on its way, else the live one.
const Copy* subject_of(const PassReport& report, const model::Observed& observed) {
  if (!observed.copies.known()) return nullptr;
  auto named = [&](const model::CopyId& id) -> const Copy* {
    auto found = std::find_if(observed.copies->begin(), observed.copies->end(),
                              [&](const Copy& copy) { return copy.id == id; });
    return found == observed.copies->end() ? nullptr : &*found;
  };
  const Copy* subject = nullptr;
  if (!report.done.empty()) subject = named(report.done.back().copy);
  if (report.interrupted) subject = named(report.interrupted->copy);
  if (subject != nullptr) return subject;
  for (const Copy& copy : *observed.copies) {
    if (copy.phase <= Phase::kProven) return &copy;
  }
  return live_of(observed);
}

const Action* begun_restore(const PassReport& report) {
  if (report.interrupted && report.interrupted->kind == ActionKind::kRestore) return &*report.interrupted;
  for (const Action& action : report.done) {
    if (action.kind == ActionKind::kRestore) return &action;
  }
  return nullptr;
}

Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

std::string message_of(const PassReport& report) {
  if (report.interrupted && (report.out_of_time || report.left)) {
    return fmt::format("{} is under way; the next invocation goes on with it", report.interrupted->id());
  }
  if (!report.done.empty() && report.policy_proposed.empty()) {
    std::string text = fmt::format("{} is done", report.done.back().id());
    if (report.last && !report.last->action) text += fmt::format("; now: {}", report.last->reason);
    return text;
  }
  if (report.last && report.last->action) return report.last->action->reason;
  return report.last ? report.last->reason : std::string("nothing was looked at");
}

}  // namespace

Json empty_answer(std::string_view message) {
  return Json{{"action", nullptr}, {"error", nullptr}, {"message", message}, {"stack_args", nullptr}};
}

void put_error(Json& answer, const Error& error) {
  bool no_snapshot = error.code == Code::kNoSnapshot;
  answer["error"] = no_snapshot ? std::string("No DB snapshots") : error.message;
  answer["message"] =
      no_snapshot ? fmt::format("{}; try again later, when there is one", error.message) : error.message;
  answer["hint"] = text_or_null(error.hint);
}

Json to_tree(const Copy& copy) {
  return Json{{"copy", copy.id.str()},
              {"phase", model::name_of(copy.phase)},
              {"data_as_of", to_iso(copy.data_as_of)},
              {"attempt", copy.attempt},
              {"opened", copy.opened},
              {"proven", copy.proven},
              {"running", copy.running},
              {"failure", text_or_null(copy.failure)}};
}

Json answer_of(const Target& target, const PassReport& report, const model::Observed& observed, bool due) {
  Json answer = empty_answer(message_of(report));
  const Copy* live = live_of(observed);
  if (const Action* restore = begun_restore(report)) {
    bool is_first = live == nullptr || (live->id == restore->copy && observed.copies->size() == 1);
    answer["action"] = is_first ? "create" : "update";
  }
  answer["production"] = target.production->name.str();
  const Copy* subject = subject_of(report, observed);
  answer["copy"] = subject == nullptr ? Json(nullptr) : Json(subject->id.str());
  answer["phase"] = subject == nullptr ? Json(nullptr) : Json(model::name_of(subject->phase));
  answer["reason"] = report.last ? Json(report.last->reason) : Json(nullptr);
  answer["due"] = due;
  answer["again"] = report.last && report.last->until ? Json(to_iso(*report.last->until)) : Json(nullptr);
  answer["hint"] = nullptr;
  answer["done"] = Json::array();
  for (const Action& action : report.done) answer["done"].push_back(action.id());
  answer["live"] = live == nullptr ? Json(nullptr) : to_tree(*live);
  answer["policy_needed"] = nullptr;
  if (!report.policy_proposed.empty()) {
    answer["policy_needed"] = {
        {"proposed", report.policy_proposed},
        {"why", "the copy holds production's raw data; it is opened once a policy has judged every column"}};
    answer["hint"] =
        "read it, correct it, accept it with 'yesterdaytabase policy accept', and set YTB_POLICY";
  }
  answer["handover"] = nullptr;
  if (report.handover) {
    answer["handover"] = {{"place", name_of(report.handover->place)},
                          {"reason", report.handover->reason},
                          {"bytes", report.handover->bytes},
                          {"seconds", report.handover->needed.count() / 1'000'000}};
  }
  answer["worker"] = text_or_null(report.worker);
  answer["remarks"] = Json::array();
  auto remark = [&](const std::string& line) {
    if (answer["remarks"].size() < kRemarksMax) answer["remarks"].push_back(line);
  };
  for (const std::string& line : target.setup.remarks) remark(line);
  for (const std::string& line : report.notes) remark(line);
  if (report.last) {
    for (const std::string& line : report.last->remarks) remark(line);
  }
  if (report.failure) put_error(answer, *report.failure);
  return answer;
}

std::string to_text(const Json& answer) { return write_json(answer); }

}  // namespace ytb::lambda
