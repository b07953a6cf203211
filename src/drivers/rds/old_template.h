// OldTemplate: a CloudFormation template of somebody else's, read from YAML or JSON and changed in few
// places.
//
// Written back as JSON: CloudFormation compares what a template says, not how. YAML's short forms (!Ref,
// !Sub, !GetAtt, …) are written out. What cannot be carried over without a guess is an error. Pure.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace ytb::rds {

using Tree = nlohmann::ordered_json;

// kUnsupported says what in it we cannot read.
Result<Tree> parse_stack_template(std::string_view text);
// Logical ids that a value refers to, by Ref, Fn::GetAtt and Fn::Sub; also names of parameters.
std::set<std::string> references_of(const Tree& value);

}  // namespace ytb::rds
