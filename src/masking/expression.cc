#include "masking/expression.h"

#include <algorithm>

namespace ytb::masking {
namespace {

void collect(const Expression& expression, std::vector<std::string>& columns) {
  if (expression.kind == Expression::Kind::kColumn &&
      std::find(columns.begin(), columns.end(), expression.text) == columns.end()) {
    columns.push_back(expression.text);
  }
  for (const Expression& argument : expression.arguments) collect(argument, columns);
}

}  // namespace

std::vector<std::string> columns_of(const Expression& expression) {
  std::vector<std::string> columns;
  collect(expression, columns);
  return columns;
}

void rename_column(Expression& expression, std::string_view from, std::string_view to) {
  if (expression.kind == Expression::Kind::kColumn && expression.text == from) expression.text = to;
  for (Expression& argument : expression.arguments) rename_column(argument, from, to);
}

}  // namespace ytb::masking
