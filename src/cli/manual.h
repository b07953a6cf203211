// Manual: the page for man(1), made from the command table. Pure.
#pragma once

#include <string>
#include <string_view>

namespace ytb::cli {

// troff with the macros of man(7), in ASCII.
std::string manual_page(std::string_view version);

}  // namespace ytb::cli
