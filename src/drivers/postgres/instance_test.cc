// PostgresInstance against a real server: the door, the links, the restart, the opening.
#include "drivers/postgres/instance.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/text.h"
#include "drivers/os/occupant.h"
#include "drivers/os/subprocess.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/scram.h"
#include "drivers/postgres/server_files.h"
#include "drivers/postgres/server_settings.h"
#include "drivers/postgres/single_user.h"
#include "tests/postgres_cluster.h"

namespace ytb::postgres {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::PostgresCluster;
using testing::TempFolder;

ports::InstanceSpec spec_in(const TempFolder& folder, const std::string& name = "copy") {
  ports::InstanceSpec spec;
  spec.root = folder.make_for_server(name);
  chmod(spec.root.c_str(), 0755);
  for (std::string part : {"/run", "/spool", "/log"})
    EXPECT_FALSE(folder.make_for_server(name + part).empty());
  spec.copy_id = "shop-yesterday-20260101-000000-1";
  spec.data_as_of = "2026-01-01T00:00:00Z";
  spec.engine_major = testing::postgres_major();
  spec.bin_dir = testing::postgres_bin_dir();
  spec.port = testing::free_port();
  spec.run_as = testing::server_user();
  spec.admin_role = "ytb_admin_0123456789";
  if (const std::string lacks = testing::why_no_seal(); !lacks.empty())
    spec.isolation = {.kind = model::Isolation::Kind::kNone, .reason = lacks};
  return spec;
}

bool logs_in(const std::string& host, uint16_t port, const std::string& user, const std::string& password) {
  std::string target = "host=" + host + " port=" + std::to_string(port) + " user=" + user +
                       " password=" + password + " dbname=postgres connect_timeout=5";
  PGconn* connection = PQconnectdb(target.c_str());
  bool in = PQstatus(connection) == CONNECTION_OK;
  PQfinish(connection);
  return in;
}

TEST(Scram, matches_what_the_server_computes) {
  auto cluster = PostgresCluster::make();
  ASSERT_NE(cluster, nullptr);
  cluster->run("postgres",
               "SET password_encryption = 'scram-sha-256'; CREATE ROLE r PASSWORD 'correct horse'");
  std::string theirs = cluster->value("postgres", "SELECT rolpassword FROM pg_authid WHERE rolname = 'r'");
  std::string salt64 = theirs.substr(19, theirs.find('$', 19) - 19);
  std::string hex = cluster->value("postgres", "SELECT encode(decode('" + salt64 + "', 'base64'), 'hex')");
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  auto ours = scram_verifier(Secret("correct horse"), bytes);
  ASSERT_TRUE(ours.ok());
  EXPECT_EQ(*ours, theirs);
  EXPECT_FALSE(scram_verifier(Secret("pässword"), bytes).ok());
  EXPECT_FALSE(scram_verifier(Secret(""), bytes).ok());
}

TEST(ServerSettings, what_breaks_a_promise_is_refused) {
  for (const char* name :
       {"listen_addresses", "fsync", "shared_preload_libraries", "archive_command", "ssl",
        "session_preload_libraries", "restore_command", "hba_file", "data_directory", "include",
        "dynamic_library_path", "unix_socket_directories", "password_encryption", "log_directory",
        "yesterdaytabase.data_as_of", "work_mem = 1\nfsync", "zero_damaged_pages"}) {
    EXPECT_FALSE(check_settings({{name, "x"}}, {}).ok()) << name;
  }
  EXPECT_TRUE(
      check_settings({{"work_mem", "64MB"}, {"enable_seqscan", "off"}, {"pg_trgm.similarity_threshold", "1"}},
                     {"pg_stat_statements"})
          .ok());
  EXPECT_FALSE(check_settings({{"work_mem", "1\nfsync = off"}}, {}).ok());
  EXPECT_FALSE(check_settings({}, {"../evil"}).ok());
  Status typo = check_settings({{"work_men", "1"}}, {});
  ASSERT_FALSE(typo.ok());
  EXPECT_THAT(typo.error().message, HasSubstr("did you mean 'work_mem'?"));
}

TEST(ServerSettings, hba_carries_hostile_names_and_refuses_what_it_cannot) {
  std::vector<ports::AccessGrant> grants(1);
  grants[0].role.name = "a \"b\" all";
  grants[0].role.from = {"local", "10.0.0.0/8"};
  auto hba = open_hba(grants);
  ASSERT_TRUE(hba.ok());
  EXPECT_THAT(*hba, HasSubstr("local all \"a \"\"b\"\" all\" scram-sha-256\n"));
  EXPECT_THAT(*hba, Not(HasSubstr("\nhost")));
  grants[0].role.name = "a\nlocal all all trust";
  EXPECT_FALSE(open_hba(grants).ok());
  grants[0].role.name = "a";
  grants[0].role.from = {"0.0.0.0/0 trust\n"};  // the gate's business: nothing of it is written
  hba = open_hba(grants);
  ASSERT_TRUE(hba.ok());
  EXPECT_THAT(*hba, Not(HasSubstr("trust")));
}

class Instance : public ::testing::Test {
 protected:
  void SetUp() override {
    PostgresCluster::Options options;
    options.settings = {{"archive_mode", "on"}, {"archive_command", "'true'"}};
    production_ = PostgresCluster::make(options);
    ASSERT_NE(production_, nullptr);
    spec_ = spec_in(folder_);
  }
  void TearDown() override { EXPECT_TRUE(kind_.stop(spec_).ok()); }
  void restore(const std::vector<std::string>& extra = {}) {
    ASSERT_TRUE(production_->base_backup(spec_.data(), extra));
  }

  TempFolder folder_;
  std::unique_ptr<PostgresCluster> production_;
  ports::InstanceSpec spec_;
  PostgresInstance kind_;
  ports::NoProgress progress_;
  StopFlag stop_;
};

TEST_F(Instance, goes_from_backup_to_open_door) {
  production_->run("postgres", R"(
    CREATE ROLE app LOGIN PASSWORD 'old'; CREATE ROLE boss LOGIN SUPERUSER PASSWORD 'old';
    CREATE ROLE "hostile; drop" LOGIN; CREATE TABLE t AS SELECT 1 AS a;
    ALTER DATABASE postgres SET session_preload_libraries = 'not_installed';
    ALTER DATABASE postgres SET default_transaction_read_only = on;
    ALTER ROLE ALL SET statement_timeout = '1ms')");
  restore();
  std::ofstream(spec_.data() + "/standby.signal") << "";
  std::ofstream(spec_.data() + "/postgresql.auto.conf") << "primary_conninfo = 'host=production'\n";
  fs::create_directory(spec_.data() + "/log");
  std::ofstream(spec_.data() + "/log/postgresql.log") << "raw@example.org\n";

  ASSERT_TRUE(kind_.neutralise(spec_).ok());
  EXPECT_FALSE(fs::exists(spec_.data() + "/standby.signal"));
  EXPECT_FALSE(fs::exists(spec_.data() + "/log"));
  EXPECT_TRUE(fs::exists(spec_.data() + "/backup_label"));
  for (int round = 0; round < 2; ++round) {  // a crash after it repeats it
    Status recovered = kind_.recover(spec_, progress_, stop_);
    ASSERT_TRUE(recovered.ok()) << to_string(recovered.error());
  }
  ASSERT_EQ(*kind_.state(spec_), ports::InstanceState::kStopped);
  Status started = kind_.start_closed(spec_);
  ASSERT_TRUE(started.ok()) << to_string(started.error());
  ASSERT_TRUE(kind_.start_closed(spec_).ok());
  EXPECT_EQ(*kind_.state(spec_), ports::InstanceState::kReady);
  EXPECT_FALSE(logs_in("127.0.0.1", spec_.port, "postgres", "old"));
  EXPECT_FALSE(logs_in(spec_.run(), spec_.port, "app", "old"));
  EXPECT_FALSE(logs_in(spec_.run(), spec_.port, "postgres", "old"));
  // Who we are is not enough: code of production's may run in there as the very same user.
  auto without = kind_.session(spec_);
  without->password = Secret();
  EXPECT_FALSE(Connection::open(*without, "postgres", SessionKind::kCopy).ok());

  {
    auto target = kind_.session(spec_);
    auto session = Connection::open(*target, "postgres", SessionKind::kCopy);
    ASSERT_TRUE(session.ok()) << to_string(session.error());
    EXPECT_EQ(*session->value("SHOW default_transaction_read_only"), "off");
    EXPECT_EQ(*session->value("SHOW statement_timeout"), "0");
    EXPECT_EQ(*session->value("SHOW fsync"), "off");
    EXPECT_EQ(*session->value("SHOW wal_level"), "minimal");
    EXPECT_EQ(*session->value("SELECT count(*) FROM pg_authid WHERE rolcanlogin OR rolpassword IS NOT NULL"),
              "1");
    // What the engine does later; here only so that a session can begin at all.
    ASSERT_TRUE(session->execute("ALTER DATABASE postgres RESET ALL").ok());
  }
  std::vector<ports::AccessGrant> grants(1);
  grants[0].role = {
      .name = "app", .password = {}, .member_of = {}, .from = {"local", "127.0.0.0/8"}, .existing = true};
  grants[0].password = Secret("new");
  for (int round = 0; round < 2; ++round) {
    Status prepared = kind_.prepare_open(spec_, grants, progress_);
    ASSERT_TRUE(prepared.ok()) << to_string(prepared.error());
  }
  started = kind_.start_open(spec_);
  ASSERT_TRUE(started.ok()) << to_string(started.error());
  EXPECT_FALSE(logs_in("127.0.0.1", spec_.port, "app", "new"));
  EXPECT_TRUE(logs_in(spec_.run(), spec_.port, "app", "new"));
  EXPECT_FALSE(logs_in(spec_.run(), spec_.port, "app", "old"));
  EXPECT_FALSE(logs_in(spec_.run(), spec_.port, "boss", "old"));
  EXPECT_FALSE(Connection::open(*kind_.session(spec_), "postgres", SessionKind::kCopy).ok());
  ports::SessionTarget app{
      .parameters = {{"host", spec_.run()}, {"port", std::to_string(spec_.port)}, {"user", "app"}},
      .password = Secret("new"),
      .label = "copy"};
  auto session = Connection::open(app, "postgres", SessionKind::kProduction);
  ASSERT_TRUE(session.ok()) << to_string(session.error());
  EXPECT_EQ(*session->value("SHOW yesterdaytabase.data_as_of"), spec_.data_as_of);
  EXPECT_EQ(*session->value("SHOW fsync"), "on");
  EXPECT_EQ(*session->value("SHOW archive_mode"), "off");
  EXPECT_EQ(*session->value("SHOW cluster_name"), spec_.copy_id);
  // A server that was killed starts again.
  auto pid = std::ifstream(spec_.data() + "/postmaster.pid");
  ASSERT_TRUE(kind_.stop(spec_).ok());
  EXPECT_EQ(*kind_.state(spec_), ports::InstanceState::kStopped);
  ASSERT_TRUE(kind_.stop(spec_).ok());
  EXPECT_FALSE(logs_in(spec_.run(), spec_.port, "app", "new"));
}

// A subscription that applies a change while the snapshot is taken marks its commit in the WAL.
TEST_F(Instance, changes_of_a_publisher_are_replayed) {
  production_->run("postgres", "CREATE TABLE t (a int)");
  restore();
  const std::string applied = [] {
    std::string script;
    for (int i = 1; i <= 3; ++i) {
      script += fmt::format(
          "SELECT pg_replication_origin_create('publisher {0}');"
          "SELECT pg_replication_origin_session_setup('publisher {0}');"
          "BEGIN; SELECT pg_replication_origin_xact_setup('0/{0}0', now()); INSERT INTO t VALUES ({0}); "
          "COMMIT;"
          "SELECT pg_replication_origin_session_reset();",
          i);
    }
    return script;
  }();
  production_->run("postgres", applied);
  // All WAL that there is gets replayed; so much of it as if the backup had lasted until now.
  ASSERT_EQ(testing::run_program({"sh", "-c", "cp -a \"$1\"/pg_wal/0* \"$2\"/pg_wal/", "sh",
                                  production_->data(), spec_.data()})
                .status,
            0);
  ASSERT_TRUE(kind_.neutralise(spec_).ok());
  Status recovered = kind_.recover(spec_, progress_, stop_);
  ASSERT_TRUE(recovered.ok()) << to_string(recovered.error());
  Status started = kind_.start_closed(spec_);
  ASSERT_TRUE(started.ok()) << to_string(started.error());
  auto session = Connection::open(*kind_.session(spec_), "postgres", SessionKind::kCopy);
  ASSERT_TRUE(session.ok()) << to_string(session.error());
  Result<std::string> count = session->value("SELECT count(*) FROM public.t");
  ASSERT_TRUE(count.ok()) << to_string(count.error());
  EXPECT_EQ(*count, "3");
}

// What runs in a sealed server as its superuser reaches the copy's own files and nothing else.
TEST_F(Instance, a_sealed_server_sees_nothing_of_its_host) {
  if (const std::string lacks = testing::why_no_seal(); !lacks.empty()) GTEST_SKIP() << lacks;
  const std::string other = folder_.make_for_server("another");
  std::ofstream(other + "/secret") << "raw";
  const std::string socket = production_->socket_directory();
  restore();
  spec_.extensions = {"pg_trgm"};
  ASSERT_TRUE(kind_.neutralise(spec_).ok());
  for (bool sealed : {true, false}) {
    spec_.isolation.kind = sealed ? model::Isolation::Kind::kSealed : model::Isolation::Kind::kNone;
    spec_.isolation.reason = sealed ? "" : "the control of a test";
    Status recovered = kind_.recover(spec_, progress_, stop_);
    ASSERT_TRUE(recovered.ok()) << to_string(recovered.error());
    Status started = kind_.start_closed(spec_);
    ASSERT_TRUE(started.ok()) << to_string(started.error());
    auto session = Connection::open(*kind_.session(spec_), "postgres", SessionKind::kCopy);
    ASSERT_TRUE(session.ok()) << to_string(session.error());
    auto works = [&](const std::string& sql) { return session->query(sql).ok(); };
    EXPECT_TRUE(works("SELECT pg_ls_dir('.')"));
    EXPECT_EQ(works("SELECT pg_read_file('/etc/hostname')"), !sealed);
    EXPECT_EQ(works("SELECT pg_read_file('/proc/self/status')"), !sealed);
    EXPECT_EQ(works("SELECT pg_ls_dir('" + other + "')"), !sealed);
    EXPECT_EQ(works("SELECT pg_read_file('" + spec_.root + "/seal.json')"), !sealed && ::geteuid() != 0);
    EXPECT_EQ(works("SELECT pg_ls_dir('" + socket + "')"), !sealed);
    EXPECT_EQ(works("CREATE TEMP TABLE x (l text)") && works("COPY x FROM PROGRAM 'echo a'"), !sealed);
    EXPECT_EQ(works("CREATE EXTENSION pg_trgm"), true) << "it is in the list";
    EXPECT_EQ(works("CREATE EXTENSION hstore"), !sealed);
    EXPECT_TRUE(session->execute("DROP EXTENSION IF EXISTS pg_trgm, hstore").ok());
    EXPECT_EQ(*session->value("SHOW listen_addresses"), "");
    Result<model::Check> check = kind_.isolation(spec_);
    ASSERT_TRUE(check.ok()) << to_string(check.error());
    EXPECT_EQ(check->outcome, sealed ? model::Outcome::kPassed : model::Outcome::kNotCheckable)
        << check->detail;
    EXPECT_THAT(check->detail, HasSubstr(sealed ? "starts, all sealed" : "the control of a test"));
  }
  // One start without a seal, and the copy is none that was sealed from its first start on.
  ASSERT_TRUE(kind_.stop(spec_).ok());
  spec_.isolation = {};
  ASSERT_TRUE(kind_.start_closed(spec_).ok());
  EXPECT_EQ(kind_.isolation(spec_)->outcome, model::Outcome::kFailed);
}

// What only a superuser creates would never be created; the languages' run-times need not be seen for it.
TEST_F(Instance, an_extension_that_no_copy_could_create_is_refused_by_name) {
  if (spec_.isolation.kind == model::Isolation::Kind::kNone) GTEST_SKIP() << spec_.isolation.reason;
  spec_.extensions = {"pg_trgm"};
  EXPECT_TRUE(kind_.check_isolation(spec_).ok());
  spec_.extensions = {"pg_trgm", "dblink"};
  Status untrusted = kind_.check_isolation(spec_);
  ASSERT_FALSE(untrusted.ok());
  EXPECT_EQ(untrusted.error().message,
            "extension 'dblink' can be created by a superuser only, and a copy has none");
  spec_.extensions = {"no_such_extension"};
  EXPECT_THAT(kind_.check_isolation(spec_).error().message,
              HasSubstr("extension 'no_such_extension' is not installed"));
}

// Where there are no namespaces: files and connections are held, and the proof never says that it is sealed.
TEST_F(Instance, a_server_behind_a_weak_wall_reaches_no_other_file_and_no_socket) {
  spec_.isolation = {.kind = model::Isolation::Kind::kWeak, .reason = "a test of the weak wall"};
  Status can = kind_.check_isolation(spec_);
  if (!can.ok() && testing::postgres_major() < 15) {
    EXPECT_THAT(can.error().message, HasSubstr("need a network socket"));
    return;
  }
  if (!can.ok()) GTEST_SKIP() << to_string(can.error());
  const std::string other = folder_.make_for_server("another");
  std::ofstream(other + "/secret") << "raw";
  restore();
  ASSERT_TRUE(kind_.neutralise(spec_).ok());
  Status recovered = kind_.recover(spec_, progress_, stop_);
  ASSERT_TRUE(recovered.ok()) << to_string(recovered.error());
  Status started = kind_.start_closed(spec_);
  ASSERT_TRUE(started.ok()) << to_string(started.error());
  auto session = Connection::open(*kind_.session(spec_), "postgres", SessionKind::kCopy);
  ASSERT_TRUE(session.ok()) << to_string(session.error());
  EXPECT_EQ(*session->value("SHOW dynamic_shared_memory_type"), "mmap");
  EXPECT_EQ(*session->value("SELECT count(*) FROM generate_series(1, 3)"), "3");
  for (const std::string& held :
       {std::string("SELECT pg_read_file('/etc/hostname')"),
        std::string("SELECT pg_read_file('/proc/1/status')"), "SELECT pg_ls_dir('" + other + "')",
        "SELECT pg_read_file('" + spec_.root + "/seal.json')",
        "SELECT pg_ls_dir('" + production_->socket_directory() + "')",
        std::string("SELECT pg_ls_dir('/dev/shm')"), std::string("COPY (SELECT 1) TO PROGRAM 'cat'"),
        std::string("COPY (SELECT 1) TO '/tmp/ytb-weak'"), std::string("CREATE EXTENSION hstore")}) {
    EXPECT_FALSE(session->query(held).ok()) << held;
  }
  EXPECT_TRUE(session->query("SELECT pg_ls_dir('.')").ok());
  Result<model::Check> check = kind_.isolation(spec_);
  ASSERT_TRUE(check.ok()) << to_string(check.error());
  EXPECT_EQ(check->outcome, model::Outcome::kNotCheckable) << check->detail;
  EXPECT_THAT(check->detail, HasSubstr("isolation: weak, because: a test of the weak wall"));
  // Weak runs do not make a copy that was sealed from its first start on.
  spec_.isolation = {};
  if (kind_.check_isolation(spec_).ok()) {
    EXPECT_EQ(kind_.isolation(spec_)->outcome, model::Outcome::kFailed);
  }
}

TEST_F(Instance, a_second_start_and_a_single_user_run_against_a_live_copy_are_refused) {
  restore();
  ASSERT_TRUE(kind_.neutralise(spec_).ok());
  ASSERT_TRUE(kind_.recover(spec_, progress_, stop_).ok());
  ASSERT_TRUE(kind_.start_closed(spec_).ok());
  auto live = os::Occupant::find(spec_.root);
  ASSERT_TRUE(live.ok() && *live);
  EXPECT_EQ(run_single_user(spec_, spec_.bin_dir, {}, nullptr, nullptr).error().code, Code::kBusy);
  EXPECT_EQ(kind_.start_open(spec_).error().code, Code::kBusy);
  // Whatever postmaster.pid says, or that it is gone.
  fs::rename(spec_.data() + "/postmaster.pid", spec_.root + "/pid");
  EXPECT_EQ(run_single_user(spec_, spec_.bin_dir, {}, nullptr, nullptr).error().code, Code::kBusy);
  fs::rename(spec_.root + "/pid", spec_.data() + "/postmaster.pid");
  if (const std::string lacks = testing::why_no_seal(); !lacks.empty())
    GTEST_SKIP() << lacks << ": what no seal ends with its server, the next start ends";
  // As after a reboot: the record is another boot's, and the lock is held all the same.
  std::ifstream in(spec_.root + "/seal.json");
  const std::string record((std::istreambuf_iterator<char>(in)), {});
  std::string old = record;
  old.replace(old.find("\"boot_id\": \"") + 12, 8, "00000000");
  std::ofstream(spec_.root + "/seal.json") << old;
  EXPECT_EQ(*kind_.state(spec_), ports::InstanceState::kStopped);
  EXPECT_EQ(kind_.start_closed(spec_).error().code, Code::kBusy);
  std::ofstream(spec_.root + "/seal.json") << record;
  EXPECT_EQ(*kind_.state(spec_), ports::InstanceState::kReady);
  EXPECT_EQ(os::Occupant::find(spec_.root).value()->pid(), (*live)->pid());
  // kill -9 of its first process ends all of them, and it starts again.
  (*live)->signal(SIGKILL);
  ASSERT_TRUE((*live)->wait_end(std::chrono::seconds(10)));
  Status again = kind_.start_closed(spec_);
  ASSERT_TRUE(again.ok()) << to_string(again.error());
  EXPECT_TRUE(Connection::open(*kind_.session(spec_), "postgres", SessionKind::kCopy).ok());
}

// Whoever could put another socket in its place would have what we say written to another server.
TEST_F(Instance, nobody_but_the_copys_own_server_is_spoken_to) {
  restore();
  ASSERT_TRUE(kind_.neutralise(spec_).ok());
  ASSERT_TRUE(kind_.recover(spec_, progress_, stop_).ok());
  ASSERT_TRUE(kind_.start_closed(spec_).ok());
  ports::SessionTarget target = std::move(kind_.session(spec_)).value();
  ASSERT_TRUE(Connection::open(target, "postgres", SessionKind::kCopy).ok());
  const std::string socket = fmt::format("{}/.s.PGSQL.{}", spec_.run(), spec_.port);
  fs::remove(socket);
  fs::create_symlink(fmt::format("{}/.s.PGSQL.{}", production_->socket_directory(), production_->port()),
                     socket);
  // As production would let us in.
  target.parameters["user"] = "postgres";
  const Result<Connection> misled = Connection::open(target, "postgres", SessionKind::kCopy);
  ASSERT_FALSE(misled.ok());
  EXPECT_EQ(misled.error().code, Code::kRefused);
  EXPECT_THAT(misled.error().message, HasSubstr("not the server of copy shop-yesterday"));
}

TEST_F(Instance, a_copy_with_a_damaged_record_can_be_stopped_and_no_more) {
  restore();
  ASSERT_TRUE(kind_.neutralise(spec_).ok());
  ASSERT_TRUE(kind_.recover(spec_, progress_, stop_).ok());
  ASSERT_TRUE(kind_.start_closed(spec_).ok());
  auto live = os::Occupant::find(spec_.root);
  ASSERT_TRUE(live.ok() && *live);
  std::ofstream(spec_.root + "/seal.json") << R"({"format": 99, "pid": "of another kind"})";
  EXPECT_EQ(kind_.stop(spec_).error().code, Code::kRefused);
  EXPECT_THAT(kind_.stop(spec_).error().message, HasSubstr("a newer version of yesterdaytabase (format 99)"));
  EXPECT_FALSE((*live)->has_ended());
  for (const char* damage : {"", R"({"format": 1, "pid": 1)", R"({"format": 1})"}) {
    std::ofstream(spec_.root + "/seal.json") << damage;
    Status stopped = kind_.stop(spec_);
    EXPECT_TRUE(stopped.ok()) << to_string(stopped.error());
    EXPECT_TRUE((*live)->has_ended());
    EXPECT_EQ(kind_.start_closed(spec_).error().code, Code::kCorrupt);
  }
}

TEST_F(Instance, what_production_planted_is_not_taken_for_the_answer) {
  restore();
  ASSERT_TRUE(kind_.neutralise(spec_).ok());
  ASSERT_TRUE(kind_.recover(spec_, progress_, stop_).ok());
  auto run = [&](const std::string& expect_zero) {
    return run_single_user(
        spec_, spec_.bin_dir,
        {.statements =
             {"SELECT E'x\"\\t(typeid = 25)\\n\\t----\\n\\t 1: ytb = \"0\"\\t(typeid = 20)' AS planted"},
         .expect_zero = expect_zero},
        nullptr, nullptr);
  };
  EXPECT_TRUE(run("SELECT 0 AS ytb").ok());
  EXPECT_FALSE(run("SELECT 1 AS ytb").ok());
  EXPECT_FALSE(run("SELECT count(*) AS ytb FROM there_is_none").ok());
}

// Whoever owns the server's programs would be root otherwise.
TEST_F(Instance, programs_beside_the_server_run_as_its_user) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be too mighty";
  if (const std::string lacks = testing::why_no_seal(); !lacks.empty()) GTEST_SKIP() << lacks;
  const testing::RunResult share =
      testing::run_program({testing::postgres_bin_dir() + "/pg_config", "--sharedir"});
  if (!fs::exists(std::string(trim(share.out)) + "/postgres.bki"))
    GTEST_SKIP() << "this server's pg_config does not know where its files lie";
  const std::string bin = folder_.make_for_server("prefix");
  chmod(folder_.path().c_str(), 0755);
  for (const char* program : {"postgres", "initdb"})
    fs::copy_file(testing::postgres_bin_dir() + "/" + program, bin + "/" + program);
  std::ofstream(bin + "/pg_config") << "#!/bin/sh\nid -u >> " + bin + "/who\nexec " +
                                           testing::postgres_bin_dir() + "/pg_config \"$@\"\n";
  chmod((bin + "/pg_config").c_str(), 0755);
  ports::InstanceSpec spec = spec_in(folder_);
  spec.bin_dir = bin;
  Result<std::string> found = kind_.find_binaries(spec);
  ASSERT_TRUE(found.ok()) << to_string(found.error());
  auto enclosure = enclosure_for(spec, bin, "test");
  EXPECT_TRUE(enclosure.ok()) << (enclosure.ok() ? "" : to_string(enclosure.error()));
  std::ifstream who(bin + "/who");
  std::string uid;
  ASSERT_TRUE(who >> uid);
  EXPECT_NE(uid, "0");
}

// A session that computes outlives a server that was killed, and holds the lock of its folder.
TEST_F(Instance, what_an_unsealed_server_left_is_ended_also_by_a_sealed_start) {
  if (const std::string lacks = testing::why_no_seal(); !lacks.empty()) GTEST_SKIP() << lacks;
  restore();
  spec_.isolation = {.kind = model::Isolation::Kind::kNone, .reason = "a test"};
  ASSERT_TRUE(kind_.neutralise(spec_).ok());
  ASSERT_TRUE(kind_.recover(spec_, progress_, stop_).ok());
  ASSERT_TRUE(kind_.start_closed(spec_).ok());
  auto live = os::Occupant::find(spec_.root);
  ASSERT_TRUE(live.ok() && *live);
  auto session = Connection::open(*kind_.session(spec_), "postgres", SessionKind::kCopy);
  auto other = Connection::open(*kind_.session(spec_), "postgres", SessionKind::kCopy);
  ASSERT_TRUE(session.ok() && other.ok());
  std::thread busy(
      [&] { EXPECT_FALSE(session->query("SELECT count(*) FROM generate_series(1, 1000000000000)").ok()); });
  while (*other->value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active'") != "2") {
  }
  (*live)->signal(SIGKILL);
  ASSERT_TRUE((*live)->wait_end(std::chrono::seconds(10)));
  spec_.isolation = {};
  Status started = kind_.start_closed(spec_);
  EXPECT_TRUE(started.ok()) << to_string(started.error());
  EXPECT_TRUE(os::end_processes_in(spec_.data(), SIGKILL, std::chrono::seconds(10)).ok());
  busy.join();
}

TEST_F(Instance, a_link_out_of_the_copy_refuses_the_start) {
  restore();
  fs::remove_all(spec_.data() + "/pg_wal");
  fs::create_directory_symlink(production_->data() + "/pg_wal", spec_.data() + "/pg_wal");
  Status refused = kind_.neutralise(spec_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kRefused);
  EXPECT_THAT(refused.error().message, HasSubstr("pg_wal"));
  fs::remove(spec_.data() + "/pg_wal");
}

TEST_F(Instance, a_tablespace_map_to_production_refuses_the_start) {
  restore();
  std::ofstream(spec_.data() + "/tablespace_map") << "16384 " << production_->data() << "\n";
  Status refused = kind_.neutralise(spec_);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("tablespace_map"));
}

TEST_F(Instance, another_boot_fails_a_copy_without_durability) {
  restore();
  ASSERT_TRUE(kind_.neutralise(spec_).ok());
  ASSERT_TRUE(kind_.recover(spec_, progress_, stop_).ok());
  std::ofstream(spec_.root + "/closed-boot-id") << "another";
  Status refused = kind_.start_closed(spec_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kCorrupt);
}

TEST(Binaries, missing_versions_are_told_with_what_is_installed) {
  PostgresInstance kind;
  ports::InstanceSpec spec;
  spec.engine_major = 9;
  EXPECT_EQ(kind.find_binaries(spec).error().code, Code::kUnsupported);
  spec.engine_major = testing::postgres_major();
  spec.bin_dir = "/nowhere";
  EXPECT_THAT(kind.find_binaries(spec).error().message, HasSubstr("/nowhere"));
  spec.bin_dir = testing::postgres_bin_dir();
  EXPECT_TRUE(kind.find_binaries(spec).ok());
}

}  // namespace
}  // namespace ytb::postgres
