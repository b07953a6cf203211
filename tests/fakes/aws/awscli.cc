#include "tests/fakes/aws/awscli.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>

namespace ytb::fakes::aws {
namespace {

constexpr const char* kPython = "/usr/bin/python3";

// Half a second of each `aws` goes into reading its own modules: they are read once, and each line of
// {"argv", "env"} is answered by a child with a memory and an environment of its own, as
// {"status", "out", "err"}.
constexpr const char* kServer = R"(
import json, os, sys, tempfile
from awscli.clidriver import create_clidriver
for line in sys.stdin:
    asked = json.loads(line)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            for number, file in ((0, open(os.devnull, "rb")), (1, out), (2, err)):
                os.dup2(file.fileno(), number)
            os.environ.update(asked["env"])
            try:
                status = create_clidriver().main(asked["argv"])
            except SystemExit as end:
                status = end.code
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status or 0)
        answer = {"status": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}
        for name, file in (("out", out), ("err", err)):
            file.seek(0)
            answer[name] = file.read().decode()
    print(json.dumps(answer), flush=True)
)";

// One server for all calls of a test program; it ends when its line does.
class AwsCli {
 public:
  AwsCli() {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return;
    child_ = fork();
    if (child_ == 0) {
      dup2(ends[1], STDIN_FILENO);
      dup2(ends[1], STDOUT_FILENO);
      execl(kPython, kPython, "-c", kServer, nullptr);
      _exit(127);
    }
    close(ends[1]);
    to_ = fdopen(ends[0], "w");
    from_ = fdopen(fcntl(ends[0], F_DUPFD_CLOEXEC, 0), "r");
  }
  AwsCli(const AwsCli&) = delete;
  AwsCli& operator=(const AwsCli&) = delete;
  ~AwsCli() {
    if (to_ != nullptr) shutdown(fileno(to_), SHUT_RDWR);
    for (FILE* end : {to_, from_}) {
      if (end != nullptr) fclose(end);
    }
    if (child_ > 0) waitpid(child_, nullptr, 0);
  }

  // "" where it has ended.
  std::string ask(const std::string& line) {
    if (to_ == nullptr || from_ == nullptr) return "";
    fprintf(to_, "%s\n", line.c_str());
    fflush(to_);
    char* text = nullptr;
    size_t capacity = 0;
    const ssize_t length = getline(&text, &capacity, from_);
    std::string answer = length > 0 ? std::string(text, static_cast<size_t>(length)) : "";
    free(text);
    return answer;
  }

 private:
  pid_t child_ = -1;
  FILE* to_ = nullptr;
  FILE* from_ = nullptr;
};

}  // namespace

std::string why_no_awscli() {
  if (!FakeAws::available().empty()) return FakeAws::available();
  return access(kAwsProgram, X_OK) == 0 ? "" : "awscli is not installed (apt install awscli)";
}

AwsRun aws(const FakeAws& fake, std::vector<std::string> arguments, const std::vector<std::string>& extra) {
  static AwsCli cli;
  std::vector<std::string> environment = fake.environment();
  environment.insert(environment.end(), {"AWS_MAX_ATTEMPTS=1", "AWS_PAGER=", "HOME=/nonexistent"});
  environment.insert(environment.end(), extra.begin(), extra.end());
  nlohmann::json env = nlohmann::json::object();
  for (const std::string& pair : environment) {
    const size_t equals = pair.find('=');
    env[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  std::vector<std::string> argv = {"--endpoint-url", fake.endpoint(), "--output", "json",
                                   "--no-cli-auto-prompt"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const std::string text = cli.ask(write_json(nlohmann::json{{"argv", argv}, {"env", env}}));
  if (text.empty()) {
    ADD_FAILURE() << "awscli has ended";
    return {.status = -1, .out = nullptr, .err = ""};
  }
  const nlohmann::json answer = parse_json(text);
  const std::string out = answer.at("out");
  return {.status = answer.at("status"),
          .out = out.empty() ? nlohmann::json() : parse_json(out),
          .err = answer.at("err")};
}

}  // namespace ytb::fakes::aws
