// CopyRecord: the state of a local copy, kept as copy.json in the copy's own folder. Pure: text in and out.
//
// Whoever has this file is a copy of ours. An older format is read, a newer one refused: its copy is then
// nobody's to touch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/copy.h"

namespace ytb::local {

inline constexpr int kRecordFormat = 2;  // 1 had no isolation
inline constexpr int kAttemptsFormat = 1;
inline constexpr size_t kRecordBytesMax = 1 << 20;
inline constexpr size_t kAttemptsBytesMax = 16 << 20;
inline constexpr size_t kAttemptsMax = 100;  // kept of each production
inline constexpr size_t kReasonMax = 4000;   // characters of a reason that are kept

struct CopyRecord {
  model::Copy copy;      // without what is observed: marked, proven, running
  std::string instance;  // nonce: names this very instance
  std::string engine;    // "postgresql"
  int engine_major = 0;
  std::string admin_role;  // our own superuser's reserved name
  uint16_t port = 0;
  std::string run_as;   // "" : as ourselves
  std::string boot_id;  // of the host when it was made: while closed, a reboot is the end of it
  // What the config asked for when it was restored, and what each of its servers is started under: its proof
  // says so. None: an earlier version made it.
  std::optional<model::Isolation> isolation = {};
  bool opening = false;  // the door is being opened: no closed session any more
};

std::string to_json(const CopyRecord& record);
// Error{kUnsupported} for a newer format, kCorrupt for anything that is not a whole record.
Result<CopyRecord> record_from_json(std::string_view text);

struct ProductionAttempt {
  model::ProductionName production;
  model::Attempt attempt;
};
std::string to_json(const std::vector<ProductionAttempt>& attempts);
Result<std::vector<ProductionAttempt>> attempts_from_json(std::string_view text);
// Puts one in, newest first; one of the same snapshot and number is replaced, and the oldest of the same
// production go.
void add_attempt(std::vector<ProductionAttempt>& attempts, ProductionAttempt attempt);

}  // namespace ytb::local
