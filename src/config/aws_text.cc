#include "config/aws_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ytb::config {
namespace {

constexpr size_t kTextMax = 2048;  // of an ARN
constexpr size_t kAccountDigits = 12;

struct Rule {
  AwsText kind;
  std::string_view prefix;  // what it begins with
  std::string_view others;  // beside letters and digits
  size_t size_max;
  std::string_view says;
};
constexpr std::array kRules{
    Rule{AwsText::kName, "", " ._-", 255, "letters, digits, spaces and ._-"},
    Rule{AwsText::kNameOrArn, "", " ._-:/+=,@", kTextMax, "a name or an ARN"},
    Rule{AwsText::kSecurityGroup, "sg-", "-", 64, "an id like sg-0123456789abcdef0"},
    Rule{AwsText::kKey, "", "_-:/", kTextMax, "a key's id, its ARN or alias/NAME"},
    Rule{AwsText::kClass, "db.", ".-", 64, "a class of RDS, e.g. db.t4g.medium"},
    Rule{AwsText::kStorageType, "", "-", 32, "a storage type, e.g. gp3"},
    Rule{AwsText::kPrefix, "", "._-/=+@", 512, "letters, digits and ._-/=+@"},
};

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

std::optional<std::string> wrong_with_aws(AwsText kind, std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (kind == AwsText::kSettingValue) {
    const bool printable_only =
        std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
    const bool resolves = text.find("{{") != std::string_view::npos;
    if (printable_only && !resolves && text.size() <= kTextMax) return std::nullopt;
    return "takes printable ASCII without '{{'";
  }
  if (kind == AwsText::kAccount) {
    const bool digits = std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (digits && text.size() == kAccountDigits) return std::nullopt;
    return fmt::format("takes ids of accounts, of {} digits", kAccountDigits);
  }
  const auto* rule =
      std::find_if(kRules.begin(), kRules.end(), [&](const Rule& each) { return each.kind == kind; });
  const bool fits = rule != kRules.end() && text.size() > rule->prefix.size() &&
                    text.size() <= rule->size_max && text.starts_with(rule->prefix) &&
                    std::all_of(text.begin(), text.end(), [&](char c) {
                      return is_letter_or_digit(c) || rule->others.find(c) != std::string_view::npos;
                    });
  if (fits) return std::nullopt;
  return fmt::format("takes {}", rule == kRules.end() ? "nothing" : rule->says);
}

std::optional<std::string> wrong_with_aws_production(std::string_view name) {
  // The function's own folders in the bucket, and how its stacks and secrets begin.
  if (name == "due" || name == "turns" || name.starts_with("yesterday"))
    return "is a name that the function itself uses in its bucket and for its secrets";
  for (std::string_view reserved : {"-yesterday", "-sanitized"}) {
    const size_t at = name.find(reserved);
    if (at == std::string_view::npos) continue;
    return fmt::format("contains '{}': the roles of a production '{}' could change its copies", reserved,
                       name.substr(0, at));
  }
  return std::nullopt;
}

}  // namespace ytb::config
