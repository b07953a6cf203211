// Expressions of SQL as the masking room judges them: what a CHECK demands, what a generated column is
// computed from. Read with PostgreSQL's own grammar; nothing is looked up, and nothing of it is ever run.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "masking/expression.h"

namespace ytb::config {

// `text`: what pg_get_expr() gives under the search path pg_catalog, in which a name without a schema is
// PostgreSQL's own. `of_domain`: VALUE is meant by the name value. kUnknown for what cannot be read, is too
// large or nests too deep; such a text may come from anybody who may make a table.
masking::Expression parse_expression(std::string_view text, bool of_domain);
// The same of a node of a parse tree.
masking::Expression read_expression(const nlohmann::json& node, bool of_domain);

}  // namespace ytb::config
