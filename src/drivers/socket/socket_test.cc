#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "drivers/os/files.h"
#include "drivers/os/occupant.h"
#include "drivers/socket/service_file.h"
#include "drivers/socket/socket_alias.h"
#include "model/proof.h"

namespace ytb::socket_alias {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string temporary_folder() {
  std::string path = "/tmp/ytb-socket-XXXXXX";
  YTB_CHECK(mkdtemp(path.data()) != nullptr);
  return path;
}

// A server on a Unix socket: answers SSLRequests, or echoes.
class Listener {
 public:
  explicit Listener(const std::string& path) {
    listen_at(path);
    thread_ = std::thread([this] { answer_each("", 8); });
  }
  // One that echoes with a tag in front.
  Listener(const std::string& path, char tag) {
    listen_at(path);
    thread_ = std::thread([this, tag] { echo_each(tag); });
  }
  ~Listener() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    for (std::thread& thread : sessions_) thread.join();
    close(fd_);
  }

 private:
  void listen_at(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    fd_ = socket(AF_UNIX, SOCK_STREAM, 0);
    YTB_CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && listen(fd_, 8) == 0);
  }
  void answer_each(const std::string&, size_t request_bytes) {
    for (;;) {
      const int client = accept(fd_, nullptr, nullptr);
      if (client < 0) return;
      std::vector<char> request(request_bytes);
      if (recv(client, request.data(), request.size(), MSG_WAITALL) > 0) send(client, "N", 1, MSG_NOSIGNAL);
      close(client);
    }
  }
  void echo_each(char tag) {
    for (;;) {
      const int client = accept(fd_, nullptr, nullptr);
      if (client < 0) return;
      sessions_.emplace_back([client, tag] {
        send(client, &tag, 1, MSG_NOSIGNAL);
        std::vector<char> buffer(4096);
        for (;;) {
          const ssize_t count = recv(client, buffer.data(), buffer.size(), 0);
          if (count <= 0) break;
          for (ssize_t sent = 0; sent < count;) {
            const ssize_t now =
                send(client, buffer.data() + sent, static_cast<size_t>(count - sent), MSG_NOSIGNAL);
            if (now <= 0) break;
            sent += now;
          }
        }
        close(client);
      });
    }
  }
  int fd_ = -1;
  std::thread thread_;
  std::vector<std::thread> sessions_;
};

TEST(ServiceFile, KeepsWhatIsNotOurs) {
  const std::string others = "# my servers\n[prod]\nhost=db\n\n[shop-yesterday-old]\nhost=x\n";
  ServiceEntries entries{.name = "shop-yesterday",
                         .alias_directory = "/run/y/shop-yesterday",
                         .tcp_host = "127.0.0.1",
                         .tcp_port = "6432",
                         .dbname = "shop",
                         .user = "staging"};
  const std::string once = with_entries(others, entries);
  EXPECT_EQ(once, others + R"(
[shop-yesterday]
# kept by yesterdaytabase
host=/run/y/shop-yesterday
port=5432
dbname=shop
user=staging

[shop-yesterday-tcp]
# kept by yesterdaytabase
host=127.0.0.1
port=6432
dbname=shop
user=staging
)");
  // With TLS; the first entry, which leads to a socket, has none.
  entries.tls_root = "/run/y/my shop-ca.crt";
  EXPECT_EQ(with_entries(once, entries), once + "sslmode=verify-full\nsslrootcert=/run/y/my shop-ca.crt\n");
  EXPECT_FALSE(has_entries(once, entries)) << "an entry without TLS is written anew";
  entries.tls_root.clear();
  entries.tls_required = true;
  EXPECT_EQ(with_entries(once, entries), once + "sslmode=require\n");
  entries.tls_required = false;
  EXPECT_TRUE(has_entries(once, entries));
  std::string without_port = once;
  without_port.erase(without_port.find("port=5432\n"), std::string("port=5432\n").size());
  EXPECT_FALSE(has_entries(without_port, entries)) << "as earlier versions wrote it: written anew";
  EXPECT_EQ(with_entries(once, entries), once);
  EXPECT_EQ(without_entries(once, "shop-yesterday"), others);
  ServiceEntries without_tcp = entries;
  without_tcp.tcp_host.clear();
  EXPECT_FALSE(has_entries(once, without_tcp));
  EXPECT_THAT(with_entries(once, without_tcp), Not(HasSubstr("-tcp")));
  // Somebody added a service after ours: ours move to the end, theirs stay.
  const std::string more = once + "[later]\nhost=z\n";
  EXPECT_THAT(with_entries(more, entries), HasSubstr("[later]\nhost=z\n"));
  EXPECT_EQ(with_entries(with_entries(more, entries), entries), with_entries(more, entries));
  EXPECT_EQ(without_entries(with_entries("", entries), "shop-yesterday"), "");
}

TEST(ServiceFile, TheAuthoritysCertificateLiesBesideIt) {
  EXPECT_EQ(authority_file("/etc/y/pg_service.conf", "shop-yesterday"), "/etc/y/shop-yesterday-ca.crt");
}

class Alias : public ::testing::Test {
 protected:
  void SetUp() override {
    home_ = temporary_folder();
    for (const char* id :
         {"/copies/shop-yesterday-20261122-060000-1", "/copies/shop-yesterday-20261123-060000-1"}) {
      ASSERT_TRUE(os::make_folders(home_ + id + "/run").ok());
      ASSERT_TRUE(os::make_folders(home_ + id + "/data").ok());
      // The listeners of these tests are of this process.
      ASSERT_TRUE(os::Tenancy::take(home_ + id, "open")->record(getpid(), os::Confinement::kNone).ok());
    }
    ASSERT_TRUE(os::make_folders(home_ + "/alias").ok());
    key_ = model::new_signing_key();
  }
  void TearDown() override { EXPECT_TRUE(os::remove_tree(home_).ok()); }

  std::string run_of(const std::string& id) { return home_ + "/copies/" + id + "/run"; }
  SocketAlias make() {
    return SocketAlias({.directory = home_ + "/alias/shop-yesterday",
                        .service_file = home_ + "/alias/services",
                        .service_name = "shop-yesterday",
                        .copies_directory = home_ + "/copies",
                        .dbname = "",
                        .user = "",
                        .tcp_host = "",
                        .tcp_port = ""});
  }
  model::PassedProof proof_of(const std::string& id) {
    model::Proof proof;
    proof.copy = model::CopyId(id);
    proof.instance = "nonce";
    proof.checks.push_back({.name = "all", .asserts = "", .outcome = model::Outcome::kPassed, .detail = ""});
    auto sealed = model::seal(proof, key_);
    auto passed = model::PassedProof::verify(sealed->text, *model::public_key_of(key_), proof.copy, "nonce");
    return std::move(passed).value();
  }
  model::Copy copy_of(const std::string& id) {
    model::Copy copy;
    copy.id = model::CopyId(id);
    return copy;
  }

  std::string home_;
  Secret key_;
  const std::string one_ = "shop-yesterday-20261122-060000-1";
  const std::string two_ = "shop-yesterday-20261123-060000-1";
};

TEST_F(Alias, MovesAndIsSeen) {
  Listener first(run_of(one_) + "/.s.PGSQL.6501");
  Listener second(run_of(two_) + "/.s.PGSQL.6502");
  SocketAlias alias = make();
  EXPECT_FALSE(alias.read()->target.has_value());
  ASSERT_TRUE(alias.repoint(proof_of(one_), copy_of(one_)).ok());
  EXPECT_EQ(alias.read()->target, model::CopyId(one_));
  EXPECT_TRUE(alias.read()->consistent);
  EXPECT_TRUE(alias.read()->seen);
  ASSERT_TRUE(alias.repoint(proof_of(two_), copy_of(two_)).ok());
  ASSERT_TRUE(alias.repoint(proof_of(two_), copy_of(two_)).ok()) << "repeating is success";
  EXPECT_EQ(alias.read()->target, model::CopyId(two_));
  EXPECT_TRUE(alias.read()->seen);
  // A crash between link and service file: seen as inconsistent.
  ASSERT_TRUE(os::write_file(home_ + "/alias/services", "[shop-yesterday]\nhost=elsewhere\n").ok());
  EXPECT_FALSE(alias.read()->consistent);
  EXPECT_FALSE(alias.read()->seen);
  ASSERT_TRUE(os::write_file(home_ + "/alias/shop-yesterday-ca.crt", "of our authority\n").ok());
  ASSERT_TRUE(alias.remove().ok());
  EXPECT_FALSE(alias.read()->target.has_value());
  EXPECT_FALSE(os::exists(home_ + "/alias/services"));
  EXPECT_FALSE(os::exists(home_ + "/alias/shop-yesterday-ca.crt"));
}

TEST_F(Alias, AnEntryThatAnEarlierVersionCalledAfterTheFolderStaysAsLongAsTheAlias) {
  Listener first(run_of(one_) + "/.s.PGSQL.6501");
  const std::string folder = home_ + "/alias/staging";
  const std::string earlier =
      fmt::format("[staging]\n# kept by yesterdaytabase\nhost={0}\n\n[other]\nhost={0}\n", folder);
  ASSERT_TRUE(os::write_file(home_ + "/alias/services", earlier).ok());
  SocketAlias alias({.directory = folder,
                     .service_file = home_ + "/alias/services",
                     .service_name = "shop-yesterday",
                     .copies_directory = home_ + "/copies",
                     .dbname = "",
                     .user = ""});
  ASSERT_TRUE(alias.repoint(proof_of(one_), copy_of(one_)).ok());
  EXPECT_EQ(
      *os::read_file(home_ + "/alias/services", 1000),
      earlier + fmt::format("\n[shop-yesterday]\n# kept by yesterdaytabase\nhost={}\nport=5432\n", folder));
  EXPECT_TRUE(alias.read()->consistent);
  EXPECT_EQ(alias.read()->path.service, "shop-yesterday");
  ASSERT_TRUE(alias.remove().ok());
  EXPECT_EQ(*os::read_file(home_ + "/alias/services", 1000), fmt::format("[other]\nhost={}\n", folder));
}

// Of production "staging", whose folder is called as our entry is, from an earlier version.
class TakenName : public Alias {
 protected:
  void SetUp() override {
    Alias::SetUp();
    ASSERT_TRUE(os::make_folders(home_ + "/other").ok());
    others_copy_ = home_ + "/others/staging-yesterday-20261122-060000-1/run";
    entry_ = fmt::format(
        "[shop-yesterday]\n# kept by yesterdaytabase\nhost={0}/other/shop-yesterday\n\n"
        "[shop-yesterday-tcp]\n# kept by yesterdaytabase\nhost=vm\nport=6432\n"
        "sslmode=verify-full\nsslrootcert={0}/alias/shop-yesterday-ca.crt\n",
        home_);
    ASSERT_TRUE(os::write_file(home_ + "/alias/services", entry_).ok());
    ASSERT_TRUE(os::write_file(home_ + "/alias/shop-yesterday-ca.crt", "of the other's gate\n").ok());
  }
  void lead_other_to(const std::string& target) {
    ASSERT_TRUE(os::write_link(home_ + "/other/shop-yesterday", target).ok());
  }
  std::string services() { return *os::read_file(home_ + "/alias/services", 10000); }

  std::string entry_;
  std::string others_copy_;
};

TEST_F(TakenName, OfAnotherProductionIsNeitherMovedNorRemoved) {
  Listener first(run_of(one_) + "/.s.PGSQL.6501");
  const std::string gate = home_ + "/other/shop-yesterday.gate";
  for (const bool by_gate : {false, true}) {
    lead_other_to(by_gate ? gate : others_copy_);
    if (by_gate) {
      ASSERT_TRUE(os::make_folders(gate).ok());
      ASSERT_TRUE(os::write_link(gate + "/live", others_copy_).ok());
    }
    SocketAlias alias = make();
    const Status moved = alias.repoint(proof_of(one_), copy_of(one_));
    ASSERT_FALSE(moved.ok());
    EXPECT_EQ(moved.error().code, Code::kRefused);
    EXPECT_THAT(moved.error().message, HasSubstr("leads to " + home_ + "/other/shop-yesterday"));
    EXPECT_FALSE(alias.read()->target.has_value());
    ASSERT_TRUE(alias.remove().ok());
    EXPECT_EQ(services(), entry_);
    EXPECT_TRUE(os::exists(home_ + "/alias/shop-yesterday-ca.crt")) << "its clients verify by it";
  }
}

TEST_F(TakenName, OfAnAliasOfOursThatTheConfigMovedIsReplaced) {
  Listener first(run_of(one_) + "/.s.PGSQL.6501");
  SocketAlias alias = make();
  EXPECT_TRUE(alias.check_entry().ok()) << "it leads nowhere";
  lead_other_to(run_of(two_));
  ASSERT_TRUE(alias.repoint(proof_of(one_), copy_of(one_)).ok());
  EXPECT_EQ(directory_of(services(), "shop-yesterday"), home_ + "/alias/shop-yesterday");
  EXPECT_TRUE(alias.read()->consistent);
}

TEST_F(Alias, ACertificateThatAnotherEntryNamesStays) {
  // Earlier versions called it after the folder, and folders of two productions may end alike.
  const std::string shared = home_ + "/alias/staging-ca.crt";
  const std::string others = fmt::format("[b-tcp]\nhost=vm\nsslrootcert={}\n", shared);
  ASSERT_TRUE(os::write_file(home_ + "/alias/services", others).ok());
  ASSERT_TRUE(os::write_file(shared, "of a gate\n").ok());
  SocketAlias alias({.directory = home_ + "/a/staging",
                     .service_file = home_ + "/alias/services",
                     .service_name = "shop-yesterday",
                     .copies_directory = home_ + "/copies",
                     .dbname = "",
                     .user = ""});
  ASSERT_TRUE(alias.remove().ok());
  EXPECT_TRUE(os::exists(shared));
  ASSERT_TRUE(os::remove_file(home_ + "/alias/services").ok());
  ASSERT_TRUE(alias.remove().ok());
  EXPECT_FALSE(os::exists(shared));
}

TEST_F(Alias, SaysWhatLeadsThroughIt) {
  SocketAliasOptions options{.directory = home_ + "/alias/shop-yesterday",
                             .service_file = home_ + "/alias/services",
                             .service_name = "shop-yesterday",
                             .copies_directory = home_ + "/copies",
                             .dbname = "shop",
                             .user = "staging"};
  const model::AliasState by_socket = *SocketAlias(options).read();
  EXPECT_EQ(by_socket.path.service_file, options.service_file);
  EXPECT_EQ(by_socket.path.service, "shop-yesterday");
  EXPECT_EQ(by_socket.path.dbname, "shop");
  EXPECT_FALSE(by_socket.tcp_path.has_value());
  options.tcp_host = "vm";
  options.tcp_port = "6432";
  const model::AliasState with_gate = *SocketAlias(options).read();
  ASSERT_TRUE(with_gate.tcp_path.has_value());
  EXPECT_EQ(with_gate.tcp_path->service, "shop-yesterday-tcp");
  EXPECT_EQ(with_gate.tcp_path->service_file, options.service_file);
}

TEST_F(Alias, AnotherServerAtItsPathIsNotSeen) {
  const std::string elsewhere = home_ + "/.s.PGSQL.6501";
  const pid_t other = fork();
  if (other == 0) {
    Listener listener(elsewhere);
    for (;;) pause();
  }
  const Duration patience = std::chrono::seconds(2);
  bool answers = false;
  for (int look = 0; look < 10'000'000 && !answers; ++look) {
    sched_yield();
    answers = server_answers(elsewhere, other, patience);
  }
  Listener first(run_of(one_) + "/.s.PGSQL.6501");
  SocketAlias alias = make();
  ASSERT_TRUE(alias.repoint(proof_of(one_), copy_of(one_)).ok());
  EXPECT_TRUE(alias.read()->seen);
  // It answers, and is not the copy's.
  ASSERT_TRUE(os::write_link(run_of(one_) + "/.s.PGSQL.5432", elsewhere).ok());
  EXPECT_TRUE(answers) << "the other one answers as itself";
  EXPECT_TRUE(alias.read()->consistent);
  EXPECT_FALSE(alias.read()->seen);
  kill(other, SIGKILL);
  waitpid(other, nullptr, 0);
  ASSERT_TRUE(os::write_link(run_of(one_) + "/.s.PGSQL.5432", ".s.PGSQL.6501").ok());
  EXPECT_TRUE(alias.read()->seen);
  // Without the word of the copy's own server nothing is proven.
  ASSERT_TRUE(os::remove_file(home_ + "/copies/" + one_ + "/seal.json").ok());
  EXPECT_FALSE(alias.read()->seen);
}

TEST_F(Alias, DemandsTheProofOfThatCopy) {
  Listener first(run_of(one_) + "/.s.PGSQL.6501");
  SocketAlias alias = make();
  const Status status = alias.repoint(proof_of(two_), copy_of(one_));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kRefused);
  EXPECT_FALSE(alias.read()->target.has_value());
}

TEST_F(Alias, ACopyThatDoesNotRunIsNoTarget) {
  SocketAlias alias = make();
  EXPECT_EQ(alias.repoint(proof_of(one_), copy_of(one_)).error().code, Code::kConnection);
  EXPECT_FALSE(alias.read()->target.has_value());
}

TEST_F(Alias, WhatIsInTheWayIsRefused) {
  Listener first(run_of(one_) + "/.s.PGSQL.6501");
  ASSERT_TRUE(os::make_folders(home_ + "/alias/shop-yesterday").ok());
  SocketAlias alias = make();
  EXPECT_NE(alias.read()->stray, "");
  EXPECT_EQ(alias.repoint(proof_of(one_), copy_of(one_)).error().code, Code::kRefused);
  ASSERT_TRUE(alias.remove().ok());
  EXPECT_TRUE(os::exists(home_ + "/alias/shop-yesterday")) << "what is not ours stays";
}

TEST_F(Alias, ALinkThatLeadsElsewhereIsAStray) {
  ASSERT_TRUE(os::write_link(home_ + "/alias/shop-yesterday", "/var/run/postgresql").ok());
  EXPECT_EQ(make().read()->stray, "/var/run/postgresql");
  EXPECT_FALSE(make().read()->target.has_value());
}

TEST_F(Alias, TooLongAPathIsRefusedEarly) {
  EXPECT_TRUE(SocketAlias::check_length(std::string(93, 'x')).ok());
  const Status status = SocketAlias::check_length(std::string(94, 'x'));
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("108 bytes"));
}

}  // namespace
}  // namespace ytb::socket_alias
