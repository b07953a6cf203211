#include "model/drift.h"

#include <array>
#include <map>

#include "base/text.h"

namespace ytb::model {
namespace {

// Half of SHA-256's digits and less: six parts fit into the 256 characters of a tag.
constexpr size_t kPartDigits = 24;

struct PartName {
  std::string_view part;
  std::string_view words;
};
constexpr std::array kNames{PartName{"policy", "the policy"},          PartName{"lock", "the policy's lock"},
                            PartName{"key", "the masking key"},        PartName{"access", "the access roles"},
                            PartName{"passwords", "access passwords"}, PartName{"checks", "the SQL checks"}};

std::map<std::string, std::string, std::less<>> parts_of(std::string_view record) {
  std::map<std::string, std::string, std::less<>> parts;
  for (const std::string& part : split(record, ' ')) {
    const size_t equals = part.find('=');
    if (equals != std::string::npos) parts[part.substr(0, equals)] = part.substr(equals + 1);
  }
  return parts;
}

std::vector<std::string> changed_inputs(std::string_view recorded, std::string_view today) {
  if (recorded.empty() || today.empty() || recorded == today) return {};
  const auto then = parts_of(recorded);
  const auto now = parts_of(today);
  const auto key_then = then.find("key");
  const auto key_now = now.find("key");
  const bool other_key =
      key_then == then.end() || key_now == now.end() || key_then->second != key_now->second;
  std::vector<std::string> words;
  for (const PartName& name : kNames) {
    const auto was = then.find(name.part);
    const auto is = now.find(name.part);
    if (was == then.end() || is == now.end() || was->second == is->second) continue;
    // Under another key the same passwords give another digest.
    if (name.part == "passwords" && other_key) continue;
    words.emplace_back(name.words);
  }
  if (words.empty()) words.emplace_back("policy, key or access");
  return words;
}

}  // namespace

std::string inputs_record(const std::vector<std::pair<std::string, std::string>>& parts) {
  std::string record;
  for (const auto& [name, digest] : parts) {
    if (!record.empty()) record += ' ';
    record += name + "=" + digest.substr(0, kPartDigits);
  }
  return record;
}

bool isolation_differs(const std::optional<Isolation>& was, const std::optional<Isolation>& today) {
  if (!was || !today) return false;
  if (was->kind != today->kind) return true;
  // A copy of an earlier version does not know its reason.
  return !was->reason.empty() && was->reason != today->reason;
}

std::string drift_between(const MadeWith& then, const MadeWith& today) {
  std::vector<std::string> words = changed_inputs(then.inputs, today.inputs);
  if (isolation_differs(then.isolation, today.isolation)) words.emplace_back("the isolation");
  if (words.empty()) return {};
  if (words.size() == 1) return words.front();
  const std::string last = words.back();
  words.pop_back();
  return join(words, ", ") + " and " + last;
}

}  // namespace ytb::model
