// A client's stream before a client of libssl's, over a pair of sockets; and what hostile ones send.
#include "drivers/gate/tls.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>

#include "base/check.h"
#include "drivers/gate/authority.h"
#include "drivers/gate/openssl_handles.h"
#include "support/temporary.h"

namespace ytb::gate {
namespace {

using Moved = ClientStream::Moved;
using ::testing::HasSubstr;

constexpr int kTurnsMax = 200'000;
const Instant kNow = *from_iso("2026-11-22T06:00:00Z");

TlsIdentity make_identity() {
  const tests::TemporaryFolder folder;
  Result<Authority> authority = Authority::open(folder / "tls", "test", kNow);
  YTB_CHECK(authority.ok());
  Result<TlsIdentity> identity = authority->issue({"localhost"}, kNow);
  YTB_CHECK(identity.ok());
  return std::move(identity).value();
}

std::shared_ptr<const TlsServer> shared_server() {
  static const std::shared_ptr<const TlsServer> server = *TlsServer::make(make_identity(), kNow);
  return server;
}

// A certificate of its own key, as people make them by hand.
TlsIdentity by_hand(EVP_PKEY* key, const EVP_MD* digest, const char* passphrase = nullptr) {
  const Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("by hand"), -1,
                             -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  const time_t now = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(kNow));
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), now - 60);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), now + 60);
  X509_set_pubkey(certificate.get(), key);
  X509_sign(certificate.get(), key, digest);
  const auto text_of = [](const std::function<void(BIO*)>& write) {
    const Bio out(BIO_new(BIO_s_mem()));
    write(out.get());
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(out.get(), &bytes);
    return std::string(bytes, static_cast<size_t>(size));
  };
  return {.chain_pem = text_of([&](BIO* out) { PEM_write_bio_X509(out, certificate.get()); }),
          .key_pem = Secret(text_of([&](BIO* out) {
            PEM_write_bio_PKCS8PrivateKey(out, key, passphrase == nullptr ? nullptr : EVP_aes_256_cbc(),
                                          passphrase, passphrase == nullptr ? 0 : 4, nullptr, nullptr);
          }))};
}

struct ClientOptions {
  int version = 0;        // the only one; 0: any
  std::string alpn = {};  // each with its length before it
};

// One client of libssl's and one stream, on the two ends of a pair of sockets. Nothing of it blocks.
class Pair {
 public:
  explicit Pair(const ClientOptions& options = {}, int socket_buffer_bytes = 0) {
    std::array<int, 2> ends{};
    YTB_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    if (socket_buffer_bytes != 0) {
      for (const int end : ends) {
        setsockopt(end, SOL_SOCKET, SO_SNDBUF, &socket_buffer_bytes, sizeof socket_buffer_bytes);
      }
    }
    stream = ClientStream(os::Descriptor(ends[0]));
    far = os::Descriptor(ends[1]);
    context.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (options.version != 0) {
      SSL_CTX_set_min_proto_version(context.get(), options.version);
      SSL_CTX_set_max_proto_version(context.get(), options.version);
      SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0");
    }
    if (!options.alpn.empty()) {
      SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(options.alpn.data()),
                              static_cast<unsigned>(options.alpn.size()));
    }
    client.reset(SSL_new(context.get()));
    SSL_set_fd(client.get(), far.get());
    SSL_set_connect_state(client.get());
  }

  // Both until the stream's handshake is over, well or not.
  Moved shake_hands(bool direct = false) {
    YTB_CHECK(stream.begin_tls(server, direct).ok());
    for (int turn = 0; turn < 100; ++turn) {
      ERR_clear_error();
      SSL_do_handshake(client.get());
      if (ERR_peek_error() != 0) client_error = openssl_reason();
      const Moved moved = stream.handshake();
      if (moved == Moved::kWait) continue;
      ERR_clear_error();
      SSL_do_handshake(client.get());
      if (ERR_peek_error() != 0) client_error = openssl_reason();
      return moved;
    }
    return Moved::kWait;
  }

  // What the stream reads at once.
  std::string hear(Moved& moved) {
    std::string bytes(kRecordBytesMax, '\0');
    size_t count = 0;
    moved = stream.read(bytes.data(), bytes.size(), count);
    bytes.resize(count);
    return bytes;
  }
  std::string client_hear() {
    std::string bytes(1000, '\0');
    size_t count = 0;
    ERR_clear_error();
    SSL_read_ex(client.get(), bytes.data(), bytes.size(), &count);
    if (ERR_peek_error() != 0) client_error = openssl_reason();
    bytes.resize(count);
    return bytes;
  }
  bool client_say(std::string_view text) {
    size_t count = 0;
    ERR_clear_error();
    return SSL_write_ex(client.get(), text.data(), text.size(), &count) == 1 && count == text.size();
  }

  std::shared_ptr<const TlsServer> server = shared_server();
  ClientStream stream;
  os::Descriptor far;
  std::unique_ptr<SSL_CTX, FreedBy<SSL_CTX_free>> context;
  std::unique_ptr<SSL, FreedBy<SSL_free>> client;
  std::string client_error;
};

const std::string kPostgresql = "\x0apostgresql";

class Versions : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Tls, Versions, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

TEST_P(Versions, BothSidesTalkAndEndOneAfterTheOther) {
  Pair pair({.version = GetParam()});
  EXPECT_FALSE(pair.stream.encrypted());
  ASSERT_EQ(pair.shake_hands(), Moved::kSome);
  EXPECT_TRUE(pair.stream.encrypted());
  EXPECT_FALSE(pair.stream.handshaking());
  EXPECT_EQ(SSL_version(pair.client.get()), GetParam());
  // No session can be resumed, and none was handed out.
  Moved moved{};
  EXPECT_EQ(pair.hear(moved), "");
  EXPECT_EQ(moved, Moved::kWait);
  EXPECT_EQ(pair.client_hear(), "");
  EXPECT_EQ(SSL_SESSION_is_resumable(SSL_get0_session(pair.client.get())), 0);

  ASSERT_TRUE(pair.client_say("question"));
  EXPECT_EQ(pair.hear(moved), "question");
  size_t count = 0;
  EXPECT_EQ(pair.stream.write("answer", count), Moved::kSome);
  EXPECT_EQ(count, 6U);
  EXPECT_EQ(pair.client_hear(), "answer");

  // The client says that it is done, in the same breath as its last words, and still hears.
  ASSERT_TRUE(pair.client_say("last"));
  SSL_shutdown(pair.client.get());
  EXPECT_EQ(pair.hear(moved), "last");
  EXPECT_EQ(moved, Moved::kSome);
  pollfd ready{.fd = pair.stream.fd(), .events = pair.stream.events(true, false), .revents = 0};
  ASSERT_EQ(poll(&ready, 1, 0), 1);
  EXPECT_TRUE(pair.stream.is_for_read(ready.revents));
  EXPECT_EQ(pair.hear(moved), "");
  EXPECT_EQ(moved, Moved::kEnd);
  EXPECT_EQ(pair.stream.write("goodbye", count), Moved::kSome);
  pair.stream.shut_write();
  EXPECT_EQ(pair.client_hear(), "goodbye");
  EXPECT_EQ(pair.client_hear(), "");
  EXPECT_EQ(SSL_get_shutdown(pair.client.get()) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
  EXPECT_EQ(pair.client_error, "");
}

TEST_P(Versions, WeMayEndFirst) {
  Pair pair({.version = GetParam()});
  ASSERT_EQ(pair.shake_hands(), Moved::kSome);
  pair.stream.shut_write();
  EXPECT_EQ(pair.client_hear(), "");
  EXPECT_EQ(SSL_get_shutdown(pair.client.get()), SSL_RECEIVED_SHUTDOWN);
  ASSERT_TRUE(pair.client_say("still here"));
  Moved moved{};
  EXPECT_EQ(pair.hear(moved), "still here");
}

TEST_P(Versions, AnEndWithoutCloseNotifyIsAnEnd) {
  Pair pair({.version = GetParam()});
  ASSERT_EQ(pair.shake_hands(), Moved::kSome);
  ASSERT_TRUE(pair.client_say("x"));
  shutdown(pair.far.get(), SHUT_WR);
  Moved moved{};
  EXPECT_EQ(pair.hear(moved), "x");
  EXPECT_EQ(pair.hear(moved), "");
  EXPECT_EQ(moved, Moved::kEnd);
  EXPECT_EQ(pair.hear(moved), "");
  EXPECT_EQ(moved, Moved::kEnd);
  size_t count = 0;
  EXPECT_EQ(pair.stream.write("answer", count), Moved::kSome);
  EXPECT_EQ(pair.client_hear(), "answer");
}

// A client of which every byte comes alone.
TEST_P(Versions, AHandshakeMayComeByteByByte) {
  Pair pair({.version = GetParam()});
  BIO* const in = BIO_new(BIO_s_mem());
  BIO* const out = BIO_new(BIO_s_mem());
  SSL_set_bio(pair.client.get(), in, out);
  ASSERT_TRUE(pair.stream.begin_tls(shared_server(), false).ok());
  EXPECT_EQ(pair.stream.events(false, false), POLLIN);
  Moved moved = Moved::kWait;
  int bytes = 0;
  for (int turn = 0; turn < kTurnsMax && (moved == Moved::kWait || SSL_in_init(pair.client.get())); ++turn) {
    SSL_do_handshake(pair.client.get());
    char byte = 0;
    while (moved == Moved::kWait && BIO_read(out, &byte, 1) == 1) {
      ASSERT_EQ(write(pair.far.get(), &byte, 1), 1);
      ++bytes;
      moved = pair.stream.handshake();
    }
    std::array<char, 4096> answer{};
    const ssize_t count = recv(pair.far.get(), answer.data(), answer.size(), 0);
    if (count > 0) BIO_write(in, answer.data(), static_cast<int>(count));
  }
  EXPECT_EQ(moved, Moved::kSome);
  EXPECT_TRUE(SSL_is_init_finished(pair.client.get()));
  EXPECT_GT(bytes, 200);
}

TEST(Tls, ProtocolsAreAgreedOnAsByPostgresql) {
  struct Case {
    std::string offered;
    bool direct;
    Moved outcome;
  };
  for (const Case& each : std::vector<Case>{{"", false, Moved::kSome},
                                            {kPostgresql, false, Moved::kSome},
                                            {"\x02h2" + kPostgresql, false, Moved::kSome},
                                            {"\x02h2", false, Moved::kBroken},
                                            {"\x0bpostgresqlx", false, Moved::kBroken},
                                            {"\x09postgresq", false, Moved::kBroken},
                                            {kPostgresql, true, Moved::kSome},
                                            {"\x02h2\x08http/1.1" + kPostgresql, true, Moved::kSome},
                                            {"\x08http/1.1", true, Moved::kBroken},
                                            {"", true, Moved::kBroken}}) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      Pair pair({.version = version, .alpn = each.offered});
      EXPECT_EQ(pair.shake_hands(each.direct), each.outcome) << each.offered << " " << each.direct;
      const unsigned char* chosen = nullptr;
      unsigned int size = 0;
      SSL_get0_alpn_selected(pair.client.get(), &chosen, &size);
      if (each.outcome == Moved::kSome && !each.offered.empty()) {
        EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "postgresql");
      } else {
        EXPECT_EQ(size, 0U);
      }
      if (each.outcome == Moved::kBroken && !each.offered.empty()) {
        EXPECT_THAT(pair.client_error, HasSubstr("no application protocol"));
      }
      if (each.outcome == Moved::kBroken) {
        EXPECT_TRUE(pair.stream.handshaking());
        EXPECT_EQ(pair.stream.handshake(), Moved::kBroken);
      }
    }
  }
}

TEST(Tls, OldVersionsAreRefused) {
  Pair pair({.version = TLS1_1_VERSION});
  EXPECT_EQ(pair.shake_hands(), Moved::kBroken);
  EXPECT_THAT(pair.client_error, HasSubstr("protocol version"));
}

TEST(Tls, RecordingsCannotBeDecryptedWithTheKey) {
  const PrivateKey rsa(EVP_RSA_gen(2048));
  const std::shared_ptr<const TlsServer> server = *TlsServer::make(by_hand(rsa.get(), EVP_sha256()), kNow);
  for (const auto& [cipher, outcome] :
       std::vector<std::pair<std::string, Moved>>{{"ECDHE-RSA-AES128-SHA", Moved::kSome},
                                                  {"AES256-GCM-SHA384", Moved::kBroken},
                                                  {"AES128-SHA", Moved::kBroken},
                                                  {"DHE-RSA-AES256-GCM-SHA384", Moved::kBroken},
                                                  {"AECDH-AES256-SHA", Moved::kBroken},
                                                  {"ECDHE-RSA-NULL-SHA", Moved::kBroken}}) {
    Pair pair({.version = TLS1_2_VERSION});
    pair.server = server;
    ASSERT_EQ(SSL_set_cipher_list(pair.client.get(), (cipher + ":@SECLEVEL=0").c_str()), 1);
    EXPECT_EQ(pair.shake_hands(), outcome) << cipher;
  }
}

TEST(Tls, GroupsThatCostAServerMuchAreRefused) {
  for (const auto& [group, outcome] :
       std::vector<std::pair<const char*, Moved>>{{"X25519", Moved::kSome},
                                                  {"P-256", Moved::kSome},
                                                  {"ffdhe2048", Moved::kBroken},
                                                  {"ffdhe8192", Moved::kBroken}}) {
    Pair pair({.version = TLS1_3_VERSION});
    ASSERT_EQ(SSL_set1_groups_list(pair.client.get(), group), 1);
    EXPECT_EQ(pair.shake_hands(), outcome) << group;
  }
}

TEST(Tls, NothingIsNegotiatedAnew) {
  Pair pair({.version = TLS1_2_VERSION});
  ASSERT_EQ(pair.shake_hands(), Moved::kSome);
  ASSERT_EQ(SSL_renegotiate(pair.client.get()), 1);
  EXPECT_NE(SSL_do_handshake(pair.client.get()), 1);
  Moved moved{};
  EXPECT_EQ(pair.hear(moved), "");
  EXPECT_EQ(moved, Moved::kWait);
  EXPECT_EQ(pair.client_hear(), "");
  EXPECT_THAT(pair.client_error, HasSubstr("no renegotiation"));
}

// --------------------------------------------------------------------------------------------------- volume

std::string noise(size_t size, unsigned seed) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    seed = seed * 1664525 + 1013904223;
    byte = static_cast<char>(seed >> 24U);
  }
  return bytes;
}

// Both ways at once, through buffers that are smaller than a record, as the gate does it: only what events()
// and is_for_read() say, and a buffer that is read into only when it is empty.
void echo_through(Pair& pair, bool with_key_updates) {
  const std::string sent = noise(1'500'000, 7);
  std::string returned;
  std::string pipe(64 * 1024, '\0');
  size_t begin = 0;
  size_t end = 0;
  size_t said = 0;
  bool over = false;
  bool shut = false;
  for (int turn = 0; turn < kTurnsMax && returned.size() < sent.size(); ++turn) {
    if (said < sent.size()) {
      size_t count = 0;
      if (with_key_updates && turn % 50 == 0) {
        SSL_key_update(pair.client.get(), SSL_KEY_UPDATE_REQUESTED);
      }
      SSL_write_ex(pair.client.get(), sent.data() + said, std::min<size_t>(sent.size() - said, 30'000),
                   &count);
      said += count;
    } else if (!shut) {
      shut = SSL_shutdown(pair.client.get()) >= 0;
    }
    const bool wants_read = !over && begin == end;
    pollfd ready{.fd = pair.stream.fd(), .events = pair.stream.events(wants_read, begin < end), .revents = 0};
    if (poll(&ready, 1, 0) == 1) {
      if (wants_read && pair.stream.is_for_read(ready.revents)) {
        begin = 0;
        const Moved moved = pair.stream.read(pipe.data(), pipe.size(), end);
        ASSERT_NE(moved, Moved::kBroken);
        over = moved == Moved::kEnd;
      }
      size_t count = 0;
      const Moved moved = pair.stream.write({pipe.data() + begin, end - begin}, count);
      ASSERT_TRUE(moved == Moved::kSome || (moved == Moved::kWait && count == 0));
      begin += count;
    }
    // Slower than it writes, so that the stream waits for it.
    if (turn % 3 == 0) {
      std::array<char, 7'000> buffer{};
      size_t count = 0;
      ERR_clear_error();
      const int result = SSL_read_ex(pair.client.get(), buffer.data(), buffer.size(), &count);
      const int error = SSL_get_error(pair.client.get(), result);
      ASSERT_TRUE(result == 1 || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
          << openssl_reason();
      returned.append(buffer.data(), count);
    }
  }
  EXPECT_TRUE(returned == sent) << returned.size();
  Moved moved{};
  EXPECT_EQ(pair.hear(moved), "");
  EXPECT_EQ(moved, Moved::kEnd);
}

TEST_P(Versions, MuchGoesBothWaysThroughSmallBuffers) {
  Pair pair({.version = GetParam()}, 4096);
  ASSERT_EQ(pair.shake_hands(), Moved::kSome);
  echo_through(pair, false);
}

TEST(Tls, KeysMayChangeWhileMuchGoesBothWays) {
  Pair pair({.version = TLS1_3_VERSION}, 4096);
  ASSERT_EQ(pair.shake_hands(), Moved::kSome);
  echo_through(pair, true);
}

// Of no size does anything stay in OpenSSL where poll() does not see it.
TEST_P(Versions, RecordsAreReadWhole) {
  Pair pair({.version = GetParam()});
  ASSERT_EQ(pair.shake_hands(), Moved::kSome);
  for (const size_t size : {1U, 15U, 16U, 17U, 8'191U, 16'383U, 16'384U}) {
    const std::string text = noise(size, static_cast<unsigned>(size));
    ASSERT_TRUE(pair.client_say(text));
    Moved moved{};
    EXPECT_TRUE(pair.hear(moved) == text) << size;
    EXPECT_EQ(pair.hear(moved), "");
    EXPECT_EQ(moved, Moved::kWait);
  }
}

// --------------------------------------------------------------------------------------------------
// hostility

// A new key, with the wish that the other side takes one, too.
bool update_key(const Pair& pair) {
  ERR_clear_error();
  SSL_key_update(pair.client.get(), SSL_KEY_UPDATE_REQUESTED);
  return SSL_do_handshake(pair.client.get()) == 1;
}

int unread(int fd) {
  int bytes = 0;
  YTB_CHECK(ioctl(fd, FIONREAD, &bytes) == 0);
  return bytes;
}

TEST(Tls, KeyUpdatesAreReadOneByOne) {
  constexpr int kUpdates = 200;
  constexpr int kRecordBytes = 31;  // of the longest of them
  Pair pair({.version = TLS1_3_VERSION});
  ASSERT_EQ(pair.shake_hands(), Moved::kSome);
  for (int i = 0; i < kUpdates; ++i) ASSERT_TRUE(update_key(pair));
  ASSERT_TRUE(pair.client_say("after all"));
  Moved moved = Moved::kWait;
  std::string heard;
  for (int left = unread(pair.stream.fd()); left > 0;) {
    heard = pair.hear(moved);
    const int before = std::exchange(left, unread(pair.stream.fd()));
    ASSERT_LE(before - left, kRecordBytes);
    ASSERT_EQ(moved, left > 0 ? Moved::kWait : Moved::kSome);
  }
  EXPECT_EQ(heard, "after all");
  size_t count = 0;
  EXPECT_EQ(pair.stream.write("fine", count), Moved::kSome);
  EXPECT_EQ(pair.client_hear(), "fine");
}

// Who asks for answers without reading any is waited for, and costs a socket's buffer.
TEST(Tls, KeyUpdatesOfWhoDoesNotReadWait) {
  Pair pair({.version = TLS1_3_VERSION}, 4096);
  ASSERT_EQ(pair.shake_hands(), Moved::kSome);
  int turns = 0;
  for (; turns < 10'000 && pair.stream.events(true, false) == POLLIN; ++turns) {
    update_key(pair);
    Moved moved{};
    EXPECT_EQ(pair.hear(moved), "");
    ASSERT_EQ(moved, Moved::kWait);
  }
  EXPECT_EQ(pair.stream.events(true, false), POLLOUT);
  EXPECT_TRUE(pair.stream.is_for_read(POLLOUT));
  pollfd ready{.fd = pair.stream.fd(), .events = POLLOUT, .revents = 0};
  EXPECT_EQ(poll(&ready, 1, 0), 0);
  // It does read in the end.
  std::string heard;
  bool said = false;
  for (int turn = 0; turn < 10'000 && heard.empty(); ++turn) {
    EXPECT_EQ(pair.client_hear(), "");
    said = said || pair.client_say("at last");
    Moved moved{};
    heard = pair.hear(moved);
    ASSERT_TRUE(moved == Moved::kWait || moved == Moved::kSome);
  }
  EXPECT_EQ(heard, "at last");
  EXPECT_EQ(pair.stream.events(true, true), POLLIN | POLLOUT);
}

// The answer to a new key must not come in between the two halves of a record.
TEST(Tls, AKeyMayChangeInTheMiddleOfARecord) {
  Pair pair({.version = TLS1_3_VERSION}, 4096);
  ASSERT_EQ(pair.shake_hands(), Moved::kSome);
  const std::string much = noise(200'000, 3);
  size_t written = 0;
  size_t count = 0;
  while (pair.stream.write(std::string_view(much).substr(written), count) == Moved::kSome) written += count;
  ASSERT_LT(written, much.size());
  ASSERT_TRUE(update_key(pair));
  ASSERT_TRUE(pair.client_say("meanwhile"));
  Moved moved = Moved::kWait;
  std::string heard;
  std::string received;
  for (int turn = 0; turn < kTurnsMax && (received.size() < much.size() || heard.empty()); ++turn) {
    if (heard.empty()) heard = pair.hear(moved);
    ASSERT_NE(moved, Moved::kBroken);
    received += pair.client_hear();
    if (written == much.size()) continue;
    ASSERT_NE(pair.stream.write(much.substr(written), count), Moved::kBroken);  // from another place
    written += count;
  }
  EXPECT_EQ(heard, "meanwhile");
  EXPECT_TRUE(received == much);
  EXPECT_EQ(pair.client_error, "");
}

TEST(Tls, WhatIsNoHandshakeIsRefused) {
  const std::string startup("\0\0\0\x54\0\x03\0\0user\0somebody\0", 22);
  for (const std::string& words :
       {std::string("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), startup, std::string(100, '\xff'),
        std::string("\x16\x03\x01\xff\xff", 5) + std::string(100, 'x'),
        // A first message of 16 MB.
        std::string("\x16\x03\x01\x10\x00\x01\xff\xff\xff", 9) + std::string(5000, 'x'),
        // Another than ClientHello.
        std::string("\x16\x03\x01\x00\x08\x0b\x00\x00\x04", 9) + std::string(4, 'x'),
        // Data before any handshake.
        std::string("\x17\x03\x03\x00\x08", 5) + std::string(8, 'x')}) {
    Pair pair;
    ASSERT_TRUE(pair.stream.begin_tls(shared_server(), false).ok());
    ASSERT_EQ(send(pair.far.get(), words.data(), words.size(), 0), static_cast<ssize_t>(words.size()));
    Moved moved = Moved::kWait;
    for (int turn = 0; turn < 100 && moved == Moved::kWait; ++turn) moved = pair.stream.handshake();
    EXPECT_EQ(moved, Moved::kBroken) << words.substr(0, 10);
    EXPECT_EQ(pair.stream.handshake(), Moved::kBroken);
    pair.stream.shut_write();
  }
}

TEST(Tls, AHandshakeIsBounded) {
  // A ClientHello of 100 kB, which OpenSSL would take.
  std::string words;
  const std::string head("\x01\x01\x86\xa0\x03\x03", 6);
  for (int i = 0; i < 7; ++i) {
    words += std::string("\x16\x03\x01\x40\x00", 5);
    words += (i == 0 ? head : std::string()) + std::string(kRecordBytesMax - (i == 0 ? head.size() : 0), 'x');
  }
  Pair pair({}, 512 * 1024);
  ASSERT_TRUE(pair.stream.begin_tls(shared_server(), false).ok());
  size_t sent = 0;
  Moved moved = Moved::kWait;
  for (; sent < words.size() && moved == Moved::kWait; sent += 1000) {
    const size_t size = std::min<size_t>(1000, words.size() - sent);
    ASSERT_EQ(send(pair.far.get(), words.data() + sent, size, 0), static_cast<ssize_t>(size));
    moved = pair.stream.handshake();
  }
  EXPECT_EQ(moved, Moved::kBroken);
  EXPECT_LE(sent, kHandshakeBytesMax + 2000);
}

TEST(Tls, AClientMayLeaveInTheMiddle) {
  Pair pair;
  ASSERT_TRUE(pair.stream.begin_tls(shared_server(), false).ok());
  EXPECT_EQ(pair.stream.handshake(), Moved::kWait);
  SSL_do_handshake(pair.client.get());
  pair.client.reset();
  pair.far.reset();
  Moved moved = Moved::kWait;
  for (int turn = 0; turn < 10 && moved == Moved::kWait; ++turn) moved = pair.stream.handshake();
  EXPECT_TRUE(moved == Moved::kEnd || moved == Moved::kBroken);
}

TEST(Tls, DamagedRecordsBreakTheConnection) {
  Pair pair;
  ASSERT_EQ(pair.shake_hands(), Moved::kSome);
  const std::string record = std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x');
  ASSERT_EQ(send(pair.far.get(), record.data(), record.size(), 0), static_cast<ssize_t>(record.size()));
  Moved moved{};
  EXPECT_EQ(pair.hear(moved), "");
  EXPECT_EQ(moved, Moved::kBroken);
  size_t count = 0;
  EXPECT_EQ(pair.stream.write("x", count), Moved::kBroken);
}

TEST(Tls, WhoHasGoneRaisesNoSignal) {
  std::signal(SIGPIPE, SIG_DFL);
  for (const bool encrypted : {false, true}) {
    Pair pair;
    if (encrypted) {
      ASSERT_EQ(pair.shake_hands(), Moved::kSome);
    }
    pair.far.reset();
    size_t count = 0;
    EXPECT_EQ(pair.stream.write("x", count), Moved::kBroken);
    pair.stream.shut_write();
  }
}

TEST(Tls, InClearBytesPassAsTheyAre) {
  Pair pair;
  EXPECT_FALSE(pair.stream.handshaking());
  EXPECT_EQ(pair.stream.events(true, true), POLLIN | POLLOUT);
  EXPECT_EQ(pair.stream.events(false, false), 0);
  Moved moved{};
  EXPECT_EQ(pair.hear(moved), "");
  EXPECT_EQ(moved, Moved::kWait);
  ASSERT_EQ(send(pair.far.get(), "abc", 3, 0), 3);
  EXPECT_EQ(pair.hear(moved), "abc");
  shutdown(pair.far.get(), SHUT_WR);
  EXPECT_EQ(pair.hear(moved), "");
  EXPECT_EQ(moved, Moved::kEnd);
  const std::string much(1 << 20, 'x');
  size_t count = 0;
  EXPECT_EQ(pair.stream.write(much, count), Moved::kSome);
  EXPECT_LT(count, much.size());
  EXPECT_EQ(pair.stream.write(much, count), Moved::kWait);
  EXPECT_EQ(count, 0U);
}

// --------------------------------------------------------------------------------------------------
// identities

std::string refusal(const TlsIdentity& identity, Instant now = kNow) {
  const Result<std::shared_ptr<const TlsServer>> made = TlsServer::make(identity, now);
  if (made.ok()) return "";
  EXPECT_EQ(made.error().code, Code::kConfig);
  EXPECT_NE(made.error().hint, "");
  return made.error().message;
}

TEST(TlsServer, SaysWhatIsWrongWithAnIdentity) {
  const TlsIdentity good = make_identity();
  const TlsIdentity other = make_identity();
  const auto with = [](std::string chain, const Secret& key) {
    return TlsIdentity{.chain_pem = std::move(chain), .key_pem = key.clone()};
  };
  EXPECT_EQ(refusal(good), "");
  EXPECT_EQ(refusal(with("# ours\n" + good.chain_pem + "\n" + other.chain_pem, good.key_pem)), "");
  EXPECT_EQ(refusal(with("", good.key_pem)), "there is no TLS certificate");
  EXPECT_EQ(refusal(with(std::string(good.key_pem.reveal()), good.key_pem)), "there is no TLS certificate");
  EXPECT_EQ(refusal(with(other.chain_pem + good.chain_pem, good.key_pem)),
            "the TLS key does not fit the certificate of CN = localhost");
  std::string damaged = good.chain_pem;
  damaged[damaged.size() / 2] = '!';
  EXPECT_THAT(refusal(with(damaged, good.key_pem)), HasSubstr("TLS certificate 1 is damaged"));
  EXPECT_THAT(refusal(with(good.chain_pem + damaged, good.key_pem)),
              HasSubstr("TLS certificate 2 is damaged"));
  EXPECT_THAT(refusal(with(good.chain_pem, Secret())), HasSubstr("the TLS key cannot be read"));
  EXPECT_THAT(refusal(with(good.chain_pem, Secret(good.chain_pem))), HasSubstr("the TLS key cannot be read"));
  std::string many;
  for (size_t i = 0; i <= kChainMax; ++i) many += good.chain_pem;
  EXPECT_EQ(refusal(with(many, good.key_pem)), "more than 16 TLS certificates are given");
  EXPECT_THAT(refusal(with(std::string(kPemBytesMax + 1, 'x'), good.key_pem)), HasSubstr("larger than"));

  const Instant end = kNow - kBackdating + kServerCertificateLife;
  EXPECT_EQ((*TlsServer::make(good, kNow))->not_after(), end);
  EXPECT_EQ(refusal(good, end - std::chrono::seconds(1)), "");
  EXPECT_EQ(refusal(good, end), "the TLS certificate of CN = localhost expired at " + to_iso(end));
  EXPECT_THAT(refusal(good, kNow - std::chrono::days(2)),
              HasSubstr("is valid only from 2026-11-21T06:00:00Z"));
}

TEST(TlsServer, SatisfiesClientsThatVerify) {
  const tests::TemporaryFolder folder;
  const Result<Authority> authority = Authority::open(folder / "tls", "test", kNow);
  ASSERT_TRUE(authority.ok());
  const Result<TlsIdentity> identity = authority->issue({"db.example.com", "10.0.0.5"}, kNow);
  ASSERT_TRUE(identity.ok());
  const Bio pem = reading(authority->certificate_pem());
  const Certificate root(PEM_read_bio_X509(pem.get(), nullptr, no_passphrase, nullptr));
  for (const auto& [name, outcome] :
       std::vector<std::pair<std::string, Moved>>{{"db.example.com", Moved::kSome},
                                                  {"10.0.0.5", Moved::kSome},
                                                  {"example.com", Moved::kBroken},
                                                  {"10.0.0.6", Moved::kBroken}}) {
    Pair pair;
    pair.server = *TlsServer::make(*identity, kNow);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(pair.context.get()), root.get());
    X509_VERIFY_PARAM* rules = SSL_get0_param(pair.client.get());
    X509_VERIFY_PARAM_set_time(
        rules, std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(kNow)));
    if (X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str()) != 1)
      SSL_set1_host(pair.client.get(), name.c_str());
    SSL_set_verify(pair.client.get(), SSL_VERIFY_PEER, nullptr);
    EXPECT_EQ(pair.shake_hands(), outcome) << name;
  }
}

TEST(TlsServer, SendsTheWholeChain) {
  const TlsIdentity first = make_identity();
  Pair pair;
  pair.server = *TlsServer::make(
      TlsIdentity{.chain_pem = first.chain_pem + make_identity().chain_pem, .key_pem = first.key_pem.clone()},
      kNow);
  ASSERT_EQ(pair.shake_hands(), Moved::kSome);
  EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(pair.client.get())), 2);
}

TEST(TlsServer, TakesKeysOfOthersThatAreStrongEnough) {
  const PrivateKey rsa(EVP_RSA_gen(2048));
  EXPECT_EQ(refusal(by_hand(rsa.get(), EVP_sha256())), "");
  EXPECT_THAT(refusal(by_hand(rsa.get(), EVP_sha256(), "pass")), HasSubstr("the TLS key has a passphrase"));
  const PrivateKey weak(EVP_RSA_gen(1024));
  EXPECT_THAT(refusal(by_hand(weak.get(), EVP_sha256())), HasSubstr("ee key too small"));
  const PrivateKey edwards(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  EXPECT_EQ(refusal(by_hand(edwards.get(), nullptr)), "");
}

}  // namespace
}  // namespace ytb::gate
