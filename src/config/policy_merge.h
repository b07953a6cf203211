// New lines in a policy that a person has written.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "masking/additions.h"

namespace ytb::config {

// The policy `text` of `file` with `additions` where they belong; everything else stays, comments and all,
// byte for byte (but that `tables:` alone moves under its database's name where `additions` say so). It is
// read back before it is returned: kPolicy where what was judged before would not be judged as before.
Result<std::string> add_to_policy(std::string_view text, std::string_view file,
                                  const masking::Additions& additions);

}  // namespace ytb::config
