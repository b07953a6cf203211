#include "masking/address.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

namespace ytb::masking {
namespace {

bool take_number(std::string_view& text, int base, int max, int& number) {
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (failed != std::errc() || number < 0 || number > max || end - text.data() > 4) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool parse_version4(std::string_view& text, uint8_t* bytes) {
  for (int i = 0; i < 4; ++i) {
    int number = 0;
    if (i > 0) {
      if (text.empty() || text.front() != '.') return false;
      text.remove_prefix(1);
    }
    if (!take_number(text, 10, 255, number)) return false;
    bytes[i] = static_cast<uint8_t>(number);
  }
  return true;
}

// RFC 4291, 2.2: groups, one "::", perhaps an IPv4 tail.
bool parse_version6(std::string_view text, std::array<uint8_t, 16>& bytes) {
  size_t filled = 0;
  size_t gap = bytes.size() + 1;
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    if (filled >= bytes.size()) return false;
    size_t colon = text.find(':');
    if (colon == std::string_view::npos && text.find('.') != std::string_view::npos) {
      if (filled + 4 > bytes.size() || !parse_version4(text, bytes.data() + filled) || !text.empty())
        return false;
      filled += 4;
      break;
    }
    int group = 0;
    if (!take_number(text, 16, 0xffff, group)) return false;
    bytes[filled++] = static_cast<uint8_t>(group >> 8);
    bytes[filled++] = static_cast<uint8_t>(group & 0xff);
    if (text.empty()) break;
    if (text.front() != ':') return false;
    text.remove_prefix(1);
    if (text.starts_with(':')) {
      if (gap <= bytes.size()) return false;
      gap = filled;
      text.remove_prefix(1);
    } else if (text.empty()) {
      return false;
    }
  }
  if (gap > bytes.size()) return filled == bytes.size();
  if (filled >= bytes.size()) return false;
  std::rotate(bytes.begin() + static_cast<std::ptrdiff_t>(gap),
              bytes.begin() + static_cast<std::ptrdiff_t>(filled), bytes.end());
  return true;
}

// The longest run of two or more zero groups; {8, 0}: none.
std::pair<size_t, size_t> longest_zero_run(const std::array<uint8_t, 16>& bytes) {
  std::pair<size_t, size_t> best{8, 0};
  size_t start = 0;
  size_t size = 0;
  for (size_t group = 0; group < 8; ++group) {
    bool zero = bytes[2 * group] == 0 && bytes[2 * group + 1] == 0;
    if (!zero) {
      size = 0;
      continue;
    }
    if (size++ == 0) start = group;
    if (size >= 2 && size > best.second) best = {start, size};
  }
  return best;
}

constexpr size_t kInetHeaderBytes = 4;
constexpr char kInetFamily4 = 2;  // PGSQL_AF_INET, PGSQL_AF_INET6 (utils/inet.h)
constexpr char kInetFamily6 = 3;

constexpr uint8_t kNetworks4[][3] = {{192, 0, 2}, {198, 51, 100}, {203, 0, 113}};  // RFC 5737
constexpr uint8_t kNetwork6[] = {0x20, 0x01, 0x0d, 0xb8};                          // RFC 3849
// A network as wide as a whole documentation block could only ever be that block.
constexpr int kNetworkPrefixMin4 = 28;
constexpr int kNetworkPrefixMin6 = 48;

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  Address address;
  size_t slash = text.find('/');
  std::string_view prefix = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
  std::string_view host = text.substr(0, slash);
  if (host.find(':') != std::string_view::npos) {
    address.version = 6;
    if (!parse_version6(host, address.bytes)) return std::nullopt;
  } else if (!parse_version4(host, address.bytes.data()) || !host.empty()) {
    return std::nullopt;
  }
  address.prefix = address.prefix_max();
  if (slash == std::string_view::npos) return address;
  if (!take_number(prefix, 10, address.prefix_max(), address.prefix) || !prefix.empty()) return std::nullopt;
  return address;
}

void append_address(const Address& address, std::string& out) {
  const auto& b = address.bytes;
  if (address.version == 4) {
    fmt::format_to(std::back_inserter(out), "{}.{}.{}.{}", b[0], b[1], b[2], b[3]);
    return;
  }
  auto [gap, gap_size] = longest_zero_run(b);
  for (size_t group = 0; group < 8; ++group) {
    if (group == gap) {
      out.append("::");
      group += gap_size - 1;
      continue;
    }
    if (group > 0 && group != gap + gap_size) out.push_back(':');
    fmt::format_to(std::back_inserter(out), "{:x}", b[2 * group] << 8 | b[2 * group + 1]);
  }
}

std::optional<Address> parse_binary_inet(std::string_view bytes) {
  if (bytes.size() < kInetHeaderBytes) return std::nullopt;
  Address address;
  address.version = bytes[0] == kInetFamily4 ? 4 : bytes[0] == kInetFamily6 ? 6 : 0;
  if (address.version == 0 || bytes.size() != kInetHeaderBytes + address.size()) return std::nullopt;
  address.prefix = static_cast<uint8_t>(bytes[1]);
  if (address.prefix > address.prefix_max() || static_cast<size_t>(bytes[3]) != address.size())
    return std::nullopt;
  std::memcpy(address.bytes.data(), bytes.data() + kInetHeaderBytes, address.size());
  return address;
}

void append_inet(const Address& address, bool is_network, std::string& out) {
  out.push_back(address.version == 4 ? kInetFamily4 : kInetFamily6);
  out.push_back(static_cast<char>(address.prefix));
  out.push_back(is_network ? 1 : 0);
  out.push_back(static_cast<char>(address.size()));
  out.append(reinterpret_cast<const char*>(address.bytes.data()), address.size());
}

bool has_host_bits(const Address& address) {
  for (int bit = address.prefix; bit < address.prefix_max(); ++bit) {
    if ((address.bytes[static_cast<size_t>(bit / 8)] & (0x80 >> (bit % 8))) != 0) return true;
  }
  return false;
}

Address documentation_address(const Address& like, bool is_network, const std::array<uint8_t, 32>& bits) {
  Address made = like;
  if (like.version == 4) {
    const auto& network = kNetworks4[bits[0] % 3];
    std::copy(std::begin(network), std::end(network), made.bytes.begin());
    made.bytes[3] = static_cast<uint8_t>(1 + bits[1] % 254);
    if (is_network) made.prefix = std::max(like.prefix, kNetworkPrefixMin4);
  } else {
    std::copy(std::begin(kNetwork6), std::end(kNetwork6), made.bytes.begin());
    std::copy_n(bits.begin(), made.bytes.size() - sizeof kNetwork6, made.bytes.begin() + sizeof kNetwork6);
    if (is_network) made.prefix = std::max(like.prefix, kNetworkPrefixMin6);
  }
  if (is_network) {  // no bit to the right of the mask
    for (int bit = made.prefix; bit < made.prefix_max(); ++bit) {
      made.bytes[static_cast<size_t>(bit / 8)] &= static_cast<uint8_t>(~(0x80 >> (bit % 8)));
    }
  }
  return made;
}

}  // namespace ytb::masking
