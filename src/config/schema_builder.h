// SchemaBuilder: applies the statements of a schema dump, one after the other, to a database that starts
// empty. What does not shape tables is ignored. Private to the config room.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "config/schema_types.h"
#include "masking/catalog.h"

namespace ytb::config {

class SchemaBuilder {
 public:
  // `statement`: one statement node of PostgreSQL's parse tree, e.g. {"CreateStmt": {…}}. An error is about
  // what shapes a table and cannot be followed (CREATE TABLE … AS).
  Status apply(const nlohmann::json& statement);
  // The tables, by name.
  std::vector<masking::Table> take();

 private:
  using Tables = std::map<masking::QualifiedName, masking::Table>;

  Status create_table(const nlohmann::json& node, masking::RelationKind kind);
  Status create_table_as(const nlohmann::json& node);
  Status alter_table(const nlohmann::json& node);
  // `inherits`: not of ONLY this table.
  Status alter_one(const masking::QualifiedName& name, bool inherits, const nlohmann::json& command);
  void create_index(const nlohmann::json& node);
  void create_domain(const nlohmann::json& node);
  void define(const nlohmann::json& node);
  void own_sequence(const nlohmann::json& sequence, const nlohmann::json& options);
  void comment(const nlohmann::json& node);
  void rename(const nlohmann::json& node);
  void drop(const nlohmann::json& node);

  masking::Column read_column(const nlohmann::json& definition, masking::Table& table);
  void read_constraint(const nlohmann::json& constraint, masking::Table& table, masking::Column* column);
  static void read_check(const nlohmann::json& constraint, masking::Table& table,
                         const masking::Column* column);
  static void read_exclusion(const nlohmann::json& constraint, masking::Table& table);
  static void drop_constraint(masking::Table& table, const std::string& name);
  void add_column(masking::Table& table, masking::Column column);
  void inherit_columns(const masking::Table& parent, masking::Table& child);
  // The table and everything that inherits from it or is a partition of it.
  std::vector<masking::Table*> family(const masking::QualifiedName& name);
  masking::Table* find(const masking::QualifiedName& name);

  SchemaTypes types_;
  Tables tables_;
};

}  // namespace ytb::config
