// Secrets: from where the config says they are kept into memory.
#pragma once

#include "base/result.h"
#include "base/secret.h"
#include "model/access.h"

namespace ytb::os {

// From an environment variable or a file. A file must belong to us or root and be closed to everybody else
// (group may read); one trailing newline is no part of the secret. Empty secrets are refused. kNone is an
// empty Secret.
Result<Secret> resolve_secret(const model::SecretRef& reference);

}  // namespace ytb::os
