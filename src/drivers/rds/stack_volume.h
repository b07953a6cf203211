// The volume of a copy: what its restore asks for, said in full, since what is left out becomes RDS's default
// and a volume of another kind than the snapshot's is converted for hours. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "config/config.h"
#include "drivers/aws/rds.h"

namespace ytb::rds {

struct Volume {
  std::string type = {};        // "gp3"; "": the snapshot does not say, and RDS takes its default
  int64_t gib = 0;              // 0: not asked for
  int64_t iops = 0;             // 0: not given
  int64_t throughput_mibs = 0;  // 0: not given
  bool converted = false;  // it is another one than the snapshot's: RDS optimizes it before it is available
};

// kConfig, with what to write, where the snapshot's volume cannot become what the config asks for.
// `from_cluster`: the snapshot of a Multi-AZ DB cluster, which does not say its IOPS: then RDS's default,
// gp3.
Result<Volume> volume_of(const config::RdsCopiesConfig& copies, const aws::DbSnapshot& snapshot,
                         bool from_cluster = false);
// GiB that a volume of this size may be grown to at least: a tenth more.
int64_t storage_least(int64_t allocated_gib);

}  // namespace ytb::rds
