// The pieces of JSON text (RFC 8259): where a string, number or word ends, and what a string says. Private to
// the masking room.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace ytb::masking {

// Each: the position after the piece that starts at `at`; npos: there is none.
size_t end_of_json_string(std::string_view text, size_t at);  // from one quote past the other
size_t end_of_json_number(std::string_view text, size_t at);
size_t skip_json_blanks(std::string_view text, size_t at);

// Appends what the inside of a (valid) JSON string says, escapes resolved, as UTF-8. Half a surrogate pair
// becomes U+FFFD.
void append_unescaped_json(std::string_view inside, std::string& out);
// The inside of each string of a document, names of members too; up to where it is no JSON any more.
void for_each_json_string(std::string_view text, const std::function<void(std::string_view inside)>& take);
// Whether a key looks like a word of a program, not like somebody's data: not one that is an address, a
// number, an identifier of many digits or a secret.
bool is_plain_json_key(std::string_view key);
// Appends UTF-8 as a JSON string with its quotes.
void append_json_string(std::string_view utf8, std::string& out);

}  // namespace ytb::masking
