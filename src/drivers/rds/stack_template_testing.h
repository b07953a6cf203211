// What tests of templates share. For tests only.
#pragma once

#include "config/config.h"
#include "drivers/rds/stack_volume.h"

namespace ytb::rds {

// Every setting that a template has a place for.
inline config::RdsCopiesConfig every_setting() {
  config::RdsCopiesConfig copies;
  copies.subnet_group = "private";
  copies.quarantine_groups = {"sg-quarantine"};
  copies.staging_groups = {"sg-staging"};
  copies.parameters = {{"work_mem", "65536"}};
  copies.ca_certificate = "rds-ca-rsa2048-g1";
  copies.log_exports = {"postgresql"};
  copies.tags = {{"team", "data"}};
  copies.bucket = "proofs";
  return copies;
}

// As large as a volume may be asked for.
inline Volume every_volume() { return {.type = "gp3", .gib = 500, .iops = 12'000, .throughput_mibs = 500}; }

}  // namespace ytb::rds
