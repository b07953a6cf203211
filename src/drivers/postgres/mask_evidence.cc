#include "drivers/postgres/mask_evidence.h"

#include <algorithm>

#include "drivers/postgres/progress_store.h"

namespace ytb::postgres {

std::string evidence_of(const TableOutcome& outcome) {
  model::TableEvidence table{.database = outcome.database,
                             .schema = outcome.plan.table.name.schema,
                             .table = outcome.plan.table.name.name,
                             .treatment = outcome.treatment,
                             .rows_before = outcome.rows_before,
                             .rows_after = outcome.rows_after,
                             .bytes_read = outcome.counts.bytes_in,
                             .seconds = outcome.seconds,
                             .columns = {}};
  for (size_t i = 0; outcome.program != nullptr && i < outcome.program->column_count(); ++i) {
    const masking::Masker& masker = outcome.program->masker(i);
    if (masker.is_keep()) continue;
    const std::string& name = outcome.program->column_names()[i];
    auto plan = std::find_if(outcome.plan.columns.begin(), outcome.plan.columns.end(),
                             [&](const masking::ColumnPlan& column) { return column.column.name == name; });
    masking::ColumnCounts counts =
        i < outcome.counts.columns.size() ? outcome.counts.columns[i] : masking::ColumnCounts{};
    table.columns.push_back({.name = name,
                             .masker = plan == outcome.plan.columns.end() ? std::string() : plan->masker.name,
                             .values = counts.values,
                             .changed = counts.changed,
                             .unchanged = counts.unchanged,
                             .must_change = masker.must_change()});
  }
  model::Evidence evidence;
  evidence.tables.push_back(std::move(table));
  return model::to_json(evidence);
}

Status gather_evidence(Connection& session, const masking::DatabasePlan& plan, model::Evidence& all) {
  const std::string& name = plan.database.name;
  YTB_ASSIGN(auto done, recorded_tables(session));
  for (const auto& [oid, progress] : done) {
    YTB_ASSIGN(model::Evidence one, model::evidence_from_json(progress.evidence));
    for (model::TableEvidence& table : one.tables) all.tables.push_back(std::move(table));
  }
  for (const masking::TablePlan& table : plan.tables) {
    if (table.treatment != masking::Treatment::kKeep || plan.omitted) continue;
    all.tables.push_back({.database = name,
                          .schema = table.table.name.schema,
                          .table = table.table.name.name,
                          .treatment = "kept",
                          .columns = {}});
  }
  YTB_ASSIGN(std::vector<std::string> lines, recorded_deeds(session));
  for (const std::string& line : lines) {
    if (line.starts_with("note: ")) all.notes.push_back(name + ": " + line.substr(6));
  }
  return {};
}

}  // namespace ytb::postgres
