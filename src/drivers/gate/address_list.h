// AddressList: which addresses may come in, as CIDR blocks of IPv4 and IPv6, or through a Unix socket. Pure.
#pragma once

#include <netinet/in.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace ytb::gate {

class AddressList {
 public:
  // "10.0.0.0/8", "2001:db8::/32", a single address, or "local": through a Unix socket. Error{kConfig} names
  // the block that is wrong.
  static Result<AddressList> parse(const std::vector<std::string>& blocks);
  // An IPv4 client of an IPv6 socket (::ffff:a.b.c.d) counts as IPv4. An empty list admits nobody.
  [[nodiscard]] bool admits(const sockaddr_storage& client) const;

 private:
  struct Block {
    int family = 0;
    std::vector<unsigned char> address;
    int prefix_bits = 0;
  };
  std::vector<Block> blocks_;
  bool local_ = false;
};

}  // namespace ytb::gate
