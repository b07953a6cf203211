#include "config/expression_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/text.h"
#include "config/parse_tree.h"
#include "config/schema_types.h"

namespace ytb::config {
namespace {

using Json = nlohmann::json;
using masking::Expression;
using Kind = masking::Expression::Kind;

constexpr size_t kTextMax = 32 << 10;  // bytes; a longer definition is not judged
constexpr int kTreeDepthMax = 500;     // of JSON: a node of SQL is two or three of it
constexpr int kUnknownDepthMax = 400;  // of JSON, within what is not read, for the columns it mentions

Expression call(std::string name, std::vector<Expression> arguments) {
  return {.kind = Kind::kCall, .text = std::move(name), .arguments = std::move(arguments)};
}

Expression negated(bool negate, Expression expression) {
  if (!negate) return expression;
  std::vector<Expression> arguments;
  arguments.push_back(std::move(expression));
  return call("not", std::move(arguments));
}

// One of PostgreSQL's own without its schema; any other with it, which no operator or function here has.
std::string own_name(const std::vector<std::string>& parts) {
  if (parts.size() == 1) return parts[0];
  if (parts.size() == 2 && parts[0] == "pg_catalog") return parts[1];
  return join(parts, ".");
}

struct Operator {
  std::string name;
  bool negated = false;
};
Operator operator_of(const std::vector<std::string>& parts) {
  const std::string name = own_name(parts);
  if (name == "!=") return {.name = "<>"};
  if (name == "~~" || name == "!~~") return {.name = "like", .negated = name[0] == '!'};
  if (name == "~~*" || name == "!~~*") return {.name = "ilike", .negated = name[0] == '!'};
  if (name == "!~" || name == "!~*") return {.name = name.substr(1), .negated = true};
  if (name == "^@") return {.name = "starts_with"};
  return {.name = name};
}

class Reader {
 public:
  explicit Reader(bool of_domain) : of_domain_(of_domain) {}

  Expression read(const Json& node, int depth = 0) {
    if (!node.is_object() || node.size() != 1 || depth > masking::kExpressionDepthMax ||
        ++nodes_ > masking::kExpressionNodesMax) {
      return unread(node);
    }
    const std::string& kind = node.begin().key();
    const Json& body = node.begin().value();
    if (kind == "ColumnRef") return read_column(body, node);
    if (kind == "A_Const") return read_constant(body);
    if (kind == "TypeCast") return read_cast(body, depth);
    if (kind == "A_Expr") return read_operator(body, node, depth);
    if (kind == "BoolExpr") return read_logic(body, depth);
    if (kind == "NullTest") {
      return negated(body.value("nulltesttype", "") == "IS_NOT_NULL",
                     call("is null", read_all({&child(body, "arg")}, depth)));
    }
    if (kind == "BooleanTest") return read_truth(body, node, depth);
    if (kind == "FuncCall") return read_call(body, node, depth);
    if (kind == "CoalesceExpr") return call("coalesce", read_all(pointers(list(body, "args")), depth));
    if (kind == "CaseExpr") return read_case(body, depth);
    return unread(node);
  }

 private:
  static std::vector<const Json*> pointers(const Json& items) {
    std::vector<const Json*> all;
    for (const Json& item : items) all.push_back(&item);
    return all;
  }

  std::vector<Expression> read_all(const std::vector<const Json*>& nodes, int depth) {
    std::vector<Expression> all;
    all.reserve(nodes.size());
    for (const Json* node : nodes) all.push_back(read(*node, depth + 1));
    return all;
  }

  // What is not read keeps the columns that it mentions.
  Expression unread(const Json& node) {
    Expression unknown;
    collect_columns(node, unknown.arguments, 0);
    return unknown;
  }

  void collect_columns(const Json& node, std::vector<Expression>& columns, int depth) {
    if (depth > kUnknownDepthMax) return;
    if (node.is_object()) {
      if (auto found = node.find("ColumnRef"); found != node.end()) {
        if (++nodes_ > 2 * masking::kExpressionNodesMax) return;
        Expression column = read_column(*found, Json());
        if (column.kind == Kind::kColumn) columns.push_back(std::move(column));
        return;
      }
      for (const auto& [key, value] : node.items()) collect_columns(value, columns, depth + 1);
    } else if (node.is_array()) {
      for (const Json& value : node) collect_columns(value, columns, depth + 1);
    }
  }

  Expression read_column(const Json& body, const Json& /*node*/) const {
    const std::vector<std::string> parts = string_list(list(body, "fields"));
    if (parts.size() != list(body, "fields").size() || parts.empty()) return {};  // a whole row: t.*
    if (of_domain_ && parts.size() == 1 && parts[0] == "value") return {.kind = Kind::kValue};
    return {.kind = Kind::kColumn, .text = parts.back()};
  }

  static Expression read_constant(const Json& body) {
    if (body.value("isnull", false)) return {.kind = Kind::kNull};
    if (body.contains("sval")) return {.kind = Kind::kText, .text = child(body, "sval").value("sval", "")};
    if (body.contains("ival")) {
      return {.kind = Kind::kNumber, .text = fmt::format("{}", child(body, "ival").value("ival", 0))};
    }
    if (body.contains("fval")) return {.kind = Kind::kNumber, .text = child(body, "fval").value("fval", "")};
    if (body.contains("boolval")) {
      return {.kind = Kind::kBoolean,
              .text = child(body, "boolval").value("boolval", false) ? "true" : "false"};
    }
    return {};
  }

  static Expression cast_to(const Json& type, Expression value, bool element) {
    Expression cast{.kind = Kind::kCast, .text = own_name(string_list(list(type, "names")))};
    if (!element && !list(type, "arrayBounds").empty()) cast.text += "[]";
    cast.arguments.push_back(std::move(value));
    for (const Json& modifier : list(type, "typmods")) {
      cast.arguments.push_back(read_constant(child(modifier, "A_Const")));
    }
    return cast;
  }

  Expression read_cast(const Json& body, int depth) {
    return cast_to(child(body, "typeName"), read(child(body, "arg"), depth + 1), false);
  }

  // The elements of ARRAY[…], perhaps cast, or of '{a,b}'::text[] where none needs quotes; empty: not such.
  std::vector<Expression> elements_of(const Json& node, int depth) {
    if (const Json& array = child(node, "A_ArrayExpr"); !array.empty()) {
      return read_all(pointers(list(array, "elements")), depth);
    }
    const Json& cast = child(node, "TypeCast");
    if (cast.empty() || list(child(cast, "typeName"), "arrayBounds").empty()) return {};
    std::vector<Expression> elements;
    const Json& inner = child(cast, "arg");
    if (const Json& constant = child(inner, "A_Const"); constant.contains("sval")) {
      std::string text = child(constant, "sval").value("sval", "");
      if (text.size() < 2 || text.front() != '{' || text.back() != '}') return {};
      text = text.substr(1, text.size() - 2);
      if (text.find_first_of("{}\"\\ \t\n") != std::string::npos) return {};
      for (std::string& element : split(text, ',')) {
        const bool null = to_lower_ascii(element) == "null";
        elements.push_back({.kind = null ? Kind::kNull : Kind::kText, .text = std::move(element)});
      }
    } else if (depth <= masking::kExpressionDepthMax) {
      elements = elements_of(inner, depth + 1);
    }
    for (Expression& element : elements) element = cast_to(child(cast, "typeName"), std::move(element), true);
    nodes_ += elements.size();
    return elements;
  }

  Expression read_operator(const Json& body, const Json& node, int depth) {
    const std::string kind = body.value("kind", "");
    const Operator named = operator_of(string_list(list(body, "name")));
    const Json& left = child(body, "lexpr");
    const Json& right = child(body, "rexpr");
    if (kind == "AEXPR_OP" || kind == "AEXPR_LIKE" || kind == "AEXPR_ILIKE") {
      std::vector<const Json*> sides{&right};
      if (!left.empty()) sides.insert(sides.begin(), &left);
      return negated(named.negated, call(named.name, read_all(sides, depth)));
    }
    if (kind == "AEXPR_DISTINCT" || kind == "AEXPR_NOT_DISTINCT") {
      return negated(kind == "AEXPR_NOT_DISTINCT", call("is distinct", read_all({&left, &right}, depth)));
    }
    if (kind == "AEXPR_NULLIF") return call("nullif", read_all({&left, &right}, depth));
    if (kind == "AEXPR_IN" || kind == "AEXPR_OP_ANY" || kind == "AEXPR_OP_ALL") {
      std::vector<Expression> elements = kind == "AEXPR_IN"
                                             ? read_all(pointers(list(child(right, "List"), "items")), depth)
                                             : elements_of(right, depth);
      if (elements.empty() || named.negated) return unread(node);
      elements.insert(elements.begin(), read(left, depth + 1));
      const bool all = kind == "AEXPR_OP_ALL" || (kind == "AEXPR_IN" && named.name == "<>");
      return {.kind = all ? Kind::kAll : Kind::kAny, .text = named.name, .arguments = std::move(elements)};
    }
    if (kind == "AEXPR_BETWEEN" || kind == "AEXPR_NOT_BETWEEN") {
      const Json& bounds = list(child(right, "List"), "items");
      if (bounds.size() != 2) return unread(node);
      std::vector<Expression> both;
      both.push_back(call(">=", read_all({&left, &bounds[0]}, depth)));
      both.push_back(call("<=", read_all({&left, &bounds[1]}, depth)));
      return negated(kind == "AEXPR_NOT_BETWEEN", call("and", std::move(both)));
    }
    return unread(node);
  }

  Expression read_logic(const Json& body, int depth) {
    const std::string operation = body.value("boolop", "");
    return call(operation == "AND_EXPR"  ? "and"
                : operation == "OR_EXPR" ? "or"
                                         : "not",
                read_all(pointers(list(body, "args")), depth));
  }

  Expression read_truth(const Json& body, const Json& node, int depth) {
    const std::string kind = body.value("booltesttype", "");
    if (kind == "IS_UNKNOWN" || kind == "IS_NOT_UNKNOWN") {
      return negated(kind == "IS_NOT_UNKNOWN", call("is null", read_all({&child(body, "arg")}, depth)));
    }
    if (!kind.ends_with("TRUE") && !kind.ends_with("FALSE")) return unread(node);
    return negated(kind.starts_with("IS_NOT"), call(kind.ends_with("TRUE") ? "is true" : "is false",
                                                    read_all({&child(body, "arg")}, depth)));
  }

  Expression read_call(const Json& body, const Json& node, int depth) {
    for (const char* more : {"agg_order", "agg_filter", "over"}) {
      if (body.contains(more)) return unread(node);
    }
    if (body.value("agg_star", false) || body.value("func_variadic", false)) return unread(node);
    return call(own_name(string_list(list(body, "funcname"))), read_all(pointers(list(body, "args")), depth));
  }

  // case(condition, result, …, otherwise).
  Expression read_case(const Json& body, int depth) {
    std::vector<Expression> parts;
    const Json& subject = child(body, "arg");
    for (const Json& item : list(body, "args")) {
      const Json& when = child(item, "CaseWhen");
      if (subject.empty()) {
        parts.push_back(read(child(when, "expr"), depth + 1));
      } else {
        parts.push_back(call("=", read_all({&subject, &child(when, "expr")}, depth)));
      }
      parts.push_back(read(child(when, "result"), depth + 1));
    }
    const Json& otherwise = child(body, "defresult");
    parts.push_back(otherwise.empty() ? Expression{.kind = Kind::kNull} : read(otherwise, depth + 1));
    return call("case", std::move(parts));
  }

  bool of_domain_;
  size_t nodes_ = 0;
};

}  // namespace

Expression read_expression(const Json& node, bool of_domain) {
  // The library's exceptions end here: a tree of another shape than expected.
  try {
    return Reader(of_domain).read(node);
  } catch (const Json::exception&) {
    return {};
  }
}

Expression parse_expression(std::string_view text, bool of_domain) {
  if (text.empty() || text.size() > kTextMax || text.find('\0') != std::string_view::npos) return {};
  const std::string statement = fmt::format("SELECT ({}\n)", text);
  std::unique_ptr<PgQueryParseResult, FreeParse> parsed(
      new PgQueryParseResult(pg_query_parse(statement.c_str())));
  if (parsed->error != nullptr) return {};
  const Json tree = parse_json(parsed->parse_tree, kTreeDepthMax);
  const Json& statements = list(tree, "stmts");
  if (statements.size() != 1) return {};
  const Json& targets = list(child(child(statements[0], "stmt"), "SelectStmt"), "targetList");
  if (targets.size() != 1) return {};
  return read_expression(child(child(targets[0], "ResTarget"), "val"), of_domain);
}

}  // namespace ytb::config
