#include "drivers/gate/proxy_header.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "drivers/gate/address_list.h"

namespace ytb::gate {
namespace {

using Kind = ProxyHeader::Kind;

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr char kLocal = 0x20;
constexpr char kProxy = 0x21;
constexpr char kTcp4 = 0x11;
constexpr char kTcp6 = 0x21;

std::string two_bytes(size_t value) { return {static_cast<char>(value >> 8U), static_cast<char>(value)}; }
std::string header(char command, char family, const std::string& rest) {
  return kSignature + command + family + two_bytes(rest.size()) + rest;
}
std::string tlv(char type, const std::string& value) { return type + two_bytes(value.size()) + value; }

// 192.0.2.7:50000 → 198.51.100.1:5432
const std::string kIpv4("\xc0\x00\x02\x07\xc6\x33\x64\x01\xc3\x50\x15\x38", 12);
// The same ports of [SOURCE] → [2001:db8::1].
std::string ipv6(const std::string& source) {
  std::array<char, 16> bytes{};
  inet_pton(AF_INET6, source.c_str(), bytes.data());
  std::string addresses(bytes.data(), bytes.size());
  inet_pton(AF_INET6, "2001:db8::1", bytes.data());
  return addresses + std::string(bytes.data(), bytes.size()) + "\xc3\x50\x15\x38";
}

std::string client_of(const ProxyHeader& read) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (read.client.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(read.client);
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return text.data() + (":" + std::to_string(ntohs(v4.sin_port)));
  }
  if (read.client.ss_family != AF_INET6) return "";
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(read.client);
  inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  return "[" + std::string(text.data()) + "]:" + std::to_string(ntohs(v6.sin6_port));
}

// As it is sent: its bytes from the highest on.
std::string crc32c(const std::string& bytes) {
  uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ (0x82F63B78 & (0U - (crc & 1U)));
  }
  crc = ~crc;
  return two_bytes(crc >> 16U) + two_bytes(crc & 0xffffU);
}

// What a network load balancer of AWS sent (aws/elastic-load-balancing-tools, proprot's tests): a checksum,
// the name of a VPC endpoint, and padding.
std::string of_aws() {
  return header(kProxy, kTcp4,
                std::string("\xac\x1f\x07\x71\xac\x1f\x0a\x1f\xc8\xf2\x00\x50", 12) +
                    tlv(0x03, "\xe8\xd6\x89\x2d") + tlv('\xea', "\x01vpce-08d2bf15fac5001c9") +
                    tlv(0x04, std::string(36, '\0')));
}

TEST(ProxyHeaderTest, SaysForWhomALoadBalancerConnects) {
  struct Case {
    std::string bytes;
    Kind kind;
    std::string client;
  };
  const std::vector<Case> cases = {
      {header(kProxy, kTcp4, kIpv4), Kind::kProxied, "192.0.2.7:50000"},
      {header(kProxy, kTcp6, ipv6("2001:db8::7")), Kind::kProxied, "[2001:db8::7]:50000"},
      {header(kProxy, kTcp6, ipv6("::ffff:192.0.2.7")), Kind::kProxied, "[::ffff:192.0.2.7]:50000"},
      {header(kProxy, kTcp4, kIpv4 + tlv(0x01, "postgresql") + tlv(0x04, "")), Kind::kProxied,
       "192.0.2.7:50000"},
      {of_aws(), Kind::kProxied, "172.31.7.113:51442"},
      {header(kLocal, 0x00, ""), Kind::kLocal, ""},
      // What a health check says of addresses is nobody's, whatever it is.
      {header(kLocal, kTcp4, kIpv4), Kind::kLocal, ""},
      {header(kLocal, '\xff', "anything, and no TLV"), Kind::kLocal, ""},
  };
  for (const auto& [bytes, kind, client] : cases) {
    SCOPED_TRACE(::testing::PrintToString(bytes));
    const ProxyHeader read = read_proxy_header(bytes + "what the client says");
    EXPECT_EQ(read.kind, kind);
    EXPECT_EQ(read.bytes, bytes.size());
    EXPECT_EQ(client_of(read), client);
    for (size_t size = 0; size < bytes.size(); ++size) {
      const ProxyHeader part = read_proxy_header(bytes.substr(0, size));
      ASSERT_EQ(part.kind, Kind::kIncomplete) << size;
      EXPECT_EQ(part.bytes, 0U);
      EXPECT_EQ(client_of(part), "");
    }
  }
}

TEST(ProxyHeaderTest, AMappedIpv4ClientIsJudgedAsIpv4) {
  const AddressList list = *AddressList::parse({"192.0.2.0/24"});
  EXPECT_TRUE(list.admits(read_proxy_header(header(kProxy, kTcp6, ipv6("::ffff:192.0.2.7"))).client));
  EXPECT_FALSE(list.admits(read_proxy_header(header(kProxy, kTcp6, ipv6("::ffff:192.0.3.7"))).client));
}

TEST(ProxyHeaderTest, AWrongByteIsSeenAtOnce) {
  const std::string good = header(kProxy, kTcp4, kIpv4);
  for (size_t at = 0; at < kSignature.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string bytes = good.substr(0, at) + static_cast<char>(value);
      EXPECT_EQ(read_proxy_header(bytes).kind, bytes[at] == good[at] ? Kind::kIncomplete : Kind::kUnknown)
          << at << ' ' << value;
    }
  }
  for (int value = 0; value < 256; ++value) {
    const char byte = static_cast<char>(value);
    EXPECT_EQ(read_proxy_header(kSignature + byte).kind,
              byte == kLocal || byte == kProxy ? Kind::kIncomplete : Kind::kUnknown)
        << "version and command " << value;
    EXPECT_EQ(read_proxy_header(kSignature + kProxy + byte).kind,
              byte == kTcp4 || byte == kTcp6 ? Kind::kIncomplete : Kind::kUnknown)
        << "family and protocol " << value;
    EXPECT_EQ(read_proxy_header(kSignature + kLocal + byte).kind, Kind::kIncomplete);
  }
  for (const std::string& other : {std::string("PROXY TCP4 192.0.2.7 198.51.100.1 50000 5432\r\n"),
                                   std::string("\0\0\0\x08", 4), std::string("\x16\x03\x01")}) {
    EXPECT_EQ(read_proxy_header(other).kind, Kind::kUnknown) << other;
    EXPECT_EQ(read_proxy_header(other.substr(0, 1)).kind, Kind::kUnknown) << other;
  }
}

TEST(ProxyHeaderTest, OfEveryLengthIsKnownAtOnceWhetherItCanBe) {
  for (const char family : {kTcp4, kTcp6}) {
    const size_t least = family == kTcp4 ? 12 : 36;
    for (size_t length = 0; length < 65'536; ++length) {
      const auto kind = [&](char command) {
        return read_proxy_header(kSignature + command + family + two_bytes(length)).kind;
      };
      const bool fits = 16 + length <= kProxyHeaderBytesMax;
      ASSERT_EQ(kind(kProxy), fits && length >= least ? Kind::kIncomplete : Kind::kUnknown) << length;
      ASSERT_EQ(kind(kLocal), !fits         ? Kind::kUnknown
                              : length == 0 ? Kind::kLocal
                                            : Kind::kIncomplete)
          << length;
    }
  }
  const size_t room = kProxyHeaderBytesMax - 16 - kIpv4.size() - 3;
  const std::string longest = header(kProxy, kTcp4, kIpv4 + tlv(0x04, std::string(room, 'x')));
  EXPECT_EQ(read_proxy_header(longest).kind, Kind::kProxied);
  EXPECT_EQ(read_proxy_header(longest).bytes, kProxyHeaderBytesMax);
}

TEST(ProxyHeaderTest, TlvsEndWhereTheHeaderEnds) {
  const auto kind = [](const std::string& tlvs) {
    return read_proxy_header(header(kProxy, kTcp4, kIpv4 + tlvs) + std::string(70'000, '\0')).kind;
  };
  EXPECT_EQ(kind(tlv(0x02, "db.example.com") + tlv(0x05, "id")), Kind::kProxied);
  // A type of one's own, and one of which the parts are TLVs again.
  EXPECT_EQ(kind(tlv('\xe0', "own") + tlv(0x20, std::string("\1\0\0\0\0", 5) + tlv(0x21, "TLSv1.3"))),
            Kind::kProxied);
  EXPECT_EQ(kind("\x04"), Kind::kUnknown);
  EXPECT_EQ(kind(std::string("\x04\0", 2)), Kind::kUnknown);
  EXPECT_EQ(kind(std::string("\x04\0\x01", 3)), Kind::kUnknown);
  EXPECT_EQ(kind(tlv(0x04, "abc") + std::string("\x04\0\x02x", 4)), Kind::kUnknown);
  EXPECT_EQ(kind("\x04\xff\xff" + std::string(100, 'x')), Kind::kUnknown);
}

TEST(ProxyHeaderTest, AChecksumIsHeldAgainstTheWholeHeader) {
  const std::string good = of_aws();
  ASSERT_EQ(read_proxy_header(good).kind, Kind::kProxied);
  // From the addresses on: a wrong byte before has reasons of its own. The checksum's own bytes are among
  // them.
  for (size_t at = 16; at < good.size(); ++at) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      std::string damaged = good;
      damaged[at] = static_cast<char>(damaged[at] ^ 1 << bit);
      // The checksum is missed where its type is damaged, so that it is another TLV.
      constexpr size_t kTypeAt = 28;
      EXPECT_EQ(read_proxy_header(damaged).kind, at == kTypeAt ? Kind::kProxied : Kind::kUnknown)
          << at << ' ' << bit;
    }
  }
  // The client's bytes after it are not part of it.
  EXPECT_EQ(read_proxy_header(good + good).bytes, good.size());
}

TEST(ProxyHeaderTest, AChecksumIsThereOnceAndWhole) {
  ASSERT_EQ(crc32c("123456789"), "\xe3\x06\x92\x83");
  const auto kind = [](const std::string& tlvs) {
    return read_proxy_header(header(kProxy, kTcp4, kIpv4 + tlvs)).kind;
  };
  for (size_t size = 0; size < 9; ++size)
    EXPECT_EQ(kind(tlv(0x03, std::string(size, '\0'))), Kind::kUnknown) << size;
  // Two would be right, were only the first or only the last of them looked at.
  const auto with_two = [](size_t right) {
    const std::string none = tlv(0x03, std::string(4, '\0'));
    std::string bytes = header(kProxy, kTcp4, kIpv4 + none + none);
    const size_t at = bytes.size() - (right == 0 ? 2 * none.size() : none.size()) + 3;
    return bytes.replace(at, 4, crc32c(bytes));
  };
  EXPECT_EQ(read_proxy_header(with_two(0)).kind, Kind::kUnknown);
  EXPECT_EQ(read_proxy_header(with_two(1)).kind, Kind::kUnknown);
  // At the end of a header as well as in its middle.
  std::string at_end = header(kProxy, kTcp4, kIpv4 + tlv(0x04, "x") + tlv(0x03, std::string(4, '\0')));
  EXPECT_EQ(read_proxy_header(at_end).kind, Kind::kUnknown);
  at_end.replace(at_end.size() - 4, 4, crc32c(at_end));
  EXPECT_EQ(read_proxy_header(at_end).kind, Kind::kProxied);
}

}  // namespace
}  // namespace ytb::gate
