// What is read from a table's pages is what the server writes: the same values, asked for both ways.
#include "drivers/postgres/stored_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "drivers/postgres/connection.h"
#include "drivers/postgres/heap_page.h"
#include "tests/postgres_cluster.h"

namespace ytb::postgres {
namespace {

using testing::PostgresCluster;

class StoredText : public ::testing::Test {
 protected:
  void SetUp() override {
    cluster_ = PostgresCluster::make({});
    ASSERT_NE(cluster_, nullptr);
  }

  // The values of the only column of table t, by its pages: "" for what only the server can read.
  std::vector<std::string> by_pages(StoredType type, bool array, const Attribute& attribute) {
    cluster_->run("postgres", "CHECKPOINT");
    std::ifstream file(cluster_->value("postgres", "SHOW data_directory") + "/" +
                       cluster_->value("postgres", "SELECT pg_relation_filepath('t')"));
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    std::vector<std::string> values;
    std::vector<StoredField> fields;
    std::string buffer;
    for (size_t at = 0; at + kPageBytes <= bytes.size(); at += kPageBytes) {
      const std::optional<PageView> page = PageView::open(std::string_view(bytes).substr(at, kPageBytes));
      EXPECT_TRUE(page.has_value());
      for (size_t item = 0; page && item < page->items(); ++item) {
        const std::optional<std::string_view> tuple = page->tuple(item);
        EXPECT_TRUE(tuple && read_fields(*tuple, {&attribute, 1}, fields));
        std::string text;
        std::optional<std::string_view> value = fields[0];
        if (attribute.length == -1) value = value_of(fields[0], size_t{1} << 28, buffer);
        if (!value) {
          values.emplace_back();
        } else if (!array) {
          EXPECT_TRUE(append_stored_text(type, *value, text)) << values.size();
          values.push_back(text);
        } else {
          EXPECT_TRUE(for_each_stored_element(type, *value, [&](std::string_view one) {
            EXPECT_TRUE(append_stored_text(type, one, text));
            text += '|';
          })) << values.size();
          values.push_back(text);
        }
      }
    }
    return values;
  }
  std::vector<std::string> by_server(const std::string& expression) {
    auto session = Connection::open({.parameters = {{"connection", cluster_->connection("postgres", "")}},
                                     .password = {},
                                     .label = "test"},
                                    "", SessionKind::kProduction);
    EXPECT_TRUE(session.ok()) << (session.ok() ? "" : to_string(session.error()));
    std::vector<std::string> values;
    if (!session.ok()) return values;
    auto rows = session->query("SELECT " + expression + " FROM public.t ORDER BY ctid");
    EXPECT_TRUE(rows.ok()) << (rows.ok() ? "" : to_string(rows.error()));
    for (int row = 0; rows.ok() && row < rows->count(); ++row) values.push_back(rows->text(row, 0));
    return values;
  }
  void expect_same(const std::string& type, const std::string& rows,
                   const Attribute& attribute = {.align = 4}) {
    cluster_->run("postgres",
                  "DROP TABLE IF EXISTS t; CREATE TABLE t (v " + type + "); INSERT INTO t " + rows);
    const bool array = type.ends_with("[]");
    const std::string element = array ? type.substr(0, type.size() - 2) : type;
    const StoredType stored = stored_type_of(element.starts_with("numeric") ? "numeric"
                                             : element.starts_with("char(") ? "bpchar"
                                                                            : element);
    ASSERT_NE(stored, StoredType::kUnknown) << type;
    // bpchar loses its blanks on the way to text, but not where it is written.
    const std::string told = array ? "(SELECT coalesce(string_agg(e::text || '|', '' ORDER BY o), '') FROM "
                                     "unnest(v) WITH ORDINALITY AS u (e, o))"
                             : stored_type_of("bpchar") == stored && element.starts_with("char(")
                                 ? "rpad(v::text, 12)"
                                 : "v::text";
    EXPECT_EQ(by_pages(stored, array, attribute), by_server(told)) << type << " " << rows;
  }

  std::unique_ptr<PostgresCluster> cluster_;
};

TEST_F(StoredText, IsWhatTheServerWrites) {
  expect_same("int2", "VALUES (0), (-32768), (32767)", {.length = 2, .align = 2});
  expect_same("int4", "VALUES (0), (-2147483648), (2147483647)", {.length = 4, .align = 4});
  expect_same("int8", "VALUES (0), (-9223372036854775808), (9223372036854775807)", {.length = 8, .align = 8});
  expect_same("uuid", "SELECT md5(i::text)::uuid FROM generate_series(1, 500) i", {.length = 16, .align = 1});
  expect_same("text", "SELECT repeat('ä' || i, i % 400) FROM generate_series(0, 2000) i");
  expect_same("char(12)", "VALUES ('anna'), ('')");
  expect_same("json", R"(VALUES ('{"a": [1, 2]}'), ('  7 '))");
  expect_same("bytea", R"(VALUES ('\x'), ('\x00ff10'), ('\xdeadbeef'))");
  expect_same(
      "numeric",
      R"(VALUES (0), (1), (-1), (0.1), (-0.00001), (10000), (9999.9999), (12345678901234567890.123456789),
    (1e100), (1e-100), (-1e50), (0.0000), (100.00), ('NaN'), (1e1000), (7e-1000), (10.5), (0.00010), (99990000))");
  expect_same(
      "numeric",
      "SELECT (random() * 10 ^ (i % 30) - 10 ^ (i % 20))::numeric(60, 20) FROM generate_series(1, 2000) i");
  expect_same("numeric(12,2)", "SELECT i / 100.0 FROM generate_series(-200, 200) i");
}

TEST_F(StoredText, DocumentsAreWhatTheServerWrites) {
  expect_same("jsonb",
              R"(VALUES ('1'), ('"a"'), ('null'), ('true'), ('[]'), ('{}'), ('[[], {}, [1, [2, [3]]]]'),
    ('{"b": 1, "a": {"x": [1.50, "two", null, false]}, "": ""}'), ('-12.5e3'), ('"quote \" back \\ line \n tab \t bell \u0007 ä"'),
    ('{"aaa": "x", "b": 7, "cc": {"d": 1e20}}'))");
  expect_same(
      "jsonb",
      R"(SELECT jsonb_build_object('name', 'n' || i, 'list', (SELECT jsonb_agg(jsonb_build_object('k' || j, j * 1.5, 'z', repeat('y', j % 7)))
    FROM generate_series(1, i % 90) j), 'n', i) FROM generate_series(1, 300) i)");
  // More children than one run of lengths holds.
  expect_same("jsonb", "SELECT jsonb_object_agg('key' || j, j) FROM generate_series(1, 150) j");
}

TEST_F(StoredText, ArraysAreReadElementByElement) {
  expect_same(
      "text[]",
      R"(VALUES ('{}'), ('{a}'), ('{a,b,"c d",""}'), ('{NULL,x,NULL,yy,NULL}'), ('{{a,b},{c,d}}'), ('[5:6]={q,r}'), ('{NULL}'))");
  expect_same("text[]",
              "SELECT array_agg(repeat('w', j) ORDER BY j) FROM generate_series(1, 60) i, generate_series(0, "
              "i) j GROUP BY i");
  expect_same("int8[]", "VALUES ('{1,NULL,-3}'), ('{}'), ('{9223372036854775807}'), ('{1,2,3,4,5}')");
  expect_same("int4[]", "VALUES ('{1,NULL,-3}'), ('{7}'), ('{1,2,3}')");
  expect_same("int2[]", "VALUES ('{1,NULL,-3}'), ('{7}'), ('{1,2,3}')");
  expect_same("uuid[]", "VALUES (ARRAY[md5('a')::uuid, NULL, md5('b')::uuid])");
  expect_same("numeric[]", "VALUES ('{1.5,NULL,-0.001,100000000}')");
  expect_same("jsonb[]", R"(VALUES (ARRAY['{"a": [1, "b"]}'::jsonb, NULL, '7'::jsonb]))");
}

TEST_F(StoredText, WhatOnlyTheServerCanReadIsTold) {
  cluster_->run("postgres", R"(CREATE TABLE t (v text); ALTER TABLE t ALTER v SET STORAGE EXTERNAL;
    INSERT INTO t VALUES (repeat('x', 5000)), ('short'))");
  EXPECT_EQ(by_pages(StoredType::kText, false, {.align = 4}), (std::vector<std::string>{"", "short"}));
  cluster_->run("postgres",
                "DROP TABLE t; CREATE TABLE t (v text); INSERT INTO t VALUES (repeat('xyz', 5000))");
  EXPECT_EQ(by_pages(StoredType::kText, false, {.align = 4}), by_server("v")) << "compressed in its place";
}

TEST(StoredTextOfHands, NothingThatContradictsItselfIsFollowed) {
  std::string out;
  const std::string zeros(40, '\0');
  const std::string ones(40, '\xff');
  for (const std::string* bytes : {&zeros, &ones}) {
    for (size_t size = 0; size <= bytes->size(); ++size) {
      const std::string_view value = std::string_view(*bytes).substr(0, size);
      (void)append_stored_text(StoredType::kJsonb, value, out);
      (void)append_stored_text(StoredType::kNumeric, value, out);
      (void)for_each_stored_element(StoredType::kText, value, [](std::string_view) {});
      (void)for_each_stored_element(StoredType::kInt8, value, [](std::string_view) {});
    }
  }
  EXPECT_FALSE(append_stored_text(StoredType::kInt4, "123", out));
  EXPECT_FALSE(append_stored_text(StoredType::kUuid, "123", out));
  // An object in itself, as deep as it is long.
  std::string nested;
  for (int i = 0; i < 1000; ++i) nested.append("\x01\x00\x00\x40\xff\xff\xff\x50", 8);
  EXPECT_FALSE(append_stored_text(StoredType::kJsonb, nested, out));
  // A copy of what lies before the beginning.
  std::string packed("\x00\x00\x00\x00\x08\x00\x00\x00\x01\x05\x09", 11);
  packed[0] = static_cast<char>((packed.size() << 2U) | 2U);
  std::string buffer;
  EXPECT_EQ(value_of(packed, 1000, buffer), std::nullopt);
}

}  // namespace
}  // namespace ytb::postgres
