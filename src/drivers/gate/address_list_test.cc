#include "drivers/gate/address_list.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace ytb::gate {
namespace {

sockaddr_storage address_of(const std::string& text) {
  sockaddr_storage storage{};
  if (inet_pton(AF_INET, text.c_str(), &reinterpret_cast<sockaddr_in&>(storage).sin_addr) == 1) {
    storage.ss_family = AF_INET;
  } else {
    inet_pton(AF_INET6, text.c_str(), &reinterpret_cast<sockaddr_in6&>(storage).sin6_addr);
    storage.ss_family = AF_INET6;
  }
  return storage;
}

TEST(AddressList, AdmitsByBlock) {
  auto list = AddressList::parse({"10.0.0.0/8", "192.168.1.7", "2001:db8::/33"});
  ASSERT_TRUE(list.ok());
  for (const char* inside : {"10.255.0.1", "192.168.1.7", "2001:db8:7fff::1", "::ffff:10.1.2.3"}) {
    EXPECT_TRUE(list->admits(address_of(inside))) << inside;
  }
  for (const char* outside : {"11.0.0.1", "192.168.1.8", "2001:db8:8000::1", "::1", "::ffff:11.0.0.1"}) {
    EXPECT_FALSE(list->admits(address_of(outside))) << outside;
  }
  sockaddr_storage unix_socket{};
  unix_socket.ss_family = AF_UNIX;
  EXPECT_FALSE(list->admits(unix_socket));
  auto local = AddressList::parse({"local"});
  EXPECT_TRUE(local->admits(unix_socket));
  EXPECT_FALSE(local->admits(address_of("127.0.0.1")));
  EXPECT_FALSE(AddressList::parse({})->admits(address_of("127.0.0.1")));
  for (const char* bad :
       {"", "10.0.0.0/33", "10.0.0/8", "Local", "10.0.0.0/", "::/129", "10.0.0.0/-1", "10.0.0.0/8x"}) {
    EXPECT_FALSE(AddressList::parse({bad}).ok()) << bad;
  }
}

}  // namespace
}  // namespace ytb::gate
