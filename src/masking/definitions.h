// Definitions with data in them: a default, a CHECK, an enum's label, a comment or the body of a function is
// copied as it is, whatever stands in it. Findings name the object and the kind of data, never the text.
#pragma once

#include <string_view>

namespace ytb::masking {

// What a definition's text seems to hold ("e-mail addresses"); "" where no detector finds anything. Looks at
// its literals and at the whole. Thread-safe.
std::string_view data_in_definition(std::string_view text);

}  // namespace ytb::masking
