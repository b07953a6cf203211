// What becomes of a JSON column, by sampled documents: each path is judged as a column of that name would be,
// and then by its values. Private to the masking room.
#pragma once

#include <string>
#include <vector>

#include "masking/catalog.h"
#include "masking/propose.h"

namespace ytb::masking {

// Sets the proposal's masker and evidence where the documents have paths. What no path names, the `json`
// masker hashes. A document that was cut short is read as far as it goes.
void propose_json(const Table& table, const Column& column, const std::vector<std::string>& documents,
                  Proposal& proposal);

}  // namespace ytb::masking
