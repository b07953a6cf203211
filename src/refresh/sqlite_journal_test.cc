#include "refresh/sqlite_journal.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>

namespace ytb::refresh {
namespace {

const model::ProductionName kShop("shop");
const model::ProductionName kOther("other");

class SqliteJournalTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = (std::filesystem::temp_directory_path() / "ytb-journal-XXXXXX").string();
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    file_ = folder + "/journal.db";
    reopen();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void reopen() {
    journal_ =
        std::make_unique<SqliteJournal>(file_, [this](std::string_view line) { notes_.emplace_back(line); });
  }
  Status append(const model::ProductionName& production, int number) {
    return journal_->append({.at = Instant(std::chrono::seconds(number)),
                             .production = production,
                             .copy = "c",
                             .event = "action_done",
                             .action = "mask",
                             .detail = fmt::format("number {}", number),
                             .seconds = 0.5});
  }
  void damage() {
    std::ofstream out(file_, std::ios::binary | std::ios::trunc);
    for (int i = 0; i < 10000; ++i) out << "garbage ";
  }

  std::filesystem::path folder_;
  std::string file_;
  std::vector<std::string> notes_;
  std::unique_ptr<SqliteJournal> journal_;
};

TEST_F(SqliteJournalTest, KeepsEntriesNewestFirstPerProduction) {
  for (int i = 1; i <= 3; ++i) ASSERT_TRUE(append(kShop, i).ok());
  ASSERT_TRUE(append(kOther, 9).ok());
  reopen();
  auto entries = journal_->recent(kShop, 2);
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), 2U);
  EXPECT_EQ((*entries)[0].detail, "number 3");
  EXPECT_EQ((*entries)[0].at, Instant(std::chrono::seconds(3)));
  EXPECT_EQ((*entries)[0].production, kShop);
  EXPECT_EQ((*entries)[0].event, "action_done");
  EXPECT_EQ((*entries)[0].action, "mask");
  EXPECT_EQ((*entries)[0].copy, "c");
  EXPECT_EQ((*entries)[0].seconds, 0.5);
  EXPECT_EQ((*entries)[1].detail, "number 2");
  EXPECT_TRUE(journal_->recent(kShop, -1)->empty());
}

TEST_F(SqliteJournalTest, OnlyWeMayReadIt) {
  ASSERT_TRUE(append(kShop, 1).ok());
  struct stat found {};
  ASSERT_EQ(stat(file_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
}

TEST_F(SqliteJournalTest, HistoryIsBounded) {
  sqlite3* raw = nullptr;
  ASSERT_TRUE(append(kShop, 0).ok());
  ASSERT_TRUE(append(kOther, 0).ok());
  ASSERT_EQ(sqlite3_open(file_.c_str(), &raw), SQLITE_OK);
  std::string fill = fmt::format(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) INSERT INTO entries "
      "(at_us, "
      "production, copy, event, action, detail, seconds) SELECT i, 'shop', '', 'e', '', '', 0 FROM n",
      SqliteJournal::kEntriesMax + 500);
  ASSERT_EQ(sqlite3_exec(raw, fill.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(append(kShop, i).ok());
  ASSERT_EQ(sqlite3_open(file_.c_str(), &raw), SQLITE_OK);
  sqlite3_stmt* count = nullptr;
  sqlite3_prepare_v2(raw, "SELECT count(*) FROM entries WHERE production = 'shop'", -1, &count, nullptr);
  ASSERT_EQ(sqlite3_step(count), SQLITE_ROW);
  EXPECT_LE(sqlite3_column_int(count, 0), SqliteJournal::kEntriesMax + 64);
  EXPECT_GE(sqlite3_column_int(count, 0), SqliteJournal::kEntriesMax);
  sqlite3_finalize(count);
  sqlite3_close(raw);
  EXPECT_EQ(journal_->recent(kOther, 10)->size(), 1U) << "another production's history went";
}

TEST_F(SqliteJournalTest, KeepsProofsAndTheNewestOfThem) {
  for (int i = 0; i < SqliteJournal::kProofsMax + 5; ++i) {
    ASSERT_TRUE(
        journal_->keep_proof(kShop, model::CopyId(fmt::format("copy-{}", i)), fmt::format("e{}", i)).ok());
  }
  EXPECT_EQ(*journal_->find_proof(model::CopyId(fmt::format("copy-{}", SqliteJournal::kProofsMax))),
            fmt::format("e{}", SqliteJournal::kProofsMax));
  Result<std::string> gone = journal_->find_proof(model::CopyId("copy-1"));
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().message, "the journal holds no proof of a copy 'copy-1'");
  ASSERT_TRUE(journal_->keep_proof(kShop, model::CopyId("copy-200"), "again").ok());
  EXPECT_EQ(*journal_->find_proof(model::CopyId("copy-200")), "again");
}

TEST_F(SqliteJournalTest, DeletedWhileOpenItIsMadeAnew) {
  ASSERT_TRUE(append(kShop, 1).ok());
  std::filesystem::remove(file_);
  ASSERT_TRUE(append(kShop, 2).ok());
  ASSERT_TRUE(std::filesystem::exists(file_));
  auto entries = journal_->recent(kShop, 10);
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_EQ((*entries)[0].detail, "number 2");
}

TEST_F(SqliteJournalTest, DamagedItIsSetAsideWithANote) {
  ASSERT_TRUE(append(kShop, 1).ok());
  damage();
  reopen();
  Status status = append(kShop, 2);
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_EQ(journal_->recent(kShop, 10)->size(), 1U);
  EXPECT_TRUE(std::filesystem::exists(file_ + ".damaged"));
  ASSERT_EQ(notes_.size(), 1U);
  EXPECT_EQ(notes_[0],
            "the journal was damaged and is set aside as " + file_ + ".damaged; history starts anew");
}

TEST_F(SqliteJournalTest, DamagedWhileOpenItIsSetAside) {
  ASSERT_TRUE(append(kShop, 1).ok());
  damage();
  ASSERT_TRUE(append(kShop, 2).ok());
  EXPECT_EQ(journal_->recent(kShop, 10)->size(), 1U);
  EXPECT_EQ(notes_.size(), 1U);
}

TEST_F(SqliteJournalTest, TheFirstFormatIsReadAndANameThatComesAgainKeepsBothProofs) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(file_.c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(
      sqlite3_exec(raw,
                   "CREATE TABLE entries (id INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, "
                   "production TEXT NOT NULL, copy TEXT NOT NULL, event TEXT NOT NULL, action TEXT NOT NULL, "
                   "detail TEXT NOT NULL, seconds REAL NOT NULL);"
                   "CREATE INDEX entries_by_production ON entries (production, id);"
                   "CREATE TABLE proofs (id INTEGER PRIMARY KEY AUTOINCREMENT, production TEXT NOT NULL, "
                   "copy TEXT NOT NULL UNIQUE, envelope TEXT NOT NULL);"
                   "INSERT INTO proofs (production, copy, envelope) VALUES ('shop', 'copy-1', 'e1');"
                   "PRAGMA user_version = 1",
                   nullptr, nullptr, nullptr),
      SQLITE_OK);
  sqlite3_close(raw);
  reopen();
  EXPECT_EQ(*journal_->find_proof(model::CopyId("copy-1")), "e1");
  for (int time = 0; time < 2; ++time) {
    ASSERT_TRUE(journal_->keep_proof(kShop, model::CopyId("copy-1"), "e2").ok());
  }
  EXPECT_EQ(*journal_->find_proof(model::CopyId("copy-1")), "e2");
  ASSERT_EQ(sqlite3_open(file_.c_str(), &raw), SQLITE_OK);
  std::string kept;
  const auto note = [](void* into, int, char** columns, char**) {
    *static_cast<std::string*>(into) += columns[0];
    return 0;
  };
  ASSERT_EQ(sqlite3_exec(raw, "SELECT envelope FROM proofs ORDER BY id", note, &kept, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  EXPECT_EQ(kept, "e1e2");
}

TEST_F(SqliteJournalTest, NewerFormatIsRefusedAndLeftAlone) {
  ASSERT_TRUE(append(kShop, 1).ok());
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(file_.c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, fmt::format("PRAGMA user_version = {}", SqliteJournal::kFormat + 1).c_str(),
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(raw);
  reopen();
  Status status = append(kShop, 2);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kUnsupported);
  EXPECT_FALSE(std::filesystem::exists(file_ + ".damaged"));
}

TEST_F(SqliteJournalTest, WhereNothingCanBeWrittenItSaysSo) {
  SqliteJournal nowhere(folder_.string() + "/missing/journal.db", nullptr);
  Status status =
      nowhere.append({.at = {}, .production = kShop, .copy = {}, .event = {}, .action = {}, .detail = {}});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kExternal);
}

TEST_F(SqliteJournalTest, HostileTextIsJustText) {
  std::string hostile = "'; DROP TABLE entries;-- \n \xe2\x82\xac";
  ASSERT_TRUE(journal_
                  ->append({.at = {},
                            .production = kShop,
                            .copy = hostile,
                            .event = hostile,
                            .action = hostile,
                            .detail = hostile})
                  .ok());
  EXPECT_EQ(journal_->recent(kShop, 1)->front().detail, hostile);
}

}  // namespace
}  // namespace ytb::refresh
