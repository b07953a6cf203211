// hosted_zone_of: the one zone that is meant, by its id or by a domain.
#pragma once

#include <string>

#include "drivers/aws/route53.h"

namespace ytb::aws {

// `id` goes before `domain`. kConfig where there is none, or where several have the domain's name: then the
// candidates are named, for which one is meant (public or private) is for a person to say.
Result<HostedZone> hosted_zone_of(Route53& client, const std::string& id, const std::string& domain);

}  // namespace ytb::aws
