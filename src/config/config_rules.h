// What a value of the config must be, each rule as a function of the text alone. Private to the config room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/diagnostics.h"

namespace ytb::config {

bool is_production_name(std::string_view name);
bool is_setting_name(std::string_view name);
// "6500-6599" or "6500"; false: neither, and the ports are as before.
bool read_port_range(std::string_view text, uint16_t& first, uint16_t& last);
// "0.0.0.0:6432", "[::1]:6432", "localhost:6432".
bool is_address_and_port(std::string_view text);
// "10.0.0.2", "fd00::2".
bool is_address(std::string_view text);
// Whether only this machine reaches what is_address_and_port: 127.0.0.0/8, ::1, localhost.
bool is_loopback(std::string_view address_and_port);

// Each of these: what is wrong, as the end of a sentence about the value; nullopt: nothing.
std::optional<std::string> wrong_with_path(std::string_view path);
std::optional<std::string> wrong_with_role(std::string_view name);
std::optional<std::string> wrong_with_origin(std::string_view from);            // "local", an address, a CIDR
std::optional<std::string> wrong_with_block(std::string_view block);            // an address, a CIDR
std::optional<std::string> wrong_with_certificate_name(std::string_view name);  // a DNS name, an address

// Of what is_remote() is true.
std::optional<std::string> wrong_with_remote(std::string_view place);
bool is_bucket_name(std::string_view name);

// "${NAME}", "file:PATH" (relative to `folder`), "secretsmanager:NAME-OR-ARN[#KEY]" or "ssm:NAME-OR-ARN";
// empty: anything else.
model::SecretRef secret_reference(std::string_view text, const std::string& folder);
// Whether a libpq connection string (keywords or URI) holds a password.
bool holds_password(std::string_view connection);

// The folder of a file, and a path resolved against it, lexically. Both also within a bucket (s3://).
std::string folder_of(std::string_view file);
std::string resolve(const std::string& folder, std::string_view path);
// policy.yaml → policy.lock
std::string lock_beside(const std::string& policy_file);

// No folder of one thing inside that of another, no port and no record twice.
void check_overlaps(const Config& config, const std::vector<Mark>& productions, Diagnostics& diagnostics);

}  // namespace ytb::config
