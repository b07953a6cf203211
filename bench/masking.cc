// How fast one core masks: the HMAC alone, every masker, and whole COPY streams of a customer table in both
// formats. No database: what the row program costs by itself. Prints a table; with `--quick` each line takes
// 0.1 s.
#include <fmt/format.h>

#include <cstdint>
#include <ctime>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "masking/masker.h"
#include "masking/needles.h"
#include "masking/originals.h"
#include "masking/program.h"

namespace {

using namespace ytb::masking;  // NOLINT: a program of one file

constexpr size_t kValueCount = 4096;  // different ones, in turn
constexpr size_t kRowCount = 20'000;

const MaskingKey& bench_key() {
  static const MaskingKey kKey{ytb::Secret("0123456789abcdef0123456789abcdef")};
  return kKey;
}

// Repeats `work`, which does `units` of something, for about `seconds`; units per second of processor time,
// so that a busy machine does not matter.
double rate(double seconds, size_t units, const std::function<void()>& work) {
  work();  // buffers grow once
  const std::clock_t start = std::clock();
  size_t done = 0;
  double elapsed = 0;
  while (elapsed < seconds) {
    work();
    done += units;
    elapsed = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  }
  return static_cast<double>(done) / elapsed;
}

Column column_of(std::string name, TypeClass type_class, std::string base_type) {
  Column column;
  column.name = std::move(name);
  column.type = base_type;
  column.base_type = std::move(base_type);
  column.type_class = type_class;
  return column;
}

struct Case {
  const char* masker;
  TypeClass type_class;
  const char* base_type;
  std::map<std::string, std::string> params;
  std::function<std::string(size_t)> value;
};

std::vector<Case> cases() {
  auto mail = [](size_t i) { return fmt::format("customer.number{}@shop.test", i); };
  auto name = [](size_t i) { return fmt::format("Firstname{} Lastname{}", i, i * 7); };
  auto number = [](size_t i) { return std::to_string(100'000 + i); };
  auto day = [](size_t i) { return fmt::format("19{:02}-{:02}-{:02}", i % 100, 1 + i % 12, 1 + i % 28); };
  return {
      {"email", TypeClass::kText, "text", {}, mail},
      {"hash", TypeClass::kText, "text", {}, mail},
      {"username", TypeClass::kText, "text", {}, name},
      {"url", TypeClass::kText, "text", {}, mail},
      {"ip",
       TypeClass::kText,
       "text",
       {},
       [](size_t i) { return fmt::format("10.1.{}.{}", i / 256, i % 256); }},
      {"person_name", TypeClass::kText, "text", {}, name},
      {"city", TypeClass::kText, "text", {}, name},
      {"street_address", TypeClass::kText, "text", {}, name},
      {"phone", TypeClass::kText, "text", {}, [](size_t i) { return fmt::format("+1-212-867-{:04}", i); }},
      {"postcode", TypeClass::kText, "text", {}, number},
      {"person_name",
       TypeClass::kText,
       "text",
       {},
       [](size_t i) { return fmt::format("Zo\xc3\xab Nu\xc3\xb1o {}", i); }},
      {"hash", TypeClass::kInteger, "int8", {}, number},
      {"hash",
       TypeClass::kUuid,
       "uuid",
       {},
       [](size_t i) { return fmt::format("00112233-4455-6677-8899-{:012x}", i); }},
      {"number_noise", TypeClass::kInteger, "int4", {}, number},
      {"number_noise",
       TypeClass::kNumber,
       "numeric",
       {},
       [](size_t i) { return fmt::format("{}.50", 100 + i); }},
      {"date_shift", TypeClass::kDate, "date", {{"days", "30"}}, day},
  };
}

void bench_primitive(double seconds) {
  std::vector<std::string> values;
  for (size_t i = 0; i < kValueCount; ++i) values.push_back(fmt::format("customer.number{}@shop.test", i));
  unsigned sum = 0;
  double per_second = rate(seconds, kValueCount, [&] {
    for (const std::string& value : values) sum += bench_key().pseudonym("email", value)[0];
  });
  fmt::print("{:<40} {:>8.2f} M/s{}\n", "HMAC-SHA256 of an address", per_second / 1e6, sum == 1 ? " " : "");
}

void bench_masker(double seconds, const Case& each) {
  Column column = column_of("c", each.type_class, each.base_type);
  Table table;
  table.columns = {column};
  MaskerSpec spec;
  spec.name = each.masker;
  spec.params = each.params;
  auto masker = compile_masker(spec, {column, table, "UTF8", Wire::kText, bench_key()});
  YTB_CHECK_MSG(masker.ok(), each.masker);
  std::vector<std::string> values;
  for (size_t i = 0; i < kValueCount; ++i) values.push_back(each.value(i));
  std::string out;
  double per_second = rate(seconds, kValueCount, [&] {
    for (const std::string& value : values) {
      out.clear();
      YTB_CHECK((*masker)->apply(value, {}, out) == Applied::kReplaced);
    }
  });
  fmt::print("{:<40} {:>8.2f} M/s\n", fmt::format("{} of {} ({})", each.masker, each.base_type, values[0]),
             per_second / 1e6);
}

void append_be(uint32_t value, int bytes, std::string& out) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
}

std::string stream_of(Wire wire) {
  std::string out;
  CopyMasker::begin(wire, out);
  for (size_t i = 0; i < kRowCount; ++i) {
    const std::string fields[] = {std::to_string(i),
                                  fmt::format("customer.number{}@shop.test", i),
                                  fmt::format("Firstname{} Lastname{}", i, i * 7),
                                  fmt::format("+1-212-867-{:04}", i),
                                  fmt::format("{} Long Street", i),
                                  std::string(180, 'x')};
    if (wire == Wire::kBinary) append_be(static_cast<uint32_t>(std::size(fields)), 2, out);
    for (size_t f = 0; f < std::size(fields); ++f) {
      if (wire == Wire::kBinary) append_be(static_cast<uint32_t>(fields[f].size()), 4, out);
      if (wire == Wire::kText && f > 0) out.push_back('\t');
      out += fields[f];
    }
    if (wire == Wire::kText) out.push_back('\n');
  }
  CopyMasker::end(wire, out);
  return out;
}

// Six columns, four of them masked or (to see the frame alone) none.
void bench_stream(double seconds, Wire wire, bool masked) {
  TablePlan plan;
  plan.table.name = {"public", "customer"};
  for (const char* masker : {"keep", "email", "person_name", "phone", "street_address", "keep"}) {
    Column column = column_of(fmt::format("c{}", plan.columns.size()), TypeClass::kText, "text");
    MaskerSpec spec;
    spec.name = masked ? masker : "keep";
    plan.columns.push_back({column, spec, "bench"});
  }
  auto program = RowProgram::compile(plan, "UTF8", wire, bench_key());
  YTB_CHECK(program.ok());
  const std::string stream = stream_of(wire);
  std::string out;
  double per_second = rate(seconds, stream.size(), [&] {
    CopyMasker masker(*program);
    out.clear();
    constexpr size_t kPieceBytes = 64 << 10;
    for (size_t at = 0; at < stream.size(); at += kPieceBytes) {
      YTB_CHECK(masker.feed(std::string_view(stream).substr(at, kPieceBytes), out).ok());
    }
    YTB_CHECK(masker.finish().ok());
  });
  const double row_bytes = static_cast<double>(stream.size()) / kRowCount;
  fmt::print("{:<40} {:>8.2f} M/s, {:>5.0f} MB/s\n",
             fmt::format("rows, {} COPY, {} of 6 columns masked", wire == Wire::kBinary ? "binary" : "text",
                         masked ? 4 : 0),
             per_second / row_bytes / 1e6, per_second / 1e6);
}

// Searching for 20,000 sampled originals in the bytes of files: rows of figures and short texts as a heap's
// page holds them, and prose.
void bench_files(double seconds, const std::string& prose) {
  constexpr size_t kNeedles = 20'000;
  std::vector<ytb::masking::NeedleText> sampled;
  for (size_t i = 0; i < kNeedles; ++i) {
    sampled.push_back(ytb::masking::NeedleText::of(
        i % 2 == 0 ? fmt::format("Person{}@company{}.test", i, i % 1000) : fmt::format("Overbeck{}", i)));
  }
  const NeedleSearch needles(sampled);
  std::string rows;
  for (uint64_t i = 0; rows.size() < prose.size(); ++i) {
    const uint64_t number = i * 0x9e3779b97f4a7c15;
    rows.append(reinterpret_cast<const char*>(&number), sizeof number);
    rows.append(std::string_view("\x0b\0\x02\x09\x18\0", 6));
    rows.append(fmt::format("\x1bOther{:07}\x0dplan {}", i % 10'000'000, i % 10));
  }
  for (const bool in_rows : {true, false}) {
    const std::string& bytes = in_rows ? rows : prose;
    uint64_t found = 0;
    const double per_second = rate(seconds, bytes.size(), [&] {
      found += needles.count(bytes, 0, bytes.size(), NeedleSearch::Looking::kAll);
    });
    fmt::print("{:<40} {:>12.1f} MB{}\n", in_rows ? "files searched, rows" : "files searched, prose",
               per_second / 1e6, found == 0 ? "" : " (and something found)");
  }
}

// Searching for ten million originals in values that are none of them: prose of lower-case words and whole
// addresses, each many times a filter's cache.
void bench_search(double seconds) {
  constexpr uint64_t kOriginals = 10'000'000;
  constexpr uint64_t kFilterMax = 1 << 30;
  constexpr size_t kProseBytes = 4 << 20;
  std::string key;
  for (size_t i = 0; i < Originals::kKeyBytes; ++i) key.push_back(static_cast<char>(i));
  std::vector<uint64_t> spool;
  Originals originals(ytb::Secret(std::move(key)), [&](std::span<const uint64_t> digests) {
    spool.insert(spool.end(), digests.begin(), digests.end());
    return ytb::Status();
  });
  OriginalsRecorder recorder(originals);
  size_t next = 0;
  const double recorded = rate(seconds, kValueCount, [&] {
    for (size_t i = 0; i < kValueCount; ++i) {
      recorder.add_text(fmt::format("Person{}@company{}.test", next, next % 1000));
      ++next;
    }
  });
  fmt::print("{:<40} {:>12.0f} values\n", "originals remembered", recorded);
  while (next < kOriginals) {
    recorder.add_text(fmt::format("Person{}@company{}.test", next, next % 1000));
    ++next;
  }
  (void)recorder.flush();
  const double known = rate(seconds, spool.size(), [&] {
    originals.make_filter(spool.size(), kFilterMax);
    originals.add_to_filter(spool);
  });
  fmt::print("{:<40} {:>12.0f} digests\n", "originals into the filter", known);
  std::string prose;
  uint64_t state = 1;
  while (prose.size() < kProseBytes) {
    state = state * 6364136223846793005 + 1442695040888963407;
    size_t letters = 2 + (state >> 33) % 8;
    for (uint64_t rest = state >> 20; letters > 0; --letters, rest /= 7) {
      prose.push_back(static_cast<char>('a' + rest % 7 * 3));
    }
    prose.append((state >> 40) % 12 == 0 ? ". " : " ");
  }
  for (const auto& [how_deep, name] : {std::pair{SearchDepth::kWords, "prose searched, words"},
                                       std::pair{SearchDepth::kPhrases, "prose searched, phrases"}}) {
    const SearchDepth depth = how_deep;  // a lambda of clang 14 takes no structured binding
    SurvivorCandidates candidates;
    OriginalsSearch search(originals, candidates);
    const double per_second = rate(seconds, prose.size(), [&] { search.look(1, prose, depth); });
    fmt::print("{:<40} {:>12.1f} MB\n", name, per_second / 1e6);
  }
  std::vector<std::string> values;
  for (size_t i = 0; i < 64 * kValueCount; ++i)
    values.push_back(fmt::format("Other{}@company{}.test", i, i % 1000));
  SurvivorCandidates candidates;
  OriginalsSearch search(originals, candidates);
  const double whole = rate(seconds, values.size(), [&] {
    for (const std::string& value : values) search.look(1, value, SearchDepth::kWhole);
  });
  fmt::print("{:<40} {:>12.0f} values\n", "whole values searched", whole);
  bench_files(seconds, prose);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 && std::string_view(argv[1]) == "--quick" ? 0.1 : 1;
  fmt::print("{:<40} {:>12}\n", "one core", "per second");
  bench_primitive(seconds);
  for (const Case& each : cases()) bench_masker(seconds, each);
  for (Wire wire : {Wire::kBinary, Wire::kText}) {
    for (bool masked : {true, false}) bench_stream(seconds, wire, masked);
  }
  bench_search(seconds);
  return 0;
}
