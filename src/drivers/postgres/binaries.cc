// Finding the server's programs by version, and checking the user's settings.
#include <fmt/format.h>

#include <algorithm>

#include "base/remembered.h"
#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/os/subprocess.h"
#include "drivers/os/users.h"
#include "drivers/postgres/instance.h"
#include "drivers/postgres/server_files.h"
#include "drivers/postgres/server_settings.h"
#include "drivers/postgres/settings_trial.h"
#include "model/engine_versions.h"

namespace ytb::postgres {
namespace {

constexpr const char* kNeeded[] = {"postgres", "initdb"};

// "postgres (PostgreSQL) 15.20 (Debian …)" → 15; "17devel" → 17; 0 where it is something else.
int major_of(const std::string& version_text) {
  size_t at = version_text.find("(PostgreSQL) ");
  if (at == std::string::npos) return 0;
  int major = 0;
  for (size_t i = at + 13; i < version_text.size() && version_text[i] >= '0' && version_text[i] <= '9'; ++i) {
    major = major * 10 + (version_text[i] - '0');
    if (major > 1000) return 0;
  }
  return major;
}

// What the programs in a folder are of; 0 where one is missing. Root does not run what a folder of somebody
// else's may hold.
int version_in(const std::string& folder, const std::string& run_as) {
  for (const char* name : kNeeded) {
    if (!os::exists(os::join_path(folder, name))) return 0;
  }
  static Remembered<int> remembered;
  const std::string program = os::join_path(folder, "postgres");
  auto major = remembered.get(run_as + "\n" + os::identity_of(program), [&]() -> Result<int> {
    YTB_ASSIGN(os::Finished told,
               os::run(os::Command{.argv = {program, "--version"},
                                   .run_as = os::running_as_root() ? run_as : std::string()}));
    const int found = told.ok() ? major_of(told.out) : 0;
    if (found == 0)
      return Error{.code = Code::kExternal, .message = program + " tells no version", .hint = {}};
    return found;
  });
  return major.ok() ? *major : 0;
}

std::vector<std::string> places(int major) {
  return {fmt::format("/usr/lib/postgresql/{}/bin", major), fmt::format("/usr/pgsql-{}/bin", major),
          fmt::format("/usr/local/pgsql-{}/bin", major),
          fmt::format("/opt/homebrew/opt/postgresql@{}/bin", major)};
}

std::string installed(const std::string& run_as) {
  std::vector<std::string> found;
  for (int major = model::kPostgresMajorMin; major <= model::kPostgresMajorMax; ++major) {
    for (const std::string& folder : places(major)) {
      if (version_in(folder, run_as) == major) found.push_back(fmt::format("{} in {}", major, folder));
    }
  }
  return found.empty() ? "none is installed" : "installed: " + join(found, ", ");
}

}  // namespace

Result<std::string> PostgresInstance::find_binaries(const ports::InstanceSpec& spec) {
  if (!model::is_tested_major(spec.engine_major)) {
    return model::untested_major("the snapshot's server", spec.engine_major);
  }
  if (os::running_as_root()) {
    auto user = os::find_user(spec.run_as);
    if (!user.ok()) return std::move(user).error();
  }
  if (!spec.bin_dir.empty()) {
    int major = version_in(spec.bin_dir, spec.run_as);
    if (major == spec.engine_major) return spec.bin_dir;
    return Error{.code = Code::kUnsupported,
                 .message = fmt::format(
                     "{} holds {}, and the snapshot is of PostgreSQL {}", spec.bin_dir,
                     major == 0 ? std::string("no PostgreSQL server") : fmt::format("PostgreSQL {}", major),
                     spec.engine_major),
                 .hint = "set copies.bin_dir to the right version's programs, or leave it out"};
  }
  for (const std::string& folder : places(spec.engine_major)) {
    if (version_in(folder, spec.run_as) == spec.engine_major) return folder;
  }
  auto in_path = os::find_program("postgres");
  if (in_path.ok()) {
    auto real = os::real_path(*in_path);
    std::string folder = os::parent_of(real.ok() ? *real : *in_path);
    if (version_in(folder, spec.run_as) == spec.engine_major) return folder;
  }
  return Error{.code = Code::kUnsupported,
               .message = fmt::format("the programs of PostgreSQL {} were not found", spec.engine_major),
               .hint = fmt::format("install postgresql-{} or set copies.bin_dir ({})", spec.engine_major,
                                   installed(spec.run_as))};
}

Status check_run_as(const std::string& run_as) {
  if (run_as.empty() && os::running_as_root()) {
    return Error{.code = Code::kConfig,
                 .message = "we are root, and PostgreSQL refuses to run as root",
                 .hint = "name the user that copies run as: copies: {local: {run_as: postgres}}"};
  }
  YTB_ASSIGN(os::User user, os::find_user(run_as));
  if (user.uid == 0) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format(
                     "copies are to run as '{}', which is root, and PostgreSQL refuses to run as root",
                     printable(run_as)),
                 .hint = "name another user: copies: {local: {run_as: postgres}}"};
  }
  if (!os::running_as_root() && !os::is_ourselves(user)) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("copies are to run as '{}', and only root can switch to another user",
                                        printable(run_as)),
                 .hint = "run as root, or leave run_as away"};
  }
  return {};
}

Status PostgresInstance::validate(const ports::InstanceSpec& spec) {
  for (const std::string& name : spec.extensions) {
    bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
    });
    if (!plain) {
      return Error{.code = Code::kConfig,
                   .message = fmt::format("'{}' is not the name of an extension", printable(name)),
                   .hint = "name it as CREATE EXTENSION does, e.g. pg_trgm"};
    }
  }
  YTB_TRY(check_settings(spec.settings, spec.preload));
  YTB_TRY(check_run_as(spec.run_as));
  auto bin_dir = find_binaries(spec);
  if (!bin_dir.ok()) return {};  // that they are missing is said where they are needed
  YTB_TRY(check_preload(*bin_dir, spec.run_as, spec.preload));
  return try_settings(*bin_dir, spec.run_as, spec.settings);
}

}  // namespace ytb::postgres
