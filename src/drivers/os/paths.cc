#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>

#include "base/text.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"

namespace ytb::os {

std::string join_path(std::string_view folder, std::string_view name) {
  if (folder.empty()) return std::string(name);
  std::string path(folder);
  if (path.back() != '/') path += '/';
  while (!name.empty() && name.front() == '/') name.remove_prefix(1);
  path += name;
  return path;
}

std::string parent_of(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

std::string name_in(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

bool is_inside(std::string_view path, std::string_view folder) {
  if (path.empty() || path.front() != '/' || folder.empty() || folder.front() != '/') return false;
  for (const std::string& part : split(path, '/')) {
    if (part == "..") return false;
  }
  while (folder.size() > 1 && folder.back() == '/') folder.remove_suffix(1);
  if (folder == "/") return true;
  if (path.substr(0, folder.size()) != folder) return false;
  return path.size() == folder.size() || path[folder.size()] == '/';
}

Result<std::string> real_path(const std::string& path) {
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) == nullptr) return system_error("resolve", path, errno);
  return std::string(resolved);
}

Status check_writable(const std::string& folder) {
  std::string nearest = folder;
  while (!exists(nearest) && nearest.size() > 1) nearest = parent_of(nearest);
  if (::access(nearest.c_str(), W_OK | X_OK) == 0) return {};
  return system_error("write in", nearest, errno);
}

Result<Space> space_at(const std::string& path) {
  std::string place = path;
  struct statfs found {};
  while (::statfs(place.c_str(), &found) != 0) {
    if (errno != ENOENT || place == "/" || place == ".")
      return system_error("measure the space at", path, errno);
    place = parent_of(place);
  }
  auto block_bytes = static_cast<uint64_t>(found.f_frsize != 0 ? found.f_frsize : found.f_bsize);
  Space space{.total_bytes = static_cast<uint64_t>(found.f_blocks) * block_bytes,
              // Root may use the reserve, but a server that runs as somebody else may not.
              .available_bytes = static_cast<uint64_t>(found.f_bavail) * block_bytes,
              .filesystem = {}};
  switch (static_cast<uint64_t>(found.f_type)) {
    case BTRFS_SUPER_MAGIC:
      space.filesystem = "btrfs";
      break;
    case XFS_SUPER_MAGIC:
      space.filesystem = "xfs";
      break;
    case EXT4_SUPER_MAGIC:
      space.filesystem = "ext4";
      break;
    case TMPFS_MAGIC:
      space.filesystem = "tmpfs";
      break;
    case OVERLAYFS_SUPER_MAGIC:
      space.filesystem = "overlayfs";
      break;
    default:
      space.filesystem = fmt::format("{:#x}", static_cast<uint64_t>(found.f_type));
  }
  return space;
}

Result<std::string> boot_id() {
  YTB_ASSIGN(std::string text, read_file("/proc/sys/kernel/random/boot_id", 256));
  return std::string(trim(text));
}

}  // namespace ytb::os
