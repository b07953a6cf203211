#include "masking/detect.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ytb::masking {
namespace {

std::string seen(const std::string& value) { return std::string(detect({value}).what); }

// D5: a time of day is no address, nor is the number of a network card.
TEST(Detect, AddressesOfTheInternet) {
  for (const char* text : {"2001:db8::1", "::1", "fe80::1ff:fe23:4567:890a%eth0",
                           "2001:db8:0:0:8:800:200c:417a", "::ffff:192.0.2.1", "2001:db8::/32"})
    EXPECT_TRUE(is_ipv6(text)) << text;
  for (const char* text :
       {"08:30:00", "8:30", "00:1b:44:11:3a:b7", "50:06:01:60:3b:a0:11:22", "dead::beef", "a::b::1",
        "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:", "12345::1", "", ":", "::g", "1:2", "x"})
    EXPECT_FALSE(is_ipv6(text)) << text;
  EXPECT_EQ(seen("10.11.12.13"), "IP addresses");
  EXPECT_EQ(seen("08:30:00"), "");
  EXPECT_EQ(seen("00:1b:44:11:3a:b7"), "MAC addresses");
  EXPECT_EQ(seen("00-1B-44-11-3A-B7"), "MAC addresses");
}

TEST(Detect, Secrets) {
  for (const char* text :
       {"$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW",
        "pbkdf2_sha256$600000$abcdefgh$0123456789abcdef0123456789abcdef",
        "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWRWJTmaaJObG",
        "SCRAM-SHA-256$4096:abc$def:ghi",
        "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "md5c4ca4238a0b923820dcc509a6f75849b",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA", "AKIAIOSFODNN7EXAMPLE",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "glpat-20charsAsGitLabIssues",
        "xoxb-123456789012-abcdefGHIJKL", "AIzaSyA1234567890abcdefghijklmnopqrstuv"}) {
    EXPECT_EQ(seen(text), "password hashes, keys or tokens") << text;
  }
  EXPECT_EQ(seen("5f4dcc3b5aa765d61d8327deb882cf99"), "long hexadecimal numbers");
  EXPECT_EQ(seen("aB3dE5fG7hJ9kL1mN3pQ5rS7tV"), "random tokens");
  EXPECT_EQ(seen("550e8400-e29b-41d4-a716-446655440000"), "UUIDs");
  for (const char* text :
       {"pk_user_accounts_email_index_1", "sk_ALASKA", "github_actions", "READ_WRITE_ALL_PERMISSIONS",
        "application/vnd.api+json", "2026-11-29", "29/11/2026", "invoice-2026-11.pdf", "12345678"})
    EXPECT_EQ(seen(text), "") << text;
}

}  // namespace
}  // namespace ytb::masking
