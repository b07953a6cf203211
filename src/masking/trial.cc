#include "masking/trial.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

// Fewer rows are no ground for anything.
constexpr size_t kRowsSure = 8;

// What the constraint says of rows once they are masked.
struct Counts {
  size_t begun = 0;  // rows of all that it allowed before
  size_t allowed = 0;
  size_t forbidden = 0;
  size_t failed = 0;
  [[nodiscard]] size_t rows() const { return allowed + forbidden + failed; }
};

// `begun_only`: of the rows that it allowed before.
Counts count(const TrialAnswer& answer, bool begun_only) {
  Counts counts;
  for (const TrialAnswer::Row& row : answer.rows) {
    const bool begun = row.before == TrialOutcome::kAllowed;
    if (begun) ++counts.begun;
    if (begun_only && !begun) continue;
    if (row.after == TrialOutcome::kAllowed) ++counts.allowed;
    if (row.after == TrialOutcome::kForbidden) ++counts.forbidden;
    if (row.after == TrialOutcome::kFailed) ++counts.failed;
  }
  return counts;
}

enum class Verdict { kAllowed, kForbidden, kPerhapsForbidden, kBecomesNull, kUnknown };

struct Judged {
  Verdict verdict = Verdict::kUnknown;
  std::string why{};  // of kUnknown
};

// The server is not production's: it has no table, and perhaps not each setting and extension. So a
// constraint must have allowed something before it is believed when it forbids, and code that fails says
// nothing: in a copy it stops nothing, either.
Judged judge(const ConstraintTrial& trial, const TrialAnswer& answer) {
  if (!answer.why_not.empty()) return {.why = answer.why_not};
  // What has nothing to do with the value it replaces is the same for rows that nobody would have had. Of
  // more than one column that is not so: equal values stay equal.
  const bool independent = !trial.follows_the_value && !trial.has_kept && trial.columns.size() == 1;
  const Counts counts = count(answer, !independent);
  if (counts.begun == 0) {
    const Counts all = count(answer, false);
    const bool fails = std::any_of(answer.rows.begin(), answer.rows.end(), [](const TrialAnswer::Row& row) {
      return row.before == TrialOutcome::kFailed || row.after == TrialOutcome::kFailed;
    });
    if (fails) return {.why = "its code fails there: it may need tables"};
    return {.why = all.allowed == 0 ? "it refused whatever was tried, masked or not"
                                    : "no value that was made up satisfies it before masking"};
  }
  const bool sure = counts.rows() >= kRowsSure;
  if (counts.forbidden == 0) {
    if (counts.failed > 0) return {.why = "its code fails for some of it"};
    if (!sure) return {.why = "too few values that were made up satisfy it"};
    return {.verdict = Verdict::kAllowed};
  }
  if (trial.becomes_null && answer.runs_code) return {.verdict = Verdict::kBecomesNull};
  // What stands in the code for the real values of a kept column, nobody here knows.
  if (trial.has_kept) return {.verdict = Verdict::kPerhapsForbidden};
  const bool often = (independent || sure) &&
                     is_often_refused(counts.forbidden, counts.rows(), independent, trial.rows_estimate);
  return {.verdict = often ? Verdict::kForbidden : Verdict::kPerhapsForbidden};
}

// False: nothing is left to say.
bool settle(const ConstraintTrial& trial, const TrialAnswer& answer, Finding& finding) {
  const Judged judged = judge(trial, answer);
  switch (judged.verdict) {
    case Verdict::kAllowed:
      return false;
    case Verdict::kUnknown:
      finding.message = fmt::format(
          "{} was {} against what '{}' gives for {}{}: {}; "
          "where masked rows violate it, the refresh stops after masking",
          trial.what, answer.why_not.empty() ? "tried" : "not tried", trial.masker, trial.about,
          answer.why_not.empty() ? " without a result" : "", judged.why);
      break;
    case Verdict::kPerhapsForbidden:
      finding.kind = Finding::Kind::kConstraint;
      finding.message = fmt::format(
          "{} may violate {} once '{}' has masked it: on a server made from production's schema "
          "it refused some of what was tried; the refresh then stops after masking",
          trial.about, trial.what, trial.masker);
      break;
    case Verdict::kBecomesNull:
      finding.kind = Finding::Kind::kConstraint;
      finding.message = fmt::format(
          "what '{}' gives for {} violates {}: the column is then NULL throughout the table, and where it is "
          "virtual, it cannot be read",
          trial.masker, trial.about, trial.what);
      break;
    case Verdict::kForbidden:
      finding.kind = Finding::Kind::kConstraint;
      finding.error = true;
      finding.message = fmt::format(
          "{} cannot be masked by '{}': what it gives violates {}, "
          "as a server made from production's schema says; {}, keep the column "
          "where nothing in it is personal, or empty the table with {{rows: none}}",
          trial.about, trial.masker, trial.what,
          answer.satisfied_by ? "write what it allows" : "write another masker");
      finding.message +=
          "; where real rows are another matter, masking: {try_constraints: false} makes it a note";
      if (answer.satisfied_by && *answer.satisfied_by < trial.others.size()) {
        finding.satisfied_by = trial.others[*answer.satisfied_by].spec;
        finding.instead = yaml_key(finding.column) + ": " + yaml_spec(*finding.satisfied_by);
      }
      break;
  }
  finding.trial.reset();
  return true;
}

}  // namespace

bool is_often_refused(size_t refused, size_t tried, bool independent, int64_t rows_estimate) {
  constexpr size_t kShareOfRows = 20;  // of values spread over what is allowed
  if (refused * kShareOfRows >= tried) return refused > 0;
  return independent && rows_estimate > 0 &&
         static_cast<double>(refused) * static_cast<double>(rows_estimate) >= static_cast<double>(tried);
}

bool is_refused(const TrialAnswer& answer) { return count(answer, false).forbidden > 0; }

std::vector<std::shared_ptr<const ConstraintTrial>> trials_of(const PlanCheck& check) {
  std::vector<std::shared_ptr<const ConstraintTrial>> trials;
  for (const Finding& finding : check.findings) {
    if (finding.trial != nullptr) trials.push_back(finding.trial);
  }
  return trials;
}

void settle_trials(const std::vector<TrialAnswer>& answers, PlanCheck& check) {
  std::vector<Finding> left;
  auto answer = answers.begin();
  for (Finding& finding : check.findings) {
    if (finding.trial != nullptr) {
      YTB_CHECK(answer != answers.end());
      const std::shared_ptr<const ConstraintTrial> trial = finding.trial;
      if (!settle(*trial, *answer++, finding)) continue;
    }
    left.push_back(std::move(finding));
  }
  check.findings = std::move(left);
  sort_findings(check.findings);
  if (!check.findings.empty() && check.findings.front().error) check.plan.reset();
}

}  // namespace ytb::masking
