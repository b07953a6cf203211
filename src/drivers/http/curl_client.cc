#include "drivers/http/curl_client.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "base/text.h"

namespace ytb::http {
namespace {

constexpr size_t kIdleMax = 4;
constexpr size_t kHeaderBytesMax = 256 << 10;

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListDeleter>;

// What the callbacks fill in while a request runs.
struct Exchange {
  Response response;
  size_t body_bytes_max = 0;
  size_t header_bytes = 0;
  bool too_large = false;
  const StopFlag* stop = nullptr;
};

size_t on_body(char* data, size_t size, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const size_t bytes = size * count;
  if (bytes > exchange.body_bytes_max - exchange.response.body.size()) {
    exchange.too_large = true;
    return CURL_WRITEFUNC_ERROR;
  }
  exchange.response.body.append(data, bytes);
  return bytes;
}

size_t on_header(char* data, size_t size, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const size_t bytes = size * count;
  exchange.header_bytes += bytes;
  if (exchange.header_bytes > kHeaderBytesMax) {
    exchange.too_large = true;
    return 0;
  }
  const std::string_view line(data, bytes);
  // A status line begins a new answer: of a proxy's CONNECT, of 100 Continue, at last the real one.
  if (line.starts_with("HTTP/")) exchange.response.headers.clear();
  const size_t colon = line.find(':');
  if (!line.starts_with("HTTP/") && colon != std::string_view::npos) {
    exchange.response.headers.emplace_back(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  return bytes;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& exchange = *static_cast<Exchange*>(user);
  return exchange.stop != nullptr && exchange.stop->requested() ? 1 : 0;
}

bool has_control_characters(std::string_view text) {
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

// Debian's libcurl knows Debian's file only; the function's image is another system.
std::string system_ca_file() {
  for (const char* variable : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') return value;
  }
  for (const char* path :
       {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"}) {
    if (access(path, R_OK) == 0) return path;
  }
  return {};
}

Status check_request(const Request& request) {
  Error error{.code = Code::kConfig, .message = "", .hint = "", .retry = Retry::kNever};
  if (!request.url.starts_with("https://") && !request.url.starts_with("http://")) {
    error.message = describe(request) + ": the URL is neither https:// nor http://";
    return error;
  }
  bool odd =
      has_control_characters(request.url) || has_control_characters(request.method) || request.method.empty();
  for (const auto& [name, value] : request.headers) {
    odd = odd || name.empty() || has_control_characters(name) || has_control_characters(value) ||
          name.find(':') != std::string::npos;
  }
  if (!odd) return {};
  error.message = describe(request) + ": a header, the method or the URL holds a control character";
  return error;
}

Result<List> header_list(const Request& request) {
  curl_slist* list = nullptr;
  bool good = true;
  auto add = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(list, line.c_str());
    if (longer == nullptr) {
      good = false;
    } else {
      list = longer;
    }
  };
  // "Name;" is libcurl's way to send a header with an empty value.
  for (const auto& [name, value] : request.headers)
    add(value.empty() ? fmt::format("{};", name) : fmt::format("{}: {}", name, value));
  add("Expect:");
  if (!find_header(request.headers, "content-type")) add("Content-Type:");
  List owned(list);
  if (!good) return Error{.code = Code::kInternal, .message = "out of memory for HTTP headers", .hint = ""};
  return owned;
}

long milliseconds(Duration duration) {
  const auto count = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return count < 1 ? 1L : static_cast<long>(count);
}

// Everything but the callbacks' data. libcurl copies strings, except POSTFIELDS.
void configure(CURL* curl, const Request& request, const CurlOptions& options, const std::string& ca_file) {
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!ca_file.empty()) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file.c_str());
    // Else the system's folder of authorities would still be trusted beside the given file.
    if (!options.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
  }
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request.connect_timeout));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds(request.total_timeout));
  curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (request.direct) curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, request.may_repeat ? 0L : 1L);
  if (request.method == "HEAD") {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  } else if (request.method == "GET" && request.body.empty()) {
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
  } else if (request.method == "POST" || request.method == "PUT" || !request.body.empty()) {
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  if (request.method != "HEAD") curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

Error failure(CURL* curl, CURLcode code, const Request& request, const Exchange& exchange,
              const char* detail) {
  long sent_bytes = 0;
  curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &sent_bytes);
  const Retry retry = sent_bytes > 0 ? Retry::kInDoubt : Retry::kLater;
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    return Error{.code = Code::kInterrupted,
                 .message = describe(request) + ": stopped before the answer came",
                 .hint = "nothing is lost: the next run goes on from here",
                 .retry = retry};
  }
  if (exchange.too_large) {
    return Error{.code = Code::kExternal,
                 .message = fmt::format("{}: the answer is larger than {}", describe(request),
                                        human_bytes(request.body_bytes_max)),
                 .hint = "",
                 .retry = retry};
  }
  const std::string_view text = *detail != '\0' ? std::string_view(detail) : curl_easy_strerror(code);
  Error error{.code = Code::kConnection,
              .message = fmt::format("{}: {}{}", describe(request), printable(text),
                                     sent_bytes > 0 ? " (after the request was sent)" : ""),
              .hint = "",
              .retry = retry};
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      error.hint = "check the name, this host's DNS and its proxy settings";
      break;
    case CURLE_PEER_FAILED_VERIFICATION:
      error.hint =
          "the server's certificate is not trusted here; name its authority's PEM file if it is yours";
      break;
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
      error.code = Code::kConfig;
      error.retry = Retry::kNever;
      break;
    case CURLE_OPERATION_TIMEDOUT:
      if (sent_bytes == 0) error.hint = "check routes, security groups and proxy settings";
      break;
    default:
      break;
  }
  return error;
}

}  // namespace

struct CurlClient::Handle {
  Handle() : curl(curl_easy_init()) {}
  ~Handle() { curl_easy_cleanup(curl); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  CURL* curl;
};

CurlClient::CurlClient(CurlOptions options) : options_(std::move(options)) {
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  YTB_CHECK(kReady == CURLE_OK);
}

CurlClient::~CurlClient() = default;

std::unique_ptr<CurlClient::Handle> CurlClient::take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Handle>();
  std::unique_ptr<Handle> handle = std::move(idle_.back());
  idle_.pop_back();
  return handle;
}

void CurlClient::give_back(std::unique_ptr<Handle> handle) {
  // Options are forgotten, among them the pointers into this request; connections are kept.
  curl_easy_reset(handle->curl);
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kIdleMax) idle_.push_back(std::move(handle));
}

Result<Response> CurlClient::send(const Request& request) {
  YTB_TRY(check_request(request));
  if (request.stop != nullptr) YTB_TRY(request.stop->check());
  YTB_ASSIGN(List headers, header_list(request));
  std::unique_ptr<Handle> handle = take();
  CURL* curl = handle->curl;
  YTB_CHECK(curl != nullptr);
  const std::string ca_file = options_.ca_file.empty() ? system_ca_file() : options_.ca_file;

  Exchange exchange{.response = {}, .body_bytes_max = request.body_bytes_max, .stop = request.stop};
  std::array<char, CURL_ERROR_SIZE> detail{};
  configure(curl, request, options_, ca_file);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail.data());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);

  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) {
    Error error = failure(curl, code, request, exchange, detail.data());
    give_back(std::move(handle));
    return error;
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  exchange.response.status = static_cast<int>(status);
  give_back(std::move(handle));
  return std::move(exchange.response);
}

}  // namespace ytb::http
