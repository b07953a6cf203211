#include "drivers/os/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <memory>

#include "base/text.h"
#include "drivers/os/descriptor.h"

namespace ytb::os {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

FileKind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::kFile;
  if (S_ISDIR(mode)) return FileKind::kDirectory;
  if (S_ISLNK(mode)) return FileKind::kLink;
  return FileKind::kOther;
}

FileInfo info_from(std::string name, const struct stat& found) {
  return FileInfo{.name = std::move(name),
                  .kind = kind_of(found.st_mode),
                  .size_bytes = static_cast<uint64_t>(found.st_size),
                  .allocated_bytes = static_cast<uint64_t>(found.st_blocks) * 512,
                  .mode = static_cast<mode_t>(found.st_mode & 07777),
                  .uid = found.st_uid,
                  .modified_s = found.st_mtime};
}

// A name beside `path` that nobody else uses: ours by process and count.
std::string temporary_beside(const std::string& path) {
  static std::atomic<uint64_t> count{0};
  return join_path(parent_of(path), fmt::format(".{}.{}.{}.tmp", name_in(path), ::getpid(), ++count));
}

Status write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("write", path, errno);
    content.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Status write_and_sync(const std::string& path, std::string_view content, const WriteOptions& options) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return system_error("create", path, errno);
  // Owner first: chown clears mode bits.
  if (options.owner && (options.owner->uid != ::geteuid() || options.owner->gid != ::getegid()) &&
      ::fchown(file.get(), options.owner->uid, options.owner->gid) != 0) {
    return system_error("change the owner of", path, errno);
  }
  if (::fchmod(file.get(), options.mode) != 0) return system_error("change the mode of", path, errno);
  YTB_TRY(write_all(file.get(), content, path));
  if (::fsync(file.get()) != 0) return system_error("sync", path, errno);
  return {};
}

}  // namespace

Result<std::optional<FileInfo>> info_of(const std::string& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<FileInfo>();
    return system_error("look at", path, errno);
  }
  return std::optional<FileInfo>(info_from(name_in(path), found));
}

std::string identity_of(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return path + " absent";
  return fmt::format("{} {}:{} {} {}.{} {}.{}", path, found.st_dev, found.st_ino, found.st_size,
                     found.st_mtim.tv_sec, found.st_mtim.tv_nsec, found.st_ctim.tv_sec,
                     found.st_ctim.tv_nsec);
}

bool exists(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

Result<std::vector<FileInfo>> list_folder(const std::string& path, size_t entries_max) {
  Folder folder(::opendir(path.c_str()));
  if (!folder) return system_error("list", path, errno);
  std::vector<FileInfo> entries;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());  // NOLINT(concurrency-mt-unsafe): one stream, one thread
    if (entry == nullptr) {
      if (errno != 0) return system_error("list", path, errno);
      break;
    }
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat found {};
    if (::fstatat(::dirfd(folder.get()), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;  // gone since
      return system_error("look at", join_path(path, name), errno);
    }
    if (entries.size() == entries_max) {
      return Error{.code = Code::kUnsupported,
                   .message = fmt::format("{} holds more than {} entries", printable(path), entries_max),
                   .hint = {}};
    }
    entries.push_back(info_from(std::move(name), found));
  }
  std::sort(entries.begin(), entries.end(),
            [](const FileInfo& a, const FileInfo& b) { return a.name < b.name; });
  return entries;
}

Result<std::string> read_link(const std::string& path) {
  char target[PATH_MAX];
  ssize_t size = ::readlink(path.c_str(), target, sizeof target);
  if (size < 0) return system_error("read the link", path, errno);
  if (static_cast<size_t>(size) == sizeof target) return system_error("read the link", path, ENAMETOOLONG);
  return std::string(target, static_cast<size_t>(size));
}

Result<std::string> read_file(const std::string& path, size_t size_max) {
  // O_NONBLOCK: a FIFO in the file's place must not hang us; it is then refused as no regular file.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file.valid()) return system_error("open", path, errno);
  struct stat found {};
  if (::fstat(file.get(), &found) != 0) return system_error("look at", path, errno);
  if (!S_ISREG(found.st_mode)) {
    return Error{
        .code = Code::kRefused, .message = fmt::format("{} is not a file", printable(path)), .hint = {}};
  }
  std::string content;
  char buffer[64 << 10];
  for (;;) {
    ssize_t size = ::read(file.get(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_error("read", path, errno);
    if (size == 0) return content;
    if (content.size() + static_cast<size_t>(size) > size_max) {
      return Error{.code = Code::kUnsupported,
                   .message = fmt::format("{} is larger than {}", printable(path), human_bytes(size_max)),
                   .hint = {}};
    }
    content.append(buffer, static_cast<size_t>(size));
  }
}

Status write_file(const std::string& path, std::string_view content, const WriteOptions& options) {
  std::string temporary = temporary_beside(path);
  Status written = write_and_sync(temporary, content, options);
  if (written.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = system_error("replace", path, errno);
  }
  if (!written.ok()) {
    ::unlink(temporary.c_str());
    return written;
  }
  return sync_folder(parent_of(path));
}

Status write_link(const std::string& path, const std::string& target) {
  std::string temporary = temporary_beside(path);
  ::unlink(temporary.c_str());  // a rest of a process that had our number
  if (::symlink(target.c_str(), temporary.c_str()) != 0)
    return system_error("create the link", temporary, errno);
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    Error error = system_error("replace the link", path, errno);
    ::unlink(temporary.c_str());
    return error;
  }
  return sync_folder(parent_of(path));
}

Status rename_new(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST) {
      return Error{
          .code = Code::kRefused, .message = fmt::format("{} exists already", printable(to)), .hint = {}};
    }
    return system_error(fmt::format("rename {} to", printable(from)), to, errno);
  }
  YTB_TRY(sync_folder(parent_of(to)));
  return parent_of(from) == parent_of(to) ? Status() : sync_folder(parent_of(from));
}

Status set_mode(const std::string& path, mode_t mode) {
  if (::chmod(path.c_str(), mode) == 0) return {};
  return system_error("change the mode of", path, errno);
}

Status remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error("remove", path, errno);
  return {};
}

Status make_folder(const std::string& path, mode_t mode, const std::optional<User>& owner) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return system_error("create the folder", path, errno);
  Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.valid()) {
    if (errno == ELOOP || errno == ENOTDIR) {
      return Error{.code = Code::kRefused,
                   .message = fmt::format("{} is there and is not a folder", printable(path)),
                   .hint = "move it away, or choose another place in the config"};
    }
    return system_error("open the folder", path, errno);
  }
  struct stat found {};
  if (::fstat(folder.get(), &found) != 0) return system_error("look at", path, errno);
  if (owner && (found.st_uid != owner->uid || found.st_gid != owner->gid) &&
      ::fchown(folder.get(), owner->uid, owner->gid) != 0) {
    return system_error("change the owner of", path, errno);
  }
  if ((found.st_mode & 07777) != mode && ::fchmod(folder.get(), mode) != 0) {
    return system_error("change the mode of", path, errno);
  }
  return {};
}

Status make_folders(const std::string& path, mode_t mode) {
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0) {
    if (S_ISDIR(found.st_mode)) return {};
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} is there and is not a folder", printable(path)),
                 .hint = "move it away, or choose another place in the config"};
  }
  std::string parent = parent_of(path);
  if (parent != path && parent != ".") YTB_TRY(make_folders(parent, 0755));
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    return system_error("create the folder", path, errno);
  return sync_folder(parent);
}

Status sync_folder(const std::string& path) {
  Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid()) return system_error("open the folder", path, errno);
  // EINVAL: a file system that cannot sync folders.
  if (::fsync(folder.get()) != 0 && errno != EINVAL) return system_error("sync the folder", path, errno);
  return {};
}

}  // namespace ytb::os
