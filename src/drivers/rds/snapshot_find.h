// Finding one snapshot again, and whose it is. What another account shares is named by its ARN.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "drivers/aws/rds.h"

namespace ytb::rds {

// The account in an ARN: "210987654321"; "" where the text is not an ARN.
std::string owner_of(const std::string& arn);

// The snapshot of this identifier or ARN, an instance's or a cluster's; none where it is not there. RDS may
// not show a shared one to who names it: it is looked for among all that are shared then.
Result<std::optional<aws::DbSnapshot>> find_snapshot(aws::Rds& rds, bool of_cluster, const std::string& id);

}  // namespace ytb::rds
