// Words for a POSIX shell, in commands that we print for people to paste.
#pragma once

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>

namespace ytb {

// As it is where nothing in it means anything to a shell, else in single quotes.
inline std::string shell_word(std::string_view text) {
  constexpr std::string_view kPlain = "_@%+=:,./-";
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [&](unsigned char c) {
    return (c < 0x80 && std::isalnum(c) != 0) || kPlain.find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) return std::string(text);
  std::string word = "'";
  for (char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

}  // namespace ytb
