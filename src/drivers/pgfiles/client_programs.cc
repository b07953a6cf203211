#include "drivers/pgfiles/client_programs.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

#include "drivers/os/files.h"
#include "drivers/os/subprocess.h"

namespace ytb::pgfiles {
namespace {

constexpr size_t kEntriesMax = 10'000;

}  // namespace

Result<std::string> find_client(const std::string& bin_dir, const std::string& name) {
  if (!bin_dir.empty()) return os::find_program(os::join_path(bin_dir, name));
  constexpr std::string_view kPlaces[] = {"/usr/lib/postgresql",
                                          "/usr/pgsql-"};  // Debian; Red Hat's names end in it
  int newest = 0;
  std::string found;
  auto versions = os::list_folder(std::string(kPlaces[0]), kEntriesMax);
  if (versions.ok()) {
    for (const os::FileInfo& version : *versions) {
      int major = 0;
      auto [end, error] =
          std::from_chars(version.name.data(), version.name.data() + version.name.size(), major);
      std::string candidate = fmt::format("{}/{}/bin/{}", kPlaces[0], version.name, name);
      if (error == std::errc() && major > newest && os::find_program(candidate).ok()) {
        newest = major;
        found = candidate;
      }
    }
  }
  for (int major = 99; found.empty() && major >= 12; --major) {
    std::string candidate = fmt::format("{}{}/bin/{}", kPlaces[1], major, name);
    if (os::find_program(candidate).ok()) found = candidate;
  }
  if (!found.empty()) return found;
  return os::find_program(name);
}

}  // namespace ytb::pgfiles
