// gate_alone ADDRESS PORT SOCKET ROLE [CERTIFICATE KEY]: a process that does nothing but be the gate before
// one server, so that bench/gate can take its processor time and memory for the gate's. Lets ROLE in from
// anywhere. Prints the port that it has (PORT 0: any free one), and ends when its standard input does.
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "drivers/gate/gate.h"

int main(int argc, char** argv) {
  const std::string_view port = argc == 5 || argc == 7 ? argv[2] : "";
  ytb::gate::GateOptions options;
  const auto [end, wrong] = std::from_chars(port.data(), port.data() + port.size(), options.port);
  if (wrong != std::errc() || end != port.data() + port.size()) {
    fmt::print(stderr, "usage: gate_alone ADDRESS PORT SOCKET ROLE [CERTIFICATE KEY]\n");
    return 2;
  }
  options.address = argv[1];
  options.roles[argv[4]] = *ytb::gate::AddressList::parse({"0.0.0.0/0", "::/0"});
  options.resolve = [socket = std::string(argv[3])]() -> ytb::Result<std::string> { return socket; };
  if (argc == 7) {
    const auto read = [](const char* path) {
      std::ostringstream text;
      text << std::ifstream(path, std::ios::binary).rdbuf();
      return text.str();
    };
    auto tls = ytb::gate::TlsServer::make({.chain_pem = read(argv[5]), .key_pem = ytb::Secret(read(argv[6]))},
                                          ytb::SystemClock().now());
    if (!tls.ok()) {
      fmt::print(stderr, "gate_alone: {}\n", ytb::to_string(tls.error()));
      return 1;
    }
    options.tls = *std::move(tls);
  }
  const auto gate = ytb::gate::Gate::start(std::move(options));
  if (!gate.ok()) {
    fmt::print(stderr, "gate_alone: {}\n", ytb::to_string(gate.error()));
    return 1;
  }
  fmt::print("{}\n", (*gate)->port());
  std::fflush(stdout);
  std::array<char, 64> ignored{};
  while (read(STDIN_FILENO, ignored.data(), ignored.size()) > 0) {
  }
  return 0;
}
