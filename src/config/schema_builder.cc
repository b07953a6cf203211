#include "config/schema_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "config/expression_text.h"
#include "config/parse_tree.h"
#include "masking/names.h"

namespace ytb::config {
namespace {

using Json = nlohmann::json;
using masking::Check;
using masking::Column;
using masking::Exclusion;
using masking::ForeignKey;
using masking::Index;
using masking::QualifiedName;
using masking::RelationKind;
using masking::Table;

constexpr int kExpressionDepthMax = 200;
constexpr size_t kFamilyMax = 100'000;

QualifiedName relation_name(const Json& range_var) {
  std::string schema = range_var.value("schemaname", "");
  if (schema.empty()) schema = "public";
  return {.schema = std::move(schema), .name = range_var.value("relname", "")};
}

// Every column that an expression mentions.
void collect_columns(const Json& node, std::set<std::string>& columns, int depth = 0) {
  if (depth > kExpressionDepthMax) return;
  if (node.is_object()) {
    if (auto found = node.find("ColumnRef"); found != node.end()) {
      std::vector<std::string> parts = string_list(list(*found, "fields"));
      if (!parts.empty()) columns.insert(parts.back());
    }
    for (const auto& [key, value] : node.items()) collect_columns(value, columns, depth + 1);
  } else if (node.is_array()) {
    for (const Json& value : node) collect_columns(value, columns, depth + 1);
  }
}

Column* find_column(Table& table, std::string_view name) {
  for (Column& column : table.columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

Error cannot_follow(std::string_view what) {
  return {.code = Code::kUnsupported,
          .message = fmt::format("{} does not say its columns", what),
          .hint = "use a dump of the database as it is: pg_dump --schema-only",
          .retry = Retry::kNever};
}

}  // namespace

std::vector<Table> SchemaBuilder::take() {
  std::vector<Table> tables;
  tables.reserve(tables_.size());
  for (auto& [name, table] : tables_) tables.push_back(std::move(table));
  return tables;
}

Table* SchemaBuilder::find(const QualifiedName& name) {
  auto found = tables_.find(name);
  return found == tables_.end() ? nullptr : &found->second;
}

std::vector<Table*> SchemaBuilder::family(const QualifiedName& name) {
  std::vector<Table*> members;
  if (Table* top = find(name)) members.push_back(top);
  std::set<QualifiedName> seen{name};
  for (size_t i = 0; i < members.size() && members.size() < kFamilyMax; ++i) {
    const QualifiedName parent = members[i]->name;
    for (auto& [child_name, table] : tables_) {
      const bool inherits =
          std::find(table.inherits.begin(), table.inherits.end(), parent) != table.inherits.end();
      if ((inherits || table.partition_of == parent) && seen.insert(child_name).second)
        members.push_back(&table);
    }
  }
  return members;
}

Status SchemaBuilder::apply(const Json& statement) {
  if (!statement.is_object() || statement.empty()) return {};
  const std::string kind = statement.begin().key();
  const Json& node = statement.begin().value();
  if (kind == "CreateStmt") return create_table(node, RelationKind::kTable);
  if (kind == "CreateForeignTableStmt") return create_table(child(node, "base"), RelationKind::kForeignTable);
  if (kind == "CreateTableAsStmt") return create_table_as(node);
  if (kind == "AlterTableStmt") return alter_table(node);
  if (kind == "IndexStmt") create_index(node);
  if (kind == "CreateEnumStmt") {
    types_.add_enum(qualified(string_list(list(node, "typeName"))), string_list(list(node, "vals")));
  }
  if (kind == "CompositeTypeStmt") types_.add_other(relation_name(child(node, "typevar")), 'c');
  if (kind == "CreateRangeStmt") types_.add_other(qualified(string_list(list(node, "typeName"))), 'r');
  if (kind == "CreateDomainStmt") create_domain(node);
  if (kind == "DefineStmt") define(node);
  if (kind == "CreateSeqStmt" || kind == "AlterSeqStmt") {
    own_sequence(child(node, "sequence"), list(node, "options"));
  }
  if (kind == "CommentStmt") comment(node);
  if (kind == "RenameStmt") rename(node);
  if (kind == "DropStmt") drop(node);
  return {};
}

Status SchemaBuilder::create_table(const Json& node, RelationKind kind) {
  const Json& relation = child(node, "relation");
  if (relation.value("relpersistence", "p") == "t") return {};  // temporary: not in a dump of anything
  if (node.contains("ofTypename")) return cannot_follow("CREATE TABLE … OF a type");
  Table table;
  table.name = relation_name(relation);
  table.kind = kind;
  table.unlogged = relation.value("relpersistence", "p") == "u";
  for (const Json& item : list(node, "inhRelations")) {
    const QualifiedName parent_name = relation_name(child(item, "RangeVar"));
    if (node.contains("partbound")) {
      table.partition_of = parent_name;
    } else {
      table.inherits.push_back(parent_name);
    }
    if (const Table* parent = find(parent_name)) {
      inherit_columns(*parent, table);
      table.checks.insert(table.checks.end(), parent->checks.begin(), parent->checks.end());
    }
  }
  for (const Json& element : list(node, "tableElts")) {
    if (element.contains("ColumnDef")) add_column(table, read_column(element["ColumnDef"], table));
    if (element.contains("Constraint")) read_constraint(element["Constraint"], table, nullptr);
    if (element.contains("TableLikeClause")) {
      const Table* like = find(relation_name(child(element["TableLikeClause"], "relation")));
      if (like != nullptr) inherit_columns(*like, table);
    }
  }
  if (const Json& partition = child(node, "partspec"); !partition.empty()) {
    if (kind == RelationKind::kTable) table.kind = RelationKind::kPartitioned;
    std::set<std::string> columns;
    for (const Json& param : list(partition, "partParams")) {
      const Json& element = child(param, "PartitionElem");
      if (element.contains("name")) columns.insert(element.value("name", ""));
      collect_columns(child(element, "expr"), columns);
    }
    for (const std::string& name : columns) {
      if (Column* column = find_column(table, name)) column->in_partition_key = true;
    }
  }
  tables_[table.name] = std::move(table);
  return {};
}

Status SchemaBuilder::create_table_as(const Json& node) {
  const Json& relation = child(child(node, "into"), "rel");
  if (relation.value("relpersistence", "p") == "t") return {};
  if (node.value("objtype", "") != "OBJECT_MATVIEW") return cannot_follow("CREATE TABLE … AS");
  Table view;
  view.name = relation_name(relation);
  view.kind = RelationKind::kMaterializedView;
  tables_[view.name] = std::move(view);
  return {};
}

void SchemaBuilder::inherit_columns(const Table& parent, Table& into) {
  for (const Column& column : parent.columns) {
    if (find_column(into, column.name) != nullptr) continue;
    Column copy = column;
    copy.in_partition_key = false;
    copy.sequence.clear();
    copy.identity = false;
    add_column(into, std::move(copy));
  }
}

void SchemaBuilder::add_column(Table& table, Column column) {
  if (Column* own = find_column(table, column.name)) {  // an inherited one, said again
    const int number = own->number;
    *own = std::move(column);
    own->number = number;
    return;
  }
  column.number = static_cast<int>(table.columns.size() + table.dropped_columns.size()) + 1;
  table.columns.push_back(std::move(column));
}

Column SchemaBuilder::read_column(const Json& definition, Table& table) {
  Column column;
  column.name = definition.value("colname", "");
  if (const Json& collation = child(definition, "collClause"); !collation.empty()) {
    column.case_insensitive = types_.folds_case(qualified(string_list(list(collation, "collname"))));
  }
  if (definition.contains("typeName")) {
    types_.apply(definition["typeName"], column);
  } else if (const Column* inherited = find_column(table, column.name)) {
    column = *inherited;  // PARTITION OF parent (column WITH OPTIONS …)
  }
  for (const Json& item : list(definition, "constraints")) {
    if (item.contains("Constraint")) read_constraint(item["Constraint"], table, &column);
  }
  return column;
}

void SchemaBuilder::read_constraint(const Json& constraint, Table& table, Column* column) {
  const std::string kind = constraint.value("contype", "");
  if (kind == "CONSTR_NOTNULL" && column != nullptr) column->not_null = true;
  if (kind == "CONSTR_GENERATED" && column != nullptr) {
    column->generated = true;
    column->computed_from = read_expression(child(constraint, "raw_expr"), false);
  }
  if (kind == "CONSTR_CHECK") read_check(constraint, table, column);
  if (kind == "CONSTR_EXCLUSION") read_exclusion(constraint, table);
  if (kind == "CONSTR_IDENTITY" && column != nullptr) {
    column->identity = true;
    column->not_null = true;
  }
  if (kind == "CONSTR_PRIMARY" || kind == "CONSTR_UNIQUE") {
    if (constraint.contains("indexname")) return;  // USING INDEX: the index is there already
    Index index;
    index.unique = true;
    index.primary = kind == "CONSTR_PRIMARY";
    index.nulls_not_distinct = constraint.value("nulls_not_distinct", false);
    index.columns = string_list(list(constraint, "keys"));
    if (column != nullptr) index.columns = {column->name};
    index.name = constraint.value("conname", "");
    if (index.name.empty()) {
      index.name = table.name.name + "_" + (index.primary ? "pkey" : join(index.columns, "_") + "_key");
    }
    for (const std::string& name : index.columns) {
      if (!index.primary) break;
      if (column != nullptr) column->not_null = true;
      if (Column* key = find_column(table, name)) key->not_null = true;
    }
    table.indexes.push_back(std::move(index));
  }
  if (kind == "CONSTR_FOREIGN") {
    ForeignKey key;
    key.columns = string_list(list(constraint, "fk_attrs"));
    if (column != nullptr) key.columns = {column->name};
    key.references = relation_name(child(constraint, "pktable"));
    key.referenced_columns = string_list(list(constraint, "pk_attrs"));
    key.name = constraint.value("conname", "");
    if (key.name.empty()) key.name = table.name.name + "_" + join(key.columns, "_") + "_fkey";
    if (key.referenced_columns.empty()) {  // the other table's primary key
      const Table* other = key.references == table.name ? &table : find(key.references);
      for (const Index& index : other == nullptr ? std::vector<Index>() : other->indexes) {
        if (index.primary) key.referenced_columns = index.columns;
      }
    }
    table.foreign_keys.push_back(std::move(key));
  }
}

// One that is NOT VALID does not hold for every row, and no refresh asks for it.
void SchemaBuilder::read_check(const Json& constraint, Table& table, const Column* column) {
  if (constraint.value("skip_validation", false) && !constraint.value("initially_valid", false)) return;
  std::string name = constraint.value("conname", "");
  Check check{.name = {}, .condition = read_expression(child(constraint, "raw_expr"), false), .columns = {}};
  check.columns = masking::columns_of(check.condition);
  if (name.empty()) {  // as the server would call it (ChooseConstraintName)
    const bool one = check.columns.size() == 1;
    name = table.name.name +
           (column != nullptr ? "_" + column->name
            : one             ? "_" + check.columns[0]
                              : "") +
           "_check";
  }
  // What pg_dump of 18 calls NOT NULL with a name comes as one (newer_syntax.h).
  const masking::Expression& condition = check.condition;
  if (condition.text == "not" && condition.arguments.size() == 1 &&
      condition.arguments[0].text == "is null") {
    for (const std::string& each : check.columns) {
      if (condition.arguments[0].arguments[0].kind != masking::Expression::Kind::kColumn) break;
      if (Column* never_null = find_column(table, each)) never_null->not_null = true;
    }
  }
  drop_constraint(table, name);  // an inherited one, said again
  check.name = "CHECK constraint " + printable(masking::quote_name(name));
  table.checks.push_back(std::move(check));
}

void SchemaBuilder::read_exclusion(const Json& constraint, Table& table) {
  Exclusion exclusion{.name = constraint.value("conname", ""), .elements = {}};
  for (const Json& item : list(constraint, "exclusions")) {
    const Json& pair = list(child(item, "List"), "items");
    if (pair.size() != 2) continue;
    const Json& element = child(pair[0], "IndexElem");
    const std::vector<std::string> operation = string_list(list(child(pair[1], "List"), "items"));
    Exclusion::Element read{.columns = {},
                            .expression = !element.contains("name"),
                            .operation = operation.empty() ? std::string() : operation.back()};
    if (read.expression) {
      std::set<std::string> columns;
      collect_columns(child(element, "expr"), columns);
      read.columns.assign(columns.begin(), columns.end());
    } else {
      read.columns.push_back(element.value("name", ""));
    }
    exclusion.elements.push_back(std::move(read));
  }
  if (exclusion.name.empty()) exclusion.name = table.name.name + "_excl";
  table.exclusions.push_back(std::move(exclusion));
}

void SchemaBuilder::drop_constraint(Table& table, const std::string& name) {
  const std::string check_name = "CHECK constraint " + printable(masking::quote_name(name));
  std::erase_if(table.checks, [&](const Check& check) { return check.name == check_name; });
  std::erase_if(table.exclusions, [&](const Exclusion& exclusion) { return exclusion.name == name; });
}

Status SchemaBuilder::alter_table(const Json& node) {
  const std::string kind = node.value("objtype", "");
  if (kind != "OBJECT_TABLE" && kind != "OBJECT_FOREIGN_TABLE") return {};
  const Json& relation = child(node, "relation");
  const QualifiedName name = relation_name(relation);
  for (const Json& command : list(node, "cmds")) {
    YTB_TRY(alter_one(name, relation.value("inh", false), child(command, "AlterTableCmd")));
  }
  return {};
}

Status SchemaBuilder::alter_one(const QualifiedName& name, bool inherits, const Json& command) {
  const std::string what = command.value("subtype", "");
  const std::string column_name = command.value("name", "");
  const Json& definition = child(command, "def");
  if (what == "AT_AttachPartition" || what == "AT_DetachPartition") {
    Table* partition = find(relation_name(child(child(definition, "PartitionCmd"), "name")));
    if (partition == nullptr) return {};
    partition->partition_of.reset();
    if (what == "AT_AttachPartition") partition->partition_of = name;
    return {};
  }
  for (Table* table : family(name)) {
    Column* column = find_column(*table, column_name);
    const bool top = table->name == name;
    if (what == "AT_AddColumn") {
      add_column(*table, read_column(child(definition, "ColumnDef"), *table));
    } else if (what == "AT_DropColumn" && column != nullptr) {
      table->dropped_columns.push_back(column_name);
      std::erase_if(table->checks, [&](const Check& check) {
        return std::find(check.columns.begin(), check.columns.end(), column_name) != check.columns.end();
      });
      table->columns.erase(table->columns.begin() + (column - table->columns.data()));
    } else if (what == "AT_AlterColumnType" && column != nullptr) {
      Column changed;
      changed.name = column->name;
      changed.number = column->number;
      changed.not_null = column->not_null;
      changed.identity = column->identity;
      changed.sequence = column->sequence;
      changed.in_partition_key = column->in_partition_key;
      changed.comment = column->comment;
      changed.generated = column->generated;
      changed.computed_from = column->computed_from;
      types_.apply(child(child(definition, "ColumnDef"), "typeName"), changed);
      *column = std::move(changed);
    } else if (what == "AT_SetNotNull" && column != nullptr) {
      column->not_null = true;
    } else if (what == "AT_DropNotNull" && column != nullptr) {
      column->not_null = false;
    } else if (what == "AT_AddIdentity" && column != nullptr && top) {
      column->identity = true;
    } else if (what == "AT_DropIdentity" && column != nullptr && top) {
      column->identity = false;
    } else if (what == "AT_DropExpression" && column != nullptr) {
      column->generated = false;
      column->computed_from = {};
    } else if (what == "AT_AddConstraint") {
      const Json& constraint = child(definition, "Constraint");
      // A CHECK goes down to what inherits, unless it says otherwise.
      const bool inherited = constraint.value("contype", "") == "CONSTR_CHECK" &&
                             !constraint.value("is_no_inherit", false) && inherits;
      if (top || inherited) read_constraint(constraint, *table, nullptr);
    } else if (what == "AT_DropConstraint") {
      drop_constraint(*table, column_name);
    } else if (what == "AT_AddInherit" && top) {
      table->inherits.push_back(relation_name(child(definition, "RangeVar")));
    }
  }
  return {};
}

void SchemaBuilder::create_index(const Json& node) {
  Table* table = find(relation_name(child(node, "relation")));
  if (table == nullptr) return;
  Index index;
  index.name = node.value("idxname", "");
  index.unique = node.value("unique", false);
  index.nulls_not_distinct = node.value("nulls_not_distinct", false);
  index.partial_or_expression = node.contains("whereClause");
  std::set<std::string> used;
  for (const Json& param : list(node, "indexParams")) {
    const Json& element = child(param, "IndexElem");
    if (element.contains("name")) {
      index.columns.push_back(element.value("name", ""));
    } else {
      index.partial_or_expression = true;
      collect_columns(child(element, "expr"), used);
    }
  }
  index.expression_columns.assign(used.begin(), used.end());
  table->indexes.push_back(std::move(index));
}

void SchemaBuilder::create_domain(const Json& node) {
  const QualifiedName domain = qualified(string_list(list(node, "domainname")));
  Column base;
  types_.apply(child(node, "typeName"), base);
  for (const Json& item : list(node, "constraints")) {
    const Json& constraint = child(item, "Constraint");
    if (constraint.value("contype", "") == "CONSTR_NOTNULL") base.not_null = true;
    if (constraint.value("contype", "") != "CONSTR_CHECK") continue;
    const std::string check_name = constraint.value("conname", domain.name + "_check");
    base.domain_checks.push_back(
        {.name = fmt::format("CHECK constraint {} of domain {}", printable(masking::quote_name(check_name)),
                             printable(masking::to_string(domain))),
         .condition = read_expression(child(constraint, "raw_expr"), true),
         .columns = {}});
  }
  types_.add_domain(domain, std::move(base));
}

// CREATE COLLATION with deterministic = false: its columns compare without regard to case or accents.
void SchemaBuilder::define(const Json& node) {
  if (node.value("kind", "") != "OBJECT_COLLATION") return;
  for (const Json& item : list(node, "definition")) {
    const Json& option = child(item, "DefElem");
    if (option.value("defname", "") != "deterministic") continue;
    const std::string value = to_lower_ascii(child(child(option, "arg"), "String").value("sval", ""));
    if (value != "true" && value != "on" && value != "1") {
      types_.add_nondeterministic_collation(qualified(string_list(list(node, "defnames"))));
    }
  }
}

void SchemaBuilder::own_sequence(const Json& sequence, const Json& options) {
  for (const Json& item : options) {
    const Json& option = child(item, "DefElem");
    if (option.value("defname", "") != "owned_by") continue;
    std::vector<std::string> parts = string_list(list(child(child(option, "arg"), "List"), "items"));
    if (parts.size() < 2) continue;  // OWNED BY NONE
    const std::string column_name = parts.back();
    parts.pop_back();
    Table* table = find(qualified(parts));
    Column* column = table == nullptr ? nullptr : find_column(*table, column_name);
    if (column != nullptr) column->sequence = masking::to_string(relation_name(sequence));
  }
}

void SchemaBuilder::comment(const Json& node) {
  if (node.value("objtype", "") != "OBJECT_COLUMN") return;
  std::vector<std::string> parts = string_list(list(child(child(node, "object"), "List"), "items"));
  if (parts.size() < 2) return;
  const std::string column_name = parts.back();
  parts.pop_back();
  Table* table = find(qualified(parts));
  Column* column = table == nullptr ? nullptr : find_column(*table, column_name);
  if (column != nullptr) column->comment = node.value("comment", "");
}

void SchemaBuilder::rename(const Json& node) {
  const QualifiedName name = relation_name(child(node, "relation"));
  const std::string to = node.value("newname", "");
  if (node.value("renameType", "") == "OBJECT_COLUMN") {
    for (Table* table : family(name)) {
      const std::string from = node.value("subname", "");
      Column* column = find_column(*table, from);
      if (column == nullptr) continue;
      column->name = to;
      for (Check& check : table->checks) {
        rename_column(check.condition, from, to);
        std::replace(check.columns.begin(), check.columns.end(), from, to);
      }
      for (Column& each : table->columns) rename_column(each.computed_from, from, to);
    }
    return;
  }
  if (node.value("renameType", "") != "OBJECT_TABLE") return;
  auto moved = tables_.extract(name);
  if (moved.empty()) return;
  moved.key().name = to;
  moved.mapped().name.name = to;
  const QualifiedName renamed = moved.key();
  tables_.insert(std::move(moved));
  for (auto& [other, table] : tables_) {
    if (table.partition_of == name) table.partition_of = renamed;
    std::replace(table.inherits.begin(), table.inherits.end(), name, renamed);
    for (ForeignKey& key : table.foreign_keys) {
      if (key.references == name) key.references = renamed;
    }
  }
}

void SchemaBuilder::drop(const Json& node) {
  const std::string kind = node.value("removeType", "");
  if (kind != "OBJECT_TABLE" && kind != "OBJECT_MATVIEW" && kind != "OBJECT_FOREIGN_TABLE") return;
  for (const Json& object : list(node, "objects")) {
    tables_.erase(qualified(string_list(list(child(object, "List"), "items"))));
  }
}

}  // namespace ytb::config
