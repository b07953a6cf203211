// Caller: one call of an AWS service: build, sign (anew for each try), send, understand, try again within
// bounds.
//
// Retries are AWS's "standard" mode: three attempts, exponential back-off with full jitter up to 20 s, and a
// quota shared by all calls, so that an outage is not answered by a storm. Unlike it, a call whose effect may
// not happen twice (Effect::kOnce) is repeated only where it was never sent or was refused. An error's
// `retry` is what its caller may do: kNever; kLater (nothing was done); kInDoubt (sent, and perhaps done:
// look first). Where any attempt ended in doubt, so does the call. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "drivers/aws/credentials.h"
#include "drivers/aws/endpoints.h"
#include "drivers/http/transport.h"

namespace ytb::aws {

enum class Effect {
  kReads,       // changes nothing
  kRepeatable,  // doing it twice is as doing it once
  kOnce,        // doing it twice is wrong
};

struct ExpectedFault {
  std::string code;
  std::string message_part = {};  // where one code stands for several matters
};

struct Call {
  Service service;
  std::string operation;  // "DescribeDBSnapshots"
  Effect effect = Effect::kReads;
  std::string method = "POST";
  std::string path = "/";  // percent-encoded
  std::vector<std::pair<std::string, std::string>> query = {};
  http::Headers headers = {};
  std::string body = {};
  // Errors that its caller understands: they come back as Answer::fault.
  std::vector<ExpectedFault> expected = {};
  // Values that no message may show, should AWS repeat them.
  std::vector<std::string> hidden = {};
  // S3: the bucket, put before the host.
  std::string host_prefix = {};
  bool is_signed = true;
  size_t answer_bytes_max = 16 << 20;
};

// AWS said no.
struct Fault {
  std::string code;     // "DBInstanceNotFound"; "HTTP 502" where the answer names none
  std::string message;  // without secrets
  std::string request_id;
  int http_status = 0;
  Retry retry = Retry::kNever;
};

struct Answer {
  http::Response response;
  std::string request_id;
  std::optional<Fault> fault;  // only one that was expected
};

struct CallerOptions {
  int attempts_max = 3;
  Duration backoff_max = std::chrono::seconds(20);
  Duration connect_timeout = std::chrono::seconds(10);
  Duration total_timeout = std::chrono::seconds(60);
  std::function<double()> random = {};  // in [0, 1); empty: the system's
  const StopFlag* stop = nullptr;
};

class Caller {
 public:
  // All references outlive the caller.
  Caller(http::Transport& transport, CredentialSource& credentials, Clock& clock, EndpointOptions endpoints,
         CallerOptions options = {});

  // Any answer of 2xx, or an expected fault. Everything else is an Error.
  Result<Answer> call(const Call& call);

  // For what is signed here and not sent by us, as a database's token: who we are, where, and AWS's time.
  struct Signer {
    std::shared_ptr<const Credentials> credentials;
    std::string region;
    Instant now;
  };
  Result<Signer> signer();

  [[nodiscard]] const EndpointOptions& endpoints() const { return endpoints_; }
  // By how much AWS's clock is ahead of ours, as learned from its answers.
  [[nodiscard]] Duration clock_offset() const { return Duration(offset_us_.load()); }

 private:
  struct Attempt;
  struct Progress;
  Result<http::Request> build(const Call& call) const;
  Result<Attempt> attempt(const Call& call, const http::Request& request);
  bool may_go_on(const Call& call, const Attempt& attempt, Progress& progress);
  bool adjust_clock(const Attempt& attempt);
  Status pause(int attempts_done);
  bool take_quota(int cost);
  void return_quota(int cost);

  http::Transport& transport_;
  CredentialSource& credentials_;
  Clock& clock_;
  EndpointOptions endpoints_;
  CallerOptions options_;
  std::atomic<Duration::rep> offset_us_{0};
  std::mutex mutex_;
  int quota_ = 500;
};

// The error a fault is, for clients that expected it and found it to be another matter.
Error to_error(const Call& call, const Fault& fault);
// Of an error of a call: whether AWS answered at all, and whether it said that we may not.
bool is_from_aws(const Error& error);
bool is_denial(const Error& error);
// A 2xx answer that is not what the service promises: in doubt for what changes something, else kLater.
Error malformed(const Call& call, const Answer& answer, std::string_view what);

}  // namespace ytb::aws
