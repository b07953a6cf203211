#include "masking/masker_phone.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "base/check.h"
#include "masking/permute.h"

namespace ytb::masking {
namespace {

// No country code begins with 0 (ITU-T E.164), so that no network routes +0….
constexpr std::string_view kInternational = "+0";
constexpr std::string_view kNational = "+0 ";  // apart from the same digits behind a plus
constexpr size_t kDigitsMin = 5;
constexpr size_t kDigitsMax = 18;  // 10^18 fits 63 bits
constexpr size_t kSizeMin = 20;    // what does not fit is a hash of that many characters: 100 bits
constexpr size_t kHashSize = 26;
// A walk ends in one step of 140 where it takes longest, with numbers of 11 digits.
constexpr int kWalkStepsMax = 100'000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_punctuation(char c) { return std::string_view(" -./()").find(c) != std::string_view::npos; }

class PhoneOfNoCountry final : public TextMasker {
 public:
  explicit PhoneOfNoCountry(TextOptions options)
      : TextMasker(std::move(options)), permutation_(*this->options().key, this->options().domain) {}
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kBijection; }

 protected:
  // Other digits in the same places. Two numbers differ in digits or punctuation before and after.
  void write(const Digest& digest, const Source& source, std::string& out) const override {
    std::string_view rest = source.value;
    const bool international = rest.starts_with('+');
    if (international) rest.remove_prefix(1);
    const std::string_view start = international ? kInternational : kNational;
    const auto digits = static_cast<size_t>(std::count_if(rest.begin(), rest.end(), is_digit));
    const bool number =
        std::all_of(rest.begin(), rest.end(), [](char c) { return is_digit(c) || is_punctuation(c); });
    if (!number || digits < kDigitsMin || digits > kDigitsMax ||
        start.size() + rest.size() > options().length_max || (international && rest.starts_with(' '))) {
      append_base32(digest, std::min(options().length_max, kHashSize), out);
      return;
    }
    const std::string others = other_digits(rest, digits);
    size_t next = 0;
    out.append(start);
    for (char c : rest) out.push_back(is_digit(c) ? others[next++] : c);
  }

 private:
  // Walks the permutation of integers until it is back among numbers of so many digits: a bijection of them.
  [[nodiscard]] std::string other_digits(std::string_view text, size_t digits) const {
    int64_t value = 0;
    int64_t limit = 1;
    for (char c : text) {
      if (!is_digit(c)) continue;
      value = value * 10 + (c - '0');
      limit *= 10;
    }
    int steps = 0;
    do {
      value = permutation_.map(value);
      YTB_CHECK(++steps < kWalkStepsMax);
    } while (value >= limit);
    return fmt::format("{:0{}}", value, digits);
  }

  IntegerPermutation permutation_;
};

}  // namespace

MadeMasker make_phone_of_no_country(const Build& build, TextOptions options) {
  if (options.length_max < kSizeMin) {
    return build.error(fmt::format("a number of no country needs {} characters and column {} holds {}",
                                   kSizeMin, build.context.column.name, options.length_max),
                       "country: us gives numbers of 10 digits, which many people share");
  }
  options.likeness = Likeness::kExact;  // what is hashed must stay apart, too
  return made<PhoneOfNoCountry>(std::move(options));
}

}  // namespace ytb::masking
