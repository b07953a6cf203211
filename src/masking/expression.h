// Expression: what a CHECK demands or a generated column is computed from, as a tree of the operations whose
// meaning is PostgreSQL's own. Whatever else stands in it (functions of production's, what a session knows)
// is kUnknown or a call by a name that is not known here: it is never evaluated. Pure data.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ytb::masking {

struct Expression {
  enum class Kind {
    kUnknown,  // not read; what it mentions may still be among its arguments
    kColumn,   // text: its name
    kValue,    // what a domain's CHECK is about
    kNull,
    kText,     // a constant in quotes, of whatever type its context gives it
    kNumber,   // text: as written
    kBoolean,  // text: "true" or "false"
    kCall,  // text: an operator or function of pg_catalog in lower case, or and, or, not, is null, is true,
            // is false, is distinct, coalesce, nullif, case, like, ilike, extract
    kAny,   // text: an operator; the first argument against each of the others: one is true
    kAll,   // likewise: all are true
    kCast,  // text: the type by its internal name ("varchar"); a second argument is its length
  };
  Kind kind = Kind::kUnknown;
  std::string text{};
  std::vector<Expression> arguments{};
};

// A tree is at most this deep and this large (config/expression_text.h): walking it needs no bound of its
// own.
constexpr int kExpressionDepthMax = 100;
constexpr size_t kExpressionNodesMax = 20'000;

// A CHECK of a table or a domain that holds for every row: valid and enforced.
struct Check {
  std::string name;  // "CHECK constraint price_check", "CHECK constraint d_check of domain public.d"
  Expression condition;
  std::vector<std::string> columns{};  // of the table that it mentions; of a domain's: none
  std::string constraint{};            // as the server calls it: "price_check"; "": not known
};

// The columns that it mentions, each once, in order.
std::vector<std::string> columns_of(const Expression& expression);
void rename_column(Expression& expression, std::string_view from, std::string_view to);

}  // namespace ytb::masking
