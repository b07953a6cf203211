#include "drivers/os/ownership.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <mutex>
#include <vector>

#include "base/text.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"
#include "drivers/os/users.h"

namespace ytb::os {
namespace {

constexpr int kLinksMax = 40;  // path_resolution(7)
constexpr int kUsersMax = 1'000'000;
constexpr size_t kEntryBytesMax = 4 << 20;  // of a group with many members
constexpr size_t kUserEntryBytesMax = 64 << 10;

Error open_to_others(const std::string& path, std::string why, std::string hint) {
  return Error{.code = Code::kRefused,
               .message = fmt::format("{} {}: other users of this host could change what is in it",
                                      printable(path), why),
               .hint = std::move(hint)};
}

// Who may change things: root, ourselves, and whom copies run as.
struct Trusted {
  std::vector<User> users;
  [[nodiscard]] bool has(uid_t uid) const {
    return std::any_of(users.begin(), users.end(), [&](const User& user) { return user.uid == uid; });
  }
  [[nodiscard]] bool has(std::string_view name) const {
    return std::any_of(users.begin(), users.end(), [&](const User& user) { return user.name == name; });
  }
};

Result<Trusted> trusted_users(const std::string& run_as) {
  Trusted trusted{.users = {{.name = "root", .uid = 0, .gid = 0, .home = "/"}}};
  YTB_ASSIGN(User ourselves, find_user(""));
  trusted.users.push_back(std::move(ourselves));
  if (run_as.empty()) return trusted;
  YTB_ASSIGN(User also, find_user(run_as));
  trusted.users.push_back(std::move(also));
  return trusted;
}

// Whether a group lists anybody but trusted users.
Result<bool> lists_others(gid_t gid, const Trusted& trusted) {
  for (size_t size = 4096; size <= kEntryBytesMax; size *= 4) {
    std::vector<char> buffer(size);
    group entry{};
    group* found = nullptr;
    const int error = ::getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE || error == EINTR) continue;
    if (found == nullptr) return false;  // without a name nobody can be listed
    for (char** member = found->gr_mem; *member != nullptr; ++member) {
      if (!trusted.has(std::string_view(*member))) return true;
    }
    return false;
  }
  return system_error("look up group", std::to_string(gid), ERANGE);
}

// Whose own group it is, by the user database, is not in the group's list.
bool is_group_of_others(gid_t gid, const Trusted& trusted) {
  static std::mutex one_walk;  // the C library has one place in that database for all threads
  const std::scoped_lock lock(one_walk);
  bool found = false;
  ::setpwent();
  for (int i = 0; i < kUsersMax && !found; ++i) {
    const passwd* user = ::getpwent();  // NOLINT(concurrency-mt-unsafe): the lock
    if (user == nullptr) break;
    found = user->pw_gid == gid && !trusted.has(user->pw_uid);
  }
  ::endpwent();
  return found;
}

Status check_owner(const std::string& path, const struct stat& found, const Trusted& trusted) {
  if (trusted.has(found.st_uid)) return {};
  const std::string owner = name_of_user(found.st_uid);
  std::string hint = fmt::format("run this as {}, or put it below a folder of your own", owner);
  if (S_ISREG(found.st_mode)) hint += fmt::format("; or chown {} {}", ::geteuid(), printable(path));
  return open_to_others(path, fmt::format("belongs to {}", owner), std::move(hint));
}

// `above`: a folder on the way, in which a sticky bit keeps others from renaming what is not theirs.
Status check_entry(const std::string& path, const struct stat& found, bool above, const Trusted& trusted) {
  YTB_TRY(check_owner(path, found, trusted));
  if (above && (found.st_mode & S_ISVTX) != 0) return {};
  bool open = (found.st_mode & S_IWOTH) != 0;
  // A user's own group, as many systems give to each, is that user, as long as nobody else is put into it.
  if (!open && (found.st_mode & S_IWGRP) != 0) {
    YTB_ASSIGN(open, lists_others(found.st_gid, trusted));
    open = open || is_group_of_others(found.st_gid, trusted);
  }
  if (!open) return {};
  return open_to_others(path, fmt::format("has mode {:04o}", found.st_mode & 07777),
                        fmt::format("chmod go-w {}", printable(path)));
}

void prepend(std::deque<std::string>& rest, const std::string& path) {
  std::vector<std::string> parts = split(path, '/');
  rest.insert(rest.begin(), parts.begin(), parts.end());
}

}  // namespace

std::string name_of_user(uid_t uid) {
  std::vector<char> buffer(kUserEntryBytesMax);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return fmt::format("uid {}", uid);
  return printable(found->pw_name);
}

// As the kernel walks: each folder on the way is judged before what it holds, those of links, too.
Status check_only_ours(const std::string& path, const std::string& run_as) {
  YTB_ASSIGN(const Trusted trusted, trusted_users(run_as));
  std::deque<std::string> rest;
  prepend(rest, std::filesystem::absolute(path).string());
  std::string place = "/";
  struct stat found {};
  if (::lstat("/", &found) != 0) return system_error("look at", place, errno);
  YTB_TRY(check_entry(place, found, true, trusted));
  int links = 0;
  while (!rest.empty()) {  // bounded by the path's length and the number of links
    const std::string name = std::move(rest.front());
    rest.pop_front();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      place = parent_of(place);
      continue;
    }
    const std::string next = join_path(place, name);
    if (::lstat(next.c_str(), &found) != 0) {
      if (errno == ENOENT) return {};  // whoever may make it was judged
      return system_error("look at", next, errno);
    }
    if (S_ISLNK(found.st_mode)) {
      YTB_TRY(check_owner(next, found, trusted));
      if (++links > kLinksMax) return system_error("look at", path, ELOOP);
      YTB_ASSIGN(const std::string target, read_link(next));
      if (target.starts_with('/')) place = "/";
      prepend(rest, target);
      continue;
    }
    place = next;
    const bool last =
        std::all_of(rest.begin(), rest.end(), [](const auto& part) { return part.empty() || part == "."; });
    YTB_TRY(check_entry(place, found, !last, trusted));
  }
  return {};
}

Result<std::string> closed_to_others(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path whole =
      std::filesystem::weakly_canonical(std::filesystem::absolute(path), failed);
  if (failed) return system_error("look at", path, failed.value());
  std::string place;
  for (const std::filesystem::path& part : whole) {
    place = place.empty() ? part.string() : join_path(place, part.string());
    struct stat found {};
    if (::stat(place.c_str(), &found) != 0) {
      if (errno == ENOENT) return std::string();
      return system_error("look at", place, errno);
    }
    if (S_ISDIR(found.st_mode) && (found.st_mode & S_IXOTH) == 0) return place;
  }
  return std::string();
}

}  // namespace ytb::os
