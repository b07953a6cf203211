// Detectors: what sampled values look like. They see raw values and give back counts only.
// Private to the masking room; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ytb::masking {

// What values of a kind say against a name that says "keep".
enum class Weight {
  kDecides,  // they are masked
  kDoubts,   // a person has to look: a version may look like an IP address
  kTells,    // nothing: addresses of the web, random identifiers
};

struct Detected {
  std::string_view masker;  // that replaces such values; empty: nothing was recognised, or there is none
  std::string_view what;    // "e-mail addresses"; empty: nothing was recognised
  Weight weight = Weight::kTells;
  size_t matches = 0;   // whole values of that kind
  size_t mentions = 0;  // values in which something personal stands somewhere
  size_t values = 0;    // that were looked at: not empty
};
// The kind that most of the values are of.
Detected detect(const std::vector<std::string>& values);

// Whether a word is one of a password's hash, a key, a token, or a long identifier that was drawn at random.
bool is_random_or_secret(std::string_view word);

// RFC 4291's text form, with a prefix length perhaps. "08:30:00" and MAC addresses are none.
bool is_ipv6(std::string_view text);

// ISO/IEC 7812 and ISO 13616 check digits; `text` may hold spaces and dashes.
bool is_card_number(std::string_view text);
bool is_iban(std::string_view text);

}  // namespace ytb::masking
