// A local copy from the snapshot to its end, with a real server: restored, opened, reached through the alias,
// killed, started again, removed.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "drivers/basebackup/source.h"
#include "drivers/local/local_host.h"
#include "drivers/os/files.h"
#include "drivers/os/subprocess.h"
#include "drivers/postgres/instance.h"
#include "drivers/socket/socket_alias.h"
#include "support/temporary.h"
#include "tests/postgres_cluster.h"

namespace ytb {
namespace {

namespace fs = std::filesystem;
using model::Phase;
using tests::TemporaryFolder;

class Copies : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_FALSE(testing::postgres_bin_dir().empty())
        << "no PostgreSQL server is installed: tools/setup installs one";
    production_ = testing::PostgresCluster::make();
    ASSERT_NE(production_, nullptr);
    std::string space = spaces_.make_for_server("space");
    production_->run("postgres", "CREATE DATABASE shop; CREATE TABLESPACE fast LOCATION '" + space +
                                     "'; CREATE ROLE app LOGIN PASSWORD 'production';");
    production_->run("shop",
                     "CREATE TABLE a AS SELECT i FROM generate_series(1, 50000) i;"
                     "CREATE TABLE b TABLESPACE fast AS SELECT i FROM generate_series(1, 1000) i;");
    fs::create_directory(folder_ / "snapshots");
    auto made = os::run_checked(
        {.argv = {testing::postgres_bin_dir() + "/pg_basebackup", "-d", production_->connection(), "-c",
                  "fast", "-Ft", "-z", "-D", folder_ / "snapshots/one"}});
    ASSERT_TRUE(made.ok()) << to_string(made.error());
    options_.production = model::ProductionName("shop");
    options_.directory = folder_ / "copies";
    options_.run_as = testing::server_user();
    options_.port_first = testing::free_port_block();
    options_.port_last = static_cast<uint16_t>(options_.port_first + testing::kPortBlock - 1);
    options_.bin_dir = testing::postgres_bin_dir();
    if (const std::string lacks = testing::why_no_seal(); !lacks.empty())
      options_.isolation = {.kind = model::Isolation::Kind::kNone, .reason = lacks};
    options_.public_key = *model::public_key_of(key_);
    basebackup::SourceOptions source{.production = options_.production,
                                     .directories = {folder_ / "snapshots"},
                                     .allow_unverified = false,
                                     .connection = {},
                                     .password = {},
                                     .keep = 7,
                                     .compress = "none",
                                     .bin_dir = {}};
    source_ = std::make_unique<basebackup::BasebackupSource>(source, clock_);
    host_ = std::make_unique<local::LocalHost>(options_, kind_, *source_, clock_);
    auto listed = source_->list();
    ASSERT_TRUE(listed.ok() && listed->size() == 1U &&
                listed->front().state == model::SnapshotState::kUsable);
    snapshot_ = listed->front();
    id_ = model::copy_id(options_.production, snapshot_.data_as_of, 1);
  }
  void TearDown() override {
    if (host_ == nullptr) return;
    (void)os::end_processes_in(options_.directory, SIGTERM, std::chrono::seconds(5));
  }
  void survive_kills(int kills);

  Status restore() {
    return host_->restore(
        {.copy = id_, .production = options_.production, .snapshot = snapshot_, .attempt = 1}, progress_,
        stop_);
  }
  model::Copy only() {
    auto copies = host_->list();
    EXPECT_TRUE(copies.ok() && copies->size() == 1U);
    return copies.ok() && !copies->empty() ? copies->front() : model::Copy{};
  }
  model::OwnedCopy owned() { return *model::OwnedCopy::claim(only(), options_.production, {}); }
  std::string root() const { return options_.directory + "/" + id_.str(); }

  // psql's answer; "" and a failure where it does not get in.
  static os::Finished ask(const std::string& connection, const std::string& query,
                          const std::string& password = {}) {
    os::Command command{.argv = {testing::postgres_bin_dir() + "/psql", "-X", "-w", "-A", "-t", "-v",
                                 "ON_ERROR_STOP=1", "-d", connection, "-c", query}};
    if (!password.empty()) command.environment["PGPASSWORD"] = password;
    auto finished = os::run(command);
    EXPECT_TRUE(finished.ok());
    return finished.ok() ? *finished : os::Finished{};
  }
  std::string closed_connection() {
    auto target = host_->session(owned());
    EXPECT_TRUE(target.ok()) << to_string(target.error());
    std::string text = "dbname=shop";
    for (const auto& [key, value] : target->parameters) text += fmt::format(" {}={}", key, value);
    text += fmt::format(" password={}", target->password.reveal());
    return text;
  }

  TemporaryFolder folder_;
  testing::TempFolder spaces_;
  std::unique_ptr<testing::PostgresCluster> production_;
  Secret key_ = model::new_signing_key();
  SystemClock clock_;
  postgres::PostgresInstance kind_;
  local::LocalOptions options_;
  std::unique_ptr<basebackup::BasebackupSource> source_;
  std::unique_ptr<local::LocalHost> host_;
  ports::NoProgress progress_;
  StopFlag stop_;
  model::Snapshot snapshot_;
  model::CopyId id_;
};

TEST_F(Copies, FromTheSnapshotToTheEnd) {
  ASSERT_TRUE(source_->verify(snapshot_, progress_, stop_).ok());
  auto restored = restore();
  ASSERT_TRUE(restored.ok()) << to_string(restored.error());
  EXPECT_EQ(only().phase, Phase::kRestored);
  EXPECT_TRUE(only().running);
  std::string closed = closed_connection();
  EXPECT_EQ(ask(closed, "SELECT (SELECT count(*) FROM a) || ' ' || (SELECT count(*) FROM b)").out,
            "50000 1000\n");
  EXPECT_NE(
      ask("dbname=shop host=" + root() + "/run port=" + std::to_string(options_.port_first) + " user=app",
          "SELECT 1", "production")
          .exit_status,
      0)
      << "no role of production gets in";
  EXPECT_EQ(ask(closed, "CREATE ROLE staging NOLOGIN").exit_status, 0);
  EXPECT_EQ(ask(closed, "GRANT SELECT ON a TO staging").exit_status, 0);

  ASSERT_TRUE(host_->record_phase(owned(), Phase::kDefused, "").ok());
  ASSERT_TRUE(host_->record_phase(owned(), Phase::kMasked, "").ok());
  model::Proof proof;
  proof.production = options_.production;
  proof.copy = id_;
  proof.instance = *host_->instance_of(id_);
  proof.snapshot = snapshot_.id;
  proof.data_as_of = snapshot_.data_as_of;
  proof.checks.push_back({.name = "c", .asserts = "a", .outcome = model::Outcome::kPassed, .detail = {}});
  auto sealed = model::seal(proof, key_);
  ASSERT_TRUE(host_->store_proof(owned(), *sealed).ok());
  ASSERT_TRUE(host_->record_phase(owned(), Phase::kProven, "").ok());
  auto passed = model::PassedProof::verify(sealed->text, options_.public_key, id_, proof.instance);
  ASSERT_TRUE(passed.ok());
  std::vector<ports::AccessGrant> grants;
  grants.push_back(
      {.role = {.name = "staging", .password = {}, .member_of = {}, .from = {"local", "127.0.0.1/32"}},
       .password = Secret("let me in")});
  auto opened = host_->open(owned(), *passed, grants, progress_);
  ASSERT_TRUE(opened.ok()) << to_string(opened.error());
  model::Copy copy = only();
  EXPECT_TRUE(copy.opened && copy.proven && copy.running);

  socket_alias::SocketAlias alias({.directory = folder_ / "alias/shop-yesterday",
                                   .service_file = folder_ / "alias/pg_service.conf",
                                   .service_name = "shop-yesterday",
                                   .copies_directory = options_.directory,
                                   .dbname = "shop",
                                   .user = "staging"});
  auto pointed = alias.repoint(*passed, copy);
  ASSERT_TRUE(pointed.ok()) << to_string(pointed.error());
  auto state = alias.read();
  ASSERT_TRUE(state.ok());
  EXPECT_EQ(state->target, id_);
  EXPECT_TRUE(state->consistent && state->seen);
  std::string through = "host=" + (folder_ / "alias/shop-yesterday") + " dbname=shop user=staging";
  EXPECT_EQ(ask(through, "SELECT count(*) FROM a", "let me in").out, "50000\n");
  EXPECT_NE(ask(through, "SELECT 1", "wrong").exit_status, 0);
  EXPECT_NE(ask(closed, "SELECT 1").exit_status, 0) << "our own role has no login any more";

  // A server that was killed leaves its pid file; it is started again all the same.
  ASSERT_TRUE(os::end_processes_in(root(), SIGKILL, std::chrono::seconds(5)).ok());
  // What holds the lock of a sealed server ends after it, on a busy machine a moment later.
  for (int i = 0; i < 100 && only().running; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(only().running);
  auto started = host_->start(owned());
  ASSERT_TRUE(started.ok()) << to_string(started.error());
  EXPECT_EQ(ask(through, "SELECT count(*) FROM a", "let me in").out, "50000\n");

  ASSERT_TRUE(host_->remove(owned(), std::nullopt, progress_).ok());
  EXPECT_TRUE(host_->list()->empty());
  EXPECT_FALSE(os::exists(root()));
  EXPECT_TRUE(os::processes_in(options_.directory)->empty());
  EXPECT_EQ(production_->value("shop", "SELECT count(*) FROM b"), "1000");
}

void Copies::survive_kills(int kills) {
  auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(restore().ok());
  auto whole = std::chrono::steady_clock::now() - begun;
  ASSERT_TRUE(host_->remove(owned(), std::nullopt, progress_).ok());
  int halfway = 0;
  for (int kill_number = 0; kill_number < kills; ++kill_number) {
    pid_t child = ::fork();
    if (child == 0) {
      (void)restore();
      ::_exit(0);
    }
    std::this_thread::sleep_for(whole * kill_number / kills);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    auto copies = host_->list();
    ASSERT_TRUE(copies.ok());
    for (const model::Copy& copy : *copies) {
      EXPECT_TRUE(copy.marked) << copy.failure;
      if (copy.phase == Phase::kRestoring) ++halfway;
    }
  }
  // On a busy machine a restore takes now longer, now shorter than the first one.
  EXPECT_GT(halfway, kills / 6) << "the kills hardly ever hit";
  auto restored = restore();
  ASSERT_TRUE(restored.ok()) << to_string(restored.error());
  EXPECT_EQ(ask(closed_connection(), "SELECT count(*) FROM a").out, "50000\n");
  ASSERT_TRUE(host_->remove(owned(), std::nullopt, progress_).ok());
  EXPECT_TRUE(os::processes_in(options_.directory)->empty()) << "no stray server";
}

TEST_F(Copies, RestoreKilledAtAnyTimeIsFinishedByTheNext) { survive_kills(6); }

using CopiesLong = Copies;
TEST_F(CopiesLong, RestoreKilledAtAnyTimeIsFinishedByTheNext) { survive_kills(12); }

TEST_F(Copies, ATornSnapshotFailsForGoodAndStaysClosed) {
  fs::resize_file(folder_ / "snapshots/one/base.tar.gz",
                  fs::file_size(folder_ / "snapshots/one/base.tar.gz") / 2);
  auto restored = restore();
  ASSERT_FALSE(restored.ok());
  EXPECT_EQ(restored.error().code, Code::kCorrupt);
  EXPECT_EQ(restored.error().retry, Retry::kNever);
  ASSERT_TRUE(host_->record_failure(owned(), restored.error()).ok());
  EXPECT_EQ(only().phase, Phase::kFailed);
  ASSERT_TRUE(host_->remove(owned(), std::nullopt, progress_).ok());
  EXPECT_EQ(host_->attempts()->at(0).code, Code::kCorrupt);
}

}  // namespace
}  // namespace ytb
