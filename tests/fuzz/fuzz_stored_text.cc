// Values as they are stored: whatever the bytes, reading stays inside, and ends.
// fuzz-rooms: drivers_postgres
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "drivers/postgres/stored_text.h"

using namespace ytb::postgres;

// The first byte says what type the value is of.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr std::array kTypes = {StoredType::kText, StoredType::kInt2,  StoredType::kInt8,
                                 StoredType::kUuid, StoredType::kBytea, StoredType::kNumeric,
                                 StoredType::kJsonb};
  constexpr size_t kValueMax = 1 << 20;
  if (size < 2) return 0;
  const StoredType type = kTypes[data[0] % kTypes.size()];
  const std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  std::string text;
  (void)append_stored_text(type, bytes, text);
  size_t elements = 0;
  (void)for_each_stored_element(type, bytes, [&](std::string_view element) {
    ++elements;
    text.clear();
    (void)append_stored_text(type, element, text);
  });
  YTB_CHECK(elements <= 8 * bytes.size() + 8);
  if (varlena_size(bytes) != bytes.size()) return 0;
  std::string buffer;
  const auto value = value_of(bytes, kValueMax, buffer);
  YTB_CHECK(!value || value->size() <= kValueMax);
  if (value && varlena_of(bytes) == Varlena::kCompressed) YTB_CHECK(value->size() == value_bytes_of(bytes));
  return 0;
}
