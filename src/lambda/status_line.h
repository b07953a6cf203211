// StatusLine: what an invocation says of one production to whoever counts, as one line of JSON on standard
// output. The metrics and alarms of deploy/aws/template.yaml are made of it. Pure.
//
//   {"ytb":"status","production":"shop","stale":0,"overdue_copies":0,"data_age_s":41200,"copies":1}
//
//   stale           1: the live data is older than max_age, nothing is live, or it is not known
//   overdue_copies  copies of ours that should be gone by now: failed, being deleted, drained, or spare
//                   beyond spare_copies. An alarm waits for as long as a deletion takes. Left out where it
//                   is not known
//   data_age_s      of the live data; null: nothing is live, or it is not known
//   copies          all of ours; null: not known
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "config/config.h"
#include "model/copy.h"
#include "model/known.h"

namespace ytb::lambda {

std::string status_line(const config::ProductionConfig& production,
                        const model::Known<std::vector<model::Copy>>& copies, Instant now);

}  // namespace ytb::lambda
