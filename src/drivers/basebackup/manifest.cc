#include "drivers/basebackup/manifest.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/json.h"
#include "base/text.h"

namespace ytb::basebackup {
namespace {

using Json = nlohmann::json;

Error damaged(std::string detail) {
  return Error{.code = Code::kCorrupt,
               .message = fmt::format("the backup manifest is damaged: {}", detail),
               .hint = "take a new snapshot; this one cannot be trusted"};
}

std::optional<std::string> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    unsigned value = 0;
    auto [end, error] = std::from_chars(hex.data() + i, hex.data() + i + 2, value, 16);
    if (error != std::errc() || end != hex.data() + i + 2) return std::nullopt;
    bytes += static_cast<char>(value);
  }
  return bytes;
}

bool is_incremental_part(std::string_view path) {
  size_t slash = path.rfind('/');
  return path.substr(slash == std::string_view::npos ? 0 : slash + 1).starts_with("INCREMENTAL.");
}

// "2026-11-22 06:00:00 GMT"
std::optional<Instant> parse_modified(std::string text) {
  if (text.size() != 23 || text.substr(19) != " GMT" || text[10] != ' ') return std::nullopt;
  text[10] = 'T';
  return from_iso(text.substr(0, 19) + "Z");
}

// Receives the document piece by piece, so that memory is bounded by what we keep of it.
// {"PostgreSQL-Backup-Manifest-Version": 1, "Files": [{…}], "WAL-Ranges": [{…}], "Manifest-Checksum": "…"}
class Reader final : public nlohmann::json_sax<Json> {
 public:
  Manifest manifest;
  std::string problem;

  bool null() override { return scalar() && refuse("a null"); }
  bool boolean(bool) override { return scalar() && refuse("a boolean"); }
  bool number_integer(number_integer_t) override { return scalar() && refuse("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return scalar() && refuse("a fraction"); }
  bool binary(binary_t&) override { return refuse("binary data"); }

  bool number_unsigned(number_unsigned_t number) override {
    if (!scalar()) return false;
    if (place_ == Place::kTop) {
      if (key_ == "PostgreSQL-Backup-Manifest-Version")
        manifest.version = static_cast<int>(std::min<uint64_t>(number, 999));
      return true;
    }
    if (place_ == Place::kFile && key_ == "Size") {
      file_.size_bytes = number;
      has_size_ = true;
    }
    if (place_ == Place::kRange && key_ == "Timeline") {
      if (number == 0 || number > UINT32_MAX) return refuse("a timeline that cannot be");
      range_.timeline = static_cast<uint32_t>(number);
    }
    return true;
  }

  bool string(string_t& text) override {
    if (!scalar()) return false;
    switch (place_) {
      case Place::kTop:
        if (key_ == "Manifest-Checksum") manifest.checksum = to_lower_ascii(text);
        return true;
      case Place::kFile:
        return file_text(text);
      case Place::kRange:
        return range_text(text);
      default:
        return refuse("text where none belongs");
    }
  }

  bool start_object(size_t) override {
    if (place_ == Place::kNowhere && !done_) return enter(Place::kTop);
    if (place_ == Place::kFiles) {
      if (manifest.files.size() >= kManifestFilesMax) return refuse("too many files");
      file_ = {};
      has_size_ = false;
      modified_.clear();
      return enter(Place::kFile);
    }
    if (place_ == Place::kRanges) {
      if (manifest.wal.size() >= kWalRangesMax) return refuse("too many WAL ranges");
      range_ = {};
      return enter(Place::kRange);
    }
    return refuse("an object where none belongs");
  }

  bool end_object() override {
    if (place_ == Place::kFile) {
      if (!end_file()) return false;
      return enter(Place::kFiles);
    }
    if (place_ == Place::kRange) {
      if (range_.timeline == 0 || range_.end <= range_.start) return refuse("a WAL range that cannot be");
      manifest.wal.push_back(range_);
      return enter(Place::kRanges);
    }
    done_ = true;
    return enter(Place::kNowhere);
  }

  bool start_array(size_t) override {
    if (place_ == Place::kTop && key_ == "Files") return enter(Place::kFiles);
    if (place_ == Place::kTop && key_ == "WAL-Ranges") return enter(Place::kRanges);
    return refuse("an array where none belongs");
  }
  bool end_array() override { return enter(Place::kTop); }

  bool key(string_t& name) override {
    key_ = name.substr(0, kManifestPathMax);
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    if (problem.empty()) problem = fmt::format("no JSON at byte {}", position);
    return false;
  }

 private:
  enum class Place { kNowhere, kTop, kFiles, kFile, kRanges, kRange };

  bool refuse(std::string_view what) {
    if (problem.empty()) problem = fmt::format("it holds {}", what);
    return false;
  }
  bool enter(Place place) {
    place_ = place;
    return true;
  }
  // A scalar value belongs into an object.
  bool scalar() {
    return place_ == Place::kTop || place_ == Place::kFile || place_ == Place::kRange ||
           refuse("a value where none belongs");
  }

  bool file_text(const std::string& text) {
    if (key_ == "Path") file_.path = text;
    if (key_ == "Encoded-Path") {
      std::optional<std::string> decoded = from_hex(text);
      if (!decoded) return refuse("an encoded path that is not hexadecimal");
      file_.path = *std::move(decoded);
    }
    if (key_ == "Last-Modified") modified_ = text;
    if (key_ == "Checksum") file_.checksum = to_lower_ascii(text);
    if (key_ == "Checksum-Algorithm") {
      std::optional<ChecksumKind> kind = checksum_kind_of(text);
      if (!kind) return refuse("a checksum algorithm that is not known");
      file_.kind = *kind;
    }
    return true;
  }

  bool range_text(const std::string& text) {
    if (key_ != "Start-LSN" && key_ != "End-LSN") return true;
    Result<uint64_t> lsn = parse_lsn(text);
    if (!lsn.ok()) return refuse("a WAL position that is none");
    (key_ == "Start-LSN" ? range_.start : range_.end) = *lsn;
    return true;
  }

  bool end_file() {
    if (!is_clean_path(file_.path)) return refuse("a path that leads out of the backup, or none");
    if (!has_size_) return refuse("a file without a size");
    if (file_.kind == ChecksumKind::kNone) file_.checksum.clear();
    if (manifest.total_bytes + file_.size_bytes < manifest.total_bytes) return refuse("sizes that cannot be");
    manifest.total_bytes += file_.size_bytes;
    manifest.incremental = manifest.incremental || is_incremental_part(file_.path);
    if (file_.path == "global/pg_control") {
      std::optional<Instant> modified = parse_modified(modified_);
      if (!modified) return refuse("a time that is none");
      manifest.control_modified = *modified;
    }
    manifest.files.push_back(std::move(file_));
    return true;
  }

  Place place_ = Place::kNowhere;
  bool done_ = false;
  std::string key_;
  ManifestFile file_;
  bool has_size_ = false;
  std::string modified_;
  WalRange range_;
};

// The checksum covers everything before the last line, its line feed included.
Status check_own_checksum(std::string_view text, const std::string& expected) {
  if (expected.empty()) return damaged("it has no checksum of its own; was it cut off?");
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  size_t last = text.rfind('\n');
  if (last == std::string_view::npos) return damaged("it is one line only");
  Checksum checksum(ChecksumKind::kSha256);
  checksum.add(text.substr(0, last + 1));
  if (checksum.finish() != expected) return damaged("its own checksum does not fit");
  return {};
}

}  // namespace

Result<uint64_t> parse_lsn(std::string_view text) {
  size_t slash = text.find('/');
  uint32_t high = 0;
  uint32_t low = 0;
  auto number = [](std::string_view digits, uint32_t& into) {
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), into, 16);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  if (slash == std::string_view::npos || !number(text.substr(0, slash), high) ||
      !number(text.substr(slash + 1), low)) {
    return damaged("a WAL position that is none");
  }
  return (static_cast<uint64_t>(high) << 32) | low;
}

bool is_clean_path(std::string_view path) {
  if (path.empty() || path.size() > kManifestPathMax || path.find('\0') != std::string_view::npos)
    return false;
  for (const std::string& part : split(path, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

const ManifestFile* Manifest::find(std::string_view path) const {
  auto found = index_.find(path);
  return found == index_.end() ? nullptr : &files[found->second];
}

Result<Manifest> parse_manifest(std::string_view text) {
  if (text.size() > kManifestBytesMax) return damaged("it is larger than any manifest that we would read");
  Reader reader;
  bool whole = false;
  try {
    whole = Json::sax_parse(text.begin(), text.end(), &reader);
  } catch (const std::exception&) {
    whole = false;
  }
  if (!whole) return damaged(reader.problem.empty() ? "it is no JSON" : reader.problem);
  Manifest manifest = std::move(reader.manifest);
  if (manifest.version != 1 && manifest.version != 2) {
    return Error{.code = Code::kUnsupported,
                 .message = fmt::format("the backup manifest has version {}", manifest.version),
                 .hint = "versions 1 and 2 (PostgreSQL 13 to 18) are known"};
  }
  YTB_TRY(check_own_checksum(text, manifest.checksum));
  if (manifest.files.empty()) return damaged("it lists no files");
  if (manifest.wal.empty()) return damaged("it names no WAL");
  for (size_t i = 0; i < manifest.files.size(); ++i) {
    if (!manifest.index_.emplace(manifest.files[i].path, i).second) return damaged("it lists a file twice");
  }
  return manifest;
}

}  // namespace ytb::basebackup
