// Occupant: the one program that works in a folder. postmaster.pid cannot say who that is: in a process
// namespace of its own every server is process 1, and whoever writes files there could write that one, too.
//
//   <folder>/seal.lock   flock, held by the program and all that it starts, for their whole lives
//   <folder>/seal.json   who it is: host's process id, start time, boot, process namespace
//
// A process id is never believed by itself, and signals go by a descriptor of the process (pidfd) that was
// compared with what was written down. Thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "drivers/os/confinement.h"
#include "drivers/os/descriptor.h"

namespace ytb::os {

struct OccupantRecord {
  pid_t pid = 0;
  uint64_t start_ticks = 0;   // /proc/PID/stat, field 22
  std::string boot_id;        // of the host
  std::string pid_namespace;  // "pid:[4026531836]"; "" where it may not be read
  std::string purpose;
  Confinement confinement = Confinement::kNone;
  // Since the folder was empty, this one included.
  uint32_t sealed_runs = 0;
  uint32_t weak_runs = 0;
  uint32_t unsealed_runs = 0;
};

// The last that was written down, alive or not; none: there was none. kCorrupt: it cannot be read; kRefused:
// a newer version wrote it.
Result<std::optional<OccupantRecord>> last_occupant(const std::string& folder);

class Occupant {
 public:
  // None where nobody works there: it has ended, or its process id is another process's by now.
  static Result<std::optional<Occupant>> find(const std::string& folder);

  [[nodiscard]] const OccupantRecord& record() const { return record_; }
  [[nodiscard]] pid_t pid() const { return record_.pid; }
  [[nodiscard]] bool has_ended() const;
  // To exactly this process; one that has ended gets none.
  void signal(int number) const;
  // False: it still runs after `patience`.
  [[nodiscard]] bool wait_end(Duration patience) const;

 private:
  Occupant(OccupantRecord record, Descriptor process)
      : record_(std::move(record)), process_(std::move(process)) {}
  OccupantRecord record_;
  Descriptor process_;  // pidfd
};

// The right to begin a program in a folder: its lock, held. Goes on in the program that inherits the
// descriptor.
class Tenancy {
 public:
  // kBusy (Later) where somebody works there or writes its pages; waits up to `patience` for them to end.
  // kCorrupt where nobody holds the lock and the record is damaged.
  static Result<Tenancy> take(const std::string& folder, std::string_view purpose, Duration patience = {});
  [[nodiscard]] int descriptor() const { return lock_.get(); }
  // Writes down who works there from now on.
  Status record(pid_t pid, Confinement confinement) const;

 private:
  Tenancy(std::string folder, std::string purpose, Descriptor lock, Descriptor pages)
      : folder_(std::move(folder)),
        purpose_(std::move(purpose)),
        lock_(std::move(lock)),
        pages_(std::move(pages)) {}
  std::string folder_;
  std::string purpose_;
  Descriptor lock_;
  Descriptor pages_;
};

// Ends, at once, every process that holds the folder's lock and is ours to see: what a program that was not
// sealed has left behind it.
Status end_lock_holders(const std::string& folder);

// The right to write files beside the server that works in a folder: no other program begins there as long
// as it is held, however the server ends. Shared by those who write at the same time.
class PagesPermit {
 public:
  // kBusy where no program with this purpose works there, or it is not process `server`.
  static Result<PagesPermit> take(const std::string& folder, std::string_view purpose, pid_t server);

 private:
  explicit PagesPermit(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

}  // namespace ytb::os
