// Descriptor: a file descriptor that closes itself, and errors made from errno.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace ytb::os {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

// A file that no name leads to, in `folder`, readable by its descriptor alone: it is gone with us, however we
// end.
Result<Descriptor> unnamed_file(const std::string& folder);

// Reads from a place in a file until `buffer` is full or the file ends; how many bytes. `path`: for the
// error.
Result<size_t> read_at(const Descriptor& file, std::span<char> buffer, uint64_t offset,
                       std::string_view path);
// Writes all of `bytes` at a place in a file.
Status write_at(const Descriptor& file, std::string_view bytes, uint64_t offset, std::string_view path);

// "cannot <doing> <subject>: No space left on device". Out of space is kSpace, everything else `otherwise`.
Error system_error(std::string_view doing, std::string_view subject, int error_number,
                   Code otherwise = Code::kExternal);

}  // namespace ytb::os
