#include "tests/fakes/aws/http.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <optional>

#include "base/check.h"
#include "base/text.h"
#include "tests/fakes/aws/loopback.h"

namespace ytb::fakes::aws {
namespace {

constexpr size_t kHeadBytesMax = 64UL * 1024;
constexpr size_t kBodyBytesMax = 64UL * 1024 * 1024;
constexpr size_t kReadBytes = 16384;

// A connection's unread bytes.
class Reader {
 public:
  explicit Reader(int fd) : fd_(fd) {}
  // Up to and including `end`; nothing at the connection's end or past the limit.
  std::optional<std::string> until(std::string_view end, size_t limit) {
    size_t at = 0;
    while ((at = buffer_.find(end)) == std::string::npos) {
      if (buffer_.size() > limit || !fill()) return std::nullopt;
    }
    return take(at + end.size());
  }
  std::optional<std::string> exactly(size_t count) {
    while (buffer_.size() < count) {
      if (!fill()) return std::nullopt;
    }
    return take(count);
  }

 private:
  bool fill() {
    char chunk[kReadBytes];
    ssize_t got = recv(fd_, chunk, sizeof chunk, 0);
    if (got <= 0) return false;
    buffer_.append(chunk, static_cast<size_t>(got));
    return true;
  }
  std::string take(size_t count) {
    std::string out = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return out;
  }
  int fd_;
  std::string buffer_;
};

bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t sent = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool parse_head(const std::string& head, HttpRequest& request) {
  std::vector<std::string> lines = split(head, '\n');
  if (lines.empty()) return false;
  std::vector<std::string> first = split(trim(lines[0]), ' ');
  if (first.size() != 3 || first[2].rfind("HTTP/1.", 0) != 0) return false;
  request.method = first[0];
  size_t question = first[1].find('?');
  request.path = first[1].substr(0, question);
  if (question != std::string::npos) request.query = first[1].substr(question + 1);
  for (size_t i = 1; i < lines.size(); ++i) {
    std::string_view line = trim(lines[i]);
    if (line.empty()) continue;
    size_t colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    request.headers.emplace_back(to_lower_ascii(line.substr(0, colon)),
                                 std::string(trim(line.substr(colon + 1))));
  }
  return true;
}

std::optional<std::string> read_body(Reader& reader, const HttpRequest& request) {
  if (to_lower_ascii(request.header("transfer-encoding")) == "chunked") {
    std::string body;
    while (body.size() < kBodyBytesMax) {
      auto line = reader.until("\r\n", kHeadBytesMax);
      if (!line) return std::nullopt;
      size_t size = 0;
      std::from_chars(line->data(), line->data() + line->size(), size, 16);
      auto chunk = reader.exactly(size + 2);
      if (!chunk) return std::nullopt;
      if (size == 0) return body;
      body.append(*chunk, 0, size);
    }
    return std::nullopt;
  }
  std::string length = request.header("content-length");
  size_t size = 0;
  std::from_chars(length.data(), length.data() + length.size(), size);
  if (size > kBodyBytesMax) return std::nullopt;
  return reader.exactly(size);
}

std::string_view reason_of(int status) {
  if (status < 300) return "OK";
  return status < 500 ? "Refused" : "Error";
}

std::string head_of(const HttpResponse& response, bool with_length) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_of(response.status));
  bool length_given = false;
  for (const auto& [name, value] : response.headers) {
    out += fmt::format("{}: {}\r\n", name, value);
    length_given = length_given || to_lower_ascii(name) == "content-length";
  }
  if (with_length && !length_given) out += fmt::format("Content-Length: {}\r\n", response.body.size());
  return out + "\r\n";
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string HttpRequest::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

bool HttpRequest::has(std::string_view name) const {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& pair) { return pair.first == name; });
}

HttpServer::HttpServer(uint16_t port, Handler handler) : handler_(std::move(handler)) {
  const Loopback bound = bind_loopback(SOCK_STREAM, port);
  listener_ = bound.fd;
  port_ = bound.port;
  acceptor_ = std::thread([this] { accept_loop(); });
}

HttpServer::~HttpServer() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  {
    std::lock_guard lock(mutex_);
    for (Connection& connection : connections_) shutdown(connection.fd, SHUT_RDWR);
  }
  for (Connection& connection : connections_) {
    connection.thread.join();
    close(connection.fd);
  }
}

void HttpServer::accept_loop() {
  while (!stopping_) {
    int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    std::lock_guard lock(mutex_);
    if (stopping_) {
      close(fd);
      return;
    }
    reap();
    Connection& connection = connections_.emplace_back();
    connection.fd = fd;
    connection.thread = std::thread([this, &connection] { serve(connection); });
  }
}

void HttpServer::reap() {
  for (auto it = connections_.begin(); it != connections_.end();) {
    if (!it->done) {
      ++it;
      continue;
    }
    it->thread.join();
    close(it->fd);
    it = connections_.erase(it);
  }
}

void HttpServer::serve(Connection& connection) {
  Reader reader(connection.fd);
  while (!stopping_) {
    auto head = reader.until("\r\n\r\n", kHeadBytesMax);
    HttpRequest request;
    if (!head || !parse_head(*head, request)) break;
    if (to_lower_ascii(request.header("expect")) == "100-continue" &&
        !send_all(connection.fd, "HTTP/1.1 100 Continue\r\n\r\n")) {
      break;
    }
    auto body = read_body(reader, request);
    if (!body) break;
    request.body = std::move(*body);
    HttpResponse response = handler_(request);
    if (response.drop) break;
    bool head_only = request.method == "HEAD";
    std::string out = head_of(response, !head_only && response.status != 204);
    if (!head_only) {
      out += response.truncate ? response.body.substr(0, response.body.size() / 2) : response.body;
    }
    if (!send_all(connection.fd, out) || response.truncate) break;
    if (to_lower_ascii(request.header("connection")) == "close") break;
  }
  shutdown(connection.fd, SHUT_RDWR);
  connection.done = true;
}

std::string percent_decode(std::string_view text, bool form) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += form && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::string percent_encode(std::string_view text, bool path) {
  std::string out;
  for (char c : text) {
    bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                 c == '_' || c == '.' || c == '~' || (path && c == '/');
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace ytb::fakes::aws
