#include "drivers/rds/stack_wait.h"

#include <fmt/format.h>

#include <algorithm>

namespace ytb::rds {
namespace {

constexpr Duration kPollFirst = std::chrono::seconds(2);
constexpr Duration kPollMost = std::chrono::seconds(20);
constexpr Duration kStep = std::chrono::seconds(1);  // between looks at the stop flag

}  // namespace

Status StackWait::until(std::string_view what, Duration longest,
                        const std::function<Result<bool>()>& done) const {
  Duration waited{};  // counted, not only compared: a clock that is set back does not make us wait for ever
  const Instant begun = clock_.now();
  for (Duration poll = kPollFirst;; poll = std::min(poll * 3 / 2, kPollMost)) {
    YTB_TRY(stop_.check());
    YTB_ASSIGN(bool is_done, done());
    if (is_done) return {};
    if (leaves()) return ports::left_under_way(what);
    if (waited >= longest || clock_.now() - begun >= longest) break;
    for (Duration left = poll; left > Duration::zero(); left -= kStep) {
      YTB_TRY(stop_.check());
      clock_.sleep(std::min(left, kStep));
    }
    waited += poll;
  }
  return Error{.code = Code::kExternal,
               .message = fmt::format("{} was waited for in vain for {}", what, to_human(longest)),
               .hint = "it is looked at again; the console shows what AWS is doing",
               .retry = Retry::kLater};
}

}  // namespace ytb::rds
