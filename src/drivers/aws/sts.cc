#include "drivers/aws/sts.h"

#include <utility>

#include "drivers/aws/query.h"

namespace ytb::aws {
namespace {

Params params_of(const std::string& action, const AssumeRole& request) {
  Params params(Service::kSts, action, Effect::kReads);
  params.set("RoleArn", request.role_arn)
      .set("RoleSessionName", request.session_name)
      .set_if("ExternalId", request.external_id)
      .set_if("DurationSeconds", request.duration_s);
  return params;
}

Result<Credentials> credentials_from(Caller& caller, const Params& params, const std::string& role_arn) {
  YTB_ASSIGN(const XmlAnswer answer, run(caller, params));
  Problem problem;
  const Fields fields = answer.result(params.action() + "Result", problem).child("Credentials");
  Credentials credentials{.access_key_id = fields.text("AccessKeyId"),
                          .secret_access_key = Secret(fields.text("SecretAccessKey")),
                          .session_token = Secret(fields.text("SessionToken")),
                          .expires_at = fields.instant("Expiration"),
                          .source = "role " + role_arn};
  YTB_TRY(check(params, answer, problem));
  return credentials;
}

}  // namespace

Result<CallerIdentity> Sts::get_caller_identity() {
  const Params params(Service::kSts, "GetCallerIdentity", Effect::kReads);
  YTB_ASSIGN(const XmlAnswer answer, run(caller_, params));
  Problem problem;
  const Fields fields = answer.result("GetCallerIdentityResult", problem);
  CallerIdentity identity{
      .account = fields.text("Account"), .arn = fields.text("Arn"), .user_id = fields.text("UserId")};
  YTB_TRY(check(params, answer, problem));
  return identity;
}

Result<Credentials> Sts::assume_role(const AssumeRole& request) {
  return credentials_from(caller_, params_of("AssumeRole", request), request.role_arn);
}

Result<Credentials> Sts::assume_role_with_web_identity(const AssumeRole& request, const Secret& token) {
  Params params = params_of("AssumeRoleWithWebIdentity", request);
  params.set_secret("WebIdentityToken", token).is_unsigned();
  return credentials_from(caller_, params, request.role_arn);
}

}  // namespace ytb::aws
