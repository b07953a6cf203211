// Reading a parse tree of libpg_query's as JSON. Private to the config room.
#pragma once

#include <pg_query.h>

#include <nlohmann/json.hpp>

namespace ytb::config {

struct FreeParse {
  void operator()(PgQueryParseResult* result) const {
    pg_query_free_parse_result(*result);
    delete result;
  }
};

// Of a key that is missing, an empty object.
inline const nlohmann::json& child(const nlohmann::json& node, const char* key) {
  static const nlohmann::json kNothing = nlohmann::json::object();
  if (!node.is_object()) return kNothing;
  const auto found = node.find(key);
  return found == node.end() ? kNothing : *found;
}

// Of what is no list, an empty one.
inline const nlohmann::json& list(const nlohmann::json& node, const char* key) {
  static const nlohmann::json kEmpty = nlohmann::json::array();
  const nlohmann::json& found = child(node, key);
  return found.is_array() ? found : kEmpty;
}

}  // namespace ytb::config
