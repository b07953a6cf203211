#include "base/error.h"

#include <array>

#include "base/check.h"

namespace ytb {
namespace {

struct Row {
  Code code;
  std::string_view name;
  int exit_status;
};

// The one table from code to exit status. Statuses are part of the interface: never renumber.
constexpr std::array kTable{
    Row{Code::kInternal, "internal", 1},
    Row{Code::kUsage, "usage", 2},
    Row{Code::kConfig, "config", 3},
    Row{Code::kPolicy, "policy", 4},
    Row{Code::kNoSnapshot, "no_snapshot", 5},
    Row{Code::kProof, "proof", 6},
    Row{Code::kStale, "stale", 7},
    Row{Code::kRefused, "refused", 8},
    Row{Code::kBusy, "busy", 9},
    Row{Code::kSpace, "space", 10},
    Row{Code::kConnection, "connection", 11},
    Row{Code::kExternal, "external", 12},
    Row{Code::kCorrupt, "corrupt", 13},
    Row{Code::kUnsupported, "unsupported", 14},
    Row{Code::kForbidden, "forbidden", 15},
    Row{Code::kInterrupted, "interrupted", 130},
};

const Row& row_of(Code code) {
  for (const Row& row : kTable) {
    if (row.code == code) return row;
  }
  YTB_CHECK_MSG(false, "a code without a row");
  __builtin_unreachable();
}

}  // namespace

std::string_view name_of(Code code) { return row_of(code).name; }
int exit_status(Code code) { return row_of(code).exit_status; }

std::string to_string(const Error& error) {
  if (error.hint.empty()) return error.message;
  return error.message + "\nhint: " + error.hint;
}

}  // namespace ytb
