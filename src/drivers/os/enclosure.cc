// What is shown inside a seal, and what the kernel shows of one from outside.
#include "drivers/os/enclosure.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/text.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"
#include "drivers/os/process_files.h"
#include "drivers/os/seal.h"
#include "drivers/os/subprocess.h"
#include "drivers/os/system_call_filter.h"

namespace ytb::os {
namespace {

constexpr size_t kProcFileMax = 4 << 20;
constexpr std::array kDevices{"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"};
constexpr std::array kPrivateFolders{"/tmp", "/dev/shm"};
// SYS_PTRACE: without it not even root may look at the namespaces of another user's process.
constexpr const char* kContainerHint =
    "in a container allow it: docker run --cap-add SYS_ADMIN --cap-add SYS_PTRACE --security-opt "
    "apparmor=unconfined (as an ordinary user also --security-opt seccomp=unconfined)";
constexpr std::array kNamespaces{"mnt", "pid", "ipc", "net", "uts"};

Result<std::string> read_proc(pid_t pid, const char* name) {
  return read_file(fmt::format("/proc/{}/{}", pid, name), kProcFileMax);
}

// "Name:\tvalue" of /proc/PID/status.
std::string status_field(const std::string& status, std::string_view name) {
  for (const std::string& line : split(status, '\n')) {
    if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == ':')
      return std::string(trim(std::string_view(line).substr(name.size() + 1)));
  }
  return "";
}

// A path as mountinfo writes it: blank, tab, line feed and backslash as three octal digits (proc(5)).
std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    bool octal = text[i] == '\\' && i + 3 < text.size() &&
                 std::all_of(text.begin() + static_cast<ptrdiff_t>(i) + 1,
                             text.begin() + static_cast<ptrdiff_t>(i) + 4,
                             [](char c) { return c >= '0' && c <= '7'; });
    if (!octal) {
      out += text[i];
      continue;
    }
    out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return out;
}

Error not_sealed(pid_t pid, const std::string& what) {
  return Error{.code = Code::kRefused,
               .message = fmt::format("process {} is not sealed: {}", pid, what),
               .hint = "it is not let on; this is a bug, or somebody changed it by hand"};
}

Status check_namespaces(pid_t pid) {
  std::vector<std::string> names(kNamespaces.begin(), kNamespaces.end());
  if (!running_as_root()) names.emplace_back("user");
  for (const std::string& name : names) {
    auto theirs = process_link(pid, "ns/" + name);
    if (!theirs.ok()) {
      Error error = std::move(theirs).error();
      if (running_as_root()) {
        error.code = Code::kUnsupported;
        error.hint = kContainerHint;
      }
      return error;
    }
    YTB_ASSIGN(std::string ours, read_link("/proc/self/ns/" + name));
    if (*theirs == ours) return not_sealed(pid, fmt::format("its {} namespace is ours", name));
  }
  return {};
}

Status check_privileges(pid_t pid, Confinement confinement) {
  YTB_ASSIGN(std::string status, read_proc(pid, "status"));
  if (status_field(status, "NoNewPrivs") != "1") return not_sealed(pid, "it could gain privileges");
  const bool weak = confinement == Confinement::kWeak;
  if (status_field(status, "Seccomp") != "2") return not_sealed(pid, "no filter of system calls is on");
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}) {
    std::string value = status_field(status, set);
    // Only who may set capabilities can empty it; nobody gains any from it without new privileges.
    if (weak && !running_as_root() && set == std::string_view("CapBnd")) continue;
    if (value.empty() || value.find_first_not_of('0') != std::string::npos)
      return not_sealed(pid, fmt::format("{} is {}", set, printable(value)));
  }
  return {};
}

// Other devices than lo may be there (tunl0 and its kind, where the module is loaded), but they are down, and
// only a capability that nobody inside has could raise one or set a route.
Status check_network(pid_t pid) {
  YTB_ASSIGN(std::string ipv4, read_proc(pid, "net/route"));
  auto ipv6 = read_proc(pid, "net/ipv6_route");  // absent where the kernel has no IPv6
  std::vector<std::string> routes = split(trim(ipv4), '\n');
  for (size_t i = 1; i < routes.size(); ++i) {  // after the heading
    if (!routes[i].starts_with("lo")) return not_sealed(pid, "it has a route: " + printable(routes[i]));
  }
  for (const std::string& route : split(trim(ipv6.ok() ? *ipv6 : std::string()), '\n')) {
    if (!route.empty() && !trim(route).ends_with(" lo"))
      return not_sealed(pid, "it has a route: " + printable(route));
  }
  return {};
}

struct Mounts {
  size_t count = 0;
  std::vector<std::string> writable;
};

Result<Mounts> check_mounts(pid_t pid, const Enclosure& enclosure) {
  YTB_ASSIGN(std::string table, read_proc(pid, "mountinfo"));
  Mounts mounts;
  for (const std::string& line : split(table, '\n')) {
    std::vector<std::string> fields = split(line, ' ');
    if (line.empty()) continue;
    if (fields.size() < 10) return not_sealed(pid, "its mounts are not understood");
    ++mounts.count;
    std::string at = unescaped(fields[4]);
    std::vector<std::string> options = split(fields[5], ',');
    size_t dash = line.find(" - ");
    std::string kind = dash == std::string::npos ? "" : split(line.substr(dash + 3), ' ').front();
    if (kind == "proc" || kind == "sysfs" || kind.starts_with("cgroup"))
      return not_sealed(pid, fmt::format("{} is mounted at {}", kind, printable(at)));
    auto is_below = [&](const auto& list) {
      return std::any_of(list.begin(), list.end(), [&](const auto& path) { return is_inside(at, path); });
    };
    auto is_one_of = [&](const auto& list) { return std::find(list.begin(), list.end(), at) != list.end(); };
    bool may_write = is_below(enclosure.writable) || is_one_of(kPrivateFolders) || is_one_of(kDevices);
    bool may_be = may_write || at == "/" || is_below(enclosure.visible);
    if (!may_be) return not_sealed(pid, fmt::format("it sees {}", printable(at)));
    if (std::find(options.begin(), options.end(), "ro") != options.end()) continue;
    if (!may_write) return not_sealed(pid, fmt::format("it may write at {}", printable(at)));
    mounts.writable.push_back(at);
  }
  if (mounts.count == 0) return not_sealed(pid, "its mounts cannot be seen");
  return mounts;
}

// A path that exists, as it is written and as it really is.
void add_bind(internal::SealedRoot& root, const std::string& path, bool read_only) {
  auto real = real_path(path);
  if (!real.ok()) return;
  struct stat found {};
  if (::stat(real->c_str(), &found) != 0) return;
  std::string target = root.mount_point + path;
  if (std::any_of(root.binds.begin(), root.binds.end(),
                  [&](const internal::SealBind& other) { return other.target == target; }))
    return;
  root.binds.push_back({.source = *real,
                        .target = std::move(target),
                        .is_folder = S_ISDIR(found.st_mode),
                        .read_only = read_only});
}

std::string passwd_of(const std::vector<User>& names) {
  std::string text;
  for (const User& user : names)
    text += fmt::format("{}:x:{}:{}::/:/bin/false\n", user.name, user.uid, user.gid);
  return text;
}

std::string groups_of_names(const std::vector<User>& names) {
  std::string text;
  for (const User& user : names) text += fmt::format("{}:x:{}:\n", user.name, user.gid);
  return text;
}

std::string number_in(const char* path) {
  auto text = read_file(path, 256);
  return text.ok() ? std::string(trim(*text)) : std::string();
}

}  // namespace

Result<std::string> look_at_confinement(pid_t pid, const Enclosure& enclosure) {
  if (enclosure.confinement == Confinement::kNone) return not_sealed(pid, "nothing confines it");
  if (enclosure.confinement == Confinement::kWeak) {
    YTB_TRY(check_privileges(pid, enclosure.confinement));
    return std::string(
        "Landlock and a filter of system calls, tried by itself before it began, no capability");
  }
  YTB_TRY(check_namespaces(pid));
  YTB_TRY(check_privileges(pid, enclosure.confinement));
  YTB_TRY(check_network(pid));
  YTB_ASSIGN(Mounts mounts, check_mounts(pid, enclosure));
  return fmt::format(
      "namespaces of its own ({}{}), no capability and no way to one, {} mounts of its own, all of them for "
      "reading alone but {}",
      join(std::vector<std::string>(kNamespaces.begin(), kNamespaces.end()), ", "),
      running_as_root() ? "" : ", user", mounts.count, join(mounts.writable, ", "));
}

std::string why_no_namespaces(int error_number) {
  if (number_in("/proc/sys/user/max_user_namespaces") == "0" && !running_as_root())
    return "this host allows no user namespaces: sysctl user.max_user_namespaces=10000";
  if (number_in("/proc/sys/kernel/unprivileged_userns_clone") == "0" && !running_as_root())
    return "this host allows ordinary users no namespaces: sysctl kernel.unprivileged_userns_clone=1";
  if (number_in("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" && !running_as_root()) {
    return "AppArmor denies user namespaces to programs without a profile: install deploy/apparmor/"
           "yesterdaytabase, or sysctl kernel.apparmor_restrict_unprivileged_userns=0";
  }
  if (error_number == ENOSPC || error_number == EUSERS) {
    return "raise what is reached of sysctl user.max_user_namespaces, user.max_mnt_namespaces and the others "
           "of that name";
  }
  auto status = read_proc(::getpid(), "status");
  bool filtered = status.ok() && status_field(*status, "Seccomp") == "2";
  if (error_number == ENOSYS) return "the kernel is older than 5.12, or a filter denies mount_setattr";
  if (running_as_root() || filtered) {
    return kContainerHint;
  }
  return fmt::format("the kernel said: {}", std::strerror(error_number));  // NOLINT(concurrency-mt-unsafe)
}

namespace internal {

Result<SealedRoot> plan_seal(const Enclosure& enclosure, const std::vector<User>& names) {
  SealedRoot root;
  root.clone_flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS;
  if (!running_as_root()) {
    root.clone_flags |= CLONE_NEWUSER;
    root.uid_map = fmt::format("{0} {0} 1", ::geteuid());
    root.gid_map = fmt::format("{0} {0} 1", ::getegid());
  }
  root.filter = system_call_filter(Reach::kOwnWorld);
  root.mount_point = join_path(enclosure.folder, "seal");
  YTB_TRY(make_folder(root.mount_point, 0755));
  for (const char* folder : kPrivateFolders) root.private_folders.push_back(root.mount_point + folder);
  for (const std::string& path : enclosure.visible) add_bind(root, path, true);
  for (const char* device : kDevices) add_bind(root, device, false);
  for (const std::string& path : enclosure.writable) add_bind(root, path, false);
  auto file = [&](const char* path, std::string text) {
    root.files.push_back({root.mount_point + path, std::move(text)});
  };
  file("/etc/passwd", passwd_of(names));
  file("/etc/group", groups_of_names(names));
  // Names come from these files and from nowhere else. 13 and 14 look localhost up.
  file("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
  file("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n");
  return root;
}

}  // namespace internal

namespace {

// PT_INTERP of a 64-bit ELF file (elf(5)).
Result<std::string> interpreter_of(const std::string& program) {
  constexpr size_t kPathMax = 4096;
  constexpr int kHeadersMax = 256;
  Error wrong{.code = Code::kUnsupported,
              .message = fmt::format("{} is not a dynamically linked 64-bit program", printable(program)),
              .hint = {}};
  Descriptor file(::open(program.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return system_error("open", program, errno);
  auto read_into = [&](void* into, size_t size, uint64_t at) {
    return ::pread(file.get(), into, size, static_cast<off_t>(at)) == static_cast<ssize_t>(size);
  };
  Elf64_Ehdr header{};
  if (!read_into(&header, sizeof header, 0) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr) ||
      header.e_phnum > kHeadersMax) {
    return wrong;
  }
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr part{};
    if (!read_into(&part, sizeof part, header.e_phoff + static_cast<uint64_t>(i) * sizeof part)) return wrong;
    if (part.p_type != PT_INTERP) continue;
    if (part.p_filesz < 2 || part.p_filesz > kPathMax) return wrong;
    std::string path(part.p_filesz, '\0');
    if (!read_into(path.data(), path.size(), part.p_offset)) return wrong;
    path.resize(path.find('\0') == std::string::npos ? path.size() : path.find('\0'));
    return path;
  }
  return wrong;
}

// What the loader says that it maps for the program and what is preloaded; nothing of them is executed. It
// ends with 127 where one needs what is not there (rtld.c).
Result<Finished> list_loaded(const std::string& interpreter, const std::string& program,
                             const std::string& preloaded, const std::string& run_as) {
  return run({.argv = {interpreter, "--list", program},
              .run_as = run_as,
              .environment = {{"LD_PRELOAD", preloaded}}});
}

// "bin/../lib/libpq.so.5", as the loader makes it of $ORIGIN/../lib. Inside there are folders only, and no
// links between them, so that the path has to lead there by its words.
Result<std::string> plain_path(std::string_view path) {
  std::string plain = std::filesystem::path(path).lexically_normal();
  if (plain == path) return plain;
  const Result<std::string> meant = real_path(std::string(path));
  const Result<std::string> found = real_path(plain);
  if (meant.ok() && found.ok() && *meant == *found) return plain;
  return Error{
      .code = Code::kConfig,
      .message = fmt::format("the library {} is reached by a symbolic link before a '..'", printable(path)),
      .hint = "a sealed copy has no such links: name an installation without them in bin_dir"};
}

}  // namespace

Result<std::vector<std::string>> loaded_files(const std::string& program,
                                              const std::vector<std::string>& libraries,
                                              const std::string& run_as) {
  YTB_ASSIGN(std::string interpreter, interpreter_of(program));
  YTB_ASSIGN(Finished all, list_loaded(interpreter, program, join(libraries, ":"), run_as));
  std::string listed = std::move(all.out);
  if (!all.ok()) {
    YTB_ASSIGN(Finished own, list_loaded(interpreter, program, "", run_as));
    if (!own.ok()) {
      return Error{
          .code = Code::kConfig,
          .message = fmt::format("{} cannot be loaded: {}", printable(program), printable(trim(own.err))),
          .hint = "install the package that brings what it lacks, or name another installation"};
    }
    listed = std::move(own.out);
    // What lacks something cannot be loaded whether we show it or not, as plperl.so on a host without Perl.
    for (const std::string& library : libraries) {
      YTB_ASSIGN(Finished one, list_loaded(interpreter, program, library, run_as));
      if (one.ok()) listed += one.out;
    }
  }
  std::vector<std::string> files{interpreter};
  // "libm.so.6 => /lib/libm.so.6 (0x…)", "/lib64/ld-linux-x86-64.so.2 (0x…)", "libx.so => not found".
  for (const std::string& line : split(listed, '\n')) {
    for (const std::string& word : split(line, ' ')) {
      std::string_view path = trim(word);
      if (!path.starts_with('/')) continue;
      YTB_ASSIGN(std::string plain, plain_path(path));
      files.push_back(std::move(plain));
    }
  }
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  return files;
}

}  // namespace ytb::os
