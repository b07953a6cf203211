// Files: reading and writing with bounds, replacing atomically and durably, removing trees safely.
//
// All paths are absolute or relative to the working directory; nothing here expands or cleans them.
// Functions are thread-safe in themselves; two callers working on the same path must agree between them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/os/users.h"

namespace ytb::os {

// "/a" + "b/c" → "/a/b/c".
std::string join_path(std::string_view folder, std::string_view name);
std::string parent_of(std::string_view path);
std::string name_in(std::string_view path);
// Lexically: whether `path` is `folder` or below it. Both absolute; a path with ".." in it never is.
bool is_inside(std::string_view path, std::string_view folder);
// With all symbolic links resolved; the path must exist.
Result<std::string> real_path(const std::string& path);

enum class FileKind { kFile, kDirectory, kLink, kOther };
struct FileInfo {
  std::string name;
  FileKind kind = FileKind::kOther;
  uint64_t size_bytes = 0;
  uint64_t allocated_bytes = 0;  // on disk: less than its size where it has holes
  mode_t mode = 0;
  uid_t uid = 0;
  int64_t modified_s = 0;  // Unix time
};
// Of the thing itself, never of what a link points at. None where nothing is there.
Result<std::optional<FileInfo>> info_of(const std::string& path);
bool exists(const std::string& path);
// Another text when what lies at `path`, links followed, was replaced, written to, or is gone.
std::string identity_of(const std::string& path);
// Entries of a folder, by name, without . and ..; more than `entries_max` is an error.
Result<std::vector<FileInfo>> list_folder(const std::string& path, size_t entries_max = 100'000);
Result<std::string> read_link(const std::string& path);

// A regular file of at most `size_max` bytes, whole. Symbolic links are followed.
Result<std::string> read_file(const std::string& path, size_t size_max);

struct WriteOptions {
  mode_t mode = 0600;
  std::optional<User> owner = {};  // none: whoever we are
};
// Written beside it, fsynced, renamed over it, folder fsynced: after a crash there is the old content or the
// new. An existing symbolic link is replaced, not followed.
Status write_file(const std::string& path, std::string_view content, const WriteOptions& options = {});
// The same for a symbolic link.
Status write_link(const std::string& path, const std::string& target);
// Renames within one file system; refuses (kRefused) where `to` exists. Both folders are fsynced.
Status rename_new(const std::string& from, const std::string& to);
Status remove_file(const std::string& path);  // absent: success
Status set_mode(const std::string& path, mode_t mode);

// Makes one folder with exactly this mode and owner; an existing one is given them. A symbolic link or file
// in its place is kRefused.
Status make_folder(const std::string& path, mode_t mode, const std::optional<User>& owner = std::nullopt);
// Makes the missing folders above and itself, with mode 0755 or `mode`; existing ones are left as they are.
Status make_folders(const std::string& path, mode_t mode = 0755);

// A new folder of mode 0700 in $TMPDIR or /tmp, its name beginning with `prefix`; the caller removes it.
Result<std::string> make_temporary_folder(const std::string& prefix);

// Removes a folder and everything in it. Never follows a symbolic link, never crosses into another file
// system (kRefused: something is mounted there), never leaves `path`. `path` must be absolute, at least two
// levels deep and a real folder. Absent: success.
Status remove_tree(const std::string& path);
// The same for what is in it, keeping the folder itself.
Status empty_tree(const std::string& path);
// fsyncs every file and folder below.
Status sync_tree(const std::string& path);
Status sync_folder(const std::string& path);

struct Space {
  uint64_t total_bytes = 0;
  uint64_t available_bytes = 0;  // to us
  std::string filesystem;        // "btrfs", "xfs", "ext4", else its magic number
};
// Of the file system that holds `path` or, where that does not exist, its nearest existing folder.
Result<Space> space_at(const std::string& path);

// Error where nothing can be made in `folder` (a file system that is read-only, rights) or, where that does
// not exist, in its nearest existing folder.
Status check_writable(const std::string& folder);

// Changes at every boot of the host.
Result<std::string> boot_id();

}  // namespace ytb::os
