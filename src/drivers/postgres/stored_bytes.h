// Numbers in pages and values as they lie on disk, of a little-endian machine. Private to this room.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <string_view>

static_assert(std::endian::native == std::endian::little, "pages and values are read as they lie on disk");

namespace ytb::postgres {

// `bytes` must hold it.
template <typename T>
T get(std::string_view bytes, size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// `align`: a power of two.
constexpr size_t aligned(size_t offset, size_t align) { return (offset + align - 1) & ~(align - 1); }

}  // namespace ytb::postgres
