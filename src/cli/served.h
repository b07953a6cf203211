// Served: which copy staging gets, and what is in its way. Private to this room.
#pragma once

#include <optional>
#include <string>

#include "cli/context.h"

namespace ytb::cli {

// The copy that people get, or else the one that is recorded live; nullptr: none, or the copies are unknown.
const model::Copy* served_copy(const model::Observed& observed);
// kStale: why staging does not get it; none where all is well, or where it is not known.
std::optional<Error> why_not_served(const Context& context, const model::Observed& observed);

// When a person last removed everything; the epoch where that never was, or is not known.
Instant last_teardown(const Site& site);
// Of a refresh since what is live became so: it is why there is nothing newer, or nothing of today's
// settings. Once that is not wanted any more (the settings are as they were, the snapshot is gone), it is
// history. `as_wanted`: what is live has today's settings. nullptr: there is none.
const model::Attempt* last_failure(const model::Observed& observed, Instant torn_down, bool as_wanted);

// Why the alias leads to none of this production's copies, as when their folder was changed in the config;
// "": it does, or leads nowhere.
std::string stray_alias(const Site& site);

}  // namespace ytb::cli
