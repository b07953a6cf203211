#include "drivers/rds/stack_names.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>

#include "base/text.h"

namespace ytb::rds {
namespace {

constexpr std::string_view kInfix = "-yesterday-";
constexpr std::string_view kWriterEnd = "-w";
// "-yesterday-", 15 of the instant, a hyphen, nine digits of an attempt, "-w".
constexpr size_t kPartMax = kDbNameMax - 11 - 15 - 1 - 9 - kWriterEnd.size();
constexpr size_t kHashDigits = 8;

std::string hash_of(std::string_view text, size_t digits) {
  std::string bytes(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256(reinterpret_cast<unsigned char*>(bytes.data()),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return to_hex(bytes).substr(0, digits);
}

std::string part_of(const model::ProductionName& production) {
  const std::string& name = production.str();
  const bool fits = name.size() <= kPartMax && name.find("--") == std::string::npos && !name.ends_with('-');
  if (fits) return name;
  std::string kept;
  for (char c : name) {
    if (kept.size() == kPartMax - 1 - kHashDigits) break;
    if (c != '-' || !kept.ends_with('-')) kept += c;
  }
  while (kept.ends_with('-')) kept.pop_back();
  return kept + "-" + hash_of(name, kHashDigits);
}

}  // namespace

std::string name_prefix(const model::ProductionName& production) {
  return part_of(production) + std::string(kInfix);
}

std::string stack_name(const model::ProductionName& production, const model::CopyId& copy) {
  YTB_CHECK(model::is_copy_name(production, copy.str()));
  std::string name = name_prefix(production) + copy.str().substr(production.str().size() + kInfix.size());
  YTB_CHECK(name.size() + kWriterEnd.size() <= kDbNameMax);
  return name;
}

std::string writer_name(std::string_view stack_name) {
  return std::string(stack_name) + std::string(kWriterEnd);
}

std::string snapshot_copy_name(std::string_view stack_name) { return std::string(stack_name) + "-source"; }

std::string request_token(std::string_view stack_name, std::string_view verb, std::string_view state) {
  return fmt::format("ytb-{}-{}", verb, hash_of(fmt::format("{}\n{}\n{}", stack_name, verb, state), 32));
}

}  // namespace ytb::rds
