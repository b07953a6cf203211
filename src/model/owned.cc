#include "model/owned.h"

#include <fmt/format.h>

#include "base/text.h"

namespace ytb::model {

Result<OwnedCopy> OwnedCopy::claim(const Copy& copy, const ProductionName& production,
                                   const Protected& protected_names) {
  auto refused = [&](std::string_view why) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("'{}' is not ours to change: {}", printable(copy.id.str()), why),
                 .hint = "it was left alone; if it is in the way, look at it and remove it by hand",
                 .retry = Retry::kNever};
  };
  if (protected_names.names.contains(copy.id.str())) return refused("it is on the list of sources");
  if (!copy.marked) {
    const bool unread = copy.failure_code == Code::kCorrupt || copy.failure_code == Code::kUnsupported;
    return refused(unread ? copy.failure : "it does not carry our mark");
  }
  if (copy.production != production) {
    return refused(
        fmt::format("it belongs to '{}', not to '{}'", printable(copy.production.str()), production));
  }
  if (!is_copy_name(production, copy.id.str())) return refused("its name is not one that we give");
  // The mark and the name must tell the same story: a renamed or hand-copied folder is not the copy it
  // claims.
  if (copy.attempt < 1 || copy_id(production, copy.data_as_of, copy.attempt) != copy.id) {
    return refused("its name and its record do not agree");
  }
  return OwnedCopy(copy);
}

}  // namespace ytb::model
