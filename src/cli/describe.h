// Describe: what the commands say about copies, decisions and times; text and JSON. Private to this room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/context.h"

namespace ytb::cli {

using Json = nlohmann::ordered_json;

// What `teardown` writes into the journal when it is done: what failed before is history.
inline constexpr std::string_view kTeardownEvent = "teardown_done";

// Names of others may be no UTF-8: such bytes are written as U+FFFD.
std::string to_text(const Json& tree);
Json to_tree(const model::Copy& copy, Instant now);
Json to_tree(const decide::Decision& decision);
Json to_tree(const Error& error);
// One line a copy, newest data first: mark, name, phase, age of the data, remarks.
std::vector<std::vector<std::string>> copy_rows(const Context& context,
                                                const std::vector<model::Copy>& copies);
// What this copy's server was started under: "sealed", "weak", "none"; "" of none, on AWS, or not known.
std::string isolation_word(const model::Copy* copy);
// The same with its reason.
std::string isolation_said(const model::Copy* copy);
// "" where it is sealed.
std::string loose_isolation(const model::Copy* copy);
// How a person connects: "psql service=… " or what the alias store says; and what must be known of that.
std::string how_to_connect(const model::Observed& observed);
std::string connect_note(const model::Observed& observed);
// "of staging: file:/etc/…/staging.password": what the config refers to, never the password. One a role.
std::string where_password_is(const config::ProductionConfig& production);
// "yesterdaytabase connect --role staging", with --config where that was given.
std::string connect_command(const Context& context, const config::ProductionConfig& production);
// What a restore needs and what there is.
std::string space_text(const ports::SpaceEstimate& space);
// Where snapshots, copies and the alias of a production are: folders, or what AWS calls it.
std::string place_of_snapshots(const config::ProductionConfig& production);
std::string place_of_copies(const config::ProductionConfig& production);
std::string place_of_alias(const config::ProductionConfig& production);

// What a refresh that begins with `first` does until its copy is live: {"restore", "defuse", …}.
std::vector<std::string> steps_from(model::ActionKind first);
// Seconds that each of these steps took when it last succeeded, from the journal; a step never seen is left
// out.
std::vector<std::pair<std::string, double>> last_times(ports::Journal& journal,
                                                       const model::ProductionName& production,
                                                       const std::vector<std::string>& steps);

// The copy that was live before the one that is, among those that still serve; nullptr: there is none. Not by
// name or age: several may be of one snapshot, and a rollback may have come between.
const model::Copy* previous_copy(const std::vector<model::Copy>& copies);

}  // namespace ytb::cli
