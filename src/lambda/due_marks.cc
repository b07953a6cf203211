#include "lambda/due_marks.h"

#include <optional>

#include "base/json.h"

namespace ytb::lambda {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;

std::string_view name_of(DueMark::Want want) {
  switch (want) {
    case DueMark::Want::kRefresh:
      return "refresh";
    case DueMark::Want::kFollow:
      return "follow";
    case DueMark::Want::kTeardown:
      return "teardown";
  }
  return "refresh";
}

std::optional<DueMark::Want> want_of(std::string_view name) {
  for (DueMark::Want want : {DueMark::Want::kRefresh, DueMark::Want::kFollow, DueMark::Want::kTeardown}) {
    if (name_of(want) == name) return want;
  }
  return std::nullopt;
}

std::string text_in(const Json& tree, const char* key) {
  auto found = tree.find(key);
  return found != tree.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string to_json(const DueMark& mark) {
  return Json{{"format", kFormat},          {"production", mark.production.str()},
              {"want", name_of(mark.want)}, {"at", to_iso(mark.at, true)},
              {"force", mark.force},        {"config", mark.config_text}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<DueMark> due_mark_from_json(std::string_view text) {
  Error damaged{.code = Code::kCorrupt,
                .message = "a due mark cannot be read",
                .hint = "delete it; the next event that asks for a refresh writes a new one"};
  Json tree = parse_json<Json>(text);
  if (!tree.is_object() || tree.value("format", Json()) != kFormat) return damaged;
  std::optional<DueMark::Want> want = want_of(text_in(tree, "want"));
  std::optional<Instant> at = from_iso(text_in(tree, "at"));
  auto force = tree.find("force");
  std::string production = text_in(tree, "production");
  if (!want || !at || force == tree.end() || !force->is_boolean() || production.empty()) return damaged;
  return DueMark{.production = model::ProductionName(production),
                 .want = *want,
                 .at = *at,
                 .force = force->get<bool>(),
                 .config_text = text_in(tree, "config")};
}

}  // namespace ytb::lambda
