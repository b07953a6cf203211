// Text that people read: suggestions, sizes, counts.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ytb {

// The candidate nearest to `word` by edit distance when it is near enough to be a typo; else empty.
std::string nearest(std::string_view word, std::span<const std::string> candidates);
// " (did you mean 'x'?)" or empty.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);
// "1.4 GB", "312 kB", "17 B": powers of 1000.
std::string human_bytes(uint64_t bytes);
// "1,234,567"
std::string with_commas(uint64_t number);
std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
// Whether `name` is `pattern`, in which one * stands for any text: "jit_*_cost", "track_*".
bool fits_pattern(std::string_view name, std::string_view pattern);
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string to_lower_ascii(std::string_view text);
std::string to_hex(std::string_view bytes);
// Sixteen bytes as RFC 9562 writes them.
void append_uuid_text(std::string_view bytes, std::string& out);
std::string to_base64(std::string_view bytes);  // RFC 4648, section 4, padded
// Whether it is a DNS name as certificates hold them: labels of ASCII letters, digits, - and _, joined by
// dots, the last of which is not a number (that would be a mistyped address). No wildcard.
bool is_host_name(std::string_view text);
// Control characters, quotes and backslashes escaped: for names of others in our messages and logs.
std::string printable(std::string_view text);

}  // namespace ytb
