// policy propose.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "cli/context.h"
#include "cli/policy.h"
#include "drivers/os/files.h"
#include "masking/plan.h"
#include "masking/propose.h"

namespace ytb::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kSampleRows = 100;

// Tables of which samples were read, be they empty.
size_t tables_in(const masking::Samples& samples) {
  std::set<std::pair<std::string, masking::QualifiedName>> tables;
  for (const auto& [key, values] : samples) tables.emplace(std::get<0>(key), std::get<1>(key));
  return tables.size();
}

size_t sampleable_tables(const masking::Catalog& catalog) {
  size_t count = 0;
  for (const masking::Database& database : catalog.databases) {
    count += static_cast<size_t>(
        std::count_if(database.tables.begin(), database.tables.end(), [](const masking::Table& table) {
          const bool sampled = table.kind == masking::RelationKind::kTable ||
                               table.kind == masking::RelationKind::kPartitioned;
          return sampled && !table.partition_of && !table.columns.empty();
        }));
  }
  return count;
}

}  // namespace

Status run_policy_propose(Context& context) {
  YTB_ASSIGN(Site site, open_site(context));
  YTB_TRY(refuse_without_policy(*site.production));
  std::optional<std::string> file = context.call.value("out");
  if (file && os::exists(*file)) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} exists and is not overwritten", *file),
                 .hint = "write to another file and take over what you want"};
  }
  YTB_ASSIGN(CatalogFound found, find_catalog(context, site));
  masking::Samples samples;
  size_t sampled_tables = 0;
  std::string sampled = "names and types only";
  if (!context.call.has("no-samples") && !context.call.has("schema") &&
      !site.production->source.connection.empty()) {
    YTB_ASSIGN(ports::SessionTarget target, production_target(site));
    Result<masking::Samples> taken = site.drivers.engine->sample(target, found.catalog, kSampleRows);
    if (taken.ok()) {
      samples = std::move(*taken);
      sampled_tables = tables_in(samples);
      const size_t tables = sampleable_tables(found.catalog);
      if (sampled_tables == 0) {
        sampled = "names and types only: no values could be read";
        context.output.err << "no samples: the login of source.connection may read no table\n";
      } else {
        sampled = fmt::format(
            "names, types and up to {} values a column of {}", kSampleRows,
            sampled_tables < tables
                ? fmt::format("{} of {} tables, the others it may not read", sampled_tables, tables)
                : std::string("each table"));
      }
    } else {
      context.output.err << "no samples: " << taken.error().message << "\n";
    }
  }
  std::optional<masking::Policy> existing;
  YTB_ASSIGN(std::optional<std::string> written,
             site.vault->text(site.production->masking.policy_file, refresh::kPolicySizeMax));
  // An empty one is what a shell has made of `> policy.yaml` before we began.
  if (written && !trim(*written).empty()) {
    YTB_ASSIGN(refresh::PolicyFiles files, refresh::load_policy(site.production->masking, *site.vault));
    existing = std::move(files.policy);
  }
  std::vector<masking::Proposal> proposals = masking::propose(found.catalog, samples);
  // Copies on AWS are not searched.
  const auto search = config::is_aws(*site.production) ? masking::SurvivorPolicy::Search::kNone
                                                       : masking::SurvivorPolicy::Search::kProse;
  std::string text =
      masking::to_policy_yaml(found.catalog, proposals, existing ? &*existing : nullptr, search);
  // Read back as every other command will: what is decided already counts as it is written.
  YTB_ASSIGN(const masking::Policy proposed, config::parse_policy(text, file.value_or("the proposal")));
  const size_t undecided = masking::count_undecided(proposed);
  if (file) YTB_TRY(os::write_file(*file, text, {.mode = 0644, .owner = std::nullopt}));
  if (context.output.json()) {
    context.out() << text_of(Json{{file ? "file" : "policy", file ? *file : text},
                                  {"columns", proposals.size()},
                                  {"sampled_tables", sampled_tables},
                                  {"undecided", undecided}});
    return {};
  }
  if (!file) {
    context.out() << text;
    return {};
  }
  context.out() << fmt::format("{} {} written from {} ({})\n", context.output.good("✓"), *file, found.said,
                               sampled);
  context.out() << fmt::format("  {} columns, {} of them marked 'judge': a person decides those\n",
                               proposals.size(), undecided);
  context.out() << fmt::format("  then: {}\n", context.command("policy accept"));
  return {};
}

}  // namespace ytb::cli
