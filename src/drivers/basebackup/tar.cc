// Unpacking a tar backup.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"
#include "drivers/basebackup/archive.h"
#include "drivers/basebackup/backup.h"
#include "drivers/basebackup/layout.h"
#include "drivers/basebackup/place.h"
#include "drivers/basebackup/wal.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"

namespace ytb::basebackup {
namespace {

class TarPlacer : private Placer {
 public:
  using Placer::Placer;

  Status run() {
    YTB_TRY(place_.prepare());
    YTB_TRY(unpack(backup_.base_archive, place_.data(), "", is_left_out_of_data));
    YTB_TRY(each_tablespace([this](const auto& tablespace, const auto& to, const auto& prefix) {
      return unpack(tablespace.place, to, prefix, [this](const std::string& path, bool folder) {
        return is_left_out_of_tablespace(path, folder);
      });
    }));
    YTB_TRY(place_.finish());
    if (!backup_.wal.empty()) {
      YTB_TRY(
          unpack(backup_.wal, place_.data() + "/pg_wal", "pg_wal/", [](const std::string& path, bool folder) {
            return folder ? is_folder_left_out("pg_wal/" + path) : is_left_out("pg_wal/" + path);
          }));
    }
    YTB_TRY(verifier_.check_all_seen());
    return backup_.manifest ? check_wal(backup_.manifest->wal, wal_) : Status();
  }

 private:
  template <typename Skip>
  Status unpack(const std::string& archive, const std::string& to, const std::string& prefix, Skip skip) {
    YTB_ASSIGN(ArchiveReader reader, ArchiveReader::open(archive));
    for (;;) {
      YTB_TRY(stop_.check());
      YTB_ASSIGN(std::optional<ArchiveEntry> entry, reader.next());
      if (!entry) return {};
      if (entry->kind == ArchiveEntry::Kind::kLink) continue;
      if (skip(entry->path, entry->kind == ArchiveEntry::Kind::kFolder)) continue;
      if (entry->kind == ArchiveEntry::Kind::kFolder) {
        YTB_TRY(make_folders_to(to, entry->path + "/"));
        continue;
      }
      Status written = write_entry(reader, *entry, to, prefix);
      if (!written.ok()) return std::move(written).error().while_doing(printable(os::name_in(archive)));
    }
  }

  // Folders of `relative` up to its last slash. Nothing in the tree is a link but pg_tblspc's, which are
  // skipped.
  Status make_folders_to(const std::string& to, const std::string& relative) {
    for (size_t slash = relative.find('/'); slash != std::string::npos;
         slash = relative.find('/', slash + 1)) {
      std::string folder = os::join_path(to, relative.substr(0, slash));
      if (made_.contains(folder)) continue;
      YTB_TRY(os::make_folder(folder, 0700, place_.owner()));
      made_.insert(std::move(folder));
    }
    return {};
  }

  Status write_entry(ArchiveReader& reader, const ArchiveEntry& entry, const std::string& to,
                     const std::string& prefix) {
    std::string listed_as = prefix + entry.path;
    const ManifestFile* listed = verifier_.arrived(listed_as);
    if (listed != nullptr && listed->size_bytes != entry.size_bytes) {
      return wrong_size(listed_as, entry.size_bytes, listed->size_bytes);
    }
    YTB_TRY(make_folders_to(to, entry.path));
    std::string path = os::join_path(to, entry.path);
    os::Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.valid()) return os::system_error("create", path, errno);
    if (place_.owner() && ::fchown(file.get(), place_.owner()->uid, place_.owner()->gid) != 0) {
      return os::system_error("change the owner of", path, errno);
    }
    if (::fchmod(file.get(), 0600) != 0) return os::system_error("change the mode of", path, errno);
    Checksum checksum(listed != nullptr ? listed->kind : ChecksumKind::kNone);
    Status unpacked = reader.read([&](std::string_view bytes) -> Status {
      YTB_TRY(stop_.check());
      checksum.add(bytes);
      YTB_TRY(write_all(file.get(), bytes, path));
      done_bytes_ += bytes.size();
      tell("unpack", done_bytes_);
      return {};
    });
    YTB_TRY(std::move(unpacked));
    if (listed_as.starts_with("pg_wal/")) wal_.push_back({listed_as.substr(7), entry.size_bytes});
    if (listed == nullptr || listed->kind == ChecksumKind::kNone) return {};
    return checksum.finish() == listed->checksum ? Status() : Status(wrong_checksum(listed_as));
  }

  static Status write_all(int fd, std::string_view bytes, const std::string& path) {
    while (!bytes.empty()) {
      ssize_t written = ::write(fd, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return os::system_error("write", path, errno);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return {};
  }

  std::unordered_set<std::string> made_;
  std::vector<WalFile> wal_;
};

}  // namespace

Status materialise_tar(const Backup& backup, const std::string& root, const std::string& owner,
                       ports::Progress& progress, const StopFlag& stop) {
  YTB_ASSIGN(Place place, Place::at(root, owner));
  return TarPlacer(backup, std::move(place), progress, stop).run();
}

}  // namespace ytb::basebackup
