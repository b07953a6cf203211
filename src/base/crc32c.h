// CRC-32C (Castagnoli; RFC 3720, appendix B.4): what PostgreSQL and PROXY v2 check with.
#pragma once

#include <cstdint>
#include <string_view>

namespace ytb {

// `crc`: what earlier pieces gave, 0 at first.
uint32_t crc32c(uint32_t crc, std::string_view bytes);

}  // namespace ytb
