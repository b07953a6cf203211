// Helpers of this room's tests.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "masking/masker.h"

namespace ytb::masking::testing {

using Params = std::map<std::string, std::string>;

inline const MaskingKey& test_key() {
  static const MaskingKey kKey{Secret("0123456789abcdef0123456789abcdef")};
  return kKey;
}

inline MaskerSpec spec_of(std::string name, Params params = {}, Where where = {}) {
  MaskerSpec spec;
  spec.name = std::move(name);
  spec.params = std::move(params);
  spec.where = std::move(where);
  return spec;
}

inline MaskerSpec json_of(const std::vector<MaskerPath>& paths) {
  MaskerSpec spec = spec_of("json");
  for (const auto& [path, masker] : paths) spec.paths.push_back({path, masker});
  return spec;
}

inline Column column_of(TypeClass type_class, std::string base_type, std::string name = "c") {
  Column column;
  column.name = std::move(name);
  column.number = 1;
  column.type = base_type;
  column.base_type = std::move(base_type);
  column.type_class = type_class;
  return column;
}

inline Column text_column(std::optional<int> length_max = std::nullopt) {
  Column column = column_of(TypeClass::kText, "text");
  column.length_max = length_max;
  return column;
}

inline Table table_of(std::vector<Column> columns) {
  Table table;
  table.name = {"public", "t"};
  table.columns = std::move(columns);
  return table;
}

inline Result<std::unique_ptr<Masker>> compile(const MaskerSpec& spec, const Column& column,
                                               Wire wire = Wire::kBinary,
                                               std::string_view encoding = "UTF8") {
  Table table = table_of({column});
  return compile_masker(spec, {column, table, encoding, wire, test_key()});
}

// The replacement of a value that must have one.
inline std::string mask(const Masker& masker, std::string_view value) {
  std::string out;
  EXPECT_EQ(masker.apply(value, {}, out), Applied::kReplaced) << value;
  return out;
}

}  // namespace ytb::masking::testing
