#include "drivers/gate/startup.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace ytb::gate {
namespace {

constexpr size_t kLengthBytes = 4;
constexpr size_t kCodeBytes = 4;
constexpr size_t kHeaderBytes = 1 + kLengthBytes;  // of a message after the first packet
constexpr char kReadyForQuery = 'Z';
constexpr char kBackendKeyData = 'K';
constexpr uint32_t kCancelRequest = 80877102;
constexpr uint32_t kTlsRequest = 80877103;
constexpr uint32_t kGssRequest = 80877104;
constexpr uint32_t kMajor = 3;
constexpr char kTlsHandshake = 0x16;
constexpr size_t kCancelKeyMin = 8;  // a process number and four bytes
constexpr size_t kCancelKeyMax = 4 + 256;

uint32_t number_at(std::string_view bytes, size_t at) {
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i) number = number << 8U | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

void refuse(FirstPacket& packet, std::string_view sqlstate, std::string_view why) {
  packet.sqlstate = sqlstate;
  packet.refusal = why;
}

// As parse_bool of the server takes it, and "database", which is replication, too.
bool says_no(std::string_view value) {
  std::string lower(value);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const auto begins = [&](std::string_view word) { return !lower.empty() && word.starts_with(lower); };
  return lower == "0" || begins("false") || begins("no") || (lower.size() > 1 && begins("off"));
}

// Name and value in turn, each ended by a zero; a zero ends them all, and the packet.
void read_parameters(std::string_view rest, FirstPacket& packet) {
  constexpr std::string_view kProtocolViolation = "08P01";
  std::set<std::string_view> seen;
  const auto take = [&](std::string_view& word) {
    const size_t end = rest.find('\0');
    if (end == std::string_view::npos) return false;
    word = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return true;
  };
  for (;;) {
    std::string_view name;
    std::string_view value;
    if (!take(name)) return refuse(packet, kProtocolViolation, "the login's parameters do not end");
    if (name.empty()) break;
    if (!take(value)) return refuse(packet, kProtocolViolation, "the login's parameters do not end");
    // A server takes the last one: whoever is judged has to be whoever logs in.
    if (!seen.insert(name).second)
      return refuse(packet, kProtocolViolation, "the login says a parameter twice");
    if (name == "user") packet.user = value;
    if (name == "database") packet.database = value;
    if (name == "replication") packet.replication = !says_no(value);
  }
  if (!rest.empty()) return refuse(packet, kProtocolViolation, "something follows the login's parameters");
  if (packet.user.empty()) return refuse(packet, "28000", "the login names no user");
  if (packet.database.empty()) packet.database = packet.user;
  if (packet.user.size() > kNameBytesMax || packet.database.size() > kNameBytesMax)
    return refuse(packet, "28000", "a name in the login is longer than 63 bytes");
  if (packet.replication) refuse(packet, "0A000", "copies are not replicated from");
}

}  // namespace

FirstPacket read_first_packet(std::string_view bytes) {
  using Kind = FirstPacket::Kind;
  FirstPacket packet;
  if (!bytes.empty() && bytes[0] == kTlsHandshake) {
    packet.kind = Kind::kTlsHandshake;
    return packet;
  }
  if (bytes.size() < kLengthBytes) return packet;
  const size_t size = number_at(bytes, 0);
  if (size < kLengthBytes + kCodeBytes || size > kStartupBytesMax) {
    packet.kind = Kind::kUnknown;
    return packet;
  }
  if (bytes.size() < size) return packet;
  packet.bytes = size;
  const uint32_t code = number_at(bytes, kLengthBytes);
  const std::string_view rest = bytes.substr(0, size).substr(kLengthBytes + kCodeBytes);
  if (code == kTlsRequest || code == kGssRequest) {
    packet.kind = !rest.empty()         ? Kind::kUnknown
                  : code == kTlsRequest ? Kind::kTlsRequest
                                        : Kind::kGssRequest;
    return packet;
  }
  if (code == kCancelRequest) {
    packet.kind = rest.size() < kCancelKeyMin || rest.size() > kCancelKeyMax ? Kind::kUnknown : Kind::kCancel;
    packet.cancel_key = rest;
    return packet;
  }
  packet.kind = Kind::kLogin;
  if (code >> 16U != kMajor) {
    refuse(packet, "0A000",
           fmt::format("version {}.{} of the protocol is not spoken here", code >> 16U, code & 0xffffU));
    return packet;
  }
  read_parameters(rest, packet);
  return packet;
}

std::string fatal_message(std::string_view sqlstate, std::string_view message, std::string_view hint) {
  std::string fields;
  const auto add = [&](char field, std::string_view text) {
    if (text.empty()) return;
    fields.push_back(field);
    for (const char c : text) fields.push_back(c == '\0' ? '?' : c);
    fields.push_back('\0');
  };
  add('S', "FATAL");
  add('V', "FATAL");
  add('C', sqlstate);
  add('M', message);
  add('H', hint);
  fields.push_back('\0');
  const auto size = static_cast<uint32_t>(fields.size() + kLengthBytes);
  std::string out = "E";
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(size >> static_cast<unsigned>(shift)));
  return out + fields;
}

bool is_farewell(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || bytes[0] != 'E' || number_at(bytes, 1) != bytes.size() - 1) return false;
  bool fatal = false;
  bool stopped = false;
  // Fields of a letter and a text, each ended by a zero.
  for (std::string_view rest = bytes.substr(kHeaderBytes); !rest.empty() && rest[0] != '\0';) {
    const std::string_view field = rest.substr(0, rest.find('\0'));
    fatal = fatal || field == "VFATAL";
    stopped = stopped || field == "C57P01";
    rest.remove_prefix(std::min(rest.size(), field.size() + 1));
  }
  return fatal && stopped;
}

// Of a header that is whole.
bool ServerWatch::begin_message() {
  const size_t size = number_at(header_, 1);
  type_ = header_[0];
  if (size < kLengthBytes) return false;
  left_ = size - kLengthBytes;
  if (login_is_over_ || type_ != kBackendKeyData) return true;
  cancel_key_.clear();
  return left_ <= kCancelKeyMax;
}

bool ServerWatch::read(std::string_view bytes) {
  while (!lost_ && !bytes.empty()) {
    if (header_.size() < kHeaderBytes) {
      const size_t taken = std::min(kHeaderBytes - header_.size(), bytes.size());
      header_.append(bytes.substr(0, taken));
      bytes.remove_prefix(taken);
      if (header_.size() < kHeaderBytes) return true;
      lost_ = !begin_message();
      if (lost_) return login_is_over_;
    }
    const size_t taken = std::min(left_, bytes.size());
    if (!login_is_over_ && type_ == kBackendKeyData) cancel_key_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    left_ -= taken;
    if (left_ > 0) return true;
    header_.clear();
    login_is_over_ = login_is_over_ || type_ == kReadyForQuery;
  }
  return true;
}

}  // namespace ytb::gate
