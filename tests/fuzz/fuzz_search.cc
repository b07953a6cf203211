// The search for originals: what is remembered is found wherever it is put, whatever stands around it.
// fuzz-rooms: masking
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "copy_fuzz.h"
#include "masking/array_text.h"
#include "masking/needles.h"
#include "masking/originals.h"

namespace {

using namespace ytb;           // NOLINT
using namespace ytb::masking;  // NOLINT

constexpr std::string_view kOriginal = "anna.schmidt@mail.example";

uint64_t found(const Originals& originals, std::span<const uint64_t> spool, const ColumnLook& column,
               std::string_view value) {
  SurvivorCandidates candidates;
  OriginalsSearch search(originals, candidates);
  search.look(0, column, value, SearchDepth::kPhrases);
  search.look_code(0, value, CodeOf::kSql, SearchDepth::kPhrases);
  search.look_code(0, value, CodeOf::kOther, SearchDepth::kPhrases);
  search.finish();
  candidates.confirm(spool);
  const auto survivors = candidates.survivors();
  return survivors.empty() ? 0 : survivors.at(0).times;
}

// Elements come back as they were, and so does what is between them.
void check_array(std::string_view text) {
  std::string_view rest = text;
  std::string element;
  ArrayElement each;
  size_t taken = 0;
  while (take_array_element(rest, each, element)) {
    YTB_CHECK(!each.between.empty());
    YTB_CHECK(rest.size() < text.size() - taken);
    taken = text.size() - rest.size();
  }
}

}  // namespace

// The first byte says what type the value is of, the rest is what stands around the original.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr std::array<std::pair<const char*, bool>, 8> kTypes{{{"text", false},
                                                                {"text", true},
                                                                {"jsonb", false},
                                                                {"bytea", false},
                                                                {"int8", true},
                                                                {"timestamptz", false},
                                                                {"numeric", false},
                                                                {"float8", false}}};
  constexpr uint64_t kFilterMax = 1 << 16;
  if (size == 0) return 0;
  const auto& [type, array] = kTypes[data[0] % kTypes.size()];
  const std::string around(reinterpret_cast<const char*>(data + 1), size - 1);
  std::string key;
  for (size_t i = 0; i < Originals::kKeyBytes; ++i) key.push_back(static_cast<char>(i));
  std::vector<uint64_t> spool;
  Originals originals(Secret(std::move(key)), [&](std::span<const uint64_t> digests) {
    spool.insert(spool.end(), digests.begin(), digests.end());
    return Status();
  });
  OriginalsRecorder recorder(originals);
  recorder.add_text(kOriginal);
  YTB_CHECK(recorder.flush().ok());
  originals.make_filter(spool.size(), kFilterMax);
  originals.add_to_filter(spool);
  const ColumnLook column = look_of(type, array, "mail");
  const std::string half = around.substr(0, around.size() / 2);
  const std::string with = half + " " + std::string(kOriginal) + " " + around.substr(half.size());
  (void)found(originals, spool, column, around);
  YTB_CHECK(found(originals, spool, look_of("text", false, "mail"), with) > 0);
  check_array(around);

  const NeedleSearch needles(
      {NeedleText::of(kOriginal), NeedleText::of("Walker"), NeedleText::of(around.substr(0, 80) + "______")});
  const uint64_t whole = needles.count(with, 0, with.size(), NeedleSearch::Looking::kAll);
  YTB_CHECK(whole > 0);
  YTB_CHECK(needles.count(with, 0, half.size(), NeedleSearch::Looking::kAll) +
                needles.count(with, half.size(), with.size(), NeedleSearch::Looking::kAll) ==
            whole);
  return 0;
}
