#include "cli/served.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/describe.h"

namespace ytb::cli {
namespace {

constexpr int kJournalLookMax = 1000;

bool is_listed(const model::Known<std::vector<model::Snapshot>>& snapshots, const model::SnapshotId& id) {
  if (!snapshots.known()) return true;  // perhaps
  return std::any_of(snapshots->begin(), snapshots->end(),
                     [&](const model::Snapshot& snapshot) { return snapshot.id == id; });
}

}  // namespace

const model::Copy* served_copy(const model::Observed& observed) {
  if (!observed.copies.known()) return nullptr;
  // Between the alias's move and the record of it, what it points at is what people get.
  for (const model::Copy& copy : *observed.copies) {
    const bool at_alias = observed.alias.known() && observed.alias->target == copy.id;
    const bool may_serve = copy.opened && copy.proven && copy.marked;
    if (at_alias && (may_serve || copy.phase == model::Phase::kLive)) return &copy;
  }
  return live_copy(*observed.copies);
}

std::optional<Error> why_not_served(const Context& context, const model::Observed& observed) {
  if (!observed.copies.known()) return std::nullopt;
  auto says = [](std::string message, std::string hint) {
    return Error{.code = Code::kStale, .message = std::move(message), .hint = std::move(hint)};
  };
  const model::Copy* live = served_copy(observed);
  const std::string mend = fmt::format("'{}' puts it right", context.command("refresh"));
  if (live == nullptr) {
    return says("no copy is live",
                fmt::format("'{}' says what is in the way", context.command("status --explain")));
  }
  if (observed.alias.known()) {
    const model::AliasState& alias = *observed.alias;
    if (!alias.target && !alias.stray.empty()) {
      return says(fmt::format("the alias does not lead to {}: {}", live->id, printable(alias.stray)),
                  fmt::format("move that away, then '{}' sets it anew", context.command("refresh")));
    }
    if (alias.target != live->id) {
      return says(fmt::format("the alias points at {}, not at {}",
                              alias.target ? printable(alias.target->str()) : "nothing", live->id),
                  mend);
    }
  }
  if (!live->running) return says(fmt::format("the server of {} is down", live->id), mend);
  if (!live->proven) {
    return says(fmt::format("the proof of {} does not verify", live->id),
                fmt::format("'{}' says why; '{}' puts another copy in its place",
                            context.command("proof verify"), context.command("refresh --force")));
  }
  if (live->data_as_of > context.now() + kClockSkewMax) {
    return says(fmt::format("staging's data is dated {}, which is still to come", to_iso(live->data_as_of)),
                fmt::format("where this machine's clock is right, '{}' and '{}' begin anew",
                            context.command("teardown"), context.command("refresh")));
  }
  return std::nullopt;
}

Instant last_teardown(const Site& site) {
  const Result<std::vector<ports::JournalEntry>> entries =
      site.drivers.journal->recent(site.production->name, kJournalLookMax);
  if (!entries.ok()) return {};
  const auto found = std::find_if(entries->begin(), entries->end(),
                                  [](const auto& entry) { return entry.event == kTeardownEvent; });
  return found == entries->end() ? Instant() : found->at;
}

const model::Attempt* last_failure(const model::Observed& observed, Instant torn_down, bool as_wanted) {
  const model::Copy* live = served_copy(observed);
  const model::Attempt* last = nullptr;
  if (!observed.attempts.known()) return last;
  for (const model::Attempt& attempt : *observed.attempts) {
    if (attempt.outcome != model::AttemptOutcome::kFailed || attempt.at <= torn_down) continue;
    if (live != nullptr && (attempt.at <= live->phase_since || attempt.data_as_of < live->data_as_of))
      continue;
    if (as_wanted && live != nullptr && attempt.data_as_of == live->data_as_of) continue;
    if (!is_listed(observed.snapshots, attempt.snapshot)) continue;
    if (last == nullptr || attempt.at > last->at) last = &attempt;
  }
  return last;
}

std::string stray_alias(const Site& site) {
  const Result<model::AliasState> alias = site.drivers.alias->read();
  if (!alias.ok() || alias->target || alias->stray.empty()) return {};
  if (config::is_aws(*site.production)) {
    return fmt::format(
        "the name leads to {}, which is no copy of ours: what serves there is not looked after",
        printable(alias->stray));
  }
  return fmt::format(
      "the alias leads to {}, which is not below copies.local.directory ({}): what serves there is not "
      "looked after any more. Where that folder was changed, put it back and run 'teardown' first",
      printable(alias->stray), printable(place_of_copies(*site.production)));
}

}  // namespace ytb::cli
