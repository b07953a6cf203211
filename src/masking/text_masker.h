// TextMasker: the part that all maskers of text share: the canonical form, the HMAC, the promise not to
// return the input, and the length limit. A subclass only writes a pseudonym from a digest.
//
// Private to the masking room.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "masking/draw.h"
#include "masking/hmac.h"
#include "masking/masker.h"
#include "masking/text_codec.h"

namespace ytb::masking {

// What two values must have in common to get the same pseudonym.
enum class Likeness {
  kExact,    // every character (letters' case only in case-insensitive columns)
  kFolded,   // all but the case of letters
  kDigits,   // the digits; without any, as kFolded
  kCompact,  // all but case and blanks
};

struct TextOptions {
  const MaskingKey* key = nullptr;
  std::string domain;
  TextCodec codec;
  Likeness likeness = Likeness::kExact;
  bool case_insensitive = false;
  bool blank_padded = false;
  size_t length_max = 0;  // characters
};
constexpr size_t kNoLengthMax = 10'485'760;  // the most that varchar(n) can say

class TextMasker : public Masker {
 public:
  explicit TextMasker(TextOptions options) : options_(std::move(options)) {}
  Applied apply(std::string_view value, RowFields row, std::string& out) const final;
  [[nodiscard]] bool must_change() const final { return true; }

 protected:
  struct Source {
    std::string_view value;      // in the database's encoding, without padding
    std::string_view canonical;  // what was hashed
  };
  // Appends 1 … length_max ASCII characters.
  virtual void write(const Digest& digest, const Source& source, std::string& out) const = 0;
  [[nodiscard]] const TextOptions& options() const { return options_; }

 private:
  [[nodiscard]] bool canonicalise(std::string_view value, std::string& out) const;
  void remember(std::string_view value, RowFields row) const;
  TextOptions options_;
};

}  // namespace ytb::masking
