// rest-xml: the operation from method and path, members from path, query, headers and an XML body.
#include <fmt/format.h>

#include <pugixml.hpp>

#include "base/text.h"
#include "tests/fakes/aws/codec.h"

namespace ytb::fakes::aws {
namespace {

struct Match {
  const Operation* operation = nullptr;
  std::map<std::string, std::string> labels;
  int score = 0;
};

std::vector<std::string> segments(std::string_view path) {
  std::vector<std::string> parts = split(path.substr(path.starts_with('/') ? 1 : 0), '/');
  if (!parts.empty() && parts.back().empty()) parts.pop_back();
  return parts;
}

// "/{Bucket}/{Key+}" against a path; a label with "+" takes all that is left, slashes too.
bool match_path(std::string_view uri, const std::string& path, Match& match) {
  std::vector<std::string> wanted = segments(uri.substr(0, uri.find('?')));
  std::vector<std::string> given = segments(path);
  bool greedy = !wanted.empty() && wanted.back().ends_with("+}");
  if (greedy ? given.size() < wanted.size() : given.size() != wanted.size()) return false;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i].starts_with('{')) {
      if (wanted[i] != given[i]) return false;
      ++match.score;
      continue;
    }
    bool last_greedy = greedy && i + 1 == wanted.size();
    std::string name = wanted[i].substr(1, wanted[i].size() - (last_greedy ? 3 : 2));
    std::string value = given[i];
    if (last_greedy) {
      value = join(std::span(given).subspan(i), "/");
      if (path.ends_with('/')) value += "/";
    }
    match.labels[name] = percent_decode(value);
  }
  return true;
}

bool match_query(std::string_view uri, const Form& form, Match& match) {
  size_t question = uri.find('?');
  if (question == std::string_view::npos) return true;
  for (const auto& [name, value] : parse_form(std::string(uri.substr(question + 1)))) {
    bool found = std::any_of(form.begin(), form.end(), [&, n = name, v = value](const auto& pair) {
      return pair.first == n && (v.empty() || pair.second == v);
    });
    if (!found) return false;
    match.score += 10;
  }
  return true;
}

// S3 tells some operations apart by nothing but a header or parameter that one of them needs.
int score_of_needs(const Operation& operation, const HttpRequest& request, const Form& form) {
  if (operation.input == nullptr) return 0;
  int score = 0;
  for (const std::string& name : operation.input->required) {
    const Member& member = *operation.input->find(name);
    if (member.location != "header" && member.location != "querystring") continue;
    bool given = request.has(to_lower_ascii(member.wire));
    if (member.location == "querystring") {
      given =
          std::any_of(form.begin(), form.end(), [&](const auto& pair) { return pair.first == member.wire; });
    }
    score += given ? 5 : -100;
  }
  return score;
}

Match match_operation(const Model& model, const HttpRequest& request) {
  Form form = parse_form(request.query);
  Match best;
  for (const auto& [name, operation] : model.operations) {
    Match match;
    match.operation = &operation;
    if (operation.method != request.method || !match_path(operation.uri, request.path, match) ||
        !match_query(operation.uri, form, match)) {
      continue;
    }
    match.score += score_of_needs(operation, request, form);
    if (best.operation == nullptr || match.score > best.score) best = match;
  }
  return best;
}

json from_xml(const Model& model, const Member& member, const pugi::xml_node& node, const std::string& path);

json structure_from_xml(const Model& model, const Shape& shape, const pugi::xml_node& node,
                        const std::string& path) {
  json out = json::object();
  for (const pugi::xml_node& kid : node.children()) {
    if (kid.type() != pugi::node_element) {
      if (!trim(kid.value()).empty()) refuse(wording_of(model).malformed, "text in " + path);
      continue;
    }
    const Member* known = nullptr;
    for (const Member& member : shape.members) {
      if (member.location.empty() && (member.wire.empty() ? member.name : member.wire) == kid.name())
        known = &member;
    }
    if (known == nullptr)
      refuse(wording_of(model).malformed, fmt::format("unexpected element {}{}", path, kid.name()));
    if (known->flattened || (known->shape->type == Shape::Type::kList && known->shape->flattened)) {
      out[known->name].push_back(from_xml(model, known->shape->element, kid, path));
      continue;
    }
    if (out.contains(known->name)) refuse(wording_of(model).malformed, path + kid.name() + " is given twice");
    out[known->name] = from_xml(model, *known, kid, path + kid.name() + ".");
  }
  return out;
}

json from_xml(const Model& model, const Member& member, const pugi::xml_node& node, const std::string& path) {
  const Shape& shape = *member.shape;
  if (shape.type == Shape::Type::kStructure) return structure_from_xml(model, shape, node, path);
  if (shape.type == Shape::Type::kList) {
    json out = json::array();
    std::string name = shape.element.wire.empty() ? "member" : shape.element.wire;
    for (const pugi::xml_node& kid : node.children()) {
      if (kid.name() != name)
        refuse(wording_of(model).malformed, fmt::format("unexpected element {}{}", path, kid.name()));
      out.push_back(from_xml(model, shape.element, kid, path));
    }
    return out;
  }
  for (const pugi::xml_node& kid : node.children()) {
    if (kid.type() == pugi::node_element)
      refuse(wording_of(model).malformed, "unexpected element in " + path);
  }
  return scalar_from_text(model, shape, node.text().get(), path);
}

json body_of(const Model& model, const Operation& operation, const HttpRequest& request) {
  const Shape& input = *operation.input;
  const Member* payload = input.payload.empty() ? nullptr : input.find(input.payload);
  if (payload != nullptr && payload->shape->type != Shape::Type::kStructure) {
    return request.body.empty() ? json::object() : json{{payload->name, request.body}};
  }
  bool has_body = payload != nullptr || std::any_of(input.members.begin(), input.members.end(),
                                                    [](const Member& m) { return m.location.empty(); });
  if (!has_body || request.body.empty()) return json::object();
  pugi::xml_document document;
  if (!document.load_buffer(request.body.data(), request.body.size())) {
    refuse(wording_of(model).malformed, "The XML you provided was not well-formed");
  }
  pugi::xml_node root = document.document_element();
  const Shape& shape = payload != nullptr ? *payload->shape : input;
  std::string expected = payload != nullptr && !payload->wire.empty() ? payload->wire : operation.input_root;
  if (expected.empty()) expected = shape.wire.empty() ? shape.name : shape.wire;
  if (root.name() != expected) {
    refuse(wording_of(model).malformed, fmt::format("the root is {}, not {}", root.name(), expected));
  }
  std::string xmlns = root.attribute("xmlns").value();
  if (model.service == "route53" && xmlns != "https://route53.amazonaws.com/doc/2013-04-01/") {
    refuse(wording_of(model).malformed, "the root's xmlns is '" + xmlns + "'");
  }
  json value = structure_from_xml(model, shape, root, "");
  return payload != nullptr ? json{{payload->name, value}} : value;
}

void take_query(const Model& model, const Operation& operation, const HttpRequest& request, json& out) {
  Form constants;
  if (size_t at = operation.uri.find('?'); at != std::string::npos)
    constants = parse_form(operation.uri.substr(at + 1));
  for (const auto& [name, value] : parse_form(request.query)) {
    bool constant = std::any_of(constants.begin(), constants.end(),
                                [&, n = name](const auto& c) { return c.first == n; });
    if (constant) continue;
    const Member* known = nullptr;
    for (const Member& member : operation.input->members) {
      if (member.location == "querystring" && member.wire == name) known = &member;
    }
    if (known == nullptr) refuse(wording_of(model).unknown, "unknown query parameter " + name);
    if (known->shape->type == Shape::Type::kList) {
      out[known->name].push_back(scalar_from_text(model, *known->shape->element.shape, value, name));
    } else {
      out[known->name] = scalar_from_text(model, *known->shape, value, name);
    }
  }
}

void take_headers(const Model& model, const Operation& operation, const HttpRequest& request, json& out) {
  static const std::vector<std::string> kCommon = {"x-amz-date", "x-amz-content-sha256",
                                                   "x-amz-security-token", "x-amz-user-agent"};
  for (const auto& [name, value] : request.headers) {
    bool ours = name.rfind("x-amz-", 0) == 0;
    bool known = std::find(kCommon.begin(), kCommon.end(), name) != kCommon.end();
    for (const Member& member : operation.input->members) {
      std::string wire = to_lower_ascii(member.wire);
      if (member.location == "header" && wire == name) {
        out[member.name] = member.shape->type == Shape::Type::kTimestamp
                               ? json(value)
                               : scalar_from_text(model, *member.shape, value, name);
        known = true;
      } else if (member.location == "headers" && name.rfind(wire, 0) == 0) {
        out[member.name][name.substr(wire.size())] = value;
        known = true;
      }
    }
    if (ours && !known) refuse(wording_of(model).unknown, "unknown header " + name);
  }
}

}  // namespace

const Operation& find_rest_operation(const Model& model, const HttpRequest& request) {
  Match match = match_operation(model, request);
  if (match.operation == nullptr) {
    refuse(model.service == "s3" ? "MethodNotAllowed" : "UnknownOperationException",
           "no operation for " + request.method + " " + request.path, 404);
  }
  return *match.operation;
}

json parse_rest_input(const Model& model, const Operation& operation, const HttpRequest& request) {
  if (operation.input == nullptr) return json::object();
  json out = body_of(model, operation, request);
  Match match = match_operation(model, request);
  for (const Member& member : operation.input->members) {
    if (member.location != "uri") continue;
    auto label = match.labels.find(member.wire);
    if (label != match.labels.end())
      out[member.name] = scalar_from_text(model, *member.shape, label->second, member.name);
  }
  take_query(model, operation, request, out);
  take_headers(model, operation, request, out);
  return out;
}

}  // namespace ytb::fakes::aws
