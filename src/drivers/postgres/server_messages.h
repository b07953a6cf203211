// What may be repeated of an error that a server reports. Pure: no session, no libpq.
//
// A copy runs production's code (CHECKs, views, functions), and `RAISE … USING ERRCODE = 'check_violation'`
// makes any value look like the server's own words. So a text is shown only where its diagnostic comes from
// one of the server's own source files (a language or an extension has others) *and* is one of the formats
// listed here; a name or number in it only where the server itself put it in: not while code of production's
// ran, unless our own statement says the same. Everything else is replaced by the name of its SQLSTATE, for
// which no code can invent a new one. Formats are the server's English ones: sessions pin lc_messages = C,
// and a translated text matches none.
#pragma once

#include <string>
#include <string_view>

namespace ytb::postgres {

// The fields of a diagnostic (protocol-error-fields), as they came.
struct ServerError {
  std::string_view state = {};    // SQLSTATE
  std::string_view message = {};  // the primary one
  std::string_view context = {};  // lines
  std::string_view source_file = {};
  std::string_view about = {};  // schema, table, column, type, constraint, joined by "."
};

struct ShownError {
  std::string text;          // never empty
  std::string state;         // as given, or "withheld" where the server knows none like it
  std::string about;         // or ""
  bool from_server = false;  // false: raised by production's code, or nobody knows by whom
};

// A SQLSTATE as it may be shown where nobody knows who raised it: production's code may give its errors any
// five characters.
std::string shown_state(std::string_view state);

// `statement`: what we sent.
ShownError shown(const ServerError& error, std::string_view statement);

// What a person does where a server's own words say that it found no room: those of an error, with its
// SQLSTATE, or lines of a log. "" where they do not say so.
std::string hint_of_shortage(std::string_view said, std::string_view state = {});

}  // namespace ytb::postgres
