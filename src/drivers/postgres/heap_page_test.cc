#include "drivers/postgres/heap_page.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ytb::postgres {
namespace {

const std::vector<Attribute> kAttributes = {
    {.length = 4, .align = 4, .dropped = false},  {.length = -1, .align = 4, .dropped = false},
    {.length = 8, .align = 8, .dropped = false},  {.length = -1, .align = 4, .dropped = true},
    {.length = -1, .align = 4, .dropped = false}, {.length = 1, .align = 1, .dropped = false},
    {.length = -2, .align = 1, .dropped = false}};

std::string varlena(std::string_view payload) {
  std::string out;
  append_varlena(payload, out);
  return out;
}

TEST(HeapPage, fields_come_back_as_they_went_in) {
  std::string small = varlena("short");
  std::string large = varlena(std::string(300, 'x'));
  std::string gone = varlena("of a dropped column");
  std::string c_string("name\0", 5);
  for (unsigned nulls = 0; nulls < 128; ++nulls) {  // every pattern of NULLs
    std::vector<StoredField> fields = {"1234", small, "12345678", gone, large, "t", c_string};
    for (size_t i = 0; i < fields.size(); ++i) {
      if ((nulls >> i & 1U) != 0) fields[i] = {};
    }
    std::string tuple;
    build_tuple(kAttributes, fields, tuple);
    std::vector<StoredField> read;
    ASSERT_TRUE(read_fields(tuple, kAttributes, read)) << nulls;
    for (size_t i = 0; i < fields.size(); ++i) {
      bool null = is_null(fields[i]) || kAttributes[i].dropped;
      EXPECT_EQ(is_null(read[i]), null) << nulls << " " << i;
      if (!null) {
        EXPECT_EQ(read[i], fields[i]) << nulls << " " << i;
      }
    }
    EXPECT_EQ(tuple.find("dropped"), std::string::npos);
  }
}

TEST(HeapPage, a_varlena_has_the_header_its_size_allows) {
  EXPECT_EQ(varlena(std::string(126, 'a')).size(), 127U);
  EXPECT_EQ(varlena_of(varlena(std::string(126, 'a'))), Varlena::kShort);
  EXPECT_EQ(varlena(std::string(127, 'a')).size(), 131U);
  EXPECT_EQ(varlena_of(varlena(std::string(127, 'a'))), Varlena::kPlain);
  EXPECT_EQ(payload_of(varlena("")), "");
  EXPECT_EQ(payload_of(varlena(std::string(5000, 'b'))), std::string(5000, 'b'));
  EXPECT_EQ(varlena_of(std::string("\x01\x12", 2)), Varlena::kExternal);
  EXPECT_EQ(varlena_of(std::string("\x0a\x00\x00\x00", 4)), Varlena::kCompressed);
}

// Cut or bent anywhere, a tuple is refused or read within its bounds (the sanitizers watch).
TEST(HeapPage, damaged_tuples_are_never_followed) {
  std::string small = varlena("short");
  std::string large = varlena(std::string(300, 'x'));
  std::vector<StoredField> fields = {
      "1234", small, "12345678", {}, large, "t", std::string_view("name\0", 5)};
  std::string tuple;
  build_tuple(kAttributes, fields, tuple);
  std::vector<StoredField> read;
  size_t refused = 0;
  for (size_t size = 24; size < tuple.size(); ++size) {
    std::string cut(tuple, 0, size);
    if (!read_fields(cut, kAttributes, read)) ++refused;
  }
  EXPECT_EQ(refused, tuple.size() - 24);
  for (size_t at = 18; at < tuple.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string bent = tuple;
      bent[at] = static_cast<char>(static_cast<unsigned char>(bent[at]) ^ 1U << bit);
      if (!read_fields(bent, kAttributes, read)) continue;
      for (const StoredField& field : read) {
        if (is_null(field)) continue;
        EXPECT_GE(field.data(), bent.data());
        EXPECT_LE(field.data() + field.size(), bent.data() + bent.size());
      }
    }
  }
}

// Found by the fuzzer: a varlena that says that it is smaller than its own header.
TEST(HeapPage, a_varlena_smaller_than_its_header_is_none) {
  std::string large = varlena(std::string(300, 'x'));
  std::string tuple;
  build_tuple(std::span(kAttributes).subspan(1, 1), std::vector<StoredField>{large}, tuple);
  std::vector<StoredField> read;
  ASSERT_TRUE(read_fields(tuple, std::span(kAttributes).subspan(1, 1), read));
  for (char size = 0; size < 4; ++size) {
    std::string bent = tuple;
    bent.replace(24, 4, std::string{static_cast<char>(size << 2), '\0', '\0', '\0'});
    EXPECT_FALSE(read_fields(bent, std::span(kAttributes).subspan(1, 1), read)) << static_cast<int>(size);
  }
}

TEST(HeapPage, pages_fill_in_order_and_name_themselves) {
  PageBuilder builder(0, false);
  std::vector<std::string> tuples;
  for (int i = 0; i < 1000; ++i) {
    std::string number = std::to_string(100000 + i).substr(2, 4);
    std::string text = varlena(std::string(static_cast<size_t>(i % 90), 'v'));
    std::string& tuple = tuples.emplace_back();
    build_tuple(std::span(kAttributes).first(2), std::vector<StoredField>{number, text}, tuple);
    ASSERT_TRUE(builder.add(tuple));
  }
  std::string bytes(builder.finish(70000));
  size_t next = 0;
  for (size_t page = 0; page < builder.pages(); ++page) {
    auto view = PageView::open(std::string_view(bytes).substr(page * kPageBytes, kPageBytes));
    ASSERT_TRUE(view);
    for (size_t item = 0; item < view->items(); ++item) {
      std::string tuple(*view->tuple(item));
      EXPECT_EQ(view->seen(tuple), Seen::kVisible);
      // t_ctid: block (high, low), line pointer from 1
      uint64_t block = 70000 + page;
      EXPECT_EQ(static_cast<unsigned char>(tuple[12]), block >> 16U);
      EXPECT_EQ(static_cast<unsigned char>(tuple[14]) | static_cast<unsigned char>(tuple[15]) << 8U,
                static_cast<int>(block & 0xffffU));
      EXPECT_EQ(static_cast<unsigned char>(tuple[16]) | static_cast<unsigned char>(tuple[17]) << 8U,
                static_cast<int>(item + 1));
      ASSERT_LT(next, tuples.size());
      EXPECT_EQ(tuple.substr(18), tuples[next].substr(18));
      ++next;
    }
  }
  EXPECT_EQ(next, tuples.size());
  EXPECT_FALSE(builder.add(std::string(8200, 'x'))) << "no page takes that";
}

TEST(HeapPage, fillfactor_leaves_room_and_a_large_row_still_fits) {
  PageBuilder full(0, false);
  PageBuilder half(kPageBytes / 2, false);
  std::string tuple;
  std::string text = varlena(std::string(80, 'v'));
  build_tuple(std::span(kAttributes).subspan(1, 1), std::vector<StoredField>{text}, tuple);
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(full.add(tuple));
    ASSERT_TRUE(half.add(tuple));
  }
  EXPECT_NEAR(static_cast<double>(half.pages()), 2.0 * static_cast<double>(full.pages()), 1.0);
  EXPECT_TRUE(half.add(std::string(8000, '\0')));
}

TEST(HeapPage, what_is_no_page_is_told) {
  std::string zeros(kPageBytes, '\0');
  ASSERT_TRUE(PageView::open(zeros)) << "a page that was never used";
  EXPECT_EQ(PageView::open(zeros)->items(), 0U);
  std::string half_new = zeros;
  half_new[100] = 'x';
  EXPECT_FALSE(PageView::open(half_new));
  PageBuilder builder(0, false);
  std::string tuple;
  build_tuple(std::span(kAttributes).first(1), std::vector<StoredField>{"1234"}, tuple);
  ASSERT_TRUE(builder.add(tuple));
  std::string page(builder.finish(0));
  ASSERT_TRUE(PageView::open(page));
  for (size_t at : {12U, 14U, 16U, 18U}) {  // lower, upper, special, version
    std::string bent = page;
    bent[at + 1] = '\x7f';
    EXPECT_FALSE(PageView::open(bent)) << at;
  }
  std::string bent = page;
  bent[24] = '\xff';  // the first line pointer
  bent[25] = '\xff';
  auto view = PageView::open(bent);
  ASSERT_TRUE(view);
  EXPECT_FALSE(view->tuple(0)) << "it points out of the page";
}

// pg_visibility reads what the map says; here only its size and bits.
TEST(HeapPage, the_visibility_map_covers_every_page_and_no_more) {
  constexpr uint64_t kOfOnePage = (kPageBytes - 24) * 4;
  EXPECT_EQ(frozen_visibility_map(0, false).size(), 0U);
  EXPECT_EQ(frozen_visibility_map(kOfOnePage, true).size(), kPageBytes);
  std::string map = frozen_visibility_map(kOfOnePage + 5, false);
  ASSERT_EQ(map.size(), 2 * kPageBytes);
  EXPECT_EQ(map[kPageBytes - 1], '\xff');
  EXPECT_EQ(map[kPageBytes + 24], '\xff');
  EXPECT_EQ(map[kPageBytes + 25], '\x03');
  EXPECT_EQ(map[kPageBytes + 26], '\0');
}

}  // namespace
}  // namespace ytb::postgres
