// JSON 1.1, the protocol of ECS, Secrets Manager and SSM, read as strictly as Xml is. Only this room's
// sources include it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "drivers/aws/caller.h"
#include "drivers/aws/xml.h"

namespace ytb::aws {

Call json_call(Service service, const std::string& operation, Effect effect, const nlohmann::json& body);

struct JsonAnswer {
  Answer answer;
  nlohmann::json body;  // an object; empty where there is a fault
};
Result<JsonAnswer> run_json(Caller& caller, const Call& call);
Status check(const Call& call, const JsonAnswer& answer, const Problem& problem);

// Members of one object.
std::string json_text(const nlohmann::json& object, const std::string& name, Problem& problem);
std::string json_text_if(const nlohmann::json& object, const std::string& name, Problem& problem);
// Seconds since 1970, with a fraction.
std::optional<Instant> json_instant_if(const nlohmann::json& object, const std::string& name,
                                       Problem& problem);
// An array that must be there.
std::vector<nlohmann::json> json_list(const nlohmann::json& object, const std::string& name,
                                      Problem& problem);

}  // namespace ytb::aws
