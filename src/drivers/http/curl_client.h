// CurlClient: the Transport that talks to the world, through libcurl.
//
// HTTP/1.1. TLS is always verified, down to the host's name. Redirects are answers, not followed. The proxy
// settings of the environment (HTTPS_PROXY, http_proxy, NO_PROXY) hold, but for requests that ask for
// `direct`. A request that must not be sent twice gets a connection of its own: libcurl resends by itself
// what it believes a dead kept-open connection swallowed. Thread-safe; each running request has its own
// handle.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "drivers/http/transport.h"

namespace ytb::http {

struct CurlOptions {
  // A PEM file of authorities to trust instead of the system's; "": the file named by CURL_CA_BUNDLE or
  // SSL_CERT_FILE, else where this kind of system keeps its own.
  std::string ca_file = {};
  std::string user_agent = "yesterdaytabase";
};

class CurlClient final : public Transport {
 public:
  explicit CurlClient(CurlOptions options = {});
  ~CurlClient() override;

  // kConfig where the URL, a header or the CA file cannot be used; kConnection where no answer came;
  // kExternal where the answer is larger than asked for or is no HTTP; kInterrupted on stop.
  Result<Response> send(const Request& request) override;

 private:
  struct Handle;
  std::unique_ptr<Handle> take();
  void give_back(std::unique_ptr<Handle> handle);

  CurlOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Handle>> idle_;
};

}  // namespace ytb::http
