// The maskers that write text: hash, email, username, url, ip, names, places, phone, postcode.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "masking/build.h"
#include "masking/masker_phone.h"
#include "masking/text_masker.h"
#include "masking/words.h"

namespace ytb::masking {
namespace {

// RFC 2606: reserved for examples, no mail is ever delivered there.
constexpr std::string_view kDomains[] = {"example.com", "example.net", "example.org"};
constexpr size_t kDomainSize = 11;

// ---- hash

enum class HashFormat { kBase32, kHex, kUuid };

class HashText final : public TextMasker {
 public:
  HashText(TextOptions options, HashFormat format, size_t size)
      : TextMasker(std::move(options)), format_(format), size_(size) {}
  [[nodiscard]] Uniqueness uniqueness() const override {
    size_t unique = format_ == HashFormat::kBase32 ? kBase32SizeUnique
                    : format_ == HashFormat::kHex  ? kHexSizeUnique
                                                   : kUuidTextSize;
    bool tells_spellings = options().likeness == Likeness::kExact || options().case_insensitive;
    return size_ >= unique && tells_spellings ? Uniqueness::kHighEntropy : Uniqueness::kNone;
  }

 protected:
  void write(const Digest& digest, const Source& /*source*/, std::string& out) const override {
    if (format_ == HashFormat::kBase32) return append_base32(digest, size_, out);
    if (format_ == HashFormat::kHex) return append_hex(digest, size_, out);
    std::string bytes;  // 16 bytes: no allocation
    append_uuid_bytes(digest, bytes);
    append_uuid_text(bytes, out);
  }

 private:
  HashFormat format_;
  size_t size_;
};

constexpr size_t kHashSizeDefault = 26;  // 130 bits
constexpr size_t kHexSizeDefault = 32;   // 128 bits

MadeMasker make_hash(const Build& build, TextOptions options) {
  YTB_ASSIGN(auto length, build.integer("length", 1, static_cast<int64_t>(kHexSizeMax)));
  std::string_view format = build.param("format").value_or("base32");
  const size_t limit = options.length_max;
  if (format == "uuid") {
    if (length)
      return build.error("a uuid has no other length: format: uuid and length: cannot stand together");
    if (limit < kUuidTextSize) {
      return build.error(
          fmt::format("a uuid has 36 characters and column {} holds {}", build.context.column.name, limit),
          "use format: hex or base32, which adapt to the column");
    }
    return made<HashText>(std::move(options), HashFormat::kUuid, kUuidTextSize);
  }
  if (format == "hex") {
    size_t size = std::min(limit, length ? static_cast<size_t>(*length) : kHexSizeDefault);
    return made<HashText>(std::move(options), HashFormat::kHex, size);
  }
  if (format == "base32") {
    if (length && static_cast<size_t>(*length) > kBase32SizeMax) {
      return build.error(fmt::format("length {} is more than the {} characters that a hash has in base32",
                                     *length, kBase32SizeMax));
    }
    size_t size = std::min(limit, length ? static_cast<size_t>(*length) : kHashSizeDefault);
    return made<HashText>(std::move(options), HashFormat::kBase32, size);
  }
  return build.error(fmt::format("'{}' is no format of hash", format), "formats are base32, hex and uuid");
}

// What every masker falls back to where the column is too short for its form: as many characters of hash.
MadeMasker make_short(TextOptions options) {
  size_t size = std::min(options.length_max, kHashSizeDefault);
  return made<HashText>(std::move(options), HashFormat::kBase32, size);
}

// ---- email, username

// Spellings of one address that differ in case (or Unicode form) alone get the same letters, so that joins
// over lower() survive; which of them are capitals then says which spelling it is, so that a unique index
// over the exact bytes survives too.
void capitalise(const Digest& spelling, std::string& out, size_t from, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    char& c = out[from + i];
    if (((spelling[i / 8] >> (i % 8)) & 1) != 0 && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
}

class LettersText : public TextMasker {
 public:
  using TextMasker::TextMasker;
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kHighEntropy; }

 protected:
  // 98 bits, their case by the spelling.
  void append_unique(const Digest& digest, const Source& source, std::string& out) const {
    size_t from = out.size();
    append_letters(digest, out);
    thread_local std::string exact;
    exact.clear();
    if (!options().codec.append_utf8(source.value, exact) || exact == source.canonical) return;
    capitalise(options().key->pseudonym(options().domain, exact), out, from, kLettersSize);
  }
  static void append_name(std::string_view name, std::string& out) {
    out.append(name);
    fold_case(out, out.size() - name.size());
  }
};

class Email final : public LettersText {
 public:
  // first.last.<letters>@example.com, first.<letters>@…, <letters>@…
  static constexpr size_t kSizeLeast = kLettersSize + 1 + kDomainSize;
  static constexpr size_t kSizeFirst = kSizeLeast + kFirstNameSizeMax + 1;
  static constexpr size_t kSizeBoth = kSizeFirst + kLastNameSizeMax + 1;
  static_assert(kSizeBoth <= 50, "the whole form fits in varchar(50)");

  explicit Email(TextOptions options)
      : LettersText(std::move(options)),
        first_(TextMasker::options().length_max >= kSizeFirst),
        last_(TextMasker::options().length_max >= kSizeBoth) {}

 protected:
  void write(const Digest& digest, const Source& source, std::string& out) const override {
    Draw draw(digest);
    std::string_view domain = draw.choose(kDomains);
    if (first_) {
      append_name(draw.choose(first_names()), out);
      out.push_back('.');
    }
    if (last_) {
      append_name(draw.choose(last_name_heads()), out);
      append_name(draw.choose(last_name_tails()), out);
      out.push_back('.');
    }
    append_unique(digest, source, out);
    out.push_back('@');
    out.append(domain);
  }

 private:
  bool first_;
  bool last_;
};

// For columns under 33 characters: as much hash as fits before @example.com.
class ShortEmail final : public TextMasker {
 public:
  static constexpr size_t kSizeLeast = 1 + 1 + kDomainSize;
  using TextMasker::TextMasker;
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kNone; }

 protected:
  void write(const Digest& digest, const Source& /*source*/, std::string& out) const override {
    append_base32(digest, std::min(options().length_max - 1 - kDomainSize, kBase32SizeUnique), out);
    out.push_back('@');
    out.append(Draw(digest).choose(kDomains));
  }
};

MadeMasker make_email(TextOptions options) {
  if (options.length_max >= Email::kSizeLeast) return made<Email>(std::move(options));
  if (options.length_max >= ShortEmail::kSizeLeast) return made<ShortEmail>(std::move(options));
  return make_short(std::move(options));
}

class Username final : public LettersText {
 public:
  static constexpr size_t kSizeLeast = kLettersSize;
  static constexpr size_t kSizeFirst = kFirstNameSizeMax + 1 + kLettersSize;
  explicit Username(TextOptions options)
      : LettersText(std::move(options)), first_(TextMasker::options().length_max >= kSizeFirst) {}

 protected:
  void write(const Digest& digest, const Source& source, std::string& out) const override {
    if (first_) {
      append_name(Draw(digest).choose(first_names()), out);
      out.push_back('_');
    }
    append_unique(digest, source, out);
  }

 private:
  bool first_;
};

// ---- url

class Url final : public TextMasker {
 public:
  static constexpr std::string_view kPrefix = "https://example.com/";
  using TextMasker::TextMasker;
  [[nodiscard]] Uniqueness uniqueness() const override {
    return path_size() >= kBase32SizeUnique ? Uniqueness::kHighEntropy : Uniqueness::kNone;
  }

 protected:
  void write(const Digest& digest, const Source& /*source*/, std::string& out) const override {
    out.append(kPrefix);
    append_base32(digest, path_size(), out);
  }

 private:
  [[nodiscard]] size_t path_size() const {
    return std::min(options().length_max - kPrefix.size(), kBase32SizeUnique);
  }
};

// ---- ip in text

class IpText final : public TextMasker {
 public:
  static constexpr size_t kSizeVersion4 = 15;  // "203.0.113.255"
  static constexpr size_t kSizeVersion6 = 39;
  // RFC 5737.
  static constexpr std::string_view kNetworks4[] = {"192.0.2.", "198.51.100.", "203.0.113."};
  static constexpr uint64_t kHosts4 = 254;

  IpText(TextOptions options, int version) : TextMasker(std::move(options)), version_(version) {}
  [[nodiscard]] Uniqueness uniqueness() const override {
    return version_ == 6 ? Uniqueness::kHighEntropy : Uniqueness::kNone;
  }

 protected:
  void write(const Digest& digest, const Source& source, std::string& out) const override {
    bool wide = version_ == 6 || (version_ == 0 && source.value.find(':') != std::string_view::npos &&
                                  options().length_max >= kSizeVersion6);
    Draw draw(digest);
    if (!wide) {
      out.append(draw.choose(kNetworks4));
      fmt::format_to(std::back_inserter(out), "{}", 1 + draw.below(kHosts4));
      return;
    }
    out.append("2001:db8");  // RFC 3849; 96 bits follow
    for (size_t i = 0; i < 12; i += 2) {
      fmt::format_to(std::back_inserter(out), ":{:x}", (digest[i] << 8) | digest[i + 1]);
    }
  }

 private:
  int version_;  // 4, 6, or 0: like the input
};

MadeMasker make_ip(const Build& build, TextOptions options) {
  YTB_ASSIGN(auto version, build.integer("version", 4, 6));
  if (version && *version == 5)
    return build.error("version 5 of the internet protocol has no addresses to give");
  int wanted = version ? static_cast<int>(*version) : 0;
  if (wanted == 6 && options.length_max < IpText::kSizeVersion6) {
    return build.error(fmt::format("an IPv6 address needs 39 characters and column {} holds {}",
                                   build.context.column.name, options.length_max));
  }
  if (options.length_max < IpText::kSizeVersion4) return make_short(std::move(options));
  return made<IpText>(std::move(options), wanted);
}

// ---- words: names, places, companies

enum class WordForm { kPerson, kFirst, kLast, kCity, kStreet, kCompany };

class Words final : public TextMasker {
 public:
  Words(TextOptions options, WordForm form) : TextMasker(std::move(options)), form_(form) {}
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kNone; }

 protected:
  void write(const Digest& digest, const Source& source, std::string& out) const override {
    const size_t start = out.size();
    Draw draw(digest);
    append_words(draw, out);
    if (out.size() - start > options().length_max) {
      out.resize(start + options().length_max);
      if (out.size() - start > 1 && out.back() == ' ') out.pop_back();
    }
    like_case_of(source.value, out, start);
  }

 private:
  void append_words(Draw& draw, std::string& out) const {
    switch (form_) {
      case WordForm::kFirst:
        out.append(draw.choose(first_names()));
        return;
      case WordForm::kPerson:
        out.append(draw.choose(first_names())).append(" ");
        [[fallthrough]];
      case WordForm::kLast:
        out.append(draw.choose(last_name_heads())).append(draw.choose(last_name_tails()));
        return;
      case WordForm::kStreet:
        fmt::format_to(std::back_inserter(out), "{} ", 1 + draw.below(989));
        append_place(draw, out);
        out.append(" ").append(draw.choose(street_kinds()));
        return;
      case WordForm::kCity:
        append_place(draw, out);
        return;
      case WordForm::kCompany:
        append_place(draw, out);
        out.append(" ")
            .append(draw.choose(company_trades()))
            .append(" ")
            .append(draw.choose(company_forms()));
        return;
    }
  }
  static void append_place(Draw& draw, std::string& out) {
    out.append(draw.choose(place_heads())).append(draw.choose(place_tails()));
  }
  // MARY → NORNA, mary → norna.
  static void like_case_of(std::string_view value, std::string& out, size_t start) {
    bool lower = std::any_of(value.begin(), value.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    bool upper = std::any_of(value.begin(), value.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    if (lower == upper) return;
    if (lower) return fold_case(out, start);
    for (size_t i = start; i < out.size(); ++i) {
      if (out[i] >= 'a' && out[i] <= 'z') out[i] = static_cast<char>(out[i] - 'a' + 'A');
    }
  }

  WordForm form_;
};

// ---- phone

enum class PhoneCountry { kUs, kUk };

// Area codes of the North American plan that are in use, without toll-free ones: a made-up one might start a
// service number (911 …).
constexpr std::string_view kAreaCodes[] = {
    "201", "202", "203", "205", "206", "207", "208", "209", "210", "212", "213", "214", "215",
    "216", "217", "218", "219", "224", "225", "228", "229", "231", "234", "239", "240", "248",
    "251", "252", "253", "254", "256", "260", "262", "267", "269", "270", "276", "281", "301",
    "302", "303", "304", "305", "307", "308", "309", "310", "312", "313", "314", "315", "316",
    "317", "318", "319", "320", "321", "323", "325", "330", "334", "336", "337", "339"};

class Phone final : public TextMasker {
 public:
  static constexpr size_t kSizeDigits = 10;  // "2015550143"
  static constexpr size_t kSizeLeast = kSizeDigits;
  Phone(TextOptions options, PhoneCountry country) : TextMasker(std::move(options)), country_(country) {}
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kNone; }

 protected:
  void write(const Digest& digest, const Source& source, std::string& out) const override {
    const bool international = source.value.starts_with('+');
    const bool plain = std::all_of(source.value.begin(), source.value.end(),
                                   [](char c) { return (c >= '0' && c <= '9') || c == '+'; });
    const size_t start = out.size();
    Draw draw(digest);
    // Numbers set aside for drama: 555-0100 … 555-0199 in every area code of the North American plan, and
    // Ofcom's 07700 900000 … 900999.
    std::string_view gap = plain ? "" : (country_ == PhoneCountry::kUs ? "-" : " ");
    if (country_ == PhoneCountry::kUs) {
      if (international) out.append("+1").append(gap);
      out.append(draw.choose(kAreaCodes)).append(gap).append("555").append(gap).append("01");
      out.push_back(draw.digit());
    } else {
      if (international) out.append("+44").append(gap);
      out.append(international ? "7700" : "07700").append(gap).append("900");
      out.push_back(draw.digit());
      out.push_back(draw.digit());
    }
    out.push_back(draw.digit());
    if (out.size() - start > options().length_max) shorten(out, start);
  }

 private:
  // Without its punctuation and country code, which always leaves the number itself.
  void shorten(std::string& out, size_t start) const {
    auto punctuation = [](char c) { return c == '-' || c == ' ' || c == '+'; };
    out.erase(std::remove_if(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(), punctuation),
              out.end());
    if (out.size() - start > options().length_max) out.erase(start, out.size() - start - kSizeDigits);
  }
  PhoneCountry country_;
};

MadeMasker make_phone(const Build& build, TextOptions options) {
  std::string_view country = build.param("country").value_or("us");
  if (country == "none") return make_phone_of_no_country(build, std::move(options));
  if (country != "us" && country != "uk") {
    return build.error(fmt::format("'{}' is not a country of phone", country),
                       "countries are us, uk and none");
  }
  if (options.length_max < Phone::kSizeLeast + (country == "uk" ? 1 : 0))
    return make_short(std::move(options));
  return made<Phone>(std::move(options), country == "us" ? PhoneCountry::kUs : PhoneCountry::kUk);
}

// ---- postcode

// Digit for digit, letter for letter, all else as it is: 1234 AB → 8051 QX. Cut to the limit.
class Postcode final : public TextMasker {
 public:
  using TextMasker::TextMasker;
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kNone; }

 protected:
  void write(const Digest& digest, const Source& source, std::string& out) const override {
    Draw draw(digest);
    bool replaced = false;
    for (char c : source.value.substr(0, options().length_max)) {
      if (c >= '0' && c <= '9') {
        out.push_back(draw.digit());
      } else if (c >= 'a' && c <= 'z') {
        out.push_back(draw.lower());
      } else if ((c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) > 0x7f) {
        out.push_back(static_cast<char>('A' + draw.below(26)));
      } else {
        out.push_back(c);
        continue;
      }
      replaced = true;
    }
    if (!replaced) out.back() = draw.lower();
  }
};

// ---- which is which

TextOptions options_of(const Build& build, TextCodec codec, Likeness likeness) {
  const Column& column = build.context.column;
  return {.key = &build.context.key,
          .domain = build.domain(),
          .codec = std::move(codec),
          .likeness = likeness,
          .case_insensitive = column.case_insensitive,
          .blank_padded = column.blank_padded,
          .length_max = build.length_max().value_or(kNoLengthMax)};
}

constexpr std::pair<std::string_view, WordForm> kWordMaskers[] = {
    {"person_name", WordForm::kPerson},    {"first_name", WordForm::kFirst},
    {"last_name", WordForm::kLast},        {"city", WordForm::kCity},
    {"street_address", WordForm::kStreet}, {"company", WordForm::kCompany}};

}  // namespace

MadeMasker make_text_masker(const Build& build) {
  Result<TextCodec> codec = TextCodec::make(build.context.encoding);
  if (!codec.ok()) return build.error(codec.error().message, codec.error().hint);
  const std::string& name = build.spec.name;
  auto options = [&](Likeness likeness) { return options_of(build, *codec, likeness); };
  if (name == "hash") return make_hash(build, options(Likeness::kExact));
  if (name == "email") return make_email(options(Likeness::kFolded));
  if (name == "phone") return make_phone(build, options(Likeness::kDigits));
  if (name == "ip") return make_ip(build, options(Likeness::kExact));
  if (name == "postcode") return made<Postcode>(options(Likeness::kCompact));
  if (name == "username") {
    TextOptions chosen = options(Likeness::kFolded);
    if (chosen.length_max < Username::kSizeLeast) return make_short(std::move(chosen));
    return made<Username>(std::move(chosen));
  }
  if (name == "url") {
    TextOptions chosen = options(Likeness::kExact);
    if (chosen.length_max <= Url::kPrefix.size()) return make_short(std::move(chosen));
    return made<Url>(std::move(chosen));
  }
  for (auto [word_name, form] : kWordMaskers) {
    if (name == word_name) return made<Words>(options(Likeness::kFolded), form);
  }
  return build.cannot_serve();
}

}  // namespace ytb::masking
