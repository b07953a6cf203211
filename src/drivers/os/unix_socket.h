// Unix sockets by their path, however long it is: an address holds 107 bytes of one (unix(7)).
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <optional>
#include <string>

#include "base/result.h"
#include "drivers/os/descriptor.h"

namespace ytb::os {

constexpr size_t kUnixPathMax = sizeof(sockaddr_un::sun_path) - 1;

// A path that is too long leads by way of its folder, which is open for as long as the address is used.
struct UnixAddress {
  sockaddr_un value{};
  Descriptor folder;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&value); }
  static constexpr socklen_t size() { return sizeof(sockaddr_un); }
};
// Error{kExternal}: the folder cannot be opened, or the file's own name is too long.
Result<UnixAddress> unix_address(const std::string& path);

// Invalid where nobody listens. `patience`: how long to wait for whoever listens and does not accept, and for
// each answer of his; 0: for ever. Error{kExternal, kLater} when it is over.
Result<Descriptor> connect_unix(const std::string& path, std::chrono::microseconds patience);
// Without waiting, for use without waiting: of a server whose queue is full, invalid, too.
Result<Descriptor> connect_unix_at_once(const std::string& path);

// Who called listen() at the other end, which need not be who answers: unix(7), SO_PEERCRED.
std::optional<ucred> listener_of(const Descriptor& connected);

}  // namespace ytb::os
