#include "masking/signs.h"

#include <gtest/gtest.h>

#include <string>

namespace ytb::masking {
namespace {

std::string seen_in(std::string_view text) {
  const Signs signs = signs_in(text);
  std::string seen;
  for (unsigned sign = 0; sign < kSigns; ++sign) {
    if (!signs.test(sign)) continue;
    if (!seen.empty()) seen += ", ";
    seen += words_of(static_cast<Sign>(sign));
  }
  return seen;
}

TEST(Signs, OfPeople) {
  for (const char* text :
       {"ada@lovelace.org", "write to <Ada.L+x@mail.lovelace.co.uk>, please.", "ada@lovelace.org.",
        R"({"to": "mailto:ada@lovelace.org"})", "ädä@bücher.example-shop.de", "x@a.b.test"}) {
    EXPECT_EQ(seen_in(text), "e-mail addresses") << text;
  }
  for (const char* text :
       {"+49 (30) 901820", "call +4930901820.", "tel:+1-212-736-5000", "+33 1 40 20 50 50"})
    EXPECT_EQ(seen_in(text), "telephone numbers") << text;
  for (const char* text :
       {"4929 1287 8912 4566", "card 4929128789124566;", "3714-496353-98449", "5425233430109903"})
    EXPECT_EQ(seen_in(text), "card numbers") << text;
  for (const char* text :
       {"DE89370400440532013000", "to DE89 3704 0044 0532 0130 00, soon", "GB82 WEST 1234 5698 7654 32"})
    EXPECT_EQ(seen_in(text), "bank accounts (IBAN)") << text;
  for (const char* text : {"123-45-6789", "ssn=123-45-6789;"})
    EXPECT_EQ(seen_in(text), "social security numbers") << text;
  for (const char* text :
       {"-----BEGIN RSA PRIVATE KEY-----\nMII", "key AKIAIOSFODNN7EXAMPLE", "postgres://app:s3cret@db/shop",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
        "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW"}) {
    EXPECT_EQ(seen_in(text), "passwords, keys and tokens") << text;
  }
  EXPECT_EQ(seen_in("ada@lovelace.org or +49 30 901820"), "e-mail addresses, telephone numbers");
}

TEST(Signs, OfNobody) {
  for (const char* text : {"",
                           "@",
                           "a@b",
                           "@here",
                           "meet @ noon.today",
                           "logo@2x.png",
                           "elowen.halinga.kz@example.org",
                           "x@mail.example.com",
                           "foo@bar.1",
                           "git@host",
                           "git@github.com:org/repo.git",
                           "lat +48.1371540, lon +11.5761240",
                           "delta +12345678 bytes",
                           "+1-212-555-0143",
                           "+44 7700 900123",
                           "+1",
                           "2+2=4",
                           "3 + 49309018200 ",
                           "1234567890123456",  // no issuer's
                           "4929128789124567",  // its check digit is wrong
                           "4111111111111111",  // a published one
                           "4929128789124566000",
                           "x4929128789124566",
                           "1.4929128789124566",
                           "550e8400-e29b-41d4-a716-446655440000",  // a uuid
                           "2026-11-29 10:11:12.123456+00",
                           "10.11.12.13",
                           "000-12-3456",
                           "123-45-67890",
                           "DE89370400440532013001",
                           "DEAD 1234",
                           "US12 3456",
                           "https://host:8080/x@y",
                           "$5.99",
                           "$2b$ and so on",
                           "-----BEGIN CERTIFICATE-----",
                           "eyJust a word",
                           "AKIA",
                           "e.g. Lovelace"}) {
    EXPECT_EQ(seen_in(text), "") << text;
  }
}

// A text of nothing but beginnings.
TEST(Signs, TakeTimeInProportion) {
  std::string text;
  constexpr int kTimes = 200'000;
  for (int i = 0; i < kTimes; ++i) text += i % 3 == 0 ? "@" : i % 3 == 1 ? "1-" : "a.";
  EXPECT_EQ(seen_in(text), "");
  EXPECT_EQ(seen_in(std::string(kTimes, '9')), "");
  EXPECT_EQ(seen_in(std::string(kTimes, 'A')), "");
}

}  // namespace
}  // namespace ytb::masking
