#include "drivers/os/descriptor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/text.h"

namespace ytb::os {
namespace {

std::string hint_for(int error_number) {
  switch (error_number) {
    case EACCES:
    case EPERM:
      return "check the owner and mode of it and of the folders above it, and as whom this program runs";
    case ENOSPC:
    case EDQUOT:
      return "free some space there, or choose another place in the config";
    case EROFS:
      return "the file system is mounted read-only";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files (ulimit -n)";
    default:
      return {};
  }
}

}  // namespace

void Descriptor::reset() {
  // The descriptor is gone whatever close says (Linux), so there is nothing to repeat.
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<Descriptor> unnamed_file(const std::string& folder) {
  Descriptor file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600));
  if (file.valid()) return file;
  if (errno != EOPNOTSUPP && errno != EISDIR) return system_error("make a file in", folder, errno);
  // A file system that cannot: for a moment it has a name.
  std::string name = folder + "/.unnamed-XXXXXX";
  Descriptor named(::mkostemp(name.data(), O_CLOEXEC));
  if (!named.valid()) return system_error("make a file in", folder, errno);
  if (::unlink(name.c_str()) != 0) return system_error("remove", name, errno);
  return named;
}

Result<size_t> read_at(const Descriptor& file, std::span<char> buffer, uint64_t offset,
                       std::string_view path) {
  size_t have = 0;
  while (have < buffer.size()) {
    ssize_t got =
        ::pread(file.get(), buffer.data() + have, buffer.size() - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read", path, errno);
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  return have;
}

Status write_at(const Descriptor& file, std::string_view bytes, uint64_t offset, std::string_view path) {
  while (!bytes.empty()) {
    ssize_t put = ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_error("write", path, errno);
    bytes.remove_prefix(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return {};
}

Error system_error(std::string_view doing, std::string_view subject, int error_number, Code otherwise) {
  bool space = error_number == ENOSPC || error_number == EDQUOT;
  return Error{.code = space ? Code::kSpace : otherwise,
               .message = fmt::format("cannot {} {}: {}", doing, printable(subject),
                                      std::generic_category().message(error_number)),
               .hint = hint_for(error_number),
               .retry = error_number == EINTR || error_number == EAGAIN ? Retry::kLater : Retry::kNever};
}

}  // namespace ytb::os
