#include "drivers/aws/fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/text.h"
#include "drivers/aws/xml.h"

namespace ytb::aws {
namespace {

// botocore's list for its standard mode (retries/standard.py), without LimitExceededException: of the
// services called here only CloudFormation has that, and there it is a quota.
constexpr std::array<std::string_view, 13> kThrottled = {"Throttling",
                                                         "ThrottlingException",
                                                         "ThrottledException",
                                                         "RequestThrottledException",
                                                         "TooManyRequestsException",
                                                         "ProvisionedThroughputExceededException",
                                                         "TransactionInProgressException",
                                                         "RequestLimitExceeded",
                                                         "BandwidthLimitExceeded",
                                                         "RequestThrottled",
                                                         "SlowDown",
                                                         "PriorRequestNotComplete",
                                                         "EC2ThrottledException"};
constexpr std::array<std::string_view, 4> kTransient = {"RequestTimeout", "RequestTimeoutException",
                                                        "InternalError", "InternalFailure"};
constexpr std::array<std::string_view, 6> kSkewed = {"RequestTimeTooSkewed",      "RequestExpired",
                                                     "RequestInTheFuture",        "SignatureDoesNotMatch",
                                                     "InvalidSignatureException", "AuthFailure"};
constexpr std::array<std::string_view, 3> kExpired = {"ExpiredToken", "ExpiredTokenException",
                                                      "TokenRefreshRequired"};
constexpr std::array<std::string_view, 10> kDenied = {"AccessDenied",          "AccessDeniedException",
                                                      "UnauthorizedOperation", "UnauthorizedAccess",
                                                      "InvalidClientTokenId",  "UnrecognizedClientException",
                                                      "InvalidAccessKeyId",    "MissingAuthenticationToken",
                                                      "OptInRequired",         "IncompleteSignature"};
constexpr std::array<std::string_view, 10> kBusy = {"InvalidDBInstanceState",
                                                    "InvalidDBSnapshotState",
                                                    "InvalidDBClusterStateFault",
                                                    "InvalidDBClusterSnapshotStateFault",
                                                    "InsufficientDBInstanceCapacity",
                                                    "InsufficientDBInstanceCapacityFault",
                                                    "InsufficientDBClusterCapacityFault",
                                                    "OperationInProgressException",
                                                    "ClusterNotActiveException",
                                                    "CapacityProviderException"};

template <size_t kSize>
bool is_one_of(std::string_view code, const std::array<std::string_view, kSize>& codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

std::string first_text(pugi::xml_node node, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = node.child_value(name);
    if (*value != '\0') return value;
  }
  return {};
}

// <ErrorResponse><Error>, EC2's <Response><Errors><Error>, S3's <Error>, Route 53's <InvalidChangeBatch>.
void read_xml_fault(const std::string& body, Fault& fault) {
  pugi::xml_document document;
  if (!parse_xml(body, document)) return;
  const pugi::xml_node root = document.document_element();
  const std::string_view name = root.name();
  pugi::xml_node error = root;
  if (name == "ErrorResponse") error = root.child("Error");
  if (name == "Response") error = root.child("Errors").child("Error");
  fault.code = error.child_value("Code");
  fault.message = first_text(error, {"Message", "message"});
  if (fault.code.empty() && name == "InvalidChangeBatch") {
    fault.code = name;
    for (pugi::xml_node message : root.child("Messages").children("Message")) {
      fault.message += (fault.message.empty() ? "" : "; ") + std::string(message.child_value());
    }
  }
  const std::string id = first_text(root, {"RequestId", "RequestID"});
  if (fault.request_id.empty()) fault.request_id = id;
}

// {"__type": "com.amazonaws.ecs#ClusterNotFoundException", "message": …}; X-Amzn-ErrorType: Code:http://…
void read_json_fault(const http::Response& response, Fault& fault) {
  const auto json = parse_json(response.body);
  if (json.is_object()) {
    for (const char* name : {"__type", "code", "Code"}) {
      if (fault.code.empty() && json.contains(name) && json[name].is_string()) fault.code = json[name];
    }
    for (const char* name : {"message", "Message", "errorMessage"}) {
      if (fault.message.empty() && json.contains(name) && json[name].is_string()) fault.message = json[name];
    }
  }
  const auto type = response.header("x-amzn-errortype");
  if (type && !type->empty()) fault.code = *type;
  fault.code = fault.code.substr(0, fault.code.find(':'));
  fault.code = fault.code.substr(fault.code.rfind('#') + 1);
}

}  // namespace

std::string request_id_of(const http::Response& response) {
  for (const char* name : {"x-amzn-requestid", "x-amz-request-id", "x-amz-requestid"}) {
    const auto id = response.header(name);
    if (id && !id->empty()) return std::string(*id);
  }
  return {};
}

Fault read_fault(const http::Response& response) {
  Fault fault{
      .code = {}, .message = {}, .request_id = request_id_of(response), .http_status = response.status};
  const size_t start = response.body.find_first_not_of(" \t\r\n");
  const bool looks_like_xml = start != std::string::npos && response.body[start] == '<';
  if (looks_like_xml) {
    read_xml_fault(response.body, fault);
  } else {
    read_json_fault(response, fault);
  }
  if (fault.code.empty()) fault.code = fmt::format("HTTP {}", response.status);
  return fault;
}

FaultKind classify(const Fault& fault) {
  const std::string_view code = fault.code;
  if (is_one_of(code, kThrottled) || fault.http_status == 429) return FaultKind::kThrottled;
  if (is_one_of(code, kExpired)) return FaultKind::kExpired;
  if (is_one_of(code, kSkewed)) return FaultKind::kSkewed;
  if (is_one_of(code, kTransient)) return FaultKind::kTransient;
  for (int status : {500, 502, 503, 504}) {
    if (fault.http_status == status) return FaultKind::kTransient;
  }
  if (is_one_of(code, kBusy)) return FaultKind::kBusy;
  if (is_one_of(code, kDenied) || fault.http_status == 401) return FaultKind::kDenied;
  if (code.find("QuotaExceeded") != std::string_view::npos || code == "LimitExceededException") {
    return FaultKind::kExhausted;
  }
  return FaultKind::kFinal;
}

}  // namespace ytb::aws
