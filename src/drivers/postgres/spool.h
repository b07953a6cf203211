// Spool: masked rows on their way back, zstd-compressed (level 1) in a file with mode 0600. Holds nothing
// raw, and goes with its object. One thread at a time.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace ytb::postgres {

class SpoolWriter {
 public:
  // `path` must not exist yet.
  static Result<SpoolWriter> create(const std::string& path);
  Status write(std::string_view bytes);
  Status finish();
  [[nodiscard]] uint64_t bytes_written() const { return written_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  Status push(std::string_view bytes, bool end);
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::unique_ptr<ZSTD_CCtx_s, Free> context_;
  std::string buffer_;
  uint64_t written_ = 0;
};

class SpoolReader {
 public:
  static Result<SpoolReader> open(const std::string& path);
  // Replaces `out` with the next bytes; empty at the end. A cut-off file is kCorrupt.
  Status read(std::string& out);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  struct Free {
    void operator()(ZSTD_DCtx_s* context) const;
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  std::unique_ptr<ZSTD_DCtx_s, Free> context_;
  std::string buffer_;
  size_t have_ = 0;
  size_t used_ = 0;
  size_t pending_ = 0;  // what zstd still expects; 0 between frames
};

// The end of every spool file's name: what a killed run left is found by it.
inline constexpr std::string_view kSpoolSuffix = ".ytbspool.zst";

}  // namespace ytb::postgres
