// Heap pages: whatever the bytes, reading stays inside; what was read can be written and read again.
// fuzz-rooms: drivers_postgres
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "drivers/postgres/heap_page.h"

using namespace ytb::postgres;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<Attribute> attributes = {
      {.length = 4, .align = 4, .dropped = false},  {.length = -1, .align = 4, .dropped = false},
      {.length = 8, .align = 8, .dropped = false},  {.length = -1, .align = 8, .dropped = false},
      {.length = -2, .align = 1, .dropped = false}, {.length = 1, .align = 1, .dropped = false}};
  // The end of the input lies at the end of the page, where tuples are; its start at the start.
  std::string page(kPageBytes, '\0');
  size_t head = std::min<size_t>(size, 64);
  size_t tail = std::min(size - head, kPageBytes - head);
  std::copy_n(data, head, page.begin());
  std::copy_n(data + head, tail, page.end() - static_cast<ptrdiff_t>(tail));
  auto view = PageView::open(page);
  if (!view) return 0;
  PageBuilder builder(0, true);
  std::vector<StoredField> fields;
  std::vector<StoredField> again;
  std::string built;
  for (size_t item = 0; item < view->items(); ++item) {
    auto tuple = view->tuple(item);
    if (!tuple || tuple->empty()) continue;
    (void)view->seen(*tuple);
    if (!read_fields(*tuple, attributes, fields)) continue;
    build_tuple(attributes, fields, built);
    YTB_CHECK(read_fields(built, attributes, again));
    YTB_CHECK(std::equal(fields.begin(), fields.end(), again.begin(), again.end(),
                         [](StoredField a, StoredField b) { return is_null(a) == is_null(b) && a == b; }));
    (void)builder.add(built);
  }
  (void)builder.finish(7);
  return 0;
}
