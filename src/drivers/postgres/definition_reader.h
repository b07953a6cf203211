// Reads every definition of a database that may hold literals.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "masking/catalog.h"

namespace ytb::postgres {

// Definitions of the system's own objects and of extensions are left out. A definition that the server cannot
// print (a broken view) does not end the reading of a catalog: then one entry says that they could not be
// read.
// Of each only whether a detector finds something in it: no text leaves this function.
std::vector<masking::TellingDefinition> read_telling_definitions(Connection& session);

struct Definition {
  // Comments, labels, options and raw defaults are prose; the rest is SQL, and bodies are in their language.
  enum class Text { kProse, kSql, kOtherLanguage };
  std::string_view object;  // "comment on table public.users"
  std::string_view text;
  Text is = Text::kSql;
  bool of_server = false;  // of a role or tablespace: the same in every database
};
Status read_definitions(Connection& session, const std::function<void(const Definition&)>& take);

}  // namespace ytb::postgres
