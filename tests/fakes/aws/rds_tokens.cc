// IAM database authentication: what RDS's PAM module does with what a role that is a member of rds_iam sent
// as its password. Recorded as rds-db:connect, with the reason where it is refused.
#include "base/text.h"
#include "tests/fakes/aws/rds.h"
#include "tests/fakes/aws/sigv4.h"
#include "tests/fakes/aws/small_services.h"

namespace ytb::fakes::aws {
namespace {

constexpr Duration kTokenLifetimeMax = std::chrono::minutes(15);

// "host:port/?Action=connect&DBUser=…": nothing else is a token, whatever it is signed with.
HttpRequest request_of(const std::string& token, const std::string& endpoint, const std::string& user) {
  const size_t slash = token.find("/?");
  if (slash == std::string::npos) refuse("InvalidToken", "it is no token");
  HttpRequest request{.method = "GET",
                      .path = "/",
                      .query = token.substr(slash + 2),
                      .headers = {{"host", token.substr(0, slash)}},
                      .body = {}};
  if (request.header("host") != endpoint) refuse("InvalidToken", "it is of " + request.header("host"));
  int actions = 0;
  int users = 0;
  for (const std::string& part : split(request.query, '&')) {
    const std::string name = part.substr(0, part.find('='));
    actions += part == "Action=connect" ? 1 : 0;
    users += part == "DBUser=" + percent_encode(user) ? 1 : 0;
    if (name != "Action" && name != "DBUser" && name.rfind("X-Amz-", 0) != 0)
      refuse("InvalidToken", "there is no parameter " + name + " of a token");
  }
  if (actions != 1 || users != 1) refuse("InvalidToken", "it is not to connect as " + user);
  return request;
}

}  // namespace

bool Rds::accepts_token(const TokenLogin& login) {
  std::lock_guard lock(world_.mutex);
  RecordedCall record{.at = world_.now(),
                      .service = "rds-db",
                      .operation = "connect",
                      .principal = "",
                      .target = "dbuser:/" + login.user,
                      .mutating = false,
                      .input = "",
                      .error = ""};
  try {
    const json* instance = instances_.find(login.instance);
    if (instance == nullptr) refuse("InvalidToken", "there is no instance " + login.instance);
    const json* cluster = clusters_.find(instance->value("DBClusterIdentifier", ""));
    const json& whole = cluster == nullptr ? *instance : *cluster;
    record.target =
        "dbuser:" + whole.value(cluster == nullptr ? "DbiResourceId" : "DbClusterResourceId", "") + "/" +
        login.user;
    if (!whole.value("IAMDatabaseAuthenticationEnabled", false))
      refuse("InvalidToken", "IAM database authentication is off");
    const json& endpoint = (*instance)["Endpoint"];
    const std::string address =
        endpoint["Address"].get<std::string>() + ":" + std::to_string(endpoint["Port"].get<int>());
    const HttpRequest request = request_of(login.token, address, login.user);
    const Identity who =
        verify_presigned(request, "rds-db", world_.settings.region, kTokenLifetimeMax, world_.signing_now(),
                         [this](const std::string& key) { return world_.find_identity(key); });
    record.principal = who.arn;
    if (!world_.service<Iam>("iam").allows(who.arn, "rds-db:connect", world_.arn("rds-db", record.target)))
      refuse("AccessDenied", who.arn + " is not authorized to perform: rds-db:connect");
  } catch (const Refusal& refusal) {
    record.error = refusal.code + ": " + refusal.message;
  }
  world_.record(record);
  return record.error.empty();
}

}  // namespace ytb::fakes::aws
