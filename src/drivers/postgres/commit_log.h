// pg_xact of a server that writes no transaction (clog.c): two bits a transaction, 8 kB pages, 32 of them a
// file. The server must have written a checkpoint since the last one ended. Not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ytb::postgres {

class CommitLog {
 public:
  // `data`: the data directory.
  explicit CommitLog(const std::string& data);
  // False only where it surely was not: nobody is left who could still commit it. For who made a row.
  [[nodiscard]] bool may_be_committed(uint32_t transaction);
  // True only where it surely was. For who deleted one.
  [[nodiscard]] bool is_committed(uint32_t transaction);

 private:
  enum class State { kUnknown, kCommitted, kPartOfOne, kNot };
  State state_of(uint32_t transaction);
  void keep(uint32_t number);
  // The file that was asked last is kept: rows that one transaction made lie together.
  std::string folder_;
  std::optional<uint32_t> kept_;
  std::string bytes_;  // of that file; none where it cannot be read
};

}  // namespace ytb::postgres
