#include "drivers/basebackup/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/text.h"
#include "drivers/basebackup/manifest.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"

namespace ytb::basebackup {
namespace {

constexpr size_t kBlockBytes = 512 << 10;
constexpr uint64_t kEntriesMax = 20'000'000;

}  // namespace

struct ArchiveReader::State {
  std::string file;
  os::Descriptor fd;
  std::unique_ptr<archive, decltype(&archive_read_free)> handle{nullptr, &archive_read_free};
  archive_entry* entry = nullptr;  // owned by the handle
  uint64_t size_bytes = 0;         // of the entry
  uint64_t entries = 0;

  Result<std::optional<ArchiveEntry>> judge();
  [[nodiscard]] Error damaged(std::string_view what) const {
    return Error{.code = Code::kCorrupt,
                 .message = fmt::format("{} {}", printable(os::name_in(file)), what),
                 .hint = "take a new snapshot, and copy it whole"};
  }
  [[nodiscard]] Error damaged_says_library() const {
    const char* said = archive_error_string(handle.get());
    return damaged(
        fmt::format("is damaged or cut off: {}", said != nullptr ? printable(said) : "unknown reason"));
  }
};

// None: the folder itself, "./", as GNU tar writes it.
Result<std::optional<ArchiveEntry>> ArchiveReader::State::judge() {
  const char* name = archive_entry_pathname(entry);
  std::string path = name != nullptr ? name : "";
  if (path.starts_with("./")) path.erase(0, 2);
  auto type = archive_entry_filetype(entry);
  if (type == AE_IFDIR && !path.empty() && path.back() == '/') path.pop_back();
  if (type == AE_IFDIR && (path.empty() || path == ".")) return std::optional<ArchiveEntry>();
  if (!is_clean_path(path)) {
    return damaged(fmt::format("holds an entry that leads out of it: '{}'", printable(path)));
  }
  if (archive_entry_hardlink(entry) != nullptr) {
    return damaged(fmt::format("holds a hard link: '{}'", printable(path)));
  }
  ArchiveEntry judged{.kind = ArchiveEntry::Kind::kFile, .path = std::move(path), .size_bytes = 0};
  if (type == AE_IFDIR) {
    judged.kind = ArchiveEntry::Kind::kFolder;
  } else if (type == AE_IFLNK) {
    judged.kind = ArchiveEntry::Kind::kLink;
  } else if (type == AE_IFREG) {
    int64_t size = archive_entry_size(entry);
    if (size < 0 || archive_entry_size_is_set(entry) == 0) return damaged("holds an entry without a size");
    judged.size_bytes = static_cast<uint64_t>(size);
  } else {
    return damaged(fmt::format("holds something that is no file: '{}'", printable(judged.path)));
  }
  size_bytes = judged.size_bytes;
  return std::optional<ArchiveEntry>(std::move(judged));
}

ArchiveReader::ArchiveReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ArchiveReader::~ArchiveReader() = default;
ArchiveReader::ArchiveReader(ArchiveReader&&) noexcept = default;
ArchiveReader& ArchiveReader::operator=(ArchiveReader&&) noexcept = default;

Result<ArchiveReader> ArchiveReader::open(const std::string& file) {
  auto state = std::make_unique<State>();
  state->file = file;
  state->fd = os::Descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!state->fd.valid()) return os::system_error("open", file, errno);
  struct stat found {};
  if (::fstat(state->fd.get(), &found) != 0) return os::system_error("look at", file, errno);
  if (!S_ISREG(found.st_mode)) return state->damaged("is not a file");
  state->handle.reset(archive_read_new());
  YTB_CHECK(state->handle != nullptr);
  archive* handle = state->handle.get();
  // Nothing but what pg_basebackup writes: every further format is further code to attack.
  archive_read_support_format_tar(handle);
  archive_read_support_filter_gzip(handle);
  archive_read_support_filter_zstd(handle);
  archive_read_support_filter_lz4(handle);
  if (archive_read_open_fd(handle, state->fd.get(), kBlockBytes) != ARCHIVE_OK)
    return state->damaged_says_library();
  return ArchiveReader(std::move(state));
}

Result<std::optional<ArchiveEntry>> ArchiveReader::next() {
  State& state = *state_;
  for (;;) {
    int status = archive_read_next_header(state.handle.get(), &state.entry);
    if (status == ARCHIVE_EOF) return std::optional<ArchiveEntry>();
    if (status != ARCHIVE_OK) return state.damaged_says_library();
    if (++state.entries > kEntriesMax) return state.damaged("holds more entries than any backup");
    YTB_ASSIGN(std::optional<ArchiveEntry> entry, state.judge());
    if (entry) return entry;
  }
}

Status ArchiveReader::read(const std::function<Status(std::string_view)>& take) {
  static constexpr char kZeros[4096] = {};
  State& state = *state_;
  uint64_t done = 0;
  auto fill = [&](uint64_t until) -> Status {
    while (done < until) {
      std::string_view zeros(kZeros, std::min<uint64_t>(sizeof kZeros, until - done));
      YTB_TRY(take(zeros));
      done += zeros.size();
    }
    return {};
  };
  for (;;) {
    const void* block = nullptr;
    size_t size = 0;
    la_int64_t at = 0;
    int status = archive_read_data_block(state.handle.get(), &block, &size, &at);
    if (status == ARCHIVE_EOF) break;
    if (status != ARCHIVE_OK) return state.damaged_says_library();
    if (at < 0 || static_cast<uint64_t>(at) < done || static_cast<uint64_t>(at) + size > state.size_bytes) {
      return state.damaged("holds an entry that is larger than it says");
    }
    YTB_TRY(fill(static_cast<uint64_t>(at)));
    YTB_TRY(take({static_cast<const char*>(block), size}));
    done += size;
  }
  return fill(state.size_bytes);
}

Result<std::string> ArchiveReader::read_start(size_t size_max) {
  std::string start(std::min<uint64_t>(size_max, state_->size_bytes), '\0');
  size_t done = 0;
  while (done < start.size()) {
    la_ssize_t size = archive_read_data(state_->handle.get(), start.data() + done, start.size() - done);
    if (size < 0) return state_->damaged_says_library();
    if (size == 0) break;
    done += static_cast<size_t>(size);
  }
  start.resize(done);
  return start;
}

uint64_t ArchiveReader::consumed_bytes() const {
  auto bytes = archive_filter_bytes(state_->handle.get(), -1);
  return bytes > 0 ? static_cast<uint64_t>(bytes) : 0;
}

}  // namespace ytb::basebackup
