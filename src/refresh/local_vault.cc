#include "refresh/local_vault.h"

#include <fmt/format.h>

#include "base/text.h"
#include "config/config.h"
#include "drivers/os/files.h"
#include "drivers/os/secrets.h"

namespace ytb::refresh {

Result<Secret> LocalVault::secret(const model::SecretRef& reference) { return os::resolve_secret(reference); }

Result<std::optional<std::string>> LocalVault::text(const std::string& place, size_t size_max) {
  if (config::is_remote(place)) {
    return Error{.code = Code::kUnsupported,
                 .message = fmt::format("{} lies with AWS, which is not asked here", printable(place)),
                 .hint = "keep it in a file"};
  }
  Result<std::string> text = os::read_file(place, size_max);
  if (text.ok()) return std::optional<std::string>(std::move(*text));
  if (!os::exists(place)) return std::optional<std::string>();
  return std::move(text).error();
}

}  // namespace ytb::refresh
