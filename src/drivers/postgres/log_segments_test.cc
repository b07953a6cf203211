#include "drivers/postgres/log_segments.h"

#include <gtest/gtest.h>

namespace ytb::postgres {
namespace {

TEST(LogSegments, those_between_oldest_and_next_are_in_use) {
  const LogBounds bounds{.oldest_xid = 3 << 20,
                         .next_xid = (5 << 20) + 7,
                         .oldest_multi = 1,
                         .next_multi = 65536,
                         .next_member = 52351,
                         .oldest_member = std::nullopt};
  struct Case {
    const char* folder;
    const char* name;
    bool in_use;
  };
  for (const Case& one :
       {Case{"pg_xact", "0002", false}, Case{"pg_xact", "0003", true}, Case{"pg_xact", "0005", true},
        Case{"pg_xact", "0006", false}, Case{"pg_xact", "0FFF", false}, Case{"pg_xact", "00005", false},
        Case{"pg_xact", "5", false}, Case{"pg_xact", "0000000000000005", false},
        Case{"pg_multixact/offsets", "0000", true}, Case{"pg_multixact/offsets", "0001", true},
        Case{"pg_multixact/offsets", "0002", false}, Case{"pg_multixact/members", "0000", true},
        Case{"pg_multixact/members", "0001", false}, Case{"pg_commit_ts", "0000", false}}) {
    EXPECT_EQ(is_segment_in_use(one.folder, one.name, bounds), one.in_use) << one.folder << " " << one.name;
  }
}

TEST(LogSegments, numbers_wrap) {
  const LogBounds bounds{.oldest_xid = 0xFFF00000,
                         .next_xid = 5,
                         .oldest_multi = 0xFFFF0000,
                         .next_multi = 3,
                         .next_member = 10,
                         .oldest_member = 0xFFFFFFFF,
                         .oldest_commit = 26208,
                         .newest_commit = 26208 * 2};
  EXPECT_TRUE(is_segment_in_use("pg_xact", "0FFF", bounds));
  EXPECT_TRUE(is_segment_in_use("pg_xact", "0000", bounds));
  EXPECT_FALSE(is_segment_in_use("pg_xact", "0001", bounds));
  EXPECT_FALSE(is_segment_in_use("pg_xact", "1000", bounds));
  EXPECT_TRUE(is_segment_in_use("pg_multixact/offsets", "FFFF", bounds));
  EXPECT_FALSE(is_segment_in_use("pg_multixact/offsets", "FFFE", bounds));
  EXPECT_TRUE(is_segment_in_use("pg_multixact/members", "14078", bounds));
  EXPECT_FALSE(is_segment_in_use("pg_multixact/members", "14079", bounds));
  EXPECT_FALSE(is_segment_in_use("pg_multixact/members", "0001", bounds));
  EXPECT_TRUE(is_segment_in_use("pg_commit_ts", "0001", bounds));
  EXPECT_FALSE(is_segment_in_use("pg_commit_ts", "0000", bounds));
}

TEST(LogSegments, where_members_begin) {
  EXPECT_EQ(offsets_file(65536), "0001");
  EXPECT_EQ(offsets_position(65537), 4U);
}

}  // namespace
}  // namespace ytb::postgres
