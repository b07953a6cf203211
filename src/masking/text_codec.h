// TextCodec: text of one database encoding to the form that is hashed. The same letters must give the same
// bytes whatever encoding, normalisation form or padding a column keeps them in, or joins between masked
// columns break.
//
// Immutable, thread-safe.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ytb::masking {

class TextCodec {
 public:
  // `encoding` as pg_encoding_to_char() gives it: UTF8, SQL_ASCII, or a single-byte one (LATIN1, WIN1252 …).
  // Error{kUnsupported} for the others.
  static Result<TextCodec> make(std::string_view encoding);

  // Appends `text` as UTF-8 in Unicode normalisation form C. SQL_ASCII has no encoding: its bytes are taken
  // as they are. False: not valid in the encoding.
  [[nodiscard]] bool append_canonical(std::string_view text, std::string& out) const;
  // Appends `text` as UTF-8, not normalised. False: not valid in the encoding.
  [[nodiscard]] bool append_utf8(std::string_view text, std::string& out) const;
  // Appends `text` as UTF-8, with U+FFFD for what is not valid in the encoding.
  void append_readable(std::string_view text, std::string& out) const;
  // Appends UTF-8 in the database's encoding. False: it has no such character.
  [[nodiscard]] bool append_encoded(std::string_view utf8, std::string& out) const;
  // Characters of `text`, as varchar(n) counts them. It must be valid.
  [[nodiscard]] size_t characters(std::string_view text) const;

 private:
  enum class Kind { kUtf8, kBytes, kTable };
  Kind kind_ = Kind::kUtf8;
  std::array<std::string, 128> upper_half_;  // kTable: UTF-8 of bytes 0x80…0xff; empty: no such character
};

bool is_ascii(std::string_view text);
// The last place up to `at` at which a character of UTF-8 begins: where a text can be cut.
size_t character_start(std::string_view utf8, size_t at);
// How many of the first bytes are text as somebody typed it: UTF-8 without control characters.
size_t text_prefix(std::string_view bytes);
// Lower case of every letter, in place, as lower() gives it (a letter at a time, no expansion). `utf8` that
// is not valid from some byte on is left from there.
void fold_case(std::string& utf8, size_t from = 0);

}  // namespace ytb::masking
