// The reader of binary COPY and of every type's binary format.
// fuzz-rooms: masking
#include <cstddef>
#include <cstdint>

#include "copy_fuzz.h"

// The first byte: the size of the pieces, and whether the header is put before the rest.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ytb;  // NOLINT
  if (size == 0) return 0;
  std::string stream;
  if ((data[0] & 1) != 0) masking::CopyMasker::begin(masking::Wire::kBinary, stream);
  stream.append(reinterpret_cast<const char*>(data) + 1, size - 1);
  fuzz::check_stream(masking::Wire::kBinary, stream, 1 + data[0] / 2);
  return 0;
}
