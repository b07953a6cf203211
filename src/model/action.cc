#include "model/action.h"

#include <fmt/format.h>

#include <array>

#include "base/check.h"

namespace ytb::model {
namespace {

struct KindName {
  ActionKind kind;
  std::string_view name;
};

constexpr std::array kKindNames{
    KindName{ActionKind::kRestore, "restore"}, KindName{ActionKind::kDefuse, "defuse"},
    KindName{ActionKind::kMask, "mask"},       KindName{ActionKind::kProve, "prove"},
    KindName{ActionKind::kOpen, "open"},       KindName{ActionKind::kRepoint, "repoint"},
    KindName{ActionKind::kPromote, "promote"}, KindName{ActionKind::kDemote, "demote"},
    KindName{ActionKind::kRetire, "retire"},   KindName{ActionKind::kFail, "fail"},
    KindName{ActionKind::kDelete, "delete"},   KindName{ActionKind::kStart, "start"},
};

}  // namespace

std::string_view name_of(ActionKind kind) {
  for (const KindName& row : kKindNames) {
    if (row.kind == kind) return row.name;
  }
  YTB_CHECK_MSG(false, "an action without a name");
  __builtin_unreachable();
}

std::optional<ActionKind> action_kind_of(std::string_view name) {
  for (const KindName& row : kKindNames) {
    if (row.name == name) return row.kind;
  }
  return std::nullopt;
}

std::string Action::id() const { return fmt::format("{}:{}", name_of(kind), copy); }

}  // namespace ytb::model
