// Server: from an HTTP request to a service's handler and back: whose service, who signs, what is asked, what
// goes wrong on purpose, and the record of it.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "tests/fakes/aws/codec.h"
#include "tests/fakes/aws/http.h"
#include "tests/fakes/aws/sigv4.h"
#include "tests/fakes/aws/world.h"

namespace ytb::fakes::aws {

class Server {
 public:
  explicit Server(World& world);
  ~Server();
  [[nodiscard]] uint16_t port() const { return http_.port(); }
  // As if it had come over the wire.
  HttpResponse handle(const HttpRequest& request);

 private:
  struct Exchange;
  void answer(const HttpRequest& request, Exchange& exchange);
  // Where requests to a service that is one for the whole partition are signed for (botocore's
  // endpoints.json).
  [[nodiscard]] std::string global_region(const std::string& service) const;
  Identity authenticate(const HttpRequest& request, Exchange& exchange);
  void work(Exchange& exchange, const json& input);
  void wait(std::chrono::milliseconds duration);

  World& world_;
  std::mutex stop_mutex_;
  std::condition_variable stop_changed_;
  bool stopping_ = false;
  HttpServer http_;  // last: it starts to call us
};

}  // namespace ytb::fakes::aws
