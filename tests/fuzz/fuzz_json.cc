// json: the path parser and the document masker, against another JSON parser.
// fuzz-rooms: masking
#include <cstddef>
#include <cstdint>

#include "base/json.h"
#include "copy_fuzz.h"
#include "masking/build.h"
#include "masking/masker.h"

namespace {

using namespace ytb;           // NOLINT
using namespace ytb::masking;  // NOLINT

// nlohmann refuses numbers too large for a double, halves of surrogate pairs and bytes that are not UTF-8,
// and skips a byte order mark. We read none of these, or let them pass as they are.
bool comparable(std::string_view text) {
  return text.find_first_of("eE\\") == std::string_view::npos && text.size() < 300 &&
         std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void check_document(const Masker& masker, std::string_view text) {
  const bool ours = is_json(text);
  const bool cut = text.find('\0') != std::string_view::npos;  // nlohmann takes a zero byte for the end
  if (!cut && !text.starts_with("\xef\xbb\xbf") && nlohmann::json::accept(text)) YTB_CHECK(ours);
  if (ours && comparable(text)) YTB_CHECK(nlohmann::json::accept(text));
  std::string out;
  Applied applied = masker.apply(text, {}, out);
  if (applied == Applied::kReplaced) {
    YTB_CHECK(ours);
    YTB_CHECK(is_json(out));
  } else {
    YTB_CHECK(applied == Applied::kInvalid && out.empty());
  }
}

}  // namespace

// Lines of paths, each beginning with $, then the document.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kPathsMax = 6;
  constexpr const char* kMaskers[kPathsMax] = {"email", "keep", "null", "hash", "person_name", "phone"};
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  MaskerSpec spec;
  spec.name = "json";
  while (rest.starts_with('$') && spec.paths.size() < kPathsMax) {
    size_t end = std::min(rest.find('\n'), rest.size());
    MaskerSpec of_path;
    of_path.name = kMaskers[spec.paths.size()];
    spec.paths.push_back({std::string(rest.substr(0, end)), of_path});
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  Column column;
  column.name = "doc";
  column.type = column.base_type = "json";
  column.type_class = TypeClass::kJson;
  Table table;
  table.columns = {column};
  auto masker = compile_masker(spec, {column, table, "UTF8", Wire::kText, fuzz::fuzz_key()});
  if (masker.ok()) check_document(**masker, rest);
  return 0;
}
