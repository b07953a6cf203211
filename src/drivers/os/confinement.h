// What keeps a program in its folder; enclosure.h says what each means.
#pragma once

#include <cstdint>
#include <string_view>

namespace ytb::os {

enum class Confinement : uint8_t { kSealed, kWeak, kNone };

constexpr std::string_view name_of(Confinement confinement) {
  if (confinement == Confinement::kSealed) return "sealed";
  return confinement == Confinement::kWeak ? "weak" : "none";
}

}  // namespace ytb::os
