#include "drivers/aws/vault.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "drivers/aws/s3.h"
#include "drivers/aws/secrets.h"

namespace ytb::aws {
namespace {

using SecretRef = model::SecretRef;

constexpr std::string_view kS3 = "s3://";
constexpr std::string_view kSsm = "ssm:";

Error unusable(std::string_view what, const std::string& name, std::string_view why, std::string hint) {
  return Error{.code = Code::kConfig,
               .message = fmt::format("{} {} {}", what, printable(name), why),
               .hint = std::move(hint)};
}

// One member of a secret that is a JSON object, as Secrets Manager's console makes them.
Result<Secret> member_of(const Secret& whole, const std::string& name, const std::string& key) {
  const nlohmann::json tree = parse_json(whole.reveal());
  if (!tree.is_object()) {
    return unusable("the secret", name, "is no JSON object, so that it has no member to take",
                    fmt::format("leave '#{}' away to take it whole", printable(key)));
  }
  auto found = tree.find(key);
  if (found == tree.end() || !found->is_string()) {
    return unusable("the secret", name, fmt::format("has no member '{}' that is text", printable(key)),
                    "aws secretsmanager get-secret-value shows what it has");
  }
  return Secret(found->get<std::string>());
}

Result<Secret> checked(Secret secret, std::string_view what, const std::string& name) {
  std::string_view value = secret.reveal();
  if (value.ends_with('\n')) value.remove_suffix(1);
  if (value.ends_with('\r')) value.remove_suffix(1);
  if (value.empty()) return unusable(what, name, "is empty", "put the secret there");
  return Secret(std::string(value));
}

}  // namespace

Result<Secret> AwsVault::secret(const SecretRef& reference) {
  const bool managed = reference.kind == SecretRef::Kind::kSecretsManager;
  if (!managed && reference.kind != SecretRef::Kind::kParameterStore) return others_->secret(reference);
  YTB_ASSIGN(Caller * caller, caller_());
  if (!managed) {
    YTB_ASSIGN(std::optional<Secret> value, Ssm(*caller).get_parameter(reference.locator));
    if (!value) {
      return unusable("the parameter", reference.locator, "is not in Parameter Store",
                      "aws ssm put-parameter --type SecureString makes one; is the region right?");
    }
    return checked(std::move(*value), "the parameter", reference.locator);
  }
  const size_t mark = reference.locator.find('#');
  const std::string name = reference.locator.substr(0, mark);
  YTB_ASSIGN(std::optional<Secret> value, SecretsManager(*caller).get_secret_value(name));
  if (!value) {
    return unusable("the secret", name, "is not in Secrets Manager",
                    "aws secretsmanager create-secret makes one; is the region right?");
  }
  if (mark == std::string::npos) return checked(std::move(*value), "the secret", name);
  YTB_ASSIGN(Secret member, member_of(*value, name, reference.locator.substr(mark + 1)));
  return checked(std::move(member), "the secret", reference.locator);
}

Result<std::optional<std::string>> AwsVault::text(const std::string& place, size_t size_max) {
  if (place.starts_with(kS3)) {
    const std::string rest = place.substr(kS3.size());
    const size_t slash = rest.find('/');
    if (slash == std::string::npos || slash == 0 || slash + 1 == rest.size())
      return unusable("the place", place, "names no object", "s3://bucket/key");
    YTB_ASSIGN(Caller * caller, caller_());
    return S3(*caller).get_object(rest.substr(0, slash), rest.substr(slash + 1), size_max);
  }
  if (!place.starts_with(kSsm)) return others_->text(place, size_max);
  YTB_ASSIGN(Caller * caller, caller_());
  YTB_ASSIGN(std::optional<Secret> value, Ssm(*caller).get_parameter(place.substr(kSsm.size())));
  if (!value) return std::optional<std::string>();
  return std::optional<std::string>(value->reveal());
}

}  // namespace ytb::aws
