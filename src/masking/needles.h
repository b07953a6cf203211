// Needles: a sample of originals as they are, to be found as bytes in the files of a copy, where no statement
// reads: deleted rows, free space, indexes, logs. They are values, not digests: in memory only, and no more
// of them than a search takes.
//
// The search is Wu and Manber's: a window as long as the shortest needle moves on by as much as the last
// bytes in it allow. Source: Wu and Manber, "A fast algorithm for multi-pattern searching" (1994).
#pragma once

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace ytb::masking {

// A value as it is stored.
struct NeedleText {
  static constexpr size_t kBytesMin = 6;   // of a value that can be one
  static constexpr size_t kBytesMax = 64;  // of a longer one these are looked for
  static NeedleText of(std::string_view stored);
  std::string bytes;
  bool cut = false;                                                         // it is longer
  bool binary = false;                                                      // other than text
  friend auto operator<=>(const NeedleText&, const NeedleText&) = default;  // NOLINT(modernize-use-nullptr)
};

// Samples of distinct values of each column: those with the least digests, so that what several threads kept
// can be put together. Thread-safe.
class NeedleSamples {
 public:
  explicit NeedleSamples(size_t per_column) : per_column_(per_column) {}

  struct Kept {
    uint64_t digest = 0;        // as it is remembered: as a text, or as bytes
    uint64_t other_digest = 0;  // as it is remembered, too: as a number, or as the text of these bytes; or 0
    NeedleText text;
    friend bool operator<(const Kept& a, const Kept& b) { return a.digest < b.digest; }
  };
  class Column {
   public:
    // Whether a value with this digest may still come into the sample.
    [[nodiscard]] bool wants(uint64_t digest) const {
      return digest < below_.load(std::memory_order_relaxed);
    }

   private:
    friend class NeedleSamples;
    std::atomic<uint64_t> below_{UINT64_MAX};
    std::vector<Kept> kept_;                // a heap, the greatest digest first
    std::unordered_set<uint64_t> digests_;  // of them
  };
  // The same for the same name; it stays where it is.
  Column& column(const std::string& name);
  // Takes them. What masking itself may have given to somebody is not kept.
  void add(Column& column, std::vector<Kept>& values);
  // Those that `wanted` wants, each once, sorted.
  [[nodiscard]] std::vector<NeedleText> needles_where(const std::function<bool(const Kept&)>& wanted) const;

 private:
  const size_t per_column_;
  mutable std::mutex mutex_;
  std::map<std::string, Column> columns_;
};

// Immutable, thread-safe.
class NeedleSearch {
 public:
  // Each of NeedleText::kBytesMin bytes at least. Of those that cannot be told apart fast enough some are
  // left out: size() says how many are looked for.
  explicit NeedleSearch(std::vector<NeedleText> needles);
  [[nodiscard]] size_t size() const { return needles_.size(); }
  // Bytes that a place to search should have around it, so that nothing across its ends is missed.
  static constexpr size_t kAround = NeedleText::kBytesMax + 4;
  enum class Looking {
    kFields,         // a needle counts where it is a field of its own
    kTellingFields,  // and is more than a word or two
    kTelling,        // or between other bytes than letters and digits, and is more than a word or two
    kAll             // whatever it is
  };
  // How often needles stand at bytes[from, to): each is counted in one such place only, whatever lies around
  // it. Bytes that are not text count wherever they are.
  [[nodiscard]] uint64_t count(std::string_view bytes, size_t from, size_t to, Looking looking) const;

 private:
  static constexpr size_t kBlock = 4;
  static constexpr unsigned kTableBits = 18;
  static constexpr size_t kWindow = NeedleText::kBytesMin;
  static constexpr uint32_t kOfOneHashMax = 32;
  struct Needle {
    NeedleText text;
    uint32_t hash = 0;  // of the last block in its window
    size_t window = 0;  // where in it the window is
    bool tells = false;
  };
  static bool stands(const Needle& needle, std::string_view bytes, size_t begin, Looking looking);

  std::vector<Needle> needles_;          // by hash
  std::vector<uint8_t> shifts_;          // by a block's hash
  std::vector<uint32_t> first_of_hash_;  // of needles_
};

}  // namespace ytb::masking
