// SqliteJournal: the history of runs in one SQLite file of the state directory.
//
// Losing it loses history, never state: a file that is gone is made anew, a damaged one is set aside as
// <file>.damaged (the previous such one is replaced) with one note, and the history starts again. Written by
// a newer program: kUnsupported, and left as it is. History is bounded: the oldest entries and proofs go.
// Thread-safe; several processes may use one file.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ports/journal.h"

struct sqlite3;

namespace ytb::refresh {

class SqliteJournal final : public ports::Journal {
 public:
  static constexpr int kEntriesMax = 20'000;  // of one production
  static constexpr int kProofsMax = 400;      // of one production: a year of daily refreshes
  static constexpr int kFormat = 2;           // PRAGMA user_version

  // The file is made at the first use. `note` is told (at most once per event) that a damaged file was set
  // aside.
  SqliteJournal(std::string file, std::function<void(std::string_view)> note);
  ~SqliteJournal() override;

  Status append(const ports::JournalEntry& entry) override;
  Result<std::vector<ports::JournalEntry>> recent(const model::ProductionName& production,
                                                  int entries_max) override;
  Status keep_proof(const model::ProductionName& production, const model::CopyId& copy,
                    std::string_view envelope) override;
  // kConfig where there is none.
  Result<std::string> find_proof(const model::CopyId& copy) override;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  using Handle = std::unique_ptr<sqlite3, Close>;

  // Runs `work` on the open file; when that finds the file damaged, sets it aside and runs `work` once more.
  Status with_database(const std::function<Status(sqlite3*)>& work);
  Status open_if_needed();
  Status set_aside();

  std::string file_;
  std::function<void(std::string_view)> note_;
  std::mutex mutex_;
  Handle database_;
  dev_t device_ = 0;  // of the file that is open: another one at the path means it was replaced
  ino_t inode_ = 0;
};

}  // namespace ytb::refresh
