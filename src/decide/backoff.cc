#include "decide/backoff.h"

#include <algorithm>

namespace ytb::decide {

Duration backoff_after(int tries) {
  if (tries <= 0) return Duration::zero();
  Duration wait = kBackoffFirst;
  for (int i = 1; i < tries && wait < kBackoffMax; ++i) wait *= kBackoffFactor;
  return std::min(wait, kBackoffMax);
}

std::optional<Instant> retry_at(int tries, Instant last, Instant now) {
  if (tries <= 0 || last > now + kBackoffMax) return std::nullopt;
  Instant again = last + backoff_after(tries);
  if (again <= now) return std::nullopt;
  return again;
}

bool may_pass(const Error& error) {
  if (error.retry != Retry::kNever) return true;
  switch (error.code) {
    case Code::kCorrupt:
    case Code::kForbidden:
    case Code::kConfig:
    case Code::kRefused:
    case Code::kUnsupported:
      return false;
    default:
      return true;
  }
}

}  // namespace ytb::decide
