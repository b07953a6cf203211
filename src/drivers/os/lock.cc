#include "drivers/os/lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/text.h"
#include "drivers/os/files.h"

namespace ytb::os {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(20);
constexpr size_t kHolderSizeMax = 400;
constexpr int kTriesMax = 100;

std::string holder_of(int fd) {
  char buffer[kHolderSizeMax];
  ssize_t size = ::pread(fd, buffer, sizeof buffer, 0);
  if (size <= 0) return "another process";
  return printable(trim(std::string_view(buffer, static_cast<size_t>(size))));
}

Error held(const std::string& path, const std::string& holder) {
  return Error{.code = Code::kBusy,
               .message = fmt::format("{} is held by {}", printable(path), holder),
               .hint = "wait until it is done; a lock never outlives its process, so nothing need be removed",
               .retry = Retry::kLater};
}

bool is_at(int fd, const std::string& path) {
  struct stat opened {};
  struct stat there {};
  return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &there) == 0 && opened.st_dev == there.st_dev &&
         opened.st_ino == there.st_ino;
}

}  // namespace

Result<FileLock> FileLock::acquire(const std::string& path, std::string_view purpose, Instant now) {
  Descriptor file;
  for (int tries = 0; !file.valid(); ++tries) {
    file = Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.valid()) return system_error("open the lock", path, errno);
    int locked = 0;
    do {
      locked = ::flock(file.get(), LOCK_EX | LOCK_NB);
    } while (locked != 0 && errno == EINTR);
    if (locked != 0 && errno != EWOULDBLOCK) return system_error("lock", path, errno);
    if (locked != 0) return held(path, holder_of(file.get()));
    // Its last holder may have removed the file between our two calls: then the lock is on nothing.
    if (is_at(file.get(), path)) break;
    file.reset();
    if (tries == kTriesMax) return held(path, "others, in quick succession");
  }
  std::string holder = fmt::format("pid {} ({}) since {}\n", ::getpid(), printable(purpose), to_iso(now));
  if (holder.size() > kHolderSizeMax) holder.resize(kHolderSizeMax);
  // Only for people: a full disk must not keep us from working.
  if (::ftruncate(file.get(), 0) == 0) {
    [[maybe_unused]] ssize_t written = ::pwrite(file.get(), holder.data(), holder.size(), 0);
  }
  return FileLock(std::move(file), path);
}

Status FileLock::remove_file() const { return os::remove_file(path_); }

Result<FileLock> FileLock::acquire_within(const std::string& path, std::string_view purpose, Instant now,
                                          Duration patience) {
  const auto begun = std::chrono::steady_clock::now();
  for (;;) {
    Result<FileLock> lock = acquire(path, purpose, now);
    if (lock.ok() || lock.error().code != Code::kBusy) return lock;
    if (std::chrono::steady_clock::now() - begun > patience) return lock;
    std::this_thread::sleep_for(kLookEvery);
  }
}

}  // namespace ytb::os
