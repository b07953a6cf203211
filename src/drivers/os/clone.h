// Cloning a tree of files as fast as the file system can: shared blocks (FICLONE on btrfs, XFS), else
// copy_file_range, else reading and writing; by several threads, large files in pieces; holes stay holes.
//
// The source is opened for reading only. Links are never followed: they are reported and not made. What is
// neither file, folder nor link (sockets, pipes, devices) is left out. Nothing is synced: that is the
// caller's to do when it matters.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "drivers/os/users.h"

namespace ytb::os {

struct CloneOptions {
  std::optional<User> owner = {};  // of all that is made; none: ourselves
  mode_t file_mode = 0600;
  mode_t folder_mode = 0700;
  int workers = 0;           // 0: by the number of cores, at most kCloneWorkersMax
  bool share_blocks = true;  // false: never reflink (for measuring)
  // What to leave out, by its path relative to the source, "base/1/1259". Called by one thread.
  std::function<bool(std::string_view relative, bool folder)> skip = {};
  // A file is complete: its relative path and a descriptor for reading the clone. Called by any worker,
  // several at once; an error ends everything.
  std::function<Status(const std::string& relative, int fd)> on_file = {};
  // Bytes so far (of apparent size, holes included) and in all. Called by any worker, often.
  std::function<void(uint64_t done_bytes, uint64_t total_bytes)> on_progress = {};
};
inline constexpr int kCloneWorkersMax = 8;

struct ClonedLink {
  std::string relative;
  std::string target;
};
struct CloneReport {
  uint64_t files = 0;
  uint64_t bytes = 0;         // apparent sizes
  uint64_t shared_files = 0;  // of them, by reflink
  uint64_t left_out = 0;      // sockets, pipes, devices
  std::vector<ClonedLink> links;
};

// Clones what is in the folder `from` into the folder `to`, which is made where it is missing and must hold
// none of it. On an error or a stop (kInterrupted) `to` is left half made. A file that shrinks while being
// copied is kCorrupt.
Result<CloneReport> clone_tree(const std::string& from, const std::string& to, const CloneOptions& options,
                               const StopFlag& stop);

struct TreeSize {
  uint64_t files = 0;
  uint64_t bytes = 0;            // apparent
  uint64_t allocated_bytes = 0;  // on disk
};
// Of what clone_tree would clone, links left out.
Result<TreeSize> size_of_tree(const std::string& path,
                              const std::function<bool(std::string_view, bool)>& skip = {});

// Whether `file` can share its blocks with files in the folder `to`. Tried, with a nameless file there; the
// source is only read.
bool can_share_blocks(const std::string& file, const std::string& to);

}  // namespace ytb::os
