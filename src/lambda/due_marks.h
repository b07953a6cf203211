// DueMarks: the durable word that something was asked of a production and is not done yet. A schedule's event
// only leaves one; whichever invocation comes next reads it and carries on. Thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/ids.h"

namespace ytb::lambda {

struct DueMark {
  enum class Want {
    kRefresh,   // the newest snapshot is to become live
    kFollow,    // it is, or nothing more can be done; what drains is still to be looked after
    kTeardown,  // everything of ours is to go
  };
  model::ProductionName production;
  Want want = Want::kRefresh;
  Instant at;  // when it was asked: names the mark, and keeps a failure from being repeated for ever
  bool force = false;
  std::string config_text;  // the original's config, where the event brought one: later invocations need it
};

class DueMarks {
 public:
  virtual ~DueMarks() = default;
  // One mark a production: a newer one takes the place of what was there. Durable when it returns.
  virtual Status mark(const DueMark& mark) = 0;
  // All of them, at most one a production, by name.
  virtual Result<std::vector<DueMark>> read() = 0;
  // The mark of that instant becomes this one; another that took its place meanwhile stays as it is.
  virtual Status replace(Instant at, const DueMark& mark) = 0;
  // Takes away the mark of that instant; another that took its place meanwhile stays. Idempotent.
  virtual Status clear(const model::ProductionName& production, Instant at) = 0;
};

// One line of JSON, at most 4 KB for a config as events bring it; for whoever stores marks.
std::string to_json(const DueMark& mark);
// kCorrupt.
Result<DueMark> due_mark_from_json(std::string_view text);

}  // namespace ytb::lambda
