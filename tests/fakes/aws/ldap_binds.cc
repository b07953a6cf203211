#include "tests/fakes/aws/ldap_binds.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <utility>

#include "base/check.h"
#include "tests/fakes/aws/loopback.h"

namespace ytb::fakes::aws {
namespace {

using std::chrono::steady_clock;

constexpr int kPollMs = 50;
constexpr auto kTalkMax = std::chrono::seconds(10);
constexpr size_t kMessageBytesMax = 80 << 10;  // PostgreSQL's passwords are 64 kB at most
constexpr int kRequestsMax = 4;
// RFC 4511: tags, and result codes.
constexpr char kSequence = 0x30, kInteger = 0x02, kEnumerated = 0x0a, kOctets = 0x04;
constexpr char kBind = 0x60, kBindAnswer = 0x61, kUnbind = 0x42;
constexpr char kSimple = static_cast<char>(0x80);
constexpr char kSuccess = 0, kInvalidCredentials = 49;

// Bytes of a definite length, and the length of what says so; none: not so, or not all of it is there yet.
struct Length {
  size_t header = 0, body = 0;
};
std::optional<Length> length_of(std::string_view tlv) {
  if (tlv.size() < 2) return std::nullopt;
  const auto first = static_cast<unsigned char>(tlv[1]);
  if (first < 0x80) return Length{2, first};
  const size_t more = first & 0x7fU;
  if (more == 0 || more > 4 || tlv.size() < 2 + more) return std::nullopt;
  size_t size = 0;
  for (size_t i = 0; i < more; ++i) size = size << 8U | static_cast<unsigned char>(tlv[2 + i]);
  return Length{2 + more, size};
}

// Takes one value of that tag off the front; none: it is another, or is not whole.
std::optional<std::string_view> take(std::string_view& from, char tag) {
  if (from.empty() || from[0] != tag) return std::nullopt;
  const std::optional<Length> length = length_of(from);
  if (!length || length->body > from.size() - length->header) return std::nullopt;
  const std::string_view value = from.substr(length->header, length->body);
  from.remove_prefix(length->header + length->body);
  return value;
}

std::string answer_to(const LdapRequest& request, bool good) {
  const std::string result = {kEnumerated, 1, good ? kSuccess : kInvalidCredentials, kOctets, 0, kOctets, 0};
  std::string body = {kInteger, static_cast<char>(request.id.size())};
  body += request.id;
  body += {kBindAnswer, static_cast<char>(result.size())};
  body += result;
  return std::string{kSequence, static_cast<char>(body.size())} + body;
}

}  // namespace

std::optional<LdapRequest> read_ldap(std::string_view message) {
  std::optional<std::string_view> whole = take(message, kSequence);
  if (!whole || !message.empty()) return std::nullopt;
  LdapRequest request;
  const std::optional<std::string_view> id = take(*whole, kInteger);
  if (!id || id->empty() || id->size() > 4) return std::nullopt;
  request.id = std::string(*id);
  if (const auto unbind = take(*whole, kUnbind)) {
    request.unbind = true;
    return unbind->empty() && whole->empty() ? std::optional(request) : std::nullopt;
  }
  std::optional<std::string_view> bind = take(*whole, kBind);
  if (!bind || !whole->empty()) return std::nullopt;
  const auto version = take(*bind, kInteger);
  const auto name = take(*bind, kOctets);
  const auto password = take(*bind, kSimple);
  // A bind without a password is an anonymous one, which would let everybody in.
  if (!version || *version != "\x03" || !name || name->empty() || !password || password->empty() ||
      !bind->empty())
    return std::nullopt;
  request.name = std::string(*name);
  request.password = std::string(*password);
  return request;
}

LdapBinds::LdapBinds(Judge judge) : judge_(std::move(judge)) {
  const Loopback bound = bind_loopback(SOCK_STREAM);
  listener_ = bound.fd;
  port_ = bound.port;
  thread_ = std::thread([this] { serve(); });
}

LdapBinds::~LdapBinds() {
  stopping_ = true;
  thread_.join();
  close(listener_);
}

void LdapBinds::serve() {
  while (!stopping_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, kPollMs) <= 0) continue;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    talk(client);
    close(client);
  }
}

void LdapBinds::talk(int client) {
  const auto end = steady_clock::now() + kTalkMax;
  std::string got;
  for (int done = 0; done < kRequestsMax;) {
    const std::optional<Length> length = length_of(got);
    if (length && length->body > kMessageBytesMax) return;
    if (length && got.size() >= length->header + length->body) {
      const std::optional<LdapRequest> request = read_ldap(got.substr(0, length->header + length->body));
      if (!request || request->unbind) return;
      got.erase(0, length->header + length->body);
      ++done;
      const std::string answer = answer_to(*request, judge_(request->name, request->password));
      if (send(client, answer.data(), answer.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(answer.size()))
        return;
      continue;
    }
    if (stopping_ || steady_clock::now() > end || got.size() > kMessageBytesMax) return;
    pollfd waiting{client, POLLIN, 0};
    if (poll(&waiting, 1, kPollMs) <= 0) continue;
    char buffer[4096];
    const ssize_t size = recv(client, buffer, sizeof buffer, 0);
    if (size <= 0) return;
    got.append(buffer, static_cast<size_t>(size));
  }
}

}  // namespace ytb::fakes::aws
