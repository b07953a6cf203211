// SCRAM-SHA-256 verifiers as pg_authid keeps them (RFC 5802, RFC 7677; PostgreSQL's auth-scram.c), computed
// here so that a password never travels to a server or into a statement.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace ytb::postgres {

// "SCRAM-SHA-256$4096:<salt>$<stored key>:<server key>". `salt`: 16 bytes. The password must be printable
// ASCII, for which SASLprep (RFC 4013) is the identity; else kConfig.
Result<std::string> scram_verifier(const Secret& password, std::string_view salt, int iterations = 4096);
// With a random salt.
Result<std::string> scram_verifier(const Secret& password);

}  // namespace ytb::postgres
