#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "drivers/os/files.h"
#include "drivers/os/host_name.h"
#include "drivers/os/lock.h"
#include "drivers/os/secrets.h"
#include "drivers/os/subprocess.h"
#include "drivers/os/tcp_ports.h"
#include "support/temporary.h"

namespace ytb::os {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using tests::get;
using tests::TemporaryFolder;

const Instant kNow = *from_iso("2026-11-22T06:00:00Z");

TEST(Subprocess, MemoryIsBoundedWhereThatIsAsked) {
  auto bounded = run({.argv = {"sh", "-c", "ulimit -v"}, .memory_max = 512UL << 20});
  ASSERT_TRUE(bounded.ok());
  EXPECT_EQ(bounded->out, "524288\n");
}

TEST(Run, CapturesBothStreamsStatusAndInput) {
  auto finished = run({.argv = {"sh", "-c", "cat; echo oops >&2; exit 3"}, .stdin_text = "hello"});
  ASSERT_TRUE(finished.ok()) << to_string(finished.error());
  EXPECT_EQ(finished->out, "hello");
  EXPECT_EQ(finished->err, "oops\n");
  EXPECT_EQ(finished->exit_status, 3);
}

TEST(Become, TakesThePlaceOfThisProcess) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::setenv("YTB_TEST_GIVEN", "before", 1);
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGPIPE, SIG_IGN);
    ::dup2(ends[1], STDOUT_FILENO);
    (void)become("/bin/sh",
                 {"sh", "-c", "printf %s \"$YTB_TEST_GIVEN$YTB_TEST_ADDED$0$HOME\"; kill -PIPE $$", "a b"},
                 {{"YTB_TEST_GIVEN", "after,"}, {"YTB_TEST_ADDED", "added,"}});
    ::_exit(1);
  }
  ::close(ends[1]);
  std::string said(100, '\0');
  const ssize_t size = ::read(ends[0], said.data(), said.size());
  said.resize(size > 0 ? static_cast<size_t>(size) : 0);
  ::close(ends[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  const char* home = ::getenv("HOME");
  EXPECT_EQ(said, std::string("after,added,a b") + (home != nullptr ? home : ""));
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE) << "a broken pipe ends it, as it should";
  ::unsetenv("YTB_TEST_GIVEN");
  EXPECT_EQ(become("/nowhere/psql", {"psql"}, {}).code, Code::kExternal);
}

TEST(HostName, IsWhatTheKernelSays) { EXPECT_EQ(host_name() + "\n", get("/proc/sys/kernel/hostname")); }

TEST(Run, PassesArgumentsUntouched) {
  auto finished = run({.argv = {"printf", "%s|", "a b", "$HOME", "\"; rm -rf /;", ""}});
  ASSERT_TRUE(finished.ok());
  EXPECT_EQ(finished->out, "a b|$HOME|\"; rm -rf /;||");
}

TEST(Run, GivesOnlyTheEnvironmentItWasTold) {
  ::setenv("YTB_TEST_SECRET", "hunter2", 1);
  auto finished = run({.argv = {"env"}, .environment = {{"PGPASSFILE", "/x"}}});
  ::unsetenv("YTB_TEST_SECRET");
  ASSERT_TRUE(finished.ok());
  EXPECT_EQ(finished->out.find("hunter2"), std::string::npos);
  EXPECT_NE(finished->out.find("PGPASSFILE=/x\n"), std::string::npos);
  EXPECT_NE(finished->out.find("LC_ALL=C\n"), std::string::npos);
}

TEST(Run, InheritsNoDescriptor) {
  TemporaryFolder folder;
  int leaked = ::open((folder / "f").c_str(), O_CREAT | O_RDWR, 0600);  // deliberately without O_CLOEXEC
  auto finished = run({.argv = {"ls", "/proc/self/fd"}});
  ::close(leaked);
  ASSERT_TRUE(finished.ok());
  EXPECT_EQ(finished->out, "0\n1\n2\n3\n") << "3 is the folder that ls itself reads";
}

TEST(Run, BoundsWhatItKeeps) {
  auto finished = run({.argv = {"sh", "-c", "head -c 3000000 /dev/zero"}, .output_bytes_max = 1000});
  ASSERT_TRUE(finished.ok());
  EXPECT_EQ(finished->out.size(), 1000U);
  EXPECT_TRUE(finished->truncated);
}

TEST(Run, DoesNotHangOnInputThatNobodyReads) {
  auto finished = run({.argv = {"true"}, .stdin_text = std::string(10 << 20, 'x')});
  ASSERT_TRUE(finished.ok());
  EXPECT_EQ(finished->exit_status, 0);
}

TEST(Run, EndsWhatTakesTooLongAndItsChildren) {
  TemporaryFolder folder;
  auto finished = run({.argv = {"sh", "-c", "sleep 1000 & echo $! > pid; wait"},
                       .cwd = folder.path(),
                       .timeout = milliseconds(300)});
  ASSERT_FALSE(finished.ok());
  EXPECT_EQ(finished.error().code, Code::kExternal);
  EXPECT_EQ(finished.error().message, "sh did not end within 300 ms");
  pid_t grandchild = std::stoi(get(folder / "pid"));
  ASSERT_GT(grandchild, 0);
  for (int i = 0; i < 100 && process_runs(grandchild); ++i) std::this_thread::sleep_for(milliseconds(20));
  EXPECT_FALSE(process_runs(grandchild));
}

TEST(Run, StopsWhenAsked) {
  StopFlag stop;
  std::thread asks([&] {
    std::this_thread::sleep_for(milliseconds(200));
    stop.request();
  });
  auto finished = run({.argv = {"sleep", "1000"}, .stop = &stop});
  asks.join();
  ASSERT_FALSE(finished.ok());
  EXPECT_EQ(finished.error().code, Code::kInterrupted);
}

TEST(Run, TellsOfStderrAsItComes) {
  std::vector<std::string> pieces;
  auto finished = run({.argv = {"sh", "-c", "printf 'one\\rtwo\\nthree' >&2"},
                       .on_stderr = [&](std::string_view piece) { pieces.emplace_back(piece); }});
  ASSERT_TRUE(finished.ok());
  EXPECT_EQ(pieces, (std::vector<std::string>{"one", "two", "three"}));
}

TEST(Run, SaysWhatCouldNotBeStarted) {
  EXPECT_EQ(run({.argv = {"no-such-program-of-ours"}}).error().message,
            "the program 'no-such-program-of-ours' is not in PATH");
  auto folder = run({.argv = {"true"}, .cwd = "/no/such/folder"});
  EXPECT_EQ(folder.error().message, "cannot enter the folder of true: No such file or directory");
  auto failed = run_checked({.argv = {"sh", "-c", "echo first >&2; echo second >&2; exit 4"}});
  EXPECT_EQ(failed.error().message, "sh failed with status 4: first; second");
}

TEST(Run, SwitchesTheUserWithAllItsGroups) {
  if (::geteuid() != 0) {
    EXPECT_EQ(run({.argv = {"true"}, .run_as = "root"}).error().code, Code::kConfig);
    return;
  }
  auto finished = run({.argv = {"sh", "-c", "id -un; id -Gn; id -u"}, .run_as = "nobody"});
  ASSERT_TRUE(finished.ok()) << to_string(finished.error());
  EXPECT_EQ(finished->out, "nobody\nnogroup\n65534\n");
}

TEST(Run, TheChildDoesNotSurviveUs) {
  TemporaryFolder folder;
  pid_t parent = ::fork();
  if (parent == 0) {
    auto ignored = run({.argv = {"sh", "-c", "echo $$ > pid.tmp; mv pid.tmp pid; exec sleep 1000"},
                        .cwd = folder.path(),
                        .timeout = seconds(1000)});
    ::_exit(0);
  }
  for (int i = 0; i < 500 && !exists(folder / "pid"); ++i) std::this_thread::sleep_for(milliseconds(10));
  pid_t child = std::stoi(get(folder / "pid"));
  ASSERT_TRUE(process_runs(child));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  for (int i = 0; i < 500 && process_runs(child); ++i) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_FALSE(process_runs(child));
}

TEST(SpawnDetached, OutlivesItsStarterAndIsFoundByItsFolder) {
  TemporaryFolder folder;
  std::filesystem::create_directories(folder / "data");
  auto pid = spawn_detached({.argv = {"sh", "-c", "echo started; exec sleep 1000"}, .cwd = folder / "data"},
                            folder / "log", "ytb-test");
  ASSERT_TRUE(pid.ok()) << to_string(pid.error());
  EXPECT_TRUE(process_runs(*pid));
  EXPECT_EQ(::getsid(*pid), *pid) << "a session of its own";
  EXPECT_EQ(::waitpid(*pid, nullptr, WNOHANG), -1) << "no child of ours";
  for (int i = 0; i < 500 && get(folder / "log").empty(); ++i) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(get(folder / "log"), "started\n");
  EXPECT_EQ(*processes_in(folder.path()), std::vector<pid_t>{*pid});
  EXPECT_TRUE(end_processes_in(folder.path(), SIGTERM, seconds(5)).ok());
  EXPECT_FALSE(process_runs(*pid));
}

TEST(SpawnDetached, SaysWhyItDidNotStart) {
  TemporaryFolder folder;
  auto pid = spawn_detached({.argv = {"true"}, .cwd = "/no/such/folder"}, folder / "log", "ytb-test");
  ASSERT_FALSE(pid.ok());
  EXPECT_EQ(pid.error().message, "cannot enter the folder of true: No such file or directory");
}

TEST(EndProcesses, KillsWhatDoesNotListen) {
  TemporaryFolder folder;
  auto pid = spawn_detached(
      {.argv = {"sh", "-c", "trap '' TERM; touch ready; while :; do sleep 0.1; done"}, .cwd = folder.path()},
      folder / "log", "ytb-test");
  ASSERT_TRUE(pid.ok());
  for (int i = 0; i < 500 && !exists(folder / "ready"); ++i) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_TRUE(end_processes_in(folder.path(), SIGTERM, milliseconds(200)).ok());
  EXPECT_FALSE(process_runs(*pid));
}

TEST(ScopeCall, OnlyWhereWeAreAService) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(internal::scope_call(false, true, true, true, "/b", "u", 7), Texts{});
  EXPECT_EQ(internal::scope_call(true, false, true, true, "/b", "u", 7), Texts{});
  EXPECT_EQ(internal::scope_call(true, true, false, false, "/b", "u", 7), Texts{});
  const Texts by_root = internal::scope_call(true, true, true, false, "/b", "u", 7);
  ASSERT_EQ(by_root.size(), 20U);
  EXPECT_EQ((Texts(by_root.begin(), by_root.begin() + 2)), (Texts{"/b", "--system"}));
  EXPECT_EQ((Texts(by_root.begin() + 9, by_root.begin() + 16)),
            (Texts{"u.scope", "fail", "2", "PIDs", "au", "1", "7"}));
  EXPECT_EQ(internal::scope_call(true, true, false, true, "/b", "u", 7).at(1), "--user");
}

TEST(FileLock, NamesWhoHoldsIt) {
  TemporaryFolder folder;
  {
    auto held = FileLock::acquire(folder / "lock", "refresh shop", kNow);
    ASSERT_TRUE(held.ok());
    auto second = FileLock::acquire(folder / "lock", "status", kNow);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, Code::kBusy);
    EXPECT_EQ(second.error().message, (folder / "lock") + " is held by pid " + std::to_string(::getpid()) +
                                          " (refresh shop) since 2026-11-22T06:00:00Z");
  }
  EXPECT_TRUE(FileLock::acquire(folder / "lock", "again", kNow).ok());
}

TEST(FileLock, WaitsForAWhile) {
  TemporaryFolder folder;
  auto held = FileLock::acquire(folder / "lock", "one", kNow);
  ASSERT_TRUE(held.ok());
  EXPECT_EQ(FileLock::acquire_within(folder / "lock", "two", kNow, milliseconds(100)).error().code,
            Code::kBusy);
  std::thread releases([lock = std::move(*held)]() mutable {
    std::this_thread::sleep_for(milliseconds(100));
    FileLock gone = std::move(lock);
  });
  EXPECT_TRUE(FileLock::acquire_within(folder / "lock", "two", kNow, seconds(20)).ok());
  releases.join();
}

TEST(Ports, AListenerIsSeen) {
  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // Below those that the kernel gives to whoever connects: it must still be free when we have let go of it.
  uint16_t port = 9'000;
  do address.sin_port = htons(++port);
  while (port < 10'000 && ::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  EXPECT_FALSE(port_is_free(port));
  EXPECT_EQ(find_free_port(port, port).error().code, Code::kSpace);
  ::close(listener);
  EXPECT_TRUE(port_is_free(port));
  EXPECT_EQ(*find_free_port(port, port), port);
  EXPECT_EQ(find_free_port(port, port, {port}).error().code, Code::kSpace);
}

using Kind = model::SecretRef::Kind;

TEST(Secrets, ComeFromFilesAndTheEnvironment) {
  TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "s", "hunter2\n").ok());
  EXPECT_EQ(resolve_secret({Kind::kFile, folder / "s"})->reveal(), "hunter2");
  ::setenv("YTB_TEST_PASSWORD", "hunter3", 1);
  EXPECT_EQ(resolve_secret({Kind::kEnvironment, "YTB_TEST_PASSWORD"})->reveal(), "hunter3");
  ::unsetenv("YTB_TEST_PASSWORD");
  EXPECT_EQ(resolve_secret({Kind::kEnvironment, "YTB_TEST_PASSWORD"}).error().code, Code::kConfig);
  EXPECT_TRUE(resolve_secret({})->empty());
}

TEST(Secrets, InFilesThatOthersMayReadAreRefused) {
  TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder / "s", "hunter2", {.mode = 0644}).ok());
  auto secret = resolve_secret({Kind::kFile, folder / "s"});
  ASSERT_FALSE(secret.ok());
  EXPECT_EQ(secret.error().hint, "chmod 600 " + (folder / "s"));
  EXPECT_EQ(secret.error().message.find("hunter2"), std::string::npos);
  ASSERT_TRUE(write_file(folder / "e", "\n").ok());
  EXPECT_EQ(resolve_secret({Kind::kFile, folder / "e"}).error().code, Code::kConfig);
}

}  // namespace
}  // namespace ytb::os
