// StackTags: the mark of a copy and what is recorded of it, as tags and as text. Pure.
//
// Values are of AWS's alphabet for tags (letters, digits, space and _ . : / = + - @, at most 256 characters);
// what people read goes into S3. Anything that is not whole is nobody's (the mark) or unknown (the state).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/copy.h"
#include "ports/copy_host.h"

namespace ytb::rds {

using Tags = std::map<std::string, std::string>;

inline constexpr std::string_view kTagPrefix = "yesterdaytabase:";
inline constexpr size_t kAttemptsMax = 100;  // kept of each production
inline constexpr size_t kReasonMax = 4000;   // characters of a reason that are kept

// What a copy is from its first moment to its last; on stack, instance and copied snapshot.
struct Mark {
  model::ProductionName production = {};
  model::CopyId copy = {};
  model::SnapshotId snapshot = {};
  Instant data_as_of = {};
  int attempt = 0;
};
// kUnsupported where a value cannot be a tag.
Result<Tags> to_tags(const Mark& mark);
// None: not ours, or not whole.
std::optional<Mark> mark_of(const Tags& tags);
// Whether a tag of the user's may stand beside ours.
Status check_user_tags(const Tags& tags);

// What changes; tags of the instance. `message` is not among them.
struct State {
  model::Phase phase = model::Phase::kRestoring;
  Instant since = {};
  std::string inputs = {};
  int tries = 0;
  Instant last_try = {};
  Code code = Code::kInternal;
  Retry retry = Retry::kNever;
  std::string message = {};
};
Tags to_tags(const State& state);
// None: no phase has been recorded there.
std::optional<State> state_of(const Tags& tags);

// The same and its message as JSON; kCorrupt where it is not ours or not whole.
std::string to_json(const State& state);
Result<State> state_from_json(std::string_view text);
std::string to_json(const std::vector<model::Attempt>& attempts);
Result<std::vector<model::Attempt>> attempts_from_json(std::string_view text);
// Puts one in, newest first; one of the same snapshot and number is replaced, the oldest go.
void add_attempt(std::vector<model::Attempt>& attempts, model::Attempt attempt);

}  // namespace ytb::rds
