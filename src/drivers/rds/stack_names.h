// StackNames: what the things of a copy are called on AWS. Pure.
//
// One name for stack, instance or cluster, and parameter groups: the copy's id, where RDS allows it (at most
// 63 letters, digits and single hyphens). A production's name that is too long, or has hyphens where RDS does
// not want them, is shortened to what begins all of its copies' names alike, with a hash of the whole. What
// is made of one copy never depends on now.
#pragma once

#include <string>
#include <string_view>

#include "model/copy.h"

namespace ytb::rds {

inline constexpr size_t kDbNameMax = 63;

// "shop-yesterday-": begins the names of all that is ours of a production.
std::string name_prefix(const model::ProductionName& production);
// `copy` is a name that copy_id makes for `production` (a CHECK).
std::string stack_name(const model::ProductionName& production, const model::CopyId& copy);
// Of an Aurora cluster's one instance.
std::string writer_name(std::string_view stack_name);
// Of the copy of a snapshot that could not be restored as it is.
std::string snapshot_copy_name(std::string_view stack_name);

// For ClientRequestToken: the same for every try of the same thing. `state` tells one try from a later,
// rightful one, e.g. when the stack was last updated.
std::string request_token(std::string_view stack_name, std::string_view verb, std::string_view state = {});

}  // namespace ytb::rds
