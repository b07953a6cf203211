// KeptRows: a checksum of what masking must leave alone: every row's kept fields, in whatever order the rows
// come. Two readings of a table hold the same kept rows, each as often, where their sums are equal.
//
// It finds changes, and is no signature: the hash is XXH3 (128 bits), seeded from the production's key so
// that nobody who fills a table knows which rows would weigh the same. It is never shown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ytb::masking {

class KeptRows {
 public:
  // One row. `fields`: its kept fields, NULLs and ends told apart; the same form at both readings.
  void add(std::string_view fields, uint64_t seed);
  void add(const KeptRows& other);
  // Rows and sum, to be kept and compared: "3:<32 hex digits>".
  [[nodiscard]] std::string to_text() const;
  bool operator==(const KeptRows&) const = default;

 private:
  uint64_t rows_ = 0;
  uint64_t low_ = 0;  // sums modulo 2^64 of the two halves of each row's hash
  uint64_t high_ = 0;
};

}  // namespace ytb::masking
