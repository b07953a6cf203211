#include "tests/fakes/aws/small_services.h"

namespace ytb::fakes::aws {

SecretsManager::SecretsManager(World& world) : world_(world) {
  on("GetSecretValue", [this](Call& call) {
    std::string name;
    Secret& secret = named(call.text("SecretId"), name);
    call.target = "secret:" + name;
    bool other = (call.has("VersionStage") && call.text("VersionStage") != "AWSCURRENT") ||
                 (call.has("VersionId") && call.text("VersionId") != secret.version);
    if (other) refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret value");
    return json{{"ARN", secret.arn},
                {"Name", name},
                {"VersionId", secret.version},
                {"SecretString", secret.value},
                {"VersionStages", {"AWSCURRENT"}},
                {"CreatedDate", to_iso(secret.created)}};
  });
  on("PutSecretValue", [this](Call& call) {
    std::string name;
    call.target = "secret:" + call.text("SecretId");
    Secret& secret = named(call.text("SecretId"), name);
    if (!call.has("SecretString")) refuse("InvalidRequestException", "the fake AWS keeps strings only");
    secret.value = call.text("SecretString");
    secret.version = call.has("ClientRequestToken") ? call.text("ClientRequestToken") : world_.fresh_id(36);
    return json{{"ARN", secret.arn},
                {"Name", name},
                {"VersionId", secret.version},
                {"VersionStages", {"AWSCURRENT"}}};
  });
}

void SecretsManager::seed(const std::string& name, const std::string& value) {
  std::lock_guard lock(world_.mutex);
  secrets_[name] = {world_.arn("secretsmanager", "secret:" + name + "-" + world_.fresh_id(6)), value,
                    world_.fresh_id(36), world_.now()};
}

std::string SecretsManager::value(const std::string& name) const {
  std::lock_guard lock(world_.mutex);
  auto found = secrets_.find(name);
  return found == secrets_.end() ? "" : found->second.value;
}

SecretsManager::Secret& SecretsManager::named(const std::string& id, std::string& name) {
  for (auto& [known, secret] : secrets_) {
    if (known != id && secret.arn != id) continue;
    name = known;
    return secret;
  }
  refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
}

}  // namespace ytb::fakes::aws
