// IP addresses between text and bytes. Private to the masking room.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ytb::masking {

struct Address {
  int version = 4;
  int prefix = 32;  // bits of the network
  std::array<uint8_t, 16> bytes{};
  [[nodiscard]] int prefix_max() const { return version == 4 ? 32 : 128; }
  [[nodiscard]] size_t size() const { return version == 4 ? 4 : 16; }
};

// As inet_out() and cidr_out() print it: with "/24" where the prefix is not the whole address.
std::optional<Address> parse_address(std::string_view text);
// Without the prefix; IPv6 as RFC 5952 says.
void append_address(const Address& address, std::string& out);

// inet_send()'s format (network.c): family, bits, is_cidr, size of the address, address.
std::optional<Address> parse_binary_inet(std::string_view bytes);
void append_inet(const Address& address, bool is_network, std::string& out);
// Bits to the right of the prefix, which a cidr may not have.
bool has_host_bits(const Address& address);

// A place in the documentation networks (RFC 5737, RFC 3849) by the bits given; the prefix is kept where it
// fits.
Address documentation_address(const Address& like, bool is_network, const std::array<uint8_t, 32>& bits);

}  // namespace ytb::masking
