// What a copy was made with, as named parts, and which of them differ today.
//
// A record of inputs is "policy=… lock=… key=… access=… passwords=… checks=…", each part a cut-off digest:
// short and of few characters, as it is kept in a tag on AWS. Equal records mean equal inputs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/isolation.h"

namespace ytb::model {

// `parts`: name and digest in hex.
std::string inputs_record(const std::vector<std::pair<std::string, std::string>>& parts);

// What a copy was made with, or would be made with today.
struct MadeWith {
  std::string inputs;  // a record; "": not known
  std::optional<Isolation> isolation = {};
};

// Whether a server that was started under `was` is confined otherwise than `today` asks for, or for another
// reason. Not where one of them is not known.
bool isolation_differs(const std::optional<Isolation>& was, const std::optional<Isolation>& today);

// What differs between the two, for people: "the policy and the access roles". "" where nothing does, or one
// of them is not known. A record of an earlier version has no parts, and its difference no name.
std::string drift_between(const MadeWith& then, const MadeWith& today);

}  // namespace ytb::model
