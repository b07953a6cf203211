// proof show, proof verify.
#include "model/proof.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.h"
#include "cli/context.h"
#include "cli/describe.h"
#include "cli/fitted.h"
#include "drivers/os/files.h"

namespace ytb::cli {
namespace {

constexpr size_t kEnvelopeSizeMax = 257UL << 20;
constexpr size_t kPublicKeySize = 32;

// With the copy while it is there, in the journal afterwards.
Result<std::string> stored_envelope(const Site& site, const model::CopyId& copy) {
  Result<model::SealedProof> proof = site.drivers.host->load_proof(copy);
  if (proof.ok()) return proof->text;
  Result<std::string> kept = site.drivers.journal->find_proof(copy);
  if (kept.ok()) return kept;
  Error error = std::move(kept).error();
  error.message = fmt::format("there is no proof of a copy '{}'", printable(copy.str()));
  return error;
}

Result<model::CopyId> live_or_named(const Context& context, const Site& site) {
  if (!context.call.arguments.empty()) return model::CopyId(context.call.arguments.front());
  YTB_ASSIGN(std::vector<model::Copy> copies, site.drivers.host->list());
  if (const model::Copy* live = live_copy(copies)) return live->id;
  return Error{.code = Code::kConfig,
               .message = "no copy is live",
               .hint = fmt::format("name one; '{}' lists them", context.command("status"))};
}

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

Result<std::string> public_key_from_hex(std::string_view hex) {
  std::string bytes;
  bool fine = hex.size() == 2 * kPublicKeySize;
  for (size_t i = 0; fine && i < hex.size(); i += 2) {
    std::optional<int> high = hex_digit(hex[i]);
    std::optional<int> low = hex_digit(hex[i + 1]);
    fine = high && low;
    if (fine) bytes.push_back(static_cast<char>(*high * 16 + *low));
  }
  if (fine) return bytes;
  return Error{.code = Code::kUsage,
               .message = fmt::format("--public-key takes {} hexadecimal digits, not '{}'",
                                      2 * kPublicKeySize, printable(hex)),
               .hint = "it is in the file signing.pub of the state directory that made the proof"};
}

Result<std::string> own_public_key(const Site& site) {
  YTB_ASSIGN(Secret key, refresh::signing_key(*site.config, site.state, *site.vault));
  return model::public_key_of(key);
}

std::string mark(const Output& output, model::Outcome outcome) {
  switch (outcome) {
    case model::Outcome::kPassed:
      return output.good("✓");
    case model::Outcome::kNotCheckable:
      return output.warn("–");
    case model::Outcome::kFailed:
    case model::Outcome::kNotRun:
      break;
  }
  return output.bad("✗");
}

struct TableTotals {
  size_t masked = 0;
  size_t kept = 0;
  size_t emptied = 0;
  uint64_t values = 0;
  uint64_t changed = 0;
  std::vector<std::string> left;  // columns of which some values are as they were
};

TableTotals totals_of(const model::Evidence& evidence) {
  TableTotals totals;
  for (const model::TableEvidence& item : evidence.tables) {
    if (item.treatment == "masked") ++totals.masked;
    if (item.treatment == "kept") ++totals.kept;
    if (item.treatment == "emptied" || item.treatment == "omitted") ++totals.emptied;
    for (const auto& column : item.columns) {
      totals.values += column.values;
      totals.changed += column.changed;
      if (column.changed < column.values)
        totals.left.push_back(fmt::format("{} {}.{}.{} ({})", item.database, item.schema, item.table,
                                          column.name, column.masker));
    }
  }
  return totals;
}

void print_tables(const Context& context, const model::Evidence& evidence) {
  std::vector<std::vector<std::string>> rows;
  for (const model::TableEvidence& item : evidence.tables) {
    if (item.treatment == "kept" && !context.output.verbose) continue;
    std::vector<std::string> columns;
    for (const auto& column : item.columns) {
      if (column.masker != "keep")
        columns.push_back(fmt::format("{}: {}", printable(column.name), column.masker));
    }
    rows.push_back({printable(fmt::format("{} {}.{}", item.database, item.schema, item.table)),
                    item.treatment, fmt::format("{} rows", with_commas(item.rows_after)),
                    join(columns, ", ")});
  }
  if (!rows.empty()) context.out() << "tables\n" << fitted_table(rows, line_width(context.output));
}

// One line each where that fits; else what a check asserts and found stands below its name.
void print_checks(const Context& context, const model::Proof& proof) {
  const Output& output = context.output;
  const size_t width = line_width(output);
  std::vector<std::vector<std::string>> rows;
  for (const model::Check& check : proof.checks) {
    rows.push_back({mark(output, check.outcome), printable(check.name), printable(check.asserts),
                    output.dim(printable(check.detail))});
  }
  const std::vector<std::string> lines = split(table(rows), '\n');
  context.out() << "checks\n";
  if (std::all_of(lines.begin(), lines.end(),
                  [&](const std::string& line) { return display_width(line) <= width; })) {
    context.out() << table(rows);
    return;
  }
  const std::string below = "      ";
  for (size_t i = 0; i < rows.size(); ++i) {
    context.out() << fmt::format("  {}  {}\n", rows[i][0], rows[i][1]);
    context.out() << fitted(rows[i][2], width, below, below);
    if (proof.checks[i].detail.empty()) continue;
    std::string detail = fitted(printable(proof.checks[i].detail), width, below, below);
    detail.pop_back();  // the last line's end
    for (const std::string& line : split(detail, '\n')) context.out() << output.dim(line) << "\n";
  }
}

// "shop public.users.tags (json)": of the columns that promise no change and have a value that has none: an
// empty text, a code that stood for itself, a document of nothing but kept members.
std::string said_of_left(const TableTotals& totals) {
  constexpr size_t kNamed = 3;
  if (totals.left.empty()) return {};
  const std::vector<std::string> first(
      totals.left.begin(),
      totals.left.begin() + static_cast<ptrdiff_t>(std::min(kNamed, totals.left.size())));
  const size_t more = totals.left.size() - first.size();
  return fmt::format(
      "; {} hold nothing that was to be masked, or were given themselves by a masker that does not "
      "promise otherwise: in {}{}",
      with_commas(totals.values - std::min(totals.values, totals.changed)),
      printable(fmt::format("{}", fmt::join(first, ", "))),
      more > 0 ? fmt::format(" and {} more columns", more) : "");
}

// In the proof's own words, how its copy was confined; "" where it was sealed, or the proof says nothing of
// it.
std::string isolation_in(const model::Proof& proof) {
  for (const model::Check& check : proof.checks) {
    if (check.name != model::kSealedCheck || check.outcome == model::Outcome::kPassed) continue;
    const std::string_view detail = check.detail;
    return std::string(detail.starts_with(model::kIsolationSaid) ? detail.substr(model::kIsolationSaid.size())
                                                                 : detail);
  }
  return {};
}

void print_proof(const Context& context, const model::Proof& proof, const std::string& public_key) {
  const Output& output = context.output;
  TableTotals totals = totals_of(proof.evidence);
  context.out() << fmt::format("{} {}\n",
                               proof.passing() ? output.good("✓ passes") : output.bad("✗ does not pass"),
                               printable(proof.copy.str()));
  const size_t width = line_width(output);
  const std::vector<std::pair<std::string, std::string>> said = {
      {"production", printable(proof.production.str())},
      {"snapshot", printable(proof.snapshot.str())},
      {"data as of", to_iso(proof.data_as_of)},
      {"made at", fmt::format("{} by {}", to_iso(proof.made_at), printable(proof.program))},
      {"masking", proof.masking_none.empty()
                      ? fmt::format("{} tables masked, {} emptied, {} kept; {} values, {} changed{}",
                                    totals.masked, totals.emptied, totals.kept, with_commas(totals.values),
                                    with_commas(totals.changed), said_of_left(totals))
                      : fmt::format("NONE, because: {}", printable(proof.masking_none))},
      {"isolation", printable(isolation_in(proof))},
      {"policy", proof.policy_digest},
      {"key id", proof.key_id},
      {"public key", to_hex(public_key)}};
  std::vector<std::vector<std::string>> rows;
  for (const auto& [label, value] : said) {
    if (!value.empty()) rows.push_back({label, value});
  }
  context.out() << fitted_table(rows, width);
  context.out() << "in short\n";
  for (const std::string& sentence : model::in_short(proof))
    context.out() << fitted(sentence, width, "  ", "    ");
  print_checks(context, proof);
  const bool unknown = std::any_of(proof.checks.begin(), proof.checks.end(), [](const model::Check& check) {
    return check.outcome == model::Outcome::kNotCheckable;
  });
  if (unknown)
    context.out() << output.dim("– could not be checked: nothing is asserted, and the reason is given")
                  << "\n";
  if (!proof.evidence.defused.empty()) {
    context.out() << "switched off or taken away\n";
    for (const std::string& line : proof.evidence.defused)
      context.out() << fitted(printable(line), width, "  ", "    ");
  }
  print_tables(context, proof.evidence);
  for (const std::string& line : proof.evidence.notes)
    context.out() << fitted(printable(line), width, "note: ", "  ");
}

// Of a copy that is there, whether the proof that lies with it is its own: of this production, of this copy,
// and of the very instance that was restored. A copied one has our signature, too.
Status is_its_own(const Site& site, const model::Proof& proof, const model::CopyId& copy) {
  const std::string hint = fmt::format(
      "do not trust that copy: 'yesterdaytabase refresh' makes a new one, whose proof is its own");
  auto other = [&](std::string_view what, std::string_view said, std::string_view is) {
    return Error{.code = Code::kProof,
                 .message = fmt::format("the proof that lies with {} is not its own: it names {} {}, not {}",
                                        printable(copy.str()), what, printable(said), printable(is)),
                 .hint = hint};
  };
  if (proof.production != site.production->name)
    return other("the production", proof.production.str(), site.production->name.str());
  if (proof.copy != copy) return other("the copy", proof.copy.str(), copy.str());
  YTB_ASSIGN(std::vector<model::Copy> copies, site.drivers.host->list());
  const bool there =
      std::any_of(copies.begin(), copies.end(), [&](const auto& each) { return each.id == copy; });
  if (!there) return {};  // from the journal
  YTB_ASSIGN(std::string instance, site.drivers.host->instance_of(copy));
  if (proof.instance != instance) return other("the instance", proof.instance, instance);
  return {};
}

Error not_verified(Error error) {
  // Whatever is wrong with it, to whoever asks it is not verified.
  if (error.code == Code::kCorrupt || error.code == Code::kUnsupported) error.code = Code::kProof;
  return error;
}

}  // namespace

Status run_proof_show(Context& context) {
  YTB_ASSIGN(Site site, open_site(context));
  YTB_ASSIGN(model::CopyId copy, live_or_named(context, site));
  YTB_ASSIGN(std::string envelope, stored_envelope(site, copy));
  if (context.output.json()) {
    context.out() << envelope;
    return {};
  }
  YTB_ASSIGN(std::string public_key, own_public_key(site));
  Result<model::Proof> proof = model::verify_seal(envelope, public_key);
  if (!proof.ok()) return not_verified(std::move(proof).error());
  print_proof(context, *proof, public_key);
  return {};
}

Status run_proof_verify(Context& context) {
  const std::string name = context.call.arguments.empty() ? "" : context.call.arguments.front();
  std::optional<std::string> key_text = context.call.value("public-key");
  bool is_file = !name.empty() && os::exists(name);
  std::string envelope;
  std::string public_key;
  std::optional<Site> site;
  std::optional<model::CopyId> copy;
  if (key_text) {
    YTB_ASSIGN(public_key, public_key_from_hex(*key_text));
  }
  if (!is_file || !key_text) {
    YTB_ASSIGN(site, open_site(context));
    if (!key_text) {
      YTB_ASSIGN(public_key, own_public_key(*site));
    }
    if (!is_file) {
      YTB_ASSIGN(copy, live_or_named(context, *site));
      YTB_ASSIGN(envelope, stored_envelope(*site, *copy));
    }
  }
  if (is_file) {
    YTB_ASSIGN(envelope, os::read_file(name, kEnvelopeSizeMax));
  }
  Result<model::Proof> proof = model::verify_seal(envelope, public_key);
  if (!proof.ok()) return not_verified(std::move(proof).error());
  if (copy) YTB_TRY(is_its_own(*site, *proof, *copy));
  const std::string isolation = isolation_in(*proof);
  if (context.output.json()) {
    context.out() << to_text(Json{{"verified", true},
                                  {"passing", proof->passing()},
                                  {"masking_none", proof->masking_none},
                                  {"not_sealed", isolation},
                                  {"copy", proof->copy.str()},
                                  {"data_as_of", to_iso(proof->data_as_of)},
                                  {"public_key", to_hex(public_key)}});
  } else {
    context.out() << fmt::format("{} signed by {}, of copy {}, data as of {}\n", context.output.good("✓"),
                                 to_hex(public_key), printable(proof->copy.str()), to_iso(proof->data_as_of));
    context.out() << facts(
        {{"masking", proof->masking_none.empty()
                         ? std::string()
                         : fmt::format("NONE, because: {}", printable(proof->masking_none))},
         {"isolation", printable(isolation)}});
  }
  if (proof->passing()) return {};
  return Error{.code = Code::kProof,
               .message = fmt::format("the proof of {} is genuine, and it does not pass",
                                      printable(proof->copy.str())),
               .hint = "'yesterdaytabase proof show' names the checks"};
}

}  // namespace ytb::cli
