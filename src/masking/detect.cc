#include "masking/detect.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/text.h"
#include "masking/definitions.h"
#include "masking/signs.h"

namespace ytb::masking {
namespace {

constexpr size_t kValuesMax = 1000;
constexpr size_t kValueSizeMax = 4096;
constexpr size_t kAddressSizeMax = 100;
constexpr size_t kNameSizeMax = 80;

// Common given names of several languages: enough to recognise a column of them, no more.
constexpr std::string_view kFirstNames =
    "|aaron|adam|ahmed|alan|alexander|alice|amanda|amy|ana|andrea|andreas|andrew|angela|anna|anne|anthony|"
    "antonio|barbara|ben|benjamin|brian|carlos|carol|caroline|catherine|charles|chris|christian|christine|"
    "christopher|claire|claudia|daniel|david|deborah|dennis|diana|donald|donna|dorothy|edward|elena|"
    "elizabeth|"
    "emily|emma|eric|eva|fatima|felix|francesco|frank|gary|george|giulia|grace|hannah|hans|heather|helen|"
    "henry|"
    "isabel|jack|jacob|james|jan|jane|jason|javier|jean|jennifer|jessica|joan|joe|john|jonathan|jose|joseph|"
    "joshua|juan|julia|julie|karen|karl|katherine|kathleen|keith|kelly|kenneth|kevin|kim|kimberly|klaus|"
    "larry|"
    "laura|lee|linda|lisa|louis|lucas|lucia|luis|luke|marco|margaret|maria|marie|mark|martha|martin|mary|"
    "matthew|melissa|michael|michelle|miguel|mohamed|monica|nancy|nathan|nicholas|nicole|nina|noah|olivia|"
    "pamela|patricia|patrick|paul|paula|pedro|peter|philip|pierre|rachel|ralph|raymond|rebecca|richard|"
    "robert|"
    "roger|ronald|rosa|roy|ruth|ryan|samantha|samuel|sandra|sara|sarah|scott|sean|sharon|sofia|sophie|stefan|"
    "stephanie|stephen|steven|susan|tanya|teresa|theresa|thomas|tim|timothy|tom|ursula|victor|victoria|"
    "virginia|walter|wayne|wei|william|wolfgang|yusuf|";

bool is_first_name(std::string_view word) {
  return kFirstNames.find("|" + to_lower_ascii(word) + "|") != std::string_view::npos;
}

std::string digits_of(std::string_view text, std::string_view separators) {
  std::string digits;
  for (char c : text) {
    if (separators.find(c) != std::string_view::npos) continue;
    if (c < '0' || c > '9') return {};
    digits += c;
  }
  return digits;
}

// In the order in which a value is tried.
enum Kind {
  kEmail,
  kSecret,
  kUuid,
  kMac,
  kIp,
  kUrl,
  kCard,
  kIban,
  kSsn,
  kPhone,
  kHex,
  kToken,
  kAddress,
  kPersonName,
  kFirstName,
  kKinds
};

struct KindInfo {
  std::string_view masker;
  std::string_view what;
  Weight weight;
};
constexpr std::array<KindInfo, kKinds> kInfos{
    KindInfo{"email", "e-mail addresses", Weight::kDecides},
    KindInfo{"hash", "password hashes, keys or tokens", Weight::kDecides},
    KindInfo{"", "UUIDs", Weight::kTells},
    KindInfo{"hash", "MAC addresses", Weight::kDecides},
    KindInfo{"ip", "IP addresses", Weight::kDoubts},
    KindInfo{"url", "web addresses", Weight::kTells},
    KindInfo{"hash", "card numbers (Luhn)", Weight::kDoubts},
    KindInfo{"hash", "IBANs", Weight::kDecides},
    KindInfo{"hash", "social security numbers", Weight::kDecides},
    KindInfo{"phone", "phone numbers", Weight::kDoubts},
    KindInfo{"hash", "long hexadecimal numbers", Weight::kTells},
    KindInfo{"hash", "random tokens", Weight::kTells},
    KindInfo{"street_address", "street addresses", Weight::kDecides},
    KindInfo{"person_name", "names of people", Weight::kDecides},
    KindInfo{"first_name", "first names", Weight::kDecides}};

// Quiet: RE2 writes what it cannot do to stderr, and values must not come near a log. No counted repetition
// of Unicode classes: they make programs of a hundred thousand steps.
class Pattern {
 public:
  explicit Pattern(const char* text) : compiled_(text, RE2::Quiet) { YTB_CHECK(compiled_.ok()); }
  operator const RE2&() const { return compiled_; }

 private:
  RE2 compiled_;
};

struct Patterns {
  Pattern email{R"([A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)"};
  Pattern ipv4{R"((25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}(/\d{1,2})?)"};
  Pattern mac{
      R"(([0-9A-Fa-f]{2}[:-]){5}([0-9A-Fa-f]{2}[:-]){0,2}[0-9A-Fa-f]{2}|([0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4})"};
  Pattern uuid{R"([0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"};
  // As Django, PostgreSQL and LDAP write what a password was.
  Pattern password_hash{
      R"((pbkdf2|bcrypt|scrypt|argon2|sha1|sha256|sha512|md5)\w*\$.{8,}|SCRAM-SHA-\d+\$.+|md5[0-9a-f]{32}|\{(S?SHA\d*|S?MD5|CRYPT)\}.+)"};
  Pattern hex{R"([0-9A-Fa-f]{32,})"};
  Pattern token{R"([A-Za-z0-9+/_=.-]{20,512})"};
  Pattern date{R"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})"};
  Pattern url{R"((?i)(https?|ftp)://\S+)"};
  Pattern ssn{R"(\d{3}-\d{2}-\d{4})"};
  Pattern phone{R"((\+|00)?[\s(]{0,2}\d{1,4}([\s().\-/]{1,3}\d{2,5}){1,5})"};
  Pattern plain_phone{R"(\+\d{8,15})"};
  Pattern address{R"(\d{1,5}[a-zA-Z]?[ ,]+[\pL .,'-]+)"};
  Pattern address_after{R"((?i)[\pL .'-]+(straße|strasse|str\.|weg|platz|gasse)\s*\d{1,4}\s?[a-z]?)"};
  Pattern address_in_text{
      R"((?i)\b\d{1,5}\s+[\pL'-]+(\s[\pL'-]+)?\s(street|st|avenue|ave|road|rd|lane|ln|drive|dr|boulevard|blvd)\b)"};
  Pattern name{R"((\pL[\pL'’-]+)(\s+\pL\.?)?(\s+\pL[\pL'’-]+)+)"};
  Pattern word{R"(\pL[\pL'’-]+)"};
  Pattern literal{R"('((?:[^']|'')*)')"};
  Pattern secret{
      R"((?i)-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.|://[^:/\s']+:[^@/\s']+@|\$2[aby]\$\d\d\$|(password|passwd|secret|token|api_?key)\w*(\s+\w+)?\s*(=|:=|=>|:)\s*'[^']{6,}')"};
};

// Compiled once; RE2 objects are thread-safe.
const Patterns& patterns() {
  static const Patterns kPatterns;
  return kPatterns;
}

bool is_phone(std::string_view value, const Patterns& p) {
  const re2::StringPiece piece(value.data(), value.size());
  if (!RE2::FullMatch(piece, p.phone) && !RE2::FullMatch(piece, p.plain_phone)) return false;
  const auto digits = std::count_if(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits >= 7 && digits <= 15 && !RE2::FullMatch(piece, p.date);
}

struct Letters {
  size_t upper = 0;
  size_t lower = 0;
  size_t digits = 0;
};

Letters letters_of(std::string_view text) {
  Letters letters;
  for (char c : text) {
    letters.upper += c >= 'A' && c <= 'Z' ? 1 : 0;
    letters.lower += c >= 'a' && c <= 'z' ? 1 : 0;
    letters.digits += c >= '0' && c <= '9' ? 1 : 0;
  }
  return letters;
}

// Of letters of both cases and digits, in no order: a file's name has a point, a constant has one case.
bool is_token(std::string_view value, const Patterns& p) {
  if (!RE2::FullMatch(re2::StringPiece(value.data(), value.size()), p.token)) return false;
  if (value.find('.') != std::string_view::npos || value.find('/') == 0) return false;
  const Letters letters = letters_of(value);
  constexpr size_t kOfEachMin = 2;
  return letters.upper >= kOfEachMin && letters.lower >= kOfEachMin && letters.digits >= kOfEachMin;
}

bool is_secret(std::string_view value, const Patterns& p) {
  return signs_in(value).test(kSecretSign) ||
         RE2::FullMatch(re2::StringPiece(value.data(), value.size()), p.password_hash);
}

bool is_hex_number(std::string_view value, const Patterns& p) {
  const Letters letters = letters_of(value);
  return RE2::FullMatch(re2::StringPiece(value.data(), value.size()), p.hex) && letters.digits > 0 &&
         letters.upper + letters.lower > 0;
}

bool is_of(Kind kind, std::string_view value, const Patterns& p) {
  const re2::StringPiece piece(value.data(), value.size());
  std::string first;
  switch (kind) {
    case kEmail:
      return RE2::FullMatch(piece, p.email);
    case kSecret:
      return is_secret(value, p);
    case kUuid:
      return RE2::FullMatch(piece, p.uuid);
    case kMac:
      return RE2::FullMatch(piece, p.mac);
    case kIp:
      return RE2::FullMatch(piece, p.ipv4) || is_ipv6(value);
    case kUrl:
      return RE2::FullMatch(piece, p.url);
    case kCard:
      return is_card_number(value);
    case kIban:
      return is_iban(value);
    case kSsn:
      return RE2::FullMatch(piece, p.ssn);
    case kPhone:
      return is_phone(value, p);
    case kHex:
      return is_hex_number(value, p);
    case kToken:
      return is_token(value, p);
    case kAddress:
      return value.size() <= kAddressSizeMax &&
             (RE2::FullMatch(piece, p.address) || RE2::FullMatch(piece, p.address_after));
    case kPersonName:
      return value.size() <= kNameSizeMax && RE2::FullMatch(piece, p.name, &first) && is_first_name(first);
    case kFirstName:
      return RE2::FullMatch(piece, p.word) && is_first_name(value);
    case kKinds:
      break;
  }
  return false;
}

bool mentions_somebody(std::string_view value, const Patterns& p) {
  const re2::StringPiece piece(value.data(), value.size());
  return RE2::PartialMatch(piece, p.email) || RE2::PartialMatch(piece, p.ssn) ||
         RE2::PartialMatch(piece, p.plain_phone) || RE2::PartialMatch(piece, p.address_in_text) ||
         signs_in(value).test(kSecretSign);
}

}  // namespace

bool is_random_or_secret(std::string_view word) {
  const Patterns& p = patterns();
  return is_of(kSecret, word, p) || is_of(kUuid, word, p) || is_of(kHex, word, p) || is_of(kToken, word, p);
}

bool is_ipv6(std::string_view text) {
  constexpr size_t kGroups = 8, kGroupDigitsMax = 4;
  text = text.substr(0, text.find('/'));
  text = text.substr(0, text.find('%'));  // the zone
  size_t groups = 0;
  bool gap = false, digit = false, pairs = true;
  if (text.starts_with("::")) {
    gap = true;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    size_t size = 0;
    for (; size < text.size() && text[size] != ':' && text[size] != '.'; ++size) {
      const char c = text[size];
      const bool is_digit = c >= '0' && c <= '9';
      if (!is_digit && (c < 'a' || c > 'f') && (c < 'A' || c > 'F')) return false;
      digit = digit || is_digit;
    }
    if (size < text.size() && text[size] == '.') {  // an IPv4 address at the end
      groups += 2;
      if (!RE2::FullMatch(re2::StringPiece(text.data(), text.size()), patterns().ipv4)) return false;
      break;
    }
    if (size == 0 || size > kGroupDigitsMax) return false;
    pairs = pairs && size == 2;
    ++groups;
    text.remove_prefix(size);
    if (text.empty()) break;
    if (text.starts_with("::")) {
      if (gap) return false;
      gap = true;
      text.remove_prefix(2);
    } else {
      text.remove_prefix(1);
      if (text.empty()) return false;
    }
  }
  // Eight pairs of digits are the hardware's number, and "dead::beef" is somebody's joke.
  if (!gap) return groups == kGroups && !pairs;
  return groups < kGroups && digit;
}

bool is_card_number(std::string_view text) {
  const std::string digits = digits_of(text, " -");
  constexpr size_t kShortest = 13, kLongest = 19;
  if (digits.size() < kShortest || digits.size() > kLongest || digits.front() == '0') return false;
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    int digit = digits[digits.size() - 1 - i] - '0';
    if (i % 2 == 1) digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return sum % 10 == 0;
}

bool is_iban(std::string_view text) {
  std::string compact;
  for (char c : text) {
    if (c != ' ') compact += c;
  }
  constexpr size_t kShortest = 15, kLongest = 34;
  if (compact.size() < kShortest || compact.size() > kLongest) return false;
  std::rotate(compact.begin(), compact.begin() + 4, compact.end());
  int rest = 0;
  for (size_t i = 0; i < compact.size(); ++i) {
    const char c = compact[i];
    const bool letter = c >= 'A' && c <= 'Z';
    const bool digit = c >= '0' && c <= '9';
    const bool country = i + 4 >= compact.size() && i + 2 < compact.size();
    if ((!letter && !digit) || (country && !letter)) return false;
    rest = letter ? (rest * 100 + (c - 'A' + 10)) % 97 : (rest * 10 + (c - '0')) % 97;
  }
  return rest == 1;
}

Detected detect(const std::vector<std::string>& values) {
  const Patterns& p = patterns();
  Detected found;
  std::array<size_t, kKinds> counts{};
  for (size_t i = 0; i < values.size() && i < kValuesMax; ++i) {
    const std::string_view value = trim(std::string_view(values[i]).substr(0, kValueSizeMax));
    if (value.empty()) continue;
    ++found.values;
    for (int kind = 0; kind < kKinds; ++kind) {
      if (is_of(static_cast<Kind>(kind), value, p)) {
        ++counts[static_cast<size_t>(kind)];
        break;
      }
    }
    if (mentions_somebody(value, p)) ++found.mentions;
  }
  const auto* best = std::max_element(counts.begin(), counts.end());
  if (*best > 0) {
    const KindInfo& info = kInfos[static_cast<size_t>(best - counts.begin())];
    found.masker = info.masker;
    found.what = info.what;
    found.weight = info.weight;
    found.matches = *best;
  }
  return found;
}

std::string_view data_in_definition(std::string_view text) {
  const Patterns& p = patterns();
  const re2::StringPiece whole(text.data(), text.size());
  if (RE2::PartialMatch(whole, p.secret) || signs_in(text).test(kSecretSign))
    return "a password, key or token";
  std::vector<std::string> values;
  re2::StringPiece rest = whole;
  std::string literal;
  while (values.size() < kValuesMax && RE2::FindAndConsume(&rest, p.literal, &literal))
    values.push_back(literal);
  values.emplace_back(text);
  for (const std::string& value : values) {
    const Detected found = detect({value});
    // Addresses of the web and words that are first names, too, are in every other function.
    const bool telling = found.weight != Weight::kTells && found.masker != "first_name";
    if (found.matches > 0 && telling) return found.what;
  }
  return mentions_somebody(text, p) ? std::string_view("an address or number of a person")
                                    : std::string_view();
}

}  // namespace ytb::masking
