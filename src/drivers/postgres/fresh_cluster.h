// Clusters of our own, as initdb makes them.
#pragma once

#include <string>

#include "base/result.h"
#include "base/stop.h"
#include "ports/instance.h"

namespace ytb::postgres {

// Folders below spec.root, and in spec.data() a new cluster whose superuser is `owner`: UTF8, locale C,
// nobody is let in, not synced. Half a CPU second.
Status make_fresh_cluster(const ports::InstanceSpec& spec, const std::string& bin_dir,
                          const std::string& owner, const StopFlag* stop);

}  // namespace ytb::postgres
