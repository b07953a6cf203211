// StackSecrets: what only we know of a copy, derived from a seed and the instance's resource id, so that
// nothing has to be stored and a crash loses nothing. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"

namespace ytb::rds {

// 32 characters of A–Z a–z 0–9 - _ (192 bits): fits RDS's rules for every engine.
Secret master_password(const Secret& seed, std::string_view resource_id);
// 32 hexadecimal digits: the mark that Door::claim writes into the copy. No secret.
std::string copy_nonce(const Secret& seed, std::string_view resource_id);

}  // namespace ytb::rds
