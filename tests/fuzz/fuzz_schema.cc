// Any bytes as a schema file: what is read gets a proposed policy that reads back and judges every column.
// fuzz-rooms: config decide masking model base
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "config/config.h"
#include "masking/lock.h"
#include "masking/plan.h"
#include "masking/propose.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kSizeMax = 16 * 1024;
  if (size > kSizeMax) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto catalog = ytb::config::parse_schema(text, "schema.sql", "shop");
  if (!catalog.ok()) {
    YTB_CHECK(!catalog.error().message.empty());
    return 0;
  }
  const std::string yaml = ytb::masking::to_policy_yaml(*catalog, ytb::masking::propose(*catalog, {}));
  auto policy = ytb::config::parse_policy(yaml, "policy.yaml");
  YTB_CHECK_MSG(policy.ok(), policy.ok() ? yaml : policy.error().message + "\n" + yaml);
  const auto lock = ytb::masking::expand_lock(*policy, *catalog);
  for (const auto& finding : ytb::masking::plan_masking(*policy, lock, *catalog).findings) {
    YTB_CHECK_MSG(finding.kind != ytb::masking::Finding::Kind::kUnjudgedColumn, finding.message);
  }
  return 0;
}
