// PostgreSQL's types as the masking room sees them: their class, whether COPY can carry them in binary, and
// the name that format_type() prints. Shared by the driver that reads pg_type and by the schema file reader,
// so that a lock written from one fits the other.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "masking/catalog.h"

namespace ytb::masking {

// What a type is, for classify_type().
struct TypeIdentity {
  std::string_view typname;  // pg_type.typname, beneath domains: "varchar", "int4", "citext"
  char typtype = 'b';        // pg_type.typtype: b base, c composite, e enum, r range, m multirange, p pseudo
  bool is_array = false;     // of anything (typcategory 'A')
};
// kOther for what is unknown. Extension types that act as text (citext) are kText. A user's own base type
// called "text" needs a superuser and C code: it is not told apart.
TypeClass classify_type(const TypeIdentity& identity);
std::string_view name_of(TypeClass type_class);  // "text", "integer", …: for messages

// A type of pg_catalog by its internal name: "int4" → true. For readers without a pg_type.
bool is_builtin_type(std::string_view typname);
// Whether a built-in type has send and receive functions; the driver asks pg_type instead.
bool builtin_has_binary_io(std::string_view typname);

// What format_type(oid, typmod) prints for a built-in type with these modifiers, as written between the
// parentheses: ("varchar", {50}) → "character varying(50)"; ("numeric", {10, 2}) → "numeric(10,2)". For
// interval: {fields mask, precision} as the grammar gives them.
std::string format_builtin_type(std::string_view typname, std::span<const int32_t> modifiers);
// format_type() for any other type under an empty search path: its name, qualified and quoted.
std::string format_user_type(const QualifiedName& name);

// Fills length_max, precision and scale from the modifiers of the built-in base type.
void apply_modifiers(std::string_view typname, std::span<const int32_t> modifiers, Column& column);

}  // namespace ytb::masking
