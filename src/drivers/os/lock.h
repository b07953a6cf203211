// FileLock: a lock between processes, on a file. It goes when the process does, however that ends.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "drivers/os/descriptor.h"

namespace ytb::os {

class FileLock {
 public:
  // Takes the lock at once, or fails with kBusy (Later) naming who holds it and since when. `purpose` is
  // shown to others: "refresh shop". The file is made where it is missing (mode 0600) and stays.
  static Result<FileLock> acquire(const std::string& path, std::string_view purpose, Instant now);
  // The same, waiting for up to `patience` of real time.
  static Result<FileLock> acquire_within(const std::string& path, std::string_view purpose, Instant now,
                                         Duration patience);

  FileLock(FileLock&&) noexcept = default;
  FileLock& operator=(FileLock&&) noexcept = default;

  // Removes the file while the lock is held, for locks of things that are no more. Whoever waits for it makes
  // a new one.
  Status remove_file() const;

 private:
  FileLock(Descriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  Descriptor file_;
  std::string path_;
};

}  // namespace ytb::os
