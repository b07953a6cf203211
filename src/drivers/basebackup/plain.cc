// Putting a plain backup in place.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <unordered_set>

#include "base/text.h"
#include "drivers/basebackup/backup.h"
#include "drivers/basebackup/layout.h"
#include "drivers/basebackup/place.h"
#include "drivers/os/clone.h"
#include "drivers/os/files.h"

namespace ytb::basebackup {
namespace {

class PlainPlacer : private Placer {
 public:
  using Placer::Placer;

  Status run() {
    YTB_TRY(place_.prepare());
    YTB_ASSIGN(os::CloneReport data,
               clone(backup_.folder, place_.data(), "",
                     [](std::string_view path, bool folder) { return is_left_out_of_data(path, folder); }));
    YTB_TRY(place_wal(data));
    YTB_TRY(each_tablespace([this](const auto& tablespace, const auto& to, const auto& prefix) -> Status {
      YTB_ASSIGN(os::CloneReport report,
                 clone(tablespace.place, to, prefix, [this](std::string_view path, bool folder) {
                   return is_left_out_of_tablespace(path, folder);
                 }));
      return {};
    }));
    for (const os::ClonedLink& link : data.links) {
      if (link.relative != "pg_wal")
        progress_.note(fmt::format("left out the link {}", printable(link.relative)));
    }
    YTB_TRY(place_.finish());
    return verifier_.check_all_seen();
  }

 private:
  // `prefix`: what the manifest puts before paths relative to `from`.
  Result<os::CloneReport> clone(const std::string& from, const std::string& to, const std::string& prefix,
                                std::function<bool(std::string_view, bool)> skip) {
    os::CloneOptions options{.owner = place_.owner()};
    options.skip = std::move(skip);
    options.on_file = [this, &prefix](const std::string& relative, int fd) {
      return verifier_.check_file(prefix + relative, fd);
    };
    uint64_t before = done_bytes_;
    options.on_progress = [this, before](uint64_t done, uint64_t) { tell("clone", before + done); };
    YTB_ASSIGN(os::CloneReport report, os::clone_tree(from, to, options, stop_));
    done_bytes_ += report.bytes;
    return report;
  }

  Status place_wal(const os::CloneReport& data) {
    bool is_link = std::any_of(data.links.begin(), data.links.end(),
                               [](const os::ClonedLink& link) { return link.relative == "pg_wal"; });
    if (!is_link) return {};
    YTB_ASSIGN(os::CloneReport wal, clone(backup_.wal, os::join_path(place_.data(), "pg_wal"), "pg_wal/",
                                          [](std::string_view path, bool folder) {
                                            std::string in_data = fmt::format("pg_wal/{}", path);
                                            return folder ? is_folder_left_out(in_data)
                                                          : is_left_out(in_data);
                                          }));
    return {};
  }
};

}  // namespace

Status materialise_plain(const Backup& backup, const std::string& root, const std::string& owner,
                         ports::Progress& progress, const StopFlag& stop) {
  YTB_ASSIGN(Place place, Place::at(root, owner));
  return PlainPlacer(backup, std::move(place), progress, stop).run();
}

}  // namespace ytb::basebackup
