#include "lambda/event.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "config/aws_text.h"

namespace ytb::lambda {
namespace {

using Json = nlohmann::json;

constexpr int kDepthMax = 16;
constexpr size_t kTextMax = 255;
constexpr size_t kIdentifierMax = 63;
constexpr size_t kDomainMax = 253;
constexpr std::string_view kHeartbeat = "heartbeat";

struct ActionName {
  EventAction action;
  std::string_view name;
};
constexpr std::array kActions{
    ActionName{EventAction::kCreate, "create"}, ActionName{EventAction::kUpdate, "update"},
    ActionName{EventAction::kDelete, "delete"}, ActionName{EventAction::kStatus, "status"},
    ActionName{EventAction::kPlan, "plan"},     ActionName{EventAction::kRollback, "rollback"},
    ActionName{EventAction::kTick, "tick"},
};

Error wrong(std::string message, std::string hint = {}) {
  if (hint.empty()) {
    hint =
        R"(events look like {"action": "tick"}, or the original's {"config": {"domain": …, "db": {…}}, "action": "create"})";
  }
  return Error{.code = Code::kUsage, .message = std::move(message), .hint = std::move(hint)};
}

// Of brackets outside of strings, before any parser recurses into them.
bool is_too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDepthMax) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

std::string_view kind_of(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_boolean()) return "true or false";
  if (value.is_number()) return "a number";
  if (value.is_string()) return "a text";
  return value.is_array() ? "a list" : "an object";
}

Result<Json> parse_object(std::string_view text, std::string_view what) {
  if (text.size() > kEventBytesMax) {
    return wrong(fmt::format("{} is {} long, more than {}", what, human_bytes(text.size()),
                             human_bytes(kEventBytesMax)));
  }
  if (is_too_deep(text)) return wrong(fmt::format("{} is nested more than {} deep", what, kDepthMax));
  Json tree = parse_json<Json>(text);
  if (tree.is_discarded()) return wrong(fmt::format("{} is no JSON", what));
  return tree;
}

Status only_keys(const Json& object, std::string_view what, const std::vector<std::string>& allowed) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(allowed.begin(), allowed.end(), key) != allowed.end()) continue;
    return wrong(fmt::format("{} has the unknown key '{}'{}", what, printable(key.substr(0, kTextMax)),
                             did_you_mean(key, allowed)),
                 fmt::format("its keys are {}", join(allowed, ", ")));
  }
  return {};
}

// "" where it is not there.
Result<std::string> text_of(const Json& object, std::string_view what, const std::string& key) {
  auto found = object.find(key);
  if (found == object.end()) return std::string();
  if (!found->is_string()) {
    return wrong(fmt::format("{}: '{}' is {}, not a text", what, key, kind_of(*found)));
  }
  std::string text = found->get<std::string>();
  if (text.size() > kTextMax) {
    return wrong(fmt::format("{}: '{}' is longer than {} characters", what, key, kTextMax));
  }
  return text;
}

Result<std::string> needed(const Json& object, std::string_view what, const std::string& key) {
  YTB_ASSIGN(std::string text, text_of(object, what, key));
  if (text.empty()) return wrong(fmt::format("{} has no '{}'", what, key));
  return text;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// As RDS takes them.
bool is_identifier(std::string_view text) {
  if (text.empty() || text.size() > kIdentifierMax || !is_letter(text.front()) || text.back() == '-')
    return false;
  if (text.find("--") != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '-'; });
}

bool is_domain(std::string_view text) {
  if (text.empty() || text.size() > kDomainMax || text.find('.') == std::string_view::npos) return false;
  for (const std::string& label : split(text, '.')) {
    bool fits = !label.empty() && label.size() <= kIdentifierMax && label.front() != '-' &&
                label.back() != '-' && std::all_of(label.begin(), label.end(), [](char c) {
                  return is_letter(c) || is_digit(c) || c == '-' || c == '_';
                });
    if (!fits) return false;
  }
  return true;
}

// These reach the template of a copy: whoever may invoke chooses them.
Status right_text(std::string_view what, std::string_view key, config::AwsText kind,
                  const std::string& value) {
  std::optional<std::string> wrong_is = config::wrong_with_aws(kind, value);
  if (!wrong_is) return {};
  return wrong(fmt::format("{}: '{}' {}, not '{}'", what, key, *wrong_is, printable(value)));
}

Result<OriginalConfig> original_of(const Json& tree, std::string_view what) {
  if (!tree.is_object()) return wrong(fmt::format("{} is {}, not an object", what, kind_of(tree)));
  YTB_TRY(only_keys(tree, what, {"domain", "db"}));
  OriginalConfig config;
  YTB_ASSIGN(config.domain, needed(tree, what, "domain"));
  if (config.domain.back() == '.') config.domain.pop_back();
  if (!is_domain(config.domain)) {
    return wrong(fmt::format("{}: '{}' is no domain", what, printable(config.domain)),
                 "give the hosted zone's name, for example mysite.com");
  }
  auto db = tree.find("db");
  if (db == tree.end()) return wrong(fmt::format("{} has no 'db'", what));
  if (!db->is_object()) return wrong(fmt::format("{}: 'db' is {}, not an object", what, kind_of(*db)));
  std::string where = fmt::format("{}.db", what);
  YTB_TRY(only_keys(*db, where, {"name", "security_group", "subnet_group"}));
  YTB_ASSIGN(config.db_name, needed(*db, where, "name"));
  if (!is_identifier(config.db_name)) {
    return wrong(fmt::format("{}: '{}' is no name of an RDS instance", where, printable(config.db_name)),
                 "letters, digits and single hyphens, a letter first, at most 63");
  }
  // The copies are called after it.
  if (std::optional<std::string> bad = config::wrong_with_aws_production(to_lower_ascii(config.db_name))) {
    return wrong(fmt::format("{}: '{}' {}", where, printable(config.db_name), *bad),
                 "use a config of our own form, where 'productions:' gives it another name");
  }
  YTB_ASSIGN(config.security_group, needed(*db, where, "security_group"));
  YTB_ASSIGN(config.subnet_group, needed(*db, where, "subnet_group"));
  YTB_TRY(right_text(where, "security_group", config::AwsText::kSecurityGroup, config.security_group));
  YTB_TRY(right_text(where, "subnet_group", config::AwsText::kName, config.subnet_group));
  return config;
}

// A JSON string that holds an object is that object, once.
Result<Json> unwrap(Json tree, std::string_view what) {
  if (tree.is_string()) {
    std::string inner = tree.get<std::string>();
    YTB_ASSIGN(tree, parse_object(inner, fmt::format("the text in {}", what)));
  }
  if (!tree.is_object()) return wrong(fmt::format("{} is {}, not an object", what, kind_of(tree)));
  return tree;
}

// A rule's or schedule's own event. The rule of a heartbeat is told by its name; any other is the original's
// daily one, which asks for a refresh.
Result<Event> scheduled_event(const Json& tree) {
  constexpr std::string_view kWhat = "the scheduled event";
  YTB_TRY(only_keys(
      tree, kWhat,
      {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}));
  YTB_ASSIGN(std::string type, needed(tree, kWhat, "detail-type"));
  YTB_ASSIGN(std::string source, needed(tree, kWhat, "source"));
  if (type != "Scheduled Event" || (source != "aws.events" && source != "aws.scheduler")) {
    return wrong(
        fmt::format("an event '{}' of '{}' is not for this function", printable(type), printable(source)),
        "connect schedules to it, with an input such as {\"action\": \"tick\"}");
  }
  auto detail = tree.find("detail");
  bool is_plain =
      detail == tree.end() || detail->is_null() || (detail->is_object() && detail->empty()) ||
      (detail->is_string() && (detail->get<std::string>().empty() || detail->get<std::string>() == "{}"));
  if (!is_plain) {
    return wrong("the scheduled event has a 'detail', which is not read",
                 "set the schedule's input instead: it becomes the event");
  }
  Event event;
  YTB_ASSIGN(std::string time, text_of(tree, kWhat, "time"));
  event.time = from_iso(time);
  auto resources = tree.find("resources");
  if (resources != tree.end()) {
    if (!resources->is_array()) return wrong("the scheduled event's 'resources' is no list");
    for (const Json& resource : *resources) {
      if (!resource.is_string())
        return wrong("the scheduled event's 'resources' holds something else than texts");
      std::string arn = to_lower_ascii(resource.get<std::string>());
      if (arn.substr(arn.rfind('/') + 1).find(kHeartbeat) != std::string::npos)
        event.action = EventAction::kTick;
    }
  }
  return event;
}

Result<EventAction> action_named(const std::string& name) {
  std::vector<std::string> names;
  for (const ActionName& row : kActions) {
    if (row.name == name) return row.action;
    names.emplace_back(row.name);
  }
  return wrong(
      fmt::format("there is no action '{}'{}", printable(name), did_you_mean(name, names)),
      fmt::format("the actions are {}; without one the event means create or update", join(names, ", ")));
}

Status check_fit(const Event& event) {
  bool takes_copy = event.action == EventAction::kDelete || event.action == EventAction::kRollback;
  if (!event.copy.empty() && !takes_copy) {
    return wrong(fmt::format("'copy' is not for the action '{}'", name_of(event.action)),
                 "only delete and rollback take one");
  }
  bool begins = event.action == EventAction::kDue || event.action == EventAction::kCreate ||
                event.action == EventAction::kUpdate;
  if (event.force && !begins && event.action != EventAction::kPlan) {
    return wrong(fmt::format("'force' is not for the action '{}'", name_of(event.action)),
                 "only create, update and plan take it");
  }
  if (event.config && !event.production.empty()) {
    return wrong(
        "the event has both 'config' and 'production'",
        "'config' is the original's and names its database; 'production' names one of the function's own");
  }
  return {};
}

}  // namespace

std::string_view name_of(EventAction action) {
  for (const ActionName& row : kActions) {
    if (row.action == action) return row.name;
  }
  return "due";
}

Result<OriginalConfig> parse_original_config(std::string_view text) {
  YTB_ASSIGN(Json tree, parse_object(text, "the config"));
  YTB_ASSIGN(tree, unwrap(std::move(tree), "the config"));
  return original_of(tree, "config");
}

Result<Event> parse_event(std::string_view text) {
  constexpr std::string_view kWhat = "the event";
  YTB_ASSIGN(Json tree, parse_object(text, kWhat));
  YTB_ASSIGN(tree, unwrap(std::move(tree), kWhat));
  if (tree.contains("detail-type")) return scheduled_event(tree);
  YTB_TRY(only_keys(tree, kWhat, {"action", "config", "production", "copy", "force", "scheduled_time"}));
  Event event;
  YTB_ASSIGN(std::string action, text_of(tree, kWhat, "action"));
  if (tree.contains("action")) {
    YTB_ASSIGN(event.action, action_named(action));
  }
  YTB_ASSIGN(std::string production, text_of(tree, kWhat, "production"));
  event.production = model::ProductionName(production);
  YTB_ASSIGN(std::string copy, text_of(tree, kWhat, "copy"));
  event.copy = model::CopyId(copy);
  YTB_ASSIGN(std::string time, text_of(tree, kWhat, "scheduled_time"));
  event.time = from_iso(time);
  if (!time.empty() && !event.time) {
    return wrong(
        fmt::format("'scheduled_time' is '{}', not a time such as 2026-11-22T06:00:00Z", printable(time)));
  }
  if (auto force = tree.find("force"); force != tree.end()) {
    if (!force->is_boolean())
      return wrong(fmt::format("the event: 'force' is {}, not true or false", kind_of(*force)));
    event.force = force->get<bool>();
  }
  if (auto config = tree.find("config"); config != tree.end()) {
    YTB_ASSIGN(event.config, original_of(*config, "config"));
    event.config_text = config->dump();
  }
  YTB_TRY(check_fit(event));
  return event;
}

}  // namespace ytb::lambda
