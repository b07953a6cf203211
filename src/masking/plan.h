// The plan: the policy, checked column by column against a catalog. Fail closed: what is not judged is a
// finding, and with one error among the findings there is no plan.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "masking/catalog.h"
#include "masking/policy.h"

namespace ytb::masking {

struct ConstraintTrial;  // masking/trial.h

struct Finding {
  enum class Kind {
    kUnjudgedDatabase,
    kUnjudgedTable,
    kUnjudgedColumn,   // no entry in the policy, or kept and not in the lock
    kChangedType,      // locked with another type
    kExpired,          // locked until a day that is over
    kLock,             // the lock as a whole: of version 1, of another engine
    kMissingDatabase,  // named by the policy, not there (dropped or renamed)
    kMissingTable,
    kMissingColumn,
    kUnknownMasker,
    kBadParameter,
    kCannotServeType,
    kTooWeakForUnique,
    kPartitionKey,    // a masked partition key would move rows
    kForeignKeyTorn,  // the two sides of a foreign key are masked differently
    kGenerated,       // a masker on a generated column
    kUnsupported,     // what this version does not do: encoding, inheritance …
    kUndecided,       // still marked `judge`
    kUnjudgedSetting,
    kUnusedRule,  // a rule across tables that decides no column
    kDefinition,  // a definition seems to hold data
    kConstraint,  // what a masker gives would violate a CHECK, a domain, an exclusion or a length
    kNotTried,    // a constraint that cannot be evaluated without production's code
  };
  Kind kind = Kind::kUnjudgedColumn;
  bool error = true;  // false: a remark, the plan stands
  std::string database{};
  QualifiedName table{};
  std::string column{};
  std::string type{};
  std::string message{};              // a whole sentence with all names
  std::string add{};                  // the line to add to the policy, or the command to run; may be empty
  std::string instead{};              // the line to write in place of the one at `where`; may be empty
  bool waits_for_acceptance = false;  // the policy keeps it, and only the lock does not have it so
  bool tells_nothing_else = false;    // and its name and type do not speak against that
  Where where{};                      // in the policy; line 0 where it is about something that is not there
  // Of kConstraint: what would satisfy it in place of the masker that stands there.
  std::optional<MaskerSpec> satisfied_by{};
  // Of kNotTried: what a server with production's code could be asked; none: nothing.
  std::shared_ptr<const ConstraintTrial> trial{};
};
std::string_view name_of(Finding::Kind kind);  // "unjudged_column"
// "policy.yaml:12:7: message\n  add: …", as shown in a terminal.
std::string to_string(const Finding& finding);
// Errors first, of these what is told together last; then by database, table, column.
void sort_findings(std::vector<Finding>& findings);

enum class Treatment {
  kKeep,   // not touched
  kMask,   // streamed through the row program
  kEmpty,  // rows: none, or a database that is omitted
};

struct ColumnPlan {
  Column column;
  MaskerSpec masker;      // "keep" for kept ones
  std::string judged_by;  // "policy.yaml:12", "lock"
  // By the policy: in a table that is masked, its values are pseudonyms.
  [[nodiscard]] bool masked() const { return masker.name != "keep"; }
};

struct TablePlan {
  Table table;  // a leaf or plain table: something with rows of its own
  std::string database{};
  Treatment treatment = Treatment::kKeep;
  std::vector<ColumnPlan> columns;  // all living ones, by number
};

struct DatabasePlan {
  Database database;  // its catalog, for keys and materialized views
  bool omitted = false;
  // kNone: every one is deleted (also where the database is omitted). kUnjudged: there were none when the
  // plan was made; whoever finds some then refuses.
  LargeObjects large_objects = LargeObjects::kUnjudged;
  std::vector<QualifiedName> empty_views{};  // materialized views that stay empty
  std::vector<TablePlan> tables;
};

struct SettingPlan {
  Setting setting;
  SettingRule::Verdict verdict = SettingRule::Verdict::kNone;
};

struct MaskingPlan {
  std::vector<DatabasePlan> databases;
  std::vector<SettingPlan> settings{};  // without the server's own
  std::string digest;                   // SHA-256 of policy and lock, hex
};

struct PlanCheck {
  std::vector<Finding> findings;    // errors first, then by database, table, column
  std::optional<MaskingPlan> plan;  // only when no finding is an error
  [[nodiscard]] bool ok() const { return plan.has_value(); }
};

// Whether findings carry what a server could be asked (masking/trial.h): it takes time, and is for who asks
// one.
enum class Trials { kNone, kMade };
// Pure: compiles every masker with a dummy key to check types, parameters and uniqueness.
PlanCheck plan_masking(const Policy& policy, const PolicyLock& lock, const Catalog& catalog,
                       Trials trials = Trials::kNone);

// What no refresh could mask, whatever production holds: columns that are still marked `judge`. kPolicy with
// where they are; none where all are decided.
std::optional<Error> still_undecided(const Policy& policy);

// Columns that wait for `policy accept` and are nothing else, where they are so many that they hide the rest;
// else none. They are told together: by told_together(), which names up to `names_max` of them.
std::vector<const Finding*> waiting_for_acceptance(const PlanCheck& check);
std::string told_together(const std::vector<const Finding*>& waiting, size_t names_max);
// Whether `policy accept` would settle all that is wrong.
bool accepting_settles(const PlanCheck& check);
// The error to return for a failed check: kPolicy, the first findings in the message, the way out as hint.
Error to_error(const PlanCheck& check);

}  // namespace ytb::masking
