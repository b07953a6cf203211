// What holds rows in a restored database and is not a table that a policy can judge: relations whose kind in
// pg_class is not what they are, what lies in the schema of TOAST tables, TOAST that belongs to no table, and
// the server's own tables of information_schema. By looking at production's tables alone they would be
// forgotten, and staging may read them. The first kinds are refused, the last are filled anew.
//
// For single-user mode, before anything else is asked (catalog_origin.h): statements to run, and what they
// printed to judge.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"

namespace ytb::postgres {

// Of a database: prints relations that no policy could judge, and where its sequences lie.
std::vector<std::string> look_for_unjudged();
// Names what is wrong. `data`: the data folder, its server having ended: a sequence is one row in one page.
Result<std::vector<std::string>> unjudged_in(std::string_view printed, const std::string& data);
// The proof's question, in a database of a running copy.
Result<std::vector<std::string>> unjudged_left(Connection& session);

// The tables of information_schema.
struct ServersTables {
  std::map<std::string, std::string> shapes;  // columns with types, and constraints of their types
  std::map<std::string, std::string> rows;    // as one text each
};
std::vector<std::string> look_at_servers_tables();
std::vector<std::string> read_servers_tables();  // to be run in the reference alone
ServersTables servers_tables_in(std::string_view printed);
// Every row replaced by the reference's: a new file, in which nothing of production's is left.
std::vector<std::string> fill_servers_tables(const ServersTables& reference);

}  // namespace ytb::postgres
