// Transport: one HTTP request, one answer. Callers take this class, so that tests script the answers.
//
// Errors tell "it was never sent" (Retry::kLater: safe to do again) from "no whole answer came back"
// (Retry::kInDoubt: it may have been done). An answer of any status is a Response, never an Error: what a
// status means is its caller's to know. No error holds a header, a body, a query string or user information.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "base/time.h"

namespace ytb::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method = "GET";
  std::string url;  // http:// or https://, percent-encoded as it goes on the wire
  Headers headers = {};
  std::string body = {};

  Duration connect_timeout = std::chrono::seconds(10);
  Duration total_timeout = std::chrono::seconds(60);
  size_t body_bytes_max = 16 << 20;  // of the answer; a larger one is refused
  bool may_repeat = false;           // sending it twice does no harm: it may go over a connection kept open
  bool direct = false;               // past any proxy: link-local and loopback services
  const StopFlag* stop = nullptr;    // ends the wait with kInterrupted
};

struct Response {
  int status = 0;
  Headers headers = {};
  std::string body = {};
  // The first header of that name, whatever its case.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual Result<Response> send(const Request& request) = 0;
};

std::optional<std::string_view> find_header(const Headers& headers, std::string_view name);
// "POST https://host/path": without user information, query and fragment. For messages and logs.
std::string describe(const Request& request);
// Headers as they may be logged: the values of Authorization, Proxy-Authorization, X-Amz-Security-Token,
// metadata and session tokens, and cookies are replaced.
Headers loggable(const Headers& headers);

}  // namespace ytb::http
