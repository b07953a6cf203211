#include "drivers/basebackup/take.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "base/text.h"
#include "drivers/basebackup/backup.h"
#include "drivers/os/files.h"
#include "drivers/os/lock.h"
#include "drivers/os/subprocess.h"
#include "drivers/pgfiles/client_programs.h"
#include "drivers/pgfiles/refusal.h"
#include "model/engine_versions.h"

namespace ytb::basebackup {
namespace {

using Json = nlohmann::json;

// Names in the directory that are ours; all begin with a dot, so that list() does not see them.
constexpr std::string_view kTaking = ".ytb-taking-";      // + UTC: a backup under way
constexpr std::string_view kDeleting = ".ytb-deleting-";  // + name: one on its way out
constexpr std::string_view kMark = ".ytb-taken-";         // + name + .json: that we made it
constexpr std::string_view kLock = ".ytb-take.lock";
constexpr auto kTakeTimeout = std::chrono::hours(48);
constexpr auto kAskTimeout = std::chrono::seconds(60);
constexpr size_t kMarkSizeMax = 64 << 10;
constexpr size_t kEntriesMax = 10'000;
constexpr int kNamesMax = 100;  // backups within one second

struct Mark {
  std::string name;  // of the backup's folder
  std::string production;
  std::string manifest_checksum;
};

std::string mark_path(const std::string& directory, std::string_view name) {
  return os::join_path(directory, fmt::format("{}{}.json", kMark, name));
}

Status write_mark(const std::string& directory, const Mark& mark) {
  Json json{{"format", 1},
            {"name", mark.name},
            {"production", mark.production},
            {"manifest_checksum", mark.manifest_checksum}};
  return os::write_file(mark_path(directory, mark.name), json.dump() + "\n");
}

// None for what is no mark of ours, or a damaged one: its backup is then not ours to delete.
std::optional<Mark> read_mark(const std::string& path) {
  auto text = os::read_file(path, kMarkSizeMax);
  if (!text.ok()) return std::nullopt;
  try {
    Json json = parse_json<Json>(*text);
    if (json.at("format").get<int>() != 1) return std::nullopt;
    return Mark{.name = json.at("name").get<std::string>(),
                .production = json.at("production").get<std::string>(),
                .manifest_checksum = json.at("manifest_checksum").get<std::string>()};
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

Result<std::string> manifest_checksum_in(const std::string& folder) {
  YTB_ASSIGN(std::string text, os::read_file(os::join_path(folder, "backup_manifest"), kManifestBytesMax));
  YTB_ASSIGN(Manifest manifest, parse_manifest(text));
  return manifest.checksum;
}

// Connection strings reach programs as arguments, where everybody can read them.
Status refuse_password_in(std::string_view connection) {
  bool keyword = connection.find("password") != std::string_view::npos;
  size_t scheme = connection.find("://");
  size_t at = scheme == std::string_view::npos ? scheme : connection.find('@', scheme);
  bool in_url = at != std::string_view::npos &&
                connection.substr(scheme + 3, at - scheme - 3).find(':') != std::string_view::npos;
  if (!keyword && !in_url) return {};
  return Error{.code = Code::kConfig,
               .message = "source.connection holds a password",
               .hint = "name it in source.password, as ${VARIABLE} or file:/path"};
}

Result<os::Command> client_command(const SourceOptions& options, const std::string& name) {
  YTB_TRY(refuse_password_in(options.connection));
  YTB_ASSIGN(std::string program, pgfiles::find_client(options.bin_dir, name));
  os::Command command{.argv = {program, "-d", options.connection, "-w"}};
  command.environment["PGAPPNAME"] = "yesterdaytabase";
  command.environment["PGCONNECT_TIMEOUT"] = "30";
  YTB_ASSIGN(Secret password, options.resolve_secret(options.password));
  // Readable by our own user only, and gone with the process.
  if (!password.empty()) command.environment["PGPASSWORD"] = std::string(password.reveal());
  return command;
}

// Plain backups would put tablespaces to where production's are. kUnsupported for a version that is not
// tested: nobody could restore the backup.
Result<bool> has_tablespaces(const SourceOptions& options) {
  YTB_ASSIGN(os::Command command, client_command(options, "psql"));
  const std::string query =
      "SELECT pg_catalog.current_setting('server_version_num')::int / 10000, count(*) FROM "
      "pg_catalog.pg_tablespace WHERE oid > 9999";
  command.argv.insert(command.argv.end(), {"-X", "-A", "-t", "-F", " ", "-c", query});
  command.timeout = kAskTimeout;
  auto finished = os::run_checked(command);
  if (!finished.ok()) {
    Error error = std::move(finished).error();
    if (error.code == Code::kExternal) error.code = Code::kConnection;
    if (error.hint.empty()) error.hint = pgfiles::hint_of_refusal(error.message);
    error.retry = Retry::kLater;
    return std::move(error).while_doing("asking production for its version and tablespaces");
  }
  const std::vector<std::string> answer = split(trim(finished->out), ' ');
  int major = 0;
  std::from_chars(answer[0].data(), answer[0].data() + answer[0].size(), major);
  if (!model::is_tested_major(major)) return model::untested_major("production", major);
  return answer.size() != 2 || answer[1] != "0";
}

Status run_basebackup(const SourceOptions& options, const std::string& to, bool tar,
                      ports::Progress& progress, const StopFlag& stop) {
  YTB_ASSIGN(os::Command command, client_command(options, "pg_basebackup"));
  command.argv.insert(command.argv.end(),
                      {"-D", to, "-X", "stream", "-c", "fast", "-P", "-l", "yesterdaytabase"});
  if (tar) {
    command.argv.insert(command.argv.end(), {"-F", "tar"});
    if (options.compress == "gzip")
      command.argv.emplace_back("--gzip");  // the one spelling that all versions know
    if (options.compress == "zstd" || options.compress == "lz4") {
      command.argv.push_back("--compress=client-" + options.compress);
    }
  }
  command.timeout = kTakeTimeout;
  command.stop = &stop;
  command.on_stderr = [&progress](std::string_view line) {
    std::optional<TakeProgress> parsed = parse_take_progress(line);
    if (!parsed) return;
    progress.update({.stage = "take",
                     .item = {},
                     .done_bytes = parsed->done_bytes,
                     .total_bytes = std::max(parsed->done_bytes, parsed->total_bytes)});
  };
  auto finished = os::run_checked(command);
  if (finished.ok()) return {};
  Error error = std::move(finished).error();
  if (error.message.find("incompatible server version") != std::string::npos) {
    error.hint =
        "it is older than production's server: install the client programs of the server's version, or name "
        "their folder in copies.local.bin_dir";
  } else if (error.code == Code::kExternal && error.hint.empty()) {
    error.hint =
        "the login needs REPLICATION, a replication line in pg_hba.conf, and max_wal_senders two higher";
  }
  return error;
}

// What killed runs left behind. Nobody else is at work here: we hold the lock.
Status sweep(const std::string& directory) {
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(directory, kEntriesMax));
  for (const os::FileInfo& entry : entries) {
    bool rest = entry.name.starts_with(kTaking) || entry.name.starts_with(kDeleting);
    if (rest && entry.kind == os::FileKind::kDirectory) {
      YTB_TRY(os::remove_tree(os::join_path(directory, entry.name)));
    }
  }
  return {};
}

Result<std::string> free_name(const std::string& directory, Instant now) {
  for (int i = 1; i <= kNamesMax; ++i) {
    std::string name = i == 1 ? to_compact(now) : fmt::format("{}-{}", to_compact(now), i);
    if (!os::exists(os::join_path(directory, name)) && !os::exists(mark_path(directory, name))) return name;
  }
  return Error{.code = Code::kBusy,
               .message = fmt::format("{} holds too many backups of this second", printable(directory)),
               .hint = {},
               .retry = Retry::kLater};
}

Status check_options(const SourceOptions& options) {
  if (options.connection.empty()) {
    return Error{
        .code = Code::kUnsupported,
        .message = "no connection to production is configured, so no snapshot can be taken",
        .hint = "set source.connection, or let pg_basebackup fill source.directories by other means"};
  }
  YTB_CHECK(!options.directories.empty());
  if (format_of(options.directories.front())) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("{} is a backup itself, so none can be put into it",
                                        printable(options.directories.front())),
                 .hint = "name its parent folder in source.directories"};
  }
  return {};
}

}  // namespace

std::optional<TakeProgress> parse_take_progress(std::string_view line) {
  constexpr uint64_t kUnit = 1024;
  line = trim(line);
  size_t slash = line.find('/');
  size_t end = line.find(" kB");
  if (slash == std::string_view::npos || end == std::string_view::npos || slash > end) return std::nullopt;
  auto number = [](std::string_view digits, uint64_t& into) {
    auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), into);
    return error == std::errc() && stop == digits.data() + digits.size() && into < UINT64_MAX / kUnit;
  };
  TakeProgress parsed;
  if (!number(line.substr(0, slash), parsed.done_bytes) ||
      !number(line.substr(slash + 1, end - slash - 1), parsed.total_bytes)) {
    return std::nullopt;
  }
  parsed.done_bytes *= kUnit;
  parsed.total_bytes *= kUnit;
  return parsed;
}

Result<std::string> take_backup(const SourceOptions& options, const Clock& clock, ports::Progress& progress,
                                const StopFlag& stop) {
  YTB_TRY(check_options(options));
  const std::string& directory = options.directories.front();
  YTB_TRY(os::make_folders(directory, 0700));
  YTB_ASSIGN(os::FileLock lock,
             os::FileLock::acquire(os::join_path(directory, kLock), "snapshot take", clock.now()));
  YTB_TRY(sweep(directory));
  bool tar = options.compress != "none";
  if (!tar) {
    YTB_ASSIGN(tar, has_tablespaces(options));
    if (tar) progress.note("production has tablespaces: the snapshot is taken in tar format");
  }
  YTB_ASSIGN(std::string name, free_name(directory, clock.now()));
  std::string temporary = os::join_path(directory, std::string(kTaking) + name);
  Status taken = run_basebackup(options, temporary, tar, progress, stop);
  if (!taken.ok()) {
    Status removed = os::remove_tree(temporary);
    if (!removed.ok()) progress.note(fmt::format("a rest stays in {}", printable(temporary)));
    return std::move(taken).error();
  }
  YTB_TRY(os::sync_tree(temporary));
  // The mark first: a backup without one would never be pruned, a mark without a backup does no harm.
  auto checksum = manifest_checksum_in(temporary);
  YTB_TRY(write_mark(directory, {.name = name,
                                 .production = options.production.str(),
                                 .manifest_checksum = checksum.ok() ? *checksum : std::string()}));
  std::string folder = os::join_path(directory, name);
  YTB_TRY(os::rename_new(temporary, folder));
  return folder;
}

Result<std::vector<model::SnapshotId>> prune_taken(const SourceOptions& options, const Clock& clock) {
  std::vector<model::SnapshotId> gone;
  if (options.directories.empty() || !os::exists(options.directories.front())) return gone;
  const std::string& directory = options.directories.front();
  YTB_ASSIGN(os::FileLock lock,
             os::FileLock::acquire(os::join_path(directory, kLock), "snapshot prune", clock.now()));
  YTB_TRY(sweep(directory));
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(directory, kEntriesMax));
  std::vector<Mark> marks;
  for (const os::FileInfo& entry : entries) {
    if (!entry.name.starts_with(kMark)) continue;
    std::optional<Mark> mark = read_mark(os::join_path(directory, entry.name));
    if (!mark || mark->production != options.production.str() || !is_clean_path(mark->name) ||
        mark_path(directory, mark->name) != os::join_path(directory, entry.name)) {
      continue;
    }
    std::string folder = os::join_path(directory, mark->name);
    if (!os::exists(folder)) {
      YTB_TRY(os::remove_file(mark_path(directory, mark->name)));
      continue;
    }
    // Somebody may have put another backup in its place: that one is not ours.
    auto checksum = manifest_checksum_in(folder);
    if ((checksum.ok() ? *checksum : std::string()) == mark->manifest_checksum)
      marks.push_back(*std::move(mark));
  }
  std::sort(marks.begin(), marks.end(),
            [](const Mark& a, const Mark& b) { return a.name > b.name; });  // newest first
  auto keep = static_cast<size_t>(std::max(options.keep, 1));
  for (size_t i = keep; i < marks.size(); ++i) {
    std::string hidden = os::join_path(directory, std::string(kDeleting) + marks[i].name);
    YTB_TRY(os::rename_new(os::join_path(directory, marks[i].name), hidden));
    YTB_TRY(os::remove_tree(hidden));
    YTB_TRY(os::remove_file(mark_path(directory, marks[i].name)));
    gone.emplace_back(marks[i].name);
  }
  return gone;
}

}  // namespace ytb::basebackup
