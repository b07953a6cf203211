#include "cli/describe.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/shell.h"
#include "base/text.h"

namespace ytb::cli {
namespace {

constexpr int kJournalLookMax = 1000;

// Why it stands where it does. What is live and runs is where it is wanted: what failed before is over.
std::string failure_of(const model::Copy& copy) {
  return copy.phase == model::Phase::kLive && copy.running ? std::string() : copy.failure;
}

}  // namespace

std::string to_text(const Json& tree) { return write_json(tree) + "\n"; }

Json to_tree(const model::Copy& copy, Instant now) {
  return Json{{"copy", copy.id.str()},
              {"phase", model::name_of(copy.phase)},
              {"phase_since", to_iso(copy.phase_since)},
              {"snapshot", copy.snapshot.str()},
              {"data_as_of", to_iso(copy.data_as_of)},
              {"data_age_s", std::chrono::duration_cast<std::chrono::seconds>(now - copy.data_as_of).count()},
              {"attempt", copy.attempt},
              {"ours", copy.marked},
              {"opened", copy.opened},
              {"proven", copy.proven},
              {"running", copy.running},
              {"isolation", isolation_word(&copy)},
              {"isolation_reason", copy.isolation ? copy.isolation->reason : std::string()},
              {"failure", failure_of(copy)}};
}

Json to_tree(const Error& error) {
  return Json{{"code", name_of(error.code)}, {"message", error.message}, {"hint", error.hint}};
}

Json to_tree(const decide::Decision& decision) {
  Json tree{{"action", nullptr}, {"reason", decision.reason}};
  if (decision.action) {
    tree["action"] = model::name_of(decision.action->kind);
    tree["copy"] = decision.action->copy.str();
  }
  tree["until"] = decision.until ? Json(to_iso(*decision.until)) : Json(nullptr);
  tree["blocker"] = decision.blocker ? to_tree(*decision.blocker) : Json(nullptr);
  tree["drift"] = decision.drift;
  tree["remarks"] = decision.remarks;
  return tree;
}

std::vector<std::vector<std::string>> copy_rows(const Context& context,
                                                const std::vector<model::Copy>& copies) {
  std::vector<model::Copy> sorted = copies;
  std::stable_sort(sorted.begin(), sorted.end(), [](const model::Copy& a, const model::Copy& b) {
    return std::pair(a.data_as_of, a.attempt) > std::pair(b.data_as_of, b.attempt);
  });
  std::vector<std::vector<std::string>> rows;
  for (const model::Copy& copy : sorted) {
    bool live = copy.phase == model::Phase::kLive;
    // Of what cannot be read nothing is known but its name.
    std::string phase(copy.marked ? model::name_of(copy.phase) : "unknown");
    std::vector<std::string> remarks;
    if (!copy.marked)
      remarks.emplace_back(
          "not ours, or its record is damaged: left alone; remove it by hand if it is a left-over");
    if (copy.opened && !copy.running) remarks.emplace_back("not running");
    if (const std::string failure = failure_of(copy); !failure.empty()) remarks.push_back(failure);
    rows.push_back({live ? context.output.good("●") : context.output.dim("○"), printable(copy.id.str()),
                    live ? context.output.good(phase) : phase,
                    copy.marked ? fmt::format("{} old", age(copy.data_as_of, context.now())) : std::string(),
                    join(remarks, "; ")});
  }
  return rows;
}

std::string isolation_word(const model::Copy* copy) {
  return copy == nullptr || !copy->isolation ? std::string() : copy->isolation->name();
}

std::string isolation_said(const model::Copy* copy) {
  if (copy == nullptr || !copy->isolation || copy->isolation->reason.empty()) return isolation_word(copy);
  return fmt::format("{}, because: {}", copy->isolation->name(), printable(copy->isolation->reason));
}

std::string loose_isolation(const model::Copy* copy) {
  const bool loose = copy != nullptr && copy->isolation && !copy->isolation->sealed();
  return loose ? isolation_said(copy) : std::string();
}

std::string how_to_connect(const model::Observed& observed) {
  return observed.alias.known() ? observed.alias->connect : std::string();
}

std::string connect_note(const model::Observed& observed) {
  return observed.alias.known() ? observed.alias->note : std::string();
}

std::string where_password_is(const config::ProductionConfig& production) {
  std::vector<std::string> parts;
  for (const model::AccessRole& role : production.access) {
    const model::SecretRef& password = role.password;
    std::string_view kind;
    switch (password.kind) {
      case model::SecretRef::Kind::kNone:
        continue;
      case model::SecretRef::Kind::kEnvironment:
        kind = "$";
        break;
      case model::SecretRef::Kind::kFile:
        break;
      case model::SecretRef::Kind::kSecretsManager:
        kind = "secretsmanager:";
        break;
      case model::SecretRef::Kind::kParameterStore:
        kind = "ssm:";
        break;
    }
    parts.push_back(fmt::format("of {}: {}{}", printable(role.name), kind, printable(password.locator)));
  }
  return join(parts, ", ");
}

std::string connect_command(const Context& context, const config::ProductionConfig& production) {
  if (production.access.empty()) return {};
  const std::string& first = production.access.front().name;
  return context.command(production.access.size() == 1 ? "connect" : "connect --role " + shell_word(first));
}

std::string space_text(const ports::SpaceEstimate& space) {
  // A place whose size nobody knows, as AWS's, has "everything".
  if (space.available_bytes == std::numeric_limits<uint64_t>::max())
    return fmt::format("{} needed ({})", human_bytes(space.needed_bytes), space.how);
  return fmt::format("{} needed, {} available ({})", human_bytes(space.needed_bytes),
                     human_bytes(space.available_bytes), space.how);
}

std::string place_of_snapshots(const config::ProductionConfig& production) {
  const config::SourceConfig& source = production.source;
  if (source.kind == "aurora") return "RDS of the Aurora cluster " + source.rds.id;
  if (source.kind == "rds")
    return "RDS of the instance " + (source.rds.id.empty() ? source.rds.resource_id : source.rds.id);
  return join(source.directories, ", ");
}

std::string place_of_copies(const config::ProductionConfig& production) {
  return config::is_aws(production) ? "CloudFormation, one stack a copy" : production.copies.directory;
}

std::string place_of_alias(const config::ProductionConfig& production) {
  return production.alias.kind == "route53" ? production.alias.route53.name : production.alias.directory;
}

std::vector<std::string> steps_from(model::ActionKind first) {
  static constexpr std::array kOrder{model::ActionKind::kRestore, model::ActionKind::kDefuse,
                                     model::ActionKind::kMask,    model::ActionKind::kProve,
                                     model::ActionKind::kOpen,    model::ActionKind::kRepoint,
                                     model::ActionKind::kPromote};
  std::vector<std::string> steps;
  const auto* begin = std::find(kOrder.begin(), kOrder.end(), first);
  for (const auto* kind = begin; kind != kOrder.end(); ++kind) steps.emplace_back(model::name_of(*kind));
  if (steps.empty()) steps.emplace_back(model::name_of(first));
  return steps;
}

std::vector<std::pair<std::string, double>> last_times(ports::Journal& journal,
                                                       const model::ProductionName& production,
                                                       const std::vector<std::string>& steps) {
  std::vector<std::pair<std::string, double>> times;
  Result<std::vector<ports::JournalEntry>> entries = journal.recent(production, kJournalLookMax);
  if (!entries.ok()) return times;  // only history
  for (const std::string& step : steps) {
    for (const ports::JournalEntry& entry : *entries) {
      if (entry.event == "action_done" && entry.action == step) {
        times.emplace_back(step, entry.seconds);
        break;
      }
    }
  }
  return times;
}

const model::Copy* previous_copy(const std::vector<model::Copy>& copies) {
  const model::Copy* best = nullptr;
  // A drain begins when the alias moves on; what is spare was left before that.
  auto left_later = [](const model::Copy& a, const model::Copy& b) {
    const bool drains = a.phase == model::Phase::kDraining;
    if (drains != (b.phase == model::Phase::kDraining)) return drains;
    return a.phase_since > b.phase_since;
  };
  for (const model::Copy& copy : copies) {
    const bool serves = copy.phase == model::Phase::kDraining || copy.phase == model::Phase::kSpare;
    if (serves && copy.opened && (best == nullptr || left_later(copy, *best))) best = &copy;
  }
  return best;
}

}  // namespace ytb::cli
