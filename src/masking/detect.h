// Detectors: what sampled values look like. They see raw values and give back counts only.
// Private to the masking room; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ytb::masking {

struct Detected {
  std::string_view masker;  // that replaces such values; empty: nothing was recognised
  std::string_view what;    // "e-mail addresses"
  size_t matches = 0;       // whole values of that kind
  size_t mentions = 0;      // values in which something personal stands somewhere
  size_t values = 0;        // that were looked at: not empty
  size_t distinct = 0;
  size_t longest = 0;  // characters
  bool codes = false;  // every value is one short word of letters, digits, - and _
};
// The kind that most of the values are of.
Detected detect(const std::vector<std::string>& values);

// ISO/IEC 7812 and ISO 13616 check digits; `text` may hold spaces and dashes.
bool is_card_number(std::string_view text);
bool is_iban(std::string_view text);

}  // namespace ytb::masking
