// Literals in code: what stands between quotes, and comments. Of SQL, and roughly of any other language that
// a function may be written in: where the two differ, more is taken than there is. Private to the masking
// room.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace ytb::masking {

enum class CodeOf { kSql, kOther };  // kOther: "…" is a text, too, and # begins a comment
// Gives `take` every literal and comment without its quotes, and `around` the code with blanks in their
// place.
void part_code(std::string_view code, CodeOf language,
               const std::function<void(std::string_view literal)>& take, std::string& around);

}  // namespace ytb::masking
