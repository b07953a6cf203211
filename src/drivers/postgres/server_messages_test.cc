#include "drivers/postgres/server_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ytb::postgres {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kCode = "PL/pgSQL function public.f(integer) line 3 at EXECUTE";

std::string text_of(const ServerError& error,
                    std::string_view statement = "COPY \"public\".\"t\" FROM STDIN") {
  ShownError said = shown(error, statement);
  return said.text + "|" + said.state + "|" + said.about;
}

TEST(ServerMessages, what_names_only_types_lengths_locales_and_files_is_shown) {
  EXPECT_EQ(text_of({.state = "22001",
                     .message = "value too long for type character varying(20)",
                     .context = "COPY t, line 3, column mail: \"secret\"",
                     .source_file = "varchar.c"}),
            "value too long for type character varying(20) (COPY t, line 3)|22001|");
  EXPECT_EQ(text_of({.state = "22023",
                     .message = "could not create locale \"xx_XX\": No such file or directory",
                     .source_file = "pg_locale.c"}),
            "could not create locale \"xx_XX\": No such file or directory|22023|");
  EXPECT_EQ(text_of({.state = "XX000",
                     .message = "cache lookup failed for statistics object 16400",
                     .source_file = "statscmds.c"}),
            "cache lookup failed for statistics object 16400|XX000|");
  EXPECT_EQ(text_of({.state = "54000",
                     .message = "index row size 2720 exceeds btree version 4 maximum 2704 for index \"t_a\"",
                     .source_file = "nbtutils.c"}),
            "index row size 2720 exceeds btree version 4 maximum 2704 for index \"t_a\"|54000|");
  EXPECT_EQ(text_of({.state = "58P01",
                     .message = "could not open file \"base/5/16400\": No such file or directory",
                     .source_file = "md.c"}),
            "could not open file \"base/5/16400\": No such file or directory|58P01|");
}

TEST(ServerMessages, values_in_shown_texts_are_withheld) {
  // to_tsvector('secret', …) and COLLATE … name what a statement or a row says.
  EXPECT_EQ(text_of({.state = "42704",
                     .message = "text search configuration \"secret\" does not exist",
                     .source_file = "namespace.c"}),
            "text search configuration \"(withheld)\" does not exist|42704|");
  EXPECT_EQ(
      text_of(
          {.state = "42704", .message = "collation \"secret\" does not exist", .source_file = "namespace.c"}),
      "collation \"(withheld)\" does not exist|42704|");
  EXPECT_EQ(text_of({.state = "22P02",
                     .message = "invalid input syntax for type integer: \"secret\"",
                     .source_file = "numutils.c"}),
            "invalid input syntax for type integer: \"(withheld)\"|22P02|");
  EXPECT_EQ(text_of({.state = "22P02",
                     .message = "invalid input syntax for type integer: \"a\": \"b\"",
                     .source_file = "numutils.c"}),
            "invalid input syntax for type integer: \"(withheld)\"|22P02|");
  EXPECT_EQ(
      text_of(
          {.state = "42P01", .message = "relation \"secret\" does not exist", .source_file = "namespace.c"}),
      "relation \"(withheld)\" does not exist|42P01|");
  EXPECT_EQ(
      text_of(
          {.state = "42P01", .message = "relation \"users\" does not exist", .source_file = "namespace.c"},
          "SELECT FROM \"public\".\"users\""),
      "relation \"users\" does not exist|42P01|");
  EXPECT_EQ(text_of({.state = "42501",
                     .message = "permission denied for materialized view users",
                     .source_file = "aclchk.c"},
                    "REFRESH MATERIALIZED VIEW \"users\""),
            "permission denied for materialized view users|42501|");
}

TEST(ServerMessages, a_literal_of_our_statement_is_not_a_name) {
  EXPECT_EQ(text_of({.state = "22P02",
                     .message = "invalid input syntax for type integer: \"Jane\"",
                     .source_file = "numutils.c"},
                    "SELECT 'Jane'::int, \"it's\", ' \"' || 'Jane'"),
            "invalid input syntax for type integer: \"(withheld)\"|22P02|");
}

TEST(ServerMessages, constraints_are_named_where_the_server_names_them) {
  ServerError error{.state = "23514",
                    .message = "new row for relation \"users\" violates check constraint \"adult\"",
                    .context = "COPY users, line 7: \"1\tsecret\"",
                    .source_file = "execMain.c",
                    .about = "public.users.adult"};
  EXPECT_EQ(text_of(error),
            "new row for relation \"users\" violates check constraint \"adult\" (COPY users, line 7)|23514|"
            "public.users.adult");
  // Names that code made of values: CREATE TEMP TABLE "secret" (… CHECK …).
  error.context = kCode;
  EXPECT_EQ(text_of(error),
            "new row for relation \"(withheld)\" violates check constraint \"(withheld)\"|23514|");
}

TEST(ServerMessages, what_code_of_productions_raises_is_withheld_whatever_it_calls_itself) {
  for (std::string_view file :
       {"pl_exec.c", "plpy_elog.c", "plperl.c", "pltcl.c", "my_extension.c", "", "a b"}) {
    EXPECT_EQ(text_of({.state = "23514",
                       .message = "new row for relation \"users\" violates check constraint \"secret\"",
                       .context = "",
                       .source_file = file,
                       .about = "secret"}),
              "check_violation (text withheld: it may quote data)|23514|")
        << file;
  }
  EXPECT_EQ(text_of({.state = "SECRT", .message = "secret", .context = kCode, .source_file = "pl_exec.c"}),
            "error (text withheld: it may quote data)|withheld|");
  EXPECT_FALSE(shown({.state = "53100", .message = "x", .source_file = "pl_exec.c"}, "").from_server);
}

TEST(ServerMessages, where_there_is_no_room_a_hint_says_where) {
  const std::string posix =
      "could not resize shared memory segment \"/PostgreSQL.1234\" to 8388608 bytes: No space left on device";
  EXPECT_THAT(hint_of_shortage(posix, "53100"), HasSubstr("/dev/shm"));
  EXPECT_THAT(hint_of_shortage("log\n2026 FATAL:  " + posix + "\nlog\n"), HasSubstr("--shm-size"));
  // While code of production's runs, names and numbers are withheld: the SQLSTATE says what is short.
  EXPECT_THAT(hint_of_shortage("could not resize shared memory segment \"(withheld)\" to (withheld) bytes: "
                               "(withheld)",
                               "53100"),
              HasSubstr("/dev/shm"));
  // Behind a weak wall its shared memory lies in files of its own.
  for (const char* disk :
       {"could not resize shared memory segment \"pg_dynshmem/mmap.1\" to 80 bytes: No space left on device",
        "could not extend file \"base/5/16384\": No space left on device"}) {
    EXPECT_THAT(hint_of_shortage(disk), HasSubstr("the disk of that server is full")) << disk;
  }
  EXPECT_EQ(hint_of_shortage("could not open file \"base/5/16384\": Permission denied", "42501"), "");
}

TEST(ServerMessages, a_number_that_code_chose_is_withheld) {
  EXPECT_EQ(text_of({.state = "22001",
                     .message = "value too long for type character varying(4711)",
                     .context = kCode,
                     .source_file = "varchar.c"}),
            "value too long for type (withheld)|22001|");
  EXPECT_EQ(text_of({.state = "22012",
                     .message = "division by zero",
                     .context = "SQL function \"f\" statement 1",
                     .source_file = "int.c"}),
            "division by zero|22012|");
}

TEST(ServerMessages, a_context_is_the_servers_own_only_line_by_line) {
  const std::string said =
      text_of({.state = "23502",
               .message = "null value in column \"c\" of relation \"secret\" violates not-null constraint",
               .context = "COPY t, line 1\nPL/pgSQL function f() line 1 at SQL statement",
               .source_file = "execMain.c"});
  EXPECT_THAT(said, Not(HasSubstr("secret")));
}

TEST(ServerMessages, other_texts_and_translated_ones_are_withheld) {
  EXPECT_EQ(text_of({.state = "22012", .message = "Division durch Null", .source_file = "int.c"}),
            "division_by_zero (text withheld: it may quote data)|22012|");
  EXPECT_EQ(text_of({.state = "XX000", .message = "unexpected secret", .source_file = "heapam.c"}),
            "internal_error (text withheld: it may quote data)|XX000|");
}

}  // namespace
}  // namespace ytb::postgres
