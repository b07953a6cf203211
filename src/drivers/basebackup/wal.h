// WAL segments: which ones a backup needs, and what one tells about itself. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/basebackup/manifest.h"

namespace ytb::basebackup {

// "000000010000000000000003"
bool is_wal_segment(std::string_view name);
// A power of two from 1 MB to 1 GB, as initdb --wal-segsize allows.
bool is_wal_segment_size(uint64_t bytes);

struct WalFile {
  std::string name;
  uint64_t size_bytes = 0;
};
// Whether every segment of every range is among `files`, whole. A segment on which timelines part may be
// there under the name of either. Error{kCorrupt} names the first that is missing or too short.
Status check_wal(const std::vector<WalRange>& ranges, const std::vector<WalFile>& files);

// The major version of the server that wrote a segment, by the magic number it begins with; none if unknown.
std::optional<int> major_of_wal(std::string_view first_bytes);

}  // namespace ytb::basebackup
