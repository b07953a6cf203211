// Debian's awscli against a FakeAws: botocore's parsers are the judge of our answers.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/json.h"
#include "tests/fakes/aws/fake_aws.h"
#include "tests/postgres_cluster.h"

namespace ytb::fakes::aws {

// Debian's, and not whatever comes first in PATH: another version reads its settings otherwise.
inline const char* kAwsProgram = "/usr/bin/aws";

inline std::string why_no_awscli() {
  if (!FakeAws::available().empty()) return FakeAws::available();
  return access(kAwsProgram, X_OK) == 0 ? "" : "awscli is not installed (apt install awscli)";
}

struct AwsRun {
  int status = 0;
  nlohmann::json out;
  std::string err;
};

// One attempt only: what is refused is seen. `extra`: further environment.
inline AwsRun aws(const FakeAws& fake, std::vector<std::string> arguments,
                  const std::vector<std::string>& extra = {}) {
  std::vector<std::string> environment = fake.environment();
  environment.insert(environment.end(), {"AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "HOME=/nonexistent"});
  environment.insert(environment.end(), extra.begin(), extra.end());
  std::vector<std::string> argv = {kAwsProgram, "--endpoint-url", fake.endpoint(),
                                   "--output",  "json",           "--no-cli-auto-prompt"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  testing::RunResult result = testing::run_program(argv, "", "", environment);
  AwsRun run{result.status, parse_json(result.out), result.err};
  if (result.out.empty()) run.out = nullptr;
  return run;
}

}  // namespace ytb::fakes::aws
