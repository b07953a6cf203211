// The types of a schema file: what CREATE TYPE and CREATE DOMAIN said, and what a TypeName of the parse tree
// then means for a column. Private to the config room.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "masking/catalog.h"

namespace ytb::config {

class SchemaTypes {
 public:
  void add_enum(const masking::QualifiedName& name, std::vector<std::string> labels);
  // Composite, range and other types that only their name is known of.
  void add_other(const masking::QualifiedName& name, char typtype);
  // `base`: a column that was given the domain's own type.
  void add_domain(const masking::QualifiedName& name, masking::Column base);
  void add_nondeterministic_collation(const masking::QualifiedName& name) { collations_.insert(name); }
  [[nodiscard]] bool folds_case(const masking::QualifiedName& collation) const {
    return collations_.count(collation) != 0;
  }

  // Fills everything of `column` that follows from its type; `type_name` is a TypeName node.
  void apply(const nlohmann::json& type_name, masking::Column& column) const;

 private:
  struct UserType {
    char typtype = 'b';
    std::vector<std::string> labels;
    masking::Column base;  // of a domain
  };
  std::map<masking::QualifiedName, UserType> types_;
  std::set<masking::QualifiedName> collations_;
};

// A list of String nodes as texts: [{"String": {"sval": "public"}}, …].
std::vector<std::string> string_list(const nlohmann::json& list);
// The last two of a name's parts; one part alone is in public, as nothing else is known of the search path.
masking::QualifiedName qualified(const std::vector<std::string>& parts);

}  // namespace ytb::config
