#include "drivers/postgres/schema_trial.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/temporary.h"

namespace ytb::postgres {
namespace {

// As pg_restore of 13 to 18 prints it: comments, kinds of one word and of several, names that pose as a line
// or as a kind (it prints a line break as a space).
TEST(SchemaTrial, OnlyKindsThatARoleWithoutPowerMayMakeAreMade) {
  constexpr std::string_view kList = R"(;
; Archive created at 2026-01-01 00:00:00 UTC
;     TOC Entries: 12
; Selected TOC Entries:
;
2; 3079 16401 EXTENSION - citext 
6; 2615 16400 SCHEMA - ext boss
7; 1255 16485 FUNCTION public f(text) boss
8; 1255 16486 FUNCTION public x 5; 1255 1 EXTENSION - plpython3u boss
9; 2612 16500 PROCEDURAL LANGUAGE - plperl boss
10; 1247 16487 TYPE public pair boss
11; 0 0 SHELL TYPE public half boss
12; 2328 16501 FOREIGN DATA WRAPPER - files boss
13; 1417 16502 SERVER - files boss
14; 1418 16503 USER MAPPING - USER MAPPING boss SERVER files boss
15; 3466 16504 EVENT TRIGGER - FUNCTION boss
16; 2617 16505 OPERATOR public === boss
17; 3602 16506 TEXT SEARCH CONFIGURATION public plain boss
18; 1259 16507 TABLE public FUNCTION boss
19; 0 0 ACL public FUNCTION f(text) boss
FUNCTION public not a line boss
)";
  EXPECT_EQ(internal::made_of(kList), "6;\n7;\n8;\n10;\n16;\n17;\n");
  EXPECT_EQ(internal::made_of(""), "");
  EXPECT_EQ(internal::made_of("5; \n; ;\n;"), "");
}

// A server's folder may have a newer pg_dump, or a link to one, and this host another pg_restore.
TEST(SchemaTrial, WhatDumpedRestores) {
  const tests::TemporaryFolder folder;
  const auto make = [&](const std::string& name) {
    std::filesystem::create_directories(std::filesystem::path(folder / name).parent_path());
    std::ofstream(folder / name) << "#!/bin/sh\n";
  };
  const FindClient find = [&](const std::string& name) -> Result<std::string> {
    return name == "pg_dump" ? folder / "server/pg_dump" : folder / "host/pg_restore";
  };
  make("newer/pg_dump");
  std::filesystem::create_directory(folder / "server");
  std::filesystem::create_symlink(folder / "newer/pg_dump", folder / "server/pg_dump");
  EXPECT_EQ(*internal::restoring_program(find), folder / "host/pg_restore") << "the only one";
  make("newer/pg_restore");
  EXPECT_EQ(*internal::restoring_program(find), folder / "newer/pg_restore")
      << "beside what the link leads to";
  make("server/pg_restore");
  EXPECT_EQ(*internal::restoring_program(find), folder / "server/pg_restore") << "beside pg_dump itself";
  const FindClient none = [](const std::string& name) -> Result<std::string> {
    return Error{.code = Code::kExternal, .message = name + " is not there", .hint = {}};
  };
  EXPECT_EQ(internal::restoring_program(none).error().message, "pg_dump is not there");
}

}  // namespace
}  // namespace ytb::postgres
