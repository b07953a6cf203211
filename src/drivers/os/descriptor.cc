#include "drivers/os/descriptor.h"

#include <fmt/format.h>
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

Error system_error(std::string_view doing, std::string_view subject, int error_number, Code otherwise) {
  bool space = error_number == ENOSPC || error_number == EDQUOT;
  return Error{.code = space ? Code::kSpace : otherwise,
               .message = fmt::format("cannot {} {}: {}", doing, printable(subject),
                                      std::generic_category().message(error_number)),
               .hint = hint_for(error_number),
               .retry = error_number == EINTR || error_number == EAGAIN ? Retry::kLater : Retry::kNever};
}

}  // namespace ytb::os
