// What is written on the roles and the schema that we make inside a copy, so that they are known again, and
// nobody takes the words for production's.
#pragma once

#include <string_view>

namespace ytb::postgres {

inline constexpr std::string_view kAccessRoleMark = "made by yesterdaytabase: an access role of the config";
inline constexpr std::string_view kAskerMark = "made by yesterdaytabase: asks what the proof is about";
inline constexpr std::string_view kReadersMark =
    "made by yesterdaytabase: reads every table in place of pg_read_all_data";

inline constexpr std::string_view kProgressMark = "yesterdaytabase: progress of masking, format 3";

}  // namespace ytb::postgres
