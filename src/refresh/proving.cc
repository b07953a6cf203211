#include "refresh/proving.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "masking/names.h"
#include "masking/program.h"

namespace ytb::refresh {

using model::Check;
using model::Evidence;
using model::Outcome;
using model::TableEvidence;

namespace {

constexpr size_t kNamedMax = 5;   // names in a check's detail; the count says how many there are
constexpr size_t kToldMax = 100;  // where each needs somebody to settle it

bool same_table(const TableEvidence& a, const TableEvidence& b) {
  return std::tie(a.database, a.schema, a.table) == std::tie(b.database, b.schema, b.table);
}

std::string name_of_table(const TableEvidence& table) {
  return printable(fmt::format("{} {}.{}", table.database, table.schema, table.table));
}

std::string some_of(const std::vector<std::string>& names, size_t named_max = kNamedMax) {
  std::vector<std::string> shown(names.begin(),
                                 names.begin() + static_cast<ptrdiff_t>(std::min(names.size(), named_max)));
  std::string text = join(shown, ", ");
  if (names.size() > named_max) text += fmt::format(" and {} more", names.size() - named_max);
  return text;
}

void add_lines(std::vector<std::string>& lines, std::vector<std::string> more) {
  for (std::string& line : more) {
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(std::move(line));
  }
}

}  // namespace

void merge_evidence(Evidence& evidence, Evidence more) {
  add_lines(evidence.defused, std::move(more.defused));
  add_lines(evidence.notes, std::move(more.notes));
  for (Check& check : more.checks) {
    auto same = std::find_if(evidence.checks.begin(), evidence.checks.end(),
                             [&](const Check& there) { return there.name == check.name; });
    if (same != evidence.checks.end()) {
      *same = std::move(check);
    } else {
      evidence.checks.push_back(std::move(check));
    }
  }
  for (TableEvidence& table : more.tables) {
    auto same = std::find_if(evidence.tables.begin(), evidence.tables.end(),
                             [&](const TableEvidence& there) { return same_table(there, table); });
    if (same != evidence.tables.end()) {
      *same = std::move(table);
    } else {
      evidence.tables.push_back(std::move(table));
    }
  }
  if (!more.inputs.empty()) evidence.inputs = std::move(more.inputs);
}

Check columns_judged(const masking::MaskingPlan* plan, std::string_view none_reason) {
  Check check{.name = "columns_judged",
              .asserts = "every column of every database is judged by the policy or its lock",
              .outcome = Outcome::kNotRun,
              .detail = {}};
  if (plan == nullptr) {
    if (none_reason.empty()) return check;
    check.outcome = Outcome::kNotCheckable;
    check.detail = fmt::format("masking: none, because: {}", none_reason);
    return check;
  }
  uint64_t columns = 0;
  uint64_t masked = 0;
  uint64_t tables = 0;
  for (const masking::DatabasePlan& database : plan->databases) {
    for (const masking::TablePlan& table : database.tables) {
      ++tables;
      columns += table.columns.size();
      if (table.treatment != masking::Treatment::kMask) continue;
      masked += static_cast<uint64_t>(std::count_if(table.columns.begin(), table.columns.end(),
                                                    [](const auto& column) { return column.masked(); }));
    }
  }
  check.outcome = Outcome::kPassed;
  check.detail = fmt::format("{} columns in {} tables of {} databases, {} masked", with_commas(columns),
                             with_commas(tables), plan->databases.size(), with_commas(masked));
  return check;
}

Check evidence_complete(const masking::MaskingPlan* plan, const Evidence& evidence, std::string_view inputs) {
  Check check{.name = "evidence_complete",
              .asserts = "each table that the plan masks or empties was, with the policy and key in force",
              .outcome = Outcome::kPassed,
              .detail = {}};
  if (evidence.inputs != inputs) {
    check.outcome = Outcome::kFailed;
    check.detail = "the evidence is of another policy, key or access";
    return check;
  }
  if (plan == nullptr) {
    check.detail = "masking: none";
    return check;
  }
  std::vector<std::string> missing;
  uint64_t treated = 0;
  for (const masking::DatabasePlan& database : plan->databases) {
    for (const masking::TablePlan& table : database.tables) {
      if (table.treatment == masking::Treatment::kKeep) continue;
      TableEvidence wanted;
      wanted.database = database.database.name;
      wanted.schema = table.table.name.schema;
      wanted.table = table.table.name.name;
      bool there = std::any_of(evidence.tables.begin(), evidence.tables.end(), [&](const TableEvidence& has) {
        return same_table(has, wanted) && has.treatment != "kept";
      });
      if (!there) missing.push_back(name_of_table(wanted));
      ++treated;
    }
  }
  if (!missing.empty()) check.outcome = Outcome::kFailed;
  check.detail = missing.empty() ? fmt::format("{} tables", with_commas(treated))
                                 : fmt::format("nothing is known of {}", some_of(missing));
  return check;
}

Check values_changed(const masking::MaskingPlan* plan, const Evidence& evidence) {
  Check check{.name = "values_changed",
              .asserts = "no value of a masker that promises to change it is its own original",
              .outcome = Outcome::kPassed,
              .detail = {}};
  if (plan == nullptr) {
    check.outcome = Outcome::kNotCheckable;
    check.detail = "masking: none";
    return check;
  }
  std::vector<std::string> unchanged;
  uint64_t changed = 0;
  uint64_t columns = 0;
  for (const TableEvidence& table : evidence.tables) {
    for (const TableEvidence::Column& column : table.columns) {
      changed += column.changed;
      if (!column.must_change) continue;
      ++columns;
      if (column.unchanged == 0 && column.changed == column.values) continue;
      unchanged.push_back(fmt::format("{}.{} ({} of {})", name_of_table(table), printable(column.name),
                                      with_commas(column.values - std::min(column.values, column.changed)),
                                      with_commas(column.values)));
    }
  }
  if (!unchanged.empty()) {
    check.outcome = Outcome::kFailed;
    check.detail = "still the original in " + some_of(unchanged);
  } else {
    check.detail =
        fmt::format("{} values changed; {} columns promise it of every value", with_commas(changed), columns);
  }
  return check;
}

namespace {

// Masked columns whose originals have no form that is searched for.
std::vector<std::string> not_remembered(const masking::MaskingPlan& plan) {
  std::vector<std::string> columns;
  for (const masking::DatabasePlan& database : plan.databases) {
    for (const masking::TablePlan& table : database.tables) {
      if (table.treatment != masking::Treatment::kMask) continue;
      for (const masking::ColumnPlan& column : table.columns) {
        if (!column.masked() || masking::remembers_originals(column, database.database.encoding)) continue;
        columns.push_back(printable(fmt::format("{} {}", database.database.name,
                                                masking::to_string(table.table.name, column.column.name))));
      }
    }
  }
  return columns;
}

std::string_view words_of(masking::SearchDepth depth) {
  switch (depth) {
    case masking::SearchDepth::kWhole:
      return "as whole values; prose was left out";
    case masking::SearchDepth::kWords:
      return "as whole values and as single words";
    case masking::SearchDepth::kPhrases:
      break;
  }
  return "as whole values, and in prose as words and phrases of up to three words";
}

// The reason that the policy gives for originals at a place ("shop public.words.word"); null: none.
const std::string* reason_for(const masking::SurvivorPolicy& policy, std::string_view place) {
  for (const auto& [database, places] : policy.allow) {
    const std::string prefix = printable(database) + " ";
    if (!place.starts_with(prefix)) continue;
    std::string_view rest = place.substr(prefix.size());
    auto found = places.find(std::string(rest));
    if (found != places.end()) return &found->second;
    // What may stand in a column may stand in rows of it that are there no more.
    for (std::string_view which :
         {ports::SurvivorSearch::kDeletedRows, ports::SurvivorSearch::kUnknownRows}) {
      if (!rest.starts_with(which)) continue;
      found = places.find(std::string(rest.substr(which.size())));
      if (found != places.end()) return &found->second;
    }
  }
  return nullptr;
}

}  // namespace

namespace {

// As a YAML scalar, anywhere.
std::string yaml_text(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

// So many different single words at one place may be names by accident; a column of names has more.
constexpr uint64_t kNamesMax = 20;

// What was found where, told apart by whether the policy allows it.
struct Places {
  std::vector<std::string> found;
  std::vector<std::string> allowed;
  std::vector<std::string> names;  // words that are names, too, where the policy only wants them told
  std::map<std::string, std::vector<std::string>> unsettled;  // by database: places without a reason
  void add(const masking::SurvivorPolicy& policy, const std::string& place,
           const masking::SurvivorCandidates::Survivors& there) {
    if (policy.names == masking::SurvivorPolicy::Names::kWarn && there.times == there.names &&
        there.distinct_names <= kNamesMax && reason_for(policy, place) == nullptr) {
      names.push_back(fmt::format("{} ({} times)", place, with_commas(there.times)));
      return;
    }
    add(policy, place, there.times);
  }
  void add(const masking::SurvivorPolicy& policy, const std::string& place, uint64_t count) {
    add(policy, place, fmt::format("{} times", with_commas(count)));
  }
  void add(const masking::SurvivorPolicy& policy, const std::string& place, const std::string& what) {
    std::string told = fmt::format("{} ({})", place, what);
    const std::string* reason = reason_for(policy, place);
    if (reason != nullptr) told += ": " + printable(*reason);
    (reason != nullptr ? allowed : found).push_back(std::move(told));
    const size_t space = place.find(' ');
    if (reason == nullptr && space != std::string::npos)
      unsettled[place.substr(0, space)].push_back(place.substr(space + 1));
  }
  [[nodiscard]] std::string all_found() const { return some_of(found, kToldMax); }
};

constexpr std::string_view kNothingSurvives =
    "no original of a masked column is found anywhere else, except where the policy allows it";

// What statements, files and detectors saw that nobody has judged.
Places survivors_at(const masking::SurvivorPolicy& policy, const ports::SurvivorSearch& search) {
  Places places;
  for (const auto& [number, found] : search.candidates.survivors())
    places.add(policy, search.places.at(number), found);
  return places;
}

Places files_at(const masking::SurvivorPolicy& policy, const ports::SurvivorSearch& search) {
  Places places;
  for (const auto& [place, count] : search.in_files) places.add(policy, place, count);
  return places;
}

}  // namespace

Check no_original_survives(const masking::SurvivorPolicy& policy, const masking::MaskingPlan& plan,
                           const ports::SurvivorSearch& search, uint64_t recorded) {
  Check check{.name = std::string(model::kSearchCheck),
              .asserts = std::string(kNothingSurvives),
              .outcome = Outcome::kPassed,
              .detail = {}};
  const Places places = survivors_at(policy, search);
  std::string looked = fmt::format("{} values in {} places searched for {} digests of originals, {}",
                                   with_commas(search.values), with_commas(search.places.size()),
                                   with_commas(recorded), words_of(search.depth));
  if (const std::vector<std::string> columns = not_remembered(plan); !columns.empty()) {
    looked += fmt::format(
        "; not searched for is what these masked columns held (enums, booleans, money, forgotten arrays, "
        "other types, texts of encodings that only the server reads): {}",
        some_of(columns, kToldMax));
  }
  if (!search.unread.empty()) looked += "; not looked at: " + some_of(search.unread, kToldMax);
  if (!places.allowed.empty()) looked += std::string(model::kAllowedSaid) + some_of(places.allowed, kToldMax);
  if (!places.names.empty()) looked += std::string(model::kNamesSaid) + some_of(places.names, kToldMax);
  if (!search.candidates.complete()) {
    check.outcome = Outcome::kFailed;
    check.detail = fmt::format(
        "more than {} different values look like originals, and the search stopped counting: a kept column "
        "probably holds what a masked one held, and no allowance helps{}",
        with_commas(search.candidates.size()),
        places.found.empty() ? std::string() : "; so far originals are left in " + places.all_found());
  } else if (!places.found.empty()) {
    check.outcome = Outcome::kFailed;
    check.detail = "originals are left in " + places.all_found();
  }
  check.detail += (check.detail.empty() ? "" : "; ") + looked;
  return check;
}

Check originals_not_searched() {
  return {.name = std::string(model::kSearchCheck),
          .asserts = std::string(kNothingSurvives),
          .outcome = Outcome::kNotCheckable,
          .detail = "what is kept was not searched: the policy has no 'survivors'"};
}

Check no_original_in_files(const masking::SurvivorPolicy& policy, const ports::SurvivorSearch& search) {
  Check check{.name = std::string(model::kFilesCheck),
              .asserts =
                  "no sampled original of a masked column is left in the bytes of the copy's files, "
                  "but where the policy allows it",
              .outcome = Outcome::kPassed,
              .detail = {}};
  if (search.files_closed) {
    check.outcome = Outcome::kNotCheckable;
    check.detail =
        "the provider gives nobody the files of a server: what deleted rows and free space hold is not known";
    return check;
  }
  const Places places = files_at(policy, search);
  if (!places.found.empty()) {
    check.outcome = Outcome::kFailed;
    check.detail = fmt::format("originals are left in {}; ", places.all_found());
  }
  check.detail += fmt::format(
      "{} of files searched for {} sampled originals of six bytes and more{}; names and words in files of "
      "tables "
      "alone; not in what is compressed, and not for what was found by statements",
      human_bytes(search.file_bytes), with_commas(search.needles),
      search.depth == masking::SearchDepth::kWhole ? ", where they are fields of their own" : "");
  if (!places.allowed.empty()) check.detail += std::string(model::kAllowedSaid) + some_of(places.allowed);
  return check;
}

namespace {

Places detected_places(const masking::SurvivorPolicy& policy, const ports::SurvivorSearch& search) {
  Places places;
  for (const auto& [number, counts] : search.signs) {
    std::vector<std::string> what;
    for (unsigned sign = 0; sign < counts.size(); ++sign) {
      if (counts[sign] == 0) continue;
      what.push_back(fmt::format("{} in {} values", masking::words_of(static_cast<masking::Sign>(sign)),
                                 with_commas(counts[sign])));
    }
    places.add(policy, search.places.at(number), join(what, ", "));
  }
  return places;
}

}  // namespace

std::string kept_values_to_judge(const masking::SurvivorPolicy& policy, const ports::SurvivorSearch& search) {
  if (policy.detectors != masking::SurvivorPolicy::Detectors::kWarn) return {};
  const Places places = detected_places(policy, search);
  return places.found.empty() ? std::string() : some_of(places.found);
}

Check kept_values_detected(const masking::SurvivorPolicy& policy, const ports::SurvivorSearch& search) {
  using Detectors = masking::SurvivorPolicy::Detectors;
  const bool fails = policy.detectors == Detectors::kFail;
  Check check{.name = std::string(model::kKeptCheck),
              .asserts = fails ? "no kept value looks like somebody's address, number, account or key, but "
                                 "where the policy allows it"
                               : "kept values that look like somebody's address, number, account or key are "
                                 "counted, and it is for people to judge them",
              .outcome = Outcome::kPassed,
              .detail = {}};
  if (policy.detectors == Detectors::kNone) {
    check.outcome = Outcome::kNotCheckable;
    check.detail = "the policy wants no detectors";
    return check;
  }
  const Places places = detected_places(policy, search);
  std::vector<std::string> kinds;
  for (unsigned sign = 0; sign < masking::kSigns; ++sign)
    kinds.emplace_back(masking::words_of(static_cast<masking::Sign>(sign)));
  if (!places.found.empty()) {
    if (fails) check.outcome = Outcome::kFailed;
    check.detail = places.all_found() + "; ";
  }
  check.detail += fmt::format(
      "looked for {} in texts and documents{}; not in numbers, dates, bytes, large objects and "
      "definitions, and not for names, streets, dates of birth or national telephone numbers",
      join(kinds, ", "),
      search.depth == masking::SearchDepth::kWhole
          ? " that are no longer than a few times the longest original"
          : "");
  if (!places.allowed.empty())
    check.detail += std::string(model::kAllowedSaid) + some_of(places.allowed, kToldMax);
  return check;
}

std::string how_to_settle(const masking::SurvivorPolicy& policy, const ports::SurvivorSearch& search) {
  std::map<std::string, std::set<std::string>> unsettled;
  size_t count = 0;
  const auto take = [&](const Places& places) {
    for (const auto& [database, at] : places.unsettled) {
      for (const std::string& place : at) count += unsettled[database].insert(place).second ? 1 : 0;
    }
  };
  take(survivors_at(policy, search));
  take(files_at(policy, search));
  if (policy.detectors == masking::SurvivorPolicy::Detectors::kFail) take(detected_places(policy, search));
  if (count == 0 || !search.candidates.complete()) return {};
  std::string text = fmt::format(
      "mask or empty what holds them; where it is a coincidence, write a reason between the quotes, in the "
      "policy:\n"
      "  survivors:\n    search: {}\n    allow:\n",
      search.depth == masking::SearchDepth::kWhole   ? "whole"
      : search.depth == masking::SearchDepth::kWords ? "words"
                                                     : "prose");
  for (const auto& [database, places] : unsettled) {
    text += fmt::format("      {}:\n", yaml_text(database));
    for (const std::string& place : places) text += fmt::format("        {}: \"\"\n", yaml_text(place));
  }
  return text +
         "  then 'yesterdaytabase refresh' makes another copy; until it passes, the one before stays live";
}

Error to_error(const model::Proof& proof, const std::string& how_to_settle) {
  std::vector<std::string> failed;
  for (const Check& check : proof.checks) {
    if (check.outcome == Outcome::kPassed || check.outcome == Outcome::kNotCheckable) continue;
    failed.push_back(fmt::format("{} {}{}{}", check.name,
                                 check.outcome == Outcome::kNotRun ? "did not run" : "failed",
                                 check.detail.empty() ? "" : ": ", check.detail));
  }
  return Error{.code = Code::kProof,
               .message = failed.empty() ? fmt::format("the proof of {} holds no check", proof.copy)
                                         : fmt::format("the proof of {} does not pass: {}", proof.copy,
                                                       join(failed, "; ")),
               .hint = fmt::format("the copy stays closed and is deleted; see all checks with: "
                                   "yesterdaytabase proof show {}{}{}",
                                   proof.copy, how_to_settle.empty() ? "" : "\n", how_to_settle),
               .retry = Retry::kNever};
}

}  // namespace ytb::refresh
