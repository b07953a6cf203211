// A first policy in fewer lines: what is proposed alike for the columns of one name in many tables becomes a
// rule across tables. What is proposed differently keeps its line, which goes before the rule.
#pragma once

#include <string>
#include <vector>

#include "masking/additions.h"

namespace ytb::masking {

struct RuleLine {
  std::string pattern;  // "*.created_at"
  MaskerSpec masker;
  size_t tables = 0;
  std::vector<std::string> examples;  // "public.users (text): name 'created at'", the first few
};

// Takes the lines that the rules judge out of `databases`, and the tables that have none left.
std::vector<RuleLine> take_rules(std::vector<DatabaseLines>& databases);
// `columns:` with all of them; "" where there are none.
std::string yaml_lines(const std::vector<RuleLine>& rules);

}  // namespace ytb::masking
