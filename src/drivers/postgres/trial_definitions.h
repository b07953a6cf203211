// What a server without a row has to know of production to try its constraints (schema_trial.h): read from
// its catalogs alone, which takes no right.
//
// A constraint is tried only where what its code says depends on that code and on the values alone. All code
// that it may reach is looked through for that, function by function: by the names that stand in it, and by
// the types, casts and operators that call code without a name. What names a relation, who asks, a function
// of the server's or of an extension that is not immutable, or hides names, is not tried. Nor is anything
// where the server, once production's definitions are loaded, has one that production has not.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/stop.h"
#include "drivers/postgres/connection.h"
#include "masking/trial.h"
#include "ports/schema_trial.h"

namespace ytb::postgres {

// What is not the server's own: functions, types, operators, casts and collations, by kind and name
// ("function shop.f(text)"), each with a digest of what it is. Relations and their types are left out.
using Definitions = std::map<std::string, std::string>;
Result<Definitions> read_definitions(Connection& session);
// What a database has, into which definitions alone were loaded, that comes with none of them: "made a
// relation", "changed rights"; "": nothing.
Result<std::string> read_beside_definitions(Connection& session);

// The table of one trial, in parts of a statement.
struct TrialTable {
  std::string why_not;  // not "": it is not to be tried
  std::string owner;
  std::vector<std::string> columns;  // "name type COLLATE …"
  std::string check;                 // "CONSTRAINT c CHECK (…)"; "": the columns say it all
  // Of TrialDatabase::definitions, all that its code may come to; several tables may share them.
  std::shared_ptr<const std::vector<const std::string*>> needs;
  bool runs_code = false;  // functions among them that no extension brought
};

struct TrialDatabase {
  std::string why_not;  // not "": nothing in it can be tried
  // As pg_database has them; provider 'c', 'i' or 'b'.
  std::string encoding;
  std::string collate;
  std::string ctype;
  std::string provider;
  std::string locale;
  std::string rules;
  struct Extension {
    std::string name;
    std::string schema;
    std::string version;
  };
  std::vector<Extension> extensions;  // in the order in which they were made
  Definitions definitions;
  std::map<const masking::ConstraintTrial*, TrialTable> tables;

  struct Settings {
    std::string role;                 // "": everyone's
    std::vector<std::string> values;  // "name=value"
  };
  std::vector<Settings> settings;  // the strongest last
  // What ALTER ROLE and ALTER DATABASE say of sessions of `role`, by name, the strongest last.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> settings_of(const std::string& role) const;
};

// By name: the databases that `trials` are about. What is not read by `until` is not tried.
Result<std::map<std::string, TrialDatabase>> read_trial_definitions(
    const ports::SessionTarget& production, const ports::SchemaTrial::Trials& trials,
    std::chrono::steady_clock::time_point until, const StopFlag& stop);

}  // namespace ytb::postgres
