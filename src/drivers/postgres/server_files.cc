#include "drivers/postgres/server_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/remembered.h"
#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/os/subprocess.h"

namespace ytb::postgres {
namespace {

constexpr size_t kLibrariesMax = 10'000;
constexpr size_t kControlFileMax = 64 << 10;

// Data that the server reads beside its own: time zones, locales, Debian's dictionaries (its share folder
// links there), the run-times of trusted languages, OpenSSL's modules. Program code of libraries is found by
// asking the loader. No folder of these holds anything of this host's.
constexpr const char* kData[] = {
    "/usr/share/zoneinfo",
    "/etc/localtime",  // Debian's zoneinfo has a link to it, which pg_timezone_names follows
    "/usr/lib/locale",
    "/usr/share/locale",
    "/var/cache/postgresql/dicts",
    "/usr/share/icu",
    "/usr/share/perl",
    "/usr/share/perl5",
    "/usr/lib64/perl5",
    "/usr/share/tcltk",
    "/etc/ld.so.cache",
    "/usr/share/postgresql-common",
};
// Beside the C library.
constexpr const char* kBesideLibc[] = {"libnss_files.so.2", "libgcc_s.so.1", "perl", "perl-base", "perl5",
                                       "ossl-modules",      "gconv"};

struct Folders {
  std::string share;
  std::string library;
};

bool has(const std::string& folder, const char* name) { return os::exists(os::join_path(folder, name)); }

// pg_config says it where it is installed; elsewhere they lie where PostgreSQL itself looks, beside bin.
Result<Folders> find_folders(const std::string& bin, const std::string& run_as) {
  Folders found;
  std::string pg_config = os::join_path(bin, "pg_config");
  if (os::exists(pg_config)) {
    auto said = os::run({.argv = {pg_config, "--sharedir", "--pkglibdir"}, .run_as = run_as});
    std::vector<std::string> lines = said.ok() ? split(said->out, '\n') : std::vector<std::string>();
    if (lines.size() >= 2) found = {.share = lines[0], .library = lines[1]};
  }
  const std::string prefix = os::parent_of(bin);
  // Debian: usr/lib/postgresql/15/bin and usr/share/postgresql/15, wherever usr is.
  const std::string usr = os::parent_of(os::parent_of(os::parent_of(prefix)));
  for (const std::string& share :
       {prefix + "/share/postgresql", prefix + "/share",
        os::join_path(usr, "share/postgresql/" + os::name_in(prefix)), std::string("/usr/share/pgsql")}) {
    if (!has(found.share, "postgres.bki") && has(share, "postgres.bki")) found.share = share;
  }
  for (const std::string& library :
       {prefix + "/lib/postgresql", prefix + "/lib", prefix + "/lib64/pgsql", prefix + "/lib64"}) {
    if (!has(found.library, "plpgsql.so") && has(library, "plpgsql.so")) found.library = library;
  }
  if (has(found.share, "postgres.bki") && has(found.library, "plpgsql.so")) return found;
  return Error{
      .code = Code::kConfig,
      .message = fmt::format("the files of the server in {} were not found", printable(bin)),
      .hint = "install its pg_config beside it, or set copies.local.bin_dir to a whole installation"};
}

// Each start of a server asks, and a restore starts dozens.
Result<Folders> folders_of(const std::string& bin, const std::string& run_as) {
  static Remembered<Folders> remembered;
  return remembered.get(run_as + "\n" + os::identity_of(os::join_path(bin, "postgres")) + "\n" +
                            os::identity_of(os::join_path(bin, "pg_config")),
                        [&] { return find_folders(bin, run_as); });
}

// "trusted = true" of a control file (extension.c, parse_extension_control_file).
bool is_on(const std::string& control, std::string_view name, bool when_missing) {
  for (const std::string& line : split(control, '\n')) {
    std::vector<std::string> parts = split(line.substr(0, line.find('#')), '=');
    if (parts.size() != 2 || trim(parts[0]) != name) continue;
    const std::string_view value = trim(parts[1]);
    return value == "true" || value == "on" || value == "yes" || value == "1" || value == "'true'";
  }
  return when_missing;
}

Result<std::vector<std::string>> shared_objects_in(const std::string& folder) {
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(folder, kLibrariesMax));
  std::vector<std::string> found;
  for (const os::FileInfo& entry : entries) {
    if (entry.name.ends_with(".so")) found.push_back(os::join_path(folder, entry.name));
  }
  return found;
}

// Everything in the share folder but the scripts of extensions that nobody named: a trusted one's runs as the
// superuser, whoever creates it. Those that a copy has already do not need theirs.
Status add_share(const std::string& share, const std::vector<std::string>& extensions,
                 std::vector<std::string>& visible) {
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(share));
  for (const os::FileInfo& entry : entries) {
    if (entry.name != "extension") visible.push_back(os::join_path(share, entry.name));
  }
  const std::string folder = os::join_path(share, "extension");
  if (extensions.empty() || !os::exists(folder)) return {};
  YTB_ASSIGN(entries, os::list_folder(folder));
  for (const os::FileInfo& entry : entries) {
    bool named = std::any_of(extensions.begin(), extensions.end(), [&](const std::string& name) {
      return entry.name == name + ".control" || entry.name.starts_with(name + "--");
    });
    if (named) visible.push_back(os::join_path(folder, entry.name));
  }
  return {};
}

Result<std::vector<std::string>> find_visible(const std::string& program, const Folders& folders,
                                              const std::string& run_as,
                                              const std::vector<std::string>& extensions) {
  const std::string bin = os::parent_of(program);
  std::vector<std::string> visible{bin, folders.library};
  YTB_TRY(add_share(folders.share, extensions, visible));
  visible.insert(visible.end(), std::begin(kData), std::end(kData));
  YTB_ASSIGN(std::vector<std::string> libraries, shared_objects_in(folders.library));
  YTB_ASSIGN(std::vector<std::string> loaded, os::loaded_files(program, libraries, run_as));
  for (const std::string& file : loaded) {
    visible.push_back(file);
    if (!os::name_in(file).starts_with("libc.so.")) continue;
    for (const char* name : kBesideLibc) visible.push_back(os::join_path(os::parent_of(file), name));
  }
  // A path inside a folder that is there anyway needs no place of its own.
  std::vector<std::string> needed;
  for (const std::string& path : visible) {
    bool covered = std::any_of(visible.begin(), visible.end(), [&](const std::string& other) {
      return other.size() < path.size() && os::is_inside(path, other);
    });
    if (!covered && std::find(needed.begin(), needed.end(), path) == needed.end()) needed.push_back(path);
  }
  return needed;
}

Result<std::vector<std::string>> visible_files(const std::string& bin_dir, const std::string& run_as,
                                               const std::vector<std::string>& extensions) {
  static Remembered<std::vector<std::string>> remembered;
  YTB_ASSIGN(std::string program, server_program(bin_dir));
  YTB_ASSIGN(Folders folders, folders_of(os::parent_of(program), run_as));
  std::string key = run_as + "\n" + join(extensions, "\n");
  for (const std::string& path : {program, folders.share, os::join_path(folders.share, "extension"),
                                  folders.library, std::string("/etc/ld.so.cache")})
    key += "\n" + os::identity_of(path);
  return remembered.get(key, [&] { return find_visible(program, folders, run_as, extensions); });
}

os::Confinement confinement_of(const model::Isolation& isolation) {
  switch (isolation.kind) {
    case model::Isolation::Kind::kSealed:
      return os::Confinement::kSealed;
    case model::Isolation::Kind::kWeak:
      return os::Confinement::kWeak;
    case model::Isolation::Kind::kNone:
      break;
  }
  return os::Confinement::kNone;
}

}  // namespace

Result<std::string> server_program(const std::string& bin_dir) {
  return os::real_path(os::join_path(bin_dir, "postgres"));
}

Status check_extensions(const std::string& bin_dir, const std::string& run_as,
                        const std::vector<std::string>& extensions) {
  if (extensions.empty()) return {};
  YTB_ASSIGN(std::string program, server_program(bin_dir));
  YTB_ASSIGN(Folders folders, folders_of(os::parent_of(program), run_as));
  for (const std::string& name : extensions) {
    const std::string path = os::join_path(folders.share, "extension/" + name + ".control");
    if (!os::exists(path)) {
      return Error{.code = Code::kConfig,
                   .message = fmt::format("extension '{}' is not installed: there is no {}", printable(name),
                                          printable(path)),
                   .hint = "install its package, or take it out of copies.local.extensions"};
    }
    YTB_ASSIGN(std::string text, os::read_file(path, kControlFileMax));
    if (is_on(text, "trusted", false) || !is_on(text, "superuser", true)) continue;
    return Error{
        .code = Code::kConfig,
        .message = fmt::format("extension '{}' can be created by a superuser only, and a copy has none",
                               printable(name)),
        .hint =
            "take it out of copies.local.extensions; where production has it the copy has it, too, but "
            "functions in untrusted languages do not run there"};
  }
  return {};
}

// As dfmgr.c looks: by the name as it is written, then with the platform's ending.
Status check_preload(const std::string& bin_dir, const std::string& run_as,
                     const std::vector<std::string>& preload) {
  if (preload.empty()) return {};
  YTB_ASSIGN(std::string program, server_program(bin_dir));
  YTB_ASSIGN(Folders folders, folders_of(os::parent_of(program), run_as));
  for (const std::string& name : preload) {
    if (has(folders.library, name.c_str()) || has(folders.library, (name + ".so").c_str())) continue;
    YTB_ASSIGN(std::vector<std::string> there, shared_objects_in(folders.library));
    for (std::string& path : there) {
      path = os::name_in(path);
      path.resize(path.size() - 3);  // ".so"
    }
    return Error{
        .code = Code::kConfig,
        .message = fmt::format("copies.local.preload: there is no library '{}' in {}{}", printable(name),
                               printable(folders.library), did_you_mean(name, there)),
        .hint = "install its package, or correct or remove the name"};
  }
  return {};
}

Result<os::Enclosure> enclosure_for(const ports::InstanceSpec& spec, const std::string& bin_dir,
                                    std::string_view purpose) {
  os::Enclosure enclosure{.folder = spec.root,
                          .purpose = std::string(purpose),
                          .confinement = confinement_of(spec.isolation),
                          .writable = {spec.data(), spec.run(), spec.root + "/tablespaces"}};
  if (enclosure.confinement != os::Confinement::kNone) {
    YTB_ASSIGN(enclosure.visible, visible_files(bin_dir, spec.run_as, spec.extensions));
    // The server looks in there for the scripts of an extension.
    if (!spec.extensions.empty()) {
      YTB_ASSIGN(std::string program, server_program(bin_dir));
      YTB_ASSIGN(Folders folders, folders_of(os::parent_of(program), spec.run_as));
      enclosure.listed.push_back(os::join_path(folders.share, "extension"));
    }
  }
  return enclosure;
}

}  // namespace ytb::postgres
