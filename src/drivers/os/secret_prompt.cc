#include "drivers/os/secret_prompt.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "drivers/os/descriptor.h"

namespace ytb::os {
namespace {

constexpr int kPollMs = 100;  // how soon a stop is noticed
constexpr size_t kSecretBytesMax = 1024;

void say(std::string_view text) {
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

// Key by key and unseen, signals' keys among them: a handler that ended the program would leave the terminal
// without echo.
class QuietTerminal {
 public:
  QuietTerminal() : changed_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!changed_) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG);
    quiet.c_cc[VMIN] = 1;
    quiet.c_cc[VTIME] = 0;
    changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  ~QuietTerminal() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;
  [[nodiscard]] bool is_quiet() const { return changed_; }

 private:
  termios before_{};
  bool changed_;
};

void take_back_one(std::string& typed) {
  while (!typed.empty() && (static_cast<unsigned char>(typed.back()) & 0xC0U) == 0x80U) typed.pop_back();
  if (!typed.empty()) typed.pop_back();
}

// Of one key; true: the line is whole.
Result<bool> take_in(char key, std::string& typed) {
  constexpr char kCtrlC = 3;
  constexpr char kCtrlD = 4;
  constexpr char kCtrlU = 21;
  switch (key) {
    case '\n':
    case '\r':
    case kCtrlD:
      return true;
    case kCtrlC:
      return Error{.code = Code::kInterrupted, .message = "not answered: nothing was changed", .hint = ""};
    case kCtrlU:
      typed.clear();
      return false;
    case '\b':
    case '\x7f':
      take_back_one(typed);
      return false;
    default:
      break;
  }
  if (typed.size() >= kSecretBytesMax)
    return Error{.code = Code::kUsage, .message = "a password has at most 1,024 bytes", .hint = ""};
  typed += key;
  return false;
}

}  // namespace

Result<std::optional<Secret>> ask_secret(const std::string& prompt, const StopFlag& stop) {
  if (::isatty(STDIN_FILENO) == 0) return std::optional<Secret>();
  const QuietTerminal terminal;
  if (!terminal.is_quiet()) return std::optional<Secret>();
  say(prompt);
  std::string typed;
  typed.reserve(kSecretBytesMax);  // no copy of it is left behind by growing
  bool whole = false;
  while (!whole) {
    pollfd look{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    if (::poll(&look, 1, kPollMs) < 0 && errno != EINTR)
      return system_error("wait for", "the terminal", errno);
    YTB_TRY(stop.check());
    if (look.revents == 0) continue;
    char key = 0;
    const ssize_t got = ::read(STDIN_FILENO, &key, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;  // the terminal has gone
    Result<bool> taken = take_in(key, typed);
    if (!taken.ok()) say("\n");
    YTB_ASSIGN(whole, std::move(taken));
  }
  say("\n");
  Secret secret(std::move(typed));
  if (secret.empty()) return std::optional<Secret>();
  return std::optional<Secret>(std::move(secret));
}

}  // namespace ytb::os
