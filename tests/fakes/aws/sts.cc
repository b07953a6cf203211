#include "tests/fakes/aws/sts.h"

#include <algorithm>

#include "base/text.h"
#include "tests/fakes/aws/small_services.h"

namespace ytb::fakes::aws {
namespace {

constexpr int64_t kSessionSecondsDefault = 3600;
constexpr int64_t kChainedSecondsMax = 3600;

}  // namespace

Sts::Sts(World& world) : world_(world) {
  on("GetCallerIdentity", [this](Call& call) {
    return json{{"Account", world_.settings.account}, {"Arn", call.who.arn}, {"UserId", call.who.access_key}};
  });
  on("AssumeRole", [this](Call& call) {
    const std::string role = call.text("RoleArn");
    call.target = role;
    if (!world_.service<Iam>("iam").allows(call.who.arn, "sts:AssumeRole", role)) refuse_role(call);
    if (call.who.arn.find(":assumed-role/") != std::string::npos &&
        call.number("DurationSeconds", kSessionSecondsDefault) > kChainedSecondsMax) {
      refuse("ValidationError",
             "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
             "chaining");
    }
    return assume(call);
  });
  on("AssumeRoleWithWebIdentity", [this](Call& call) {
    if (std::find(web_tokens_.begin(), web_tokens_.end(), call.text("WebIdentityToken")) ==
        web_tokens_.end()) {
      refuse("InvalidIdentityTokenException",
             "No OpenIDConnect provider found in your account for this token");
    }
    json out = assume(call);
    out["SubjectFromWebIdentityToken"] = "system:serviceaccount:default:yesterday";
    return out;
  });
}

void Sts::refuse_role(const Call& call) {
  refuse(
      "AccessDenied",
      "User: " + call.who.arn + " is not authorized to perform: sts:AssumeRole on resource: " + call.target,
      403);
}

json Sts::assume(Call& call) {
  std::string role = call.text("RoleArn");
  call.target = role;
  if (!role.starts_with("arn:" + world_.settings.partition + ":iam::" + world_.settings.account + ":role/")) {
    refuse_role(call);
  }
  std::vector<std::string> parts = split(role, '/');
  std::string session = call.text("RoleSessionName");
  Identity identity;
  identity.access_key = "ASIA" + world_.fresh_id(16, true);
  identity.secret_key = world_.fresh_id(40);
  identity.session_token = world_.fresh_id(60);
  identity.arn = "arn:" + world_.settings.partition + ":sts::" + world_.settings.account + ":assumed-role/" +
                 parts.back() + "/" + session;
  identity.expires =
      world_.signing_now() + std::chrono::seconds(call.number("DurationSeconds", kSessionSecondsDefault));
  world_.add_identity(identity);
  return {{"Credentials",
           {{"AccessKeyId", identity.access_key},
            {"SecretAccessKey", identity.secret_key},
            {"SessionToken", identity.session_token},
            {"Expiration", to_iso(*identity.expires)}}},
          {"AssumedRoleUser", {{"Arn", identity.arn}, {"AssumedRoleId", "AROAFAKEFAKEFAKE0001:" + session}}}};
}

}  // namespace ytb::fakes::aws
