#include "tests/fakes/aws/small_services.h"

namespace ytb::fakes::aws {
namespace {

constexpr size_t kStandardBytesMax = 4096;

}  // namespace

Ssm::Ssm(World& world) : world_(world) {
  on("GetParameter", [this](Call& call) {
    std::string name = call.text("Name");
    call.target = "parameter:" + name;
    auto found = parameters_.find(name);
    if (found == parameters_.end()) refuse("ParameterNotFound", "");
    const Parameter& parameter = found->second;
    bool hidden = parameter.type == "SecureString" && !call.flag("WithDecryption");
    return json{{"Parameter",
                 {{"Name", name},
                  {"Type", parameter.type},
                  {"Value", hidden ? "AQICAHh-ciphertext" : parameter.value},
                  {"Version", parameter.version},
                  {"LastModifiedDate", to_iso(parameter.changed)},
                  {"ARN", world_.arn("ssm", "parameter/" + name.substr(name.starts_with('/') ? 1 : 0))},
                  {"DataType", "text"}}}};
  });
  on("PutParameter", [this](Call& call) {
    std::string name = call.text("Name");
    call.target = "parameter:" + name;
    auto found = parameters_.find(name);
    if (found != parameters_.end() && !call.flag("Overwrite")) {
      refuse("ParameterAlreadyExists",
             "The parameter already exists. To overwrite this value, set the overwrite option.");
    }
    if (found == parameters_.end() && !call.has("Type")) {
      refuse("ValidationException", "A parameter type is required when you create a parameter.");
    }
    if (call.text("Value").size() > kStandardBytesMax) {
      refuse("ValidationException",
             "Standard tier parameters support a maximum parameter value of 4096 characters.");
    }
    int version = found == parameters_.end() ? 1 : found->second.version + 1;
    std::string type = call.has("Type") ? call.text("Type") : found->second.type;
    parameters_[name] = {call.text("Value"), type, version, world_.now()};
    return json{{"Version", version}, {"Tier", "Standard"}};
  });
}

void Ssm::seed(const std::string& name, const std::string& value, const std::string& type) {
  std::lock_guard lock(world_.mutex);
  parameters_[name] = {value, type, 1, world_.now()};
}

}  // namespace ytb::fakes::aws
