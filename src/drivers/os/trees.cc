// Walking whole trees: removing and syncing. Everything goes through descriptors of folders and O_NOFOLLOW,
// so that nothing swapped in meanwhile can lead out of the tree.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <vector>

#include "base/text.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"

namespace ytb::os {
namespace {

constexpr int kDepthMax = 100;    // a server's data directory is five deep
constexpr int kPassesMax = 1000;  // readdir while removing may miss entries: the folder is read again

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

Result<std::vector<std::string>> names_in(int folder_fd, const std::string& path) {
  Descriptor again(::openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!again.valid()) return system_error("open the folder", path, errno);
  Folder folder(::fdopendir(again.get()));
  if (!folder) return system_error("list", path, errno);
  again.release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());  // NOLINT(concurrency-mt-unsafe): one stream, one thread
    if (entry == nullptr) {
      if (errno != 0) return system_error("list", path, errno);
      return names;
    }
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
}

Error too_deep(const std::string& path) {
  return Error{.code = Code::kRefused,
               .message = fmt::format("{} is more than {} folders deep", printable(path), kDepthMax),
               .hint = "look at what is there, and remove it by hand"};
}

Status empty_folder(int folder_fd, const std::string& path, dev_t device, int depth);

Status remove_entry(int folder_fd, const std::string& name, const std::string& path, dev_t device,
                    int depth) {
  struct stat found {};
  if (::fstatat(folder_fd, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? Status() : system_error("look at", path, errno);
  }
  if (!S_ISDIR(found.st_mode)) {
    // A mounted file has another device, too; unlink refuses it with EBUSY.
    if (::unlinkat(folder_fd, name.c_str(), 0) != 0 && errno != ENOENT)
      return system_error("remove", path, errno);
    return {};
  }
  Descriptor folder(::openat(folder_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.valid()) return errno == ENOENT ? Status() : system_error("open the folder", path, errno);
  if (::fstat(folder.get(), &found) != 0) return system_error("look at", path, errno);
  if (found.st_dev != device) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("another file system is mounted at {}", printable(path)),
                 .hint = fmt::format("unmount it first: umount {}", printable(path))};
  }
  YTB_TRY(empty_folder(folder.get(), path, device, depth + 1));
  if (::unlinkat(folder_fd, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return system_error("remove", path, errno);
  }
  return {};
}

Status empty_folder(int folder_fd, const std::string& path, dev_t device, int depth) {
  if (depth > kDepthMax) return too_deep(path);
  for (int pass = 0; pass < kPassesMax; ++pass) {
    YTB_ASSIGN(std::vector<std::string> names, names_in(folder_fd, path));
    if (names.empty()) return {};
    for (const std::string& name : names) {
      YTB_TRY(remove_entry(folder_fd, name, join_path(path, name), device, depth));
    }
  }
  return Error{.code = Code::kBusy,
               .message = fmt::format("{} fills as fast as it is emptied", printable(path)),
               .hint = "find out which program writes there",
               .retry = Retry::kLater};
}

// The folder at `path` itself, opened; invalid where it is absent.
Result<Descriptor> open_root(const std::string& path) {
  bool deep = !path.empty() && path.front() == '/' && parent_of(path) != "/" && is_inside(path, "/");
  if (!deep) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("'{}' is no folder that may be removed", printable(path)),
                 .hint = "it must be absolute, at least two levels deep and without '..'"};
  }
  Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (folder.valid() || errno == ENOENT) return folder;
  if (errno == ELOOP || errno == ENOTDIR) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} is not a folder", printable(path)),
                 .hint = "it may be a link that leads elsewhere: look at it, and remove it by hand"};
  }
  return system_error("open the folder", path, errno);
}

Status sync_below(int folder_fd, const std::string& path, int depth) {
  if (depth > kDepthMax) return too_deep(path);
  YTB_ASSIGN(std::vector<std::string> names, names_in(folder_fd, path));
  for (const std::string& name : names) {
    std::string entry_path = join_path(path, name);
    struct stat found {};
    if (::fstatat(folder_fd, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;
      return system_error("look at", entry_path, errno);
    }
    bool folder = S_ISDIR(found.st_mode);
    if (!folder && !S_ISREG(found.st_mode)) continue;
    Descriptor entry(
        ::openat(folder_fd, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (folder ? O_DIRECTORY : 0)));
    if (!entry.valid()) {
      if (errno == ENOENT) continue;
      return system_error("open", entry_path, errno);
    }
    if (folder) {
      YTB_TRY(sync_below(entry.get(), entry_path, depth + 1));
    } else if (::fsync(entry.get()) != 0) {
      return system_error("sync", entry_path, errno);
    }
  }
  if (::fsync(folder_fd) != 0 && errno != EINVAL) return system_error("sync the folder", path, errno);
  return {};
}

}  // namespace

Result<std::string> make_temporary_folder(const std::string& prefix) {
  const char* base = ::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  std::string path = join_path(base != nullptr && base[0] == '/' ? base : "/tmp", prefix + "XXXXXX");
  if (::mkdtemp(path.data()) == nullptr) return system_error("make the folder", path, errno);
  return path;
}

Status empty_tree(const std::string& path) {
  YTB_ASSIGN(Descriptor folder, open_root(path));
  if (!folder.valid()) return {};
  struct stat found {};
  if (::fstat(folder.get(), &found) != 0) return system_error("look at", path, errno);
  struct stat above {};
  if (::fstatat(folder.get(), "..", &above, AT_SYMLINK_NOFOLLOW) == 0 && above.st_dev != found.st_dev) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("another file system is mounted at {}", printable(path)),
                 .hint = fmt::format("unmount it first: umount {}", printable(path))};
  }
  return empty_folder(folder.get(), path, found.st_dev, 0);
}

Status remove_tree(const std::string& path) {
  YTB_TRY(empty_tree(path));
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) return system_error("remove", path, errno);
  std::string parent = parent_of(path);
  return exists(parent) ? sync_folder(parent) : Status();
}

Status sync_tree(const std::string& path) {
  Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.valid()) return system_error("open the folder", path, errno);
  return sync_below(folder.get(), path, 0);
}

}  // namespace ytb::os
