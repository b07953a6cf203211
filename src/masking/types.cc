#include "masking/types.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "masking/names.h"

namespace ytb::masking {
namespace {

struct BuiltinType {
  std::string_view typname;
  std::string_view sql_name;  // as format_type.c prints it, without modifiers; empty: typname itself
  TypeClass type_class = TypeClass::kOther;
  bool binary_io = true;
};

// pg_type.dat of PostgreSQL 13 to 17, without pseudo-types and arrays.
constexpr std::array kBuiltins{
    BuiltinType{"text", "", TypeClass::kText},
    BuiltinType{"varchar", "character varying", TypeClass::kText},
    BuiltinType{"bpchar", "character", TypeClass::kText},
    BuiltinType{"name", "", TypeClass::kText},
    BuiltinType{"int2", "smallint", TypeClass::kInteger},
    BuiltinType{"int4", "integer", TypeClass::kInteger},
    BuiltinType{"int8", "bigint", TypeClass::kInteger},
    BuiltinType{"numeric", "", TypeClass::kNumber},
    BuiltinType{"float4", "real", TypeClass::kNumber},
    BuiltinType{"float8", "double precision", TypeClass::kNumber},
    BuiltinType{"money", "", TypeClass::kNumber},
    BuiltinType{"date", "", TypeClass::kDate},
    BuiltinType{"timestamp", "timestamp without time zone", TypeClass::kTimestamp},
    BuiltinType{"timestamptz", "timestamp with time zone", TypeClass::kTimestamp},
    BuiltinType{"bool", "boolean", TypeClass::kBoolean},
    BuiltinType{"uuid", "", TypeClass::kUuid},
    BuiltinType{"json", "", TypeClass::kJson},
    BuiltinType{"jsonb", "", TypeClass::kJson},
    BuiltinType{"inet", "", TypeClass::kInet},
    BuiltinType{"cidr", "", TypeClass::kInet},
    BuiltinType{"bytea", "", TypeClass::kBytes},
    BuiltinType{"char", "\"char\"", TypeClass::kOther},
    BuiltinType{"time", "time without time zone", TypeClass::kOther},
    BuiltinType{"timetz", "time with time zone", TypeClass::kOther},
    BuiltinType{"interval", "", TypeClass::kOther},
    BuiltinType{"bit", "", TypeClass::kOther},
    BuiltinType{"varbit", "bit varying", TypeClass::kOther},
    BuiltinType{"macaddr", "", TypeClass::kOther},
    BuiltinType{"macaddr8", "", TypeClass::kOther},
    BuiltinType{"xml", "", TypeClass::kOther, false},  // as Reader::describe_type reads it
    BuiltinType{"jsonpath", "", TypeClass::kOther},
    BuiltinType{"tsvector", "", TypeClass::kOther},
    BuiltinType{"tsquery", "", TypeClass::kOther},
    BuiltinType{"gtsvector", "", TypeClass::kOther, false},
    BuiltinType{"aclitem", "", TypeClass::kOther, false},
    BuiltinType{"point", "", TypeClass::kOther},
    BuiltinType{"line", "", TypeClass::kOther},
    BuiltinType{"lseg", "", TypeClass::kOther},
    BuiltinType{"box", "", TypeClass::kOther},
    BuiltinType{"path", "", TypeClass::kOther},
    BuiltinType{"polygon", "", TypeClass::kOther},
    BuiltinType{"circle", "", TypeClass::kOther},
    BuiltinType{"oid", "", TypeClass::kOther},
    BuiltinType{"oidvector", "", TypeClass::kOther},
    BuiltinType{"int2vector", "", TypeClass::kOther},
    BuiltinType{"tid", "", TypeClass::kOther},
    BuiltinType{"xid", "", TypeClass::kOther},
    BuiltinType{"xid8", "", TypeClass::kOther},
    BuiltinType{"cid", "", TypeClass::kOther},
    BuiltinType{"pg_lsn", "", TypeClass::kOther},
    BuiltinType{"pg_snapshot", "", TypeClass::kOther},
    BuiltinType{"txid_snapshot", "", TypeClass::kOther},
    BuiltinType{"refcursor", "", TypeClass::kOther},
    BuiltinType{"regclass", "", TypeClass::kOther},
    BuiltinType{"regcollation", "", TypeClass::kOther},
    BuiltinType{"regconfig", "", TypeClass::kOther},
    BuiltinType{"regdictionary", "", TypeClass::kOther},
    BuiltinType{"regnamespace", "", TypeClass::kOther},
    BuiltinType{"regoper", "", TypeClass::kOther},
    BuiltinType{"regoperator", "", TypeClass::kOther},
    BuiltinType{"regproc", "", TypeClass::kOther},
    BuiltinType{"regprocedure", "", TypeClass::kOther},
    BuiltinType{"regrole", "", TypeClass::kOther},
    BuiltinType{"regtype", "", TypeClass::kOther},
    BuiltinType{"int4range", "", TypeClass::kOther},
    BuiltinType{"int8range", "", TypeClass::kOther},
    BuiltinType{"numrange", "", TypeClass::kOther},
    BuiltinType{"tsrange", "", TypeClass::kOther},
    BuiltinType{"tstzrange", "", TypeClass::kOther},
    BuiltinType{"daterange", "", TypeClass::kOther},
    BuiltinType{"int4multirange", "", TypeClass::kOther},
    BuiltinType{"int8multirange", "", TypeClass::kOther},
    BuiltinType{"nummultirange", "", TypeClass::kOther},
    BuiltinType{"tsmultirange", "", TypeClass::kOther},
    BuiltinType{"tstzmultirange", "", TypeClass::kOther},
    BuiltinType{"datemultirange", "", TypeClass::kOther},
};

// What quote_identifier() quotes besides odd characters: pg_get_keywords() of PostgreSQL 15 without the
// unreserved ones. Sorted.
constexpr std::string_view kKeywords[] = {"all",
                                          "analyse",
                                          "analyze",
                                          "and",
                                          "any",
                                          "array",
                                          "as",
                                          "asc",
                                          "asymmetric",
                                          "authorization",
                                          "between",
                                          "bigint",
                                          "binary",
                                          "bit",
                                          "boolean",
                                          "both",
                                          "case",
                                          "cast",
                                          "char",
                                          "character",
                                          "check",
                                          "coalesce",
                                          "collate",
                                          "collation",
                                          "column",
                                          "concurrently",
                                          "constraint",
                                          "create",
                                          "cross",
                                          "current_catalog",
                                          "current_date",
                                          "current_role",
                                          "current_schema",
                                          "current_time",
                                          "current_timestamp",
                                          "current_user",
                                          "dec",
                                          "decimal",
                                          "default",
                                          "deferrable",
                                          "desc",
                                          "distinct",
                                          "do",
                                          "else",
                                          "end",
                                          "except",
                                          "exists",
                                          "extract",
                                          "false",
                                          "fetch",
                                          "float",
                                          "for",
                                          "foreign",
                                          "freeze",
                                          "from",
                                          "full",
                                          "grant",
                                          "greatest",
                                          "group",
                                          "grouping",
                                          "having",
                                          "ilike",
                                          "in",
                                          "initially",
                                          "inner",
                                          "inout",
                                          "int",
                                          "integer",
                                          "intersect",
                                          "interval",
                                          "into",
                                          "is",
                                          "isnull",
                                          "join",
                                          "lateral",
                                          "leading",
                                          "least",
                                          "left",
                                          "like",
                                          "limit",
                                          "localtime",
                                          "localtimestamp",
                                          "national",
                                          "natural",
                                          "nchar",
                                          "none",
                                          "normalize",
                                          "not",
                                          "notnull",
                                          "null",
                                          "nullif",
                                          "numeric",
                                          "offset",
                                          "on",
                                          "only",
                                          "or",
                                          "order",
                                          "out",
                                          "outer",
                                          "overlaps",
                                          "overlay",
                                          "placing",
                                          "position",
                                          "precision",
                                          "primary",
                                          "real",
                                          "references",
                                          "returning",
                                          "right",
                                          "row",
                                          "select",
                                          "session_user",
                                          "setof",
                                          "similar",
                                          "smallint",
                                          "some",
                                          "substring",
                                          "symmetric",
                                          "table",
                                          "tablesample",
                                          "then",
                                          "time",
                                          "timestamp",
                                          "to",
                                          "trailing",
                                          "treat",
                                          "trim",
                                          "true",
                                          "union",
                                          "unique",
                                          "user",
                                          "using",
                                          "values",
                                          "varchar",
                                          "variadic",
                                          "verbose",
                                          "when",
                                          "where",
                                          "window",
                                          "with",
                                          "xmlattributes",
                                          "xmlconcat",
                                          "xmlelement",
                                          "xmlexists",
                                          "xmlforest",
                                          "xmlnamespaces",
                                          "xmlparse",
                                          "xmlpi",
                                          "xmlroot",
                                          "xmlserialize",
                                          "xmltable"};

const BuiltinType* find_builtin(std::string_view typname) {
  const auto* found = std::find_if(kBuiltins.begin(), kBuiltins.end(),
                                   [&](const BuiltinType& type) { return type.typname == typname; });
  return found == kBuiltins.end() ? nullptr : found;
}

// intervaltypmodout (utils/adt/timestamp.c); the masks are 1 << the field numbers of datetime.h.
std::string_view interval_fields(int32_t mask) {
  constexpr int32_t kYear = 1 << 2, kMonth = 1 << 1, kDay = 1 << 3, kHour = 1 << 10, kMinute = 1 << 11,
                    kSecond = 1 << 12;
  switch (mask) {
    case kYear:
      return " year";
    case kMonth:
      return " month";
    case kDay:
      return " day";
    case kHour:
      return " hour";
    case kMinute:
      return " minute";
    case kSecond:
      return " second";
    case kYear | kMonth:
      return " year to month";
    case kDay | kHour:
      return " day to hour";
    case kDay | kHour | kMinute:
      return " day to minute";
    case kDay | kHour | kMinute | kSecond:
      return " day to second";
    case kHour | kMinute:
      return " hour to minute";
    case kHour | kMinute | kSecond:
      return " hour to second";
    case kMinute | kSecond:
      return " minute to second";
    default:
      return "";
  }
}

std::string format_interval(std::span<const int32_t> modifiers) {
  constexpr int32_t kPrecisionMax = 6;
  std::string text = "interval";
  if (!modifiers.empty()) text += interval_fields(modifiers[0]);
  if (modifiers.size() > 1) text += fmt::format("({})", std::min(modifiers[1], kPrecisionMax));
  return text;
}

}  // namespace

TypeClass classify_type(const TypeIdentity& identity) {
  if (identity.is_array) return TypeClass::kArray;
  if (identity.typtype == 'e') return TypeClass::kEnum;
  if (identity.typtype != 'b') return TypeClass::kOther;
  if (identity.typname == "citext") return TypeClass::kText;
  const BuiltinType* type = find_builtin(identity.typname);
  return type == nullptr ? TypeClass::kOther : type->type_class;
}

std::string_view name_of(TypeClass type_class) {
  switch (type_class) {
    case TypeClass::kText:
      return "text";
    case TypeClass::kInteger:
      return "integer";
    case TypeClass::kNumber:
      return "number";
    case TypeClass::kDate:
      return "date";
    case TypeClass::kTimestamp:
      return "timestamp";
    case TypeClass::kBoolean:
      return "boolean";
    case TypeClass::kUuid:
      return "uuid";
    case TypeClass::kJson:
      return "json";
    case TypeClass::kInet:
      return "inet";
    case TypeClass::kBytes:
      return "bytes";
    case TypeClass::kEnum:
      return "enum";
    case TypeClass::kArray:
      return "array";
    case TypeClass::kOther:
      break;
  }
  return "other";
}

bool is_builtin_type(std::string_view typname) { return find_builtin(typname) != nullptr; }

bool builtin_has_binary_io(std::string_view typname) {
  const BuiltinType* type = find_builtin(typname);
  return type != nullptr && type->binary_io;
}

std::string format_builtin_type(std::string_view typname, std::span<const int32_t> modifiers) {
  const BuiltinType* type = find_builtin(typname);
  std::string name(type == nullptr || type->sql_name.empty() ? typname : type->sql_name);
  if (typname == "interval") return format_interval(modifiers);
  // format_type.c: without a modifier, bpchar and bit are not the one-character types that their names say.
  if (typname == "bpchar" && modifiers.empty()) return "bpchar";
  if (typname == "bit" && modifiers.empty()) return "\"bit\"";
  if (modifiers.empty()) return name;
  if (typname == "numeric") {
    return fmt::format("numeric({},{})", modifiers[0], modifiers.size() > 1 ? modifiers[1] : 0);
  }
  if (typname == "timestamp" || typname == "timestamptz" || typname == "time" || typname == "timetz") {
    size_t space = name.find(' ');
    return fmt::format("{}({}){}", name.substr(0, space), modifiers[0], name.substr(space));
  }
  return fmt::format("{}({})", name, modifiers[0]);
}

std::string format_user_type(const QualifiedName& name) {
  auto quoted = [](const std::string& part) {
    // quote_identifier(): unlike a policy, it quotes keywords and takes no dollar sign for plain.
    bool keyword = std::binary_search(std::begin(kKeywords), std::end(kKeywords), std::string_view(part));
    bool dollar = part.find('$') != std::string::npos;
    std::string text = quote_name(part);
    return (keyword || dollar) && text == part ? "\"" + part + "\"" : text;
  };
  return quoted(name.schema) + "." + quoted(name.name);
}

void apply_modifiers(std::string_view typname, std::span<const int32_t> modifiers, Column& column) {
  if (modifiers.empty()) return;
  if (typname == "varchar" || typname == "bpchar") column.length_max = modifiers[0];
  if (typname == "numeric") {
    column.precision = modifiers[0];
    column.scale = modifiers.size() > 1 ? modifiers[1] : 0;
  }
}

}  // namespace ytb::masking
