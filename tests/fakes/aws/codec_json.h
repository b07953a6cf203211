// JSON in the middle into JSON on the wire.
#pragma once

#include "base/check.h"
#include "tests/fakes/aws/codec.h"

namespace ytb::fakes::aws {

json to_json_wire(const Shape& shape, const json& value);

}  // namespace ytb::fakes::aws
