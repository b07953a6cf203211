// What a copy was made with, as named parts, and which of them differ today.
//
// A record of inputs is "policy=… lock=… key=… access=… passwords=… checks=…", each part a cut-off digest:
// short and of few characters, as it is kept in a tag on AWS. Equal records mean equal inputs.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ytb::model {

// `parts`: name and digest in hex.
std::string inputs_record(const std::vector<std::pair<std::string, std::string>>& parts);

// What differs between two records, for people: "the policy and the access roles". "" where nothing does, or
// one of them is not known (""). A record of an earlier version has no parts, and its difference no name.
std::string drift_between(std::string_view recorded, std::string_view today);

}  // namespace ytb::model
