#include "drivers/aws/rds_token.h"

#include <fmt/format.h>

namespace ytb::aws {
namespace {

constexpr std::string_view kScheme = "https://";
constexpr std::string_view kSigningName = "rds-db";
constexpr std::chrono::seconds kLifetime{900};  // the longest that RDS accepts

}  // namespace

Secret rds_token(const RdsLogin& login, const Credentials& credentials, std::string_view region,
                 Instant now) {
  const std::string url = fmt::format("{}{}:{}/?Action=connect&DBUser={}", kScheme, login.host, login.port,
                                      uri_encode(login.user));
  return Secret(presign(url, credentials, region, kSigningName, kLifetime, now).substr(kScheme.size()));
}

}  // namespace ytb::aws
