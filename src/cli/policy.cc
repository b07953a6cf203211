// policy accept, check, preview; what all policy commands share.
#include "cli/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "base/text.h"
#include "cli/context.h"
#include "drivers/os/files.h"
#include "masking/lock.h"
#include "masking/names.h"
#include "masking/plan.h"
#include "masking/program.h"

namespace ytb::cli {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& tree) { return write_json(tree) + "\n"; }

Status refuse_without_policy(const config::ProductionConfig& production) {
  if (production.masking.none_reason.empty()) return {};
  return Error{.code = Code::kConfig,
               .message = fmt::format("production '{}' has no policy: masking is none, because \"{}\"",
                                      production.name, printable(production.masking.none_reason)),
               .hint = "set masking.policy in the config first"};
}

Json to_tree(const masking::Finding& finding) {
  return Json{{"kind", masking::name_of(finding.kind)},
              {"error", finding.error},
              {"database", finding.database},
              {"table", finding.table.name.empty() ? "" : masking::to_string(finding.table)},
              {"column", finding.column},
              {"type", finding.type},
              {"message", finding.message},
              {"add", finding.add},
              {"instead", finding.instead},
              {"file", finding.where.file},
              {"line", finding.where.line}};
}

void keep_only(masking::Policy& policy, masking::PolicyLock& lock, const std::string& database) {
  std::erase_if(policy.databases,
                [&](const auto& entry) { return !entry.first.empty() && entry.first != database; });
  std::erase_if(lock.entries, [&](const masking::LockEntry& entry) { return entry.database != database; });
}

namespace {

constexpr int kPreviewRowsDefault = 10;
constexpr int kPreviewRowsMax = 100;
constexpr size_t kCellColumnsMax = 40;

size_t count_errors(const masking::PlanCheck& check) {
  return static_cast<size_t>(std::count_if(check.findings.begin(), check.findings.end(),
                                           [](const masking::Finding& finding) { return finding.error; }));
}

void print_findings(const Context& context, const masking::PlanCheck& check) {
  const std::vector<const masking::Finding*> waiting = masking::waiting_for_acceptance(check);
  for (const masking::Finding& finding : check.findings) {
    if (finding.tells_nothing_else && !waiting.empty()) continue;
    context.out() << (finding.error ? context.output.bad("✗") : context.output.warn("!")) << " "
                  << masking::to_string(finding) << "\n";
  }
  if (!waiting.empty())
    context.out() << context.output.bad("✗") << " " << masking::told_together(waiting, waiting.size())
                  << "\n";
}

struct Count {
  size_t masked = 0;
  size_t kept = 0;
  size_t emptied = 0;
};

Count count_tables(const masking::MaskingPlan& plan) {
  Count count;
  for (const masking::DatabasePlan& database : plan.databases) {
    for (const masking::TablePlan& table : database.tables) {
      if (table.treatment == masking::Treatment::kMask) ++count.masked;
      if (table.treatment == masking::Treatment::kKeep) ++count.kept;
      if (table.treatment == masking::Treatment::kEmpty) ++count.emptied;
    }
  }
  return count;
}

}  // namespace

namespace {

// What lies with AWS is what somebody released there; a person's acceptance becomes a file, and goes the same
// way.
Status refuse_remote_lock(const Context& context, const config::MaskingConfig& masking) {
  if (!config::is_remote(masking.lock_file)) return {};
  return Error{
      .code = Code::kUnsupported,
      .message =
          fmt::format("the lock {} lies with AWS, and 'policy accept' writes files only", masking.lock_file),
      .hint = fmt::format("'{}' says what is not accepted; accept with a config that has the policy and its "
                          "lock in files, then copy them: aws s3 cp policy.lock {}",
                          context.command("policy check"), masking.lock_file)};
}

}  // namespace

namespace {

// What --by, --expires and --why say of everything that is newly accepted.
Result<masking::Acceptance> read_acceptance(const Context& context) {
  constexpr size_t kSaidSizeMax = 500;  // bytes
  masking::Acceptance said;
  for (const auto& [option, field] : {std::pair{"by", &said.by}, std::pair{"why", &said.why}}) {
    *field = trim(context.call.value(option).value_or(""));
    if (field->size() <= kSaidSizeMax) continue;
    return Error{.code = Code::kUsage,
                 .message = fmt::format("--{} takes at most {} bytes", option, kSaidSizeMax),
                 .hint = ""};
  }
  const std::optional<std::string> expires = context.call.value("expires");
  if (!expires) return said;
  const std::string today = to_iso(context.now()).substr(0, expires->size());
  if (!masking::is_date(*expires) || *expires < today) {
    return Error{.code = Code::kUsage,
                 .message = fmt::format("--expires takes a day to come, e.g. 2027-01-31, not '{}'",
                                        printable(*expires)),
                 .hint = ""};
  }
  said.expires = *expires;
  return said;
}

struct NewLock {
  masking::PolicyLock lock;
  masking::LockDiff diff;
  masking::PlanCheck check;
  bool to_write = false;
};

// With a schema file of one database, what is locked of the others stays.
NewLock expand(masking::Policy policy, const masking::PolicyLock& before, const masking::Catalog& catalog,
               bool one_database, const masking::Acceptance& said, masking::Trials trials) {
  NewLock made;
  std::vector<masking::LockEntry> others;
  if (one_database) {
    const std::string& database = catalog.databases.front().name;
    std::copy_if(before.entries.begin(), before.entries.end(), std::back_inserter(others),
                 [&](const masking::LockEntry& entry) { return entry.database != database; });
    masking::PolicyLock unused;
    keep_only(policy, unused, database);
  }
  made.lock = masking::expand_lock(policy, catalog);
  masking::carry_over(before, said, made.lock);
  made.check = masking::plan_masking(policy, made.lock, catalog, trials);
  made.lock.entries.insert(made.lock.entries.end(), others.begin(), others.end());
  std::sort(made.lock.entries.begin(), made.lock.entries.end());
  made.lock.file = before.file;
  made.diff = masking::diff_locks(before, made.lock);
  made.to_write =
      !made.diff.lines.empty() || before.version < masking::kLockVersion || before.engine != made.lock.engine;
  return made;
}

Json to_tree(const NewLock& made, const CatalogFound& found, bool accepted) {
  Json findings = Json::array();
  for (const masking::Finding& finding : made.check.findings) findings.push_back(cli::to_tree(finding));
  return Json{{"lock", made.lock.file},         {"catalog", found.said},
              {"accepted", accepted},           {"columns", made.lock.entries.size()},
              {"added", made.diff.added},       {"removed", made.diff.removed},
              {"changed", made.diff.changed},   {"changes", made.diff.lines},
              {"findings", std::move(findings)}};
}

void print_changes(const Context& context, const NewLock& made) {
  for (const std::string& change : made.diff.lines) {
    context.out() << "  "
                  << (change.starts_with("+") ? context.output.good(change) : context.output.bad(change))
                  << "\n";
  }
}

std::string columns(size_t count) {
  return fmt::format("{} {}", with_commas(count), count == 1 ? "column" : "columns");
}

}  // namespace

Status run_policy_accept(Context& context) {
  YTB_ASSIGN(const masking::Acceptance said, read_acceptance(context));
  YTB_ASSIGN(Site site, open_site(context));
  YTB_TRY(refuse_without_policy(*site.production));
  YTB_TRY(refuse_remote_lock(context, site.production->masking));
  // Writing it anew is what mends a lock that cannot be read; without the old one, everything that is kept
  // shows as new. With --schema the entries of other databases come from it.
  std::optional<Error> unreadable;
  YTB_ASSIGN(refresh::PolicyFiles files,
             refresh::load_policy(site.production->masking, *site.vault,
                                  context.call.has("schema") ? nullptr : &unreadable));
  if (unreadable) {
    context.output.err << fmt::format("{} the lock is not read, it will be written anew: {}\n",
                                      context.output.warn("!"), unreadable->message);
  }
  YTB_ASSIGN(CatalogFound found, find_catalog(context, site));
  const bool one_database = context.call.has("schema") && found.catalog.databases.size() == 1;
  NewLock made = expand(files.policy, files.lock, found.catalog, one_database, said, trials_for(site));
  YTB_TRY(try_constraints(context, site, found, made.check));
  const bool json = context.output.json();
  if (!json) context.out() << fmt::format("against {}\n", found.said);
  if (!made.check.ok()) {
    if (json) {
      context.out() << text_of(to_tree(made, found, false));
    } else {
      print_findings(context, made.check);
    }
    const size_t errors = count_errors(made.check);
    return Error{
        .code = Code::kPolicy,
        .message = fmt::format("nothing was accepted: {} {} in {}, and only a whole policy is "
                               "accepted; {} is as it was",
                               with_commas(errors), errors == 1 ? "finding remains" : "findings remain",
                               files.policy.file, made.lock.file),
        .hint = fmt::format("decide what is named above in the policy, then '{}' again",
                            context.command("policy accept"))};
  }
  if (!json) print_changes(context, made);
  if (!made.to_write) {
    if (json) {
      context.out() << text_of(to_tree(made, found, true));
    } else {
      context.out() << fmt::format("{} {} is up to date: {} kept, as accepted before\n",
                                   context.output.good("✓"), made.lock.file,
                                   columns(made.lock.entries.size()));
    }
    return {};
  }
  const masking::LockDiff& diff = made.diff;
  const std::string counts = fmt::format("{} added, {} removed, {} changed", with_commas(diff.added),
                                         with_commas(diff.removed), with_commas(diff.changed));
  if (!diff.lines.empty()) {
    YTB_TRY(context.confirm(fmt::format("Accept this into {} ({})?", made.lock.file, counts)));
  }
  YTB_TRY(
      os::write_file(made.lock.file, config::to_lock_text(made.lock), {.mode = 0644, .owner = std::nullopt}));
  if (one_database && files.lock.version < masking::kLockVersion && files.policy.databases.size() > 1) {
    context.output.err << fmt::format(
        "{} accept the policy's other databases, too, before the next refresh: the lock was of version 1, "
        "and "
        "what they keep by name is not in it\n",
        context.output.warn("!"));
  }
  if (json) {
    context.out() << text_of(to_tree(made, found, true));
    return {};
  }
  context.out() << fmt::format("{} {} written: {} kept; {}\n", context.output.good("✓"), made.lock.file,
                               columns(made.lock.entries.size()), counts);
  return {};
}

Result<ToJudge> load_to_judge(const Context& context, const Site& site) {
  YTB_TRY(refuse_without_policy(*site.production));
  YTB_ASSIGN(refresh::PolicyFiles files, refresh::load_policy(site.production->masking, *site.vault));
  YTB_ASSIGN(CatalogFound found, find_catalog(context, site));
  if (context.call.has("schema") && found.catalog.databases.size() == 1) {
    keep_only(files.policy, files.lock, found.catalog.databases.front().name);
  }
  return ToJudge{.files = std::move(files), .found = std::move(found)};
}

Status run_policy_check(Context& context) {
  YTB_ASSIGN(Site site, open_site(context));
  YTB_ASSIGN(const ToJudge judged, load_to_judge(context, site));
  const auto& [files, found] = judged;
  masking::PlanCheck check = masking::plan_masking(files.policy, files.lock, found.catalog, trials_for(site));
  YTB_TRY(try_constraints(context, site, found, check));
  size_t errors = count_errors(check);
  if (context.output.json()) {
    Json list = Json::array();
    for (const masking::Finding& finding : check.findings) list.push_back(to_tree(finding));
    context.out() << text_of(
        Json{{"ok", check.ok()}, {"catalog", found.said}, {"findings", std::move(list)}});
  } else {
    context.out() << fmt::format("against {}\n", found.said);
    print_findings(context, check);
  }
  if (!check.ok()) {
    if (context.output.json()) return masking::to_error(check);
    const bool accepted_at_once = masking::accepting_settles(check);
    return Error{
        .code = Code::kPolicy,
        .message = fmt::format("the policy {} does not judge production as it is: {} finding(s)",
                               files.policy.file, errors),
        .hint = fmt::format("{}'{}' {}locks what is kept", accepted_at_once ? "" : "write the lines shown; ",
                            context.command("policy accept"), accepted_at_once ? "" : "then ")};
  }
  if (!context.output.json()) {
    Count count = count_tables(*check.plan);
    context.out() << fmt::format("{} every column is judged: {} tables masked, {} kept, {} emptied\n",
                                 context.output.good("✓"), count.masked, count.kept, count.emptied);
  }
  return {};
}

namespace {

using TextRow = std::vector<std::optional<std::string>>;

Result<int> wanted_rows(const Context& context) {
  std::optional<std::string> text = context.call.value("rows");
  if (!text) return kPreviewRowsDefault;
  int rows = 0;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), rows);
  if (error != std::errc{} || end != text->data() + text->size() || rows < 1 || rows > kPreviewRowsMax) {
    return Error{.code = Code::kUsage,
                 .message = fmt::format("--rows takes a number from 1 to {}, not '{}'", kPreviewRowsMax,
                                        printable(*text)),
                 .hint = ""};
  }
  return rows;
}

struct PlannedTable {
  const masking::DatabasePlan* database = nullptr;
  const masking::TablePlan* table = nullptr;
};

Result<PlannedTable> find_planned(const Context& context, const masking::MaskingPlan& plan,
                                  const std::string& name) {
  std::optional<std::string> wanted = context.call.value("database");
  std::vector<PlannedTable> found;
  std::vector<std::string> names;
  for (const masking::DatabasePlan& database : plan.databases) {
    if (wanted && database.database.name != *wanted) continue;
    for (const masking::TablePlan& table : database.tables) {
      names.push_back(masking::to_string(table.table.name));
      if (names.back() == name || table.table.name.name == name) found.push_back({&database, &table});
    }
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return Error{
        .code = Code::kUsage,
        .message = fmt::format("there is no table '{}' with rows of its own{}", printable(name),
                               did_you_mean(name, names)),
        .hint = "write it as in the policy, e.g. public.users; of a partitioned table, name a partition"};
  }
  std::vector<std::string> places;
  for (const PlannedTable& place : found) {
    places.push_back(
        fmt::format("{} in {}", masking::to_string(place.table->table.name), place.database->database.name));
  }
  return Error{
      .code = Code::kUsage,
      .message = fmt::format("several tables are called '{}': {}", printable(name), join(places, ", ")),
      .hint = "name the schema too, and the database with --database"};
}

// Masks text rows column by column; generated columns are computed by the server and shown as such.
Result<std::vector<TextRow>> mask_rows(const masking::TablePlan& table, std::string_view encoding,
                                       const masking::MaskingKey& key, const std::vector<TextRow>& rows) {
  YTB_ASSIGN(masking::RowProgram program,
             masking::RowProgram::compile(table, encoding, masking::Wire::kText, key));
  std::vector<size_t> streamed;  // positions among all columns
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (!table.columns[i].column.generated) streamed.push_back(i);
  }
  std::vector<TextRow> masked_rows;
  masking::RowCounts counts;
  for (const TextRow& row : rows) {
    if (row.size() != table.columns.size()) {
      return Error{.code = Code::kInternal,
                   .message = "a row has another number of columns than its table",
                   .hint = ""};
    }
    std::vector<std::optional<std::string_view>> fields;
    for (size_t position : streamed) {
      if (row[position]) {
        fields.emplace_back(*row[position]);
      } else {
        fields.emplace_back(std::nullopt);
      }
    }
    std::vector<std::string> values;
    std::vector<bool> nulls;
    YTB_TRY(program.run(fields, values, nulls, counts));
    TextRow masked(row.size(), std::string("(generated)"));
    for (size_t i = 0; i < streamed.size(); ++i) {
      masked[streamed[i]] = nulls[i] ? std::nullopt : std::optional<std::string>(values[i]);
    }
    masked_rows.push_back(std::move(masked));
  }
  return masked_rows;
}

std::string cell(const std::optional<std::string>& value) {
  if (!value) return "∅";
  std::string text = printable(*value);
  if (display_width(text) <= kCellColumnsMax) return text;
  size_t end = kCellColumnsMax - 1;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "…";
}

void print_preview(const Context& context, const masking::TablePlan& table,
                   const std::vector<TextRow>& originals, const std::vector<TextRow>& masked,
                   bool show_originals) {
  for (size_t i = 0; i < masked.size(); ++i) {
    context.out() << fmt::format("row {}\n", i + 1);
    std::vector<std::vector<std::string>> lines;
    for (size_t c = 0; c < table.columns.size(); ++c) {
      const masking::ColumnPlan& column = table.columns[c];
      std::vector<std::string> line{printable(column.column.name), column.masker.name, cell(masked[i][c])};
      if (show_originals && column.masked()) {
        line.push_back(context.output.dim("was " + cell(originals[i][c])));
      }
      lines.push_back(std::move(line));
    }
    context.out() << cli::table(lines);
  }
}

}  // namespace

Status run_policy_preview(Context& context) {
  bool show_originals = context.call.has("show-originals");
  if (show_originals && (!context.output.out_is_terminal || context.output.json())) {
    return Error{
        .code = Code::kRefused,
        .message = "originals are shown on a terminal only: output that goes to a file or a pipe stays there",
        .hint = "leave --show-originals away"};
  }
  YTB_ASSIGN(int rows_max, wanted_rows(context));
  YTB_ASSIGN(Site site, open_site(context));
  YTB_TRY(refuse_without_policy(*site.production));
  YTB_ASSIGN(refresh::Inputs inputs,
             refresh::load_inputs(*site.config, *site.production, site.state, *site.vault));
  YTB_ASSIGN(ports::SessionTarget target, production_target(site));
  YTB_ASSIGN(masking::Catalog catalog, site.drivers.engine->catalog(target));
  masking::PlanCheck check = masking::plan_masking(inputs.policy, inputs.lock, catalog);
  if (!check.ok()) return masking::to_error(check);
  YTB_ASSIGN(PlannedTable planned, find_planned(context, *check.plan, context.call.arguments.front()));
  const masking::TablePlan& table = *planned.table;
  const std::string& database = planned.database->database.name;
  YTB_ASSIGN(std::vector<TextRow> originals,
             site.drivers.engine->rows(target, database, table.table, rows_max));
  if (table.treatment == masking::Treatment::kEmpty) originals.clear();
  YTB_ASSIGN(std::vector<TextRow> masked,
             mask_rows(table, planned.database->database.encoding, *inputs.key, originals));
  if (context.output.json()) {
    Json list = Json::array();
    for (const TextRow& row : masked) {
      Json item = Json::object();
      for (size_t c = 0; c < table.columns.size(); ++c) {
        item[table.columns[c].column.name] = row[c] ? Json(*row[c]) : Json(nullptr);
      }
      list.push_back(std::move(item));
    }
    context.out() << text_of(Json{
        {"database", database}, {"table", masking::to_string(table.table.name)}, {"rows", std::move(list)}});
    return {};
  }
  context.out() << fmt::format(
      "{} in {}, as staging would see it ({} rows of production, masked in memory)\n",
      masking::to_string(table.table.name), database, masked.size());
  if (table.treatment == masking::Treatment::kEmpty) context.out() << "  the policy empties this table\n";
  print_preview(context, table, originals, masked, show_originals);
  return {};
}

}  // namespace ytb::cli
