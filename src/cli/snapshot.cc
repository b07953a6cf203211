// snapshot take, snapshot list.
#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/context.h"
#include "cli/describe.h"

namespace ytb::cli {
namespace {

std::string_view state_name(model::SnapshotState state) {
  switch (state) {
    case model::SnapshotState::kUsable:
      return "usable";
    case model::SnapshotState::kInProgress:
      return "in progress";
    case model::SnapshotState::kUnusable:
      break;
  }
  return "unusable";
}

Json to_tree(const model::Snapshot& snapshot) {
  return Json{{"id", snapshot.id.str()},
              {"data_as_of", to_iso(snapshot.data_as_of)},
              {"state", state_name(snapshot.state)},
              {"reason", snapshot.reason},
              {"size_bytes", snapshot.size_bytes},
              {"engine", snapshot.engine},
              {"engine_major", snapshot.engine_major},
              {"location", snapshot.location}};
}

}  // namespace

Status run_snapshot_list(Context& context) {
  YTB_ASSIGN(Site site, open_site(context));
  YTB_ASSIGN(std::vector<model::Snapshot> snapshots, site.drivers.source->list());
  if (context.output.json()) {
    Json list = Json::array();
    for (const model::Snapshot& snapshot : snapshots) list.push_back(to_tree(snapshot));
    context.out() << to_text(
        Json{{"production", site.production->name.str()}, {"snapshots", std::move(list)}});
    return {};
  }
  if (snapshots.empty()) {
    context.out() << "no snapshots in " << place_of_snapshots(*site.production) << "\n";
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const model::Snapshot& snapshot : snapshots) {
    bool usable = snapshot.state == model::SnapshotState::kUsable;
    std::string state(state_name(snapshot.state));
    bool dated = snapshot.data_as_of != Instant{};
    rows.push_back({usable ? context.output.good("✓") : context.output.bad("✗"), printable(snapshot.id.str()),
                    dated ? to_iso(snapshot.data_as_of) : "-",
                    dated ? age(snapshot.data_as_of, context.now()) + " old" : "-",
                    human_bytes(snapshot.size_bytes),
                    usable ? state : fmt::format("{}: {}", state, snapshot.reason)});
  }
  context.out() << table(rows);
  return {};
}

Status run_snapshot_take(Context& context) {
  YTB_ASSIGN(Site site, open_site(context));
  ProgressView view(context.output, context.services.clock, context.services.hooks);
  Instant begun = context.now();
  YTB_ASSIGN(model::Snapshot snapshot, site.drivers.source->take(view, context.services.stop));
  YTB_ASSIGN(std::vector<model::SnapshotId> pruned, site.drivers.source->prune());
  view.finish();
  if (context.output.json()) {
    Json tree{{"event", "result"}, {"snapshot", to_tree(snapshot)}, {"pruned", Json::array()}};
    for (const model::SnapshotId& id : pruned) tree["pruned"].push_back(id.str());
    context.out() << to_text(tree);
    return {};
  }
  context.out() << fmt::format("{} snapshot {} taken in {}: {}, data as of {}\n", context.output.good("✓"),
                               snapshot.id, age(begun, context.now()), human_bytes(snapshot.size_bytes),
                               to_iso(snapshot.data_as_of));
  for (const model::SnapshotId& id : pruned) {
    context.out() << fmt::format("  deleted {}: source.keep is {}\n", id, site.production->source.keep);
  }
  return {};
}

}  // namespace ytb::cli
