// Masker specs and names as YAML text: what `policy propose`, the findings and `init` write, parse_policy()
// reads.
#pragma once

#include <string>
#include <string_view>

#include "masking/policy.h"

namespace ytb::masking {

// Plain where no YAML reader could take it for anything but text, else in double quotes.
std::string yaml_scalar(std::string_view text);
// A column's or database's name as a key of a policy.
std::string yaml_key(std::string_view name);
// A table's name as a key of a policy: public.users, "\"odd.name\".users".
std::string yaml_key(const QualifiedName& table);
// The key of one database's settings; "" or "*": of those of every one.
std::string settings_key(std::string_view database);
// `email`, `{date_shift: {days: 30}}`
std::string yaml_spec(const MaskerSpec& spec);

}  // namespace ytb::masking
