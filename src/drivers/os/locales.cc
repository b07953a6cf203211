#include "drivers/os/locales.h"

#include <clocale>

namespace ytb::os {

bool has_locale(const std::string& name) {
  if (name.empty() || name == "C" || name == "POSIX") return true;
  const locale_t found = newlocale(LC_ALL_MASK, name.c_str(), nullptr);
  if (found == nullptr) return false;
  freelocale(found);
  return true;
}

}  // namespace ytb::os
