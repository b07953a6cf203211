#include "drivers/gate/address_list.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>
#include <cstring>

namespace ytb::gate {
namespace {

bool same_prefix(const unsigned char* a, const unsigned char* b, int bits) {
  const int whole = bits / 8;
  if (std::memcmp(a, b, static_cast<size_t>(whole)) != 0) return false;
  const int rest = bits % 8;
  if (rest == 0) return true;
  const int mask = 0xff00 >> rest;
  return (a[whole] & mask) == (b[whole] & mask);
}

}  // namespace

Result<AddressList> AddressList::parse(const std::vector<std::string>& blocks) {
  AddressList list;
  for (const std::string& text : blocks) {
    if (text == "local") {
      list.local_ = true;
      continue;
    }
    const size_t slash = text.find('/');
    const std::string address = text.substr(0, slash);
    Block block;
    block.address.resize(16);
    if (inet_pton(AF_INET, address.c_str(), block.address.data()) == 1) {
      block.family = AF_INET;
      block.address.resize(4);
    } else if (inet_pton(AF_INET6, address.c_str(), block.address.data()) == 1) {
      block.family = AF_INET6;
    }
    const int bits_max = static_cast<int>(block.address.size()) * 8;
    block.prefix_bits = bits_max;
    bool good = block.family != 0;
    if (slash != std::string::npos) {
      const char* end = text.data() + text.size();
      auto [stop, error] = std::from_chars(text.data() + slash + 1, end, block.prefix_bits);
      good = good && error == std::errc() && stop == end && block.prefix_bits >= 0 &&
             block.prefix_bits <= bits_max;
    }
    if (!good) {
      return Error{.code = Code::kConfig,
                   .message = fmt::format("'{}' is not an address block", text),
                   .hint = "write a CIDR block, e.g. 10.0.0.0/8 or 2001:db8::/32"};
    }
    list.blocks_.push_back(std::move(block));
  }
  return list;
}

bool AddressList::admits(const sockaddr_storage& client) const {
  int family = client.ss_family;
  const unsigned char* bytes = nullptr;
  if (family == AF_INET) {
    bytes = reinterpret_cast<const unsigned char*>(&reinterpret_cast<const sockaddr_in&>(client).sin_addr);
  } else if (family == AF_INET6) {
    const in6_addr& address = reinterpret_cast<const sockaddr_in6&>(client).sin6_addr;
    bytes = address.s6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
      family = AF_INET;
      bytes += 12;
    }
  } else {
    return family == AF_UNIX && local_;
  }
  for (const Block& block : blocks_) {
    if (block.family == family && same_prefix(bytes, block.address.data(), block.prefix_bits)) return true;
  }
  return false;
}

}  // namespace ytb::gate
