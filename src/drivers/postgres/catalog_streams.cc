#include "drivers/postgres/catalog_streams.h"

namespace ytb::postgres {

uint32_t big_endian(std::string_view bytes) {
  uint32_t value = 0;
  for (char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

namespace {

Error cut() {
  return {.code = Code::kCorrupt,
          .message = "the server did not print its catalogs to their end",
          .hint = "the snapshot may be damaged: see pg_amcheck in production"};
}

}  // namespace

Status CatalogStreams::next(const std::function<Status(const CatalogRow&)>& on_row) {
  constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
  constexpr size_t kHeaderBytes = 19;
  const size_t at = left_.find(kSignature);
  if (at == std::string_view::npos || left_.size() - at < kHeaderBytes) return cut();
  left_.remove_prefix(at + kHeaderBytes);
  CatalogRow row;
  for (;;) {  // bounded by the output
    if (left_.size() < 2) return cut();
    const auto count = static_cast<uint16_t>(big_endian(left_.substr(0, 2)));
    left_.remove_prefix(2);
    if (count == 0xffff) return {};
    const std::string_view start = left_;
    row.fields.clear();
    for (int i = 0; i < count; ++i) {
      if (left_.size() < 4) return cut();
      const uint32_t length = big_endian(left_.substr(0, 4));
      left_.remove_prefix(4);
      row.fields.emplace_back();
      if (length == 0xffffffff) continue;
      if (length > left_.size()) return cut();
      row.fields.back() = left_.substr(0, length);
      left_.remove_prefix(length);
    }
    row.bytes = start.substr(0, start.size() - left_.size());
    if (row.fields.empty() || !row.fields[0] || row.fields[0]->size() != 4) return cut();
    YTB_TRY(on_row(row));
  }
}

}  // namespace ytb::postgres
