// LocalHost over a scripted engine and scripted files; the real ones are in tests/integration.
#include "drivers/local/local_host.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "drivers/os/files.h"
#include "drivers/os/subprocess.h"
#include "support/temporary.h"

namespace ytb::local {
namespace {

namespace fs = std::filesystem;
using model::Phase;
using tests::get;
using tests::put;
using tests::TemporaryFolder;

// Remembers what it was asked; its "server" is a file in the run folder. `dies_at`: the process is killed
// there.
class FakeKind final : public ports::InstanceKind {
 public:
  std::vector<std::string> calls;
  std::optional<model::Isolation::Kind> confined;
  model::Isolation started_under;
  std::string fails_at;
  std::string dies_at;
  Error failure{.code = Code::kExternal, .message = "scripted", .hint = {}, .retry = Retry::kLater};

  Result<std::string> find_binaries(const ports::InstanceSpec& spec) override {
    YTB_TRY(call("find_binaries"));
    if (spec.engine_major != 15)
      return Error{.code = Code::kUnsupported, .message = "no such version", .hint = {}};
    return std::string("/bin");
  }
  Status validate(const ports::InstanceSpec&) override { return call("validate"); }
  Status check_isolation(const ports::InstanceSpec&) override { return call("check_isolation"); }
  Result<std::optional<model::Isolation::Kind>> confined_by(const ports::InstanceSpec&) override {
    return confined;
  }
  Result<model::Check> isolation(const ports::InstanceSpec& spec) override {
    return model::Check{
        .name = "sealed",
        .asserts = "a",
        .outcome = spec.isolation.sealed() ? model::Outcome::kPassed : model::Outcome::kNotCheckable,
        .detail = spec.isolation.reason};
  }
  Status neutralise(const ports::InstanceSpec&) override { return call("neutralise"); }
  Status recover(const ports::InstanceSpec&, ports::Progress&, const StopFlag&) override {
    return call("recover");
  }
  Status start_closed(const ports::InstanceSpec& spec) override { return start(spec, "start_closed"); }
  Status prepare_open(const ports::InstanceSpec& spec, const std::vector<ports::AccessGrant>&,
                      ports::Progress&) override {
    recorded_when_preparing = get(spec.root + "/copy.json");
    YTB_TRY(stop(spec));
    return call("prepare_open");
  }
  Status start_open(const ports::InstanceSpec& spec) override {
    recorded_when_opened = get(spec.root + "/copy.json");
    return start(spec, "start_open");
  }
  Status stop(const ports::InstanceSpec& spec) override {
    YTB_TRY(call("stop"));
    return os::remove_file(spec.run() + "/server");
  }
  std::optional<int> clients(const ports::InstanceSpec& /*spec*/) override { return std::nullopt; }
  Result<ports::InstanceState> state(const ports::InstanceSpec& spec) override {
    return os::exists(spec.run() + "/server") ? ports::InstanceState::kReady : ports::InstanceState::kStopped;
  }
  Result<ports::SessionTarget> session(const ports::InstanceSpec& spec) override {
    ports::SessionTarget target;
    target.parameters["user"] = spec.admin_role;
    return target;
  }
  std::string recorded_when_preparing;
  std::string recorded_when_opened;

 private:
  Status start(const ports::InstanceSpec& spec, const char* name) {
    YTB_TRY(call(name));
    started_under = spec.isolation;
    confined = spec.isolation.kind;
    put(spec.run() + "/server", "");
    return {};
  }
  Status call(const std::string& name) {
    calls.push_back(name);
    if (name == dies_at) ::kill(::getpid(), SIGKILL);
    return name == fails_at ? Status(failure) : Status();
  }
};

class FakeFiles final : public ports::SnapshotFiles {
 public:
  uint64_t bytes = 1000;
  bool shares = false;
  bool dies = false;
  Result<ports::FilesEstimate> estimate(const model::Snapshot&, const std::string&) override {
    return ports::FilesEstimate{.bytes = bytes, .shares_blocks = shares, .how = "scripted"};
  }
  Status materialise(const model::Snapshot&, const std::string& root, const std::string&, ports::Progress&,
                     const StopFlag&) override {
    EXPECT_TRUE(os::list_folder(root + "/data")->empty()) << "begun anew";
    for (int i = 0; i < 300; ++i) put(root + "/data/base/" + std::to_string(i), "x");
    if (dies) ::kill(::getpid(), SIGKILL);
    put(root + "/tablespaces/16384/f", "x");
    return {};
  }
};

class LocalHostTest : public ::testing::Test {
 protected:
  LocalHostTest() : key_(model::new_signing_key()) {
    options_.production = model::ProductionName("shop");
    options_.directory = folder_ / "copies";
    options_.public_key = *model::public_key_of(key_);
    snapshot_.id = model::SnapshotId("one");
    snapshot_.data_as_of = *from_iso("2026-11-22T06:00:00Z");
    snapshot_.state = model::SnapshotState::kUsable;
    snapshot_.engine = "postgresql";
    snapshot_.engine_major = 15;
    snapshot_.location = folder_.path();
    id_ = model::copy_id(options_.production, snapshot_.data_as_of, 1);
  }
  LocalHost host() { return LocalHost(options_, kind_, files_, clock_); }
  ports::RestoreRequest request() const {
    return {.copy = id_, .production = options_.production, .snapshot = snapshot_, .attempt = 1};
  }
  Status restore() { return host().restore(request(), progress_, stop_); }
  model::Copy only() {
    auto copies = host().list();
    EXPECT_TRUE(copies.ok() && copies->size() == 1U);
    return copies.ok() && !copies->empty() ? copies->front() : model::Copy{};
  }
  model::OwnedCopy owned() { return *model::OwnedCopy::claim(only(), options_.production, {}); }
  Status phase(Phase phase) { return host().record_phase(owned(), phase, ""); }
  std::string record_file() const { return options_.directory + "/" + id_.str() + "/copy.json"; }

  model::SealedProof sealed(const std::string& instance, bool passing = true) {
    model::Proof proof;
    proof.production = options_.production;
    proof.copy = id_;
    proof.instance = instance;
    proof.snapshot = snapshot_.id;
    proof.data_as_of = snapshot_.data_as_of;
    proof.checks.push_back({.name = "c",
                            .asserts = "a",
                            .outcome = passing ? model::Outcome::kPassed : model::Outcome::kFailed,
                            .detail = {}});
    return *model::seal(proof, key_);
  }
  model::PassedProof passed(const std::string& instance) {
    return *model::PassedProof::verify(sealed(instance).text, options_.public_key, id_, instance);
  }
  // Up to proven, with its proof.
  void prove() {
    ASSERT_TRUE(restore().ok());
    for (Phase next : {Phase::kDefused, Phase::kMasked}) ASSERT_TRUE(phase(next).ok());
    ASSERT_TRUE(host().store_proof(owned(), sealed(*host().instance_of(id_))).ok());
    ASSERT_TRUE(phase(Phase::kProven).ok());
  }
  Status open() { return host().open(owned(), passed(*host().instance_of(id_)), {}, progress_); }

  // Runs `what` in a child that is expected to be killed inside.
  template <typename What>
  void killed(What what) {
    pid_t child = ::fork();
    if (child == 0) {
      what();
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "the point was not reached";
  }
  // Nothing but marked copies, and what is hidden.
  void expect_no_unmarked_rest() {
    auto copies = host().list();
    ASSERT_TRUE(copies.ok());
    for (const model::Copy& copy : *copies) EXPECT_TRUE(copy.marked) << copy.id.str() << ": " << copy.failure;
  }

  TemporaryFolder folder_;
  Secret key_;
  LocalOptions options_;
  FakeKind kind_;
  FakeFiles files_;
  ManualClock clock_{*from_iso("2026-11-22T06:30:00Z")};
  ports::NoProgress progress_;
  StopFlag stop_;
  model::Snapshot snapshot_;
  model::CopyId id_;
};

TEST_F(LocalHostTest, AStartThatWorksEndsTheFailuresBeforeIt) {
  prove();
  ASSERT_TRUE(open().ok());
  ASSERT_TRUE(phase(Phase::kLive).ok());
  kind_.fails_at = "start_open";
  EXPECT_FALSE(host().start(owned()).ok());
  ASSERT_TRUE(host().record_failure(owned(), kind_.failure).ok());
  EXPECT_EQ(only().tries, 1);
  kind_.fails_at.clear();
  ASSERT_TRUE(host().start(owned()).ok());
  EXPECT_EQ(only().tries, 0);
  EXPECT_EQ(only().failure, "");
}

// It lets nobody in, and gets another configuration with the next try.
TEST_F(LocalHostTest, AnOpenServerThatRefusesItsConfigIsClosedAgain) {
  prove();
  kind_.failure = {.code = Code::kConfig, .message = "no such library", .hint = {}, .retry = Retry::kNever};
  kind_.fails_at = "start_open";
  EXPECT_EQ(open().error().code, Code::kConfig);
  EXPECT_FALSE(only().opened);
  kind_.fails_at.clear();
  kind_.calls.clear();
  ASSERT_TRUE(open().ok());
  EXPECT_TRUE(only().opened);
  EXPECT_EQ(kind_.calls, (std::vector<std::string>{"validate", "stop", "prepare_open", "start_open"}));
}

TEST_F(LocalHostTest, AConfigThatIsWrongByNowIsFoundBeforeTheDoorIsTouched) {
  prove();
  kind_.calls.clear();
  kind_.fails_at = "validate";
  EXPECT_FALSE(open().ok());
  EXPECT_EQ(kind_.calls, (std::vector<std::string>{"validate"}));
}

// A copy is what its proof says, whatever the config says by now.
TEST_F(LocalHostTest, ACopyKeepsTheIsolationItWasRestoredUnder) {
  using Kind = model::Isolation::Kind;
  options_.isolation = {.kind = Kind::kNone, .reason = "synthetic data"};
  prove();
  EXPECT_EQ(only().isolation, options_.isolation);
  const model::Isolation first = options_.isolation;
  options_.isolation = {.kind = Kind::kSealed, .reason = {}};
  EXPECT_EQ(only().isolation, first);
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(kind_.started_under, first);
  ASSERT_TRUE(host().start(owned()).ok());
  EXPECT_EQ(kind_.started_under, first);
  EXPECT_EQ(host().host_checks(owned())->front().detail, "synthetic data");
  // What was seen at its start counts, and a reason only of the same kind.
  kind_.confined = Kind::kWeak;
  EXPECT_EQ(only().isolation, (model::Isolation{.kind = Kind::kWeak, .reason = {}}));
}

TEST_F(LocalHostTest, RestoreMakesAMarkedClosedCopy) {
  auto done = restore();
  ASSERT_TRUE(done.ok()) << to_string(done.error());
  EXPECT_EQ(kind_.calls, (std::vector<std::string>{"validate", "find_binaries", "check_isolation",
                                                   "neutralise", "recover", "start_closed"}));
  model::Copy copy = only();
  EXPECT_TRUE(copy.marked && copy.running);
  EXPECT_FALSE(copy.opened || copy.proven);
  EXPECT_EQ(copy.phase, Phase::kRestored);
  EXPECT_EQ(copy.snapshot, snapshot_.id);
  EXPECT_EQ(copy.attempt, 1);
  EXPECT_EQ((*os::info_of(record_file()))->mode, 0600U);
  EXPECT_EQ((*os::info_of(options_.directory + "/" + id_.str() + "/run"))->mode, 0700U);
  EXPECT_EQ(host().instance_of(id_)->size(), 32U);
  kind_.calls.clear();
  EXPECT_TRUE(restore().ok()) << "once more is success";
  EXPECT_EQ(kind_.calls, std::vector<std::string>{"start_closed"});
}

TEST_F(LocalHostTest, AFailedRestoreIsBegunAnewWithTheSamePort) {
  kind_.fails_at = "recover";
  EXPECT_EQ(restore().error().message, "scripted");
  EXPECT_EQ(only().phase, Phase::kRestoring);
  ASSERT_TRUE(host().record_failure(owned(), kind_.failure).ok());
  EXPECT_EQ(only().tries, 1);
  auto first = record_from_json(get(record_file()));
  kind_.fails_at.clear();
  ASSERT_TRUE(restore().ok());
  auto second = record_from_json(get(record_file()));
  EXPECT_EQ(first->port, second->port);
  EXPECT_NE(first->instance, second->instance) << "another instance: an old proof does not fit";
  EXPECT_EQ(second->copy.tries, 0);
}

TEST_F(LocalHostTest, RestoreRefusesWhatIsNotItsToMake) {
  auto wrong = request();
  wrong.attempt = 2;
  EXPECT_EQ(host().restore(wrong, progress_, stop_).error().code, Code::kRefused);
  wrong = request();
  wrong.production = model::ProductionName("other");
  EXPECT_EQ(host().restore(wrong, progress_, stop_).error().code, Code::kRefused);
  put(options_.directory + "/" + id_.str() + "/precious", "x");
  EXPECT_EQ(restore().error().code, Code::kRefused) << "a folder that is not ours stands there";
  EXPECT_EQ(get(options_.directory + "/" + id_.str() + "/precious"), "x");
  EXPECT_FALSE(only().marked);
  options_.protected_names.names = {options_.directory};
  EXPECT_EQ(restore().error().code, Code::kRefused) << "in a source's folder";
}

TEST_F(LocalHostTest, NoSpaceIsSaidWithNumbersBeforeAnythingIsWritten) {
  files_.bytes = 1ULL << 60;
  auto refused = restore();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kSpace);
  EXPECT_NE(refused.error().message.find("EB"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(host().list()->empty());
  auto copied = host().estimate(snapshot_, false);
  EXPECT_EQ(host().estimate(snapshot_, true)->needed_bytes - copied->needed_bytes, files_.bytes / 2);
  files_.shares = true;
  auto shared = host().estimate(snapshot_, false);
  EXPECT_EQ(copied->needed_bytes - shared->needed_bytes, files_.bytes);
}

TEST_F(LocalHostTest, AMissingVersionIsSaidBeforeAnythingIsWritten) {
  snapshot_.engine_major = 9;
  EXPECT_EQ(restore().error().code, Code::kUnsupported);
  EXPECT_TRUE(host().list()->empty());
}

TEST_F(LocalHostTest, PortsAreNotGivenTwice) {
  options_.port_first = 45873;
  options_.port_last = 45874;
  ASSERT_TRUE(restore().ok());
  auto second = request();
  second.attempt = 2;
  second.copy = model::copy_id(options_.production, snapshot_.data_as_of, 2);
  ASSERT_TRUE(host().restore(second, progress_, stop_).ok());
  auto third = request();
  third.attempt = 3;
  third.copy = model::copy_id(options_.production, snapshot_.data_as_of, 3);
  EXPECT_EQ(host().restore(third, progress_, stop_).error().code, Code::kSpace);
  EXPECT_EQ(host().list()->size(), 2U) << "and nothing is left of it";
}

TEST_F(LocalHostTest, PhasesGoForwardOnlyAndFromWhereTheyAreBelievedToBe) {
  ASSERT_TRUE(restore().ok());
  model::OwnedCopy before = owned();
  EXPECT_EQ(host().record_phase(before, Phase::kLive, "").error().code, Code::kRefused);
  ASSERT_TRUE(host().record_phase(before, Phase::kDefused, "").ok());
  EXPECT_EQ(host().record_phase(before, Phase::kDefused, "").error().code, Code::kBusy)
      << "decided about another state";
  EXPECT_EQ(only().phase, Phase::kDefused);
}

TEST_F(LocalHostTest, FailuresAreCountedAndTheHopelessOnesFail) {
  ASSERT_TRUE(restore().ok());
  Error later{.code = Code::kConnection, .message = "m", .hint = {}, .retry = Retry::kLater};
  ASSERT_TRUE(host().record_failure(owned(), later).ok());
  ASSERT_TRUE(host().record_failure(owned(), later).ok());
  EXPECT_EQ(only().tries, 2);
  EXPECT_EQ(only().phase, Phase::kRestored);
  ASSERT_TRUE(phase(Phase::kDefused).ok());
  EXPECT_EQ(only().tries, 0);
  ASSERT_TRUE(host().record_failure(owned(), later).ok());
  ASSERT_TRUE(
      host().record_failure(owned(), {.code = Code::kPolicy, .message = "unjudged", .hint = {}}).ok());
  model::Copy failed = only();
  EXPECT_EQ(failed.phase, Phase::kFailed);
  EXPECT_EQ(failed.failure_code, Code::kPolicy);
  EXPECT_EQ(failed.tries, 0) << "what failed was masking: its deletion need not wait for that";
  ASSERT_TRUE(host().remove(owned(), std::nullopt, progress_).ok());
  auto attempts = host().attempts();
  ASSERT_EQ(attempts->size(), 1U);
  EXPECT_EQ(attempts->front().reason, "unjudged");
  EXPECT_EQ(attempts->front().outcome, model::AttemptOutcome::kFailed);
}

TEST_F(LocalHostTest, GivenUpAfterSomeTriesItMayBeBegunAnew) {
  ASSERT_TRUE(restore().ok());
  Error later{.code = Code::kConnection, .message = "no answer", .hint = {}, .retry = Retry::kLater};
  ASSERT_TRUE(host().record_failure(owned(), later).ok());
  ASSERT_TRUE(host().record_phase(owned(), Phase::kFailed, "5 tries failed").ok());
  ASSERT_TRUE(host().remove(owned(), std::nullopt, progress_).ok());
  auto attempts = host().attempts();
  ASSERT_EQ(attempts->size(), 1U);
  EXPECT_EQ(attempts->front().reason, "5 tries failed");
  EXPECT_EQ(attempts->front().code, Code::kConnection);
  EXPECT_EQ(attempts->front().retry, Retry::kLater);
}

TEST_F(LocalHostTest, GivenUpWithoutAFailedTryIsNoBugOfOurs) {
  ASSERT_TRUE(restore().ok());
  ASSERT_TRUE(host().record_phase(owned(), Phase::kFailed, "the policy changed").ok());
  EXPECT_EQ(only().failure, "the policy changed");
  EXPECT_EQ(only().failure_code, Code::kExternal);
  ASSERT_TRUE(host().remove(owned(), std::nullopt, progress_).ok());
  EXPECT_EQ(host().attempts()->front().code, Code::kExternal);
}

TEST_F(LocalHostTest, InputsAreRecordedOnce) {
  ASSERT_TRUE(restore().ok());
  ASSERT_TRUE(host().record_inputs(owned(), "a").ok());
  EXPECT_TRUE(host().record_inputs(owned(), "a").ok());
  EXPECT_EQ(host().record_inputs(owned(), "b").error().code, Code::kBusy);
  EXPECT_EQ(only().inputs, "a");
}

TEST_F(LocalHostTest, OpeningIsRecordedBeforeTheDoorOpens) {
  prove();
  EXPECT_TRUE(only().proven);
  EXPECT_FALSE(only().opened);
  auto opened = open();
  ASSERT_TRUE(opened.ok()) << to_string(opened.error());
  EXPECT_NE(kind_.recorded_when_preparing.find("\"opening\": true"), std::string::npos);
  EXPECT_NE(kind_.recorded_when_preparing.find("\"opened\": false"), std::string::npos);
  EXPECT_NE(kind_.recorded_when_opened.find("\"opened\": true"), std::string::npos);
  model::Copy copy = only();
  EXPECT_TRUE(copy.opened && copy.proven && copy.running);
  EXPECT_FALSE(os::exists(options_.directory + "/" + id_.str() + "/spool"));
  EXPECT_EQ((*os::info_of(options_.directory + "/" + id_.str()))->mode, 0711U);
  EXPECT_EQ(host().session(owned()).error().code, Code::kRefused);
  kind_.calls.clear();
  ASSERT_TRUE(open().ok());
  EXPECT_EQ(kind_.calls, std::vector<std::string>{"start_open"}) << "open already: only started";
}

TEST_F(LocalHostTest, TheDoorStaysShutWithoutTheProofOfThisInstance) {
  prove();
  kind_.calls.clear();
  EXPECT_EQ(host().open(owned(), passed("another"), {}, progress_).error().code, Code::kProof);
  model::PassedProof right = passed(*host().instance_of(id_));
  ASSERT_TRUE(host().store_proof(owned(), sealed(*host().instance_of(id_), false)).ok());
  EXPECT_FALSE(only().proven);
  EXPECT_EQ(host().open(owned(), right, {}, progress_).error().code, Code::kProof)
      << "another one lies with the copy";
  EXPECT_TRUE(kind_.calls.empty());
  EXPECT_FALSE(only().opened);
}

TEST_F(LocalHostTest, NothingButAProvenCopyIsOpened) {
  ASSERT_TRUE(restore().ok());
  ASSERT_TRUE(host().store_proof(owned(), sealed(*host().instance_of(id_))).ok());
  EXPECT_EQ(open().error().code, Code::kRefused);
  EXPECT_EQ(host().start(owned()).error().code, Code::kRefused);
}

TEST_F(LocalHostTest, AClosedCopyDoesNotOutliveARebootOfTheHost) {
  prove();
  std::string text = get(record_file());
  text.replace(text.find("\"boot_id\": \"") + 12, 4, "ffff");
  put(record_file(), text);
  EXPECT_EQ(only().phase, Phase::kFailed);
  EXPECT_EQ(open().error().code, Code::kRefused);
}

TEST_F(LocalHostTest, AnOpenedCopySurvivesARebootOfTheHost) {
  prove();
  ASSERT_TRUE(open().ok());
  std::string text = get(record_file());
  text.replace(text.find("\"boot_id\": \"") + 12, 4, "ffff");
  put(record_file(), text);
  fs::remove(options_.directory + "/" + id_.str() + "/run/server");
  EXPECT_EQ(only().phase, Phase::kProven);
  EXPECT_FALSE(only().running);
  ASSERT_TRUE(host().start(owned()).ok());
  EXPECT_TRUE(only().running);
}

TEST_F(LocalHostTest, ALiveCopyIsNeitherFailedNorRemoved) {
  prove();
  ASSERT_TRUE(open().ok());
  ASSERT_TRUE(phase(Phase::kLive).ok());
  EXPECT_EQ(host().remove(owned(), std::nullopt, progress_).error().code, Code::kRefused);
  EXPECT_EQ(host().record_phase(owned(), Phase::kFailed, "x").error().code, Code::kRefused);
  ASSERT_TRUE(host().record_failure(owned(), {.code = Code::kExternal, .message = "m", .hint = {}}).ok());
  EXPECT_EQ(only().phase, Phase::kLive);
}

TEST_F(LocalHostTest, RemoveLeavesNothing) {
  prove();
  ASSERT_TRUE(host()
                  .remove(owned(),
                          model::Attempt{.snapshot = snapshot_.id,
                                         .data_as_of = snapshot_.data_as_of,
                                         .attempt = 1,
                                         .outcome = model::AttemptOutcome::kDeletedByPerson,
                                         .at = clock_.now(),
                                         .inputs = {},
                                         .reason = {}},
                          progress_)
                  .ok());
  EXPECT_TRUE(host().list()->empty());
  auto left = os::list_folder(options_.directory);
  for (const os::FileInfo& entry : *left) {
    EXPECT_TRUE(entry.name == "attempts.json" || entry.name == ".lock-attempts" ||
                entry.name == ".lock-ports")
        << entry.name;
  }
  EXPECT_EQ(host().attempts()->at(0).outcome, model::AttemptOutcome::kDeletedByPerson);
}

TEST_F(LocalHostTest, RemoveEndsStrayProcesses) {
  ASSERT_TRUE(restore().ok());
  auto stray =
      os::spawn_detached({.argv = {"sleep", "1000"}, .cwd = options_.directory + "/" + id_.str() + "/data"},
                         folder_ / "log", "stray");
  ASSERT_TRUE(stray.ok());
  ASSERT_TRUE(host().remove(owned(), std::nullopt, progress_).ok());
  EXPECT_FALSE(os::process_runs(*stray));
}

TEST_F(LocalHostTest, WhatIsNotOursIsListedAndLeftAlone) {
  ASSERT_TRUE(restore().ok());
  model::OwnedCopy before = owned();
  std::string good = get(record_file());
  std::string newer = good;
  newer.replace(newer.find("\"format\": 2"), 11, "\"format\": 3");
  std::string renamed = good;
  renamed.replace(renamed.find(id_.str()), id_.str().size(), "shop-yesterday-20261122-060000-7");
  for (const std::string& text : {newer, renamed, good.substr(0, 100), std::string()}) {
    put(record_file(), text);
    EXPECT_FALSE(only().marked);
    EXPECT_FALSE(only().failure.empty());
    EXPECT_FALSE(host().remove(before, std::nullopt, progress_).ok());
    EXPECT_FALSE(host().record_phase(before, Phase::kDefused, "").ok());
    EXPECT_FALSE(restore().ok());
    EXPECT_EQ(get(record_file()), text);
    EXPECT_TRUE(os::exists(options_.directory + "/" + id_.str() + "/data/base/7"));
  }
}

TEST_F(LocalHostTest, ARecordThatTheServersUserCouldHaveWrittenIsNotOurs) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs another user";
  ASSERT_TRUE(restore().ok());
  ASSERT_EQ(::chown(record_file().c_str(), 65534, 65534), 0);
  EXPECT_FALSE(only().marked);
}

TEST_F(LocalHostTest, ACopiesFolderThatIsALinkIsNotOurs) {
  ASSERT_TRUE(restore().ok());
  fs::rename(options_.directory + "/" + id_.str(), folder_ / "moved");
  fs::create_directory_symlink(folder_ / "moved", options_.directory + "/" + id_.str());
  EXPECT_FALSE(only().marked);
}

TEST_F(LocalHostTest, KilledAtAnyStepOfARestoreItIsBegunAnew) {
  for (const char* point : {"validate", "find_binaries", "check_isolation", "materialise", "neutralise",
                            "recover", "start_closed"}) {
    SCOPED_TRACE(point);
    killed([&] {
      files_.dies = std::string_view(point) == "materialise";
      kind_.dies_at = point;
      (void)restore();
    });
    expect_no_unmarked_rest();
    ASSERT_TRUE(restore().ok());
    EXPECT_EQ(only().phase, Phase::kRestored);
    ASSERT_TRUE(host().remove(owned(), std::nullopt, progress_).ok());
  }
}

TEST_F(LocalHostTest, KilledAtAnyStepOfOpeningItIsOpenedOrStillClosed) {
  prove();
  for (const char* point : {"prepare_open", "start_open"}) {
    SCOPED_TRACE(point);
    killed([&] {
      kind_.dies_at = point;
      (void)open();
    });
    model::Copy copy = only();
    EXPECT_EQ(copy.opened, std::string_view(point) == "start_open");
    EXPECT_FALSE(copy.running);
    if (!copy.opened) {
      EXPECT_EQ(host().session(owned()).error().code, Code::kRefused) << "its door may be prepared";
    }
  }
  ASSERT_TRUE(open().ok());
  EXPECT_TRUE(only().running);
}

TEST_F(LocalHostTest, KilledAnywhereWhileRemovingItIsMarkedOrGone) {
  int halfway = 0;
  for (int round = 0; round < 60; ++round) {
    ASSERT_TRUE(restore().ok());
    pid_t child = ::fork();
    if (child == 0) {
      (void)host().remove(owned(), std::nullopt, progress_);
      ::_exit(0);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(round * 400));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    expect_no_unmarked_rest();
    auto copies = host().list();
    if (copies->empty()) continue;
    if (copies->front().phase == Phase::kDeleting) ++halfway;
    ASSERT_TRUE(host().remove(owned(), std::nullopt, progress_).ok());
    EXPECT_TRUE(host().list()->empty());
  }
  EXPECT_GT(halfway, 0) << "the kills never hit";
}

TEST_F(LocalHostTest, RestsOfKilledRunsAreSweptAway) {
  fs::create_directories(options_.directory + "/.new-shop-yesterday-20261101-060000-1");
  fs::create_directories(options_.directory + "/.gone-shop-yesterday-20261102-060000-1/data");
  put(options_.directory + "/.lock-shop-yesterday-20261103-060000-1", "");
  put(options_.directory + "/.somebodys", "");
  ASSERT_TRUE(restore().ok());
  std::vector<std::string> names;
  auto entries = os::list_folder(options_.directory);
  for (const os::FileInfo& entry : *entries) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{".lock-ports", ".lock-" + id_.str(), ".somebodys", id_.str()}));
}

TEST_F(LocalHostTest, TwoAtOnceDoNotWorkOnOneCopy) {
  ASSERT_TRUE(restore().ok());
  auto other = os::FileLock::acquire(options_.directory + "/.lock-" + id_.str(), "another run", clock_.now());
  ASSERT_TRUE(other.ok());
  auto busy = phase(Phase::kDefused);
  EXPECT_EQ(busy.error().code, Code::kBusy);
  EXPECT_NE(busy.error().message.find("another run"), std::string::npos);
}

}  // namespace
}  // namespace ytb::local
