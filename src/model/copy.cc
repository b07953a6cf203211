#include "model/copy.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ytb::model {
namespace {

struct PhaseName {
  Phase phase;
  std::string_view name;
};

constexpr std::array kPhaseNames{
    PhaseName{Phase::kRestoring, "restoring"}, PhaseName{Phase::kRestored, "restored"},
    PhaseName{Phase::kDefused, "defused"},     PhaseName{Phase::kMasked, "masked"},
    PhaseName{Phase::kProven, "proven"},       PhaseName{Phase::kLive, "live"},
    PhaseName{Phase::kDraining, "draining"},   PhaseName{Phase::kSpare, "spare"},
    PhaseName{Phase::kDeleting, "deleting"},   PhaseName{Phase::kFailed, "failed"},
};

// The one step ahead of each phase on the straight way; the phase itself where there is none.
Phase step_after(Phase phase) {
  switch (phase) {
    case Phase::kRestoring:
      return Phase::kRestored;
    case Phase::kRestored:
      return Phase::kDefused;
    case Phase::kDefused:
      return Phase::kMasked;
    case Phase::kMasked:
      return Phase::kProven;
    case Phase::kProven:
      return Phase::kLive;
    case Phase::kLive:
      return Phase::kDraining;
    case Phase::kDraining:
      return Phase::kSpare;
    case Phase::kSpare:
    case Phase::kDeleting:
    case Phase::kFailed:
      break;
  }
  return phase;
}

constexpr std::string_view kInfix = "-yesterday-";
constexpr size_t kCompactLength = 15;    // YYYYMMDD-HHMMSS
constexpr size_t kAttemptDigitsMax = 9;  // fits an int

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A real instant, written the one way to_compact writes it.
bool is_compact_instant(std::string_view text) {
  if (text.size() != kCompactLength || text[8] != '-') return false;
  if (!all_digits(text.substr(0, 8)) || !all_digits(text.substr(9))) return false;
  std::string iso = fmt::format(FMT_COMPILE("{}-{}-{}T{}:{}:{}Z"), text.substr(0, 4), text.substr(4, 2),
                                text.substr(6, 2), text.substr(9, 2), text.substr(11, 2), text.substr(13, 2));
  std::optional<Instant> instant = from_iso(iso);
  return instant && to_compact(*instant) == text;
}

}  // namespace

std::string_view name_of(Phase phase) {
  for (const PhaseName& row : kPhaseNames) {
    if (row.phase == phase) return row.name;
  }
  YTB_CHECK_MSG(false, "a phase without a name");
  __builtin_unreachable();
}

std::optional<Phase> phase_of(std::string_view name) {
  for (const PhaseName& row : kPhaseNames) {
    if (row.name == name) return row.phase;
  }
  return std::nullopt;
}

bool may_follow(Phase from, Phase to) {
  if (from == to) return true;  // actions are repeated after a crash
  if (from == Phase::kDeleting) return false;
  if (to == Phase::kDeleting) return from != Phase::kLive;
  if (from == Phase::kFailed) return false;
  if (to == Phase::kFailed) return from != Phase::kLive;
  if (to == Phase::kLive) return from == Phase::kProven || from == Phase::kDraining || from == Phase::kSpare;
  return to == step_after(from);
}

Attempt failed_attempt_of(const Copy& copy) {
  return {.snapshot = copy.snapshot,
          .data_as_of = copy.data_as_of,
          .attempt = copy.attempt,
          .outcome = AttemptOutcome::kFailed,
          .at = copy.phase_since,  // a refresh that is asked for after that tries anew
          .inputs = copy.inputs,
          .reason = copy.failure,
          .code = copy.failure_code,
          .retry = copy.failure_retry};
}

CopyId copy_id(const ProductionName& production, Instant data_as_of, int attempt) {
  YTB_CHECK(attempt >= 1);
  return CopyId(fmt::format("{}{}{}-{}", production, kInfix, to_compact(data_as_of), attempt));
}

bool is_copy_name(const ProductionName& production, std::string_view id) {
  if (production.empty() || !id.starts_with(production.str())) return false;
  id.remove_prefix(production.str().size());
  if (!id.starts_with(kInfix)) return false;
  id.remove_prefix(kInfix.size());
  if (id.size() < kCompactLength + 2 || id[kCompactLength] != '-') return false;
  if (!is_compact_instant(id.substr(0, kCompactLength))) return false;
  std::string_view attempt = id.substr(kCompactLength + 1);
  return all_digits(attempt) && attempt.size() <= kAttemptDigitsMax && attempt.front() != '0';
}

}  // namespace ytb::model
