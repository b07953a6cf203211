// What sampled values look like, in words that hold none of them: how many, how many different ones, how
// long, of what shape. For whoever has to decide about a column that is marked `judge`.
#pragma once

#include <string>
#include <vector>

namespace ytb::masking {

// "100 values, 93 different, 3 to 40 characters, mostly like AA-9999". A shape has A and a for letters, 9 for
// digits and x for everything beyond ASCII; other characters stand for themselves.
std::string look_of(const std::vector<std::string>& values);

}  // namespace ytb::masking
