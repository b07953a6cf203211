// Action: one thing to do. Idempotent, named by a deterministic id, safe to repeat after a crash.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/copy.h"
#include "model/ids.h"
#include "model/snapshot.h"

namespace ytb::model {

enum class ActionKind {
  kRestore,  // make the copy from the snapshot, or go on with it: → restored
  kDefuse,   // → defused
  kMask,     // → masked
  kProve,    // → proven, or failed
  kOpen,     // let staging users in; needs the proof: proven, opened
  kRepoint,  // move the alias to the copy; needs the proof
  kPromote,  // the alias was seen at it: record it live
  kDemote,   // the alias has moved on: record it draining
  kRetire,   // the drain is over and it is wanted as a spare: record it spare
  kFail,     // give it up: record it failed
  kDelete,   // remove it, leaving a tombstone where it failed
  kStart,    // a live, draining or spare copy that is not running: start it
};
std::string_view name_of(ActionKind kind);  // "restore"
std::optional<ActionKind> action_kind_of(std::string_view name);

struct Action {
  ActionKind kind = ActionKind::kRestore;
  CopyId copy;
  std::optional<Snapshot> snapshot;  // for kRestore
  int attempt = 0;                   // for kRestore
  // For kDelete and kDemote: what is to be remembered of the copy first (deleted by a person, rolled back
  // from).
  std::optional<Attempt> tombstone;
  std::string reason;  // why now; shown by plan, status --explain, the journal

  // "<kind>:<copy>"
  [[nodiscard]] std::string id() const;
};

}  // namespace ytb::model
