// DnsResponder: answers on UDP for what Route 53 has in sync: the record asked for, or its CNAME and what
// that leads to. An address as a CNAME's target (the endpoints of a local backend are addresses) is its own A
// record. One thread; not cached, no recursion beyond our own names.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "tests/fakes/aws/route53.h"

namespace ytb::fakes::aws {

class DnsResponder {
 public:
  DnsResponder(World& world, Route53& zones);
  ~DnsResponder();
  DnsResponder(const DnsResponder&) = delete;
  DnsResponder& operator=(const DnsResponder&) = delete;
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  void serve();
  std::vector<uint8_t> answer(const uint8_t* query, size_t size);

  World& world_;
  Route53& zones_;
  int fd_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace ytb::fakes::aws
