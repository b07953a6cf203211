#include "tests/fakes/aws/codec.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <re2/re2.h>

#include <cmath>

#include "base/check.h"
#include "base/text.h"
#include "base/time.h"

namespace ytb::fakes::aws {
namespace {

// Java's \uXXXX is RE2's \x{XXXX}; surrogates are no characters of UTF-8.
std::string re2_pattern(std::string pattern) {
  static const RE2 kSurrogates(R"(\\u[dD][89a-fA-F][0-9a-fA-F]{2}(-\\u[dD][89a-fA-F][0-9a-fA-F]{2})?)");
  static const RE2 kEscape(R"(\\u([0-9a-fA-F]{4}))");
  size_t before = pattern.size();
  RE2::GlobalReplace(&pattern, R"(\\ud800\\udc00-\\udbff\\udfff)", R"(\\x{10000}-\\x{10FFFF})");
  if (pattern.size() == before) RE2::GlobalReplace(&pattern, kSurrogates, "");
  RE2::GlobalReplace(&pattern, kEscape, R"(\\x{\1})");
  return pattern;
}

void check_text(const Model& model, const Shape& shape, const std::string& text, const std::string& path) {
  const Wording& words = wording_of(model);
  if (!shape.values.empty() &&
      std::find(shape.values.begin(), shape.values.end(), text) == shape.values.end()) {
    refuse(words.invalid,
           fmt::format("Value '{}' at '{}' failed to satisfy constraint: Member must satisfy enum "
                       "value set: [{}]",
                       text, path, join(shape.values, ", ")));
  }
  // Blobs are bounded in bytes, texts in characters; ASCII is what all of our names are.
  size_t length =
      static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  if ((shape.min && static_cast<double>(length) < *shape.min) ||
      (shape.max && static_cast<double>(length) > *shape.max)) {
    refuse(words.invalid, fmt::format("Value at '{}' failed to satisfy constraint: Member must have length "
                                      "between {} and {}",
                                      path, shape.min.value_or(0), shape.max.value_or(0)));
  }
  if (shape.pattern.empty()) return;
  RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  RE2 pattern(re2_pattern(shape.pattern), options);
  if (pattern.ok() && !RE2::FullMatch(text, pattern)) {
    refuse(words.invalid, fmt::format("Value '{}' at '{}' failed to satisfy constraint: Member must satisfy "
                                      "regular expression pattern: {}",
                                      text, path, shape.pattern));
  }
}

void check_count(const Model& model, const Shape& shape, double count, const std::string& path) {
  if ((shape.min && count < *shape.min) || (shape.max && count > *shape.max)) {
    refuse(wording_of(model).invalid,
           fmt::format("Value at '{}' failed to satisfy constraint: Member must be between {} and {}", path,
                       shape.min.value_or(-INFINITY), shape.max.value_or(INFINITY)));
  }
}

std::string base64_decode(const Model& model, const std::string& text, const std::string& path) {
  std::string out(text.size() / 4 * 3 + 3, '\0');
  int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) refuse(wording_of(model).invalid, "'" + path + "' is not base64");
  size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  out.resize(static_cast<size_t>(size) - padding);
  return out;
}

std::string http_date(Instant instant) {
  std::time_t seconds = std::chrono::system_clock::to_time_t(instant);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  size_t size = strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text, size};
}

const Operation& find_query_operation(const Model& model, const HttpRequest& request) {
  if (request.method != "POST" ||
      request.header("content-type").rfind("application/x-www-form-urlencoded", 0) != 0) {
    refuse("MalformedQueryString", "a POST with application/x-www-form-urlencoded is expected", 404);
  }
  std::string action, version;
  for (const auto& [name, value] : parse_form(request.body)) {
    if (name == "Action") action = value;
    if (name == "Version") version = value;
  }
  if (action.empty()) refuse("MissingAction", "The request is missing an Action", 400);
  auto found = model.operations.find(action);
  if (found == model.operations.end() || version != model.version) {
    refuse("InvalidAction", "Could not find operation " + action + " for version " + version);
  }
  return found->second;
}

const Operation& find_json_operation(const Model& model, const HttpRequest& request) {
  std::string target = request.header("x-amz-target");
  std::string prefix = model.target_prefix + ".";
  if (target.rfind(prefix, 0) == 0 &&
      request.header("content-type").rfind("application/x-amz-json-1.1", 0) == 0) {
    auto found = model.operations.find(target.substr(prefix.size()));
    if (found != model.operations.end()) return found->second;
  }
  refuse("UnknownOperationException", "no operation '" + target + "'");
}

}  // namespace

const Wording& wording_of(const Model& model) {
  static const std::map<std::string, Wording> kWordings = {
      {"rds", {"MissingParameter", "InvalidParameterValue", "InvalidParameterValue", "MalformedQueryString"}},
      {"ec2", {"MissingParameter", "InvalidParameterValue", "UnknownParameter", "MalformedQueryString"}},
      {"route53", {"InvalidInput", "InvalidInput", "InvalidInput", "MalformedInput"}},
      {"s3", {"InvalidArgument", "InvalidArgument", "InvalidArgument", "MalformedXML"}},
      {"ecs",
       {"ClientException", "InvalidParameterException", "SerializationException", "SerializationException"}}};
  static const Wording kQuery = {"ValidationError", "ValidationError", "ValidationError",
                                 "MalformedQueryString"};
  static const Wording kJson = {"ValidationException", "ValidationException", "SerializationException",
                                "SerializationException"};
  auto found = kWordings.find(model.service);
  if (found != kWordings.end()) return found->second;
  return model.protocol == Model::Protocol::kJson ? kJson : kQuery;
}

Form parse_form(const std::string& text) {
  Form form;
  if (text.empty()) return form;
  for (const std::string& part : split(text, '&')) {
    size_t equals = part.find('=');
    form.emplace_back(percent_decode(part.substr(0, equals), true),
                      equals == std::string::npos ? "" : percent_decode(part.substr(equals + 1), true));
  }
  return form;
}

const Operation& find_operation(const Model& model, const HttpRequest& request) {
  switch (model.protocol) {
    case Model::Protocol::kJson:
      return find_json_operation(model, request);
    case Model::Protocol::kRestXml:
      return find_rest_operation(model, request);
    case Model::Protocol::kQuery:
    case Model::Protocol::kEc2:
      break;
  }
  return find_query_operation(model, request);
}

json parse_input(const Model& model, const Operation& operation, const HttpRequest& request) {
  json input = json::object();
  switch (model.protocol) {
    case Model::Protocol::kJson:
      input = parse_json_input(model, operation, request);
      break;
    case Model::Protocol::kRestXml:
      input = parse_rest_input(model, operation, request);
      break;
    case Model::Protocol::kQuery:
    case Model::Protocol::kEc2:
      input = parse_query_input(model, operation, request);
      break;
  }
  if (operation.input != nullptr) validate(model, *operation.input, input, "");
  return input;
}

void validate(const Model& model, const Shape& shape, const json& value, const std::string& path) {
  switch (shape.type) {
    case Shape::Type::kStructure:
      for (const std::string& name : shape.required) {
        if (value.contains(name)) continue;
        std::string message = model.service == "rds" || model.service == "ec2"
                                  ? "The request must contain the parameter " + name + "."
                                  : fmt::format(
                                        "1 validation error detected: Value null at '{}{}' failed to "
                                        "satisfy constraint: Member must not be null",
                                        path, name);
        refuse(wording_of(model).missing, message);
      }
      for (const auto& [name, member] : value.items()) {
        const Member* known = shape.find(name);
        YTB_CHECK_MSG(known != nullptr, name);
        validate(model, *known->shape, member, path + name + ".");
      }
      return;
    case Shape::Type::kList:
      check_count(model, shape, static_cast<double>(value.size()), path);
      for (const json& item : value) validate(model, *shape.element.shape, item, path);
      return;
    case Shape::Type::kMap:
      check_count(model, shape, static_cast<double>(value.size()), path);
      for (const auto& [key, item] : value.items()) {
        validate(model, *shape.key.shape, key, path);
        validate(model, *shape.value.shape, item, path + key + ".");
      }
      return;
    case Shape::Type::kString:
      check_text(model, shape, value.get<std::string>(), path);
      return;
    case Shape::Type::kInteger:
    case Shape::Type::kFloat:
      check_count(model, shape, value.get<double>(), path);
      return;
    case Shape::Type::kBoolean:
    case Shape::Type::kTimestamp:
    case Shape::Type::kBlob:
      return;
  }
}

json scalar_from_text(const Model& model, const Shape& shape, const std::string& text,
                      const std::string& path) {
  static const RE2 kInteger("-?[0-9]{1,18}");
  static const RE2 kFloat("-?[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?");
  auto wrong = [&](std::string_view type) {
    refuse(wording_of(model).invalid,
           fmt::format("Value ({}) for parameter {} is invalid: not {}", text, path, type));
  };
  switch (shape.type) {
    case Shape::Type::kInteger:
      if (!RE2::FullMatch(text, kInteger)) wrong("an integer");
      return std::stoll(text);
    case Shape::Type::kFloat:
      if (!RE2::FullMatch(text, kFloat)) wrong("a number");
      return std::stod(text);
    case Shape::Type::kBoolean:
      if (text != "true" && text != "false") wrong("a boolean");
      return text == "true";
    case Shape::Type::kTimestamp: {
      std::optional<Instant> instant = from_iso(text);
      if (!instant) wrong("a timestamp");
      return to_iso(*instant, true);
    }
    case Shape::Type::kBlob:
      return base64_decode(model, text, path);
    case Shape::Type::kString:
      return text;
    default:
      wrong("a structure, list or map");
  }
  return nullptr;
}

std::string scalar_to_text(const Shape& shape, const json& value, bool in_header) {
  switch (shape.type) {
    case Shape::Type::kInteger:
      return std::to_string(value.get<int64_t>());
    case Shape::Type::kFloat:
      return fmt::format("{}", value.get<double>());
    case Shape::Type::kBoolean:
      return value.get<bool>() ? "true" : "false";
    case Shape::Type::kTimestamp: {
      std::optional<Instant> instant = from_iso(value.get<std::string>());
      YTB_CHECK_MSG(instant.has_value(), shape.name);
      if (in_header && shape.timestamp_format != "iso8601") return http_date(*instant);
      std::string text = to_iso(*instant, true);
      return text.substr(0, 23) + "Z";  // AWS writes milliseconds
    }
    case Shape::Type::kBlob:
      return to_base64(value.get<std::string>());
    default:
      return value.get<std::string>();
  }
}

}  // namespace ytb::fakes::aws
