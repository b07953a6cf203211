// rollback, delete, teardown.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/context.h"
#include "cli/describe.h"
#include "drivers/os/files.h"

namespace ytb::cli {
namespace {

// A refresher that can roll back and delete whatever the state of the policy is.
Result<refresh::Refresher> careful_refresher(const Context& context, const Site& site,
                                             refresh::Listener& listener) {
  Result<refresh::Inputs> inputs =
      refresh::load_inputs(*site.config, *site.production, site.state, *site.vault);
  return make_refresher(context, site, inputs.ok() ? std::move(*inputs) : refresh::Inputs{}, listener);
}

const model::Copy* find_copy(const std::vector<model::Copy>& copies, const std::string& name) {
  auto found = std::find_if(copies.begin(), copies.end(),
                            [&](const model::Copy& copy) { return copy.id.str() == name; });
  return found == copies.end() ? nullptr : &*found;
}

Error no_such_copy(const Context& context, const std::vector<model::Copy>& copies, const std::string& name) {
  std::vector<std::string> names;
  for (const model::Copy& copy : copies) names.push_back(copy.id.str());
  return Error{.code = Code::kUsage,
               .message = fmt::format("there is no copy '{}'{}", printable(name), did_you_mean(name, names)),
               .hint = names.empty() ? std::string("there are no copies")
                                     : fmt::format("'{}' lists them", context.command("status"))};
}

// What was named, or what was live before.
Result<model::Copy> rollback_target(const Context& context, const std::vector<model::Copy>& copies) {
  if (!context.call.arguments.empty()) {
    const model::Copy* named = find_copy(copies, context.call.arguments.front());
    if (named == nullptr) return no_such_copy(context, copies, context.call.arguments.front());
    return *named;
  }
  const model::Copy* best = previous_copy(copies);
  if (best == nullptr) {
    return Error{.code = Code::kRefused,
                 .message = "there is no previous copy to go back to: none is draining or spare",
                 .hint = "'spare_copies: 1' in the config keeps one for the next time"};
  }
  return *best;
}

Status run_asked(Context& context, Site& site, const refresh::RunOptions& options) {
  ProgressView view(context.output, context.services.clock, context.services.hooks);
  YTB_ASSIGN(refresh::Refresher refresher, careful_refresher(context, site, view));
  Result<refresh::RunResult> result = refresher.run(options);
  view.finish();
  if (!result.ok()) return std::move(result).error();
  if (context.output.json()) {
    context.out() << to_text(
        Json{{"event", "result"},
             {"actions", result->actions_done},
             {"decision", to_tree(result->last)},
             {"live", result->live ? to_tree(*result->live, context.now()) : Json(nullptr)}});
    return {};
  }
  if (result->actions_done.empty())
    context.out() << fmt::format("nothing was done: {}\n", result->last.reason);
  context.out() << facts(
      {{"live", result->live ? result->live->id.str() : std::string("nothing")},
       {"data as of", result->live ? fmt::format("{} ({} old)", to_iso(result->live->data_as_of),
                                                 age(result->live->data_as_of, context.now()))
                                   : std::string()}});
  return {};
}

}  // namespace

Status run_rollback(Context& context) {
  YTB_ASSIGN(Site site, open_site(context));
  YTB_ASSIGN(os::FileLock lock, site.state.lock(site.production->name, "rollback", context.now()));
  YTB_ASSIGN(std::vector<model::Copy> copies, site.drivers.host->list());
  YTB_ASSIGN(model::Copy target, rollback_target(context, copies));
  const model::Copy* live = live_copy(copies);
  if (!context.output.json()) {
    context.out() << facts(
        {{"now", live == nullptr
                     ? std::string("nothing is live")
                     : fmt::format("{}, data {} old", live->id, age(live->data_as_of, context.now()))},
         {"then", fmt::format("{}, data {} old", target.id, age(target.data_as_of, context.now()))},
         {"note", "the snapshot that is left is not refreshed to again; a newer one is"}});
  }
  if (context.call.has("dry-run")) return {};
  YTB_TRY(context.confirm("Roll back?"));
  refresh::RunOptions options;
  options.refresh_now = false;
  options.rollback_to = target.id;
  (void)keep_gate(context, site);  // the name may lead to it; where it does not run, the move says so
  return run_asked(context, site, options);
}

Status run_delete(Context& context) {
  YTB_ASSIGN(Site site, open_site(context));
  YTB_ASSIGN(os::FileLock lock, site.state.lock(site.production->name, "delete", context.now()));
  YTB_ASSIGN(std::vector<model::Copy> copies, site.drivers.host->list());
  const std::string& name = context.call.arguments.front();
  const model::Copy* copy = find_copy(copies, name);
  if (copy == nullptr) return no_such_copy(context, copies, name);
  if (copy->phase == model::Phase::kLive) {
    return Error{
        .code = Code::kRefused,
        .message = fmt::format("{} is live: staging would be gone", copy->id),
        .hint = fmt::format("'{}' or '{}' first; '{}' removes everything", context.command("refresh"),
                            context.command("rollback"), context.command("teardown"))};
  }
  refresh::RunOptions options;
  options.refresh_now = false;
  options.delete_copy = copy->id;
  ProgressView quiet(context.output, context.services.clock);
  YTB_ASSIGN(refresh::Refresher refresher, careful_refresher(context, site, quiet));
  if (decide::Decision planned = refresher.plan(options); !planned.action && planned.blocker) {
    return *std::move(planned.blocker);
  }
  if (!context.output.json()) {
    context.out() << fmt::format("deletes {} ({}, data {} old)\n", copy->id, model::name_of(copy->phase),
                                 age(copy->data_as_of, context.now()));
  }
  if (context.call.has("dry-run")) return {};
  YTB_TRY(context.confirm("Delete it?"));
  return run_asked(context, site, options);
}

namespace {

// The host never removes a live copy. Without an alias it is none any more: it is recorded so, and looked at
// again.
Result<model::OwnedCopy> retire(const Site& site, const model::OwnedCopy& owned) {
  YTB_TRY(site.drivers.host->record_phase(owned, model::Phase::kDraining, "teardown"));
  YTB_ASSIGN(std::vector<model::Copy> copies, site.drivers.host->list());
  const model::Copy* copy = find_copy(copies, owned.id().str());
  if (copy == nullptr) {
    return Error{
        .code = Code::kInternal, .message = fmt::format("{} has gone by itself", owned.id()), .hint = ""};
  }
  return model::OwnedCopy::claim(*copy, site.production->name, refresh::protected_names(*site.config));
}

Status remove_one(const Site& site, const model::OwnedCopy& owned, ports::Progress& progress) {
  if (owned.copy().phase != model::Phase::kLive)
    return site.drivers.host->remove(owned, std::nullopt, progress);
  YTB_ASSIGN(model::OwnedCopy retired, retire(site, owned));
  return site.drivers.host->remove(retired, std::nullopt, progress);
}

// The alias goes first: from then on nobody is sent to a copy that is about to go. One that cannot be removed
// does not keep the others.
Status remove_everything(Context& context, Site& site, const std::vector<model::OwnedCopy>& ours) {
  ProgressView view(context.output, context.services.clock, context.services.hooks);
  YTB_TRY(site.drivers.alias->remove());
  std::optional<Error> first;
  if (context.services.make_gatekeeper) {
    const auto gate = context.services.make_gatekeeper(*site.config, *site.production);
    const Status ended = gate == nullptr ? Status() : gate->end();
    if (!ended.ok()) {
      view.note(fmt::format("the gate could not be ended: {}", ended.error().message));
      first = ended.error();
    }
  }
  if (site.drivers.trial != nullptr) {
    if (const Status cleaned = site.drivers.trial->clean_up(); !cleaned.ok()) {
      view.note(
          fmt::format("the server that tries constraints could not be removed: {}", cleaned.error().message));
      if (!first) first = cleaned.error();
    }
  }
  for (const model::OwnedCopy& owned : ours) {
    Status removed = remove_one(site, owned, view);
    if (!removed.ok()) {
      view.note(fmt::format("{} could not be removed: {}", owned.id(), removed.error().message));
      if (!first) first = removed.error();
    } else if (!context.output.json()) {
      context.output.err << fmt::format("{} removed {}\n", context.output.good("✓"), owned.id());
    }
  }
  if (const Status swept = site.drivers.host->remove_leftovers(); !swept.ok()) {
    view.note(fmt::format("what was made beside copies could not be removed: {}", swept.error().message));
    if (!first) first = swept.error();
  }
  if (first) return *std::move(first);
  // History only: that it cannot be written is no failure of the teardown.
  (void)site.drivers.journal->append({.at = context.now(),
                                      .production = site.production->name,
                                      .copy = {},
                                      .event = std::string(kTeardownEvent),
                                      .action = {},
                                      .detail = fmt::format("{} copies removed", ours.size())});
  return {};
}

}  // namespace

Status run_teardown(Context& context) {
  YTB_ASSIGN(Site site, open_site(context));
  YTB_ASSIGN(os::FileLock lock, site.state.lock(site.production->name, "teardown", context.now()));
  YTB_ASSIGN(std::vector<model::Copy> copies, site.drivers.host->list());
  std::vector<model::OwnedCopy> ours;
  std::vector<std::string> left;
  for (const model::Copy& copy : copies) {
    Result<model::OwnedCopy> owned =
        model::OwnedCopy::claim(copy, site.production->name, refresh::protected_names(*site.config));
    if (owned.ok()) {
      ours.push_back(std::move(*owned));
    } else if (copy.production == site.production->name || !copy.marked) {
      left.push_back(owned.error().message);
    }
  }
  bool dry_run = context.call.has("dry-run");
  if (context.output.json()) {
    Json tree{{"dry_run", dry_run}, {"alias", place_of_alias(*site.production)}, {"left_alone", left}};
    Json list = Json::array();
    for (const model::OwnedCopy& owned : ours) list.push_back(to_tree(owned.copy(), context.now()));
    tree["copies"] = std::move(list);
    context.out() << to_text(tree);
  } else {
    context.out() << fmt::format("{} of production '{}':\n", dry_run ? "would remove" : "removes",
                                 site.production->name);
    context.out() << fmt::format("  alias  {}\n", place_of_alias(*site.production));
    for (const model::OwnedCopy& owned : ours) {
      context.out() << fmt::format("  copy   {} ({})\n", owned.id(), model::name_of(owned.copy().phase));
    }
    for (const std::string& line : left) context.out() << "  left   " << line << "\n";
    context.out() << "  snapshots, keys, config, policy and the history with its proofs stay\n";
  }
  if (dry_run) return {};
  YTB_TRY(context.confirm("Remove all of this?"));
  return remove_everything(context, site, ours);
}

}  // namespace ytb::cli
