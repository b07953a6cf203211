// `phone` with `country: none`: a telephone number of no country, for columns whose values must stay apart.
// The numbers set aside for fiction are too few for that.
//
// Private to the masking room.
#pragma once

#include "masking/build.h"
#include "masking/text_masker.h"

namespace ytb::masking {

// An error where the column holds fewer than 20 characters: what is no number, or too long for its column, is
// replaced by so much of a hash.
MadeMasker make_phone_of_no_country(const Build& build, TextOptions options);

}  // namespace ytb::masking
