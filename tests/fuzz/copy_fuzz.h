// What the two COPY fuzzers share: a table with one column of each kind of parser behind a masker, and the
// properties that hold for every stream, well-formed or not.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "masking/program.h"

namespace ytb::fuzz {

struct FuzzColumn {
  const char* name;
  const char* base_type;
  masking::TypeClass type_class;
  const char* masker;
  const char* param;
  const char* value;
};
inline constexpr FuzzColumn kColumns[] = {
    {"kept", "text", masking::TypeClass::kText, "keep", "", ""},
    {"email", "varchar", masking::TypeClass::kText, "email", "", ""},
    {"number", "int4", masking::TypeClass::kInteger, "hash", "", ""},
    {"pay", "numeric", masking::TypeClass::kNumber, "number_noise", "percent", "10"},
    {"born", "timestamptz", masking::TypeClass::kTimestamp, "date_shift", "days", "30"},
    {"doc", "jsonb", masking::TypeClass::kJson, "json", "", ""},
    {"address", "inet", masking::TypeClass::kInet, "ip", "", ""},
    {"tags", "_text", masking::TypeClass::kArray, "hash", "", ""},
    {"id", "uuid", masking::TypeClass::kUuid, "hash", "", ""},
    {"raw", "bytea", masking::TypeClass::kBytes, "hash", "", ""},
    {"share", "float8", masking::TypeClass::kNumber, "number_noise", "absolute", "3"},
};

inline const masking::MaskingKey& fuzz_key() {
  static const masking::MaskingKey kKey{Secret("0123456789abcdef")};
  return kKey;
}

// `all_kept`: the same table, nothing masked.
inline masking::RowProgram fuzz_program(masking::Wire wire, bool all_kept) {
  masking::TablePlan plan;
  plan.table.name = {"public", "fuzzed"};
  for (const FuzzColumn& each : kColumns) {
    masking::Column column;
    column.name = each.name;
    column.type = each.base_type;
    column.base_type = each.base_type;
    column.type_class = each.type_class;
    if (std::string_view(each.base_type) == "varchar") column.length_max = 40;
    masking::MaskerSpec spec;
    spec.name = all_kept ? "keep" : each.masker;
    if (!all_kept && each.param[0] != '\0') spec.params[each.param] = each.value;
    if (spec.name == "json") {
      masking::MaskerSpec email;
      email.name = "email";
      spec.paths.push_back({"$.*.email", email});
    }
    plan.table.columns.push_back(column);
    plan.columns.push_back({column, spec, "fuzz"});
  }
  auto program = masking::RowProgram::compile(plan, "UTF8", wire, fuzz_key());
  YTB_CHECK(program.ok());
  return std::move(program).value();
}

struct FuzzOutcome {
  bool ok = true;
  std::string out;
  uint64_t rows = 0;
};

inline FuzzOutcome feed(const masking::RowProgram& program, std::string_view stream, size_t piece) {
  masking::CopyMasker masker(program);
  FuzzOutcome outcome;
  for (size_t at = 0; at < stream.size() && outcome.ok; at += piece) {
    outcome.ok = masker.feed(stream.substr(at, piece), outcome.out).ok();
  }
  outcome.ok = outcome.ok && masker.finish().ok();
  outcome.rows = masker.counts().rows;
  YTB_CHECK(masker.counts().bytes_out == outcome.out.size());
  return outcome;
}

// Cutting a stream differently changes nothing; what comes out is a well-formed stream of as many rows;
// masking it once more works.
inline void check_stream(masking::Wire wire, std::string_view stream, size_t piece) {
  static const masking::RowProgram kMasking[] = {fuzz_program(masking::Wire::kBinary, false),
                                                 fuzz_program(masking::Wire::kText, false)};
  static const masking::RowProgram kKeeping[] = {fuzz_program(masking::Wire::kBinary, true),
                                                 fuzz_program(masking::Wire::kText, true)};
  const size_t which = wire == masking::Wire::kBinary ? 0 : 1;
  FuzzOutcome whole = feed(kMasking[which], stream, stream.size() + 1);
  FuzzOutcome pieces = feed(kMasking[which], stream, piece);
  YTB_CHECK(whole.ok == pieces.ok && whole.rows == pieces.rows && whole.out == pieces.out);
  std::string framed;
  masking::CopyMasker::begin(wire, framed);
  framed += whole.out;
  masking::CopyMasker::end(wire, framed);
  FuzzOutcome kept = feed(kKeeping[which], framed, framed.size() + 1);
  YTB_CHECK(kept.ok && kept.rows == whole.rows && kept.out == whole.out);
  YTB_CHECK(feed(kMasking[which], framed, framed.size() + 1).ok);
}

}  // namespace ytb::fuzz
