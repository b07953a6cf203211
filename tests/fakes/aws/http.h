// HttpServer: HTTP/1.1 over loopback, as much as AWS's clients use of it.
//
// Written by hand because faults need what a library hides: the raw target and header order for signatures,
// ending a connection before or in the middle of an answer. One thread a connection; the handler is called
// from all of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace ytb::fakes::aws {

struct HttpRequest {
  std::string method;
  std::string path;                                          // as sent, without the query
  std::string query;                                         // as sent, without "?"
  std::vector<std::pair<std::string, std::string>> headers;  // names lower-case, in the order sent
  std::string body;

  [[nodiscard]] std::string header(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool drop = false;      // no answer at all
  bool truncate = false;  // half of the body, then the end
};

class HttpServer {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;
  // Listens at once; 0: a free port.
  HttpServer(uint16_t port, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  struct Connection {
    int fd = -1;
    std::atomic<bool> done{false};
    std::thread thread;
  };
  void accept_loop();
  void serve(Connection& connection);
  void reap();

  Handler handler_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::list<Connection> connections_;
  std::thread acceptor_;
};

// "%2F" → "/", and "+" → " " where `form`. Broken escapes stay as they are.
std::string percent_decode(std::string_view text, bool form = false);
// AWS's encoding: all but unreserved characters; "/" is kept where `path`.
std::string percent_encode(std::string_view text, bool path = false);

}  // namespace ytb::fakes::aws
