// Extended Support. BEHAVIOUR.md has the sources.
#include <array>

#include "base/text.h"
#include "tests/fakes/aws/rds.h"

namespace ytb::fakes::aws {
namespace {

constexpr std::string_view kEnabled = "open-source-rds-extended-support";
constexpr std::string_view kDisabled = "open-source-rds-extended-support-disabled";

struct Ends {
  const char* major;
  const char* first_day_after;
};
constexpr std::array kEnds{Ends{"11", "2024-03-01T00:00:00Z"}, Ends{"12", "2025-03-01T00:00:00Z"},
                           Ends{"13", "2026-03-01T00:00:00Z"}, Ends{"14", "2027-03-01T00:00:00Z"},
                           Ends{"15", "2028-03-01T00:00:00Z"}};

}  // namespace

void restore_version(const Call& call, const std::string& version, Instant now, json& shown) {
  const std::string word =
      call.has("EngineLifecycleSupport") ? call.text("EngineLifecycleSupport") : std::string(kEnabled);
  if (word != kEnabled && word != kDisabled)
    refuse("InvalidParameterValue", "Invalid EngineLifecycleSupport: " + word);
  shown["EngineLifecycleSupport"] = word;
  shown["EngineVersion"] = version;
  if (word == kEnabled) return;
  for (const Ends& ends : kEnds) {
    if (split(version, '.')[0] == ends.major && now >= *from_iso(ends.first_day_after))
      shown["EngineVersion"] = "16.4";
  }
}

}  // namespace ytb::fakes::aws
