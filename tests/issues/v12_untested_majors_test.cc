// V12, A3: a version that was never tested was refused by some commands; `list`, `take`, `propose` and `plan`
// went on, and a copy was restored that nobody had rules for.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <regex>
#include <string>
#include <thread>

#include "drivers/rds/snapshot_source.h"
#include "integration/scenario.h"

namespace ytb::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kRefusal = "13 to 18 are supported";

// As much of PostgreSQL's protocol as it takes to say that one is of version 19, and to answer every query
// with it.
class FutureServer {
 public:
  FutureServer() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~FutureServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  FutureServer(const FutureServer&) = delete;
  FutureServer& operator=(const FutureServer&) = delete;
  [[nodiscard]] std::string connection() const {
    return "host=127.0.0.1 port=" + std::to_string(port_) +
           " user=anybody dbname=shop sslmode=disable gssencmode=disable";
  }

 private:
  static std::string number(uint32_t value, int bytes) {
    std::string out;
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xffU);
    return out;
  }
  static std::string message(char kind, const std::string& body) {
    return std::string(1, kind) + number(static_cast<uint32_t>(body.size() + 4), 4) + body;
  }
  static std::string status(const std::string& name, const std::string& value) {
    return message('S', name + '\0' + value + '\0');
  }
  static std::string column(const std::string& name) {
    return name + '\0' + number(0, 4) + number(0, 2) + number(25, 4) + number(0xffff, 2) + number(0, 4) +
           number(0, 2);
  }
  static std::string field(const std::string& value) {
    return number(static_cast<uint32_t>(value.size()), 4) + value;
  }

  void serve() {
    while (true) {
      const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) return;
      std::array<char, 4096> buffer{};
      const auto say = [&](const std::string& text) { return write(client, text.data(), text.size()) > 0; };
      if (read(client, buffer.data(), buffer.size()) > 0) {
        say(message('R', number(0, 4)) + status("server_version", "19.1") +
            status("server_encoding", "UTF8") + status("client_encoding", "UTF8") +
            status("standard_conforming_strings", "on") + message('K', number(1, 4) + number(1, 4)) +
            message('Z', "I"));
        while (read(client, buffer.data(), buffer.size()) > 0 && buffer[0] == 'Q') {
          say(message('T', number(2, 2) + column("a") + column("b")) +
              message('D', number(2, 2) + field("19") + field("0")) +
              message('C', std::string("SELECT 1") + '\0') + message('Z', "I"));
        }
      }
      close(client);
    }
  }

  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
};

class UntestedMajor : public ::testing::Test {
 protected:
  void SetUp() override { scenario_.prepare_users(); }
  void replace(const std::string& file, const std::string& pattern, const std::string& with) {
    std::ifstream in(file);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    std::ofstream(file, std::ios::trunc) << std::regex_replace(text, std::regex(pattern), with);
  }
  void expect_refused(const std::vector<std::string>& command) {
    const RunResult result = scenario_.ytb(command);
    EXPECT_NE(result.status, 0) << command[0] << ": " << result.out;
    EXPECT_THAT(result.out + result.err, HasSubstr(std::string(kRefusal))) << command[0];
  }
  Scenario scenario_;
};

TEST_F(UntestedMajor, OfASnapshotIsNamedAndNeverRestored) {
  replace(scenario_.snapshots() + "/monday/PG_VERSION", "1[0-9]", "19");
  EXPECT_THAT(scenario_.ytb({"snapshot", "list"}).out,
              HasSubstr("it is of PostgreSQL 19, and 13 to 18 are supported"));
  EXPECT_THAT(scenario_.ytb({"plan"}).out,
              AllOf(HasSubstr(std::string(kRefusal)), Not(HasSubstr("next: restore"))));
  expect_refused({"check"});
  EXPECT_NE(scenario_.ytb({"refresh"}).status, 0);
  EXPECT_TRUE(scenario_.copy_ids().empty());
}

TEST_F(UntestedMajor, OlderOnesAreRefusedAlike) {
  replace(scenario_.snapshots() + "/monday/PG_VERSION", "1[0-9]", "12");
  EXPECT_THAT(scenario_.ytb({"snapshot", "list"}).out,
              HasSubstr("it is of PostgreSQL 12, and 13 to 18 are supported"));
  EXPECT_NE(scenario_.ytb({"refresh"}).status, 0);
}

TEST_F(UntestedMajor, OfProductionIsRefusedByWhateverAsksIt) {
  const FutureServer future;
  replace(scenario_.config_file(), "connection: \"[^\"]*\"", "connection: \"" + future.connection() + "\"");
  expect_refused({"policy", "propose"});
  expect_refused({"policy", "check"});
  expect_refused({"policy", "accept", "--yes"});
  expect_refused({"snapshot", "take"});
}

TEST(UntestedMajorOfRds, IsNamedAndNeverRestored) {
  aws::DbSnapshot snapshot;
  snapshot.id = "rds:shop";
  snapshot.engine = "postgres";
  snapshot.status = "available";
  snapshot.created_at = Instant{};
  for (const bool aurora : {false, true}) {
    snapshot.engine = aurora ? "aurora-postgresql" : "postgres";
    for (const auto& [version, usable] :
         {std::pair{"19.1", false}, {"12.22", false}, {"13.20", true}, {"18.3", true}}) {
      snapshot.engine_version = version;
      const model::Snapshot found = rds::to_snapshot(snapshot, false, {.aurora = aurora});
      EXPECT_EQ(found.state == model::SnapshotState::kUsable, usable) << version << ": " << found.reason;
      if (!usable) {
        EXPECT_THAT(found.reason, HasSubstr(std::string(kRefusal)));
      }
    }
  }
}

}  // namespace
}  // namespace ytb::testing
