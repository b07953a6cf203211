// RuntimeLoop: the custom runtime's side of Lambda's Runtime API (2018-06-01): ask for the next invocation,
// hand it to the handler, post its answer or its error, carry on with what the handler left for after the
// answer, and ask again. Lambda freezes us between answers and invocations, and ends us by SIGTERM.
//
// An event that cannot be handled gets an answer in AWS's error format and the loop goes on. What fails of
// the API itself is tried again, backed off and bounded; a container error (HTTP 500) ends the loop, as AWS
// asks. One thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/stop.h"

namespace ytb::lambda {

// What the loop needs of HTTP; the wiring fills it. Paths begin with "/2018-06-01/runtime/". An answer of any
// status is a reply, never an error.
class RuntimeHttp {
 public:
  struct Reply {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::string body = {};
  };
  virtual ~RuntimeHttp() = default;
  // Waits for as long as it takes: `next` answers when there is an invocation. kInterrupted on stop.
  virtual Result<Reply> get(const std::string& path) = 0;
  virtual Result<Reply> post(const std::string& path,
                             const std::vector<std::pair<std::string, std::string>>& headers,
                             const std::string& body) = 0;
};

struct Invocation {
  std::string request_id;
  Instant deadline;  // Lambda kills what still runs then
  std::string function_arn;
  std::string event;        // as it came
  std::string holder = {};  // its name in turns.h, which no retry has; the handler's own
};

struct Handled {
  std::string answer;                  // JSON
  std::function<void()> afterwards{};  // done once the answer is out, within the same deadline; may be empty
};
using InvocationHandler = std::function<Result<Handled>(const Invocation&)>;

class RuntimeLoop {
 public:
  static constexpr int kTriesMax = 6;  // in a row, of one call of the API
  static constexpr Duration kPauseFirst = std::chrono::milliseconds(100);
  static constexpr size_t kAnswerBytesMax = 6 << 20;
  // Where the deadline cannot be read: what is begun then is small.
  static constexpr Duration kDeadlineUnknown = std::chrono::minutes(1);

  RuntimeLoop(RuntimeHttp& http, Clock& clock, const StopFlag& stop,
              std::function<void(std::string_view)> log);

  // Until stopped (which is fine), or until the API is gone for good (kConnection, kExternal).
  Status run(const InvocationHandler& handler);
  // Nothing will work: said once, before the first `next`. The caller exits with a failure then.
  Status report_init_error(const Error& error);

 private:
  Result<Invocation> next();
  Status answer(const Invocation& invocation, const Result<Handled>& handled);
  Status post(const std::string& path, const std::vector<std::pair<std::string, std::string>>& headers,
              const std::string& body);
  Status pause(int tries);

  RuntimeHttp& http_;
  Clock& clock_;
  const StopFlag& stop_;
  std::function<void(std::string_view)> log_;
};

// {"errorMessage": "fact\nhint: …", "errorType": "Yesterdaytabase.NoSnapshot", "stackTrace": []}
std::string error_body(const Error& error);
// "Yesterdaytabase.NoSnapshot": also the header Lambda-Runtime-Function-Error-Type.
std::string error_type(const Error& error);

}  // namespace ytb::lambda
