// policy propose.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/text.h"
#include "cli/context.h"
#include "cli/policy.h"
#include "config/policy_merge.h"
#include "drivers/os/files.h"
#include "masking/additions.h"
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

struct Sampled {
  masking::Samples samples;
  size_t tables = 0;
  std::string said = "names and types only";
};

Result<Sampled> take_samples(const Context& context, const Site& site, const masking::Catalog& catalog) {
  Sampled sampled;
  if (context.call.has("no-samples") || context.call.has("schema") ||
      site.production->source.connection.empty()) {
    return sampled;
  }
  YTB_ASSIGN(ports::SessionTarget target, production_target(site));
  Result<ports::TakenSamples> taken = site.drivers.engine->sample(target, catalog, kSampleRows);
  if (!taken.ok()) {
    context.output.err << "no samples: " << taken.error().message << "\n";
    return sampled;
  }
  for (const std::string& failed : taken->failed) context.output.err << "no samples of " << failed << "\n";
  sampled.samples = std::move(taken->samples);
  sampled.tables = tables_in(sampled.samples);
  const size_t tables = sampleable_tables(catalog);
  if (sampled.tables == 0) {
    sampled.said = "names and types only: no values could be read";
    context.output.err << "no samples: the login of source.connection can read no table\n";
  } else {
    sampled.said =
        fmt::format("names, types and up to {} values a column of {}", kSampleRows,
                    sampled.tables < tables
                        ? fmt::format("{} of {} tables, the others could not be read", sampled.tables, tables)
                        : std::string("each table"));
  }
  return sampled;
}

struct Proposed {
  std::string text;
  bool first = true;  // there was no policy
  size_t columns_added = 0;
  bool changed = true;
};

// A first policy, or the one that is there with what it says nothing of.
Result<Proposed> propose(const Site& site, const masking::Catalog& catalog,
                         const std::vector<masking::Proposal>& proposals) {
  const config::MaskingConfig& masking = site.production->masking;
  YTB_ASSIGN(std::optional<std::string> written,
             site.vault->text(masking.policy_file, refresh::kPolicySizeMax));
  // An empty one is what a shell has made of `> policy.yaml` before we began.
  if (!written || trim(*written).empty()) {
    // Copies on AWS are not searched.
    const auto search = config::is_aws(*site.production) ? masking::SurvivorPolicy::Search::kNone
                                                         : masking::SurvivorPolicy::Search::kProse;
    return Proposed{.text = masking::to_policy_yaml(catalog, proposals, search),
                    .columns_added = proposals.size()};
  }
  YTB_ASSIGN(const masking::Policy existing, config::parse_policy(*written, masking.policy_file));
  YTB_ASSIGN(const masking::Additions missing, masking::what_is_missing(existing, catalog, proposals));
  Proposed proposed{
      .text = *written, .first = false, .columns_added = missing.columns(), .changed = !missing.empty()};
  if (proposed.changed) {
    YTB_ASSIGN(proposed.text, config::add_to_policy(*written, masking.policy_file, missing));
  }
  return proposed;
}

// Whether --out names the policy itself, be it by another path or a link.
bool is_the_policy(const std::string& file, const config::MaskingConfig& masking) {
  std::error_code ignored;
  return !config::is_remote(masking.policy_file) &&
         std::filesystem::equivalent(file, masking.policy_file, ignored);
}

// What is there keeps its mode, and a link goes on leading where it leads.
Status write_policy(const std::string& file, const std::string& text) {
  std::error_code error;
  std::string place = std::filesystem::canonical(file, error).string();
  if (error) place = file;
  mode_t mode = 0644;
  YTB_ASSIGN(const std::optional<os::FileInfo> info, os::info_of(place));
  if (info) mode = info->mode & 0777U;
  return os::write_file(place, text, {.mode = mode, .owner = std::nullopt});
}

// Columns that a person has still to decide, whether their line is their own or a rule.
size_t count_undecided(const masking::Policy& policy, const masking::Catalog& catalog) {
  const std::vector<masking::Finding> findings = masking::plan_masking(policy, {}, catalog).findings;
  return static_cast<size_t>(std::count_if(
      findings.begin(), findings.end(),
      [](const masking::Finding& finding) { return finding.kind == masking::Finding::Kind::kUndecided; }));
}

}  // namespace

Status run_policy_propose(Context& context) {
  YTB_ASSIGN(Site site, open_site(context));
  YTB_TRY(refuse_without_policy(*site.production));
  const std::optional<std::string> file = context.call.value("out");
  if (file && os::exists(*file) && !is_the_policy(*file, site.production->masking)) {
    return Error{
        .code = Code::kRefused,
        .message = fmt::format("{} exists and is not overwritten", *file),
        .hint = fmt::format("write to another file; '--out {}' adds what is new to the policy itself",
                            site.production->masking.policy_file)};
  }
  YTB_ASSIGN(CatalogFound found, find_catalog(context, site));
  YTB_ASSIGN(const Sampled sampled, take_samples(context, site, found.catalog));
  const std::vector<masking::Proposal> proposals = masking::propose(found.catalog, sampled.samples);
  YTB_ASSIGN(const Proposed proposed, propose(site, found.catalog, proposals));
  // Read back as every other command will.
  YTB_ASSIGN(const masking::Policy policy,
             config::parse_policy(proposed.text, file.value_or("the proposal")));
  const size_t undecided = count_undecided(policy, found.catalog);
  const bool write = file && (proposed.changed || !os::exists(*file));
  if (write) YTB_TRY(write_policy(*file, proposed.text));
  if (context.output.json()) {
    context.out() << text_of(Json{{file ? "file" : "policy", file ? *file : proposed.text},
                                  {"columns", proposals.size()},
                                  {"added", proposed.columns_added},
                                  {"sampled_tables", sampled.tables},
                                  {"undecided", undecided}});
    return {};
  }
  if (!file) {
    context.out() << proposed.text;
    return {};
  }
  if (!proposed.first && !proposed.changed) {
    context.out() << fmt::format("{} {} judges every column of {} already: nothing was added\n",
                                 context.output.good("✓"), *file, found.said);
  } else if (!proposed.first) {
    const size_t added = proposed.columns_added;
    const std::string what = added == 0   ? "what it did not judge"
                             : added == 1 ? "1 new column"
                                          : with_commas(added) + " new columns";
    context.out() << fmt::format("{} {}: added {} of {} ({}); what was there is as it was\n",
                                 context.output.good("✓"), *file, what, found.said, sampled.said);
  } else {
    context.out() << fmt::format("{} {} written from {} ({})\n", context.output.good("✓"), *file, found.said,
                                 sampled.said);
  }
  context.out() << fmt::format("  {} columns, {} of them marked 'judge'{}\n", proposals.size(), undecided,
                               undecided == 0 ? "" : ": a person decides those");
  context.out() << fmt::format("  then: {}{}\n",
                               undecided == 0 ? "" : "write keep or a masker in their place, and ",
                               context.command("policy accept"));
  return {};
}

}  // namespace ytb::cli
