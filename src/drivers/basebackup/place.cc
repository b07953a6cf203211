#include "drivers/basebackup/place.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "drivers/basebackup/checksum.h"
#include "drivers/basebackup/layout.h"
#include "drivers/os/descriptor.h"
#include "drivers/os/files.h"

namespace ytb::basebackup {
namespace {

constexpr mode_t kFolderMode = 0700;

Status make_empty(const std::string& folder, const std::optional<os::User>& owner) {
  YTB_TRY(os::make_folder(folder, kFolderMode, owner));
  YTB_ASSIGN(std::vector<os::FileInfo> entries, os::list_folder(folder));
  if (entries.empty()) return {};
  return Error{
      .code = Code::kRefused, .message = fmt::format("{} is not empty", printable(folder)), .hint = {}};
}

}  // namespace

Error wrong_size(std::string_view path, uint64_t is_bytes, uint64_t listed_bytes) {
  return Error{.code = Code::kCorrupt,
               .message = fmt::format("{} has {} bytes where the manifest says {}", printable(path), is_bytes,
                                      listed_bytes),
               .hint = "the snapshot is torn: take a new one"};
}

Error wrong_checksum(std::string_view path) {
  return Error{.code = Code::kCorrupt,
               .message = fmt::format("the checksum of {} is not the manifest's", printable(path)),
               .hint = "the snapshot is damaged: take a new one, and check the disk it lay on"};
}

Result<Place> Place::at(const std::string& root, const std::string& owner) {
  Place place;
  place.root_ = root;
  if (!owner.empty()) {
    YTB_ASSIGN(place.owner_, os::find_user(owner));
  }
  return place;
}

Status Place::prepare() {
  YTB_TRY(make_empty(data(), owner_));
  return make_empty(root_ + "/tablespaces", owner_);
}

Result<std::string> Place::tablespace(const std::string& oid) {
  std::string folder = root_ + "/tablespaces/" + oid;
  YTB_TRY(os::make_folder(folder, kFolderMode, owner_));
  std::string links = data() + "/pg_tblspc";
  YTB_TRY(os::make_folder(links, kFolderMode, owner_));
  std::string link = links + "/" + oid;
  if (::symlink(fmt::format("../../tablespaces/{}", oid).c_str(), link.c_str()) != 0) {
    return os::system_error("create the link", link, errno);
  }
  if (owner_ && ::lchown(link.c_str(), owner_->uid, owner_->gid) != 0) {
    return os::system_error("change the owner of", link, errno);
  }
  return folder;
}

Status Place::finish() {
  for (std::string_view folder : wanted_folders()) {
    YTB_TRY(os::make_folder(os::join_path(data(), folder), kFolderMode, owner_));
  }
  return {};
}

bool Placer::is_left_out_of_data(std::string_view path, bool folder) {
  return (folder ? is_folder_left_out(path) : is_left_out(path)) || path.starts_with("pg_tblspc/");
}

Status Placer::each_tablespace(
    const std::function<Status(const Tablespace&, const std::string&, const std::string&)>& put) {
  for (const Tablespace& tablespace : backup_.tablespaces) {
    YTB_ASSIGN(std::string to, place_.tablespace(tablespace.oid));
    YTB_TRY(put(tablespace, to, tablespace_path(tablespace.oid, "")));
  }
  return {};
}

bool Placer::is_left_out_of_tablespace(std::string_view path, bool folder) const {
  if (!path.starts_with(tablespace_prefix(backup_.major))) return true;
  const std::string in_data = tablespace_path("1", std::string(path));  // whichever: all are alike
  return folder ? is_folder_left_out(in_data) : is_left_out(in_data);
}

void Placer::tell(std::string_view stage, uint64_t done_bytes) {
  progress_.update({.stage = stage,
                    .item = {},
                    .done_bytes = done_bytes,
                    .total_bytes = std::max(backup_.size_bytes, done_bytes)});
}

const ManifestFile* Verifier::arrived(const std::string& path) {
  const ManifestFile* file = manifest_ != nullptr ? manifest_->find(path) : nullptr;
  if (file == nullptr) return nullptr;
  std::lock_guard lock(mutex_);
  seen_.insert(file);
  return file;
}

Status Verifier::check_file(const std::string& path, int fd) {
  const ManifestFile* file = arrived(path);
  if (file == nullptr) return {};  // WAL, and what came later than the manifest
  struct stat found {};
  if (::fstat(fd, &found) != 0) return os::system_error("look at", path, errno);
  auto size_bytes = static_cast<uint64_t>(found.st_size);
  if (size_bytes != file->size_bytes) return wrong_size(path, size_bytes, file->size_bytes);
  if (file->kind == ChecksumKind::kNone) return {};
  YTB_ASSIGN(std::string checksum, checksum_of(fd, file->kind, path));
  return checksum == file->checksum ? Status() : Status(wrong_checksum(path));
}

Status Verifier::check_all_seen() const {
  if (manifest_ == nullptr) return {};
  for (const ManifestFile& file : manifest_->files) {
    if (is_left_out(file.path) || seen_.contains(&file)) continue;
    return Error{.code = Code::kCorrupt,
                 .message = fmt::format("{} is missing", printable(file.path)),
                 .hint = "the snapshot is torn: take a new one"};
  }
  return {};
}

}  // namespace ytb::basebackup
