#include "drivers/os/clone.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "base/text.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"

namespace ytb::os {
namespace {

constexpr uint64_t kPieceBytes = 64ULL << 20;  // a file larger than this is copied in pieces
constexpr uint64_t kStepBytes = 8ULL << 20;    // between two looks at the stop flag
constexpr size_t kBufferBytes = 1ULL << 20;    // where the kernel cannot copy by itself
constexpr size_t kEntriesMax = 20'000'000;
constexpr int kDepthMax = 100;

struct Entry {
  std::string relative;
  uint64_t bytes = 0;
};

// What is to be cloned, found before the first byte is copied.
struct Listing {
  std::vector<std::string> folders;  // parents before children
  std::vector<Entry> files;
  CloneReport report;
  uint64_t allocated_bytes = 0;
};

using Skip = std::function<bool(std::string_view, bool)>;

Status list_below(const std::string& root, const std::string& relative, const Skip& skip, int depth,
                  Listing& into) {
  if (depth > kDepthMax || into.files.size() + into.folders.size() > kEntriesMax) {
    return Error{.code = Code::kUnsupported,
                 .message = fmt::format("{} is too deep or holds too many files", printable(root)),
                 .hint = "is that a server's data directory?"};
  }
  std::string folder = relative.empty() ? root : join_path(root, relative);
  YTB_ASSIGN(std::vector<FileInfo> entries, list_folder(folder, kEntriesMax));
  for (const FileInfo& entry : entries) {
    std::string path = relative.empty() ? entry.name : relative + "/" + entry.name;
    if (skip && skip(path, entry.kind == FileKind::kDirectory)) continue;
    switch (entry.kind) {
      case FileKind::kFile:
        into.report.bytes += entry.size_bytes;
        into.allocated_bytes += entry.allocated_bytes;
        ++into.report.files;
        into.files.push_back({std::move(path), entry.size_bytes});
        break;
      case FileKind::kDirectory:
        into.folders.push_back(path);
        YTB_TRY(list_below(root, path, skip, depth + 1, into));
        break;
      case FileKind::kLink: {
        YTB_ASSIGN(std::string target, read_link(join_path(root, path)));
        into.report.links.push_back({std::move(path), std::move(target)});
        break;
      }
      case FileKind::kOther:
        ++into.report.left_out;
        break;
    }
  }
  return {};
}

// Opens `relative` below a folder, letting no part of it be a link.
Result<Descriptor> open_below(int root_fd, const std::string& relative, int flags, mode_t mode) {
  Descriptor folder;
  int at = root_fd;
  size_t start = 0;
  for (size_t slash = relative.find('/'); slash != std::string::npos; slash = relative.find('/', start)) {
    Descriptor next(::openat(at, relative.substr(start, slash - start).c_str(),
                             O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next.valid()) return system_error("open the folder of", relative, errno);
    folder = std::move(next);
    at = folder.get();
    start = slash + 1;
  }
  Descriptor file(::openat(at, relative.c_str() + start, flags | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file.valid()) return system_error((flags & O_CREAT) != 0 ? "create" : "open", relative, errno);
  return file;
}

// A file under way; the last of its pieces completes it.
struct OpenFile {
  Entry entry;
  Descriptor from;
  Descriptor to;
  std::atomic<uint64_t> pieces_left{0};
};
struct Piece {
  std::shared_ptr<OpenFile> file;
  uint64_t begin = 0;
  uint64_t end = 0;
};

Error shrunk(const std::string& relative) {
  return Error{.code = Code::kCorrupt,
               .message = fmt::format("{} became shorter while it was copied", printable(relative)),
               .hint = "is something still writing to the snapshot?"};
}

class Cloner {
 public:
  Cloner(const CloneOptions& options, const StopFlag& stop, Listing listing)
      : options_(options), stop_(stop), listing_(std::move(listing)), share_(options.share_blocks) {}

  Result<CloneReport> run(const std::string& from, const std::string& to);

 private:
  Status make_folders(const std::string& to);
  void work();
  std::optional<Piece> next_piece();
  Status begin(const Entry& entry);
  bool share(const OpenFile& file);
  Status copy(const Piece& piece);
  Status copy_data(const OpenFile& file, uint64_t begin, uint64_t end);
  Status copy_by_hand(const OpenFile& file, uint64_t begin, uint64_t end);
  Status complete(OpenFile& file);
  void advance(uint64_t bytes);
  void fail(Error error);
  bool over() const { return failed_.load(std::memory_order_relaxed); }

  const CloneOptions& options_;
  const StopFlag& stop_;
  Listing listing_;
  Descriptor from_;
  Descriptor to_;
  std::atomic<bool> share_;
  std::atomic<bool> in_kernel_{true};
  std::atomic<size_t> next_file_{0};
  std::atomic<uint64_t> done_bytes_{0};
  std::atomic<uint64_t> shared_files_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::deque<Piece> pieces_;    // guarded; at most one file's per worker
  std::optional<Error> error_;  // guarded; the first
};

Status Cloner::make_folders(const std::string& to) {
  YTB_TRY(make_folder(to, options_.folder_mode, options_.owner));
  for (const std::string& folder : listing_.folders) {
    YTB_TRY(make_folder(join_path(to, folder), options_.folder_mode, options_.owner));
  }
  return {};
}

void Cloner::fail(Error error) {
  std::lock_guard lock(mutex_);
  if (!error_) error_ = std::move(error);
  failed_ = true;
}

void Cloner::advance(uint64_t bytes) {
  uint64_t done = done_bytes_ += bytes;
  if (options_.on_progress) options_.on_progress(done, listing_.report.bytes);
}

std::optional<Piece> Cloner::next_piece() {
  std::lock_guard lock(mutex_);
  if (pieces_.empty()) return std::nullopt;
  Piece piece = std::move(pieces_.front());
  pieces_.pop_front();
  return piece;
}

void Cloner::work() {
  while (!over()) {
    Status done;
    if (std::optional<Piece> piece = next_piece()) {
      done = copy(*piece);
    } else {
      size_t index = next_file_++;
      if (index >= listing_.files.size()) return;  // what pieces are left belong to those who cut them
      done = begin(listing_.files[index]);
      // Whoever cut a file sees to it that its pieces are copied, by others or by himself.
      while (done.ok() && !over()) {
        std::optional<Piece> left = next_piece();
        if (!left) break;
        done = copy(*left);
      }
    }
    if (!done.ok()) fail(std::move(done).error());
  }
}

bool Cloner::share(const OpenFile& file) {
  if (!share_) return false;
  if (::ioctl(file.to.get(), FICLONE, file.from.get()) == 0) return true;
  // Not on this file system, or not between these two: no need to ask for every file.
  if (errno == EOPNOTSUPP || errno == EXDEV || errno == ENOTTY || errno == ENOSYS) share_ = false;
  return false;
}

Status Cloner::begin(const Entry& entry) {
  YTB_TRY(stop_.check());
  auto file = std::make_shared<OpenFile>();
  file->entry = entry;
  YTB_ASSIGN(file->from, open_below(from_.get(), entry.relative, O_RDONLY | O_NONBLOCK, 0));
  struct stat found {};
  if (::fstat(file->from.get(), &found) != 0) return system_error("look at", entry.relative, errno);
  if (!S_ISREG(found.st_mode) || static_cast<uint64_t>(found.st_size) < entry.bytes)
    return shrunk(entry.relative);
  YTB_ASSIGN(file->to, open_below(to_.get(), entry.relative, O_RDWR | O_CREAT | O_EXCL, options_.file_mode));
  // Owner before mode: chown clears mode bits, and the umask is not ours to trust.
  if (options_.owner && (options_.owner->uid != ::geteuid() || options_.owner->gid != ::getegid()) &&
      ::fchown(file->to.get(), options_.owner->uid, options_.owner->gid) != 0) {
    return system_error("change the owner of", entry.relative, errno);
  }
  if (::fchmod(file->to.get(), options_.file_mode) != 0) {
    return system_error("change the mode of", entry.relative, errno);
  }
  if (entry.bytes == 0) return complete(*file);
  if (share(*file)) {
    ++shared_files_;
    advance(entry.bytes);
    return complete(*file);
  }
  // The size first: what is not written then is a hole.
  if (::ftruncate(file->to.get(), static_cast<off_t>(entry.bytes)) != 0) {
    return system_error("set the size of", entry.relative, errno);
  }
  uint64_t count = (entry.bytes + kPieceBytes - 1) / kPieceBytes;
  file->pieces_left = count;
  if (count == 1) return copy({file, 0, entry.bytes});
  std::lock_guard lock(mutex_);
  for (uint64_t i = 0; i < count; ++i) {
    pieces_.push_back({file, i * kPieceBytes, std::min(entry.bytes, (i + 1) * kPieceBytes)});
  }
  return {};
}

Status Cloner::copy(const Piece& piece) {
  OpenFile& file = *piece.file;
  auto at = static_cast<off_t>(piece.begin);
  auto end = static_cast<off_t>(piece.end);
  off_t told = at;
  while (at < end) {
    // Other threads move the same file position; only the answers are used. Data that the file system cannot
    // tell from holes is all data.
    off_t data = ::lseek(file.from.get(), at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // a hole up to the end of the file
    if (data < 0) data = at;
    if (data >= end) break;
    off_t hole = ::lseek(file.from.get(), data, SEEK_HOLE);
    if (hole <= data) hole = end;
    hole = std::min(hole, end);
    YTB_TRY(copy_data(file, static_cast<uint64_t>(data), static_cast<uint64_t>(hole)));
    advance(static_cast<uint64_t>(hole - told));
    told = at = hole;
  }
  advance(static_cast<uint64_t>(end - told));
  return --file.pieces_left == 0 ? complete(file) : Status();
}

Status Cloner::copy_data(const OpenFile& file, uint64_t begin, uint64_t end) {
  while (begin < end) {
    YTB_TRY(stop_.check());
    if (!in_kernel_) return copy_by_hand(file, begin, end);
    auto from = static_cast<off_t>(begin);
    auto to = static_cast<off_t>(begin);
    ssize_t copied =
        ::copy_file_range(file.from.get(), &from, file.to.get(), &to, std::min(kStepBytes, end - begin), 0);
    if (copied > 0) {
      begin += static_cast<uint64_t>(copied);
      continue;
    }
    if (copied < 0 && errno == EINTR) continue;
    // Across file systems, on old kernels and on some network file systems it is not there; some say so by
    // copying nothing. Reading finds out.
    bool not_here = copied == 0 || errno == EXDEV || errno == ENOSYS || errno == EINVAL ||
                    errno == EOPNOTSUPP || errno == EPERM || errno == ETXTBSY;
    if (!not_here) return system_error("copy", file.entry.relative, errno);
    if (copied < 0) in_kernel_ = false;
    return copy_by_hand(file, begin, end);
  }
  return {};
}

Status Cloner::copy_by_hand(const OpenFile& file, uint64_t begin, uint64_t end) {
  std::vector<char> buffer(kBufferBytes);
  while (begin < end) {
    YTB_TRY(stop_.check());
    std::span<char> part(buffer.data(), std::min<uint64_t>(buffer.size(), end - begin));
    YTB_ASSIGN(size_t size, read_at(file.from, part, begin, file.entry.relative));
    if (size == 0) return shrunk(file.entry.relative);
    YTB_TRY(write_at(file.to, {part.data(), size}, begin, file.entry.relative));
    begin += size;
  }
  return {};
}

Status Cloner::complete(OpenFile& file) {
  return options_.on_file ? options_.on_file(file.entry.relative, file.to.get()) : Status();
}

Result<CloneReport> Cloner::run(const std::string& from, const std::string& to) {
  YTB_TRY(make_folders(to));
  from_ = Descriptor(::open(from.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!from_.valid()) return system_error("open the folder", from, errno);
  to_ = Descriptor(::open(to.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!to_.valid()) return system_error("open the folder", to, errno);
  // Large ones first, so that no thread is left alone with one at the end.
  std::sort(listing_.files.begin(), listing_.files.end(),
            [](const Entry& a, const Entry& b) { return a.bytes > b.bytes; });
  int workers =
      options_.workers > 0 ? options_.workers : static_cast<int>(std::thread::hardware_concurrency());
  workers = std::clamp(workers, 1, kCloneWorkersMax);
  std::vector<std::thread> threads;
  for (int i = 1; i < workers; ++i) threads.emplace_back([this] { work(); });
  work();
  for (std::thread& thread : threads) thread.join();
  if (error_) return std::move(*error_).while_doing(fmt::format("cloning {}", printable(from)));
  YTB_CHECK(pieces_.empty());
  listing_.report.shared_files = shared_files_;
  return std::move(listing_.report);
}

}  // namespace

Result<CloneReport> clone_tree(const std::string& from, const std::string& to, const CloneOptions& options,
                               const StopFlag& stop) {
  Listing listing;
  YTB_TRY(list_below(from, "", options.skip, 0, listing));
  return Cloner(options, stop, std::move(listing)).run(from, to);
}

Result<TreeSize> size_of_tree(const std::string& path, const Skip& skip) {
  Listing listing;
  YTB_TRY(list_below(path, "", skip, 0, listing));
  return TreeSize{.files = listing.report.files,
                  .bytes = listing.report.bytes,
                  .allocated_bytes = listing.allocated_bytes};
}

bool can_share_blocks(const std::string& file, const std::string& to) {
  Descriptor from(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  // Without a name: nothing is left of it.
  Descriptor probe(::open(to.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  return from.valid() && probe.valid() && ::ioctl(probe.get(), FICLONE, from.get()) == 0;
}

}  // namespace ytb::os
