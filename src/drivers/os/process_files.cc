#include "drivers/os/process_files.h"

#include <fmt/format.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/os/users.h"

namespace ytb::os {
namespace {

constexpr size_t kDescriptorsMax = 1'000'000;
constexpr size_t kChildrenMax = 1 << 20;
constexpr size_t kCommandMax = 1 << 20;

// For access to files, and so for /proc (ptrace(2), PTRACE_MODE_FSCREDS), this thread is somebody else.
class FileUser {
 public:
  FileUser(uid_t uid, gid_t gid) : gid_(::setfsgid(gid)), uid_(::setfsuid(uid)) {}
  ~FileUser() {
    ::setfsuid(static_cast<uid_t>(uid_));
    ::setfsgid(static_cast<gid_t>(gid_));
  }
  FileUser(const FileUser&) = delete;
  FileUser& operator=(const FileUser&) = delete;

 private:
  int gid_;
  int uid_;
};

template <typename Look>
auto look(pid_t pid, const Look& at) {
  auto seen = at();
  struct stat owner {};
  if (seen.ok() || !running_as_root() || ::stat(fmt::format("/proc/{}", pid).c_str(), &owner) != 0)
    return seen;
  if (owner.st_uid == 0) return seen;
  FileUser as_owner(owner.st_uid, owner.st_gid);
  return at();
}

}  // namespace

Result<std::string> process_link(pid_t pid, const std::string& name) {
  return look(pid, [&] { return read_link(fmt::format("/proc/{}/{}", pid, name)); });
}

Result<std::vector<std::string>> process_descriptors(pid_t pid) {
  const std::string folder = fmt::format("/proc/{}/fd", pid);
  return look(pid, [&]() -> Result<std::vector<std::string>> {
    YTB_ASSIGN(std::vector<FileInfo> entries, list_folder(folder, kDescriptorsMax));
    std::vector<std::string> targets;
    for (const FileInfo& entry : entries) {
      auto target = read_link(folder + "/" + entry.name);
      if (target.ok()) targets.push_back(std::move(*target));
    }
    return targets;
  });
}

std::optional<std::vector<std::string>> commands_of_children(pid_t pid) {
  // proc(5): only while all of them are stopped is it surely whole; a child that comes or goes just now may
  // be missed or seen either way.
  const Result<std::string> children =
      read_file(fmt::format("/proc/{0}/task/{0}/children", pid), kChildrenMax);
  if (!children.ok()) return std::nullopt;
  std::vector<std::string> commands;
  for (const std::string& child : split(*children, ' ')) {
    if (child.empty()) continue;
    Result<std::string> command = read_file(fmt::format("/proc/{}/cmdline", child), kCommandMax);
    if (!command.ok() || command->empty()) continue;
    std::replace(command->begin(), command->end(), '\0', ' ');
    commands.push_back(std::move(*command));
  }
  return commands;
}

}  // namespace ytb::os
