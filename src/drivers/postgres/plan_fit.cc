#include "drivers/postgres/plan_fit.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "drivers/postgres/catalog_reader.h"
#include "drivers/postgres/copy_session.h"

namespace ytb::postgres {
namespace {

Error not_judged(std::string what) {
  return Error{.code = Code::kPolicy,
               .message = std::move(what),
               .hint = "the plan was made for another snapshot, or the policy lacks it: run `policy check`"};
}

}  // namespace

Status check_databases(const ports::SessionTarget& target, Connection& session,
                       const masking::MaskingPlan& plan) {
  YTB_ASSIGN(std::vector<std::string> live, list_databases(session));
  for (const std::string& name : live) {
    bool judged = std::any_of(plan.databases.begin(), plan.databases.end(),
                              [&](const masking::DatabasePlan& d) { return d.database.name == name; });
    if (judged) continue;
    // The server's own standard databases need no judgement as long as nothing is in them.
    YTB_ASSIGN(Connection inside, open_copy(target, name));
    YTB_ASSIGN(masking::Database found, read_database(inside, name, true));
    if (!found.tables.empty() || found.large_objects > 0) {
      return not_judged(fmt::format("the plan does not judge database '{}'", printable(name)));
    }
  }
  return {};
}

Status check_tables(const masking::Database& live, const masking::DatabasePlan& plan) {
  if (live.large_objects > 0 && plan.large_objects == masking::LargeObjects::kUnjudged && !plan.omitted) {
    return Error{
        .code = Code::kPolicy,
        .message = fmt::format("database '{}' holds {} large objects, which nobody judges column by column",
                               printable(live.name), live.large_objects),
        .hint = "give the database `large_objects: none` (deleted) or `large_objects: keep` in the policy"};
  }
  for (const masking::Table& table : live.tables) {
    if (table.kind != masking::RelationKind::kTable) continue;
    auto planned = std::find_if(plan.tables.begin(), plan.tables.end(),
                                [&](const masking::TablePlan& t) { return t.table.name == table.name; });
    std::string where = fmt::format("{} in database '{}'", to_string(table.name), printable(live.name));
    if (planned == plan.tables.end()) return not_judged("the plan does not judge table " + where);
    for (const masking::Column& column : table.columns) {
      bool judged =
          std::any_of(planned->columns.begin(), planned->columns.end(), [&](const masking::ColumnPlan& c) {
            return c.column.name == column.name && c.column.type == column.type &&
                   c.column.generated == column.generated;
          });
      // Of a table that is emptied no column matters.
      if (!judged && planned->treatment != masking::Treatment::kEmpty && !plan.omitted) {
        return not_judged(fmt::format("the plan does not judge column '{}' ({}) of {}",
                                      printable(column.name), printable(column.type), where));
      }
    }
  }
  return {};
}

}  // namespace ytb::postgres
