#include "drivers/postgres/trial_server.h"

#include <fmt/format.h>
#include <signal.h>

#include <filesystem>
#include <utility>

#include "base/secret.h"
#include "base/text.h"
#include "drivers/os/files.h"
#include "drivers/os/occupant.h"

namespace ytb::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr size_t kNameBytes = 8;
constexpr auto kLifeMax = minutes(2);
constexpr auto kStartMax = minutes(1);
constexpr auto kStopGrace = seconds(3);
constexpr auto kLookEvery = milliseconds(50);
constexpr int kLooksPerMeasure = 10;
constexpr auto kKillMax = seconds(10);
constexpr uint64_t kRoomMax = 512UL << 20;  // of all its files; empty ones take 40 MB
constexpr std::string_view kTempFilesMax = "256MB";

// Files come and go meanwhile: what cannot be looked at is not counted.
uint64_t bytes_below(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  uint64_t bytes = 0;
  std::error_code failed;
  for (auto at = fs::directory_iterator(folder, failed); !failed && at != fs::directory_iterator();
       at.increment(failed)) {
    std::error_code ignored;
    const fs::file_type type = at->symlink_status(ignored).type();
    if (type == fs::file_type::directory) bytes += bytes_below(at->path());
    if (type != fs::file_type::regular) continue;
    const uint64_t size = at->file_size(ignored);
    if (!ignored) bytes += size;
  }
  return bytes;
}

}  // namespace

TrialServer::TrialServer(ports::InstanceSpec spec, const StopFlag& stop)
    : spec_(std::move(spec)),
      guest_name_("ytb_guest_" + to_hex(random_key(kNameBytes).reveal())),
      stop_(stop) {}

TrialServer::~TrialServer() {
  watch_.request_stop();
  if (watch_.joinable()) watch_.join();
  end_.request();
  if (server_.joinable()) server_.join();
  (void)clear_away(spec_);
}

Result<std::unique_ptr<TrialServer>> TrialServer::begin(const ports::InstanceSpec& spec,
                                                        const StopFlag& stop) {
  YTB_TRY(clear_away(spec));
  std::unique_ptr<TrialServer> server(new TrialServer(spec, stop));
  YTB_TRY(server->start());
  return server;
}

Status TrialServer::clear_away(const ports::InstanceSpec& spec) {
  if (!os::exists(spec.root)) return {};
  YTB_ASSIGN(std::optional<os::Occupant> running, os::Occupant::find(spec.root));
  if (running) {
    running->signal(SIGKILL);
    (void)running->wait_end(kKillMax);
  }
  YTB_TRY(PostgresInstance().stop(spec));
  return os::remove_tree(spec.root);
}

Status TrialServer::start() {
  YTB_TRY(kind_.make_empty(spec_, guest_name_, stop_));
  runs_ = true;
  server_ = std::jthread([this] {
    Status ran = kind_.run_closed(spec_, kLifeMax, end_);
    const std::scoped_lock held(mutex_);
    ran_ = std::move(ran);
    runs_ = false;
  });
  watch_ = std::jthread([this](const std::stop_token& over) { watch(over); });
  for (const auto until = steady_clock::now() + kStartMax;;) {
    const Result<ports::InstanceState> state = kind_.state(spec_);
    if (state.ok() && *state == ports::InstanceState::kReady) break;
    YTB_TRY(stop_.check());
    {
      const std::scoped_lock held(mutex_);
      if (!runs_ && !ran_.ok()) return ran_;
      if (!runs_ || steady_clock::now() > until)
        return Error{.code = Code::kExternal, .message = "its server did not start", .hint = {}};
    }
    std::this_thread::sleep_for(kLookEvery);
  }
  YTB_ASSIGN(ours_, kind_.session(spec_));
  ours_.label = "the server made from production's schema";
  guest_.parameters = ours_.parameters;
  guest_.parameters["user"] = guest_name_;
  guest_.label = ours_.label;
  guest_.local_copy = ours_.local_copy;
  guest_.folder = ours_.folder;
  YTB_ASSIGN(Connection session, ours());
  return session.execute(fmt::format("CREATE ROLE {0} LOGIN; ALTER ROLE {0} SET temp_file_limit = '{1}'",
                                     guest_name_, kTempFilesMax));
}

Result<Connection> TrialServer::ours() {
  return Connection::open(ours_, "template1", SessionKind::kCopy, &stop_);
}

Result<Connection> TrialServer::guest(const std::string& database) {
  return Connection::open(guest_, database, SessionKind::kOwner, &stop_);
}

void TrialServer::give(std::optional<steady_clock::duration> time) {
  const std::scoped_lock held(mutex_);
  until_.reset();
  if (time) until_ = steady_clock::now() + *time;
}

void TrialServer::await_end() const {
  constexpr auto kEndMax = seconds(2);
  for (const auto until = steady_clock::now() + kEndMax; ended().empty() && steady_clock::now() < until;)
    std::this_thread::sleep_for(kLookEvery);
}

std::string TrialServer::ended() const {
  const std::scoped_lock held(mutex_);
  if (!ended_.empty() || runs_) return ended_;
  return "its server ended by itself, or had run for too long";
}

void TrialServer::end(std::string why) {
  {
    const std::scoped_lock held(mutex_);
    ended_ = std::move(why);
  }
  end_.request();
}

void TrialServer::watch(const std::stop_token& over) {
  std::optional<Instant> told;  // when a stop was first seen
  for (int looks = 1; !over.stop_requested(); ++looks) {
    std::this_thread::sleep_for(kLookEvery);
    const Instant now = steady_clock::now();
    if (stop_.requested() && !told) told = now;
    // What only waits for us ends by itself.
    if (told && now > *told + kStopGrace) return end("stopped before the end");
    const bool late = [&] {
      const std::scoped_lock held(mutex_);
      return until_ && now > *until_;
    }();
    if (late) return end("code of production's did not end in time");
    if (looks % kLooksPerMeasure == 0 && bytes_below(spec_.root) > kRoomMax)
      return end("code of production's took too much room");
  }
}

}  // namespace ytb::postgres
