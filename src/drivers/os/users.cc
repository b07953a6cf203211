#include "drivers/os/users.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/text.h"
#include "drivers/os/descriptor.h"

namespace ytb::os {
namespace {

constexpr size_t kEntrySizeMax = 1 << 20;  // of one line of the user database
constexpr int kGroupsMax = 1024;

// Calls getpwnam_r or getpwuid_r with a growing buffer.
template <typename Lookup>
Result<std::optional<User>> look_up(const std::string& subject, Lookup lookup) {
  for (size_t size = 4096; size <= kEntrySizeMax; size *= 4) {
    std::vector<char> buffer(size);
    passwd entry{};
    passwd* found = nullptr;
    int error = lookup(&entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE) continue;
    if (error == EINTR) continue;
    if (found == nullptr) {
      // Absence is reported as 0 or as one of these, depending on the database (getpwnam(3)).
      if (error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM) {
        return std::optional<User>();
      }
      return system_error("look up user", subject, error);
    }
    return std::optional<User>(
        User{.name = found->pw_name, .uid = found->pw_uid, .gid = found->pw_gid, .home = found->pw_dir});
  }
  return system_error("look up user", subject, ERANGE);
}

}  // namespace

Result<User> find_user(const std::string& name) {
  if (name.empty()) {
    uid_t uid = ::geteuid();
    YTB_ASSIGN(std::optional<User> found,
               look_up(fmt::format("{}", uid), [uid](passwd* entry, char* buffer, size_t size, passwd** out) {
                 return ::getpwuid_r(uid, entry, buffer, size, out);
               }));
    if (found) {
      found->gid = ::getegid();
      return *std::move(found);
    }
    return User{.name = fmt::format("{}", uid), .uid = uid, .gid = ::getegid(), .home = "/"};
  }
  YTB_ASSIGN(std::optional<User> found,
             look_up(name, [&name](passwd* entry, char* buffer, size_t size, passwd** out) {
               return ::getpwnam_r(name.c_str(), entry, buffer, size, out);
             }));
  if (!found) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("there is no user '{}' on this host", printable(name)),
                 .hint = "name an existing user in run_as, e.g. postgres"};
  }
  return *std::move(found);
}

Result<std::vector<gid_t>> groups_of(const User& user) {
  std::vector<gid_t> groups(64);
  for (;;) {
    int count = static_cast<int>(groups.size());
    if (::getgrouplist(user.name.c_str(), user.gid, groups.data(), &count) >= 0) {
      groups.resize(static_cast<size_t>(count));
      return groups;
    }
    if (static_cast<int>(groups.size()) >= kGroupsMax) {
      return system_error("list the groups of user", user.name, ERANGE);
    }
    groups.resize(groups.size() * 2);
  }
}

bool running_as_root() { return ::geteuid() == 0; }

bool is_ourselves(const User& user) { return user.uid == ::geteuid(); }

}  // namespace ytb::os
