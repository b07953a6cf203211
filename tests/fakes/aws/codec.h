// The wire: requests into JSON by a shape, JSON into answers by a shape, for AWS's four protocols.
//
// In the middle everything is JSON keyed by the model's member names: numbers, booleans, strings; timestamps
// are ISO texts, blobs are raw bytes in a string. Strict in both directions: what the model does not know is
// refused in a request, and is a bug of the fake (a CHECK) in an answer.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "tests/fakes/aws/http.h"
#include "tests/fakes/aws/model.h"
#include "tests/fakes/aws/refusal.h"

namespace ytb::fakes::aws {

using nlohmann::json;
using Form = std::vector<std::pair<std::string, std::string>>;

// The codes a service uses for what is wrong with a request's form.
struct Wording {
  std::string missing, invalid, unknown, malformed;
};
const Wording& wording_of(const Model& model);

// "a=b&c=d", decoded.
Form parse_form(const std::string& text);

// Which operation; throws Refusal where there is none.
const Operation& find_operation(const Model& model, const HttpRequest& request);
// The request's input, checked against the model; throws Refusal.
json parse_input(const Model& model, const Operation& operation, const HttpRequest& request);

HttpResponse make_answer(const Model& model, const Operation& operation, const json& output,
                         const std::string& request_id);
// `operation` is null where it is not known. `output`: more members of the error's shape.
HttpResponse make_error(const Model* model, const Operation* operation, const Refusal& refusal,
                        const std::string& request_id);

// Parts, one file each.
json parse_query_input(const Model& model, const Operation& operation, const HttpRequest& request);
json parse_rest_input(const Model& model, const Operation& operation, const HttpRequest& request);
json parse_json_input(const Model& model, const Operation& operation, const HttpRequest& request);
const Operation& find_rest_operation(const Model& model, const HttpRequest& request);
// Bounds, patterns, enums and required members; throws Refusal with the service's wording.
void validate(const Model& model, const Shape& shape, const json& value, const std::string& path);
// A scalar from its text; throws Refusal.
json scalar_from_text(const Model& model, const Shape& shape, const std::string& text,
                      const std::string& path);
std::string scalar_to_text(const Shape& shape, const json& value, bool in_header = false);
std::string xml_escape(std::string_view text);
// Appends <name>…</name> by the shape.
void write_xml(const Model& model, const Member& member, const std::string& name, const json& value,
               std::string& out);
void write_xml_members(const Model& model, const Shape& shape, const json& value, std::string& out);

}  // namespace ytb::fakes::aws
