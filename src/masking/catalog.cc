#include "masking/catalog.h"

#include <algorithm>

#include "masking/names.h"

namespace ytb::masking {

std::string to_string(const QualifiedName& name) {
  return quote_name(name.schema) + "." + quote_name(name.name);
}

const Table* find_table(const Database& database, const QualifiedName& name) {
  auto found = std::find_if(database.tables.begin(), database.tables.end(),
                            [&](const Table& table) { return table.name == name; });
  return found == database.tables.end() ? nullptr : &*found;
}

const Database* find_database(const Catalog& catalog, std::string_view name) {
  auto found = std::find_if(catalog.databases.begin(), catalog.databases.end(),
                            [&](const Database& database) { return database.name == name; });
  return found == catalog.databases.end() ? nullptr : &*found;
}

const Column* find_column(const Table& table, std::string_view name) {
  auto found = std::find_if(table.columns.begin(), table.columns.end(),
                            [&](const Column& column) { return column.name == name; });
  return found == table.columns.end() ? nullptr : &*found;
}

}  // namespace ytb::masking
