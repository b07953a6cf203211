#include "masking/signs.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "base/text.h"
#include "masking/detect.h"

namespace ytb::masking {
namespace {

using std::string_view;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_letter(char c) { return is_upper(c) || (c >= 'a' && c <= 'z'); }
// Of a word of any script, or of an identifier.
bool is_of_word(char c) { return is_letter(c) || is_digit(c) || c == '_' || (c & 0x80) != 0; }

// How many of the bytes of `text` from `at` on `is` holds for, and of those before it.
template <typename Is>
size_t run_after(string_view text, size_t at, size_t most, Is is) {
  size_t count = 0;
  while (count < most && at + count < text.size() && is(text[at + count])) ++count;
  return count;
}
template <typename Is>
size_t run_before(string_view text, size_t at, size_t most, Is is) {
  size_t count = 0;
  while (count < most && count < at && is(text[at - 1 - count])) ++count;
  return count;
}

// ---- e-mail: RFC 5321's limits, without quoted local parts and address literals

constexpr size_t kLocalMax = 64;
constexpr size_t kDomainMax = 255;

bool is_of_local(char c) {
  return is_letter(c) || is_digit(c) || string_view("!#$%&'*+-/=?^_`{|}~.").find(c) != string_view::npos ||
         (c & 0x80) != 0;
}
bool is_of_domain(char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.' || (c & 0x80) != 0; }

// RFC 2606's, which maskers give.
bool is_reserved_domain(string_view domain) {
  const std::string lower = to_lower_ascii(domain);
  for (string_view reserved : {"example.com", "example.net", "example.org"}) {
    if (lower == reserved || (lower.ends_with(reserved) && lower[lower.size() - reserved.size() - 1] == '.'))
      return true;
  }
  return false;
}

// "logo@2x.png"
bool is_file_ending(string_view label) {
  constexpr string_view kEndings[] = {"png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js"};
  return std::find(std::begin(kEndings), std::end(kEndings), to_lower_ascii(label)) != std::end(kEndings);
}

bool is_email_at(string_view text, size_t at) {
  const size_t local = run_before(text, at, kLocalMax, is_of_local);
  if (local == 0 || text.substr(at - local, local) == "git") return false;  // of a repository
  string_view domain = text.substr(at + 1, run_after(text, at + 1, kDomainMax, is_of_domain));
  while (!domain.empty() && !is_of_word(domain.back())) domain.remove_suffix(1);  // the end of a sentence
  const size_t dot = domain.rfind('.');
  if (dot == string_view::npos || dot == 0) return false;
  const string_view top = domain.substr(dot + 1);
  return top.size() >= 2 && std::none_of(top.begin(), top.end(), is_digit) && !is_file_ending(top) &&
         !is_reserved_domain(domain);
}

// ---- numbers: groups of digits, a few separators apart

struct Number {
  static constexpr size_t kDigitsMax = 20;
  static constexpr size_t kGroupsMax = 8;
  std::array<char, kDigitsMax> digits{};
  size_t count = 0;
  std::array<uint8_t, kGroupsMax> groups{};  // how many digits each has
  size_t parts = 0;
  bool dashes = false;   // nothing but single dashes between groups
  bool plain = false;    // nothing but single dashes or blanks
  bool decimal = false;  // two groups with a point between them
  bool longer = false;   // than these bounds
  [[nodiscard]] string_view text() const { return {digits.data(), count}; }
  [[nodiscard]] bool grouped(std::initializer_list<uint8_t> sizes) const {
    return std::equal(groups.begin(), groups.begin() + static_cast<std::ptrdiff_t>(parts), sizes.begin(),
                      sizes.end());
  }
};

// Reads the number whose first digit is at `at`; past it afterwards.
Number read_number(string_view text, size_t& at) {
  constexpr size_t kSeparatorsMax = 3;
  Number number{.dashes = true, .plain = true};
  for (;;) {
    size_t size = 0;
    for (; at < text.size() && is_digit(text[at]); ++at, ++size) {
      if (number.count < Number::kDigitsMax)
        number.digits[number.count++] = text[at];
      else
        number.longer = true;
    }
    if (number.parts == Number::kGroupsMax || size > UINT8_MAX)
      number.longer = true;
    else
      number.groups[number.parts++] = static_cast<uint8_t>(size);
    const size_t apart = run_after(text, at, kSeparatorsMax,
                                   [](char c) { return string_view(" -./()").find(c) != string_view::npos; });
    if (apart == 0 || at + apart >= text.size() || !is_digit(text[at + apart])) return number;
    number.decimal = number.parts == 1 && apart == 1 && text[at] == '.';
    number.dashes = number.dashes && apart == 1 && text[at] == '-';
    number.plain = number.plain && apart == 1 && (text[at] == '-' || text[at] == ' ');
    at += apart;
  }
}

// By issuer: the first digits and the length, then ISO/IEC 7812's check digit. Card numbers that are
// published for tests are somebody's idea of one.
bool is_card(const Number& number) {
  constexpr string_view kForTests[] = {"4111111111111111", "4242424242424242", "4012888888881881",
                                       "5555555555554444", "5105105105105100", "378282246310005",
                                       "371449635398431",  "6011111111111117"};
  if (!number.plain || !(number.parts == 1 || number.grouped({4, 4, 4, 4}) || number.grouped({4, 6, 5})))
    return false;
  const string_view digits = number.text();
  if (digits.size() != 15 && digits.size() != 16) return false;
  const int first_two = (digits[0] - '0') * 10 + (digits[1] - '0');
  const int first_four = first_two * 100 + (digits[2] - '0') * 10 + (digits[3] - '0');
  const bool issued = digits.size() == 15 ? first_two == 34 || first_two == 37
                                          : digits[0] == '4' || (first_two >= 51 && first_two <= 55) ||
                                                (first_four >= 2221 && first_four <= 2720) ||
                                                first_four == 6011 || first_two == 65;
  return issued && is_card_number(digits) &&
         std::find(std::begin(kForTests), std::end(kForTests), digits) == std::end(kForTests);
}

// As the Social Security Administration gives them.
bool is_social_security(const Number& number) {
  if (!number.dashes || !number.grouped({3, 2, 4})) return false;
  const string_view digits = number.text();
  return digits.substr(0, 3) != "000" && digits.substr(0, 3) != "666" && digits[0] != '9' &&
         digits.substr(3, 2) != "00" && digits.substr(5) != "0000";
}

// ITU-T E.164: at most fifteen digits, behind a plus.
bool is_phone(const Number& number) {
  constexpr size_t kDigitsMin = 9;
  constexpr size_t kPhoneDigitsMax = 15;
  return !number.decimal && number.count >= kDigitsMin && number.count <= kPhoneDigitsMax &&
         number.digits[0] != '0' && !is_fictitious_phone(number.text());
}

// ---- bank accounts

// Lengths in the registry of IBANs (ISO 13616), release 97: a sum that comes out right by accident is one in
// a hundred, and then the length has to be right as well.
size_t iban_size(string_view country) {
  struct Known {
    string_view country;
    size_t size;
  };
  constexpr Known kKnown[] = {
      {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
      {"BH", 22}, {"BR", 29}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22}, {"DK", 18},
      {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22},
      {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22},
      {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28},
      {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19},
      {"MR", 27}, {"MT", 31}, {"MU", 30}, {"NL", 18}, {"NO", 15}, {"PK", 24}, {"PL", 28}, {"PS", 29},
      {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"SA", 24}, {"SE", 24}, {"SI", 19}, {"SK", 24},
      {"SM", 27}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"XK", 20}};
  for (const Known& known : kKnown) {
    if (known.country == country) return known.size;
  }
  return 0;
}

// `at`: of two capital letters and two digits that begin a word.
bool is_iban_at(string_view text, size_t at) {
  const size_t size = iban_size(text.substr(at, 2));
  std::array<char, 34> account{};
  size_t count = 0;
  for (; at < text.size() && count < size; ++at) {
    const char c = text[at];
    if (c == ' ' && count % 4 == 0) continue;
    if (!is_digit(c) && !is_upper(c)) return false;
    account[count++] = c;
  }
  return size > 0 && count == size && (at == text.size() || !is_of_word(text[at])) &&
         is_iban(string_view(account.data(), count));
}

// ---- keys and passwords

constexpr size_t kTokenMax = 4096;

bool is_of_token(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; }

// A JSON web token: two parts in base64url of JSON, and a signature.
bool is_web_token_at(string_view text, size_t at) {
  const size_t header = run_after(text, at, kTokenMax, is_of_token);
  constexpr size_t kPartMin = 12;
  if (header < kPartMin || !text.substr(at + header).starts_with(".eyJ")) return false;
  const size_t claims = at + header + 1;
  return run_after(text, claims, kTokenMax, is_of_token) >= kPartMin;
}

constexpr size_t kGoogleKeySize = 39;

// An access key of AWS.
bool is_access_key_at(string_view text, size_t at) {
  constexpr size_t kSize = 20;
  return run_after(text, at, kSize + 1, [](char c) { return is_upper(c) || is_digit(c); }) == kSize;
}

// `at`: of "://". A password in a URL.
bool has_password_at(string_view text, size_t at) {
  constexpr size_t kPartMax = 256;
  auto of_part = [](char c) { return c > ' ' && string_view("/:@\"'<>").find(c) == string_view::npos; };
  const size_t user = run_after(text, at + 3, kPartMax, of_part);
  const size_t colon = at + 3 + user;
  if (colon >= text.size() || text[colon] != ':') return false;
  const size_t password = run_after(text, colon + 1, kPartMax, of_part);
  return password > 0 && text.substr(colon + 1 + password).starts_with('@');
}

// bcrypt's, argon2's, scrypt's, PBKDF2's and crypt's: what a password was.
bool is_password_hash_at(string_view text, size_t at) {
  for (string_view start : {"$2a$", "$2b$", "$2x$", "$2y$", "$argon2", "$scrypt$", "$pbkdf2", "$apr1$", "$1$",
                            "$5$", "$6$", "$7$", "$y$"}) {
    if (text.substr(at).starts_with(start) && run_after(text, at + start.size(), 16, [](char c) {
                                                return is_of_word(c) ||
                                                       string_view("./$=,+").find(c) != string_view::npos;
                                              }) == 16)
      return true;
  }
  return false;
}

// `at`: of the _ or - behind the word that issuers put before their keys: Stripe's sk_live_, GitHub's ghp_,
// GitLab's glpat-, Slack's xoxb- and others.
bool is_issued_key_at(string_view text, size_t at) {
  constexpr string_view kBeforeLow[] = {"ghp", "gho", "ghu",   "ghs",   "ghr",
                                        "npm", "hf",  "shpat", "shpss", "whsec"};
  constexpr string_view kBeforeDash[] = {"glpat", "xoxb", "xoxp", "xoxa", "xoxs", "xoxr", "sk"};
  constexpr size_t kWordMax = 8;
  constexpr size_t kKeyMin = 20;
  const size_t size = run_before(text, at, kWordMax, [](char c) { return is_letter(c) || is_digit(c); });
  if (size == 0 || (at > size && is_of_word(text[at - size - 1]))) return false;
  const string_view word = text.substr(at - size, size);
  string_view key = text.substr(at + 1);
  auto is_known = [&](const auto& words) {
    return std::find(std::begin(words), std::end(words), word) != std::end(words);
  };
  if (text[at] == '_' && (word == "sk" || word == "pk" || word == "rk")) {
    if (!key.starts_with("live_") && !key.starts_with("test_")) return false;
    key.remove_prefix(5);
  } else if (text[at] == '_' && word == "github") {
    if (!key.starts_with("pat_")) return false;
    key.remove_prefix(4);
  } else if (text[at] == '_' ? !is_known(kBeforeLow) : !is_known(kBeforeDash)) {
    return false;
  }
  const size_t length = run_after(key, 0, kTokenMax, is_of_token);
  return length >= kKeyMin &&
         std::any_of(key.begin(), key.begin() + static_cast<std::ptrdiff_t>(length), is_digit);
}

bool is_private_key_at(string_view text, size_t at) {
  constexpr size_t kLineMax = 64;
  const string_view line = text.substr(at, kLineMax);
  return line.starts_with("-----BEGIN ") && line.find("PRIVATE KEY") != string_view::npos;
}

// Bytes at which something may begin: the rest is passed over.
constexpr std::array<bool, 256> kTelling = [] {
  std::array<bool, 256> telling{};
  for (char c : {'@', '+', '-', ':', '$', 'e', '_'}) telling[static_cast<unsigned char>(c)] = true;
  for (unsigned char c = '0'; c <= '9'; ++c) telling[c] = true;
  for (unsigned char c = 'A'; c <= 'Z'; ++c) telling[c] = true;
  return telling;
}();

}  // namespace

string_view words_of(Sign sign) {
  switch (sign) {
    case kEmailSign:
      return "e-mail addresses";
    case kPhoneSign:
      return "telephone numbers";
    case kCardSign:
      return "card numbers";
    case kBankSign:
      return "bank accounts (IBAN)";
    case kSocialSecuritySign:
      return "social security numbers";
    case kSecretSign:
      return "passwords, keys and tokens";
    case kSigns:
      break;
  }
  return "";
}

bool is_fictitious_phone(string_view digits) {
  return digits.find("55501") != string_view::npos || digits.find("7700900") != string_view::npos;
}

Signs signs_in(string_view text) {
  Signs signs;
  bool in_word = false;  // whether the byte before belongs to the word that goes on at `at`
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (!kTelling[static_cast<unsigned char>(c)]) {
      in_word = is_of_word(c);
      ++at;
      continue;
    }
    if (is_digit(c)) {
      const bool plus = at > 0 && text[at - 1] == '+' && (at == 1 || !is_of_word(text[at - 2]));
      const bool whole = !in_word && (at == 0 || (text[at - 1] != '-' && text[at - 1] != '.'));
      const Number number = read_number(text, at);
      in_word = true;
      if (!whole || number.longer || (at < text.size() && is_of_word(text[at]))) continue;
      if (plus && is_phone(number)) signs.set(kPhoneSign);
      if (!plus && is_card(number)) signs.set(kCardSign);
      if (!plus && is_social_security(number)) signs.set(kSocialSecuritySign);
      continue;
    }
    const string_view rest = text.substr(at);
    if (c == '@') {
      if (is_email_at(text, at)) signs.set(kEmailSign);
    } else if (c == '-') {
      if (in_word ? is_issued_key_at(text, at) : is_private_key_at(text, at)) signs.set(kSecretSign);
    } else if (c == '_') {
      if (in_word && is_issued_key_at(text, at)) signs.set(kSecretSign);
    } else if (c == ':') {
      if (in_word && rest.starts_with("://") && has_password_at(text, at)) signs.set(kSecretSign);
    } else if (c == '$') {
      if (!in_word && is_password_hash_at(text, at)) signs.set(kSecretSign);
    } else if (!in_word && c == 'e') {
      if (rest.starts_with("eyJ") && is_web_token_at(text, at)) signs.set(kSecretSign);
    } else if (!in_word && is_upper(c) && rest.size() > 4) {
      if (is_upper(rest[1]) && is_digit(rest[2]) && is_digit(rest[3]) && is_iban_at(text, at))
        signs.set(kBankSign);
      if ((rest.starts_with("AKIA") || rest.starts_with("ASIA")) && is_access_key_at(text, at))
        signs.set(kSecretSign);
      if (rest.starts_with("AIza") && run_after(text, at, kTokenMax, is_of_token) == kGoogleKeySize)
        signs.set(kSecretSign);
    }
    in_word = is_of_word(c);
    ++at;
  }
  return signs;
}

}  // namespace ytb::masking
