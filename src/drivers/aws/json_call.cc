#include "drivers/aws/json_call.h"

#include <cmath>
#include <utility>

namespace ytb::aws {
namespace {

// nlohmann's parser recurses nowhere, its destructor neither; what AWS sends is shallow.
constexpr int kDepthMax = 64;

const char* target_of(Service service) {
  switch (service) {
    case Service::kEcs:
      return "AmazonEC2ContainerServiceV20141113.";
    case Service::kSecretsManager:
      return "secretsmanager.";
    case Service::kSsm:
      return "AmazonSSM.";
    default:
      break;
  }
  YTB_CHECK_MSG(false, "a service without the JSON protocol");
  return "";
}

}  // namespace

Call json_call(Service service, const std::string& operation, Effect effect, const nlohmann::json& body) {
  return {.service = service,
          .operation = operation,
          .effect = effect,
          .headers = {{"Content-Type", "application/x-amz-json-1.1"},
                      {"X-Amz-Target", target_of(service) + operation}},
          .body = write_json(body)};
}

Result<JsonAnswer> run_json(Caller& caller, const Call& call) {
  YTB_ASSIGN(Answer answer, caller.call(call));
  JsonAnswer json{.answer = std::move(answer), .body = nlohmann::json::object()};
  if (json.answer.fault) return json;
  json.body = parse_json(json.answer.response.body, kDepthMax);
  if (!json.body.is_object()) return malformed(call, json.answer, "it is no JSON object");
  return json;
}

Status check(const Call& call, const JsonAnswer& answer, const Problem& problem) {
  if (problem.text.empty()) return {};
  return malformed(call, answer.answer, problem.text);
}

std::string json_text_if(const nlohmann::json& object, const std::string& name, Problem& problem) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return {};
  if (!found->is_string()) {
    problem.note(name + " is no string");
    return {};
  }
  return found->get<std::string>();
}

std::string json_text(const nlohmann::json& object, const std::string& name, Problem& problem) {
  std::string text = json_text_if(object, name, problem);
  if (text.empty()) problem.note(name + " is missing");
  return text;
}

std::optional<Instant> json_instant_if(const nlohmann::json& object, const std::string& name,
                                       Problem& problem) {
  constexpr double kSecondsMax = 4e9;
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::nullopt;
  if (!found->is_number() || !(std::abs(found->get<double>()) < kSecondsMax)) {
    problem.note(name + " is no time");
    return std::nullopt;
  }
  return Instant(Duration(static_cast<Duration::rep>(std::llround(found->get<double>() * 1e6))));
}

std::vector<nlohmann::json> json_list(const nlohmann::json& object, const std::string& name,
                                      Problem& problem) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_array()) {
    problem.note(name + " is missing");
    return {};
  }
  return found->get<std::vector<nlohmann::json>>();
}

}  // namespace ytb::aws
