// What libpq says of a connection that was not made or was lost, and what to do about it. Pure.
//
// Of the startup libpq keeps one text and no fields: host, port and reason; passwords are never in it.
#pragma once

#include <string>
#include <string_view>

namespace ytb::pgfiles {

// On one line, printable.
std::string one_line(std::string_view said);
// Its own lines, and the server's message in them, are shown on one line; a line of anything else (CONTEXT,
// DETAIL) means that code ran, as a login event trigger's does, and withholds all of it.
std::string text_of_refusal(std::string_view said);
// For production, as `source.connection` leads there.
std::string hint_of_refusal(std::string_view said);

}  // namespace ytb::pgfiles
