// Any bytes as a config: an error with a place or a config whose promises hold, never a crash or a hang.
// fuzz-rooms: config decide masking model base
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto config = ytb::config::parse_config(text, "/etc/ytb.yaml");
  if (!config.ok()) {
    YTB_CHECK(config.error().code == ytb::Code::kConfig);
    YTB_CHECK(!config.error().message.empty());
    return 0;
  }
  YTB_CHECK(!config->productions.empty());
  for (const auto& production : config->productions) {
    // Fail closed: masked, or a written reason not to be.
    YTB_CHECK(production.masking.none_reason.empty() != production.masking.policy_file.empty());
    YTB_CHECK(!production.source.directories.empty());
    YTB_CHECK(production.copies.port_first <= production.copies.port_last);
  }
  return 0;
}
