#include <fmt/format.h>

#include <algorithm>

#include "masking/copy_rows.h"
#include "masking/program.h"

namespace ytb::masking {

namespace {
constexpr size_t kPendingKeptBytesMax = 16 << 20;  // a buffer that one huge row made larger is given back
}  // namespace

Error corrupt_row(uint64_t row, std::string_view what) {
  return {.code = Code::kCorrupt,
          .message = row == 0 ? std::string(what) : fmt::format("row {} of the COPY stream: {}", row, what),
          .hint = "the table may have been changed while it was read, or the connection was cut"};
}

struct CopyMasker::Impl {
  Impl(const RowProgram& row_program, OriginalsRecorder* originals)
      : program(row_program),
        binary(row_program, originals),
        text(row_program, originals),
        header_done(row_program.wire() == Wire::kText) {
    counts.columns.resize(row_program.column_count());
  }

  const RowProgram& program;
  BinaryRows binary;
  TextRows text;
  RowCounts counts;
  std::string pending;      // the start of a row whose end has not come yet
  size_t pending_need = 0;  // bytes that it takes at least; binary
  size_t searched = 0;      // bytes of it without an end of line; text
  bool header_done;
  bool ended = false;

  Result<Scanned> scan(std::string_view data);
  Result<size_t> take_rows(std::string_view data, std::string& out);
};

Result<Scanned> CopyMasker::Impl::scan(std::string_view data) {
  if (!header_done) return binary.scan_header(data);
  if (program.wire() == Wire::kBinary) return binary.scan(data, counts.rows + 1);
  return text.scan(data, searched, counts.rows + 1);
}

// Masks the whole rows at the start of `data`; how many bytes they were.
Result<size_t> CopyMasker::Impl::take_rows(std::string_view data, std::string& out) {
  size_t at = 0;
  while (at < data.size()) {
    if (ended) return corrupt_row(0, "there are bytes after the end of the COPY stream");
    YTB_ASSIGN(Scanned found, scan(data.substr(at)));
    if (found.size > kRowBytesMax) {
      return corrupt_row(counts.rows + 1, fmt::format("it is larger than {} bytes", kRowBytesMax));
    }
    if (found.scan == Scan::kMore) {
      pending_need = found.size;
      searched = data.size() - at;
      return at;
    }
    searched = 0;
    if (found.scan == Scan::kEnd) {
      ended = true;
    } else if (!header_done) {
      header_done = true;
    } else {
      const size_t start = out.size();
      const uint64_t row = counts.rows + 1;
      Status masked =
          program.wire() == Wire::kBinary ? binary.mask(row, out, counts) : text.mask(row, out, counts);
      if (!masked.ok()) {
        out.resize(start);
        return std::move(masked).error();
      }
      ++counts.rows;
      counts.bytes_in += found.size;
      counts.bytes_out += out.size() - start;
      counts.widest_row_bytes = std::max<uint64_t>(counts.widest_row_bytes, found.size);
    }
    at += found.size;
  }
  pending_need = 0;
  return at;
}

CopyMasker::CopyMasker(const RowProgram& program, OriginalsRecorder* originals)
    : impl_(std::make_unique<Impl>(program, originals)) {}
CopyMasker::~CopyMasker() = default;
CopyMasker::CopyMasker(CopyMasker&&) noexcept = default;

void CopyMasker::begin(Wire wire, std::string& out) {
  if (wire == Wire::kBinary) BinaryRows::append_header(out);
}

void CopyMasker::end(Wire wire, std::string& out) {
  if (wire == Wire::kBinary) BinaryRows::append_trailer(out);
}

Status CopyMasker::feed(std::string_view data, std::string& out) {
  Impl& impl = *impl_;
  if (impl.pending.empty()) {  // the common case: whole rows, straight from the caller's buffer
    YTB_ASSIGN(size_t taken, impl.take_rows(data, out));
    impl.pending.assign(data.substr(taken));
    return {};
  }
  impl.pending.append(data);
  if (impl.pending.size() < impl.pending_need) return {};
  YTB_ASSIGN(size_t taken, impl.take_rows(impl.pending, out));
  impl.pending.erase(0, taken);
  if (impl.pending.empty() && impl.pending.capacity() > kPendingKeptBytesMax) impl.pending = std::string();
  return {};
}

Status CopyMasker::finish() {
  if (!impl_->pending.empty()) {
    return corrupt_row(impl_->counts.rows + 1, "the COPY stream ends inside it");
  }
  if (impl_->program.wire() == Wire::kBinary && !impl_->ended) {
    return corrupt_row(
        0, fmt::format("the COPY stream ends after {} rows without its trailer", impl_->counts.rows));
  }
  return {};
}

const RowCounts& CopyMasker::counts() const { return impl_->counts; }

}  // namespace ytb::masking
