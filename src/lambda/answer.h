// Answer: what an invocation says, in the original's shape and ours.
//
//   the original's   action (what was begun; null: nothing), error (null: fine), message, stack_args
//   ours             production, copy, phase, reason, due, again, hint, done, live, policy_needed, handover,
//                    worker, remarks; for status also alias and copies; for a tick of several: productions
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "lambda/event.h"
#include "lambda/pass.h"

namespace ytb::lambda {

using Json = nlohmann::ordered_json;

// With all keys of the original, in its order: nothing was begun, nothing is wrong.
Json empty_answer(std::string_view message);
// `error`, `message` and `hint` of it. No snapshot has the original's own words.
void put_error(Json& answer, const Error& error);
// What a pass did and found. `due`: whether its mark still stands.
Json answer_of(const Target& target, const PassReport& report, const model::Observed& observed, bool due);
// copy, phase, data_as_of, attempt, opened, proven, running, failure.
Json to_tree(const model::Copy& copy);
// Never throws: what is no UTF-8 is replaced.
std::string to_text(const Json& answer);

}  // namespace ytb::lambda
