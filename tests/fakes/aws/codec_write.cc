// Answers and errors as each protocol writes them.
#include <fmt/format.h>

#include "base/check.h"
#include "tests/fakes/aws/codec.h"
#include "tests/fakes/aws/codec_json.h"

namespace ytb::fakes::aws {
namespace {

constexpr std::string_view kXmlHead = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
constexpr std::string_view kRoute53 = "https://route53.amazonaws.com/doc/2013-04-01/";
constexpr std::string_view kS3 = "http://s3.amazonaws.com/doc/2006-03-01/";

std::string answer_name(const Member& member) { return member.wire.empty() ? member.name : member.wire; }

std::string xmlns_of(const Model& model) {
  if (model.service == "route53") return std::string(kRoute53);
  if (model.service == "s3") return std::string(kS3);
  if (model.protocol == Model::Protocol::kEc2) return model.xmlns + "/";
  return model.xmlns;
}

HttpResponse rest_answer(const Model& model, const Operation& operation, const json& output,
                         const std::string& request_id) {
  HttpResponse response;
  response.status = operation.success;
  response.headers.emplace_back(model.service == "s3" ? "x-amz-request-id" : "x-amzn-RequestId", request_id);
  if (operation.output == nullptr) return response;
  const Shape& shape = *operation.output;
  json body = json::object();
  for (const auto& [name, value] : output.items()) {
    const Member* member = shape.find(name);
    YTB_CHECK_MSG(member != nullptr, shape.name + "." + name);
    if (member->location == "header") {
      response.headers.emplace_back(member->wire, scalar_to_text(*member->shape, value, true));
    } else if (member->location == "headers") {
      for (const auto& [key, text] : value.items()) response.headers.emplace_back(member->wire + key, text);
    } else if (member->location == "statusCode") {
      response.status = value.get<int>();
    } else {
      body[name] = value;
    }
  }
  const Member* payload = shape.payload.empty() ? nullptr : shape.find(shape.payload);
  if (payload != nullptr && payload->shape->type != Shape::Type::kStructure) {
    response.body = body.value(payload->name, "");
    return response;
  }
  if (payload == nullptr && body.empty() &&
      std::all_of(shape.members.begin(), shape.members.end(),
                  [](const Member& m) { return !m.location.empty(); })) {
    return response;
  }
  const Shape& root = payload != nullptr ? *payload->shape : shape;
  std::string name = payload != nullptr ? answer_name(*payload) : shape.name;
  // S3's roots are called otherwise than its shapes: ListBucketResult for ListObjectsV2Output.
  if (model.service == "s3" && shape.name.rfind("ListObjects", 0) == 0) name = "ListBucketResult";
  response.body = std::string(kXmlHead) + fmt::format("<{} xmlns=\"{}\">", name, xmlns_of(model));
  write_xml_members(model, root, payload != nullptr ? body[payload->name] : body, response.body);
  response.body += "</" + name + ">";
  response.headers.emplace_back("Content-Type", "text/xml");
  return response;
}

HttpResponse query_answer(const Model& model, const Operation& operation, const json& output,
                          const std::string& request_id) {
  HttpResponse response;
  std::string root = operation.name + "Response";
  std::string& body = response.body;
  body = fmt::format("{}<{} xmlns=\"{}\">", kXmlHead, root, xmlns_of(model));
  bool ec2 = model.protocol == Model::Protocol::kEc2;
  if (ec2) body += "<requestId>" + request_id + "</requestId>";
  if (!operation.result_wrapper.empty()) body += "<" + operation.result_wrapper + ">";
  if (operation.output != nullptr) write_xml_members(model, *operation.output, output, body);
  if (!operation.result_wrapper.empty()) body += "</" + operation.result_wrapper + ">";
  if (!ec2) body += "<ResponseMetadata><RequestId>" + request_id + "</RequestId></ResponseMetadata>";
  body += "</" + root + ">";
  response.headers.emplace_back("x-amzn-RequestId", request_id);
  response.headers.emplace_back("Content-Type", "text/xml");
  return response;
}

struct Resolved {
  std::string code;
  int status;
  const Shape* shape = nullptr;
};

// Errors of the operation's model are thrown by shape name; common ones by code.
Resolved resolve(const Model* model, const Operation* operation, const Refusal& refusal) {
  if (operation != nullptr) {
    for (const Shape* shape : operation->errors) {
      if (shape->name != refusal.code) continue;
      int status = shape->error_status;
      if (model->service == "s3" && shape->name.rfind("NoSuch", 0) == 0) status = 404;
      return {model->protocol == Model::Protocol::kJson ? shape->name : shape->error_code, status, shape};
    }
    // A modelled error that this operation does not list would be a lie about AWS.
    bool elsewhere = model->shapes.contains(refusal.code) && refusal.code.ends_with("Fault");
    YTB_CHECK_MSG(!elsewhere, operation->name + " has no error " + refusal.code);
  }
  return {refusal.code, refusal.status, nullptr};
}

std::string error_body(const Model* model, const Resolved& error, const Refusal& refusal,
                       const std::string& request_id) {
  std::string code = xml_escape(error.code);
  std::string message = xml_escape(refusal.message);
  std::string_view type = error.status >= 500 ? "Receiver" : "Sender";
  if (model != nullptr && model->protocol == Model::Protocol::kJson) {
    return json{{"__type", error.code}, {"message", refusal.message}}.dump();
  }
  if (model != nullptr && model->service == "s3") {
    return fmt::format("{}<Error><Code>{}</Code><Message>{}</Message><RequestId>{}</RequestId></Error>",
                       kXmlHead, code, message, request_id);
  }
  if (model != nullptr && model->protocol == Model::Protocol::kEc2) {
    return fmt::format(
        "{}<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors>"
        "<RequestID>{}</RequestID></Response>",
        kXmlHead, code, message, request_id);
  }
  return fmt::format(
      "{}<ErrorResponse xmlns=\"{}\"><Error><Type>{}</Type><Code>{}</Code><Message>{}</Message></Error>"
      "<RequestId>{}</RequestId></ErrorResponse>",
      kXmlHead, model != nullptr ? xmlns_of(*model) : "", type, code, message, request_id);
}

}  // namespace

std::string xml_escape(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\r':
        out += "&#xD;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

void write_xml_members(const Model& model, const Shape& shape, const json& value, std::string& out) {
  for (const auto& [name, unused] : value.items()) {
    YTB_CHECK_MSG(shape.find(name) != nullptr, shape.name + "." + name);
  }
  for (const Member& member : shape.members) {
    auto found = value.find(member.name);
    if (found == value.end() || found->is_null()) continue;
    write_xml(model, member, answer_name(member), *found, out);
  }
}

void write_xml(const Model& model, const Member& member, const std::string& name, const json& value,
               std::string& out) {
  const Shape& shape = *member.shape;
  if (shape.type == Shape::Type::kList) {
    bool flat = member.flattened || shape.flattened;
    std::string item = shape.element.wire.empty() ? (flat ? name : "member") : shape.element.wire;
    if (!flat) out += "<" + name + ">";
    for (const json& element : value) write_xml(model, shape.element, item, element, out);
    if (!flat) out += "</" + name + ">";
    return;
  }
  out += "<" + name + ">";
  if (shape.type == Shape::Type::kStructure) {
    write_xml_members(model, shape, value, out);
  } else if (shape.type == Shape::Type::kMap) {
    for (const auto& [key, item] : value.items()) {
      out += "<entry><key>" + xml_escape(key) + "</key>";
      write_xml(model, shape.value, "value", item, out);
      out += "</entry>";
    }
  } else {
    out += xml_escape(scalar_to_text(shape, value));
  }
  out += "</" + name + ">";
}

HttpResponse make_answer(const Model& model, const Operation& operation, const json& output,
                         const std::string& request_id) {
  if (model.protocol == Model::Protocol::kRestXml) return rest_answer(model, operation, output, request_id);
  if (model.protocol != Model::Protocol::kJson) return query_answer(model, operation, output, request_id);
  HttpResponse response;
  response.headers.emplace_back("x-amzn-RequestId", request_id);
  response.headers.emplace_back("Content-Type", "application/x-amz-json-1.1");
  response.body = operation.output == nullptr ? "{}" : to_json_wire(*operation.output, output).dump();
  return response;
}

HttpResponse make_error(const Model* model, const Operation* operation, const Refusal& refusal,
                        const std::string& request_id) {
  Resolved error = resolve(model, operation, refusal);
  HttpResponse response;
  response.status = error.status;
  response.body = error_body(model, error, refusal, request_id);
  bool is_json = model != nullptr && model->protocol == Model::Protocol::kJson;
  response.headers.emplace_back("x-amzn-RequestId", request_id);
  response.headers.emplace_back("Content-Type", is_json ? "application/x-amz-json-1.1" : "text/xml");
  return response;
}

}  // namespace ytb::fakes::aws
