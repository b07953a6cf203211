#include "config/schema_types.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "masking/types.h"

namespace ytb::config {
namespace {

using Json = nlohmann::json;
using masking::Column;
using masking::QualifiedName;

constexpr std::string_view kDefaultSchema = "public";
constexpr std::string_view kSystemSchema = "pg_catalog";

// The modifiers between a type's parentheses: numbers where they are ones, and the text of all.
struct Modifiers {
  std::vector<int32_t> numbers;
  std::vector<std::string> texts;
};

Modifiers modifiers_of(const Json& type_name) {
  Modifiers modifiers;
  auto list = type_name.find("typmods");
  if (list == type_name.end()) return modifiers;
  for (const Json& item : *list) {
    const Json constant = item.value("A_Const", Json::object());
    if (constant.contains("ival")) {
      // Protobuf leaves out zeros.
      const int32_t number = constant["ival"].value("ival", 0);
      modifiers.numbers.push_back(number);
      modifiers.texts.push_back(std::to_string(number));
    } else if (constant.contains("sval")) {
      modifiers.texts.push_back(constant["sval"].value("sval", ""));
    } else if (item.contains("ColumnRef")) {  // geometry(Point,4326)
      modifiers.texts.push_back(join(string_list(item["ColumnRef"].value("fields", Json::array())), "."));
    }
  }
  return modifiers;
}

// serial and its kin are no types but a shorthand.
std::optional<std::string_view> serial_type(std::string_view name) {
  for (auto [serial, type] : {std::pair{"serial", "int4"},
                              {"serial4", "int4"},
                              {"bigserial", "int8"},
                              {"serial8", "int8"},
                              {"smallserial", "int2"},
                              {"serial2", "int2"}}) {
    if (name == serial) return type;
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> string_list(const Json& list) {
  std::vector<std::string> texts;
  if (!list.is_array()) return texts;
  for (const Json& item : list) {
    if (auto found = item.find("String"); found != item.end()) texts.push_back(found->value("sval", ""));
  }
  return texts;
}

QualifiedName qualified(const std::vector<std::string>& parts) {
  if (parts.empty()) return {};
  if (parts.size() == 1) return {.schema = std::string(kDefaultSchema), .name = parts[0]};
  return {.schema = parts[parts.size() - 2], .name = parts.back()};
}

void SchemaTypes::add_enum(const QualifiedName& name, std::vector<std::string> labels) {
  types_[name] = {.typtype = 'e', .labels = std::move(labels), .base = {}};
}

void SchemaTypes::add_other(const QualifiedName& name, char typtype) {
  types_[name] = {.typtype = typtype, .labels = {}, .base = {}};
}

void SchemaTypes::add_domain(const QualifiedName& name, Column base) {
  types_[name] = {.typtype = 'd', .labels = {}, .base = std::move(base)};
}

void SchemaTypes::apply(const Json& type_name, Column& column) const {
  const std::vector<std::string> names = string_list(type_name.value("names", Json::array()));
  const QualifiedName name = qualified(names);
  const Modifiers modifiers = modifiers_of(type_name);
  const auto user = types_.find(name);
  std::string typname = name.name;
  if (names.size() == 1) {
    if (auto serial = serial_type(typname)) {
      typname = *serial;
      column.not_null = true;
      column.sequence =
          "public." + column.name + "_seq";  // the very name does not matter, that there is one does
    }
  }
  char typtype = 'b';
  const bool builtin = (names.size() == 1 || name.schema == kSystemSchema) && user == types_.end() &&
                       masking::is_builtin_type(typname);
  if (builtin) {
    column.type = masking::format_builtin_type(typname, modifiers.numbers);
    column.base_type = typname;
    column.has_binary_io = masking::builtin_has_binary_io(typname);
    masking::apply_modifiers(typname, modifiers.numbers, column);
  } else {
    column.type = masking::format_user_type(name);
    if (!modifiers.texts.empty()) column.type += "(" + join(modifiers.texts, ",") + ")";
    column.base_type = typname;
    column.has_binary_io = false;
  }
  if (user != types_.end()) {
    typtype = user->second.typtype;
    column.enum_labels = user->second.labels;
    column.has_binary_io = typtype == 'e';
  }
  column.type_class = masking::classify_type({.typname = typname, .typtype = typtype, .is_array = false});
  if (typtype == 'd') {
    const Column& base = user->second.base;
    column.base_type = base.base_type;
    column.type_class = base.type_class;
    column.has_binary_io = base.has_binary_io;
    column.length_max = base.length_max;
    column.precision = base.precision;
    column.scale = base.scale;
    column.enum_labels = base.enum_labels;
    column.domain_checks = base.domain_checks;
    column.not_null = column.not_null || base.not_null;
    typname = base.base_type;
  }
  column.case_insensitive = column.case_insensitive || typname == "citext";
  column.blank_padded = typname == "bpchar";
  if (const Json bounds = type_name.value("arrayBounds", Json::array()); !bounds.empty()) {
    column.type += "[]";
    column.base_type = "_" + column.base_type;
    column.domain_checks.clear();  // of its elements, which are not judged one by one
    column.type_class = masking::TypeClass::kArray;
  }
}

}  // namespace ytb::config
