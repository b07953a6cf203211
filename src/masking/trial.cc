#include "masking/trial.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "masking/yaml_text.h"

namespace ytb::masking {
namespace {

// Rows that the constraint allowed before they were masked, and what it says of them afterwards.
struct Counts {
  size_t begun = 0;
  size_t allowed = 0;
  size_t forbidden = 0;
  size_t failed = 0;
  [[nodiscard]] size_t rows() const { return allowed + forbidden + failed; }
  [[nodiscard]] size_t refused() const { return forbidden + failed; }
};

// `begun_with`: what counts of the rows as they were before masking.
Counts count(const TrialAnswer& answer, bool allowed_before) {
  Counts counts;
  for (const TrialAnswer::Row& row : answer.rows) {
    if (row.before == TrialOutcome::kAllowed) ++counts.begun;
    if (allowed_before && row.before != TrialOutcome::kAllowed) continue;
    if (row.after == TrialOutcome::kAllowed) ++counts.allowed;
    if (row.after == TrialOutcome::kForbidden) ++counts.forbidden;
    if (row.after == TrialOutcome::kFailed) ++counts.failed;
  }
  return counts;
}

enum class Verdict { kAllowed, kForbidden, kPerhapsForbidden, kUnknown };

struct Judged {
  Verdict verdict = Verdict::kUnknown;
  std::string why{};  // of kUnknown
};

Judged judge(const ConstraintTrial& trial, const TrialAnswer& answer) {
  if (!answer.why_not.empty()) return {.why = answer.why_not};
  const Counts counts = count(answer, true);
  if (counts.begun == 0) {
    // Nothing that anybody made up satisfies it: what masks give does not, either, where it is of one form
    // whatever it replaces. What fails otherwise, as for a table that is not there, says nothing.
    const Counts all = count(answer, false);
    const bool sure = !trial.follows_the_value && !trial.has_kept;
    if (sure && all.forbidden > 0 && all.forbidden == all.rows()) return {.verdict = Verdict::kForbidden};
    return {.why = all.failed > 0 ? "its code fails there: it may need tables or settings"
                                  : "no value that was made up satisfies it"};
  }
  if (counts.refused() == 0) return {.verdict = Verdict::kAllowed};
  const bool always = counts.allowed == 0;
  if (trial.has_kept) return {.verdict = always ? Verdict::kForbidden : Verdict::kPerhapsForbidden};
  constexpr size_t kShareOfRows = 20;  // of values spread over what is allowed, as in constraints.cc
  const bool often = !trial.follows_the_value || counts.refused() * kShareOfRows >= counts.rows();
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
          "{} was not tried against what '{}' gives for {}: {}; where masked rows violate it, the refresh "
          "stops "
          "after masking",
          trial.what, trial.masker, trial.about, judged.why);
      break;
    case Verdict::kPerhapsForbidden:
      finding.kind = Finding::Kind::kConstraint;
      finding.message = fmt::format(
          "{} may violate {} once '{}' has masked it: on a server made from production's schema it refused "
          "some "
          "of what was tried; the refresh then stops after masking",
          trial.about, trial.what, trial.masker);
      break;
    case Verdict::kForbidden:
      finding.kind = Finding::Kind::kConstraint;
      finding.error = true;
      finding.message = fmt::format(
          "{} cannot be masked by '{}': what it gives violates {}, as a server made from production's schema "
          "says; {}, keep the column where nothing in it is personal, or empty the table "
          "with "
          "{{rows: none}}",
          trial.about, trial.masker, trial.what,
          answer.satisfied_by ? "write what it allows" : "write another masker");
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

bool is_refused(const TrialAnswer& answer) {
  const Counts counts = count(answer, true);
  return counts.begun == 0 || counts.refused() > 0;
}

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
