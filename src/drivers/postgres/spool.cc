#include "drivers/postgres/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>

#include "drivers/os/descriptor.h"

namespace ytb::postgres {
namespace {
constexpr size_t kBufferBytes = 256 << 10;
constexpr int kLevel = 1;  // measured: 2 costs more time than the disk saves

Error bad_stream(const std::string& path, std::string_view what) {
  return Error{
      .code = Code::kCorrupt, .message = fmt::format("the spool {} is damaged: {}", path, what), .hint = {}};
}
}  // namespace

void SpoolWriter::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }
void SpoolReader::Free::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

Result<SpoolWriter> SpoolWriter::create(const std::string& path) {
  os::Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return os::system_error("create", path, errno);
  SpoolWriter writer;
  writer.path_ = path;
  writer.file_.reset(::fdopen(fd.get(), "wb"));
  if (!writer.file_) return os::system_error("open", path, errno);
  fd.release();
  writer.context_.reset(ZSTD_createCCtx());
  ZSTD_CCtx_setParameter(writer.context_.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(writer.context_.get(), ZSTD_c_checksumFlag, 1);
  writer.buffer_.resize(kBufferBytes);
  return writer;
}

Status SpoolWriter::push(std::string_view bytes, bool end) {
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  for (;;) {  // bounded by the input: each turn takes some of it or empties zstd's own buffer
    ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
    size_t left = ZSTD_compressStream2(context_.get(), &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left) != 0) return bad_stream(path_, ZSTD_getErrorName(left));
    if (out.pos > 0 && std::fwrite(buffer_.data(), 1, out.pos, file_.get()) != out.pos) {
      return os::system_error("write", path_, errno);
    }
    written_ += out.pos;
    if (end ? left == 0 : in.pos == in.size) return {};
  }
}

Status SpoolWriter::write(std::string_view bytes) { return push(bytes, false); }

Status SpoolWriter::finish() {
  YTB_TRY(push({}, true));
  if (std::fflush(file_.get()) != 0) return os::system_error("write", path_, errno);
  file_.reset();
  context_.reset();
  buffer_ = {};
  return {};
}

Result<SpoolReader> SpoolReader::open(const std::string& path) {
  SpoolReader reader;
  reader.path_ = path;
  reader.file_.reset(std::fopen(path.c_str(), "rbe"));
  if (!reader.file_) return os::system_error("open", path, errno);
  reader.context_.reset(ZSTD_createDCtx());
  reader.buffer_.resize(kBufferBytes);
  return reader;
}

Status SpoolReader::read(std::string& out) {
  out.resize(kBufferBytes);
  ZSTD_outBuffer target{out.data(), out.size(), 0};
  while (target.pos < target.size) {
    if (used_ == have_) {
      have_ = std::fread(buffer_.data(), 1, buffer_.size(), file_.get());
      used_ = 0;
      if (have_ == 0) {
        if (std::ferror(file_.get()) != 0) return os::system_error("read", path_, errno);
        if (pending_ != 0) return bad_stream(path_, "it ends in the middle");
        break;
      }
    }
    ZSTD_inBuffer in{buffer_.data(), have_, used_};
    pending_ = ZSTD_decompressStream(context_.get(), &target, &in);
    if (ZSTD_isError(pending_) != 0) return bad_stream(path_, ZSTD_getErrorName(pending_));
    used_ = in.pos;
  }
  out.resize(target.pos);
  return {};
}

}  // namespace ytb::postgres
