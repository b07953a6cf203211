#include "masking/masker.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>
#include <vector>

#include "masking/hmac.h"
#include "masking/masking_testing.h"

namespace ytb::masking {
namespace {

using namespace testing;  // NOLINT: this room's own helpers

// ---- the primitive

std::string hex(const Digest& digest) {
  std::string text;
  for (uint8_t byte : digest) text += fmt::format("{:02x}", byte);
  return text;
}

TEST(Hmac, Rfc4231) {
  struct Case {
    std::string key, message, mac;
  };
  const Case cases[] = {
      {std::string(20, '\x0b'), "Hi There",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {std::string(20, '\xaa'), std::string(50, '\xdd'),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19",
       std::string(50, '\xcd'), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {std::string(131, '\xaa'),
       "This is a test using a larger than block-size key and a larger than block-size data. The key needs "
       "to be "
       "hashed before being used by the HMAC algorithm.",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(hex(Hmac(c.key).mac(c.message)), c.mac) << c.message;
  }
}

// Around a block's end messages take another way.
TEST(Hmac, OfEverySizeIsThatOfOpenSsl) {
  const std::string key = "0123456789abcdef0123456789abcdef";
  const Hmac hmac(key);
  std::string message;
  for (size_t size = 0; size <= 200; ++size) {
    Digest expected{};
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(message.data()), message.size(), expected.data(), nullptr);
    EXPECT_EQ(hex(hmac.mac(message)), hex(expected)) << size;
    const size_t zero = message.find('\0');
    if (zero != std::string::npos) {
      EXPECT_EQ(hex(hmac.mac(message.substr(0, zero), message.substr(zero + 1))), hex(expected)) << size;
    }
    message += static_cast<char>(size == 5 ? 0 : size * 7 + 1);
  }
}

// HKDF by another implementation, from the production's key to one pseudonym: what a client in another
// language computes.
TEST(Hmac, PseudonymsAreThoseOfRfc5869) {
  const std::string key = "0123456789abcdef0123456789abcdef";
  const std::string salt = fmt::format("yesterdaytabase {}", kPseudonymVersion);
  auto hkdf = [&](std::string_view info) {
    std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
        EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr), EVP_PKEY_CTX_free);
    auto bytes = [](std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); };
    EXPECT_EQ(EVP_PKEY_derive_init(context.get()), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set_hkdf_md(context.get(), EVP_sha256()), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set1_hkdf_salt(context.get(), bytes(salt), static_cast<int>(salt.size())), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set1_hkdf_key(context.get(), bytes(key), static_cast<int>(key.size())), 1);
    EXPECT_EQ(EVP_PKEY_CTX_add1_hkdf_info(context.get(), bytes(info), static_cast<int>(info.size())), 1);
    Digest out{};
    size_t size = out.size();
    EXPECT_EQ(EVP_PKEY_derive(context.get(), out.data(), &size), 1);
    return out;
  };
  using namespace std::string_view_literals;
  const Digest pseudonyms = hkdf("pseudonyms\0"sv);
  EXPECT_EQ(test_key().pseudonym("email", "zo\xc3\xab@example.com"),
            Hmac({reinterpret_cast<const char*>(pseudonyms.data()), pseudonyms.size()})
                .mac("email\0zo\xc3\xab@example.com"sv));
  EXPECT_EQ(test_key().permutation_key("hash"), hkdf("permutation\0hash"sv));
}

TEST(Hmac, TheIdSaysWhichKeyAndNotWhat) {
  EXPECT_TRUE(test_key().id().starts_with(fmt::format("{}:", kPseudonymVersion))) << test_key().id();
  EXPECT_EQ(test_key().id().size(), kPseudonymVersion.size() + 17);
  EXPECT_NE(test_key().id(), MaskingKey(Secret("another key, of 16 bytes or more")).id());
}

// ---- errors

TEST(Compile, AnUnknownMaskerIsAnErrorWithItsPlace) {
  auto made = compile(spec_of("emial", {}, {"policy.yaml", 12, 7}), text_column());
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, Code::kPolicy);
  EXPECT_EQ(made.error().message, "policy.yaml:12:7: masker 'emial' is not known (did you mean 'email'?)");
}

TEST(Compile, ParametersAreChecked) {
  auto wrong = compile(spec_of("hash", {{"lenght", "3"}}, {"p.yaml", 3, 4}), text_column());
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().message,
            "p.yaml:3:4: masker hash takes no parameter 'lenght' (did you mean 'length'?)");
  for (auto [name, value] :
       {std::pair{"length", "0"}, {"length", "65"}, {"length", "3x"}, {"format", "base64"}}) {
    EXPECT_FALSE(compile(spec_of("hash", {{name, value}}), text_column()).ok()) << name << value;
  }
  EXPECT_FALSE(compile(spec_of("fixed"), text_column()).ok());
  EXPECT_FALSE(compile(spec_of("keep", {{"x", "y"}}), text_column()).ok());
  EXPECT_FALSE(compile(spec_of("fixed", {{"value", "four"}}), text_column(3)).ok());
}

TEST(Compile, ATypeThatCannotBeServedSaysWhatCan) {
  Column column = column_of(TypeClass::kDate, "date", "when");
  auto made = compile(spec_of("email"), column);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().message, "masker email cannot serve column when of type date");
  EXPECT_EQ(made.error().hint,
            "it serves text, array; for this type there are keep, null, fixed, date_shift");
}

TEST(Compile, NullNeedsANullableColumn) {
  Column column = text_column();
  EXPECT_TRUE(compile(spec_of("null"), column).ok());
  column.not_null = true;
  EXPECT_FALSE(compile(spec_of("null"), column).ok());
}

// One type for each class, where the class has one that maskers know.
constexpr std::pair<TypeClass, std::string_view> kTypes[] = {
    {TypeClass::kText, "varchar"},        {TypeClass::kText, "bpchar"},
    {TypeClass::kText, "name"},           {TypeClass::kInteger, "int2"},
    {TypeClass::kInteger, "int4"},        {TypeClass::kInteger, "int8"},
    {TypeClass::kNumber, "numeric"},      {TypeClass::kNumber, "float4"},
    {TypeClass::kNumber, "float8"},       {TypeClass::kDate, "date"},
    {TypeClass::kTimestamp, "timestamp"}, {TypeClass::kTimestamp, "timestamptz"},
    {TypeClass::kBoolean, "bool"},        {TypeClass::kUuid, "uuid"},
    {TypeClass::kJson, "json"},           {TypeClass::kJson, "jsonb"},
    {TypeClass::kInet, "inet"},           {TypeClass::kInet, "cidr"},
    {TypeClass::kBytes, "bytea"},         {TypeClass::kEnum, "mood"},
    {TypeClass::kArray, "_text"},         {TypeClass::kOther, "tsvector"},
};

TEST(Compile, EveryMaskerServesExactlyTheTypesItDeclares) {
  const std::map<std::string_view, std::string> fixed_values = {
      {"bool", "true"},
      {"uuid", "00112233-4455-6677-8899-aabbccddeeff"},
      {"json", "{}"},
      {"jsonb", "{}"},
      {"inet", "::1"},
      {"cidr", "::1/128"},
      {"bytea", "\\x00"},
      {"mood", "sad"},
      {"date", "2000-01-01"},
      {"timestamp", "2000-01-01"},
      {"timestamptz", "2000-01-01"}};
  for (const MaskerInfo& info : known_maskers()) {
    for (auto [type_class, base] : kTypes) {
      Column column = column_of(type_class, std::string(base));
      column.enum_labels = {"sad"};
      MaskerSpec spec = spec_of(std::string(info.name));
      if (info.name == "date_shift") spec.params["days"] = "3";
      if (info.name == "fixed")
        spec.params["value"] = fixed_values.contains(base) ? fixed_values.at(base) : "1";
      if (info.name == "json") spec.paths.push_back({"$.a", spec_of("email")});
      for (Wire wire : {Wire::kBinary, Wire::kText}) {
        auto made = compile(spec, column, wire);
        EXPECT_EQ(made.ok(), info.serves_type(type_class)) << info.name << " of " << base;
        if (!made.ok()) {
          EXPECT_NE(made.error().hint.find("it serves"), std::string::npos) << made.error().message;
        }
      }
    }
  }
}

// What the reference says is what there is.
TEST(Compile, TheReferenceNamesEveryMaskerAndParameter) {
  std::ifstream file(YTB_SOURCE_DIR "/docs/maskers.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string page = text.str();
  for (const MaskerInfo& info : known_maskers()) {
    size_t begin = page.find(fmt::format("\n## {}\n", info.name));
    ASSERT_NE(begin, std::string::npos) << info.name;
    std::string section = page.substr(begin, page.find("\n## ", begin + 1) - begin);
    EXPECT_NE(page.find(fmt::format("| [`{}`]", info.name)), std::string::npos) << info.name;
    for (std::string_view param : info.params) {
      EXPECT_NE(section.find(fmt::format("`{}`", param)), std::string::npos) << info.name << " " << param;
    }
  }
}

// ---- text

constexpr std::string_view kTextMaskers[] = {
    "hash", "email",    "person_name", "first_name", "last_name", "phone", "street_address",
    "city", "postcode", "company",     "username",   "ip",        "url"};

const std::string kValues[] = {"a",
                               "b",
                               "Q",
                               "7",
                               "-",
                               " ",
                               "  x",
                               "MARY",
                               "mary",
                               "Mary Smith",
                               "O'Neil",
                               "bob@x.org",
                               "+1 202 555 0143",
                               "2025550143",
                               "SW1A 1AA",
                               "::1",
                               "10.0.0.1",
                               "https://x.org/a?b=c",
                               "Zo\xc3\xab",
                               "\xe5\x90\x8d\xe5\x89\x8d",
                               std::string(1000, 'x')};

TEST(Text, EveryMaskerFitsEveryLengthAndNeverReturnsItsInput) {
  for (std::string_view name : kTextMaskers) {
    for (int limit : {0, 1, 2, 3, 5, 9, 10, 11, 12, 13, 15, 19, 20, 21, 26, 29, 30, 33, 40, 50, 255}) {
      auto masker = compile(spec_of(std::string(name)),
                            text_column(limit == 0 ? std::nullopt : std::optional<int>(limit)));
      ASSERT_TRUE(masker.ok()) << name << limit;
      EXPECT_TRUE((*masker)->must_change());
      for (const std::string& value : kValues) {
        std::string masked = mask(**masker, value);
        EXPECT_FALSE(masked.empty());
        if (limit > 0) {
          EXPECT_LE(masked.size(), static_cast<size_t>(limit)) << name;
        }
        EXPECT_NE(masked, value) << name << limit;
        EXPECT_EQ(masked, mask(**masker, value)) << name;
        for (char c : masked) EXPECT_TRUE(c >= ' ' && c <= '~') << name;
      }
    }
  }
}

TEST(Text, EverySingleCharacterChangesInAColumnOfOne) {
  for (std::string_view name : kTextMaskers) {
    auto masker = compile(spec_of(std::string(name)), text_column(1));
    for (char c = ' '; c <= '~'; ++c) {
      std::string value(1, c);
      EXPECT_NE(mask(**masker, value), value) << name;
    }
  }
}

TEST(Text, EmptyTextSaysNothingAndStays) {
  for (std::string_view name : kTextMaskers) {
    auto masker = compile(spec_of(std::string(name)), text_column());
    std::string out = "before";
    EXPECT_EQ((*masker)->apply("", {}, out), Applied::kBlank);
    EXPECT_EQ(out, "before");
  }
}

TEST(Text, AddressesReachNobody) {
  auto email = compile(spec_of("email"), text_column());
  auto ip = compile(spec_of("ip"), text_column());
  auto phone = compile(spec_of("phone"), text_column());
  for (int i = 0; i < 2000; ++i) {
    std::string mail = mask(**email, fmt::format("user{}@gmail.com", i));
    EXPECT_TRUE(mail.ends_with("@example.com") || mail.ends_with("@example.net") ||
                mail.ends_with("@example.org"));
    EXPECT_LE(mail.size(), 50U);
    std::string address = mask(**ip, fmt::format("10.0.0.{}", i));
    EXPECT_TRUE(address.starts_with("192.0.2.") || address.starts_with("198.51.100.") ||
                address.starts_with("203.0.113."));
    EXPECT_TRUE(mask(**ip, fmt::format("fe80::{:x}", i)).starts_with("2001:db8:"));
    std::string number = mask(**phone, fmt::format("({}) 867-5309", i));
    EXPECT_EQ(number.substr(3, 7), "-555-01") << number;
  }
}

TEST(Text, TheSameValueGetsTheSamePseudonymWhateverTheColumn) {
  Column varchar = text_column(60), padded = text_column(50), citext = text_column();
  padded.blank_padded = true;
  citext.case_insensitive = true;
  for (std::string_view name : {"email", "username", "hash", "person_name", "city"}) {
    MaskerSpec spec = spec_of(std::string(name));
    auto plain = compile(spec, text_column());
    EXPECT_EQ(mask(**plain, "ann@x.org"), mask(**compile(spec, varchar), "ann@x.org"));
    EXPECT_EQ(mask(**plain, "ann@x.org"), mask(**compile(spec, padded), "ann@x.org   "));
    EXPECT_EQ(mask(**plain, "ann@x.org"), mask(**compile(spec, citext), "ann@x.org"));
  }
}

TEST(Text, EncodingAndNormalFormDoNotMatter) {
  MaskerSpec spec = spec_of("hash");
  auto utf8 = compile(spec, text_column());
  auto latin1 = compile(spec, text_column(), Wire::kBinary, "LATIN1");
  auto win1252 = compile(spec, text_column(), Wire::kBinary, "WIN1252");
  std::string composed = mask(**utf8, "Zo\xc3\xab");
  EXPECT_EQ(composed, mask(**utf8, "Zoe\xcc\x88"));
  EXPECT_EQ(composed, mask(**latin1, "Zo\xeb"));
  EXPECT_EQ(composed, mask(**win1252, "Zo\xeb"));
  EXPECT_NE(composed, mask(**utf8, "Zoe"));
  std::string out;
  EXPECT_EQ((*utf8)->apply("Zo\xeb", {}, out), Applied::kInvalid);
  EXPECT_TRUE(out.empty());
  auto refused = compile(spec, text_column(), Wire::kBinary, "EUC_JP");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kPolicy);
}

TEST(Text, SpellingsOfOneAddressDifferInCaseAlone) {
  auto email = compile(spec_of("email"), text_column());
  std::string lower = mask(**email, "mary.smith@x.org"), upper = mask(**email, "MARY.SMITH@x.org");
  EXPECT_NE(lower, upper);
  EXPECT_EQ(lower, [&] {
    std::string folded = upper;
    for (char& c : folded) c = static_cast<char>(std::tolower(c));
    return folded;
  }());
}

TEST(Text, DomainsSeparateAndJoin) {
  auto plain = compile(spec_of("hash"), text_column());
  auto other = compile(spec_of("hash", {{"domain", "customer"}}), text_column());
  auto joined = compile(spec_of("hash", {{"domain", "customer"}}), text_column(60));
  EXPECT_NE(mask(**plain, "x"), mask(**other, "x"));
  EXPECT_EQ(mask(**joined, "x"), mask(**other, "x"));
}

TEST(Text, UniquenessIsDeclaredByWhatFits) {
  auto of = [](std::string name, std::optional<int> limit, std::map<std::string, std::string> params = {}) {
    return (*compile(spec_of(std::move(name), std::move(params)), text_column(limit)))->uniqueness();
  };
  EXPECT_EQ(of("email", std::nullopt), Uniqueness::kHighEntropy);
  EXPECT_EQ(of("email", 50), Uniqueness::kHighEntropy);
  EXPECT_EQ(of("email", 33), Uniqueness::kHighEntropy);
  EXPECT_EQ(of("email", 32), Uniqueness::kNone);
  EXPECT_EQ(of("hash", 20), Uniqueness::kHighEntropy);
  EXPECT_EQ(of("hash", 19), Uniqueness::kNone);
  EXPECT_EQ(of("hash", 50, {{"format", "hex"}, {"length", "23"}}), Uniqueness::kNone);
  EXPECT_EQ(of("hash", 50, {{"format", "hex"}, {"length", "24"}}), Uniqueness::kHighEntropy);
  EXPECT_EQ(of("username", 21), Uniqueness::kHighEntropy);
  EXPECT_EQ(of("username", 20), Uniqueness::kNone);
  EXPECT_EQ(of("url", 40), Uniqueness::kHighEntropy);
  EXPECT_EQ(of("url", 39), Uniqueness::kNone);
  EXPECT_EQ(of("ip", 39, {{"version", "6"}}), Uniqueness::kHighEntropy);
  for (const char* name : {"city", "first_name", "person_name", "phone", "postcode", "ip"}) {
    EXPECT_EQ(of(name, std::nullopt), Uniqueness::kNone) << name;
  }
}

TEST(Text, HighEntropyMaskersAreUniqueOverAMillionValues) {
#ifdef YTB_SANITIZED
  constexpr int kValueCount = 100'000;
#else
  constexpr int kValueCount = 1'000'000;
#endif
  for (const char* name : {"email", "username", "hash"}) {
    auto masker = compile(spec_of(name), text_column());
    std::vector<size_t> seen;
    seen.reserve(kValueCount);
    for (int i = 0; i < kValueCount; ++i) {
      seen.push_back(std::hash<std::string>{}(mask(**masker, fmt::format("user{}@shop.test", i))));
    }
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end()) << name;
  }
}

TEST(Text, FixedIsCheckedAndEncoded) {
  auto fixed =
      compile(spec_of("fixed", {{"value", "d\xc3\xa9j\xc3\xa0"}}), text_column(4), Wire::kBinary, "LATIN1");
  ASSERT_TRUE(fixed.ok());
  EXPECT_EQ(mask(**fixed, "x"), "d\xe9j\xe0");
  EXPECT_FALSE((*fixed)->must_change());
  Column mood = column_of(TypeClass::kEnum, "mood");
  mood.enum_labels = {"sad", "happy"};
  EXPECT_TRUE(compile(spec_of("fixed", {{"value", "sad"}}), mood).ok());
  EXPECT_FALSE(compile(spec_of("fixed", {{"value", "happpy"}}), mood).ok());
}

}  // namespace
}  // namespace ytb::masking
