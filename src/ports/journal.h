// Journal: history of runs, for status, dashboard and metrics. Losing it loses history, never state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/ids.h"

namespace ytb::ports {

struct JournalEntry {
  Instant at;
  model::ProductionName production;
  std::string copy;    // may be empty
  std::string event;   // "action_started", "action_done", "action_failed", "refresh_done", "refused"
  std::string action;  // "mask"
  std::string detail;  // reason or error
  double seconds = 0;  // of a finished action
};

class Journal {
 public:
  virtual ~Journal() = default;
  virtual Status append(const JournalEntry& entry) = 0;
  // Newest first, at most `entries_max`.
  virtual Result<std::vector<JournalEntry>> recent(const model::ProductionName& production,
                                                   int entries_max) = 0;
  // Keeps the proof beyond the copy's life.
  virtual Status keep_proof(const model::ProductionName& production, const model::CopyId& copy,
                            std::string_view envelope) = 0;
  virtual Result<std::string> find_proof(const model::CopyId& copy) = 0;
};

}  // namespace ytb::ports
