// Rounds of a thousand by number: none is left at either end, also where a run before was killed.
#include "drivers/postgres/large_objects.h"

#include <gtest/gtest.h>

#include "tests/postgres_cluster.h"

namespace ytb::postgres {
namespace {

using testing::PostgresCluster;

TEST(LargeObjects, are_all_removed_whatever_their_numbers) {
  auto cluster = PostgresCluster::make();
  ASSERT_NE(cluster, nullptr);
  cluster->run("postgres", R"sql(
    CREATE PROCEDURE fill(first int8, last int8) LANGUAGE plpgsql AS $$ DECLARE number int8; BEGIN
      FOR number IN SELECT generate_series(first, last) LOOP
        PERFORM lo_from_bytea(number::oid, 'x');
        IF number % 500 = 0 THEN COMMIT; END IF;
      END LOOP; END $$;
    CALL fill(1, 1100);
    CALL fill(100001, 101000);
    CALL fill(4294967200, 4294967295))sql");
  ports::SessionTarget target{
      .parameters = {{"connection", cluster->connection()}}, .password = {}, .label = "p"};
  auto session = Connection::open(target, "postgres", SessionKind::kCopy);
  ASSERT_TRUE(session.ok());
  const char* left = "SELECT count(*) FROM pg_largeobject_metadata";
  ASSERT_EQ(cluster->value("postgres", left), "2196");
  // As a run that was killed left it, and objects of low numbers after it.
  ASSERT_EQ(
      cluster->value("postgres", "SELECT sum(lo_unlink(oid)) FROM pg_largeobject_metadata WHERE oid <= 1000"),
      "1000");
  cluster->run("postgres", "SELECT lo_create(7)");
  Status removed = remove_large_objects(*session);
  ASSERT_TRUE(removed.ok()) << removed.error().message;
  EXPECT_EQ(cluster->value("postgres", left), "0");
  EXPECT_EQ(cluster->value("postgres", "SELECT count(*) FROM pg_largeobject"), "0");
  EXPECT_TRUE(remove_large_objects(*session).ok());
}

}  // namespace
}  // namespace ytb::postgres
