// Schedule: when a refresh is due. Five-field cron, AWS cron(…) and rate(…), with IANA time zones.
//
// Daylight saving: a run that falls into a skipped hour happens at the first instant after the gap; a run in
// a repeated hour happens once, the first time. Pure but for the zone data, which is read when parsing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace ytb::decide {

class Schedule {
 public:
  // `text`: "0 6 * * *", "cron(0 11 * * ? *)", "rate(1 day)", "@daily". `zone`: "Europe/Berlin", "UTC".
  // Error{kConfig} names the field that is wrong and what it takes.
  static Result<Schedule> parse(std::string_view text, std::string_view zone);

  // The first due instant strictly after `instant`; none when there is none any more (AWS years).
  // For rate(…): `anchor` + n × the interval, with the anchor at the Unix epoch.
  [[nodiscard]] std::optional<Instant> next_after(Instant instant) const;

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::string& zone() const { return zone_; }

 private:
  struct Fields;
  Schedule() = default;
  std::string text_;
  std::string zone_;
  std::shared_ptr<const Fields> fields_;  // immutable, shared by copies
};

}  // namespace ytb::decide
