// Reads every definition of a database that may hold literals, and keeps of each only whether a detector
// finds something in it. No text leaves this function.
#pragma once

#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "masking/catalog.h"

namespace ytb::postgres {

// Definitions of the system's own objects and of extensions are left out. A definition that the server cannot
// print (a broken view) does not end the reading of a catalog: then one entry says that they could not be
// read.
std::vector<masking::TellingDefinition> read_telling_definitions(Connection& session);

}  // namespace ytb::postgres
