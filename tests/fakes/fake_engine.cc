#include <fmt/format.h>

#include <utility>

#include "fakes/ports.h"

namespace ytb::fakes {

namespace {

masking::Column column(std::string name, int number, std::string type, std::string base,
                       masking::TypeClass type_class) {
  masking::Column column;
  column.name = std::move(name);
  column.number = number;
  column.type = std::move(type);
  column.base_type = std::move(base);
  column.type_class = type_class;
  return column;
}

masking::Table table(std::string name, std::vector<masking::Column> columns) {
  masking::Table table;
  table.name = {"public", std::move(name)};
  table.columns = std::move(columns);
  return table;
}

}  // namespace

Result<FakeCopy*> FakeEngine::reach(const ports::SessionTarget& target) {
  FakeCopy* copy = world_.find(model::CopyId(target.parameters.at("copy")));
  if (copy == nullptr || copy->instance != target.parameters.at("instance")) {
    return Error{
        .code = Code::kConnection, .message = "the server is gone", .hint = {}, .retry = Retry::kLater};
  }
  if (copy->record.opened)
    world_.violate("closed_door", fmt::format("our session is inside {}, which is open", copy->record.id));
  return copy;
}

Result<masking::Catalog> FakeEngine::catalog(const ports::SessionTarget& target) {
  if (auto error = world_.look("catalog")) return *error;
  YTB_ASSIGN(FakeCopy * copy, reach(target));
  using masking::TypeClass;
  masking::Database shop;
  shop.name = "shop";
  shop.tables.push_back(table("users", {column("id", 1, "bigint", "int8", TypeClass::kInteger),
                                        column("email", 2, "text", "text", TypeClass::kText)}));
  shop.tables.push_back(table("orders", {column("id", 1, "bigint", "int8", TypeClass::kInteger),
                                         column("note", 2, "text", "text", TypeClass::kText)}));
  bool grown = false;
  for (const FakeSnapshot& snapshot : world_.snapshots)
    grown |= snapshot.grown && snapshot.seen.id == copy->record.snapshot;
  // The newer policy judges the column; the older one must stop at it.
  if (grown || world_.policy_version > 0) {
    shop.tables[0].columns.push_back(column("nickname", 3, "text", "text", TypeClass::kText));
  }
  masking::Catalog catalog;
  catalog.engine_major = 15;
  catalog.databases.push_back(std::move(shop));
  return catalog;
}

Result<ports::TakenSamples> FakeEngine::sample(const ports::SessionTarget&, const masking::Catalog&, int) {
  return Error{.code = Code::kUnsupported, .message = "no samples in the simulation", .hint = {}};
}

Result<std::vector<std::vector<std::optional<std::string>>>> FakeEngine::rows(const ports::SessionTarget&,
                                                                              std::string_view,
                                                                              const masking::Table&, int) {
  return Error{.code = Code::kUnsupported, .message = "no rows in the simulation", .hint = {}};
}

Result<model::Evidence> FakeEngine::defuse(const ports::SessionTarget& target,
                                           const std::vector<model::AccessRole>&) {
  YTB_ASSIGN(FakeCopy * copy, reach(target));
  if (!copy->whole) world_.violate("forward_only", "defusing a copy that is not whole");
  if (!copy->masked_with.empty()) world_.violate("forward_only", "defusing a copy that is being masked");
  YTB_TRY(world_.change(
      "defuse", [] {},
      [&]() -> Status {
        copy->defused = true;
        return {};
      }));
  model::Evidence evidence;
  evidence.defused.push_back("subscription s: dropped");
  evidence.checks.push_back(
      {"nothing_armed", "nothing acts on the outside", model::Outcome::kPassed, "1 defused"});
  return evidence;
}

Result<model::Evidence> FakeEngine::mask(const ports::SessionTarget& target,
                                         const ports::MaskRequest& request, ports::Progress& progress,
                                         const StopFlag&) {
  YTB_ASSIGN(FakeCopy * copy, reach(target));
  if (!copy->defused) world_.violate("fail_closed", "masking before defusing");
  if (request.remember != nullptr && !request.remember->goes_on && !copy->masked_with.empty()) {
    request.remember->too_late = true;
    return Error{.code = Code::kUnsupported, .message = "what was masked is not remembered", .hint = {}};
  }
  std::string with = request.plan.digest + "/" + request.key.id();
  model::Evidence evidence;
  for (const masking::DatabasePlan& database : request.plan.databases) {
    for (const masking::TablePlan& plan : database.tables) {
      std::string name = plan.table.name.name;
      progress.update({.stage = "mask", .item = name});
      // A table with recorded progress is never masked again, whatever the policy is by now.
      if (!copy->masked_with.contains(name)) {
        YTB_TRY(world_.change(
            "mask " + name, [] {},
            [&]() -> Status {
              copy->masked_with[name] = with;
              return {};
            }));
      }
      model::TableEvidence table;
      table.database = database.database.name;
      table.schema = plan.table.name.schema;
      table.table = name;
      table.treatment = "masked";
      table.rows_before = table.rows_after = 10;
      table.columns.push_back({.name = "email",
                               .masker = "email",
                               .values = 10,
                               .changed = 10,
                               .unchanged = 0,
                               .must_change = true});
      evidence.tables.push_back(std::move(table));
    }
  }
  return evidence;
}

Result<std::vector<std::string>> FakeEngine::warm_up(const ports::SessionTarget& target,
                                                     const ports::WarmUpRequest&, ports::Progress&,
                                                     const StopFlag&) {
  YTB_ASSIGN(FakeCopy * copy, reach(target));
  if (copy->masked_with.empty()) world_.violate("forward_only", "warming up a copy that is not masked");
  return std::vector<std::string>{"warm-up: 1 GB was read"};
}

Result<std::vector<model::Check>> FakeEngine::verify(const ports::SessionTarget& target,
                                                     const ports::VerifyRequest& request, ports::Progress&,
                                                     const StopFlag&) {
  if (auto error = world_.look("verify")) return *error;
  YTB_ASSIGN(FakeCopy * copy, reach(target));
  bool raw = request.plan != nullptr && copy->masked_with.size() != 2;
  bool fails = raw || world_.chance(world_.faults.check);
  if (fails) ++world_.reached["check"];
  std::vector<model::Check> checks;
  checks.push_back(
      {"residue", "no original is left", fails ? model::Outcome::kFailed : model::Outcome::kPassed, {}});
  checks.push_back({"roles_shut", "no role of production can log in", model::Outcome::kPassed, {}});
  return checks;
}

}  // namespace ytb::fakes
