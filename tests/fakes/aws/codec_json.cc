// JSON 1.1: bodies are JSON already; checked against the shapes, timestamps and blobs translated.
#include "tests/fakes/aws/codec_json.h"

#include <fmt/format.h>

#include <cmath>

#include "base/text.h"
#include "base/time.h"
#include "tests/fakes/aws/codec.h"

namespace ytb::fakes::aws {
namespace {

[[noreturn]] void wrong_type(const Model& model, const std::string& path, std::string_view expected) {
  refuse(wording_of(model).malformed, fmt::format("{} is not {}", path, expected));
}

json from_wire(const Model& model, const Shape& shape, const json& value, const std::string& path) {
  switch (shape.type) {
    case Shape::Type::kStructure: {
      if (!value.is_object()) wrong_type(model, path, "an object");
      json out = json::object();
      for (const auto& [name, member] : value.items()) {
        const Member* known = shape.find(name);
        if (known == nullptr)
          refuse(wording_of(model).unknown, fmt::format("unknown member {}{}", path, name));
        if (!member.is_null())
          out[name] = from_wire(model, *known->shape, member, fmt::format("{}{}.", path, name));
      }
      return out;
    }
    case Shape::Type::kList: {
      if (!value.is_array()) wrong_type(model, path, "a list");
      json out = json::array();
      for (const json& item : value) out.push_back(from_wire(model, *shape.element.shape, item, path));
      return out;
    }
    case Shape::Type::kMap: {
      if (!value.is_object()) wrong_type(model, path, "a map");
      json out = json::object();
      for (const auto& [key, item] : value.items())
        out[key] = from_wire(model, *shape.value.shape, item, path);
      return out;
    }
    case Shape::Type::kInteger:
      if (!value.is_number_integer()) wrong_type(model, path, "an integer");
      return value;
    case Shape::Type::kFloat:
      if (!value.is_number()) wrong_type(model, path, "a number");
      return value;
    case Shape::Type::kBoolean:
      if (!value.is_boolean()) wrong_type(model, path, "a boolean");
      return value;
    case Shape::Type::kTimestamp:
      if (!value.is_number()) wrong_type(model, path, "a timestamp in seconds");
      return to_iso(Instant(Duration(std::llround(value.get<double>() * 1e6))), true);
    case Shape::Type::kString:
    case Shape::Type::kBlob:
      break;
  }
  if (!value.is_string()) wrong_type(model, path, "a string");
  return shape.type == Shape::Type::kString ? value : scalar_from_text(model, shape, value, path);
}

}  // namespace

json parse_json_input(const Model& model, const Operation& operation, const HttpRequest& request) {
  json body = parse_json(request.body);
  if (body.is_discarded() || !body.is_object())
    refuse("SerializationException", "the body is not a JSON object");
  if (operation.input == nullptr) return json::object();
  return from_wire(model, *operation.input, body, "");
}

json to_json_wire(const Shape& shape, const json& value) {
  switch (shape.type) {
    case Shape::Type::kStructure: {
      json out = json::object();
      for (const auto& [name, member] : value.items()) {
        const Member* known = shape.find(name);
        YTB_CHECK_MSG(known != nullptr, shape.name + "." + name);
        out[name] = to_json_wire(*known->shape, member);
      }
      return out;
    }
    case Shape::Type::kList: {
      json out = json::array();
      for (const json& item : value) out.push_back(to_json_wire(*shape.element.shape, item));
      return out;
    }
    case Shape::Type::kMap: {
      json out = json::object();
      for (const auto& [key, item] : value.items()) out[key] = to_json_wire(*shape.value.shape, item);
      return out;
    }
    case Shape::Type::kTimestamp: {
      std::optional<Instant> instant = from_iso(value.get<std::string>());
      YTB_CHECK_MSG(instant.has_value(), shape.name);
      return static_cast<double>(instant->time_since_epoch().count()) / 1e6;
    }
    case Shape::Type::kBlob:
      return to_base64(value.get<std::string>());
    default:
      return value;
  }
}

}  // namespace ytb::fakes::aws
