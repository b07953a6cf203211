#include "drivers/aws/hosted_zone.h"

#include <fmt/format.h>

#include "base/text.h"

namespace ytb::aws {

Result<HostedZone> hosted_zone_of(Route53& client, const std::string& id, const std::string& domain) {
  if (!id.empty()) {
    YTB_ASSIGN(std::optional<HostedZone> found, client.get_hosted_zone(id));
    if (found) return *std::move(found);
    return Error{.code = Code::kConfig,
                 .message = fmt::format("there is no hosted zone {}", printable(id)),
                 .hint = "aws route53 list-hosted-zones shows them"};
  }
  YTB_ASSIGN(std::vector<HostedZone> zones, client.list_hosted_zones_by_name(domain));
  if (zones.size() == 1) return std::move(zones.front());
  if (zones.empty()) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("there is no hosted zone for {}", printable(domain)),
                 .hint = "make one, or name the zone that shall have the record by its id: zone_id: Z…"};
  }
  std::vector<std::string> candidates;
  for (const HostedZone& each : zones) {
    candidates.push_back(each.id + (each.is_private ? " (private)" : " (public)"));
  }
  return Error{.code = Code::kConfig,
               .message = fmt::format("{} hosted zones are called {}: {}", zones.size(), printable(domain),
                                      join(candidates, ", ")),
               .hint = "say which one: zone_id: " + zones.front().id};
}

}  // namespace ytb::aws
