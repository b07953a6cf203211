// NormalText: the form in which originals are remembered and everything else is searched. Whatever a person
// would call the same text has one form: letters in lower case and Unicode's form C, words apart by single
// spaces, no punctuation around them. "Schmidt,  Anna" in a JSON string and "schmidt anna" are the same.
//
// A word is letters and digits of any script, with . - _ @ + between them: addresses, dates with dashes,
// host names and versions are one word each. Everything else parts words, as Unicode has it: marks, symbols
// and white space; the latter and dashes part chunks, too, so that a URL is several words and one chunk.
// Scripts that are written without spaces are one word from mark to mark.
//
// Private to the masking room. One thread at a time; buffers are kept from text to text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ytb::masking {

class NormalText {
 public:
  static constexpr std::string_view kInnerBytes = ".-_@+";  // belong to a word between two letters
  static bool is_word_byte(char c);                         // a letter's or digit's
  static bool is_inner_byte(char c);
  // Any bytes: what is not UTF-8 is taken as it is. Of a longer text its beginning: memory is a few times
  // that.
  static constexpr size_t kTextMax = 1 << 20;
  // `whole_max`: who is interested in whole() alone, and in none that is longer, gets the beginning of such.
  void read(std::string_view text, size_t whole_max = kTextMax);

  [[nodiscard]] std::string_view whole() const { return text_; }  // "" : there was no word
  [[nodiscard]] size_t words() const { return words_.size(); }
  // `count` words from the `first` on, as they stand in whole(): no copy.
  [[nodiscard]] std::string_view phrase(size_t first, size_t count) const;
  // How many words of a chunk begin with the `first` one; 1 where it is inside a chunk.
  [[nodiscard]] size_t chunk_words(size_t first) const;

  // The text that was read, with ASCII for what parts its words: `text` itself where all of it is ASCII.
  [[nodiscard]] std::string_view folded(std::string_view text) const { return ascii_ ? text : prepared_; }

  // Numbers as they are dialled and typed: groups of digits parted by at most three of ( ) . - / + and space,
  // by the "(0)" of a telephone number, or by a comma before three digits.
  static constexpr size_t kDigitsMin = 7;
  static constexpr size_t kDigitsMax = 20;
  // All digits of a text that is nothing but such groups; "" where it is something else or has fewer than
  // kDigitsMin.
  [[nodiscard]] std::string_view number() const { return number_; }
  // Digits of neighbouring groups anywhere in a text, kDigitsMin to kDigitsMax together: one after the other.
  static void for_each_number(std::string_view text,
                              const std::function<void(std::string_view digits)>& take);

 private:
  struct Word {
    uint32_t begin;
    uint32_t end;
    bool opens_chunk;
  };
  void split(std::string_view text, size_t whole_max);
  bool ascii_ = true;
  std::string
      prepared_;  // of a text that is not all ASCII: normalised, folded, foreign punctuation as spaces
  std::string text_;
  std::vector<Word> words_;
  std::string number_;
};

}  // namespace ytb::masking
