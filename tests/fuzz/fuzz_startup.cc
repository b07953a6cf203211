// What strangers send to the gate, and what a server may answer: reading stays inside, and ends.
// fuzz-rooms: drivers_gate
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "drivers/gate/startup.h"

using namespace ytb::gate;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const FirstPacket packet = read_first_packet(bytes);
  YTB_CHECK(packet.bytes <= bytes.size() && packet.bytes <= kStartupBytesMax);
  if (packet.kind == FirstPacket::Kind::kIncomplete) YTB_CHECK(bytes.size() < kStartupBytesMax);
  if (packet.kind == FirstPacket::Kind::kLogin && packet.sqlstate.empty()) {
    YTB_CHECK(!packet.user.empty() && packet.user.size() <= kNameBytesMax);
    YTB_CHECK(packet.user.find('\0') == std::string::npos && !packet.replication);
  }
  // In pieces it is the same.
  ServerWatch whole;
  ServerWatch pieces;
  const bool read = whole.read(bytes);
  bool read_so_far = true;
  for (size_t at = 0; at < bytes.size() && read_so_far; at += 3)
    read_so_far = pieces.read(std::string_view(bytes).substr(at, 3));
  YTB_CHECK(read == read_so_far && whole.login_is_over() == pieces.login_is_over());
  if (read) YTB_CHECK(whole.is_between_messages() == pieces.is_between_messages());
  (void)is_farewell(bytes);
  if (read) YTB_CHECK(whole.cancel_key() == pieces.cancel_key());
  return 0;
}
