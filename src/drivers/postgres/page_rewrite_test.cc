// Masking by pages against real servers: the same rows come of it as of streaming, and PostgreSQL's own
// checks of pages (amcheck, pg_visibility, checksums) find nothing to say.
#include "drivers/postgres/page_rewrite.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "drivers/postgres/engine_testing.h"

namespace ytb::postgres {
namespace {

class PagesTest : public EngineTest {
 protected:
  // Two tables with the same rows; "streamed" has a column that only the server can compute.
  void make_twins(const std::string& after = "") {
    PostgresCluster::Options options;
    options.checksums = true;
    production_ = PostgresCluster::make(options);
    ASSERT_NE(production_, nullptr);
    production_->run("postgres", R"(
      CREATE EXTENSION citext; CREATE EXTENSION amcheck; CREATE EXTENSION pg_visibility;
      CREATE TYPE mood AS ENUM ('sad', 'happy');
      CREATE TABLE paged (
        id bigint PRIMARY KEY, small int2, word text, gone text, mail varchar(40) NOT NULL, doc json, bytes bytea,
        address inet, day date, at timestamp, tz timestamptz, key uuid, real float8, yes bool, folded citext,
        amount numeric(12, 3), list text[], mood mood, "char" "char", padded char(7), long text, empty text)
        WITH (fillfactor = 80);
      CREATE INDEX ON paged (mail); CREATE INDEX ON paged (lower(word));
      INSERT INTO paged SELECT i, i % 300, CASE WHEN i % 7 > 0 THEN 'raw word ' || repeat('ä', i % 150) END, 'raw gone ' || i,
        'raw' || i || '@corp.example', json_build_object('mail', 'raw' || i), decode(md5(i::text), 'hex'),
        CASE WHEN i % 2 = 0 THEN ('10.0.0.0'::inet + i) ELSE ('2001:db9::'::inet + i) END, '1970-01-01'::date + i,
        '2001-01-01'::timestamp + i * interval '1 hour', '2001-01-01'::timestamptz + i * interval '1 hour',
        md5(i::text)::uuid, i / 7.0, i % 2 = 0, 'Raw Name ' || i % 100, i * 1.001, ARRAY['a', NULL, i::text],
        'happy', 'c', i % 1000, CASE WHEN i % 40 = 0 THEN repeat('long ', 600) END, ''
        FROM generate_series(1, 6000) i;
      ALTER TABLE paged DROP COLUMN gone;
      UPDATE paged SET small = small + 1 WHERE id % 5 = 0;
      DELETE FROM paged WHERE id % 11 = 0;
      BEGIN; INSERT INTO paged (id, mail) VALUES (1000000, 'raw never@corp.example'); UPDATE paged SET small = 0; ROLLBACK;
      BEGIN; SELECT count(*) FROM (SELECT * FROM paged WHERE id < 50 FOR UPDATE) locked; COMMIT;
      CREATE TABLE streamed (LIKE paged INCLUDING ALL, computed text GENERATED ALWAYS AS (lower(mail)) STORED);
      INSERT INTO streamed SELECT * FROM paged ORDER BY id;)");
    if (!after.empty()) production_->run("postgres", after);
    restore();
    defuse();
  }
  masking::MaskingPlan twin_plan() {
    catalog_ = std::move(engine_.catalog(target_)).value();
    Maskers maskers;
    for (std::string table : {"public.paged.", "public.streamed."}) {
      for (const auto& [column, masker] : std::map<std::string, std::string>{{"small", "hash"},
                                                                             {"word", "hash"},
                                                                             {"mail", "email"},
                                                                             {"bytes", "hash"},
                                                                             {"address", "ip"},
                                                                             {"day", "date_shift"},
                                                                             {"at", "date_shift"},
                                                                             {"tz", "date_shift"},
                                                                             {"key", "hash"},
                                                                             {"real", "number_noise"},
                                                                             {"folded", "person_name"},
                                                                             {"doc", "json"},
                                                                             {"yes", "null"}}) {
        maskers[table + column] = masker;
      }
    }
    masking::MaskingPlan plan = plan_for(catalog_, maskers);
    for (auto& database : plan.databases) {
      for (auto& table : database.tables) {
        for (auto& column : table.columns) {
          if (column.masker.name == "date_shift") column.masker.params["days"] = "30";
          if (column.masker.name == "json") {
            masking::MaskerSpec inner;
            inner.name = "hash";
            column.masker.paths.push_back({.path = "$.mail", .masker = inner});
          }
        }
      }
    }
    return plan;
  }
  // COPY leaves the loading transaction's number in a tuple, pages the frozen one.
  std::string by_pages(const std::string& table) {
    return copy_value(
        "postgres",
        "SELECT count(*) FILTER (WHERE xmin::text = '2') = count(*) AND count(*) > 0 FROM " + table);
  }
  void expect_sound(const std::string& table) {
    if (testing::postgres_major() >= 14) {
      EXPECT_EQ(copy_value("postgres", "SELECT count(*) FROM public.verify_heapam('" + table + "')"), "0");
    }
    EXPECT_EQ(copy_value("postgres", "SELECT count(*) FROM public.pg_check_visible('" + table + "')"), "0");
    EXPECT_EQ(copy_value("postgres", "SELECT count(*) FROM public.pg_check_frozen('" + table + "')"), "0");
    EXPECT_EQ(copy_value("postgres",
                         "SELECT count(*) FROM (SELECT public.bt_index_check(indexrelid, true) FROM pg_index "
                         "WHERE indrelid = '" +
                             table + "'::regclass) checked")
                  .find_first_not_of("0123456789"),
              std::string::npos);
  }
  masking::Catalog catalog_;
};

constexpr const char* kColumns =
    "id, small, word, mail, doc::text, bytes, address, day, at, tz, key, real, yes, folded::text, amount, "
    "list, mood, "
    "\"char\", padded, long, empty";

TEST_F(PagesTest, gives_what_streaming_gives) {
  make_twins();
  std::string rows = copy_value("postgres", "SELECT count(*) FROM public.paged");
  auto plan = twin_plan();
  auto evidence = mask(plan);
  ASSERT_TRUE(evidence.ok()) << to_string(evidence.error());
  EXPECT_EQ(by_pages("public.paged"), "t");
  EXPECT_EQ(by_pages("public.streamed"), "f");
  EXPECT_EQ(copy_value("postgres", "SELECT count(*) FROM public.paged"), rows);
  for (const char* both : {"SELECT %1 FROM public.paged EXCEPT SELECT %1 FROM public.streamed",
                           "SELECT %1 FROM public.streamed EXCEPT SELECT %1 FROM public.paged"}) {
    std::string sql = both;
    for (size_t at = sql.find("%1"); at != std::string::npos; at = sql.find("%1"))
      sql.replace(at, 2, kColumns);
    EXPECT_EQ(copy_value("postgres", "SELECT count(*) FROM (" + sql + ") different"), "0") << sql;
  }
  EXPECT_EQ(
      copy_value("postgres",
                 "SELECT count(*) FROM public.paged WHERE mail LIKE '%corp.example' OR yes IS NOT NULL"),
      "0");
  EXPECT_EQ(copy_value("postgres", "SELECT count(*) FROM public.paged WHERE length(long) = 3000"),
            copy_value("postgres", "SELECT count(*) FROM public.paged WHERE id % 40 = 0"))
      << "compressed kept values are carried as they lie";
  expect_sound("public.paged");
  // The evidence counts the same values.
  std::map<std::string, std::vector<uint64_t>> counts;
  for (const auto& table : evidence->tables) {
    if (table.treatment != "masked") continue;
    for (const auto& column : table.columns) {
      counts[column.name].push_back(column.values);
      counts[column.name].push_back(column.changed);
    }
  }
  EXPECT_EQ(counts.size(), 13U);
  for (const auto& [column, twice] : counts) {
    ASSERT_EQ(twice.size(), 4U) << column;
    EXPECT_EQ(twice[0], twice[2]) << column;
    EXPECT_EQ(twice[1], twice[3]) << column;
  }
  EXPECT_EQ(failures(verify(&plan, *evidence)), "");
  // Nothing of the originals is left in the files, the dropped column's bytes included.
  std::string path = copy_value("postgres", "SELECT pg_relation_filepath('public.paged')");
  must(kind_.stop(spec_));
  testing::RunResult grep = testing::run_program(
      {"grep", "-c", "-a", "-E", "raw (word|gone)|corp.example|Raw Name", spec_.data() + "/" + path});
  EXPECT_EQ(grep.out, "0\n") << grep.err;
  if (!std::filesystem::exists(testing::postgres_bin_dir() + "/pg_checksums"))
    GTEST_SKIP() << "pg_checksums is not there (npm's servers lack it): only the checksums were not asked";
  testing::RunResult sums = testing::run_program(
      {testing::postgres_bin_dir() + "/pg_checksums", "--check", "-D", spec_.data()}, testing::server_user());
  EXPECT_EQ(sums.status, 0) << sums.out << sums.err;
}

// A lock and an update by one transaction leave a multixact whose end only the server knows.
TEST_F(PagesTest, asks_the_server_where_a_page_does_not_say) {
  make_twins(R"(
    BEGIN; SELECT count(*) FROM (SELECT * FROM paged WHERE id < 30 FOR KEY SHARE) locked;
    SAVEPOINT inner_one; UPDATE paged SET small = -1 WHERE id < 30; COMMIT;
    TRUNCATE streamed; INSERT INTO streamed SELECT * FROM paged ORDER BY id;)");
  auto plan = twin_plan();
  auto evidence = mask(plan);
  ASSERT_TRUE(evidence.ok()) << to_string(evidence.error());
  EXPECT_EQ(by_pages("public.paged"), "t");
  EXPECT_EQ(copy_value("postgres",
                       "SELECT count(*) FROM public.paged JOIN public.streamed USING (id, small, mail)"),
            copy_value("postgres", "SELECT count(*) FROM public.streamed"));
  expect_sound("public.paged");
}

// A masked value that is stored compressed: found half-way through, the table is streamed, nothing is lost.
TEST_F(PagesTest, what_it_cannot_do_is_streamed) {
  make_twins(R"(
    UPDATE paged SET word = repeat('raw compressible ', 300) WHERE id = 5000;
    TRUNCATE streamed; INSERT INTO streamed SELECT * FROM paged ORDER BY id;)");
  EXPECT_EQ(
      copy_value("postgres", "SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = 'paged'"),
      "0")
      << "or it is not tried by pages at all";
  auto plan = twin_plan();
  auto evidence = mask(plan);
  ASSERT_TRUE(evidence.ok()) << to_string(evidence.error());
  EXPECT_EQ(by_pages("public.paged"), "f");
  EXPECT_EQ(
      copy_value("postgres", "SELECT count(*) FROM public.paged JOIN public.streamed USING (id, mail, word)"),
      copy_value("postgres", "SELECT count(*) FROM public.streamed WHERE word IS NOT NULL"));
  EXPECT_EQ(failures(verify(&plan, *evidence)), "");
  // Every file of the database belongs to a relation: the attempt's were removed.
  EXPECT_EQ(
      copy_value("postgres",
                 "SELECT count(*) FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database WHERE datname = "
                 "'postgres')) AS name WHERE name ~ '^[0-9]+' AND NOT EXISTS (SELECT FROM pg_class WHERE "
                 "pg_relation_filenode(oid)::text = substring(name FROM '^[0-9]+'))"),
      "0");
}

TEST_F(PagesTest, constraints_are_asked) {
  make_production();
  production_->run("postgres", R"(
    CREATE TABLE t (id int PRIMARY KEY, mail text, CONSTRAINT ours CHECK (mail LIKE '%@corp.example'));
    INSERT INTO t SELECT i, 'raw' || i || '@corp.example' FROM generate_series(1, 500) i)");
  restore();
  defuse();
  auto catalog = engine_.catalog(target_);
  auto plan = plan_for(*catalog, {{"public.t.mail", "email"}});
  auto evidence = mask(plan);
  ASSERT_FALSE(evidence.ok());
  EXPECT_EQ(evidence.error().code, Code::kPolicy);
  EXPECT_NE(
      evidence.error().message.find("500 masked rows of public.t violate CHECK constraint ours in database "
                                    "postgres"),
      std::string::npos)
      << to_string(evidence.error());
}

// Larger than one range of pages and masked by several threads: every row once, in the order they lay in.
TEST_F(PagesTest, many_threads_keep_the_order) {
  make_production();
  production_->run("postgres", R"(
    CREATE TABLE t (id int, mail text, fill text);
    INSERT INTO t SELECT i, 'raw' || i || '@corp.example', repeat('x', 400) FROM generate_series(1, 60000) i;
    DELETE FROM t WHERE id % 3 = 0)");
  restore();
  defuse();
  auto catalog = engine_.catalog(target_);
  auto plan = plan_for(*catalog, {{"public.t.mail", "email"}});
  auto evidence = engine_.mask(target_, {.plan = plan, .key = key_, .spool_directory = spool_, .workers = 5},
                               progress_, stop_);
  ASSERT_TRUE(evidence.ok()) << to_string(evidence.error());
  EXPECT_EQ(by_pages("public.t"), "t");
  EXPECT_EQ(copy_value("postgres", "SELECT count(*) FROM public.t"), "40000");
  EXPECT_EQ(copy_value("postgres",
                       "SELECT count(*) FROM (SELECT id < lag(id) OVER (ORDER BY ctid) AS back FROM "
                       "public.t) o WHERE back"),
            "0");
  EXPECT_EQ(copy_value("postgres", "SELECT count(DISTINCT mail) FROM public.t"), "40000");
}

}  // namespace
}  // namespace ytb::postgres
