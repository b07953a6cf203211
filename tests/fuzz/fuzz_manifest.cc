// The backup manifest: any text is read or refused, and what is read never leads out of the backup.
// fuzz-rooms: drivers_basebackup
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "drivers/basebackup/checksum.h"
#include "drivers/basebackup/manifest.h"
#include "drivers/basebackup/wal.h"
#include "drivers/pgfiles/control_file.h"

namespace {

using namespace ytb::basebackup;

void read(std::string_view text) {
  auto manifest = parse_manifest(text);
  if (!manifest.ok()) return;
  uint64_t total_bytes = 0;
  for (const ManifestFile& file : manifest->files) {
    YTB_CHECK(is_clean_path(file.path));
    YTB_CHECK(manifest->find(file.path) == &file);
    total_bytes += file.size_bytes;
  }
  YTB_CHECK(total_bytes == manifest->total_bytes);
  for (const WalRange& range : manifest->wal) YTB_CHECK(range.start < range.end);
  (void)check_wal(manifest->wal, {{"000000010000000000000003", 1 << 24}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  read(text);
  // Its own checksum would keep nearly everything out: the same with a right one in the place of the last
  // line.
  std::string body(text.substr(0, text.rfind("\"Manifest-Checksum\"")));
  if (body.empty() || body.back() != '\n') body += '\n';
  Checksum checksum(ChecksumKind::kSha256);
  checksum.add(body);
  read(body + "\"Manifest-Checksum\": \"" + checksum.finish() + "\"}\n");
  (void)ytb::pgfiles::parse_control_file(text);
  return 0;
}
