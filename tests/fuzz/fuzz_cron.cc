// Schedules: any text is read or refused, and what is read names instants that only go forward.
// fuzz-rooms: decide
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/check.h"
#include "decide/cron.h"
#include "decide/schedule.h"

namespace {

constexpr int kRuns = 8;

void follow(const ytb::decide::Schedule& schedule, ytb::Instant from) {
  for (int i = 0; i < kRuns; ++i) {
    std::optional<ytb::Instant> next = schedule.next_after(from);
    if (!next) return;
    YTB_CHECK(*next > from);
    // Nothing is due between the two: asked from just before, it is the same instant.
    YTB_CHECK(schedule.next_after(*next - std::chrono::seconds(1)) == next);
    from = *next;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  static constexpr std::string_view kZones[] = {"UTC", "Europe/Berlin", "America/New_York",
                                                "Australia/Lord_Howe"};
  (void)ytb::decide::parse_cron(text);
  (void)ytb::decide::parse_aws_cron(text);
  auto schedule = ytb::decide::Schedule::parse(text, kZones[data[0] % std::size(kZones)]);
  if (!schedule.ok()) return 0;
  for (int64_t year : {0, 26, 54, 56}) {  // since 1970; spring, before the clocks go forward
    follow(*schedule, ytb::Instant(std::chrono::hours(24 * (365 * year + 80))));
  }
  return 0;
}
