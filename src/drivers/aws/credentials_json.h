// Credentials as the container endpoint, the metadata service and credential programs write them. For this
// room.
#pragma once

#include <string>

#include "drivers/aws/credentials.h"

namespace ytb::aws {

// ISO 8601 with "Z" or an offset, as `aws configure export-credentials` writes it ("…+00:00").
std::optional<Instant> parse_expiration(const std::string& text);

// {"AccessKeyId", "SecretAccessKey", token_name, "Expiration"}. The error names what is missing, never a
// value.
Result<Credentials> parse_credentials(const std::string& text, const char* token_name,
                                      const std::string& source);

// STS, called with these credentials (none: unsigned calls only) while credentials are looked for.
Result<Credentials> assume_role_with(const ProviderContext& context, const Credentials& source,
                                     const std::string& role_arn, const std::string& session_name,
                                     const std::string& external_id, std::optional<int> duration_s);
Result<Credentials> assume_role_by_token_file(const ProviderContext& context, const std::string& role_arn,
                                              const std::string& session_name, const std::string& token_file);

inline constexpr const char* kSessionName = "yesterdaytabase";

}  // namespace ytb::aws
