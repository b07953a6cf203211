// Catalog: what the policy is checked against; the same shape whether it was read from production, from a
// copy or from a schema file. Pure data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "masking/expression.h"

namespace ytb::masking {

struct QualifiedName {
  std::string schema;
  std::string name;
  friend auto operator<=>(const QualifiedName&,
                          const QualifiedName&) = default;  // NOLINT(modernize-use-nullptr)
  friend bool operator==(const QualifiedName&, const QualifiedName&) = default;
};
// As written in a policy: public.users, public."odd.name". Parts are quoted where they hold anything but
// [a-z0-9_$] or do not start with [a-z_].
std::string to_string(const QualifiedName& name);

enum class TypeClass {
  kText,       // text, varchar, char, citext, name, and domains over them
  kInteger,    // smallint, integer, bigint
  kNumber,     // numeric, real, double precision, money
  kDate,       // date
  kTimestamp,  // timestamp with or without time zone
  kBoolean,
  kUuid,
  kJson,   // json, jsonb
  kInet,   // inet, cidr
  kBytes,  // bytea
  kEnum,
  kArray,  // of anything
  kOther,  // ranges, geometry, tsvector, composite, extension types …
};

struct Column {
  std::string name;
  int number = 0;         // attnum: order in the table
  std::string type;       // as people write it, with modifiers: "character varying(50)", "shop.mood[]"
  std::string base_type;  // the type beneath domains, without modifiers: "varchar", "int4" (pg_type.typname)
  TypeClass type_class = TypeClass::kOther;
  bool has_binary_io = true;      // false: the type has no binary send/receive; COPY as text
  std::string read_as{};          // "text" or "text[]", where the type's own output function loses something
  std::optional<int> length_max;  // characters, of varchar(n) and char(n)
  std::optional<int> precision;   // of numeric(p, s)
  std::optional<int> scale;
  bool case_insensitive = false;  // citext, or a nondeterministic collation
  bool blank_padded = false;      // char(n)
  bool not_null = false;
  bool generated = false;  // GENERATED … STORED: never loaded, computed again
  bool identity = false;
  std::string sequence;  // owned sequence ("schema.name"), where there is one
  bool in_partition_key = false;
  std::vector<std::string> enum_labels;
  std::string comment;                 // production's own words on it: evidence for `policy propose`
  Expression computed_from{};          // of a generated column
  std::vector<Check> domain_checks{};  // of its domain and those beneath it
};

struct Index {
  std::string name;
  std::vector<std::string> columns;  // plain columns it covers (key columns only)
  bool unique = false;
  bool primary = false;
  bool partial_or_expression = false;
  std::vector<std::string>
      expression_columns{};         // columns that its key expressions use, e.g. of lower(email)
  bool nulls_not_distinct = false;  // from version 15 on: one NULL at most
};

// An exclusion constraint: no two rows for which all of its operators give true.
struct Exclusion {
  struct Element {
    std::vector<std::string> columns;  // a plain one, or those that an expression uses
    bool expression = false;
    std::string operation;  // "=", "&&"
  };
  std::string name;
  std::vector<Element> elements;
};

struct ForeignKey {
  std::string name;
  std::vector<std::string> columns;
  QualifiedName references;
  std::vector<std::string> referenced_columns;
};

enum class RelationKind {
  kTable,
  kPartitioned,       // a parent without rows of its own
  kForeignTable,      // never read, truncated, analysed or loaded
  kMaterializedView,  // not judged: refreshed from what it selects
};

struct Table {
  QualifiedName name;
  RelationKind kind = RelationKind::kTable;
  // For a partition: its immediate parent. Partitions are judged by the topmost parent's policy.
  std::optional<QualifiedName> partition_of;
  std::vector<QualifiedName> inherits;  // classic inheritance: judged as a table of its own
  bool unlogged = false;
  bool row_security = false;    // who reads it sees what its policies show
  std::vector<Column> columns;  // living ones, by number
  std::vector<Index> indexes;
  std::vector<ForeignKey> foreign_keys;
  std::vector<Check> checks{};
  std::vector<Exclusion> exclusions{};
  std::vector<std::string> dropped_columns;  // placeholders of dropped columns: their bytes may remain
  int64_t rows_estimate = -1;
  uint64_t size_bytes = 0;  // heap and TOAST, without indexes
};

// A definition in whose text a detector finds something (masking/definitions.h).
struct TellingDefinition {
  std::string object;  // "default value for column plan of table public.users"
  std::string what;    // "e-mail addresses"
};

struct Database {
  std::string name;
  std::string encoding = "UTF8";
  bool allows_connections = true;  // false for template0-like ones: judged all the same
  bool is_template = false;
  std::vector<Table> tables;  // without the system's own schemas
  uint64_t size_bytes = 0;
  uint64_t large_objects = 0;  // how many
  std::vector<TellingDefinition> definitions{};
  // Of the operating system, that the database itself and the columns' collations need: "de_DE.utf8".
  std::vector<std::string> locales{};
};

// A setting that ALTER DATABASE or ALTER ROLE … SET keeps: its name, never its value.
struct Setting {
  std::string database;  // "": in every one
  std::string role;      // "": for every one
  std::string name;
};

struct Catalog {
  std::string engine = "postgresql";
  int engine_major = 0;
  std::string provenance;           // "production", "copy shop-yesterday-…", "schema.sql"
  std::vector<Database> databases;  // without template0
  std::vector<Setting> settings{};
  // Of the server, without those that we made in a copy; none: what it was read from does not say.
  std::optional<std::vector<std::string>> roles{};
};

const Table* find_table(const Database& database, const QualifiedName& name);
const Database* find_database(const Catalog& catalog, std::string_view name);
const Column* find_column(const Table& table, std::string_view name);

}  // namespace ytb::masking
