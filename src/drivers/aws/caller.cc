#include "drivers/aws/caller.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "drivers/aws/fault.h"

namespace ytb::aws {
namespace {

constexpr int kQuotaMax = 500;
constexpr int kRetryCost = 5;
constexpr int kTimeoutRetryCost = 10;
constexpr int kSuccessReturn = 1;
constexpr Duration kSkewTolerated = std::chrono::minutes(4);
constexpr Duration kSleepStep = std::chrono::milliseconds(500);
constexpr size_t kMessageBytesMax = 1000;
// Beside the attempts: once for new credentials, once for a corrected clock.
constexpr int kExtraTries = 2;

double system_random() {
  constexpr uint32_t kSteps = 1U << 24;
  return static_cast<double>(randombytes_uniform(kSteps)) / kSteps;
}

// "Tue, 24 Nov 2026 00:04:56 GMT" (RFC 9110's preferred form).
std::optional<Instant> from_http_date(std::string_view text) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29 || !text.ends_with(" GMT")) return std::nullopt;
  const size_t month = kMonths.find(text.substr(8, 3));
  if (month == std::string_view::npos || month % 3 != 0) return std::nullopt;
  return from_iso(fmt::format("{}-{:02}-{}T{}Z", text.substr(12, 4), month / 3 + 1, text.substr(5, 2),
                              text.substr(17, 8)));
}

void hide(std::string& text, std::string_view secret) {
  if (secret.size() < 4) return;
  for (size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
    text.replace(at, secret.size(), "(hidden)");
    at += 8;
  }
}

std::string clean_message(std::string message, const Call& call, const Credentials* credentials) {
  // A refused signature is explained by the whole request, the session token included.
  const size_t explained = message.find("The Canonical String for this request");
  if (explained != std::string::npos) message.resize(explained);
  if (credentials != nullptr) {
    hide(message, credentials->secret_access_key.reveal());
    hide(message, credentials->session_token.reveal());
  }
  for (const std::string& secret : call.hidden) hide(message, secret);
  if (message.size() > kMessageBytesMax) message = message.substr(0, kMessageBytesMax) + "…";
  return printable(trim(message));
}

std::string label(const Call& call) { return fmt::format("{} {}", title_of(call.service), call.operation); }

std::string hint_for(const Call& call, FaultKind kind, const Fault& fault) {
  switch (kind) {
    case FaultKind::kDenied:
      return fmt::format(
          "allow {}:{} in the policy of who we are (aws sts get-caller-identity), and check that "
          "nothing denies it",
          name_of(call.service), call.operation);
    case FaultKind::kExpired:
      return "log in again, or let credentials be renewed by a role or a credential_process";
    case FaultKind::kSkewed:
      return "check this host's clock, and that the secret access key is whole";
    case FaultKind::kExhausted:
      return "delete what is not needed, or ask AWS for a higher quota";
    default:
      break;
  }
  if (fault.code == "PermanentRedirect" || fault.code == "AuthorizationHeaderMalformed") {
    return "the bucket is in another region";
  }
  return {};
}

bool expects(const Call& call, const Fault& fault) {
  return std::any_of(call.expected.begin(), call.expected.end(), [&](const ExpectedFault& expected) {
    return expected.code == fault.code && fault.message.find(expected.message_part) != std::string::npos;
  });
}

Retry meaning_of(const Call& call, FaultKind kind, const Fault& fault) {
  switch (kind) {
    case FaultKind::kTransient:
      return call.effect == Effect::kReads ? Retry::kLater : Retry::kInDoubt;
    case FaultKind::kBusy:
    case FaultKind::kThrottled:
    case FaultKind::kExpired:
      return Retry::kLater;
    case FaultKind::kSkewed:
      // A signature that does not match may be a matter of the clock, but is mostly one of the key. What came
      // late or early says so: "Signature expired: …", "Signature not yet current: …".
      return fault.code.starts_with("Request") || fault.message.starts_with("Signature ") ? Retry::kLater
                                                                                          : Retry::kNever;
    default:
      return Retry::kNever;
  }
}

}  // namespace

// How one try ended: an answer, a fault or an error of the transport.
struct Caller::Attempt {
  std::optional<http::Response> response;
  std::optional<Fault> fault;
  std::optional<Error> error;
  FaultKind kind = FaultKind::kFinal;  // of `fault`
  std::shared_ptr<const Credentials> credentials;
};

struct Caller::Progress {
  int attempts = 0;
  int taken = 0;  // from the quota, by the last retry
  bool renewed = false;
  bool clock_adjusted = false;
  bool in_doubt = false;
};

Error to_error(const Call& call, const Fault& fault) {
  const FaultKind kind = classify(fault);
  Error error{.code = Code::kExternal,
              .message = fmt::format("{}: {}{}{}", label(call), printable(fault.code),
                                     fault.message.empty() ? "" : ": ", fault.message),
              .hint = hint_for(call, kind, fault),
              .retry = fault.retry};
  error.message += fmt::format(" (HTTP {}", fault.http_status);
  if (!fault.request_id.empty()) error.message += ", request " + printable(fault.request_id.substr(0, 100));
  error.message += ")";
  if (kind == FaultKind::kDenied || kind == FaultKind::kExpired) error.code = Code::kConnection;
  if (kind == FaultKind::kExhausted || fault.code.find("Capacity") != std::string::npos)
    error.code = Code::kSpace;
  return error;
}

bool is_from_aws(const Error& error) { return error.message.find(" (HTTP ") != std::string::npos; }

bool is_denial(const Error& error) { return error.code == Code::kConnection && is_from_aws(error); }

Error malformed(const Call& call, const Answer& answer, std::string_view what) {
  Error error{.code = Code::kExternal,
              .message = fmt::format("{}: the answer cannot be used: {} (HTTP {}", label(call), what,
                                     answer.response.status),
              .hint = "",
              .retry = call.effect == Effect::kReads ? Retry::kLater : Retry::kInDoubt};
  if (!answer.request_id.empty()) error.message += ", request " + printable(answer.request_id.substr(0, 100));
  error.message += ")";
  return error;
}

Caller::Caller(http::Transport& transport, CredentialSource& credentials, Clock& clock,
               EndpointOptions endpoints, CallerOptions options)
    : transport_(transport),
      credentials_(credentials),
      clock_(clock),
      endpoints_(std::move(endpoints)),
      options_(std::move(options)),
      quota_(kQuotaMax) {
  YTB_CHECK(options_.attempts_max >= 1 && options_.attempts_max <= 20);
  YTB_CHECK(sodium_init() >= 0);
  if (!options_.random) options_.random = system_random;
}

Result<http::Request> Caller::build(const Call& call) const {
  YTB_ASSIGN(const Endpoint endpoint, resolve_endpoint(call.service, endpoints_));
  std::string url = endpoint.url;
  if (!call.host_prefix.empty()) url.insert(url.find("://") + 3, call.host_prefix + ".");
  url += call.path;
  std::string query;
  for (const auto& [name, value] : call.query) {
    query += (query.empty() ? "?" : "&") + uri_encode(name) + "=" + uri_encode(value);
  }
  return http::Request{.method = call.method,
                       .url = url + query,
                       .headers = call.headers,
                       .body = call.body,
                       .connect_timeout = options_.connect_timeout,
                       .total_timeout = options_.total_timeout,
                       .body_bytes_max = call.answer_bytes_max,
                       .may_repeat = call.effect == Effect::kReads,
                       .stop = options_.stop};
}

Result<Caller::Attempt> Caller::attempt(const Call& call, const http::Request& request) {
  Attempt attempt;
  http::Request signed_request = request;
  if (call.is_signed) {
    YTB_ASSIGN(attempt.credentials, credentials_.get());
    YTB_ASSIGN(const Endpoint endpoint, resolve_endpoint(call.service, endpoints_));
    signed_request = sign(std::move(signed_request), *attempt.credentials, endpoint.signing_region,
                          endpoint.signing_name, clock_.now() + clock_offset());
  }
  Result<http::Response> response = transport_.send(signed_request);
  if (!response.ok()) {
    attempt.error = std::move(response).error();
    return attempt;
  }
  attempt.response = std::move(response).value();
  if (attempt.response->status >= 200 && attempt.response->status < 300) return attempt;
  Fault fault = read_fault(*attempt.response);
  fault.message = clean_message(std::move(fault.message), call, attempt.credentials.get());
  const auto bucket_region = attempt.response->header("x-amz-bucket-region");
  if (call.service == Service::kS3 && bucket_region && *bucket_region != endpoints_.region) {
    fault.message += fmt::format(" (the bucket is in {})", printable(*bucket_region));
  }
  attempt.kind = classify(fault);
  fault.retry = meaning_of(call, attempt.kind, fault);
  attempt.fault = std::move(fault);
  return attempt;
}

// Whether to try again; what that costs is taken, and what the last attempt taught is put to use.
bool Caller::may_go_on(const Call& call, const Attempt& attempt, Progress& progress) {
  int cost = kRetryCost;
  bool in_doubt = false;
  if (attempt.error) {
    if (attempt.error->code != Code::kConnection || attempt.error->retry == Retry::kNever) return false;
    in_doubt = attempt.error->retry == Retry::kInDoubt;
    cost = kTimeoutRetryCost;
  } else {
    switch (attempt.kind) {
      case FaultKind::kExpired:
        if (progress.renewed || attempt.credentials == nullptr) return false;
        progress.renewed = true;
        credentials_.renew(*attempt.credentials);
        return true;
      case FaultKind::kSkewed:
        if (progress.clock_adjusted || !adjust_clock(attempt)) return false;
        progress.clock_adjusted = true;
        return true;
      case FaultKind::kThrottled:
        break;
      case FaultKind::kTransient:
        in_doubt = true;
        break;
      default:
        return false;
    }
  }
  if (in_doubt && call.effect == Effect::kOnce) return false;
  ++progress.attempts;
  if (progress.attempts >= options_.attempts_max || !take_quota(cost)) return false;
  progress.taken = cost;
  return true;
}

// True where AWS's clock was learned to be another than we thought.
bool Caller::adjust_clock(const Attempt& attempt) {
  const auto date = attempt.response->header("date");
  const std::optional<Instant> theirs = date ? from_http_date(*date) : std::nullopt;
  if (!theirs) return false;
  const Duration offset = *theirs - clock_.now();
  if (std::chrono::abs(offset - clock_offset()) < kSkewTolerated) return false;
  offset_us_ = offset.count();
  return true;
}

Status Caller::pause(int attempts_done) {
  Duration longest = std::chrono::seconds(1);
  for (int i = 1; i < attempts_done && longest < options_.backoff_max; ++i) longest *= 2;
  longest = std::min(longest, options_.backoff_max);
  Duration left(static_cast<Duration::rep>(options_.random() * static_cast<double>(longest.count())));
  while (left > Duration::zero()) {
    if (options_.stop != nullptr) YTB_TRY(options_.stop->check());
    const Duration step = std::min(left, kSleepStep);
    clock_.sleep(step);
    left -= step;
  }
  return {};
}

bool Caller::take_quota(int cost) {
  const std::lock_guard lock(mutex_);
  if (cost > quota_) return false;
  quota_ -= cost;
  return true;
}

void Caller::return_quota(int cost) {
  const std::lock_guard lock(mutex_);
  quota_ = std::min(kQuotaMax, quota_ + cost);
}

Result<Answer> Caller::call(const Call& call) {
  YTB_ASSIGN(const http::Request request, build(call));
  Progress progress;
  const bool changes = call.effect != Effect::kReads;
  for (int tries = 0; tries < options_.attempts_max + kExtraTries; ++tries) {
    Result<Attempt> tried = attempt(call, request);
    if (!tried.ok()) {
      Error error = std::move(tried).error().while_doing(label(call));
      if (progress.in_doubt) error.retry = Retry::kInDoubt;
      return error;
    }
    Attempt& attempt = *tried;
    const bool is_expected = attempt.fault && expects(call, *attempt.fault);
    if (!attempt.error && (!attempt.fault || is_expected)) {
      return_quota(progress.taken > 0 ? progress.taken : kSuccessReturn);
      Answer answer{
          .response = std::move(*attempt.response), .request_id = {}, .fault = std::move(attempt.fault)};
      answer.request_id = answer.fault ? answer.fault->request_id : request_id_of(answer.response);
      return answer;
    }
    if (changes && ((attempt.error && attempt.error->retry == Retry::kInDoubt) ||
                    (attempt.fault && attempt.kind == FaultKind::kTransient))) {
      progress.in_doubt = true;
    }
    const int attempts_before = progress.attempts;
    const bool goes_on = may_go_on(call, attempt, progress);
    Status paused;
    if (goes_on && progress.attempts > attempts_before) paused = pause(progress.attempts);
    if (goes_on && paused.ok()) continue;
    Error error = !paused.ok()    ? std::move(paused).error()
                  : attempt.error ? std::move(*attempt.error).while_doing(label(call))
                                  : to_error(call, *attempt.fault);
    if (attempt.error && !changes && error.retry == Retry::kInDoubt) error.retry = Retry::kLater;
    if (progress.in_doubt) error.retry = Retry::kInDoubt;
    return error;
  }
  YTB_CHECK_MSG(false, "a call tried more often than it may");
  return Error{};
}

Result<Caller::Signer> Caller::signer() {
  YTB_ASSIGN(std::shared_ptr<const Credentials> credentials, credentials_.get());
  return Signer{.credentials = std::move(credentials),
                .region = endpoints_.region,
                .now = clock_.now() + clock_offset()};
}

}  // namespace ytb::aws
