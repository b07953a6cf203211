// Progress: how long work tells how far it is. Implementations are thread-safe; calls are cheap.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ytb::ports {

struct ProgressUpdate {
  // "clone", "redo", "catalogs", "views", "roles", "mask", "reindex", "verify". A new one is shown at once,
  // another item only when the last line is old enough.
  std::string_view stage;
  std::string_view item;  // "shop public.users"; may be empty
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;  // 0: unknown
  uint64_t done_rows = 0;
  uint64_t total_rows = 0;
};

class Progress {
 public:
  virtual ~Progress() = default;
  virtual void update(const ProgressUpdate& update) = 0;
  // One line that stays: "skipped 3 unusable snapshots". Never a secret or a raw personal value.
  virtual void note(std::string_view line) = 0;
};

class NoProgress final : public Progress {
 public:
  void update(const ProgressUpdate&) override {}
  void note(std::string_view) override {}
};

}  // namespace ytb::ports
