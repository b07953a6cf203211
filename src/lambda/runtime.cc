#include "lambda/runtime.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <optional>

#include "base/json.h"
#include "base/text.h"

namespace ytb::lambda {
namespace {

constexpr const char* kRoot = "/2018-06-01/runtime";
constexpr Duration kPauseStep = std::chrono::milliseconds(100);
constexpr int kContainerError = 500;
constexpr int kPayloadTooLarge = 413;
constexpr size_t kRequestIdMax = 200;

std::string_view header_of(const RuntimeHttp::Reply& reply, std::string_view name) {
  std::string wanted = to_lower_ascii(name);
  for (const auto& [key, value] : reply.headers) {
    if (to_lower_ascii(key) == wanted) return trim(value);
  }
  return {};
}

// It becomes part of a path.
bool is_request_id(std::string_view id) {
  if (id.empty() || id.size() > kRequestIdMax) return false;
  for (char c : id) {
    bool fits =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!fits) return false;
  }
  return true;
}

std::optional<Instant> deadline_of(std::string_view milliseconds) {
  int64_t value = 0;
  const char* end = milliseconds.data() + milliseconds.size();
  auto [stopped, error] = std::from_chars(milliseconds.data(), end, value);
  constexpr int64_t kMax = 4'000'000'000'000;  // the year 2096: a garbled header does not overflow an Instant
  if (error != std::errc{} || stopped != end || value <= 0 || value > kMax) return std::nullopt;
  return Instant(std::chrono::milliseconds(value));
}

bool is_success(int status) { return status >= 200 && status < 300; }

Error api_error(std::string_view what, const RuntimeHttp::Reply& reply) {
  return Error{
      .code = Code::kExternal,
      .message = fmt::format("Lambda's runtime API answered {} with HTTP {}: {}", what, reply.status,
                             printable(reply.body.substr(0, 200))),
      .hint = reply.status == kContainerError ? "the container is beyond repair; Lambda starts another" : "",
      .retry = reply.status == kContainerError ? Retry::kNever : Retry::kLater};
}

// Whatever a library throws on its way through the handler ends this invocation and not the loop.
Result<Handled> guarded(const InvocationHandler& handler, const Invocation& invocation) {
  try {
    return handler(invocation);
  } catch (const std::exception& thrown) {
    return Error{.code = Code::kInternal,
                 .message = fmt::format("an exception ended the invocation: {}", printable(thrown.what())),
                 .hint = "this is a bug of ours; nothing is lost, the next invocation goes on"};
  }
}

}  // namespace

std::string error_type(const Error& error) {
  std::string type = "Yesterdaytabase.";
  bool upper = true;
  for (char c : name_of(error.code)) {
    if (c == '_') {
      upper = true;
      continue;
    }
    type.push_back(upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    upper = false;
  }
  return type;
}

std::string error_body(const Error& error) {
  nlohmann::ordered_json body{{"errorMessage", to_string(error)},
                              {"errorType", error_type(error)},
                              {"stackTrace", nlohmann::ordered_json::array()}};
  return write_json(body);
}

RuntimeLoop::RuntimeLoop(RuntimeHttp& http, Clock& clock, const StopFlag& stop,
                         std::function<void(std::string_view)> log)
    : http_(http), clock_(clock), stop_(stop), log_(std::move(log)) {}

Status RuntimeLoop::pause(int tries) {
  Duration left = kPauseFirst * (1 << tries);
  for (; left > Duration::zero(); left -= kPauseStep) {
    YTB_TRY(stop_.check());
    clock_.sleep(std::min(left, kPauseStep));
  }
  return stop_.check();
}

Result<Invocation> RuntimeLoop::next() {
  std::optional<Error> last;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    YTB_TRY(stop_.check());
    if (tries > 0) YTB_TRY(pause(tries - 1));
    Result<RuntimeHttp::Reply> reply = http_.get(fmt::format("{}/invocation/next", kRoot));
    if (!reply.ok()) {
      if (reply.error().code == Code::kInterrupted) return reply.error();
      last = std::move(reply).error().while_doing("waiting for an invocation");
      continue;
    }
    if (!is_success(reply->status)) {
      last = api_error("next", *reply);
      if (last->retry == Retry::kNever) return *last;
      continue;
    }
    Invocation invocation;
    invocation.request_id = header_of(*reply, "Lambda-Runtime-Aws-Request-Id");
    if (!is_request_id(invocation.request_id)) {
      last = Error{.code = Code::kExternal,
                   .message = fmt::format("Lambda's runtime API gave an invocation with the id '{}'",
                                          printable(invocation.request_id.substr(0, kRequestIdMax))),
                   .hint = "",
                   .retry = Retry::kLater};
      continue;
    }
    std::optional<Instant> deadline = deadline_of(header_of(*reply, "Lambda-Runtime-Deadline-Ms"));
    if (!deadline)
      log_(fmt::format("{}: its deadline cannot be read; taken to be short", invocation.request_id));
    invocation.deadline = deadline.value_or(clock_.now() + kDeadlineUnknown);
    invocation.function_arn = header_of(*reply, "Lambda-Runtime-Invoked-Function-Arn");
    invocation.event = std::move(reply->body);
    return invocation;
  }
  return *std::move(last);
}

Status RuntimeLoop::post(const std::string& path,
                         const std::vector<std::pair<std::string, std::string>>& headers,
                         const std::string& body) {
  std::optional<Error> last;
  for (int tries = 0; tries < kTriesMax; ++tries) {
    if (tries > 0) YTB_TRY(pause(tries - 1));
    Result<RuntimeHttp::Reply> reply = http_.post(kRoot + path, headers, body);
    if (!reply.ok()) {
      // An answer posted twice is refused by the API, which is as good as taken.
      last = std::move(reply).error().while_doing("answering an invocation");
      continue;
    }
    if (is_success(reply->status)) return {};
    last = api_error(path, *reply);
    // A refusal is the same the next time; a container error is the end.
    last->retry = Retry::kNever;
    if (reply->status != kContainerError) last->code = Code::kRefused;
    return *last;
  }
  return *std::move(last);
}

Status RuntimeLoop::answer(const Invocation& invocation, const Result<Handled>& handled) {
  std::string path = fmt::format("/invocation/{}/", invocation.request_id);
  auto post_error = [&](const Error& error) {
    return post(
        path + "error",
        {{"Content-Type", "application/json"}, {"Lambda-Runtime-Function-Error-Type", error_type(error)}},
        error_body(error));
  };
  Error too_large{.code = Code::kInternal,
                  .message = fmt::format("the answer is larger than {}", human_bytes(kAnswerBytesMax)),
                  .hint = "what was done is done; ask again with action status"};
  if (!handled.ok()) return post_error(handled.error());
  if (handled->answer.size() > kAnswerBytesMax) return post_error(too_large);
  Status posted = post(path + "response", {{"Content-Type", "application/json"}}, handled->answer);
  if (!posted.ok() &&
      posted.error().message.find(fmt::format("HTTP {}", kPayloadTooLarge)) != std::string::npos) {
    return post_error(too_large);
  }
  return posted;
}

Status RuntimeLoop::run(const InvocationHandler& handler) {
  while (!stop_.requested()) {
    Result<Invocation> invocation = next();
    if (!invocation.ok()) {
      if (stop_.requested()) return {};
      return std::move(invocation).error();
    }
    Result<Handled> handled = guarded(handler, *invocation);
    if (!handled.ok()) log_(fmt::format("{}: error: {}", invocation->request_id, to_string(handled.error())));
    Status answered = answer(*invocation, handled);
    if (!answered.ok()) {
      log_(fmt::format("{}: {}", invocation->request_id, answered.error().message));
      // A refused answer concerns this invocation only: it was too late, or answered already.
      if (answered.error().code != Code::kRefused) {
        if (stop_.requested()) return {};
        return std::move(answered).error();
      }
    }
    if (handled.ok() && handled->afterwards) {
      Result<Handled> rest = guarded(
          [&](const Invocation&) -> Result<Handled> {
            handled->afterwards();
            return Handled{};
          },
          *invocation);
      if (!rest.ok())
        log_(fmt::format("{}: after the answer: {}", invocation->request_id, rest.error().message));
    }
  }
  return {};
}

Status RuntimeLoop::report_init_error(const Error& error) {
  return post(
      "/init/error",
      {{"Content-Type", "application/json"}, {"Lambda-Runtime-Function-Error-Type", error_type(error)}},
      error_body(error));
}

}  // namespace ytb::lambda
