// Seals and occupants with real processes: what is seen inside, who works in a folder, whom a signal reaches.
#include "drivers/os/enclosure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/json.h"
#include "drivers/os/files.h"
#include "drivers/os/occupant.h"
#include "drivers/os/subprocess.h"
#include "support/temporary.h"

namespace ytb::os {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using tests::get;
using tests::put;
using tests::TemporaryFolder;

// What a shell needs inside.
Enclosure shell_in(const std::string& folder) {
  Enclosure enclosure{.folder = folder, .purpose = "test", .writable = {folder + "/data"}};
  for (const char* program :
       {"/bin/sh", "/bin/sleep", "/bin/cat", "/bin/ls", "/bin/mkdir", "/bin/hostname"}) {
    enclosure.visible.emplace_back(program);
    auto files = loaded_files(program, {}, "");
    EXPECT_TRUE(files.ok()) << to_string(files.error());
    if (files.ok()) enclosure.visible.insert(enclosure.visible.end(), files->begin(), files->end());
  }
  return enclosure;
}

// A server's module for a language that is not installed is none that it could load, and no reason to start
// nothing.
TEST(LoadedFiles, WhatALibraryLacksIsLeftOutAndWhatAProgramLacksIsNamed) {
  const TemporaryFolder folder;
  const auto compile = [&](const std::string& words) {
    const auto done = run({.argv = {"/bin/sh", "-c", "cd " + folder.path() + " && : | cc " + words}});
    ASSERT_TRUE(done.ok() && done->ok()) << (done.ok() ? done->err : to_string(done.error()));
  };
  compile("-shared -o libgone.so -x c -");
  compile("-shared -o whole.so -x c -");
  compile("-shared -o lacking.so -x c - -x none -Wl,--no-as-needed,-rpath," + folder.path() + " -L. -lgone");
  std::ofstream(folder / "main.c") << "int main(void) { return 0; }\n";
  compile("-o lacking main.c -Wl,--no-as-needed -L. -lgone");
  const std::vector<std::string> modules{folder / "lacking.so", folder / "whole.so"};
  const auto with = loaded_files("/bin/sh", modules, "");
  ASSERT_TRUE(with.ok()) << to_string(with.error());
  EXPECT_THAT(*with, Contains(folder / "libgone.so"));
  EXPECT_THAT(*with, Contains(folder / "lacking.so"));
  std::filesystem::remove(folder / "libgone.so");
  const auto without = loaded_files("/bin/sh", modules, "");
  ASSERT_TRUE(without.ok()) << to_string(without.error());
  EXPECT_THAT(*without, Contains(folder / "whole.so"));
  EXPECT_THAT(*without, Contains(HasSubstr("libc.so")));
  EXPECT_THAT(*without, Not(Contains(HasSubstr("libgone"))));
  EXPECT_THAT(*without, Not(Contains(folder / "lacking.so")));
  const auto program = loaded_files(folder / "lacking", {}, "");
  ASSERT_FALSE(program.ok());
  EXPECT_EQ(program.error().code, Code::kConfig);
  EXPECT_THAT(program.error().message, HasSubstr("libgone.so"));
}

class Sealed : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ / "data");
    put(folder_ / "secret", "key");
    enclosure_ = shell_in(folder_.path());
    auto tried = sh("true");
    if (!tried.ok()) GTEST_SKIP() << "no seal here: " << to_string(tried.error());
  }
  void TearDown() override {
    if (auto left = Occupant::find(folder_.path()); left.ok() && *left) (*left)->signal(SIGKILL);
  }
  Result<Finished> sh(const std::string& script) {
    return run({.argv = {"/bin/sh", "-c", script}, .enclosure = &enclosure_});
  }
  std::string said(const std::string& script) {
    auto done = sh(script + " 2>&1");
    EXPECT_TRUE(done.ok()) << (done.ok() ? "" : to_string(done.error()));
    return done.ok() ? done->out : "";
  }
  Result<pid_t> spawn(const std::string& script) {
    return spawn_detached({.argv = {"/bin/sh", "-c", script}, .enclosure = &enclosure_}, folder_ / "log",
                          "ytb-test");
  }
  Occupant occupant() {
    auto found = Occupant::find(folder_.path());
    EXPECT_TRUE(found.ok() && *found);
    return std::move(**found);
  }
  void change_record(const std::string& key, const nlohmann::json& value) {
    auto json = parse_json(get(folder_ / "seal.json"));
    json[key] = value;
    put(folder_ / "seal.json", write_json(json));
  }

  TemporaryFolder folder_;
  Enclosure enclosure_;
};

// As servers that are unpacked anywhere: bin/postgres that looks for its libraries in $ORIGIN/../lib.
TEST_F(Sealed, APathBesideTheProgramLeadsToItsLibraries) {
  const std::string tree = folder_ / "installed";
  const auto made = run(
      {.argv = {"/bin/sh", "-c",
                "mkdir -p " + tree + "/bin " + tree + "/lib && cd " + tree +
                    " && echo 'int beside(void) { return 42; }' | cc -shared -o lib/libbeside.so -x c - && "
                    "echo 'int beside(void); int main(void) { return beside(); }' | cc -o bin/asks -x c - "
                    "-x none -Llib -lbeside -Wl,-rpath,'$ORIGIN/../lib'"}});
  ASSERT_TRUE(made.ok() && made->ok()) << (made.ok() ? made->err : to_string(made.error()));
  const auto files = loaded_files(tree + "/bin/asks", {}, "");
  ASSERT_TRUE(files.ok()) << to_string(files.error());
  EXPECT_THAT(*files, Contains(tree + "/lib/libbeside.so"));
  enclosure_.visible.push_back(tree + "/bin");
  enclosure_.visible.insert(enclosure_.visible.end(), files->begin(), files->end());
  const auto asked = run({.argv = {tree + "/bin/asks"}, .enclosure = &enclosure_});
  ASSERT_TRUE(asked.ok()) << to_string(asked.error());
  EXPECT_EQ(asked->exit_status, 42) << asked->err;
}

TEST_F(Sealed, SeesItsFolderAndNothingElseOfTheHost) {
  EXPECT_EQ(said("echo $$; echo > " + folder_.path() + "/data/x; ls " + folder_.path()), "1\ndata\n");
  EXPECT_TRUE(exists(folder_ / "data/x"));
  EXPECT_THAT(said("cat " + folder_.path() + "/secret"), HasSubstr("No such file"));
  EXPECT_THAT(said("cat /etc/shadow"), HasSubstr("No such file"));
  EXPECT_THAT(said("ls /proc /sys /root /home /var"), Not(HasSubstr("self")));
  EXPECT_EQ(said("ls /etc"), "group\nhosts\nnsswitch.conf\npasswd\n");
  EXPECT_EQ(said("ls /dev"), "null\nrandom\nshm\nurandom\nzero\n");
  EXPECT_THAT(said("mkdir /x /bin/x"), HasSubstr("Read-only file system"));
  put("/tmp/ytb-of-the-host", "");
  EXPECT_EQ(said("echo y > /tmp/y && cat /tmp/y; cat /tmp/ytb-of-the-host"),
            "y\ncat: /tmp/ytb-of-the-host: No such file or directory\n");
  remove("/tmp/ytb-of-the-host");
  EXPECT_EQ(said("hostname"), "copy\n");
}

// A user namespace inside would give every capability over further namespaces.
TEST_F(Sealed, MakesNoNamespacesAndOpensNoOtherSockets) {
  enclosure_.visible.emplace_back("/usr");
  for (const char* path : {"/lib", "/lib64"}) enclosure_.visible.emplace_back(path);
  EXPECT_THAT(said("unshare --user --map-root-user true"), HasSubstr("Operation not permitted"));
  const std::string script =
      "import socket\n"
      "for family in (40, socket.AF_NETLINK, socket.AF_PACKET, 38):\n"
      "    try: socket.socket(family, socket.SOCK_RAW if family != 38 else socket.SOCK_SEQPACKET); "
      "print(family, 'made')\n"
      "    except PermissionError: print(family, 'denied')\n"
      "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname()); "
      "print('loopback works')\n";
  put(folder_ / "data/try.py", script);
  const std::string out = said("/usr/bin/python3 " + (folder_ / "data/try.py"));
  EXPECT_THAT(out, Not(HasSubstr("made")));
  EXPECT_THAT(out, HasSubstr("40 denied"));
  EXPECT_THAT(out, HasSubstr("loopback works"));
}

TEST_F(Sealed, ControlWithoutASealEverythingIsSeen) {
  enclosure_.confinement = Confinement::kNone;
  EXPECT_EQ(said("cat " + folder_.path() + "/secret"), "key");
  EXPECT_THAT(said("ls /proc"), HasSubstr("self"));
}

TEST_F(Sealed, OnlyOneAtATimeWorksInAFolder) {
  auto first = spawn("sleep 1000");
  ASSERT_TRUE(first.ok()) << to_string(first.error());
  EXPECT_EQ(occupant().pid(), *first);
  for (Confinement confinement : {Confinement::kSealed, Confinement::kNone}) {
    enclosure_.confinement = confinement;
    EXPECT_EQ(spawn("sleep 1000").error().code, Code::kBusy);
    EXPECT_EQ(sh("true").error().code, Code::kBusy);
  }
  EXPECT_EQ(occupant().pid(), *first) << "the refused ones left no trace";
  EXPECT_EQ(last_occupant(folder_.path()).value()->unsealed_runs, 0U);
  occupant().signal(SIGKILL);
  EXPECT_TRUE(Tenancy::take(folder_.path(), "test", seconds(5)).ok());
  enclosure_.confinement = Confinement::kSealed;
  EXPECT_TRUE(sh("true").ok());
}

TEST_F(Sealed, TwoAtOnceAndOneOfThemBegins) {
  std::vector<Result<pid_t>> begun;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      auto one = spawn("sleep 1000");
      std::lock_guard lock(mutex);
      begun.push_back(std::move(one));
    });
  }
  for (std::thread& each : threads) each.join();
  for (const auto& each : begun) {
    if (each.ok()) continue;
    EXPECT_EQ(each.error().code, Code::kBusy) << to_string(each.error());
  }
  EXPECT_EQ(std::count_if(begun.begin(), begun.end(), [](const auto& each) { return each.ok(); }), 1);
}

TEST_F(Sealed, ItOutlivesItsStarterAndItsEndTakesAllWithIt) {
  pid_t starter = ::fork();
  if (starter == 0) {
    (void)spawn("sleep 1000 & sleep 1000 & echo begun; wait");
    ::raise(SIGKILL);
  }
  ::waitpid(starter, nullptr, 0);
  Occupant found = occupant();
  EXPECT_FALSE(found.has_ended());
  EXPECT_EQ(::getsid(found.pid()), found.pid());
  for (int i = 0; i < 500 && get(folder_ / "log").empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  // Its children hold the lock as it does.
  found.signal(SIGKILL);
  EXPECT_TRUE(found.wait_end(seconds(5)));
  EXPECT_TRUE(Tenancy::take(folder_.path(), "test", seconds(5)).ok()) << "a child has outlived it";
}

TEST_F(Sealed, WhatOneThatWasNotSealedLeftBehindIsEnded) {
  enclosure_.confinement = Confinement::kNone;
  ASSERT_TRUE(spawn("sleep 1000 & exec sleep 1000").ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  Occupant found = occupant();
  found.signal(SIGKILL);
  ASSERT_TRUE(found.wait_end(seconds(5)));
  EXPECT_EQ(Tenancy::take(folder_.path(), "test").error().code, Code::kBusy);
  EXPECT_TRUE(end_lock_holders(folder_.path()).ok());
  EXPECT_TRUE(Tenancy::take(folder_.path(), "test", seconds(5)).ok());
}

TEST_F(Sealed, ARecordOfAnotherBootOrProcessIsNobodys) {
  auto begun = spawn("sleep 1000");
  ASSERT_TRUE(begun.ok()) << to_string(begun.error());
  const std::string record = get(folder_ / "seal.json");
  for (const auto& [key, value] : std::vector<std::pair<std::string, nlohmann::json>>{
           {"boot_id", "another"}, {"start_ticks", 1U}, {"pid_namespace", "pid:[1]"}, {"pid", 4'000'000U}}) {
    put(folder_ / "seal.json", record);
    change_record(key, value);
    EXPECT_FALSE(Occupant::find(folder_.path()).value()) << key;
    EXPECT_EQ(spawn("sleep 1000").error().code, Code::kBusy) << "the lock is held all the same";
  }
  put(folder_ / "seal.json", "{");
  EXPECT_EQ(Occupant::find(folder_.path()).error().code, Code::kCorrupt);
  put(folder_ / "seal.json", record);
}

TEST_F(Sealed, ARecycledProcessIdIsNeverSignalled) {
  auto begun = spawn("sleep 1000");
  ASSERT_TRUE(begun.ok()) << to_string(begun.error());
  Occupant old = occupant();
  pid_t innocent = ::fork();
  if (innocent == 0) {
    ::pause();
    ::_exit(0);
  }
  const std::string record = get(folder_ / "seal.json");
  change_record("pid", static_cast<unsigned>(innocent));
  EXPECT_FALSE(Occupant::find(folder_.path()).value());
  old.signal(SIGKILL);
  EXPECT_TRUE(old.wait_end(seconds(5)));
  old.signal(SIGKILL);
  EXPECT_EQ(::waitpid(innocent, nullptr, WNOHANG), 0);
  ::kill(innocent, SIGKILL);
  ::waitpid(innocent, nullptr, 0);
}

TEST_F(Sealed, PagesAreWrittenBesideTheirServerOnlyAndNothingBeginsMeanwhile) {
  auto pid = spawn("sleep 1000");
  ASSERT_TRUE(pid.ok());
  EXPECT_EQ(PagesPermit::take(folder_.path(), "other", *pid).error().code, Code::kBusy);
  EXPECT_EQ(PagesPermit::take(folder_.path(), "test", ::getpid()).error().code, Code::kBusy);
  {
    auto permit = PagesPermit::take(folder_.path(), "test", *pid);
    ASSERT_TRUE(permit.ok());
    EXPECT_TRUE(PagesPermit::take(folder_.path(), "test", *pid).ok()) << "they share";
    Occupant found = occupant();
    found.signal(SIGKILL);
    ASSERT_TRUE(found.wait_end(seconds(5)));
    EXPECT_EQ(spawn("sleep 1000").error().code, Code::kBusy);
  }
  EXPECT_TRUE(spawn("sleep 1000").ok());
}

TEST_F(Sealed, IsLookedAtFromOutside) {
  auto pid = spawn("sleep 1000");
  ASSERT_TRUE(pid.ok());
  auto seen = look_at_confinement(*pid, enclosure_);
  ASSERT_TRUE(seen.ok()) << to_string(seen.error());
  EXPECT_THAT(*seen, HasSubstr(folder_ / "data"));
  Enclosure less = enclosure_;
  less.writable.clear();
  EXPECT_THAT(look_at_confinement(*pid, less).error().message, HasSubstr("it sees " + (folder_ / "data")));
  EXPECT_THAT(look_at_confinement(::getpid(), enclosure_).error().message, HasSubstr("namespace is ours"));
}

TEST_F(Sealed, WhatCannotBeginSaysWhy) {
  auto missing = run({.argv = {"/bin/true"}, .enclosure = &enclosure_});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().message, "cannot execute /bin/true: No such file or directory");
  EXPECT_TRUE(sh("true").ok()) << "the lock is free again";
}

}  // namespace
}  // namespace ytb::os
