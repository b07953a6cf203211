// A load balancer's header: what is decided is final, and does not depend on what its client says next.
// fuzz-rooms: drivers_gate
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/check.h"
#include "drivers/gate/proxy_header.h"

using namespace ytb::gate;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using Kind = ProxyHeader::Kind;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const ProxyHeader whole = read_proxy_header(bytes);
  YTB_CHECK(whole.bytes <= bytes.size() && whole.bytes <= kProxyHeaderBytesMax);
  YTB_CHECK((whole.bytes > 0) == (whole.kind == Kind::kProxied || whole.kind == Kind::kLocal));
  if (whole.kind == Kind::kIncomplete) YTB_CHECK(bytes.size() < kProxyHeaderBytesMax);
  const int family = whole.client.ss_family;
  if (whole.kind == Kind::kProxied) {
    YTB_CHECK(family == AF_INET || family == AF_INET6);
  } else {
    YTB_CHECK(family == AF_UNSPEC);
  }
  // As the bytes come in, one by one: undecided until one of them decides, and then as the whole.
  bool decided = false;
  for (size_t prefix = 0; prefix <= bytes.size() && prefix <= kProxyHeaderBytesMax; ++prefix) {
    const ProxyHeader part = read_proxy_header(std::string_view(bytes).substr(0, prefix));
    YTB_CHECK(part.bytes <= prefix);
    if (part.kind == Kind::kIncomplete) {
      YTB_CHECK(!decided);
      continue;
    }
    decided = true;
    YTB_CHECK(part.kind == whole.kind && part.bytes == whole.bytes);
    YTB_CHECK(std::memcmp(&part.client, &whole.client, sizeof part.client) == 0);
  }
  YTB_CHECK(decided == (whole.kind != Kind::kIncomplete));
  return 0;
}
