// Model: one service as botocore's service-2.json describes it: operations and shapes.
//
// Immutable once loaded; loaded at the first request of its service and shared by all threads.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ytb::fakes::aws {

struct Shape;

struct Member {
  std::string name;
  std::string wire;        // locationName, else ""
  std::string query_name;  // EC2's name in requests
  std::string location;    // "", uri, querystring, header, headers, statusCode
  const Shape* shape = nullptr;
  bool flattened = false;
  bool attribute = false;  // an XML attribute
  bool token = false;      // an idempotency token
};

struct Shape {
  enum class Type { kStructure, kList, kMap, kString, kInteger, kFloat, kBoolean, kTimestamp, kBlob };
  std::string name;
  Type type = Type::kString;
  std::vector<Member> members;
  std::vector<std::string> required;
  Member element, key, value;  // of lists and maps
  bool flattened = false;
  std::string wire;     // locationName
  std::string payload;  // the member that is the body
  std::string xmlns;
  std::string timestamp_format;
  std::optional<double> min, max;
  std::string pattern;
  std::vector<std::string> values;  // of an enum
  std::string error_code;
  int error_status = 400;
  bool server_fault = false;

  [[nodiscard]] const Member* find(std::string_view member) const;
};

struct Operation {
  std::string name;
  std::string method;
  std::string uri;
  const Shape* input = nullptr;  // null: none
  const Shape* output = nullptr;
  std::string result_wrapper;
  std::string input_root;
  std::vector<const Shape*> errors;
  int success = 200;
};

struct Model {
  enum class Protocol { kQuery, kEc2, kRestXml, kJson };
  std::string service;  // "rds"
  Protocol protocol = Protocol::kQuery;
  std::string version;
  std::string xmlns;
  std::string target_prefix;
  std::map<std::string, Operation, std::less<>> operations;
  std::map<std::string, Shape, std::less<>> shapes;
};

// The folder with botocore's models; "" where there is none.
std::string models_folder();
// Null where the service has no model.
std::unique_ptr<Model> load_model(const std::string& service);

}  // namespace ytb::fakes::aws
