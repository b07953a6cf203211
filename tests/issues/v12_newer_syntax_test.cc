// V12: on 18, a NOT NULL that is NOT VALID over NULLs stopped the load of a streamed table, and `--schema`
// could not read a dump of 18 and said to make one with pg_dump.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "config/config.h"
#include "integration/scenario.h"
#include "masking/names.h"
#include "support/schema.h"

namespace ytb::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using tests::catalog_of;

TEST(V12, WhatNewerVersionsWriteIsRead) {
  // Word for word as pg_dump of 18 writes it.
  const masking::Catalog catalog = catalog_of(R"sql(
CREATE TABLE public.t (
    id integer CONSTRAINT the_id NOT NULL,
    enforced boolean,
    mail text,
    low text GENERATED ALWAYS AS (lower(mail)),
    up text GENERATED ALWAYS AS (upper(mail)) STORED,
    "virtual" text DEFAULT 'GENERATED ALWAYS AS (x'::text,
    CONSTRAINT named NOT NULL mail NO INHERIT,
    CONSTRAINT free CHECK ((mail = 'x'::text)) NOT ENFORCED,
    CONSTRAINT held CHECK ((NOT enforced))
);
ALTER TABLE public.t
    ADD CONSTRAINT later NOT NULL enforced NOT VALID;
CREATE TABLE public.booking (
    room integer CONSTRAINT room_not_null NOT NULL,
    during tstzrange CONSTRAINT during_not_null NOT NULL,
    of_room integer
);
ALTER TABLE ONLY public.booking
    ADD CONSTRAINT booking_pkey PRIMARY KEY (room, during WITHOUT OVERLAPS);
ALTER TABLE ONLY public.booking
    ADD CONSTRAINT booking_fkey FOREIGN KEY (of_room, PERIOD during) REFERENCES public.booking(room, PERIOD during) NOT ENFORCED;
)sql");
  ASSERT_EQ(catalog.databases.size(), 1U);
  const masking::Table* t = find_table(catalog.databases[0], {"public", "t"});
  ASSERT_NE(t, nullptr);
  ASSERT_EQ(t->columns.size(), 6U);
  EXPECT_TRUE(find_column(*t, "id")->not_null);
  EXPECT_TRUE(find_column(*t, "mail")->not_null);
  EXPECT_FALSE(find_column(*t, "enforced")->not_null);
  EXPECT_TRUE(find_column(*t, "low")->generated);
  EXPECT_TRUE(find_column(*t, "up")->generated);
  EXPECT_FALSE(find_column(*t, "virtual")->generated);
  const masking::Table* booking = find_table(catalog.databases[0], {"public", "booking"});
  ASSERT_NE(booking, nullptr);
  ASSERT_EQ(booking->indexes.size(), 1U);
  EXPECT_THAT(booking->indexes[0].columns, ::testing::ElementsAre("room", "during"));
  ASSERT_EQ(booking->foreign_keys.size(), 1U);
  EXPECT_THAT(booking->foreign_keys[0].columns, ::testing::ElementsAre("of_room", "during"));
}

TEST(V12, TheHintFitsWhatIsADumpAlready) {
  const Result<masking::Catalog> dump = config::parse_schema(
      "--\n-- PostgreSQL database dump\n--\nCREATE TABLE public.t (id integer FUTURE WORDS);\n", "dump.sql",
      "shop");
  ASSERT_FALSE(dump.ok());
  EXPECT_THAT(dump.error().hint, HasSubstr("PostgreSQL 13 to 18"));
  EXPECT_THAT(dump.error().hint, Not(HasSubstr("pg_dump")));
  const Result<masking::Catalog> by_hand =
      config::parse_schema("CREATE TABLE public.t (id integer FUTURE WORDS);\n", "schema.sql", "shop");
  ASSERT_FALSE(by_hand.ok());
  EXPECT_THAT(by_hand.error().hint, HasSubstr("pg_dump --schema-only"));
}

TEST(V12, NullsUnderANotNullThatIsNotValidAreLoaded) {
  Scenario scenario;
  if (scenario.production().value("template1", "SHOW server_version_num") < "180000") {
    GTEST_SKIP() << "NOT NULL is NOT VALID from 18 on: YTB_TEST_POSTGRES names its programs";
  }
  scenario.production().run(
      "shop",
      "CREATE TABLE t (id int, x int, y text, mail text, doc xml);"
      "INSERT INTO t SELECT g, NULL, NULL, 'm' || g || '@raw.test', '<a/>' FROM "
      "generate_series(1, 20) g; ALTER TABLE t ADD CONSTRAINT x_there NOT NULL x NOT VALID;"
      "ALTER TABLE t ADD CONSTRAINT y_there NOT NULL y NOT VALID;"
      "ALTER TABLE t ADD CONSTRAINT id_there NOT NULL id;");
  scenario.write_policy("    public.t: {id: keep, x: keep, y: hash, mail: email, doc: keep}\n");
  scenario.accept();
  scenario.take_snapshot("monday");
  scenario.refresh(0);
  EXPECT_EQ(scenario.staging_value("SELECT count(*) FROM t WHERE x IS NULL AND y IS NULL"), "20");
  EXPECT_EQ(scenario.staging_value("SELECT string_agg(attname, ' ' ORDER BY attname) FROM pg_attribute WHERE "
                                   "attrelid = 't'::regclass AND attnotnull AND attnum > 0"),
            "id x y");
  EXPECT_EQ(
      scenario.staging_value("SELECT count(*) FROM pg_constraint WHERE conrelid = 't'::regclass AND contype "
                             "= 'n' AND NOT convalidated"),
      "2");
}

}  // namespace
}  // namespace ytb::testing
