// The word lists that pseudonyms are put together from. Family names, places and companies are invented:
// heads and tails that sound like names and belong to nobody. First names are real but rare ones.
//
// Private to the masking room.
#pragma once

#include <span>
#include <string_view>

namespace ytb::masking {

// First names and family names have these lengths at most, so that an e-mail address made of both and 98 bits
// of hash fits in varchar(50).
constexpr size_t kFirstNameSizeMax = 7;
constexpr size_t kLastNameSizeMax = 8;

std::span<const std::string_view> first_names();
std::span<const std::string_view> last_name_heads();
std::span<const std::string_view> last_name_tails();
std::span<const std::string_view> place_heads();
std::span<const std::string_view> place_tails();
std::span<const std::string_view> street_kinds();
std::span<const std::string_view> company_trades();
std::span<const std::string_view> company_forms();

}  // namespace ytb::masking
