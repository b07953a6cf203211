// The reader of text COPY and of every type's text format.
// fuzz-rooms: masking
#include <cstddef>
#include <cstdint>

#include "copy_fuzz.h"

// The first byte: the size of the pieces.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ytb;  // NOLINT
  if (size == 0) return 0;
  std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  fuzz::check_stream(masking::Wire::kText, stream, 1 + size_t{data[0]});
  return 0;
}
