// The gate before real servers: who comes in, who is refused and how, and that nobody keeps others out.
#include "drivers/gate/gate.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "base/check.h"
#include "base/clock.h"
#include "drivers/gate/authority.h"
#include "drivers/gate/control.h"
#include "drivers/os/files.h"
#include "tests/postgres_cluster.h"

namespace ytb::gate {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using testing::PostgresCluster;
using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;

std::string number(uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(value >> static_cast<unsigned>(shift)));
  return out;
}

// A message as clients send it after the login, or servers answer it.
std::string message(char type, const std::string& body) {
  return type + number(static_cast<uint32_t>(4 + body.size())) + body;
}
std::string text(std::string_view words) { return std::string(words) + '\0'; }
std::string half(uint16_t value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xffU)};
}
const std::string kSync = message('S', "");
// Of a statement without parameters or a name.
std::string parse(const std::string& sql) { return message('P', text("") + text(sql) + half(0)); }
std::string bind() { return message('B', text("") + text("") + half(0) + half(0) + half(0)); }
std::string execute(uint32_t rows) { return message('E', text("") + number(rows)); }

// A client of bytes.
class Client {
 public:
  explicit Client(uint16_t port, const std::string& from = "127.0.0.1")
      : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, from.c_str(), &address.sin_addr);
    YTB_CHECK(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    const timeval timeout{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    YTB_CHECK(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void say(std::string_view bytes) const { (void)send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  void log_in(const std::string& user) const {
    const std::string words = std::string("user\0", 5) + user + std::string("\0database\0postgres\0\0", 20);
    say(number(static_cast<uint32_t>(8 + words.size())) + number(3U << 16U) + words);
  }
  // As drivers do that are no libpq: by name and value in turn.
  void log_in_with(uint32_t version, const std::vector<std::string>& words) const {
    std::string body = number(version);
    for (const std::string& word : words) body += text(word);
    body += '\0';
    say(number(static_cast<uint32_t>(4 + body.size())) + body);
  }
  void shut() const { shutdown(fd_, SHUT_WR); }
  // Messages until the server is ready for the next statement, or the end; types alone in `types`.
  std::vector<std::string> hear_messages(std::string* types = nullptr) {
    std::vector<std::string> heard;
    for (;;) {
      while (rest_.size() < 5 || rest_.size() < length_of_next()) {
        const std::string more = hear();
        if (more.empty()) return heard;
        rest_ += more;
      }
      heard.push_back(rest_.substr(0, length_of_next()));
      rest_.erase(0, heard.back().size());
      if (types != nullptr) types->push_back(heard.back()[0]);
      if (heard.back()[0] == 'Z') return heard;
    }
  }
  // What comes next, up to a buffer; "" at the end.
  [[nodiscard]] std::string hear() const {
    std::string bytes(4096, '\0');
    const ssize_t count = recv(fd_, bytes.data(), bytes.size(), 0);
    bytes.resize(count < 0 ? 0 : static_cast<size_t>(count));
    return bytes;
  }
  [[nodiscard]] std::string hear_all() const {
    std::string all;
    for (std::string more = hear(); !more.empty(); more = hear()) all += more;
    return all;
  }

 private:
  [[nodiscard]] size_t length_of_next() const {
    size_t length = 0;
    for (size_t i = 1; i < 5; ++i) length = length << 8U | static_cast<unsigned char>(rest_[i]);
    return length + 1;
  }
  int fd_;
  std::string rest_;
};

class GateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cluster_ = PostgresCluster::make();
    ASSERT_NE(cluster_, nullptr);
    for (const char* role : {"staging", "reporter", "local_only", "nobody"})
      cluster_->run("postgres", fmt::format("CREATE ROLE {} LOGIN", role));
    live_ = socket_of(*cluster_);
  }
  static std::string socket_of(const PostgresCluster& cluster) {
    return fmt::format("{}/.s.PGSQL.{}", cluster.socket_directory(), cluster.port());
  }
  GateOptions options(GateLimits limits = {}) {
    GateOptions options;
    options.address = "127.0.0.1";
    options.roles["staging"] = *AddressList::parse({"127.0.0.0/29"});
    options.roles["reporter"] = *AddressList::parse({"127.0.1.1", "127.0.0.2"});
    options.roles["local_only"] = *AddressList::parse({"local"});
    options.resolve = [this]() -> Result<std::string> { return live_.load(); };
    options.limits = limits;
    return options;
  }
  void open(GateLimits limits = {}) { open_with(options(limits)); }
  void open_with(GateOptions options) {
    auto gate = Gate::start(std::move(options));
    ASSERT_TRUE(gate.ok()) << gate.error().message;
    gate_ = std::move(*gate);
  }
  // Options of a gate that has a certificate for `name`; the authority's is in root_.
  GateOptions with_tls(const std::string& name) {
    GateOptions made = options();
    const Instant now = SystemClock().now();
    Authority authority = *Authority::open(cluster_->folder() + "/tls", "authority of a test", now);
    root_ = cluster_->folder() + "/ca.crt";
    YTB_CHECK(os::write_file(root_, authority.certificate_pem()).ok());
    made.tls = *TlsServer::make(*authority.issue({name}, now), now);
    return made;
  }
  [[nodiscard]] Connection connect(const std::string& user, const std::string& more = "") const {
    return {PQconnectdb(fmt::format("host=127.0.0.1 port={} dbname=postgres user={} connect_timeout=10 {}",
                                    gate_->port(), user, more)
                            .c_str()),
            &PQfinish};
  }
  static std::string ask(PGconn* connection, const std::string& sql) {
    std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection, sql.c_str()), &PQclear);
    if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) return PQresultErrorMessage(result.get());
    return PQgetvalue(result.get(), 0, 0);
  }

  void wait_for_sleeper() const { wait_for_sleepers(1); }
  // Long before a sleep is over by itself.
  void wait_for_sleepers(int count) const {
    std::string seen;
    for (const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
         seen != std::to_string(count) && std::chrono::steady_clock::now() < until;) {
      seen = cluster_->value("postgres",
                             "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND "
                             "state = 'active'");
    }
    EXPECT_EQ(seen, std::to_string(count));
  }
  // A statement of this connection's ends because it is asked to, and not by itself after a minute.
  void expect_that_cancel_reaches(PGconn* connection) {
    ASSERT_EQ(PQsendQuery(connection, "SELECT pg_sleep(60)"), 1);
    wait_for_sleeper();
    std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> cancel(PQgetCancel(connection), &PQfreeCancel);
    std::string error(256, '\0');
    EXPECT_EQ(PQcancel(cancel.get(), error.data(), static_cast<int>(error.size())), 1) << error;
    std::unique_ptr<PGresult, decltype(&PQclear)> result(PQgetResult(connection), &PQclear);
    EXPECT_THAT(PQresultErrorMessage(result.get()), HasSubstr("canceling statement due to user request"));
  }

  std::unique_ptr<PostgresCluster> cluster_;
  struct Live {  // a path that the gate's thread reads
    std::string load() {
      std::lock_guard lock(mutex);
      return path;
    }
    void operator=(std::string next) {
      std::lock_guard lock(mutex);
      path = std::move(next);
    }
    std::mutex mutex;
    std::string path;
  } live_;
  std::unique_ptr<Gate> gate_;
  std::string root_;
};

TEST_F(GateTest, EveryRoleComesFromItsOwnAddressesAlone) {
  open();
  for (const char* from : {"127.0.0.1", "127.0.0.2", "127.0.0.7", "127.0.0.8", "127.0.1.1", "127.0.1.2",
                           "127.9.9.9", "127.255.0.1"}) {
    const std::string address = from;
    const bool staging = address == "127.0.0.1" || address == "127.0.0.2" || address == "127.0.0.7";
    const bool reporter = address == "127.0.1.1" || address == "127.0.0.2";
    for (const auto& [user, comes_in] : std::map<std::string, bool>{{"staging", staging},
                                                                    {"reporter", reporter},
                                                                    {"local_only", false},
                                                                    {"nobody", false},
                                                                    {"no such role", false}}) {
      SCOPED_TRACE(fmt::format("{} from {}", user, address));
      const Client client(gate_->port(), from);
      client.log_in(user);
      if (comes_in) client.say("X" + number(4));
      const std::string said = client.hear_all();
      ASSERT_FALSE(said.empty());
      EXPECT_EQ(said[0], comes_in ? 'R' : 'E') << said;
      if (!comes_in) {
        EXPECT_THAT(said, HasSubstr("C28000"));
      }
    }
  }
}

TEST_F(GateTest, ClientsOfLibpqComeInAndAreTold) {
  open();
  const Connection in = connect("staging", "sslmode=prefer gssencmode=prefer");
  ASSERT_EQ(PQstatus(in.get()), CONNECTION_OK) << PQerrorMessage(in.get());
  EXPECT_EQ(ask(in.get(), "SELECT length(repeat('x', 3000000))"), "3000000");
  EXPECT_EQ(ask(in.get(), "SELECT repeat('x', 3000000)").size(), 3000000U);
  std::unique_ptr<PGresult, decltype(&PQclear)> copied(
      PQexec(in.get(), "COPY (SELECT generate_series(1, 3)) TO STDOUT"), &PQclear);
  EXPECT_EQ(PQresultStatus(copied.get()), PGRES_COPY_OUT);
  const Connection out = connect("nobody");
  EXPECT_THAT(PQerrorMessage(out.get()), HasSubstr("FATAL:  role \"nobody\" may not come in from 127.0.0.1"));
  EXPECT_THAT(PQerrorMessage(connect("staging", "replication=database").get()),
              HasSubstr("copies are not replicated from"));
  EXPECT_THAT(PQerrorMessage(connect("staging", "sslmode=require").get()), HasSubstr("does not support SSL"));
  live_ = "/nowhere";
  EXPECT_THAT(PQerrorMessage(connect("staging").get()), HasSubstr("no copy is live at the moment"));
}

TEST_F(GateTest, NewConnectionsFollowTheNameAndCancelsTheirConnection) {
  open();
  auto next = PostgresCluster::make();
  ASSERT_NE(next, nullptr);
  // As the alias has it: a link that moves.
  const std::string link = cluster_->folder() + "/live";
  ASSERT_EQ(symlink(socket_of(*cluster_).c_str(), link.c_str()), 0);
  live_ = link;
  next->run("postgres", "CREATE ROLE staging LOGIN; CREATE TABLE is_the_next (v int)");
  const Connection old_one = connect("staging");
  ASSERT_EQ(PQstatus(old_one.get()), CONNECTION_OK) << PQerrorMessage(old_one.get());
  ASSERT_EQ(unlink(link.c_str()), 0);
  ASSERT_EQ(symlink(socket_of(*next).c_str(), link.c_str()), 0);
  const Connection new_one = connect("staging");
  EXPECT_EQ(ask(new_one.get(), "SELECT to_regclass('is_the_next') IS NOT NULL"), "t");
  EXPECT_EQ(ask(old_one.get(), "SELECT to_regclass('is_the_next') IS NOT NULL"), "f");
  // The old connection's statement is cancelled in the old copy, though the name leads to the new one.
  expect_that_cancel_reaches(old_one.get());
}

TEST_F(GateTest, WhoSaysNothingIsNotWaitedForAndKeepsNobodyOut) {
  open({.connections = 100,
        .of_address = 60,
        .before_login = 40,
        .before_login_of_address = 20,
        .first_packet = milliseconds(1500)});
  std::vector<std::unique_ptr<Client>> idle;
  for (int i = 0; i < 90; ++i) {
    idle.push_back(std::make_unique<Client>(gate_->port()));
    if (i % 3 == 0) idle.back()->say(std::string("\0\0", 2));
  }
  const auto begun = std::chrono::steady_clock::now();
  const Connection in = connect("staging");
  EXPECT_EQ(PQstatus(in.get()), CONNECTION_OK) << PQerrorMessage(in.get());
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(1));
  EXPECT_LE(gate_->connections(), 41);
  // One byte at a time takes no longer.
  const Client slow(gate_->port());
  std::thread drip([&] {
    for (int i = 0; i < 40; ++i) {
      slow.say(std::string(1, i == 2 ? '\1' : '\0'));
      std::this_thread::sleep_for(milliseconds(100));
    }
  });
  EXPECT_THAT(slow.hear_all(), HasSubstr("C57014"));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(6));
  drip.join();
  EXPECT_EQ(ask(in.get(), "SELECT 7"), "7") << "whoever has come in stays";
}

// Every byte is read for itself: what a client says first, in clear and within TLS, and a proxy's header.
TEST_F(GateTest, WhoBeginsSlowlyComesInWhereItIsInTime) {
  GateOptions made = options({.first_packet = milliseconds(20'000)});
  made.proxies = *AddressList::parse({"127.0.0.9"});
  open_with(std::move(made));
  const auto slowly = [](const Client& client, const std::string& bytes) {
    for (char byte : bytes) {
      client.say(std::string(1, byte));
      std::this_thread::sleep_for(milliseconds(2));
    }
  };
  const std::string words("user\0staging\0database\0postgres\0\0", 32);
  const std::string login = number(static_cast<uint32_t>(8 + words.size())) + number(3U << 16U) + words;
  const std::string tls_request = number(8) + number(80877103);
  const Client plain(gate_->port());
  slowly(plain, tls_request);
  EXPECT_EQ(plain.hear(), "N");
  slowly(plain, login);
  EXPECT_EQ(plain.hear()[0], 'R');
  // PROXY, version 2: TCP over IPv4, from 127.0.0.2 to us.
  const Client proxied(gate_->port(), "127.0.0.9");
  slowly(proxied, std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\2\x7f\0\0\1\x30\x39\x19\x20", 28));
  slowly(proxied, login);
  EXPECT_EQ(proxied.hear()[0], 'R');
}

TEST_F(GateTest, WhoBeginsTooSlowlyIsToldSo) {
  open({.first_packet = milliseconds(300)});
  const Client begun(gate_->port());
  begun.say(number(100) + number(3U << 16U) + text("user"));
  EXPECT_THAT(begun.hear_all(), HasSubstr("what a client says first took too long"));
  // Who has said nothing may be anything.
  const Client silent(gate_->port());
  EXPECT_EQ(silent.hear_all(), "");
  const Client in(gate_->port());
  in.log_in("staging");
  EXPECT_EQ(in.hear()[0], 'R') << "others come in";
}

TEST_F(GateTest, ALoginThatDoesNotEndIsEnded) {
  cluster_->run("postgres", "ALTER ROLE staging PASSWORD 'x'");
  std::string hba = cluster_->value("postgres", "SELECT pg_read_file('pg_hba.conf')");
  cluster_->run(
      "postgres",
      "COPY (SELECT 'local all postgres trust' UNION ALL SELECT 'local all all scram-sha-256') TO '" +
          cluster_->data() + "/pg_hba.conf'; SELECT pg_reload_conf()");
  open({.login = milliseconds(1200)});
  const auto begun = std::chrono::steady_clock::now();
  const Client client(gate_->port());
  client.log_in("staging");
  const std::string said = client.hear_all();
  EXPECT_THAT(said, HasSubstr("the login took too long"));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(8));
}

TEST_F(GateTest, HalfAConnectionDoesNotStay) {
  open({.half_closed = milliseconds(700)});
  const Client client(gate_->port());
  client.log_in("staging");
  while (client.hear().find(std::string("Z") + number(5)) == std::string::npos) {
  }
  client.say("Q" + number(4 + 17) + std::string("SELECT pg_sleep(60)").substr(0, 16) + std::string(1, '\0'));
  client.shut();
  const auto begun = std::chrono::steady_clock::now();
  (void)client.hear_all();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(8));
}

TEST_F(GateTest, ATakenAddressIsSaidClearly) {
  open();
  GateOptions same = options();
  same.port = gate_->port();
  auto other = Gate::start(std::move(same));
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, Code::kSpace);
}

TEST_F(GateTest, ClientsVerifyItsCertificate) {
  open_with(with_tls("127.0.0.1"));
  for (const char* mode : {"prefer", "require", "verify-ca", "verify-full"}) {
    const Connection in = connect("staging", fmt::format("sslmode={} sslrootcert={}", mode, root_));
    ASSERT_EQ(PQstatus(in.get()), CONNECTION_OK) << mode << ": " << PQerrorMessage(in.get());
    EXPECT_NE(PQsslInUse(in.get()), 0) << mode;
    EXPECT_EQ(ask(in.get(), "SELECT repeat('x', 3000000)").size(), 3000000U);
  }
  EXPECT_EQ(PQsslInUse(connect("staging", "sslmode=disable").get()), 0);
  const Connection bound = connect("staging", "sslmode=require channel_binding=require");
  EXPECT_NE(PQstatus(bound.get()), CONNECTION_OK) << "the server sees no TLS, and cannot be bound to it";
}

TEST_F(GateTest, ACertificateOfAnotherNameIsNotTaken) {
  open_with(with_tls("elsewhere.test"));
  EXPECT_THAT(PQerrorMessage(connect("staging", "sslmode=verify-full sslrootcert=" + root_).get()),
              HasSubstr("elsewhere.test"));
  EXPECT_EQ(PQstatus(connect("staging", "sslmode=verify-ca sslrootcert=" + root_).get()), CONNECTION_OK);
}

TEST_F(GateTest, WhereTlsIsRequiredNothingElseComesInButCancels) {
  GateOptions required = with_tls("127.0.0.1");
  required.tls_required = true;
  open_with(std::move(required));
  EXPECT_THAT(PQerrorMessage(connect("staging", "sslmode=disable").get()),
              HasSubstr("connections without TLS are not taken here"));
  const Connection in = connect("staging", "sslmode=require");
  ASSERT_EQ(PQstatus(in.get()), CONNECTION_OK) << PQerrorMessage(in.get());
  expect_that_cancel_reaches(in.get());
}

// CVE-2021-23214: what was sent in clear before the handshake must not be read as if it came within.
TEST_F(GateTest, NothingInClearIsReadAsIfItWereEncrypted) {
  open_with(with_tls("127.0.0.1"));
  const Client client(gate_->port());
  const std::string words("user\0staging\0\0", 14);
  client.say(number(8) + number(80877103) + number(static_cast<uint32_t>(8 + words.size())) +
             number(3U << 16U) + words);
  EXPECT_EQ(client.hear_all(), "");
}

TEST_F(GateTest, AProxyThatIsTrustedSaysWhoseConnectionItIs) {
  GateOptions proxied = options();
  proxied.proxies = *AddressList::parse({"127.0.0.9"});
  const std::string control = cluster_->folder() + "/control";
  proxied.listeners.control = *listen_at_path(control, 0600);
  open_with(std::move(proxied));
  const auto header = [](unsigned char last, unsigned char third = 0) {
    std::string bytes("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 16);
    bytes += std::string("\x7f\0", 2) + static_cast<char>(third) + static_cast<char>(last);
    return bytes + std::string("\x7f\0\0\1\x30\x39\x15\x38", 8);
  };
  // Proxy's header, then the login at once: whoever is behind it counts.
  for (const auto& [last, comes_in] : std::map<unsigned char, bool>{{1, true}, {7, true}, {8, false}}) {
    const Client client(gate_->port(), "127.0.0.9");
    client.say(header(last));
    client.log_in("staging");
    client.say("X" + number(4));
    const std::string said = client.hear_all();
    ASSERT_FALSE(said.empty()) << int{last};
    EXPECT_EQ(said[0], comes_in ? 'R' : 'E') << said;
  }
  const Client reporter(gate_->port(), "127.0.0.9");
  reporter.say(header(1, 1));
  reporter.log_in("reporter");
  reporter.say("X" + number(4));
  EXPECT_EQ(reporter.hear_all()[0], 'R');
  // Without a header nothing is taken from it, and from nobody else a header.
  const Client silent(gate_->port(), "127.0.0.9");
  silent.log_in("staging");
  EXPECT_EQ(silent.hear_all(), "");
  {
    const Client probe(gate_->port(), "127.0.0.9");  // as a proxy looks whether somebody listens
  }
  const GateState told = **ask_state(control);
  EXPECT_EQ(told.report.without_header, 1);
  EXPECT_EQ(told.report.without_header_from, "127.0.0.9");
  const Client pretender(gate_->port(), "127.0.0.1");
  pretender.say(header(1));
  pretender.log_in("staging");
  EXPECT_EQ(pretender.hear_all(), "");
}

TEST_F(GateTest, AtTheUnixSocketOnlyRolesThatAreLocalComeIn) {
  GateOptions both = options();
  const std::string path = cluster_->folder() + "/.s.PGSQL.5432";
  both.listeners.local = *listen_at_path(path, 0777);
  open_with(std::move(both));
  const auto locally = [&](const std::string& user) {
    return Connection(PQconnectdb(fmt::format("host={} port=5432 dbname=postgres user={} connect_timeout=10",
                                              cluster_->folder(), user)
                                      .c_str()),
                      &PQfinish);
  };
  EXPECT_EQ(ask(locally("local_only").get(), "SELECT 7"), "7");
  EXPECT_THAT(PQerrorMessage(locally("staging").get()),
              HasSubstr("role \"staging\" may not come in from local"));
  EXPECT_THAT(PQerrorMessage(connect("local_only").get()),
              HasSubstr("role \"local_only\" may not come in from 127.0.0.1"));
  EXPECT_EQ(ask(connect("staging").get(), "SELECT 7"), "7");
}

TEST_F(GateTest, ASocketOfAnotherUsersProgramIsNotLedTo) {
  GateOptions other = options();
  other.server_user = getuid() + 1;
  open_with(std::move(other));
  EXPECT_THAT(PQerrorMessage(connect("staging").get()), HasSubstr("no copy is live at the moment"));
}

TEST_F(GateTest, WhoSaysNothingForTooLongIsToldSo) {
  open({.idle = milliseconds(1300)});
  const Client client(gate_->port());
  client.log_in("staging");
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THAT(client.hear_all(), HasSubstr("nothing was said on this connection for 1 s"));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(8));
}

// A server that goes tells its clients why, and they must be able to read it although they are just talking.
TEST_F(GateTest, TheServersLastWordsReachWhoIsTalking) {
  open();
  const Client client(gate_->port());
  client.log_in("staging");
  std::string heard;
  while (heard.find(std::string("Z") + number(5)) == std::string::npos) heard += client.hear();
  cluster_->run("postgres",
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'staging'");
  for (int i = 0; i < 50; ++i) client.say("Q" + number(4 + 9) + std::string("SELECT 1\0", 9));
  EXPECT_THAT(client.hear_all(), HasSubstr("57P01"));
}

// Between two messages a client learns why its connection ends, and not that an administrator commanded it.
TEST_F(GateTest, WhoseCopyHasGoneIsToldWhy) {
  open_with(with_tls("127.0.0.1"));
  auto next = PostgresCluster::make();
  ASSERT_NE(next, nullptr);
  const std::string who = "FROM pg_stat_activity WHERE usename = 'staging'";
  const auto end_of = [&](const std::string& how, const std::string& sslmode, const std::string& first) {
    while (cluster_->value("postgres", "SELECT count(*) " + who) != "0") {  // the one before is still ending
    }
    const Connection client = connect("staging", "sslmode=" + sslmode);
    EXPECT_EQ(PQstatus(client.get()), CONNECTION_OK) << PQerrorMessage(client.get());
    (void)ask(client.get(), first);
    if (first == "LISTEN news") {
      cluster_->run("postgres", "NOTIFY news");
      using Notice = std::unique_ptr<PGnotify, decltype(&PQfreemem)>;
      while (Notice(PQnotifies(client.get()), PQfreemem) == nullptr) {
        pollfd readable{.fd = PQsocket(client.get()), .events = POLLIN, .revents = 0};
        YTB_CHECK(poll(&readable, 1, 10'000) == 1 && PQconsumeInput(client.get()) == 1);
      }
    }
    if (how == "moves") live_ = socket_of(*next);
    if (how == "dies") {
      kill(std::stoi(cluster_->value("postgres", "SELECT pid " + who)), SIGKILL);
    } else {
      cluster_->run("postgres", "SELECT pg_terminate_backend(pid) " + who);
    }
    // The next statement finds the words there.
    pollfd readable{.fd = PQsocket(client.get()), .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&readable, 1, 10'000), 1);
    (void)ask(client.get(), "SELECT 1");
    std::string told = PQerrorMessage(client.get());  // of all results: the end of the connection is another
    live_ = socket_of(*cluster_);
    return told;
  };
  for (const char* sslmode : {"disable", "require"}) {
    for (const char* first : {"SELECT 7", "LISTEN news"}) {
      SCOPED_TRACE(fmt::format("{}, {}", sslmode, first));
      EXPECT_THAT(end_of("stays", sslmode, first), HasSubstr("due to administrator command"));
      const std::string moved = end_of("moves", sslmode, first);
      EXPECT_THAT(moved, HasSubstr("FATAL:  the name leads to another copy by now"));
      EXPECT_EQ(moved.find("administrator"), std::string::npos);
    }
  }
  EXPECT_THAT(end_of("dies", "disable", "SELECT 7"), HasSubstr("FATAL:  the server of this copy has gone"));
}

// Who says that he has ended, or has, hears nothing more.
TEST_F(GateTest, AnEndThatAClientAskedForIsNoFailure) {
  open();
  for (const bool says_so : {true, false}) {
    Client client(gate_->port());
    client.log_in("staging");
    ASSERT_EQ(client.hear_messages().back()[0], 'Z');
    if (says_so) client.say(message('X', ""));
    client.shut();
    EXPECT_TRUE(client.hear_messages().empty()) << says_so;
  }
}

// Whoever has used up all connections needs a cancel most; a server asks no place for one either.
TEST_F(GateTest, CancelsComeThroughWhereEveryPlaceIsTaken) {
  for (const GateLimits& limits : {GateLimits{.connections = 1}, GateLimits{.of_address = 1}}) {
    open(limits);
    const Connection in = connect("staging");
    ASSERT_EQ(PQstatus(in.get()), CONNECTION_OK) << PQerrorMessage(in.get());
    EXPECT_THAT(PQerrorMessage(connect("staging").get()), HasSubstr("too many connections"));
    // Who waits in the places beyond gives way.
    std::vector<std::unique_ptr<Client>> silent;
    for (int i = 0; i < 40; ++i) silent.push_back(std::make_unique<Client>(gate_->port()));
    expect_that_cancel_reaches(in.get());
    if (limits.connections == 1) {
      EXPECT_LE(gate_->connections(), 1 + kBeyondLimits);
    }
    EXPECT_EQ(ask(in.get(), "SELECT 7"), "7");
    gate_.reset();
  }
}

// Of whom a proxy brings it is known late who he is: neither may more come in than there are places, nor may
// a cancel be kept out by those who have not said it.
TEST_F(GateTest, ProxiesBringNoMoreThanThereArePlacesFor) {
  const auto header = [](unsigned char last) {
    return std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0", 19) + static_cast<char>(last) +
           std::string("\x7f\0\0\1\x30\x39\x15\x38", 8);
  };
  GateOptions proxied = options({.connections = 1});
  proxied.proxies = *AddressList::parse({"127.0.0.9"});
  open_with(std::move(proxied));
  std::vector<std::unique_ptr<Client>> brought;
  std::string key;
  for (int i = 0; i < 12; ++i) brought.push_back(std::make_unique<Client>(gate_->port(), "127.0.0.9"));
  int in = 0;
  for (const std::unique_ptr<Client>& client : brought) {
    client->say(header(2));
    client->log_in("staging");
    const std::vector<std::string> heard = client->hear_messages();
    if (heard.empty() || heard.back()[0] != 'Z') continue;
    ++in;
    for (const std::string& one : heard) key = one[0] == 'K' ? one.substr(5) : key;
    client->say(message('Q', text("SELECT pg_sleep(60)")));
  }
  EXPECT_EQ(in, 1);
  EXPECT_LE(gate_->connections(), 1 + kBeyondLimits);
  ASSERT_FALSE(key.empty());
  wait_for_sleeper();
  std::vector<std::unique_ptr<Client>> silent;
  for (int i = 0; i < 20; ++i) silent.push_back(std::make_unique<Client>(gate_->port(), "127.0.0.9"));
  const Client cancel(gate_->port(), "127.0.0.9");
  cancel.say(header(2) + number(16) + number(80877102) + key);
  EXPECT_EQ(cancel.hear_all(), "");
  wait_for_sleepers(0);
}

// The order of messages of the JDBC driver (pgjdbc 42): it asks for TLS first, sets by the extended protocol,
// reads a portal in portions, and cancels in clear by another connection, of which it reads the end.
TEST_F(GateTest, AClientLikeJdbcsIsServed) {
  open();
  Client client(gate_->port());
  client.say(number(8) + number(80877103));
  ASSERT_EQ(client.hear(), "N");
  client.log_in_with(3U << 16U, {"user", "staging", "database", "postgres", "client_encoding", "UTF8",
                                 "DateStyle", "ISO", "TimeZone", "Europe/Berlin", "extra_float_digits", "2"});
  std::string key;
  for (const std::string& heard : client.hear_messages()) {
    if (heard[0] == 'K') key = heard.substr(5);
  }
  ASSERT_EQ(key.size(), 8U);
  for (const char* sql : {"SET extra_float_digits = 3", "SET application_name = 'PostgreSQL JDBC Driver'"}) {
    std::string types;
    client.say(parse(sql) + bind() + execute(1) + kSync);
    client.hear_messages(&types);
    std::erase(types, 'S');  // of a parameter that clients are told of: where, hangs on the server's version
    EXPECT_EQ(types, "12CZ");
  }
  // BEGIN and the statement in one go, 50 rows, then the others.
  std::string types;
  client.say(parse("BEGIN") + bind() + execute(0) + parse("SELECT generate_series(1, 120)") +
             message('B', text("C_1") + text("") + half(0) + half(0) + half(0)) +
             message('D', "P" + text("C_1")) + message('E', text("C_1") + number(50)) + kSync);
  client.hear_messages(&types);
  EXPECT_EQ(types, "12C12T" + std::string(50, 'D') + "sZ");
  types.clear();
  client.say(message('E', text("C_1") + number(0)) + kSync);
  client.hear_messages(&types);
  EXPECT_EQ(types, std::string(70, 'D') + "CZ");
  client.say(parse("SELECT pg_sleep(60)") + bind() + execute(0) + kSync);
  wait_for_sleeper();
  const Client cancel(gate_->port());
  cancel.say(number(16) + number(80877102) + key);
  EXPECT_EQ(cancel.hear_all(), "");
  const std::vector<std::string> ended = client.hear_messages();
  ASSERT_GE(ended.size(), 3U);
  EXPECT_THAT(ended[2], HasSubstr("C57014"));
  client.say(message('X', ""));
  EXPECT_TRUE(client.hear_messages().empty());
}

// Of Go's (pgx 5): statements are prepared by name and described, values are binary, COPY comes in pieces of
// 64 kB; here every byte of the login by itself.
TEST_F(GateTest, AClientLikeGosIsServed) {
  open();
  cluster_->run("postgres", "CREATE TABLE copied (v text); GRANT ALL ON copied TO staging");
  Client client(gate_->port());
  const std::string words = number(3U << 16U) + text("user") + text("staging") + text("database") +
                            text("postgres") + text("application_name") + text("app") + '\0';
  for (const char byte : number(static_cast<uint32_t>(4 + words.size())) + words) client.say({&byte, 1});
  ASSERT_EQ(client.hear_messages().back()[0], 'Z');
  std::string types;
  client.say(message('P', text("stmtcache_1") + text("SELECT $1::int8 + 1, $2::text") + half(0)) +
             message('D', "S" + text("stmtcache_1")) + kSync);
  client.hear_messages(&types);
  EXPECT_EQ(types, "1tTZ");
  client.say(message('B', text("") + text("stmtcache_1") + half(2) + half(1) + half(0) + half(2) + number(8) +
                              number(0) + number(41) + number(3) + "abc" + half(1) + half(1)) +
             message('D', "P" + text("")) + execute(0) + kSync);
  const std::vector<std::string> rows = client.hear_messages();
  ASSERT_GE(rows.size(), 3U);
  EXPECT_EQ(rows[2], message('D', half(2) + number(8) + number(0) + number(42) + number(3) + "abc"));
  client.say(message('Q', text("COPY copied FROM STDIN")));
  for (int i = 0; i < 40; ++i) client.say(message('d', std::string(65'535, 'x') + "\n"));
  client.say(message('c', ""));
  types.clear();
  client.hear_messages(&types);
  EXPECT_EQ(types, "GCZ");
  client.say(message('X', ""));
  EXPECT_TRUE(client.hear_messages().empty());
  EXPECT_EQ(cluster_->value("postgres", "SELECT sum(length(v)) FROM copied"), std::to_string(40 * 65'535));
}

// Of version 3.2 of the protocol, which servers speak from 18 on: keys of 32 bytes. Older ones say that 3.0
// is what they speak.
TEST_F(GateTest, CancelsHoldTheKeysOfTheirProtocol) {
  open();
  Client client(gate_->port());
  client.log_in_with((3U << 16U) + 2, {"user", "staging", "database", "postgres"});
  std::string key;
  bool negotiated = false;
  for (const std::string& heard : client.hear_messages()) {
    if (heard[0] == 'K') key = heard.substr(5);
    negotiated = negotiated || heard[0] == 'v';
  }
  const bool speaks_it = std::stoi(cluster_->value("postgres", "SHOW server_version_num")) >= 180000;
  EXPECT_EQ(negotiated, !speaks_it);
  EXPECT_EQ(key.size(), speaks_it ? 36U : 8U);
  client.say(message('Q', text("SELECT pg_sleep(60)")));
  wait_for_sleeper();
  const Client cancel(gate_->port());
  cancel.say(number(static_cast<uint32_t>(8 + key.size())) + number(80877102) + key);
  EXPECT_EQ(cancel.hear_all(), "");
  std::string all;
  for (const std::string& heard : client.hear_messages()) all += heard;
  EXPECT_THAT(all, HasSubstr("C57014"));
}

TEST_F(GateTest, OneThatIsReplacedHandsOverItsListenersAndServesWhoIsThere) {
  const std::string control = cluster_->folder() + "/control";
  GateOptions first = options();
  first.settings = "the first";
  first.listeners.control = *listen_at_path(control, 0600);
  open_with(std::move(first));
  const uint16_t port = gate_->port();
  const Connection in = connect("staging");
  ASSERT_EQ(ask(in.get(), "SELECT 7"), "7");

  Result<std::optional<GateState>> state = ask_state(control);
  ASSERT_TRUE(state.ok() && *state) << (state.ok() ? "nobody there" : state.error().message);
  EXPECT_EQ((*state)->settings, "the first");
  ASSERT_EQ((*state)->report.connections.size(), 1U);
  const ports::GateConnections& one = (*state)->report.connections[0];
  EXPECT_EQ(one.role, "staging");
  EXPECT_EQ(one.address, "127.0.0.1");
  EXPECT_EQ(one.socket, live_.load());
  EXPECT_EQ(one.count, 1);

  Result<std::optional<Listeners>> given = ask_to_share(control);
  ASSERT_TRUE(given.ok() && *given);
  ASSERT_TRUE((*given)->network.valid());
  EXPECT_TRUE(*ask_to_retire(control));
  // Nobody accepts, and nobody is refused: who comes now waits for the next one.
  const Client early(port);
  early.log_in("staging");
  GateOptions second = options();
  second.listeners = std::move(**given);
  auto next = Gate::start(std::move(second));
  ASSERT_TRUE(next.ok());
  EXPECT_EQ((*next)->port(), port);
  early.say("X" + number(4));
  EXPECT_EQ(early.hear_all()[0], 'R');
  EXPECT_EQ(ask(in.get(), "SELECT 8"), "8") << "who was there stays";
  EXPECT_EQ((*ask_state(control))->report.connections.size(), 1U) << "it can still be asked";
  // The second does not know the first one's keys; the server does.
  expect_that_cancel_reaches(in.get());
}

// Who is in the middle of a handshake, or of his login, is not pushed out by others who say nothing.
TEST_F(GateTest, ATrickleOfSilenceKeepsNobodyOut) {
  GateOptions few = with_tls("127.0.0.1");
  few.limits.before_login = 60;
  few.limits.before_login_of_address = 30;
  open_with(std::move(few));
  std::atomic<bool> ends = false;
  std::thread flood([&] {
    std::vector<std::unique_ptr<Client>> silent;
    for (int i = 0; !ends; ++i) {
      silent.push_back(
          std::make_unique<Client>(gate_->port(), fmt::format("127.0.0.{}", i % 2 == 0 ? 1 : 9)));
      if (silent.size() > 200) silent.erase(silent.begin());
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  });
  for (int i = 0; i < 20; ++i) {
    const Connection in = connect("staging", "sslmode=verify-full sslrootcert=" + root_);
    EXPECT_EQ(PQstatus(in.get()), CONNECTION_OK) << i << ": " << PQerrorMessage(in.get());
  }
  ends = true;
  flood.join();
}

// Each login has a process of the server's: half a login of many takes none from the others.
TEST_F(GateTest, HalfLoginsLeaveTheServerToOthers) {
  cluster_->run(
      "postgres",
      "SET password_encryption = 'scram-sha-256'; ALTER ROLE staging PASSWORD 'x'; ALTER ROLE reporter "
      "PASSWORD 'x'");
  cluster_->run("postgres",
                "COPY (SELECT 'local all postgres trust' UNION ALL SELECT 'local all all scram-sha-256') "
                "TO '" +
                    cluster_->data() + "/pg_hba.conf'; SELECT pg_reload_conf()");
  open({.logging_in = 5});
  std::vector<std::unique_ptr<Client>> half;
  for (int i = 0; i < 30; ++i) {
    half.push_back(std::make_unique<Client>(gate_->port(), "127.0.0.2"));
    half.back()->log_in("reporter");
    (void)half.back()->hear();
  }
  EXPECT_EQ(PQstatus(connect("staging", "password=x").get()), CONNECTION_OK);
  EXPECT_LE(std::stoi(cluster_->value("postgres",
                                      "SELECT count(*) FROM pg_stat_activity WHERE backend_type = "
                                      "'client backend'")),
            8);
}

TEST_F(GateTest, NonsenseAndTlsAreHungUpOn) {
  open();
  for (const std::string& bytes : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("\x16\x03\x01 hello"),
                                   number(8) + number(80877103) + number(8) + number(80877103)}) {
    const Client client(gate_->port());
    client.say(bytes);
    EXPECT_EQ(client.hear_all(), "");
  }
  const Client twice(gate_->port());
  twice.say(number(8) + number(80877103));
  EXPECT_EQ(twice.hear(), "N");
  twice.say(number(8) + number(80877103));
  EXPECT_EQ(twice.hear_all(), "");
}

}  // namespace
}  // namespace ytb::gate
