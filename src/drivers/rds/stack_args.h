// StackArgs: what a copy's stack is made of, as the original's answer has it: {"StackName", "TemplateBody",
// "Parameters": [{"ParameterKey", "ParameterValue"}]}. The parameters are those of this very template.
#pragma once

#include <string>

#include "base/result.h"
#include "config/config.h"
#include "drivers/aws/rds.h"
#include "model/action.h"

namespace ytb::rds {

// `restore` is an action of that kind. Asks RDS for the snapshot, and nothing else.
Result<std::string> stack_args(aws::Rds& rds, const config::ProductionConfig& production,
                               const model::Action& restore);

}  // namespace ytb::rds
