#include "drivers/os/occupant.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>
#include <thread>

#include "base/json.h"
#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/os/process_files.h"

namespace ytb::os {
namespace {

constexpr int kFormat = 1;
constexpr size_t kRecordBytesMax = 64 << 10;
constexpr size_t kStatBytesMax = 4096;
constexpr auto kLookEvery = std::chrono::milliseconds(10);
constexpr auto kEndingMax = std::chrono::seconds(2);

std::string record_file(const std::string& folder) { return join_path(folder, "seal.json"); }
std::string lock_file(const std::string& folder) { return join_path(folder, "seal.lock"); }
std::string pages_file(const std::string& folder) { return join_path(folder, "seal.pages"); }

Result<Descriptor> open_lock(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return system_error("open the lock", path, errno);
  return file;
}

// False: another holds it.
Result<bool> try_lock(const Descriptor& file, int how, const std::string& path) {
  int locked = 0;
  do {
    locked = ::flock(file.get(), how | LOCK_NB);
  } while (locked != 0 && errno == EINTR);
  if (locked == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  return system_error("lock", path, errno);
}

// Field 22 of /proc/PID/stat; none: there is no such process.
Result<std::optional<uint64_t>> start_ticks_of(pid_t pid) {
  std::string path = fmt::format("/proc/{}/stat", pid);
  auto stat = read_file(path, kStatBytesMax);
  if (!stat.ok()) {
    if (exists(fmt::format("/proc/{}", pid))) return std::move(stat).error();
    if (!exists("/proc/self/stat")) {
      return Error{.code = Code::kExternal, .message = "/proc cannot be read", .hint = "mount it"};
    }
    return std::optional<uint64_t>();
  }
  // "pid (name) state ppid …"; the name may hold anything, so the last parenthesis counts (proc(5)).
  size_t close = stat->rfind(')');
  constexpr size_t kFieldsBetween = 20;  // from the state, field 3, to the start time
  std::vector<std::string> fields =
      close == std::string::npos ? std::vector<std::string>() : split(stat->substr(close + 2), ' ');
  uint64_t ticks = 0;
  if (fields.size() > kFieldsBetween - 1) {
    const std::string& text = fields[kFieldsBetween - 1];
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ticks);
    if (error == std::errc() && end == text.data() + text.size()) return std::optional<uint64_t>(ticks);
  }
  return Error{.code = Code::kExternal, .message = fmt::format("{} is not understood", path), .hint = {}};
}

std::optional<Confinement> confinement_from(const std::optional<std::string>& word) {
  for (Confinement each : {Confinement::kSealed, Confinement::kWeak, Confinement::kNone}) {
    if (word && *word == name_of(each)) return each;
  }
  return std::nullopt;
}

std::string pid_namespace_of(pid_t pid) {
  auto link = process_link(pid, "ns/pid");
  return link.ok() ? *link : std::string();
}

Error damaged(const std::string& folder) {
  return Error{
      .code = Code::kCorrupt,
      .message = fmt::format("{} is damaged: who works there is not known", printable(record_file(folder))),
      .hint = "delete the copy: that ends whoever holds its lock"};
}

Error busy(const std::string& folder, std::string_view what) {
  return Error{.code = Code::kBusy,
               .message = fmt::format("{} works in {} already", what, printable(folder)),
               .hint = "wait until it has ended, or stop it; the lock never outlives it",
               .retry = Retry::kLater};
}

std::string who_works_in(const std::string& folder) {
  auto last = last_occupant(folder);
  if (!last.ok() || !*last) return "another program";
  return fmt::format("process {} ({})", (*last)->pid, printable((*last)->purpose));
}

}  // namespace

Result<std::optional<OccupantRecord>> last_occupant(const std::string& folder) {
  std::string path = record_file(folder);
  YTB_ASSIGN(std::optional<FileInfo> info, info_of(path));
  if (!info) return std::optional<OccupantRecord>();
  YTB_ASSIGN(std::string text, read_file(path, kRecordBytesMax));
  const auto json = parse_json(text, 4);
  if (!json.is_object()) return damaged(folder);
  auto number = [&](const char* key, uint64_t max) -> std::optional<uint64_t> {
    auto found = json.find(key);
    if (found == json.end() || !found->is_number_unsigned()) return std::nullopt;
    auto value = found->get<uint64_t>();
    return value <= max ? std::optional<uint64_t>(value) : std::nullopt;
  };
  auto word = [&](const char* key) -> std::optional<std::string> {
    auto found = json.find(key);
    if (found == json.end() || !found->is_string()) return std::nullopt;
    return found->get<std::string>();
  };
  constexpr uint64_t kRunsMax = std::numeric_limits<uint32_t>::max();
  auto format = number("format", kRunsMax);
  if (format && *format > kFormat) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} was written by a newer version of yesterdaytabase (format {})",
                                        printable(path), *format),
                 .hint = "use that version, or a newer one"};
  }
  auto pid = number("pid", std::numeric_limits<pid_t>::max());
  auto ticks = number("start_ticks", std::numeric_limits<uint64_t>::max());
  auto sealed_runs = number("sealed_runs", kRunsMax);
  auto weak_runs = number("weak_runs", kRunsMax);
  auto unsealed_runs = number("unsealed_runs", kRunsMax);
  auto boot = word("boot_id");
  auto name_space = word("pid_namespace");
  auto purpose = word("purpose");
  auto confinement = confinement_from(word("confinement"));
  if (!format || !pid || !ticks || !sealed_runs || !weak_runs || !unsealed_runs || !boot || !name_space ||
      !purpose || !confinement) {
    return damaged(folder);
  }
  return std::optional<OccupantRecord>(
      OccupantRecord{.pid = static_cast<pid_t>(*pid),
                     .start_ticks = *ticks,
                     .boot_id = *boot,
                     .pid_namespace = *name_space,
                     .purpose = *purpose,
                     .confinement = *confinement,
                     .sealed_runs = static_cast<uint32_t>(*sealed_runs),
                     .weak_runs = static_cast<uint32_t>(*weak_runs),
                     .unsealed_runs = static_cast<uint32_t>(*unsealed_runs)});
}

Result<std::optional<Occupant>> Occupant::find(const std::string& folder) {
  YTB_ASSIGN(std::optional<OccupantRecord> record, last_occupant(folder));
  if (!record || record->pid <= 1) return std::optional<Occupant>();
  YTB_ASSIGN(std::string boot, boot_id());
  if (boot != record->boot_id) return std::optional<Occupant>();
  // First the descriptor, then the comparison: what it refers to cannot change any more.
  Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, record->pid, 0U)));
  if (!process.valid()) {
    // EINVAL: it is a thread's number.
    if (errno == ESRCH || errno == EINVAL || errno == ENOENT) return std::optional<Occupant>();
    return system_error("look at process", std::to_string(record->pid), errno);
  }
  YTB_ASSIGN(std::optional<uint64_t> ticks, start_ticks_of(record->pid));
  if (!ticks || *ticks != record->start_ticks) return std::optional<Occupant>();
  std::string name_space = pid_namespace_of(record->pid);
  if (!name_space.empty() && !record->pid_namespace.empty() && name_space != record->pid_namespace) {
    return std::optional<Occupant>();
  }
  Occupant found(std::move(*record), std::move(process));
  if (found.has_ended()) return std::optional<Occupant>();
  return std::optional<Occupant>(std::move(found));
}

bool Occupant::has_ended() const {
  pollfd look{.fd = process_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&look, 1, 0) == 1;  // a zombie counts as ended: pidfd_open(2)
}

void Occupant::signal(int number) const {
  ::syscall(SYS_pidfd_send_signal, process_.get(), number, nullptr, 0U);
}

bool Occupant::wait_end(Duration patience) const {
  const auto until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd look{.fd = process_.get(), .events = POLLIN, .revents = 0};
    int ready = ::poll(&look, 1, static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000)));
    if (ready == 1) return true;
    if (left.count() <= 0) return false;
  }
}

Result<Tenancy> Tenancy::take(const std::string& folder, std::string_view purpose, Duration patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  YTB_ASSIGN(Descriptor lock, open_lock(lock_file(folder)));
  YTB_ASSIGN(Descriptor pages, open_lock(pages_file(folder)));
  for (;;) {
    YTB_ASSIGN(bool ours, try_lock(lock, LOCK_EX, lock_file(folder)));
    bool unwritten = false;
    if (ours) {
      YTB_ASSIGN(unwritten, try_lock(pages, LOCK_EX, pages_file(folder)));
    }
    if (ours && unwritten) break;
    if (std::chrono::steady_clock::now() >= until) {
      return busy(folder, ours ? std::string("a run that writes pages") : who_works_in(folder));
    }
    std::this_thread::sleep_for(kLookEvery);
  }
  // One that is just ending lets go of the lock a moment before it is gone. Code inside could have given it
  // away; it could not have ended its process by that.
  YTB_ASSIGN(std::optional<Occupant> occupant, Occupant::find(folder));
  if (occupant && !occupant->wait_end(kEndingMax)) return busy(folder, who_works_in(folder));
  return Tenancy(folder, std::string(purpose), std::move(lock), std::move(pages));
}

Status Tenancy::record(pid_t pid, Confinement confinement) const {
  YTB_ASSIGN(std::optional<OccupantRecord> before, last_occupant(folder_));
  YTB_ASSIGN(std::optional<uint64_t> ticks, start_ticks_of(pid));
  if (!ticks) {
    return Error{.code = Code::kExternal, .message = fmt::format("process {} has ended", pid), .hint = {}};
  }
  YTB_ASSIGN(std::string boot, boot_id());
  auto counted = [&](uint32_t runs, Confinement of) { return runs + (of == confinement ? 1U : 0U); };
  nlohmann::ordered_json json{
      {"format", kFormat},
      {"pid", static_cast<uint64_t>(pid)},
      {"start_ticks", *ticks},
      {"boot_id", boot},
      {"pid_namespace", pid_namespace_of(pid)},
      {"purpose", purpose_},
      {"confinement", name_of(confinement)},
      {"sealed_runs", counted(before ? before->sealed_runs : 0, Confinement::kSealed)},
      {"weak_runs", counted(before ? before->weak_runs : 0, Confinement::kWeak)},
      {"unsealed_runs", counted(before ? before->unsealed_runs : 0, Confinement::kNone)}};
  return write_file(record_file(folder_), write_json(json, 2) + "\n");
}

Status end_lock_holders(const std::string& folder) {
  constexpr size_t kProcessesMax = 4'000'000;
  const std::string path = lock_file(folder);
  auto holds = [&](pid_t process) {
    auto open = process_descriptors(process);
    if (!open.ok()) return false;  // gone, or not ours to see
    return std::find(open->begin(), open->end(), path) != open->end();
  };
  YTB_ASSIGN(std::vector<FileInfo> entries, list_folder("/proc", kProcessesMax));
  for (const FileInfo& entry : entries) {
    pid_t pid = 0;
    const char* end = entry.name.data() + entry.name.size();
    auto [stopped, error] = std::from_chars(entry.name.data(), end, pid);
    if (error != std::errc() || stopped != end || pid <= 1 || pid == ::getpid() || !holds(pid)) continue;
    Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
    if (process.valid() && holds(pid)) ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0U);
  }
  return {};
}

Result<PagesPermit> PagesPermit::take(const std::string& folder, std::string_view purpose, pid_t server) {
  YTB_ASSIGN(Descriptor file, open_lock(pages_file(folder)));
  YTB_ASSIGN(bool ours, try_lock(file, LOCK_SH, pages_file(folder)));
  if (!ours) return busy(folder, "a program that begins");
  YTB_ASSIGN(std::optional<Occupant> occupant, Occupant::find(folder));
  if (!occupant || occupant->record().purpose != purpose || occupant->pid() != server) {
    return Error{
        .code = Code::kBusy,
        .message = fmt::format("no {} server of this session works in {}", purpose, printable(folder)),
        .hint = "its files are left alone",
        .retry = Retry::kLater};
  }
  return PagesPermit(std::move(file));
}

}  // namespace ytb::os
