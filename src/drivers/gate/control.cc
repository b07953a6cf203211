#include "drivers/gate/control.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "base/json.h"
#include "drivers/os/unix_socket.h"

namespace ytb::gate {
namespace {

constexpr size_t kAnswerMax = 4 << 20;
constexpr std::chrono::seconds kPatience{5};

// Which listeners come along, one letter each, in the order of their descriptors.
constexpr char kNetwork = 'n';
constexpr char kLocal = 'l';
constexpr size_t kListenersMax = 2;

Result<os::Descriptor> ask(const std::string& control, Word word) {
  YTB_ASSIGN(os::Descriptor socket, os::connect_unix(control, kPatience));
  if (!socket.valid()) return socket;
  const char byte = static_cast<char>(word);
  if (send(socket.get(), &byte, 1, MSG_NOSIGNAL) != 1) return os::system_error("ask", control, errno);
  return socket;
}

// None: it went away without a word.
Result<std::optional<std::string>> read_answer(const os::Descriptor& socket, const std::string& control) {
  std::string text;
  std::array<char, 16384> bytes{};
  while (true) {
    const ssize_t count = recv(socket.get(), bytes.data(), bytes.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == ECONNRESET) return std::optional<std::string>();
    if (count < 0) {
      Error error = os::system_error("hear from the gate at", control, errno);
      error.retry = Retry::kLater;
      return error;
    }
    if (count == 0) return std::optional(std::move(text));
    text.append(bytes.data(), static_cast<size_t>(count));
    if (text.size() > kAnswerMax) return os::system_error("hear from the gate at", control, EMSGSIZE);
  }
}

}  // namespace

Result<std::optional<GateState>> ask_state(const std::string& control) {
  YTB_ASSIGN(const os::Descriptor socket, ask(control, Word::kReport));
  if (!socket.valid()) return std::optional<GateState>();
  YTB_ASSIGN(const std::optional<std::string> text, read_answer(socket, control));
  if (!text) return std::optional<GateState>();
  YTB_ASSIGN(GateState state, parse_state(*text));
  return std::optional(std::move(state));
}

Result<std::optional<Listeners>> ask_to_share(const std::string& control) {
  YTB_ASSIGN(const os::Descriptor socket, ask(control, Word::kShare));
  if (!socket.valid()) return std::optional<Listeners>();
  std::array<char, kListenersMax + 1> kinds{};
  iovec bytes{.iov_base = kinds.data(), .iov_len = kinds.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kListenersMax * sizeof(int))> space{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = space.data();
  message.msg_controllen = space.size();
  const ssize_t count = recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC);
  if (count < 0) return os::system_error("hear from the gate at", control, errno);
  if (count == 0) return std::optional<Listeners>();
  std::vector<os::Descriptor> given;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = 0; at + sizeof(int) <= part->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + at, sizeof fd);
      given.emplace_back(fd);
    }
  }
  Listeners listeners;
  for (size_t i = 0; i < given.size() && i < static_cast<size_t>(count); ++i) {
    if (kinds[i] == kNetwork) listeners.network = std::move(given[i]);
    if (kinds[i] == kLocal) listeners.local = std::move(given[i]);
  }
  return std::optional(std::move(listeners));
}

namespace {

// Until it has done it: it closes the connection last.
Result<bool> ask_and_wait(const std::string& control, Word word) {
  YTB_ASSIGN(const os::Descriptor socket, ask(control, word));
  if (!socket.valid()) return false;
  YTB_TRY(read_answer(socket, control));
  return true;
}

}  // namespace

Result<bool> is_listened_at(const std::string& path) {
  YTB_ASSIGN(const os::Descriptor socket, os::connect_unix(path, kPatience));
  return socket.valid();
}

Result<bool> ask_to_retire(const std::string& control) { return ask_and_wait(control, Word::kRetire); }
Result<bool> ask_to_end(const std::string& control) { return ask_and_wait(control, Word::kEnd); }

std::string to_text(const GateState& state) {
  nlohmann::ordered_json connections = nlohmann::ordered_json::array();
  for (const ports::GateConnections& one : state.report.connections) {
    connections.push_back({{"role", one.role},
                           {"address", one.address},
                           {"socket", one.socket},
                           {"encrypted", one.encrypted},
                           {"count", one.count}});
  }
  const nlohmann::ordered_json tree{{"settings", state.settings},
                                    {"before_login", state.report.before_login},
                                    {"without_header", state.report.without_header},
                                    {"without_header_from", state.report.without_header_from},
                                    {"connections", std::move(connections)}};
  return write_json(tree);
}

Result<GateState> parse_state(std::string_view text) {
  const Error wrong{.code = Code::kCorrupt,
                    .message = "the gate's answer cannot be read",
                    .hint = "a gate of another version may run: 'refresh' puts one of this version there"};
  const auto tree = parse_json<nlohmann::ordered_json>(text, 8);
  if (!tree.is_object() || !tree.contains("settings") || !tree["settings"].is_string()) return wrong;
  GateState state;
  state.settings = tree["settings"].get<std::string>();
  const auto number = [](const nlohmann::ordered_json& parent, const char* key) {
    return parent.contains(key) && parent[key].is_number_integer() ? parent[key].get<int64_t>() : 0;
  };
  const auto words = [](const nlohmann::ordered_json& parent, const char* key) {
    return parent.contains(key) && parent[key].is_string() ? parent[key].get<std::string>() : std::string();
  };
  state.report.before_login = static_cast<int>(number(tree, "before_login"));
  state.report.without_header = number(tree, "without_header");
  state.report.without_header_from = words(tree, "without_header_from");
  if (!tree.contains("connections") || !tree["connections"].is_array()) return wrong;
  for (const auto& one : tree["connections"]) {
    if (!one.is_object()) return wrong;
    state.report.connections.push_back({.role = words(one, "role"),
                                        .address = words(one, "address"),
                                        .socket = words(one, "socket"),
                                        .encrypted = one.contains("encrypted") &&
                                                     one["encrypted"].is_boolean() &&
                                                     one["encrypted"].get<bool>(),
                                        .count = static_cast<int>(number(one, "count"))});
  }
  return state;
}

void add(std::vector<ports::GateConnections>& connections, ports::GateConnections one) {
  const auto same = std::find_if(connections.begin(), connections.end(), [&](const auto& other) {
    return other.role == one.role && other.address == one.address && other.socket == one.socket &&
           other.encrypted == one.encrypted;
  });
  if (same == connections.end()) {
    connections.push_back(std::move(one));
  } else {
    same->count += one.count;
  }
}

void answer(const os::Descriptor& asker, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = send(asker.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    text.remove_prefix(static_cast<size_t>(count));
  }
}

void hand_over(const os::Descriptor& asker, const Listeners& listeners) {
  std::array<int, kListenersMax> fds{};
  std::string kinds;
  for (const auto& [listener, kind] : {std::pair{&listeners.network, kNetwork}, {&listeners.local, kLocal}}) {
    if (!listener->valid()) continue;
    fds[kinds.size()] = listener->get();
    kinds.push_back(kind);
  }
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kListenersMax * sizeof(int))> space{};
  const size_t count = kinds.size();
  kinds.push_back('.');  // descriptors travel with a byte, and there is one even where there are none
  iovec bytes{.iov_base = kinds.data(), .iov_len = kinds.size()};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  if (count > 0) {
    message.msg_control = space.data();
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::memcpy(CMSG_DATA(part), fds.data(), count * sizeof(int));
  }
  (void)sendmsg(asker.get(), &message, MSG_NOSIGNAL);
}

}  // namespace ytb::gate
