#include <fmt/format.h>

#include "base/check.h"
#include "masking/big_endian.h"
#include "masking/copy_rows.h"

namespace ytb::masking {
namespace {

constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
constexpr size_t kHeaderBytes = 19;                   // signature, flags, length of the extension
constexpr size_t kHeaderExtensionBytesMax = 1 << 20;  // there are none so far
constexpr size_t kCountBytes = 2;
constexpr size_t kLengthBytes = 4;
constexpr int16_t kTrailer = -1;
constexpr int32_t kNullLength = -1;

}  // namespace

void BinaryRows::append_header(std::string& out) {
  out.append(kSignature);
  append_be32(0, out);
  append_be32(0, out);
}

void BinaryRows::append_trailer(std::string& out) { append_be16(static_cast<uint16_t>(kTrailer), out); }

Result<Scanned> BinaryRows::scan_header(std::string_view data) const {
  std::string_view signature = data.substr(0, kSignature.size());
  if (signature != kSignature.substr(0, signature.size())) {
    return corrupt_row(0, "the stream does not begin with the signature of binary COPY");
  }
  if (data.size() < kHeaderBytes) return Scanned{Scan::kMore, kHeaderBytes};
  if (read_be32(data.data() + kSignature.size()) != 0) {
    return corrupt_row(0, "the header of the binary COPY stream has flags that are not known");
  }
  uint32_t extension = read_be32(data.data() + kSignature.size() + 4);
  if (extension > kHeaderExtensionBytesMax) {
    return corrupt_row(
        0, fmt::format("the header of the binary COPY stream has an extension of {} bytes", extension));
  }
  size_t size = kHeaderBytes + extension;
  return Scanned{data.size() < size ? Scan::kMore : Scan::kRow, size};
}

Result<Scanned> BinaryRows::scan(std::string_view data, uint64_t row) {
  if (data.size() < kCountBytes) return Scanned{Scan::kMore, kCountBytes};
  auto count = static_cast<int16_t>(read_be16(data.data()));
  if (count == kTrailer) return Scanned{Scan::kEnd, kCountBytes};
  if (count < 0 || static_cast<size_t>(count) != fields_.size()) {
    return corrupt_row(row,
                       fmt::format("it has {} fields and the table has {} columns", count, fields_.size()));
  }
  size_t at = kCountBytes;
  for (auto& field : fields_) {
    if (data.size() - at < kLengthBytes) return Scanned{Scan::kMore, at + kLengthBytes};
    auto length = static_cast<int32_t>(read_be32(data.data() + at));
    at += kLengthBytes;
    if (length == kNullLength) {
      field.reset();
      continue;
    }
    if (length < 0 || static_cast<uint64_t>(length) + at > CopyMasker::kRowBytesMax) {
      return corrupt_row(row, fmt::format("a field says that it has {} bytes", length));
    }
    auto size = static_cast<size_t>(length);
    if (data.size() - at < size) return Scanned{Scan::kMore, at + size};
    field = data.substr(at, size);
    at += size;
  }
  row_ = data.substr(0, at);
  return Scanned{Scan::kRow, at};
}

Status BinaryRows::mask(uint64_t row, std::string& out, RowCounts& counts) {
  const char* copied = row_.data();  // everything before it is in `out`
  for (size_t column : program_.masked_columns()) {
    if (!fields_[column]) continue;
    std::string_view value = *fields_[column];
    out.append(copied, value.data() - kLengthBytes);
    copied = value.data() + value.size();
    const size_t length_at = out.size();
    out.append(kLengthBytes, '\0');
    Applied applied = program_.mask_field(column, value, {fields_, originals_}, out, counts.columns[column]);
    if (applied == Applied::kInvalid) return program_.invalid_field(column, row);
    size_t size = out.size() - length_at - kLengthBytes;
    YTB_CHECK(size <= CopyMasker::kRowBytesMax);
    write_be32(applied == Applied::kNull ? static_cast<uint32_t>(kNullLength) : static_cast<uint32_t>(size),
               out.data() + length_at);
  }
  out.append(copied, row_.data() + row_.size());
  count_kept(counts);
  return {};
}

// Kept fields beside each other are one run of bytes, each with its length before it.
void BinaryRows::count_kept(RowCounts& counts) {
  kept_.clear();
  std::string_view run;
  for (size_t column = 0; column < fields_.size(); ++column) {
    if (!program_.masker(column).is_keep()) continue;
    if (!fields_[column]) {
      kept_.append(run);
      run = {};
      append_be32(static_cast<uint32_t>(kNullLength), kept_);
      continue;
    }
    ++counts.columns[column].values;
    ++counts.columns[column].unchanged;
    const char* begin = fields_[column]->data() - kLengthBytes;
    const size_t size = kLengthBytes + fields_[column]->size();
    if (run.data() != nullptr && run.data() + run.size() == begin) {
      run = std::string_view(run.data(), run.size() + size);
    } else {
      kept_.append(run);
      run = std::string_view(begin, size);
    }
  }
  const bool one_run = kept_.empty();  // the common case: hashed where it lies
  if (!one_run) kept_.append(run);
  counts.kept.add(one_run ? run : std::string_view(kept_), program_.kept_rows_seed());
}

}  // namespace ytb::masking
