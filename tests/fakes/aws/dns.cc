#include "tests/fakes/aws/dns.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ldns/ldns.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "base/check.h"
#include "tests/fakes/aws/loopback.h"

namespace ytb::fakes::aws {
namespace {

constexpr int kChainMax = 8;
constexpr int kPollMs = 50;

using Packet = std::unique_ptr<ldns_pkt, decltype(&ldns_pkt_free)>;

std::string text_of(const ldns_rdf* name) {
  std::unique_ptr<char, decltype(&free)> text(ldns_rdf2str(name), &free);
  return text.get();
}

bool push(ldns_pkt* packet, const std::string& line) {
  ldns_rr* record = nullptr;
  if (ldns_rr_new_frm_str(&record, line.c_str(), 0, nullptr, nullptr) != LDNS_STATUS_OK) return false;
  ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, record);
  return true;
}

bool is_address(std::string name) {
  while (name.ends_with('.')) name.pop_back();
  in_addr address{};
  return inet_pton(AF_INET, name.c_str(), &address) == 1;
}

// Whether the name exists; its records of the type, or the CNAMEs on the way to them, go into the packet.
bool fill(ldns_pkt* packet, const Route53& zones, std::string name, const std::string& type) {
  bool exists = false;
  for (int i = 0; i < kChainMax; ++i) {
    if (is_address(name) && type == "A") {
      std::string address = name;
      while (address.ends_with('.')) address.pop_back();
      push(packet, fmt::format("{} 60 IN A {}", normal_name(name), address));
      return true;
    }
    std::string next;
    for (const Route53::Answer& answer : zones.resolve(name)) {
      exists = true;
      if (answer.type != type && answer.type != "CNAME") continue;
      for (const std::string& value : answer.values) {
        std::string target = answer.type == "CNAME" ? normal_name(value) : value;
        push(packet, fmt::format("{} {} IN {} {}", normal_name(name), answer.ttl_s, answer.type, target));
        if (answer.type == "CNAME" && type != "CNAME") next = value;
      }
    }
    if (next.empty()) return exists;
    name = next;
  }
  return exists;
}

}  // namespace

DnsResponder::DnsResponder(World& world, Route53& zones) : world_(world), zones_(zones) {
  const Loopback bound = bind_loopback(SOCK_DGRAM);
  fd_ = bound.fd;
  port_ = bound.port;
  thread_ = std::thread([this] { serve(); });
}

DnsResponder::~DnsResponder() {
  stopping_ = true;
  thread_.join();
  close(fd_);
}

void DnsResponder::serve() {
  while (!stopping_) {
    pollfd waiting{fd_, POLLIN, 0};
    if (poll(&waiting, 1, kPollMs) <= 0) continue;
    uint8_t query[4096];
    sockaddr_in from{};
    socklen_t size = sizeof from;
    ssize_t got = recvfrom(fd_, query, sizeof query, 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got <= 0) continue;
    std::vector<uint8_t> wire = answer(query, static_cast<size_t>(got));
    if (!wire.empty()) sendto(fd_, wire.data(), wire.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
  }
}

std::vector<uint8_t> DnsResponder::answer(const uint8_t* query, size_t size) {
  ldns_pkt* raw = nullptr;
  if (ldns_wire2pkt(&raw, query, size) != LDNS_STATUS_OK) return {};
  Packet asked(raw, &ldns_pkt_free);
  if (ldns_pkt_qdcount(asked.get()) != 1) return {};
  const ldns_rr* question = ldns_rr_list_rr(ldns_pkt_question(asked.get()), 0);
  Packet reply(ldns_pkt_new(), &ldns_pkt_free);
  ldns_pkt_set_id(reply.get(), ldns_pkt_id(asked.get()));
  ldns_pkt_set_qr(reply.get(), true);
  ldns_pkt_set_aa(reply.get(), true);
  ldns_pkt_set_rd(reply.get(), ldns_pkt_rd(asked.get()));
  ldns_pkt_set_ra(reply.get(), true);
  ldns_pkt_push_rr(reply.get(), LDNS_SECTION_QUESTION, ldns_rr_clone(question));
  std::unique_ptr<char, decltype(&free)> type(ldns_rr_type2str(ldns_rr_get_type(question)), &free);
  world_.run_due();
  {
    std::lock_guard lock(world_.mutex);
    if (!fill(reply.get(), zones_, text_of(ldns_rr_owner(question)), type.get())) {
      ldns_pkt_set_rcode(reply.get(), LDNS_RCODE_NXDOMAIN);
    }
  }
  uint8_t* wire = nullptr;
  size_t wire_size = 0;
  if (ldns_pkt2wire(&wire, reply.get(), &wire_size) != LDNS_STATUS_OK) return {};
  std::vector<uint8_t> out(wire, wire + wire_size);
  free(wire);
  return out;
}

}  // namespace ytb::fakes::aws
