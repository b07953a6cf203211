#include "drivers/dns/cname_lookup.h"

#include <fmt/format.h>
#include <ldns/ldns.h>

#include <charconv>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/text.h"

namespace ytb::dns {
namespace {

using Name = std::unique_ptr<ldns_rdf, decltype(&ldns_rdf_deep_free)>;
using Resolver = std::unique_ptr<ldns_resolver, decltype(&ldns_resolver_deep_free)>;
using Packet = std::unique_ptr<ldns_pkt, decltype(&ldns_pkt_free)>;

constexpr uint16_t kPort = 53;

Error no_answer(const std::string& name, const std::string& resolver, std::string_view why) {
  return Error{.code = Code::kConnection,
               .message = fmt::format("{} could not be looked up at {}: {}", printable(name),
                                      resolver.empty() ? "the system's resolver" : printable(resolver), why),
               .hint = "seen_from names the resolver that is asked; with seen_from: none nobody is",
               .retry = Retry::kLater};
}

Error no_resolver(const std::string& resolver) {
  return Error{.code = Code::kConfig,
               .message = fmt::format("'{}' is no resolver's address", printable(resolver)),
               .hint = "for example 10.0.0.2, 10.0.0.2:53 or [fd00::2]:53"};
}

struct Address {
  std::string host;
  uint16_t port = kPort;
};

Result<Address> parse_address(const std::string& text) {
  Address address{.host = text};
  const size_t colon = text.rfind(':');
  const bool has_port =
      colon != std::string::npos && (text.front() == '[' ? text[colon - 1] == ']' : text.find(':') == colon);
  if (has_port) {
    const char* end = text.data() + text.size();
    auto [stopped, error] = std::from_chars(text.data() + colon + 1, end, address.port);
    if (error != std::errc{} || stopped != end || address.port == 0) return no_resolver(text);
    address.host = text.substr(0, colon);
  }
  if (address.host.starts_with('[') && address.host.ends_with(']'))
    address.host = address.host.substr(1, address.host.size() - 2);
  return address;
}

Result<Resolver> open_resolver(const std::string& text) {
  if (text.empty()) {
    ldns_resolver* found = nullptr;
    if (ldns_resolver_new_frm_file(&found, nullptr) != LDNS_STATUS_OK) {
      return Error{.code = Code::kConfig,
                   .message = "/etc/resolv.conf names no resolver",
                   .hint = "name one: seen_from: 10.0.0.2"};
    }
    return Resolver(found, &ldns_resolver_deep_free);
  }
  YTB_ASSIGN(Address address, parse_address(text));
  const ldns_rdf_type type =
      address.host.find(':') == std::string::npos ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA;
  Name server(ldns_rdf_new_frm_str(type, address.host.c_str()), &ldns_rdf_deep_free);
  if (!server) return no_resolver(text);
  Resolver made(ldns_resolver_new(), &ldns_resolver_deep_free);
  if (!made || ldns_resolver_push_nameserver(made.get(), server.get()) != LDNS_STATUS_OK)
    return no_resolver(text);
  ldns_resolver_set_port(made.get(), address.port);
  return made;
}

std::string text_of(const ldns_rdf* name) {
  std::unique_ptr<char, decltype(&std::free)> text(ldns_rdf2str(name), &std::free);
  std::string out = text ? to_lower_ascii(text.get()) : std::string();
  if (out.ends_with('.')) out.pop_back();
  return out;
}

std::vector<std::string> cnames_in(const ldns_pkt* answer, const ldns_rdf* name) {
  std::vector<std::string> targets;
  const ldns_rr_list* records = ldns_pkt_answer(answer);
  for (size_t i = 0; i < ldns_rr_list_rr_count(records); ++i) {
    const ldns_rr* record = ldns_rr_list_rr(records, i);
    if (ldns_rr_get_type(record) != LDNS_RR_TYPE_CNAME || ldns_rr_rd_count(record) != 1) continue;
    if (ldns_dname_compare(ldns_rr_owner(record), name) != 0) continue;
    targets.push_back(text_of(ldns_rr_rdf(record, 0)));
  }
  return targets;
}

}  // namespace

Result<std::vector<std::string>> look_up_cname(const std::string& name, const std::string& resolver) {
  Name wanted(ldns_dname_new_frm_str(name.c_str()), &ldns_rdf_deep_free);
  if (!wanted) {
    return Error{
        .code = Code::kConfig, .message = fmt::format("'{}' is no DNS name", printable(name)), .hint = {}};
  }
  YTB_ASSIGN(Resolver asked, open_resolver(resolver));
  ldns_resolver_set_recursive(asked.get(), true);
  ldns_resolver_set_retry(asked.get(), kTries);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(kTimeout).count();
  ldns_resolver_set_timeout(asked.get(), {.tv_sec = seconds, .tv_usec = 0});
  ldns_pkt* made = nullptr;
  if (ldns_resolver_prepare_query_pkt(&made, asked.get(), wanted.get(), LDNS_RR_TYPE_CNAME, LDNS_RR_CLASS_IN,
                                      LDNS_RD) != LDNS_STATUS_OK) {
    return no_answer(name, resolver, "the question could not be made");
  }
  Packet question(made, &ldns_pkt_free);
  ldns_pkt_set_random_id(question.get());
  ldns_pkt* got = nullptr;
  const ldns_status status = ldns_resolver_send_pkt(&got, asked.get(), question.get());
  Packet answer(got, &ldns_pkt_free);
  if (status != LDNS_STATUS_OK || !answer) return no_answer(name, resolver, "no answer");
  if (ldns_pkt_id(answer.get()) != ldns_pkt_id(question.get()))
    return no_answer(name, resolver, "the answer is to another question");
  const ldns_pkt_rcode rcode = ldns_pkt_get_rcode(answer.get());
  if (rcode == LDNS_RCODE_NXDOMAIN) return std::vector<std::string>();
  if (rcode != LDNS_RCODE_NOERROR)
    return no_answer(name, resolver, fmt::format("it answers with code {}", static_cast<int>(rcode)));
  return cnames_in(answer.get(), wanted.get());
}

}  // namespace ytb::dns
