#include "drivers/http/curl_client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <mutex>
#include <thread>

#include "support/temporary.h"

namespace ytb::http {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Reply {
  std::string bytes;
  std::chrono::milliseconds stall{0};  // before the bytes
  bool keep_open = false;
};

std::string ok(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\nX-Odd: a\r\n\r\n" + body;
}

// A server on loopback that answers each request with the next reply and keeps what it read. With `tls`
// it does so behind the given context.
class Server {
 public:
  explicit Server(std::vector<Reply> replies, SSL_CTX* tls = nullptr)
      : replies_(std::move(replies)), tls_(tls) {
    // A client that hangs up on us (a certificate it does not trust) must not end the test: OpenSSL writes
    // plainly.
    std::signal(SIGPIPE, SIG_IGN);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Server() {
    closing_ = true;
    shutdown(listener_, SHUT_RDWR);
    shutdown(connection_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  [[nodiscard]] std::string url(const std::string& path, const std::string& scheme = "http") const {
    return scheme + "://127.0.0.1:" + std::to_string(port_) + path;
  }
  [[nodiscard]] int port() const { return port_; }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void run() {
    while (!closing_ && next_ < replies_.size()) {
      connection_ = accept(listener_, nullptr, nullptr);
      if (connection_ < 0) return;
      ++connections_;
      SSL* ssl = tls_ != nullptr ? SSL_new(tls_) : nullptr;
      if (ssl != nullptr) SSL_set_fd(ssl, connection_);
      if (ssl == nullptr || SSL_accept(ssl) == 1) {
        while (next_ < replies_.size() && serve(ssl)) {
        }
      }
      SSL_free(ssl);
      close(connection_);
    }
  }
  // One request. False: the connection is to be closed.
  bool serve(SSL* ssl) {
    std::string text;
    std::array<char, 4096> buffer{};
    while (!whole(text)) {
      const ssize_t count = ssl != nullptr ? SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()))
                                           : read(connection_, buffer.data(), buffer.size());
      if (count <= 0) return false;
      text.append(buffer.data(), static_cast<size_t>(count));
    }
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(text);
    }
    const Reply& reply = replies_[next_++];
    for (auto waited = std::chrono::milliseconds(0); waited < reply.stall && !closing_;
         waited += std::chrono::milliseconds(10)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    const int size = static_cast<int>(reply.bytes.size());
    if (size == 0) return reply.keep_open;
    const ssize_t sent = ssl != nullptr
                             ? SSL_write(ssl, reply.bytes.data(), size)
                             : send(connection_, reply.bytes.data(), reply.bytes.size(), MSG_NOSIGNAL);
    return sent == size && reply.keep_open;
  }
  static bool whole(const std::string& text) {
    const size_t end = text.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const size_t at = text.find("Content-Length: ");
    const size_t length = at < end ? std::stoul(text.substr(at + 16)) : 0;
    return text.size() >= end + 4 + length;
  }

  std::vector<Reply> replies_;
  SSL_CTX* tls_;
  size_t next_ = 0;
  int listener_ = -1;
  std::atomic<int> connection_{-1};
  std::atomic<int> connections_{0};
  std::atomic<bool> closing_{false};
  int port_ = 0;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

TEST(CurlClient, SendsWhatWasAskedAndReturnsAnyStatus) {
  Server server({{.bytes = "HTTP/1.1 403 Forbidden\r\nX-Request: r1\r\nContent-Length: 4\r\n\r\nno"}});
  CurlClient client;
  Result<Response> response = client.send({.method = "POST",
                                           .url = server.url("/a/../b%20c?x=1&y=%2F"),
                                           .headers = {{"X-Amz-Target", "T.Op"}, {"X-Empty", ""}},
                                           .body = "a=b"});
  // Four bytes were promised and two came.
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().retry, Retry::kInDoubt);

  Server second({{.bytes = "HTTP/1.1 403 Forbidden\r\nX-Request: r1\r\nContent-Length: 2\r\n\r\nno"}});
  response = client.send({.method = "POST",
                          .url = second.url("/a/../b%20c?x=1&y=%2F"),
                          .headers = {{"X-Amz-Target", "T.Op"}, {"X-Empty", ""}},
                          .body = "a=b"});
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response->status, 403);
  EXPECT_EQ(response->body, "no");
  EXPECT_EQ(response->header("x-request"), "r1");
  EXPECT_EQ(response->header("x-none"), std::nullopt);
  ASSERT_EQ(second.requests().size(), 1U);
  const std::string text = second.requests()[0];
  EXPECT_THAT(text, testing::StartsWith("POST /a/../b%20c?x=1&y=%2F HTTP/1.1\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nX-Amz-Target: T.Op\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nX-Empty:\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nContent-Length: 3\r\n"));
  EXPECT_THAT(text, testing::EndsWith("\r\n\r\na=b"));
  EXPECT_THAT(text, Not(HasSubstr("Expect")));
  EXPECT_THAT(text, Not(HasSubstr("urlencoded")));
}

TEST(CurlClient, EveryMethodGoesOutAsItself) {
  CurlClient client;
  for (const std::string method : {"GET", "HEAD", "PUT", "DELETE", "POST"}) {
    Server server({{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}});
    Result<Response> response = client.send({.method = method, .url = server.url("/")});
    ASSERT_TRUE(response.ok()) << method << ": " << response.error().message;
    EXPECT_THAT(server.requests().at(0), testing::StartsWith(method + " / HTTP/1.1\r\n"));
    const bool has_length = method == "PUT" || method == "POST";
    EXPECT_EQ(server.requests().at(0).find("Content-Length: 0") != std::string::npos, has_length) << method;
  }
}

TEST(CurlClient, RedirectsAreAnswers) {
  Server elsewhere({{.bytes = ok("stolen")}});
  Server server(
      {{.bytes = "HTTP/1.1 302 Found\r\nLocation: " + elsewhere.url("/") + "\r\nContent-Length: 0\r\n\r\n"}});
  CurlClient client;
  Result<Response> response = client.send({.url = server.url("/"), .headers = {{"Authorization", "s3cret"}}});
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 302);
  EXPECT_TRUE(elsewhere.requests().empty());
}

TEST(CurlClient, NothingListensMeansNeverSent) {
  int port = 0;
  { port = Server({}).port(); }
  CurlClient client;
  Result<Response> response =
      client.send({.method = "POST",
                   .url = "http://user:s3cret@127.0.0.1:" + std::to_string(port) + "/p?token=s3cret",
                   .headers = {{"Authorization", "s3cret"}},
                   .body = "s3cret"});
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, Code::kConnection);
  EXPECT_EQ(response.error().retry, Retry::kLater);
  EXPECT_THAT(response.error().message, HasSubstr("POST http://127.0.0.1:" + std::to_string(port) + "/p: "));
  EXPECT_THAT(to_string(response.error()), Not(HasSubstr("s3cret")));
}

TEST(CurlClient, AnswerThatNeverComesIsInDoubt) {
  for (const Reply& reply : {Reply{.bytes = "", .stall = std::chrono::seconds(5)}, Reply{.bytes = ""},
                             Reply{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}}) {
    Server server({reply});
    CurlClient client;
    Result<Response> response = client.send({.method = "POST",
                                             .url = server.url("/"),
                                             .body = "a=b",
                                             .total_timeout = std::chrono::milliseconds(300)});
    ASSERT_FALSE(response.ok());
    EXPECT_EQ(response.error().code, Code::kConnection);
    EXPECT_EQ(response.error().retry, Retry::kInDoubt);
    EXPECT_THAT(response.error().message, HasSubstr("after the request was sent"));
    EXPECT_EQ(server.requests().size(), 1U);
  }
}

TEST(CurlClient, LargeAnswersAreRefused) {
  Server server({{.bytes = ok(std::string(1000, 'x'))}, {.bytes = ok(std::string(1001, 'x'))}});
  CurlClient client;
  Result<Response> fits = client.send({.url = server.url("/"), .body_bytes_max = 1000});
  ASSERT_TRUE(fits.ok()) << fits.error().message;
  EXPECT_EQ(fits->body.size(), 1000U);
  Result<Response> response = client.send({.url = server.url("/"), .body_bytes_max = 1000});
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, Code::kExternal);
  EXPECT_EQ(response.error().retry, Retry::kInDoubt);
  EXPECT_THAT(response.error().message, HasSubstr("the answer is larger than 1.0 kB"));
}

TEST(CurlClient, StopEndsTheWait) {
  Server server({{.bytes = ok(""), .stall = std::chrono::seconds(30)}});
  CurlClient client;
  StopFlag stop;
  std::thread stopper([&] {
    while (server.requests().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    stop.request();
  });
  const auto start = std::chrono::steady_clock::now();
  Result<Response> response = client.send({.url = server.url("/"), .stop = &stop});
  stopper.join();
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, Code::kInterrupted);
  EXPECT_EQ(response.error().retry, Retry::kInDoubt);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  // Asked again, it does not even begin.
  EXPECT_EQ(client.send({.url = server.url("/"), .stop = &stop}).error().retry, Retry::kLater);
}

TEST(CurlClient, OnlyRepeatableRequestsShareAConnection) {
  const Reply open{.bytes = ok("x"), .keep_open = true};
  {
    Server server({open, open});
    CurlClient client;
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(client.send({.url = server.url("/"), .may_repeat = true}).ok());
    }
    EXPECT_EQ(server.connections(), 1);
  }
  // The server still listens on the first connection only: what comes over another one stays unread.
  Server server({open, open});
  CurlClient client;
  ASSERT_TRUE(client.send({.method = "POST", .url = server.url("/"), .body = "1"}).ok());
  Result<Response> second = client.send({.method = "POST",
                                         .url = server.url("/"),
                                         .body = "2",
                                         .total_timeout = std::chrono::milliseconds(300)});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().retry, Retry::kInDoubt);
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST(CurlClient, RefusesWhatWouldSplitHeaders) {
  CurlClient client;
  for (const Request& request : {Request{.url = "http://127.0.0.1/", .headers = {{"X", "a\r\nY: b"}}},
                                 Request{.url = "http://127.0.0.1/ \n"}, Request{.url = "file:///etc/passwd"},
                                 Request{.url = "ftp://h/"}}) {
    Result<Response> response = client.send(request);
    ASSERT_FALSE(response.ok());
    EXPECT_EQ(response.error().code, Code::kConfig);
    EXPECT_EQ(response.error().retry, Retry::kNever);
  }
}

TEST(CurlClient, DirectRequestsPassTheProxyBy) {
  Server proxy({{.bytes = ok("proxied")}});
  Server server({{.bytes = ok("direct")}});
  setenv("http_proxy", proxy.url("").c_str(), 1);
  CurlClient client;
  Result<Response> through = client.send({.url = server.url("/")});
  Result<Response> past = client.send({.url = server.url("/"), .direct = true});
  unsetenv("http_proxy");
  ASSERT_TRUE(through.ok() && past.ok());
  EXPECT_EQ(through->body, "proxied");
  EXPECT_EQ(past->body, "direct");
}

// A certificate of its own authority for 127.0.0.1.
struct Certificate {
  Certificate() {
    key = EVP_EC_gen("P-256");
    x509 = X509_new();
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key);
    X509_NAME* name = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("ytb test"),
                               -1, -1, 0);
    X509_set_issuer_name(x509, name);
    X509_EXTENSION* alternative = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(x509, alternative, -1);
    X509_EXTENSION_free(alternative);
    EXPECT_GT(X509_sign(x509, key, EVP_sha256()), 0);
    context = SSL_CTX_new(TLS_server_method());
    EXPECT_EQ(SSL_CTX_use_certificate(context, x509), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey(context, key), 1);
  }
  ~Certificate() {
    SSL_CTX_free(context);
    X509_free(x509);
    EVP_PKEY_free(key);
  }
  void write(const std::string& path) const {
    FILE* file = fopen(path.c_str(), "we");
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(PEM_write_X509(file, x509), 1);
    fclose(file);
  }
  EVP_PKEY* key;
  X509* x509;
  SSL_CTX* context;
};

TEST(CurlClient, TlsIsVerifiedAndAnAuthorityCanBeGiven) {
  const Certificate certificate;
  const tests::TemporaryFolder folder;
  certificate.write(folder.path() + "/ca.pem");
  Server server({{.bytes = ok("secret place")}, {.bytes = ok("again")}}, certificate.context);

  CurlClient strangers;
  Result<Response> refused = strangers.send({.method = "POST", .url = server.url("/", "https"), .body = "x"});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().retry, Retry::kLater);
  EXPECT_THAT(refused.error().hint, HasSubstr("not trusted here"));
  EXPECT_TRUE(server.requests().empty());

  CurlClient friends({.ca_file = folder.path() + "/ca.pem"});
  Result<Response> response = friends.send({.method = "POST", .url = server.url("/", "https"), .body = "x"});
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response->body, "secret place");

  // The right authority, the wrong name.
  Result<Response> misnamed =
      friends.send({.url = "https://localhost:" + std::to_string(server.port()) + "/"});
  ASSERT_FALSE(misnamed.ok());
  EXPECT_EQ(server.requests().size(), 1U);

  CurlClient lost({.ca_file = folder.path() + "/none.pem"});
  EXPECT_EQ(lost.send({.url = server.url("/", "https")}).error().code, Code::kConfig);
}

TEST(Transport, SecretHeadersAreHidden) {
  const Headers shown =
      loggable({{"AUTHORIZATION", "s"}, {"X-Amz-Security-Token", "s"}, {"X-Amz-Date", "d"}});
  EXPECT_EQ(
      shown,
      (Headers{{"AUTHORIZATION", "(hidden)"}, {"X-Amz-Security-Token", "(hidden)"}, {"X-Amz-Date", "d"}}));
}

}  // namespace
}  // namespace ytb::http
