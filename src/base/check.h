// CHECK: an assertion that stays on in release builds. It is for bugs of ours, never for bad input.
#pragma once

#include <string_view>

namespace ytb::internal {
[[noreturn]] void check_failed(const char* file, int line, const char* condition, std::string_view detail);
}

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): file and line of the caller are the point.
#define YTB_CHECK(condition)                                                             \
  do {                                                                                   \
    if (!(condition)) ::ytb::internal::check_failed(__FILE__, __LINE__, #condition, {}); \
  } while (false)

#define YTB_CHECK_MSG(condition, detail)                                                       \
  do {                                                                                         \
    if (!(condition)) ::ytb::internal::check_failed(__FILE__, __LINE__, #condition, (detail)); \
  } while (false)
