// SHA-256 of a file's bytes, hex. Private to the config room.
#pragma once

#include <string>
#include <string_view>

namespace ytb::config {

std::string digest_of(std::string_view bytes);

}  // namespace ytb::config
