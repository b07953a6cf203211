// ProfileFile: AWS's shared config and credentials files. Pure parsing, and reading the two as AWS's tools
// do.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "drivers/aws/environment.h"

namespace ytb::aws {

using Profile = std::map<std::string, std::string>;  // keys in lower case

// Sections of an INI text by their whole header, e.g. "profile shop". Nested settings (indented lines) are
// skipped. kConfig names the file and line that is none of these; never what is on it.
Result<std::map<std::string, Profile>> parse_profiles(std::string_view text, const std::string& path);

// By profile name, from AWS_CONFIG_FILE (~/.aws/config: [default], [profile x]) and
// AWS_SHARED_CREDENTIALS_FILE
// (~/.aws/credentials: [x]); what the second says goes before the first. Files that are not there are empty.
Result<std::map<std::string, Profile>> read_profiles(const Environment& environment);

// The given name, else AWS_PROFILE, else "default".
std::string profile_name(const std::string& given, const Environment& environment);

}  // namespace ytb::aws
