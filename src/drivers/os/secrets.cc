#include "drivers/os/secrets.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "base/text.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/environment.h"
#include "drivers/os/files.h"

namespace ytb::os {
namespace {

constexpr size_t kSecretSizeMax = 64 << 10;

Result<std::string> read_secret_file(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return system_error("read the secret", path, errno, Code::kConfig);
  if ((found.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("the secret {} is open to other users (mode {:04o})", printable(path),
                                        found.st_mode & 07777),
                 .hint = fmt::format("chmod 600 {}", printable(path))};
  }
  if (found.st_uid != ::geteuid() && found.st_uid != 0 && ::geteuid() != 0) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("the secret {} belongs to somebody else (uid {})", printable(path),
                                        found.st_uid),
                 .hint = fmt::format("chown {} {}", ::geteuid(), printable(path))};
  }
  return read_file(path, kSecretSizeMax);
}

}  // namespace

Result<Secret> resolve_secret(const model::SecretRef& reference) {
  std::string value;
  switch (reference.kind) {
    case model::SecretRef::Kind::kNone:
      return Secret();
    case model::SecretRef::Kind::kEnvironment: {
      std::optional<std::string> found = variable(reference.locator);
      if (!found) {
        return Error{
            .code = Code::kConfig,
            .message = fmt::format("the environment variable {} is not set", printable(reference.locator)),
            .hint = "set it, or keep the secret in a file: file:/path"};
      }
      value = std::move(*found);
      break;
    }
    case model::SecretRef::Kind::kFile: {
      YTB_ASSIGN(value, read_secret_file(reference.locator));
      if (!value.empty() && value.back() == '\n') value.pop_back();
      if (!value.empty() && value.back() == '\r') value.pop_back();
      break;
    }
    case model::SecretRef::Kind::kSecretsManager:
    case model::SecretRef::Kind::kParameterStore:
      return Error{.code = Code::kUnsupported,
                   .message = fmt::format("the secret {} lies with AWS, which is not asked here",
                                          printable(reference.locator)),
                   .hint = "keep it in a file: file:/path"};
  }
  if (value.empty()) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("the secret {} is empty", printable(reference.locator)),
                 .hint = "put the secret there"};
  }
  return Secret(std::move(value));
}

}  // namespace ytb::os
