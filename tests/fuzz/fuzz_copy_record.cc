// copy.json and attempts.json: any text is read or refused, and what is read is written the same again.
// fuzz-rooms: drivers_local
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "drivers/local/record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto record = ytb::local::record_from_json(text); record.ok()) {
    auto again = ytb::local::record_from_json(to_json(*record));
    YTB_CHECK(again.ok());
    YTB_CHECK(to_json(*again) == to_json(*record));
  }
  if (auto attempts = ytb::local::attempts_from_json(text); attempts.ok()) {
    YTB_CHECK(ytb::local::attempts_from_json(to_json(*attempts)).ok());
  }
  return 0;
}
