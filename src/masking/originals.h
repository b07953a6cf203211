// Originals: what masking replaced, remembered so that everything else can be searched for it. A forgotten
// column, a view that reads past the policy, a name in a comment: what nobody thought of shows as an original
// that is still there.
//
// Remembered are keyed digests of normal forms (normal_form.h) and never a value: SipHash-2-4 under keys that
// are random for each refresh and kept in memory only, so that whoever gets hold of the spool cannot even
// test a guess. For the search a filter is made of the spool of digests: it says what may be an original, and
// the spool, gone through once more at the end, what is.
//
// Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012), as libsodium has it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "masking/code_text.h"
#include "masking/digest_filter.h"
#include "masking/needles.h"
#include "masking/normal_form.h"

namespace ytb::masking {

enum class ValueType;  // build.h

// Where a digest goes to be kept: appends to the spool. Called by several threads.
using DigestSink = std::function<Status(std::span<const uint64_t>)>;

class Originals {
 public:
  static constexpr size_t kKeyBytes = 64;
  // `key`: kKeyBytes random ones. `needles`: where some of the originals themselves are kept; null: nowhere.
  // It must outlive this.
  Originals(const Secret& key, DigestSink sink, NeedleSamples* needles = nullptr);

  // Before the first search: how many digests the spool holds, and then all of them.
  void make_filter(uint64_t digests, uint64_t bytes_max);
  void add_to_filter(std::span<const uint64_t> digests);
  // Bytes, beyond which a text is left unread where whole values are looked at: it would be one of them only
  // with hundreds of blanks and marks.
  [[nodiscard]] size_t text_bytes_max() const {
    constexpr size_t kBlanksAndMarks = 256;
    constexpr size_t kTimes = 4;
    return longest_.load(std::memory_order_relaxed) * kTimes + kBlanksAndMarks;
  }

 private:
  friend class OriginalsRecorder;
  friend class OriginalsSearch;
  // The same bytes mean something else as a text, as a number that is dialled, as a number or date of a kind,
  // and as bytes.
  enum Use { kText, kNumber, kScalar, kBytes, kUses };
  [[nodiscard]] uint64_t digest(Use use, std::string_view bytes) const;
  [[nodiscard]] uint64_t number_digest(std::string_view digits) const;

  std::array<std::array<unsigned char, 16>, kUses> keys_{};
  DigestFilter filter_{0, 0};
  DigestSink sink_;
  NeedleSamples* needles_;
  std::atomic<size_t> longest_{0};  // bytes of a text that is remembered
};

// What the spool takes at the worst: one to three digests of eight bytes for each value, where all of a table
// is masked and short.
constexpr uint64_t spool_bytes_for(uint64_t table_bytes) { return table_bytes / 2; }

// One thread's share of remembering. What was added is known to all once flush() has succeeded; what failed
// before is its error.
class OriginalsRecorder {
 public:
  static constexpr size_t kBytesMin = 4;
  // `table`: names the samples of its columns.
  explicit OriginalsRecorder(Originals& originals, std::string table = {});
  // What is added from now on is of this column: its kind (kind_of), which must outlive that, and its
  // position; nullopt: no sample is taken of it. Its texts are remembered from kBytesMin on.
  void at_column(std::string_view kind, std::optional<size_t> sampled);
  // Texts are remembered from so many bytes of their normal form on: a search for "ab" finds something
  // everywhere.
  void remember_from(size_t bytes) { bytes_min_ = bytes; }
  // A text with what the server stores in its place, which is a needle, too.
  void add_text_stored_as(std::string_view utf8, std::string_view stored);
  // A value in UTF-8. A few digits (a postcode) would be found everywhere, too: they are a number of the
  // column's kind.
  void add_text(std::string_view utf8);
  // What two columns of one row say together, in this order: "anna", "schmidt".
  void add_pair(std::string_view first, std::string_view second);
  // A number, date or time, by its canonical text (append_canonical_scalar): found where a whole value of a
  // column of the same `kind` (kind_of) is looked at. One that is whole and long enough to be dialled is
  // found wherever it is written, too.
  void add_scalar(std::string_view kind, std::string_view canonical);
  // Found as whole bytes; where they are a text, as that.
  void add_bytes(std::string_view bytes);
  Status flush();
  // Digests given to the sink: what the spool holds, but for what others added.
  [[nodiscard]] uint64_t recorded() const { return recorded_; }

 private:
  void add(uint64_t digest);
  void add_other_forms();
  void sample(uint64_t digest, uint64_t other_digest, std::string_view stored);
  void give();
  struct Sampled {
    NeedleSamples::Column* column = nullptr;
    std::vector<NeedleSamples::Kept> values;
    std::array<uint64_t, 64> recent{};  // digests of what was sampled: few values may be most of a column
  };
  Originals& originals_;
  const std::string table_;
  std::vector<Sampled> sampled_;  // by column
  Sampled* at_ = nullptr;
  std::string_view kind_;
  size_t bytes_min_ = kBytesMin;
  NormalText text_;
  std::string pair_;  // and what else is put together
  std::string scalar_;
  std::string form_;
  std::vector<uint64_t> recent_;  // by digest: the same value often comes again at once
  std::vector<uint64_t> pending_;
  Status given_;
  uint64_t recorded_ = 0;
};

enum class SearchDepth {
  kWhole,   // values as they are
  kWords,   // and every word, chunk and number in them
  kPhrases  // and every two and three words that follow each other
};

// How the values of a column are to be looked at.
struct ColumnLook {
  enum class Form {
    kText,    // prose, or anything whose text may hold some
    kJson,    // a document
    kBytes,   // bytea
    kScalar,  // a number, date or time
    kNothing  // says nothing of anybody: a boolean
  };
  Form form = Form::kText;
  bool array = false;         // of such
  bool text = false;          // a type of text itself: not one that is only written as such
  bool prose = true;          // its text may hold some: not that of a uuid or an address
  bool long_numbers = false;  // scalars that may be whole numbers of many digits
  ValueType type{};           // of scalars
  std::string kind{};         // of scalars, and of texts that are a few digits
};
// `base_type`: what pg_catalog calls the type ("int4") beneath domains and, with `array`, of the elements;
// "" where another schema's it is. `name`: the column's.
ColumnLook look_of(std::string_view base_type, bool array, std::string_view name);

// What may be an original, and where: bounded, so that a copy full of them cannot fill the memory.
class SurvivorCandidates {
 public:
  static constexpr size_t kMax = 1'000'000;  // of digest and place; about 100 MB
  explicit SurvivorCandidates(size_t max = kMax) : max_(max) {}
  // False: there are too many, and what is confirmed is less than all.
  [[nodiscard]] bool complete() const { return complete_; }
  [[nodiscard]] size_t size() const { return found_.size(); }
  // Whether a digest is among them, confirmed or not.
  [[nodiscard]] bool holds(uint64_t digest) const { return confirmed_.contains(digest); }
  // `digests`: any part of the spool. All of it must pass by.
  void confirm(std::span<const uint64_t> digests);
  // What is left at a place.
  struct Survivors {
    uint64_t times = 0;
    // Of these, single words of nothing but letters, and how many different ones: names, which words are,
    // too.
    uint64_t names = 0;
    uint64_t distinct_names = 0;
  };
  [[nodiscard]] std::map<uint32_t, Survivors> survivors() const;
  // The places of candidates, confirmed or not.
  [[nodiscard]] std::set<uint32_t> places() const;

 private:
  friend class OriginalsSearch;
  struct Key {
    uint64_t digest;
    uint32_t place;
    bool operator==(const Key&) const = default;
  };
  struct Found {
    uint64_t times = 0;
    bool name = false;
  };
  void add(const Key& key, bool name);
  struct HashKey {
    size_t operator()(const Key& key) const {
      return key.digest ^ (uint64_t{key.place} * 0x9e3779b97f4a7c15);
    }
  };
  const size_t max_;
  std::mutex mutex_;
  std::unordered_map<Key, Found, HashKey> found_;
  std::unordered_map<uint64_t, bool> confirmed_;  // every digest of found_
  bool complete_ = true;
};

// One thread's share of searching. finish() must be called before the candidates are confirmed.
class OriginalsSearch {
 public:
  static constexpr int kPhraseWords = 3;
  OriginalsSearch(const Originals& originals, SurvivorCandidates& candidates);
  // `place`: the caller's number of a column or an object.
  void look(uint32_t place, std::string_view utf8, SearchDepth depth);
  // A value as COPY's text format has it, without that format's escapes.
  void look(uint32_t place, const ColumnLook& column, std::string_view value, SearchDepth depth);
  // A document: as text, and what its strings with escapes say.
  void look_json(uint32_t place, std::string_view utf8, SearchDepth depth);
  // A definition: its literals and comments as prose; around them no single word that is nothing but letters,
  // for those are names and keywords.
  void look_code(uint32_t place, std::string_view code, CodeOf language, SearchDepth depth);
  // Any bytes: as a whole, and what of them is text.
  void look_bytes(uint32_t place, std::string_view bytes, SearchDepth depth);
  // Values come again and again, in most columns few different ones. What is stored at a place has a token:
  // it is learned once all is asked for that it says, and known from then on if there was nothing in it.
  static constexpr bool may_come_again(std::string_view stored) { return stored.size() <= kKnownSizeMax; }
  [[nodiscard]] uint64_t token_of(uint32_t place, std::string_view stored) const;
  // As look(), of what is part of something that is learned as a whole.
  void look_unlearned(uint32_t place, const ColumnLook& column, std::string_view value, SearchDepth depth) {
    look_value(place, column, value, depth);
  }
  [[nodiscard]] bool is_known(uint64_t token) const { return known_[token % kKnown] == token; }
  void learn(uint64_t token);
  void finish();

 private:
  static constexpr size_t kKnownSizeMax = 512;
  static constexpr size_t kBatch = 64;
  static constexpr size_t kOverlapBytes = 512;  // of two pieces of a long text: phrases across are in one
  static constexpr size_t kTextInBytesMin = 8;  // shorter runs of letters stand in any picture
  void look_scalar(uint32_t place, const ColumnLook& column, std::string_view value);
  void ask_scalar(uint32_t place, std::string_view kind, std::string_view canonical);
  enum class Words { kAll, kNoneOfLetters };
  void look_at_pieces(uint32_t place, std::string_view utf8, SearchDepth depth, Words words);
  void look_at_parts(uint32_t place, std::string_view word, Words which);
  void look_at_piece(uint32_t place, std::string_view utf8, SearchDepth depth, Words words);
  void look_value(uint32_t place, const ColumnLook& column, std::string_view value, SearchDepth depth);
  void look_element(uint32_t place, const ColumnLook& column, std::string_view value, SearchDepth depth);
  [[nodiscard]] uint64_t token_of(uint32_t place, Originals::Use use, std::string_view value) const;
  void ask_text(uint32_t place, std::string_view normal);
  void ask(uint32_t place, uint64_t digest, bool name = false);
  void ask_batch();
  const Originals& originals_;
  SurvivorCandidates& candidates_;
  NormalText text_;
  std::string put_together_;
  std::string bytes_;
  std::string element_;
  std::string said_;
  std::string around_;
  std::string form_;
  std::string part_;
  struct Asked {
    SurvivorCandidates::Key key;
    bool name;
  };
  std::array<Asked, kBatch> batch_{};
  size_t waiting_ = 0;
  // Values of columns that were looked at and held nothing that may be an original: most columns have few
  // different ones. Keyed digests, so that nobody can make two alike.
  static constexpr size_t kKnown = 4096;
  static constexpr size_t kLearnedTogether = 64;
  std::vector<uint64_t> known_;
  std::vector<uint64_t> learning_;  // whose questions may still wait
  uint64_t hits_ = 0;
  uint64_t hits_before_ = 0;
};

}  // namespace ytb::masking
