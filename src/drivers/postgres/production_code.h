// Which definitions of a database run code of production's when the server computes or merely plans them.
//
// Code is a function that is neither the server's own nor an installed extension's in C: bodies are not read.
// What leads to one (operators, operator classes, types with their domains' constraints and default operator
// classes) is followed in the catalog; where in doubt, a definition counts as code.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"

namespace ytb::postgres {

struct CodedDefinitions {
  std::vector<std::pair<int64_t, int64_t>> columns;  // generated: relation and number
  std::vector<int64_t> indexes;                      // living ones
  std::vector<int64_t> statistics;                   // objects with expressions, or over such columns
  std::vector<int64_t> tables;                       // which ANALYZE runs code for
};
// To be asked while nothing is suspended.
Result<CodedDefinitions> coded_definitions(Connection& session);
// What it asks, for the test of how the server goes about it.
std::string coded_definitions_query(int major);

}  // namespace ytb::postgres
