#include "masking/originals.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/text.h"
#include "masking/array_text.h"
#include "masking/build.h"
#include "masking/column_name.h"
#include "masking/json_text.h"
#include "masking/text_codec.h"
#include "masking/value.h"

namespace ytb::masking {
namespace {

constexpr size_t kRecent = 4096;  // a power of two
constexpr size_t kPendingMax = 8192;
// A whole number of so many digits is one that people write down and dial: in shorter ones too many columns
// agree by accident.
constexpr size_t kLongDigitsMin = 9;

// No name holds a zero byte.
std::string_view scalar_of_kind(std::string_view kind, std::string_view canonical, std::string& buffer) {
  buffer.assign(kind);
  buffer.push_back('\0');
  buffer.append(canonical);
  return buffer;
}

std::string_view digits_of(std::string_view canonical) {
  if (canonical.starts_with('-')) canonical.remove_prefix(1);
  return canonical;
}

// As many digits as stand in any text.
bool is_short_number(std::string_view text) {
  return !text.empty() && text.size() < NormalText::kDigitsMin &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// A date or time as ISO 8601 and PostgreSQL write them: too many texts hold one to tell whose it is.
bool is_moment(std::string_view text) {
  constexpr size_t kDateSize = 10;
  text = trim(text);
  if (text.size() < kDateSize || text[4] != '-' || text[7] != '-') return false;
  for (size_t i = 0; i < kDateSize; ++i) {
    if (i != 4 && i != 7 && (text[i] < '0' || text[i] > '9')) return false;
  }
  const std::string_view rest = text.substr(kDateSize);  // behind the day: of "2024-05-0017" it would go on
  return rest.empty() || (rest.find_first_of(" T") == 0 &&
                          rest.find_first_not_of("0123456789:.+- TZ") == std::string_view::npos);
}

// What a text says that is nothing but a number, date or time: as a column of such a type would hold it.
bool append_scalar_in_text(std::string_view text, std::string& out) {
  constexpr size_t kSizeMax = 40;
  constexpr size_t kDateSize = 10;
  text = trim(text);
  if (text.empty() || text.size() > kSizeMax) return false;
  if (text[0] != '-' && (text[0] < '0' || text[0] > '9')) return false;
  if (is_moment(text)) {
    const ValueType type = text.size() == kDateSize      ? ValueType::kDate
                           : text.find('+') != text.npos ? ValueType::kTimestamptz
                                                         : ValueType::kTimestamp;
    return append_canonical_scalar(type, Wire::kText, text, out);
  }
  return text.find_first_not_of("0123456789.-") == text.npos &&
         append_canonical_scalar(ValueType::kNumeric, Wire::kText, text, out);
}

bool is_long_number(std::string_view canonical) {
  const std::string_view digits = digits_of(canonical);
  return digits.size() >= kLongDigitsMin && digits.size() <= NormalText::kDigitsMax &&
         digits.find_first_not_of("0123456789") == std::string_view::npos;
}

// Nothing in it would tell a name or an address from an identifier.
bool is_all_letters(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  });
}

// Whether there may be more words in it than a phrase has.
bool is_longer_than_phrases(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) {
           return (c & 0x80) != 0 || (!NormalText::is_word_byte(c) && !NormalText::is_inner_byte(c));
         }) >= OriginalsSearch::kPhraseWords;
}

// A name of a few parts with spaces between them. False: it has none.
bool append_loose(std::string_view whole, std::string& out) {
  constexpr size_t kSizeMax = 64;
  if (whole.size() > kSizeMax) return false;
  bool parts = false;
  for (char c : whole) {
    if (c == '@' || (c >= '0' && c <= '9')) return false;
    parts = parts || NormalText::is_inner_byte(c);
  }
  if (!parts) return false;
  out.clear();
  int words = 1;
  for (char c : whole) {
    const bool part = c != ' ' && !NormalText::is_inner_byte(c);
    if (part) {
      out.push_back(c);
    } else if (!out.empty() && out.back() != ' ') {
      out.push_back(' ');
      ++words;
    }
  }
  return words <= OriginalsSearch::kPhraseWords;
}

// A code (an account, a uuid) without what parts its groups. False: it is none, or has no groups.
bool append_compact(std::string_view whole, std::string& out) {
  constexpr size_t kSizeMin = 8;
  constexpr size_t kSizeMax = 64;
  if (whole.size() < kSizeMin || whole.size() > kSizeMax) return false;
  // Every text is asked: what it is made of is counted without a branch, a byte of `counts` for each kind.
  static constexpr std::array<uint32_t, 256> kCounts = [] {
    std::array<uint32_t, 256> counts{};
    counts.fill(1U << 24U);
    for (unsigned char c = '0'; c <= '9'; ++c) counts[c] = 1;
    for (unsigned char c = 'a'; c <= 'z'; ++c) counts[c] = 1U << 8U;
    for (const char c : {' ', '-', '.'}) counts[static_cast<unsigned char>(c)] = 1U << 16U;
    return counts;
  }();
  static_assert(kSizeMax < 256);
  uint32_t counts = 0;
  for (const char c : whole) counts += kCounts[static_cast<unsigned char>(c)];
  const size_t digits = counts & 0xffU;
  const size_t letters = counts >> 8U & 0xffU;
  const bool others = counts >> 24U != 0;
  if (others || digits + letters == whole.size()) return false;
  // What is nothing but digits is a number; where most are letters it is words.
  if (digits + letters < kSizeMin || letters == 0 || letters > 2 * digits) return false;
  out.clear();
  for (char c : whole) {
    if (c != ' ' && c != '-' && c != '.') out.push_back(c);
  }
  return true;
}

bool is_text(std::string_view bytes) { return text_prefix(bytes) == bytes.size(); }

}  // namespace

Originals::Originals(const Secret& key, DigestSink sink, NeedleSamples* needles)
    : sink_(std::move(sink)), needles_(needles) {
  static_assert(kKeyBytes == sizeof(keys_));
  static_assert(crypto_shorthash_siphash24_KEYBYTES == 16 && crypto_shorthash_siphash24_BYTES == 8);
  YTB_CHECK(key.reveal().size() == kKeyBytes);
  std::memcpy(keys_.data(), key.reveal().data(), kKeyBytes);
}

uint64_t Originals::digest(Use use, std::string_view bytes) const {
  uint64_t digest = 0;
  crypto_shorthash_siphash24(reinterpret_cast<unsigned char*>(&digest),
                             reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                             keys_[use].data());
  return digest;
}

// Zeros that are dialled inside a country, or fill a field, are not in a column of integers.
uint64_t Originals::number_digest(std::string_view digits) const {
  const size_t zeros = std::min(digits.find_first_not_of('0'), digits.size());
  if (digits.size() - zeros >= NormalText::kDigitsMin) digits.remove_prefix(zeros);
  return digest(kNumber, digits);
}

void Originals::make_filter(uint64_t digests, uint64_t bytes_max) {
  filter_ = DigestFilter(digests, bytes_max);
}

void Originals::add_to_filter(std::span<const uint64_t> digests) {
  constexpr size_t kAhead = 16;
  for (size_t i = 0; i < digests.size(); ++i) {
    if (i + kAhead < digests.size()) filter_.prefetch(digests[i + kAhead]);
    filter_.add(digests[i]);
  }
}

// ----------------------------------------------------------------------------------------------- recording

OriginalsRecorder::OriginalsRecorder(Originals& originals, std::string table)
    : originals_(originals), table_(std::move(table)), recent_(kRecent) {
  pending_.reserve(kPendingMax);
}

void OriginalsRecorder::at_column(std::string_view kind, std::optional<size_t> sampled) {
  kind_ = kind;
  bytes_min_ = kBytesMin;
  at_ = nullptr;
  if (originals_.needles_ == nullptr || !sampled) return;
  if (sampled_.size() <= *sampled) sampled_.resize(*sampled + 1);
  at_ = &sampled_[*sampled];
  if (at_->column == nullptr)
    at_->column = &originals_.needles_->column(fmt::format("{}.{}", table_, *sampled));
}

void OriginalsRecorder::add_text(std::string_view utf8) {
  text_.read(utf8);
  if (is_short_number(text_.whole())) return add_scalar(kind_, text_.whole());
  scalar_.clear();
  if (append_scalar_in_text(utf8, scalar_)) add_scalar(kind_, scalar_);
  if (is_moment(utf8)) return;
  uint64_t number = 0;
  if (text_.number().find_first_not_of('0') != std::string_view::npos) {
    number = originals_.number_digest(text_.number());
    add(number);
  }
  if (text_.whole().empty() || text_.whole().size() < bytes_min_) return;
  const size_t size = text_.whole().size();
  for (size_t longest = originals_.longest_.load(std::memory_order_relaxed); longest < size;)
    originals_.longest_.compare_exchange_weak(longest, size);
  const uint64_t digest = originals_.digest(Originals::kText, text_.whole());
  add(digest);
  add_other_forms();
  sample(digest, number, utf8);
}

// As it may be written elsewhere: "Anna Lena" for "Anna-Lena", "DE89370400440532013000" for one in groups.
void OriginalsRecorder::add_other_forms() {
  if (append_loose(text_.whole(), form_)) add(originals_.digest(Originals::kText, form_));
  if (append_compact(text_.whole(), form_)) add(originals_.digest(Originals::kText, form_));
}

void OriginalsRecorder::add_text_stored_as(std::string_view utf8, std::string_view stored) {
  add_text(utf8);
  add(originals_.digest(Originals::kBytes, stored));
  sample(originals_.digest(Originals::kBytes, stored), originals_.digest(Originals::kText, text_.whole()),
         stored);
}

void OriginalsRecorder::sample(uint64_t digest, uint64_t other_digest, std::string_view stored) {
  if (at_ == nullptr || stored.size() < NeedleText::kBytesMin || !at_->column->wants(digest)) return;
  uint64_t& recent = at_->recent[digest % at_->recent.size()];
  if (std::exchange(recent, digest) == digest) return;
  constexpr size_t kTogether = 64;
  at_->values.push_back({.digest = digest, .other_digest = other_digest, .text = NeedleText::of(stored)});
  if (at_->values.size() >= kTogether) originals_.needles_->add(*at_->column, at_->values);
}

void OriginalsRecorder::add_pair(std::string_view first, std::string_view second) {
  pair_.assign(first);
  pair_.push_back(' ');
  pair_.append(second);
  Sampled* const column = std::exchange(at_, nullptr);  // no field holds both
  add_text(pair_);
  at_ = column;
}

void OriginalsRecorder::add_scalar(std::string_view kind, std::string_view canonical) {
  if (!kind.empty()) add(originals_.digest(Originals::kScalar, scalar_of_kind(kind, canonical, pair_)));
  if (is_long_number(canonical)) add(originals_.number_digest(digits_of(canonical)));
}

void OriginalsRecorder::add_bytes(std::string_view bytes) {
  if (bytes.size() < kBytesMin) return;
  const uint64_t digest = originals_.digest(Originals::kBytes, bytes);
  add(digest);
  if (is_text(bytes)) return add_text(bytes);
  sample(digest, 0, bytes);
}

void OriginalsRecorder::add(uint64_t digest) {
  uint64_t& recent = recent_[digest % kRecent];
  if (recent == digest && digest != 0) return;
  recent = digest;
  pending_.push_back(digest);
  ++recorded_;
  if (pending_.size() >= kPendingMax) give();
}

void OriginalsRecorder::give() {
  if (given_.ok()) given_ = originals_.sink_(pending_);
  pending_.clear();
}

Status OriginalsRecorder::flush() {
  if (!pending_.empty()) give();
  for (Sampled& column : sampled_) {
    if (!column.values.empty()) originals_.needles_->add(*column.column, column.values);
  }
  return given_;
}

ColumnLook look_of(std::string_view base_type, bool array, std::string_view name) {
  using Form = ColumnLook::Form;
  Column column;
  column.base_type = base_type;
  const ValueType type = value_type_of(column);
  if (is_scalar(type)) {
    const bool moment =
        type == ValueType::kDate || type == ValueType::kTimestamp || type == ValueType::kTimestamptz;
    return {.form = Form::kScalar,
            .array = array,
            .long_numbers = !moment && type != ValueType::kInt2 && type != ValueType::kFloat4,
            .type = type,
            .kind = kind_of(name)};
  }
  const bool json = type == ValueType::kJson || type == ValueType::kJsonb;
  const Form form = json                        ? Form::kJson
                    : type == ValueType::kBytea ? Form::kBytes
                    : type == ValueType::kBool  ? Form::kNothing
                                                : Form::kText;
  const bool text = base_type == "text" || base_type == "varchar";  // the length of others is of blanks, too
  const bool prose = type != ValueType::kUuid && type != ValueType::kInet && type != ValueType::kCidr;
  return {.form = form, .array = array, .text = text && !array, .prose = prose, .kind = kind_of(name)};
}

// ----------------------------------------------------------------------------------------------- candidates

void SurvivorCandidates::add(const Key& key, bool name) {
  std::lock_guard lock(mutex_);
  auto there = found_.find(key);
  if (there != found_.end()) {
    ++there->second.times;
    return;
  }
  if (found_.size() >= max_) {
    complete_ = false;
    return;
  }
  found_.emplace(key, Found{.times = 1, .name = name});
  confirmed_.emplace(key.digest, false);
}

void SurvivorCandidates::confirm(std::span<const uint64_t> digests) {
  if (confirmed_.empty()) return;
  for (const uint64_t digest : digests) {
    auto there = confirmed_.find(digest);
    if (there != confirmed_.end()) there->second = true;
  }
}

std::map<uint32_t, SurvivorCandidates::Survivors> SurvivorCandidates::survivors() const {
  std::map<uint32_t, Survivors> survivors;
  for (const auto& [key, found] : found_) {
    if (!confirmed_.at(key.digest)) continue;
    Survivors& at_place = survivors[key.place];
    at_place.times += found.times;
    if (!found.name) continue;
    at_place.names += found.times;
    ++at_place.distinct_names;
  }
  return survivors;
}

std::set<uint32_t> SurvivorCandidates::places() const {
  std::set<uint32_t> places;
  for (const auto& [key, found] : found_) places.insert(key.place);
  return places;
}

// ------------------------------------------------------------------------------------------------ searching

OriginalsSearch::OriginalsSearch(const Originals& originals, SurvivorCandidates& candidates)
    : originals_(originals), candidates_(candidates), known_(kKnown) {
  learning_.reserve(kLearnedTogether);
}

void OriginalsSearch::look(uint32_t place, std::string_view utf8, SearchDepth depth) {
  look_at_pieces(place, utf8, depth, Words::kAll);
}

void OriginalsSearch::look_at_pieces(uint32_t place, std::string_view utf8, SearchDepth depth, Words which) {
  constexpr size_t kPiece = NormalText::kTextMax;
  look_at_piece(place, utf8.substr(0, kPiece), depth, which);
  if (depth == SearchDepth::kWhole) return;
  for (size_t end = kPiece; end < utf8.size(); end += kPiece - kOverlapBytes) {
    const size_t begin = character_start(utf8, end - kOverlapBytes);
    look_at_piece(place, utf8.substr(begin, kPiece), depth, which);
  }
}

void OriginalsSearch::look_at_piece(uint32_t place, std::string_view utf8, SearchDepth depth, Words which) {
  const size_t longest = originals_.longest_.load(std::memory_order_relaxed);
  text_.read(utf8, depth == SearchDepth::kWhole ? longest : NormalText::kTextMax);
  const size_t words = text_.words();
  if (!text_.number().empty()) ask(place, originals_.number_digest(text_.number()));
  if (words == 0) return;
  const bool whole_counts = which == Words::kAll || words > 1;
  if (whole_counts && text_.whole().size() <= longest) ask_text(place, text_.whole());
  if (whole_counts && append_compact(text_.whole(), form_)) ask_text(place, form_);
  if (depth == SearchDepth::kWhole) return;
  NormalText::for_each_number(text_.folded(utf8), [&](std::string_view number) {
    if (number.size() >= kLongDigitsMin && number != text_.number())
      ask(place, originals_.number_digest(number));
  });
  const size_t phrase_max = depth == SearchDepth::kPhrases ? size_t{kPhraseWords} : 1;
  for (size_t first = 0; first < words; ++first) {
    const bool skipped = which == Words::kNoneOfLetters && is_all_letters(text_.phrase(first, 1));
    for (size_t count = skipped ? 2 : 1; count <= std::min(phrase_max, words - first); ++count) {
      if (whole_counts && count == words) break;  // it was asked for
      ask_text(place, text_.phrase(first, count));
    }
    look_at_parts(place, text_.phrase(first, 1), which);
    const size_t chunk = text_.chunk_words(first);
    if (chunk > phrase_max && chunk < words) {
      ask_text(place, text_.phrase(first, chunk));
    }
  }
}

// What stands in a word of several parts: "anna.schmidt" has both, "a@b.example.thanks" begins with an
// address.
void OriginalsSearch::look_at_parts(uint32_t place, std::string_view word, Words which) {
  if (std::none_of(word.begin(), word.end(), NormalText::is_inner_byte)) return;
  constexpr size_t kPartsMax = 16;
  constexpr size_t kMadeUpMin = 20;  // letters of a user name that a masker made: its name is of a list
  if (append_compact(word, part_)) ask_text(place, part_);
  std::array<std::pair<size_t, size_t>, kPartsMax> parts{};
  size_t count = 0;
  for (size_t at = 0; at < word.size() && count < kPartsMax;) {
    const size_t begin = word.find_first_not_of(NormalText::kInnerBytes, at);
    if (begin == std::string_view::npos) break;
    const size_t end = std::min(word.find_first_of(NormalText::kInnerBytes, begin), word.size());
    parts[count++] = {begin, end};
    at = end;
  }
  const std::string_view last_part =
      count == 2 ? word.substr(parts[1].first, parts[1].second - parts[1].first) : "";
  const bool made_up = last_part.size() >= kMadeUpMin && word[parts[0].second] == '_' &&
                       is_ascii(last_part) && is_all_letters(last_part);
  const bool address = word.find('@') != std::string_view::npos;
  for (size_t first = 0; first < count; ++first) {
    for (size_t last = first; last < count; ++last) {
      if (first == 0 && parts[last].second == word.size()) continue;  // it was asked for
      const std::string_view part = word.substr(parts[first].first, parts[last].second - parts[first].first);
      if (part.size() < OriginalsRecorder::kBytesMin) continue;
      // What an address is made of are often names that somebody else has, too.
      if (address && part.find('@') == std::string_view::npos) continue;
      if (is_all_letters(part) && (made_up || which == Words::kNoneOfLetters)) continue;
      ask_text(place, part);
    }
    for (size_t last = first + 1; !address && last < std::min(count, first + kPhraseWords); ++last) {
      part_.assign(word.substr(parts[first].first, parts[first].second - parts[first].first));
      for (size_t i = first + 1; i <= last; ++i) {
        part_.push_back(' ');
        part_.append(word.substr(parts[i].first, parts[i].second - parts[i].first));
      }
      ask_text(place, part_);
    }
  }
}

void OriginalsSearch::look_json(uint32_t place, std::string_view utf8, SearchDepth depth) {
  if (depth != SearchDepth::kWhole) look(place, utf8, depth);
  for_each_json_string(utf8, [&](std::string_view inside) {
    const bool escaped = inside.find('\\') != std::string_view::npos;
    // The document's own words and phrases were asked for.
    said_.clear();
    append_unescaped_json(inside, said_);
    if (!escaped && depth != SearchDepth::kWhole && !is_longer_than_phrases(inside)) {
      text_.read(said_);
      if (append_compact(text_.whole(), form_)) ask_text(place, form_);
      return;
    }
    look(place, said_, escaped ? depth : SearchDepth::kWhole);
  });
}

void OriginalsSearch::look(uint32_t place, const ColumnLook& column, std::string_view value,
                           SearchDepth depth) {
  const bool worth_it =
      column.array || column.form == ColumnLook::Form::kText || column.form == ColumnLook::Form::kJson;
  if (!worth_it || !may_come_again(value)) return look_value(place, column, value, depth);
  const uint64_t token = token_of(place, Originals::kText, value);
  if (is_known(token)) return;
  look_value(place, column, value, depth);
  learn(token);
}

uint64_t OriginalsSearch::token_of(uint32_t place, std::string_view stored) const {
  return token_of(place, Originals::kBytes, stored);
}

// Keyed, so that nobody can make two alike.
uint64_t OriginalsSearch::token_of(uint32_t place, Originals::Use use, std::string_view value) const {
  constexpr uint64_t kApart = 0x9e3779b97f4a7c15;
  return originals_.digest(use, value) ^ (place + 1) * kApart;
}

// Together, once the filter has answered all that was asked of them.
void OriginalsSearch::learn(uint64_t token) {
  learning_.push_back(token);
  if (learning_.size() < kLearnedTogether) return;
  ask_batch();
  for (const uint64_t each : learning_) {
    if (hits_ == hits_before_) known_[each % kKnown] = each;
  }
  learning_.clear();
  hits_before_ = hits_;
}

void OriginalsSearch::look_value(uint32_t place, const ColumnLook& column, std::string_view value,
                                 SearchDepth depth) {
  if (!column.array) return look_element(place, column, value, depth);
  ArrayElement element;
  std::string_view rest = value;
  while (take_array_element(rest, element, element_)) {
    if (!element.null) look_element(place, column, element_, depth);
  }
  if (!rest.empty()) look(place, value, depth);  // not an array as the server writes it
}

void OriginalsSearch::look_element(uint32_t place, const ColumnLook& column, std::string_view value,
                                   SearchDepth depth) {
  switch (column.form) {
    case ColumnLook::Form::kText:
      if (is_short_number(trim(value))) return ask_scalar(place, column.kind, trim(value));  // char(n) pads
      bytes_.clear();
      if (append_scalar_in_text(value, bytes_)) ask_scalar(place, column.kind, bytes_);
      if (!column.prose) return look(place, value, SearchDepth::kWhole);
      look(place, value, depth);
      // As a document in a text has it, or a log: "hello\nanna".
      if (value.find('\\') == std::string_view::npos) return;
      said_.clear();
      append_unescaped_json(value, said_);
      return look(place, said_, depth);
    case ColumnLook::Form::kJson:
      return look_json(place, value, depth);
    case ColumnLook::Form::kBytes:
      bytes_.clear();
      if (!read_hex_bytes(value, bytes_)) bytes_.assign(value);
      return look_bytes(place, bytes_, depth);
    case ColumnLook::Form::kScalar:
      return look_scalar(place, column, value);
    case ColumnLook::Form::kNothing:
      return;
  }
}

void OriginalsSearch::look_code(uint32_t place, std::string_view code, CodeOf language, SearchDepth depth) {
  part_code(
      code, language, [&](std::string_view literal) { look(place, literal, depth); }, around_);
  if (depth != SearchDepth::kWhole) look_at_pieces(place, around_, depth, Words::kNoneOfLetters);
}

void OriginalsSearch::look_scalar(uint32_t place, const ColumnLook& column, std::string_view value) {
  if (column.kind.empty() && value.size() < kLongDigitsMin) return;
  bytes_.clear();
  if (!append_canonical_scalar(column.type, Wire::kText, value, bytes_)) return;
  ask_scalar(place, column.kind, bytes_);
  if (is_long_number(bytes_)) ask(place, originals_.number_digest(digits_of(bytes_)));
}

void OriginalsSearch::ask_scalar(uint32_t place, std::string_view kind, std::string_view canonical) {
  if (kind.empty()) return;
  ask(place, originals_.digest(Originals::kScalar, scalar_of_kind(kind, canonical, put_together_)));
}

void OriginalsSearch::look_bytes(uint32_t place, std::string_view bytes, SearchDepth depth) {
  ask(place, originals_.digest(Originals::kBytes, bytes));
  if (is_text(bytes)) return look(place, bytes, depth);
  if (depth == SearchDepth::kWhole) return;
  for (size_t at = 0; at < bytes.size();) {
    const size_t run = text_prefix(bytes.substr(at));
    if (run >= kTextInBytesMin) look(place, bytes.substr(at, run), depth);
    at += run + 1;  // what ended it: a control character, or no UTF-8
  }
}

void OriginalsSearch::ask_text(uint32_t place, std::string_view normal) {
  ask(place, originals_.digest(Originals::kText, normal), is_all_letters(normal));
}

// Asked together, a little later: by then the memory that each needs has come.
void OriginalsSearch::ask(uint32_t place, uint64_t digest, bool name) {
  originals_.filter_.prefetch(digest);
  batch_[waiting_++] = {{digest, place}, name};
  if (waiting_ == kBatch) ask_batch();
}

void OriginalsSearch::ask_batch() {
  for (size_t i = 0; i < waiting_; ++i) {
    const Asked& asked = batch_[i];
    if (!originals_.filter_.may_hold(asked.key.digest)) continue;
    ++hits_;
    candidates_.add(asked.key, asked.name);
  }
  waiting_ = 0;
}

void OriginalsSearch::finish() { ask_batch(); }

}  // namespace ytb::masking
