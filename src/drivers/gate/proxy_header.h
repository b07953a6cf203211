// What a load balancer says before its client's first byte: for whom it connects. The PROXY protocol's
// version 2, which network load balancers, HAProxy and Envoy speak; version 1, a line of text, is unknown
// here.
//
// Pure. To be read only of connections whose own address is a load balancer's: it can claim any client.
// Source: HAProxy's doc/proxy-protocol.txt, section 2.2.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <string_view>

namespace ytb::gate {

// A load balancer on AWS sends some 100 bytes, one that passes on a client's certificate some hundreds, and
// the specification wants a header to fit one TCP segment. Longer ones are refused as soon as they say their
// length.
constexpr size_t kProxyHeaderBytesMax = 16 + 2048;

struct ProxyHeader {
  enum class Kind {
    kIncomplete,  // more bytes are needed
    kProxied,     // on behalf of `client`
    kLocal,       // a health check of the load balancer's own: the connection's address counts
    kUnknown,     // not a header, a damaged one, or one without an IP address and port to judge the client by
  };
  Kind kind = Kind::kIncomplete;
  // Of the header; the client's own bytes begin there. 0 where it is incomplete or unknown.
  size_t bytes = 0;
  // Of kProxied: AF_INET or AF_INET6 with its port. An IPv4 address that came mapped to IPv6 stays so.
  sockaddr_storage client{};
};
// A kind other than kIncomplete is final: it is the same with any bytes that follow.
ProxyHeader read_proxy_header(std::string_view bytes);
// Of an incomplete header: how many more bytes can be taken without taking one of the client's own.
size_t proxy_header_wants(std::string_view bytes);

}  // namespace ytb::gate
