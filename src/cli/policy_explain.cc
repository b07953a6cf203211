// policy explain.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "cli/context.h"
#include "cli/policy.h"
#include "masking/explain.h"
#include "masking/names.h"
#include "masking/yaml_text.h"

namespace ytb::cli {
namespace {

using Json = nlohmann::ordered_json;
using masking::ColumnPlace;
using masking::Explanation;

// "policy.yaml:12"; "" where it is of no line.
std::string place_of(const masking::Where& where) {
  return where.line > 0 ? fmt::format("{}:{}", where.file, where.line) : std::string();
}

std::string name_of(const ColumnPlace& place) {
  return masking::to_string(place.table->name, place.column->name);
}

Result<ColumnPlace> find_place(const Context& context, const masking::Catalog& catalog,
                               const std::string& name) {
  constexpr size_t kComparedMax = 2000;  // the edit distance to each is looked at
  std::vector<ColumnPlace> found = masking::find_columns(catalog, name);
  const std::optional<std::string> database = context.call.value("database");
  if (database) {
    std::erase_if(found, [&](const ColumnPlace& place) { return place.database->name != *database; });
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    std::vector<std::string> names;
    for (const masking::Database& each : catalog.databases) {
      for (const masking::Table& table : each.tables) {
        for (const masking::Column& column : table.columns) {
          if (names.size() < kComparedMax) names.push_back(masking::to_string(table.name, column.name));
        }
      }
    }
    return Error{.code = Code::kUsage,
                 .message = fmt::format("there is no column '{}'{}", printable(name),
                                        printable(did_you_mean(name, names))),
                 .hint = "write it as in the policy: schema.table.column"};
  }
  constexpr size_t kShownMax = 5;
  std::vector<std::string> places;
  for (const ColumnPlace& place : found) {
    if (places.size() == kShownMax) break;
    places.push_back(fmt::format("{} in {}", printable(name_of(place)), printable(place.database->name)));
  }
  return Error{.code = Code::kUsage,
               .message = fmt::format("{} columns are called '{}': {}", found.size(), printable(name),
                                      join(places, ", ")),
               .hint = "name the schema too, and the database with --database"};
}

Json to_tree(const Explanation::Line& line) {
  return Json{{"what", line.what}, {"file", line.where.file}, {"line", line.where.line}};
}

Json to_tree(const Explanation& told, const CatalogFound& found, const std::string& lock_file) {
  Json passed_over = Json::array();
  for (const Explanation::Line& line : told.passed_over) passed_over.push_back(to_tree(line));
  Json findings = Json::array();
  for (const masking::Finding& finding : told.findings) findings.push_back(cli::to_tree(finding));
  Json lock = nullptr;
  if (told.lock) {
    lock = Json{
        {"file", lock_file},       {"line", told.lock->line}, {"table", masking::to_string(told.lock->table)},
        {"type", told.lock->type}, {"by", told.lock->by},     {"expires", told.lock->expires},
        {"why", told.lock->why}};
  }
  return Json{{"database", told.database},
              {"table", masking::to_string(told.table)},
              {"column", told.column},
              {"type", told.type},
              {"catalog", found.said},
              {"verdict", masking::name_of(told.verdict)},
              {"masker", told.masker.name.empty() ? Json(nullptr) : Json(masking::yaml_spec(told.masker))},
              {"judged_by", told.judged_by ? to_tree(*told.judged_by) : Json(nullptr)},
              {"as", told.as},
              {"passed_over", std::move(passed_over)},
              {"lock", std::move(lock)},
              {"findings", std::move(findings)}};
}

std::string_view sentence_of(Explanation::Verdict verdict) {
  using Verdict = Explanation::Verdict;
  switch (verdict) {
    case Verdict::kMasked:
      return "masked";
    case Verdict::kKept:
      return "kept as it is";
    case Verdict::kEmptied:
      return "emptied: none of its rows are in the copy";
    case Verdict::kComputed:
      return "computed again from masked columns: it needs no judgement";
    case Verdict::kNotJudged:
      return "not judged: its rows are never read";
    case Verdict::kRefused:
      return "judged, and it does not fit: a refresh stops";
    case Verdict::kUnjudged:
      return "not judged: a refresh stops";
  }
  return "";
}

std::string said_of(const masking::LockEntry& entry, const std::string& file) {
  std::string text =
      fmt::format("{}:{}  {} {}", file, entry.line, printable(masking::to_string(entry.table, entry.column)),
                  printable(entry.type));
  if (!entry.by.empty()) text += ", by " + printable(entry.by);
  if (!entry.expires.empty()) text += ", expires " + entry.expires;
  if (!entry.why.empty()) text += ", why: " + printable(entry.why);
  return text;
}

void print(const Context& context, const Explanation& told, const std::string& lock_file) {
  context.out() << fmt::format("{} ({}) of {}\n", printable(masking::to_string(told.table, told.column)),
                               printable(told.type), printable(masking::quote_name(told.database)));
  std::vector<std::vector<std::string>> lines;
  const auto add = [&](std::string what, std::string text) {
    lines.push_back({std::move(what), std::move(text)});
  };
  add("verdict", std::string(sentence_of(told.verdict)));
  if (!told.masker.name.empty()) add("masker", printable(masking::yaml_spec(told.masker)));
  if (told.judged_by) {
    add("judged by", fmt::format("{}  {}", place_of(told.judged_by->where), printable(told.judged_by->what)));
  }
  if (!told.as.empty()) add("as", printable(told.as));
  for (const Explanation::Line& line : told.passed_over) {
    add("passed over", fmt::format("{}  {}", place_of(line.where), printable(line.what)));
  }
  if (told.lock) add("locked", said_of(*told.lock, lock_file));
  context.out() << cli::table(lines);
  for (const masking::Finding& finding : told.findings) {
    context.out() << (finding.error ? context.output.bad("✗") : context.output.warn("!")) << " "
                  << masking::to_string(finding) << "\n";
  }
}

}  // namespace

Status run_policy_explain(Context& context) {
  YTB_ASSIGN(Site site, open_site(context));
  YTB_ASSIGN(const ToJudge judged, load_to_judge(context, site));
  const auto& [files, found] = judged;
  YTB_ASSIGN(const ColumnPlace place, find_place(context, found.catalog, context.call.arguments.front()));
  const Explanation told = masking::explain(files.policy, files.lock, found.catalog, place);
  if (context.output.json()) {
    context.out() << text_of(to_tree(told, found, files.lock.file));
  } else {
    print(context, told, files.lock.file);
  }
  return {};
}

}  // namespace ytb::cli
