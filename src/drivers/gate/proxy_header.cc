#include "drivers/gate/proxy_header.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "base/crc32c.h"

namespace ytb::gate {
namespace {

using Kind = ProxyHeader::Kind;

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kVersionAt = 12;
constexpr size_t kFamilyAt = 13;
constexpr size_t kLengthAt = 14;
constexpr size_t kFixedBytes = 16;
// Version 2 in the upper half of its byte, the command in the lower one.
constexpr uint8_t kVersion2Local = 0x20;
constexpr uint8_t kVersion2Proxy = 0x21;
constexpr uint8_t kTcpOverIpv4 = 0x11;
constexpr uint8_t kTcpOverIpv6 = 0x21;
// Both addresses, then both ports; the source comes first.
constexpr size_t kIpv4Bytes = 4;
constexpr size_t kIpv6Bytes = 16;
constexpr size_t kPortBytes = 2;
// A TLV (type, length, value) begins with one byte and two.
constexpr size_t kTlvHeadBytes = 3;
constexpr uint8_t kTlvCrc32c = 0x03;
constexpr size_t kCrcBytes = 4;

uint8_t byte_at(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }
uint16_t short_at(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(byte_at(bytes, at) << 8U | byte_at(bytes, at + 1));
}

// Of the whole header, with zeros where the checksum is.
uint32_t crc32c_without(std::string_view header, size_t crc_at) {
  const uint32_t before = crc32c(crc32c(0, header.substr(0, crc_at)), std::string(kCrcBytes, '\0'));
  return crc32c(before, header.substr(crc_at + kCrcBytes));
}

// Whether the TLVs from `at` on fill the header exactly and a checksum among them is right. All but the
// checksum are skipped.
bool tlvs_hold(std::string_view header, size_t at) {
  std::optional<size_t> crc_at;
  while (at < header.size()) {
    if (header.size() - at < kTlvHeadBytes) return false;
    const uint8_t type = byte_at(header, at);
    const size_t length = short_at(header, at + 1);
    at += kTlvHeadBytes;
    if (header.size() - at < length) return false;
    if (type == kTlvCrc32c) {
      // Each of two would have to be zero for the other's sake: nobody sends that.
      if (length != kCrcBytes || crc_at.has_value()) return false;
      crc_at = at;
    }
    at += length;
  }
  if (!crc_at.has_value()) return true;
  const uint32_t told = uint32_t{short_at(header, *crc_at)} << 16U | short_at(header, *crc_at + 2);
  return told == crc32c_without(header, *crc_at);
}

sockaddr_storage source_of(std::string_view header, bool ipv4) {
  sockaddr_storage client{};
  const char* source = header.data() + kFixedBytes;
  if (ipv4) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(client);
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, source, kIpv4Bytes);
    std::memcpy(&v4.sin_port, source + 2 * kIpv4Bytes, kPortBytes);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(client);
    v6.sin6_family = AF_INET6;
    std::memcpy(&v6.sin6_addr, source, kIpv6Bytes);
    std::memcpy(&v6.sin6_port, source + 2 * kIpv6Bytes, kPortBytes);
  }
  return client;
}

}  // namespace

ProxyHeader read_proxy_header(std::string_view bytes) {
  const ProxyHeader incomplete;
  const ProxyHeader unknown{.kind = Kind::kUnknown};
  // Each byte is judged as soon as it is there: who is not a load balancer is not waited for.
  if (!bytes.starts_with(kSignature.substr(0, std::min(bytes.size(), kSignature.size())))) return unknown;
  if (bytes.size() <= kVersionAt) return incomplete;
  const uint8_t version = byte_at(bytes, kVersionAt);
  if (version != kVersion2Local && version != kVersion2Proxy) return unknown;
  const bool local = version == kVersion2Local;
  if (bytes.size() <= kFamilyAt) return incomplete;
  // Of a local connection the family and all that follows is to be ignored, a checksum in it as well.
  const uint8_t family = byte_at(bytes, kFamilyAt);
  if (!local && family != kTcpOverIpv4 && family != kTcpOverIpv6) return unknown;
  const bool ipv4 = family == kTcpOverIpv4;
  if (bytes.size() < kFixedBytes) return incomplete;
  const size_t size = kFixedBytes + short_at(bytes, kLengthAt);
  const size_t addresses = 2 * ((ipv4 ? kIpv4Bytes : kIpv6Bytes) + kPortBytes);
  if (size > kProxyHeaderBytesMax || (!local && size < kFixedBytes + addresses)) return unknown;
  if (bytes.size() < size) return incomplete;
  if (local) return {.kind = Kind::kLocal, .bytes = size};
  const std::string_view header = bytes.substr(0, size);
  if (!tlvs_hold(header, kFixedBytes + addresses)) return unknown;
  return {.kind = Kind::kProxied, .bytes = size, .client = source_of(header, ipv4)};
}

size_t proxy_header_wants(std::string_view bytes) {
  if (bytes.size() < kFixedBytes) return kFixedBytes - bytes.size();
  return kFixedBytes + short_at(bytes, kLengthAt) - bytes.size();
}

}  // namespace ytb::gate
