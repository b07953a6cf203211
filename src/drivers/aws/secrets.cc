#include "drivers/aws/secrets.h"

#include <utility>

#include "base/text.h"
#include "drivers/aws/json_call.h"

namespace ytb::aws {

Result<std::optional<Secret>> SecretsManager::get_secret_value(const std::string& id) {
  Call call = json_call(Service::kSecretsManager, "GetSecretValue", Effect::kReads, {{"SecretId", id}});
  call.expected = {{.code = "ResourceNotFoundException"}};
  YTB_ASSIGN(const JsonAnswer answer, run_json(caller_, call));
  if (answer.answer.fault) return std::optional<Secret>();
  Problem problem;
  std::string value = json_text_if(answer.body, "SecretString", problem);
  if (value.empty() && answer.body.contains("SecretBinary")) {
    return Error{.code = Code::kUnsupported,
                 .message = "the secret " + printable(id) + " is binary",
                 .hint = "store it as text (SecretString)"};
  }
  if (value.empty()) problem.note("SecretString is missing");
  YTB_TRY(check(call, answer, problem));
  return std::optional<Secret>(Secret(std::move(value)));
}

Result<std::optional<Secret>> Ssm::get_parameter(const std::string& name) {
  Call call =
      json_call(Service::kSsm, "GetParameter", Effect::kReads, {{"Name", name}, {"WithDecryption", true}});
  call.expected = {{.code = "ParameterNotFound"}};
  YTB_ASSIGN(const JsonAnswer answer, run_json(caller_, call));
  if (answer.answer.fault) return std::optional<Secret>();
  Problem problem;
  const auto parameter = answer.body.find("Parameter");
  const bool is_object = parameter != answer.body.end() && parameter->is_object();
  if (!is_object) problem.note("Parameter is missing");
  std::string value = is_object ? json_text(*parameter, "Value", problem) : "";
  YTB_TRY(check(call, answer, problem));
  return std::optional<Secret>(Secret(std::move(value)));
}

}  // namespace ytb::aws
