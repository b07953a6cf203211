// The making of a proof: which checks it holds beyond those of the engine. Pure.
#pragma once

#include <optional>
#include <vector>

#include "masking/plan.h"
#include "masking/policy.h"
#include "model/proof.h"
#include "ports/engine.h"

namespace ytb::refresh {

// Adds `more` to `evidence`: a table or check that both have is taken from `more`, lines are not doubled.
void merge_evidence(model::Evidence& evidence, model::Evidence more);

// Every column of every database has been judged, with the numbers. `plan` none: masking: none, which is
// named.
model::Check columns_judged(const masking::MaskingPlan* plan, std::string_view none_reason);
// There is evidence, with these very inputs, for each table that the plan masks or empties.
model::Check evidence_complete(const masking::MaskingPlan* plan, const model::Evidence& evidence,
                               std::string_view inputs);
// No value of a masker that promises to change it is its own original.
model::Check values_changed(const masking::MaskingPlan* plan, const model::Evidence& evidence);

// What the search found, its candidates confirmed. `recorded`: how many originals were remembered. Where the
// policy allows originals they are counted.
model::Check no_original_survives(const masking::SurvivorPolicy& policy, const masking::MaskingPlan& plan,
                                  const ports::SurvivorSearch& search, uint64_t recorded);
// The same of what the files were searched for.
model::Check no_original_in_files(const masking::SurvivorPolicy& policy, const ports::SurvivorSearch& search);
// What the detectors saw in what is kept; not checkable where the policy wants none of them.
model::Check kept_values_detected(const masking::SurvivorPolicy& policy, const ports::SurvivorSearch& search);
// Of that, what nobody has judged yet and only a warning is due for: a line's worth, or "".
std::string kept_values_to_judge(const masking::SurvivorPolicy& policy, const ports::SurvivorSearch& search);
// In place of all three where the policy does not ask for the search.
model::Check originals_not_searched();

// Lines that say what to do about what nobody has judged, with those of the policy to paste; "" where there
// is nothing, or where no line would help.
std::string how_to_settle(const masking::SurvivorPolicy& policy, const ports::SurvivorSearch& search);

// kProof (Never), naming the checks that failed or did not run.
Error to_error(const model::Proof& proof, const std::string& how_to_settle);

}  // namespace ytb::refresh
