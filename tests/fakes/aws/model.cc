#include "tests/fakes/aws/model.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/json.h"

namespace ytb::fakes::aws {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

Shape::Type type_of(const std::string& name) {
  static const std::map<std::string, Shape::Type> kTypes = {{"structure", Shape::Type::kStructure},
                                                            {"list", Shape::Type::kList},
                                                            {"map", Shape::Type::kMap},
                                                            {"string", Shape::Type::kString},
                                                            {"character", Shape::Type::kString},
                                                            {"integer", Shape::Type::kInteger},
                                                            {"long", Shape::Type::kInteger},
                                                            {"float", Shape::Type::kFloat},
                                                            {"double", Shape::Type::kFloat},
                                                            {"boolean", Shape::Type::kBoolean},
                                                            {"timestamp", Shape::Type::kTimestamp},
                                                            {"blob", Shape::Type::kBlob}};
  return kTypes.at(name);
}

Member member_of(const std::string& name, const json& source, const Model& model) {
  Member member;
  member.name = name;
  member.wire = source.value("locationName", "");
  member.query_name = source.value("queryName", "");
  member.location = source.value("location", "");
  member.flattened = source.value("flattened", false);
  member.attribute = source.value("xmlAttribute", false);
  member.token = source.value("idempotencyToken", false);
  member.shape = &model.shapes.at(source.at("shape").get<std::string>());
  return member;
}

void fill(Shape& shape, const json& source, const Model& model) {
  shape.type = type_of(source.at("type"));
  shape.flattened = source.value("flattened", false);
  shape.wire = source.value("locationName", "");
  shape.payload = source.value("payload", "");
  shape.pattern = source.value("pattern", "");
  shape.timestamp_format = source.value("timestampFormat", "");
  if (source.contains("xmlNamespace") && source["xmlNamespace"].is_object()) {
    shape.xmlns = source["xmlNamespace"].value("uri", "");
  }
  if (source.contains("min")) shape.min = source["min"].get<double>();
  if (source.contains("max")) shape.max = source["max"].get<double>();
  if (source.contains("enum")) shape.values = source["enum"].get<std::vector<std::string>>();
  if (source.contains("required")) shape.required = source["required"].get<std::vector<std::string>>();
  if (source.contains("members")) {
    for (const auto& [name, member] : source["members"].items()) {
      shape.members.push_back(member_of(name, member, model));
    }
  }
  if (source.contains("member")) shape.element = member_of("member", source["member"], model);
  if (source.contains("key")) shape.key = member_of("key", source["key"], model);
  if (source.contains("value")) shape.value = member_of("value", source["value"], model);
  shape.server_fault = source.value("fault", false);
  shape.error_status = shape.server_fault ? 500 : 400;
  if (source.contains("error")) {
    shape.error_code = source["error"].value("code", "");
    shape.error_status = source["error"].value("httpStatusCode", 400);
  }
  if (shape.error_code.empty()) shape.error_code = shape.name;
}

Operation operation_of(const std::string& name, const json& source, const Model& model) {
  Operation operation;
  operation.name = name;
  operation.method = source["http"].value("method", "POST");
  operation.uri = source["http"].value("requestUri", "/");
  operation.success = source["http"].value("responseCode", 200);
  if (source.contains("input")) {
    operation.input = &model.shapes.at(source["input"]["shape"].get<std::string>());
    operation.input_root = source["input"].value("locationName", "");
  }
  if (source.contains("output")) {
    operation.output = &model.shapes.at(source["output"]["shape"].get<std::string>());
    operation.result_wrapper = source["output"].value("resultWrapper", "");
  }
  if (source.contains("errors")) {
    for (const json& error : source["errors"]) {
      operation.errors.push_back(&model.shapes.at(error["shape"].get<std::string>()));
    }
  }
  return operation;
}

Model::Protocol protocol_of(const std::string& name) {
  if (name == "query") return Model::Protocol::kQuery;
  if (name == "ec2") return Model::Protocol::kEc2;
  if (name == "rest-xml") return Model::Protocol::kRestXml;
  return Model::Protocol::kJson;
}

// What AWS has added since the models that are installed. Taken from the API reference.
void add_newer(const std::string& service, json& source) {
  if (service == "s3") {
    json& put = source["shapes"]["PutObjectRequest"]["members"];
    for (const char* name : {"IfMatch", "IfNoneMatch"}) {
      const std::string header = name == std::string("IfMatch") ? "If-Match" : "If-None-Match";
      if (!put.contains(name))
        put[name] = {{"shape", name}, {"location", "header"}, {"locationName", header}};
    }
  }
  if (service == "rds") {
    json& shapes = source["shapes"];
    for (const char* message : {"RestoreDBInstanceFromDBSnapshotMessage",
                                "RestoreDBClusterFromSnapshotMessage", "DBInstance", "DBCluster"}) {
      shapes[message]["members"]["EngineLifecycleSupport"] = {{"shape", "String"}};
    }
    for (const char* member : {"StorageType", "DbClusterResourceId"})
      shapes["DBClusterSnapshot"]["members"][member] = {{"shape", "String"}};
    shapes["RestoreDBInstanceFromDBSnapshotMessage"]["members"]["AllocatedStorage"] = {
        {"shape", "IntegerOptional"}};
  }
  if (service != "ecs") return;
  // Up to 64 characters in the range of 33 to 126.
  json& members = source["shapes"]["RunTaskRequest"]["members"];
  if (!members.contains("clientToken")) {
    source["shapes"]["RunTaskClientToken"] = {{"type", "string"}, {"max", 64}, {"pattern", "[!-~]+"}};
    members["clientToken"] = {{"shape", "RunTaskClientToken"}};
  }
  if (!source["shapes"].contains("ConflictException")) {
    source["shapes"]["ConflictException"] = {
        {"type", "structure"}, {"members", json::object()}, {"exception", true}};
    source["operations"]["RunTask"]["errors"].push_back({{"shape", "ConflictException"}});
  }
}

}  // namespace

const Member* Shape::find(std::string_view member) const {
  for (const Member& candidate : members) {
    if (candidate.name == member) return &candidate;
  }
  return nullptr;
}

std::string models_folder() {
  std::vector<std::string> folders = {"/usr/lib/python3/dist-packages/botocore/data"};
  if (const char* chosen = std::getenv("YTB_BOTOCORE_DATA")) folders.insert(folders.begin(), chosen);
  for (const std::string& folder : folders) {
    if (fs::is_directory(folder + "/rds")) return folder;
  }
  return {};
}

std::unique_ptr<Model> load_model(const std::string& service) {
  std::string folder = models_folder() + "/" + service;
  if (!fs::is_directory(folder)) return nullptr;
  std::string newest;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (fs::exists(entry.path() / "service-2.json")) newest = std::max(newest, entry.path().string());
  }
  if (newest.empty()) return nullptr;
  std::ifstream in(newest + "/service-2.json");
  json source = parse_json(std::string{std::istreambuf_iterator<char>(in), {}});
  add_newer(service, source);
  auto model = std::make_unique<Model>();
  const json& metadata = source["metadata"];
  model->service = service;
  model->protocol = protocol_of(metadata.at("protocol"));
  model->version = metadata.value("apiVersion", "");
  model->xmlns = metadata.value("xmlNamespace", "");
  model->target_prefix = metadata.value("targetPrefix", "");
  // All shapes exist before members point at them.
  for (const auto& [name, unused] : source["shapes"].items()) model->shapes[name].name = name;
  for (const auto& [name, shape] : source["shapes"].items()) fill(model->shapes[name], shape, *model);
  for (const auto& [name, operation] : source["operations"].items()) {
    model->operations[name] = operation_of(name, operation, *model);
  }
  return model;
}

}  // namespace ytb::fakes::aws
