// Debian's awscli against a FakeAws: botocore's parsers are the judge of our answers.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "tests/fakes/aws/fake_aws.h"

namespace ytb::fakes::aws {

// Debian's, and not whatever comes first in PATH: another version reads its settings otherwise.
inline constexpr const char* kAwsProgram = "/usr/bin/aws";

// Why no test can ask it; "" where one can.
std::string why_no_awscli();

struct AwsRun {
  int status = 0;
  nlohmann::json out;  // null: nothing was printed
  std::string err;
};

// One attempt only: what is refused is seen. `extra`: further environment, "NAME=value" each.
AwsRun aws(const FakeAws& fake, std::vector<std::string> arguments,
           const std::vector<std::string>& extra = {});

}  // namespace ytb::fakes::aws
