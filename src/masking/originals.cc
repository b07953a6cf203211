#include "masking/originals.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/text.h"
#include "masking/array_text.h"
#include "masking/build.h"
#include "masking/guess.h"
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

bool is_long_number(std::string_view canonical) {
  const std::string_view digits = digits_of(canonical);
  return digits.size() >= kLongDigitsMin && digits.size() <= NormalText::kDigitsMax &&
         digits.find_first_not_of("0123456789") == std::string_view::npos;
}

// Text as somebody typed it.
// Or of nothing that would tell a name or an address from an identifier.
bool is_all_letters(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  });
}

// Whether there may be more words in it than a phrase has.
bool is_longer_than_phrases(std::string_view text) {
  return std::count(text.begin(), text.end(), ' ') >= OriginalsSearch::kPhraseWords;
}

bool is_text(std::string_view bytes) { return text_prefix(bytes) == bytes.size(); }

}  // namespace

Originals::Originals(const Secret& key, uint64_t expected, uint64_t filter_bytes_max, DigestSink sink,
                     NeedleSamples* needles)
    : filter_(expected, filter_bytes_max), sink_(std::move(sink)), needles_(needles) {
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

// ----------------------------------------------------------------------------------------------- recording

OriginalsRecorder::OriginalsRecorder(Originals& originals, std::string table)
    : originals_(originals), table_(std::move(table)), recent_(kRecent) {
  pending_.reserve(kPendingMax);
}

void OriginalsRecorder::at_column(std::string_view kind, std::optional<size_t> sampled) {
  kind_ = kind;
  at_ = nullptr;
  if (originals_.needles_ == nullptr || !sampled) return;
  if (sampled_.size() <= *sampled) sampled_.resize(*sampled + 1);
  at_ = &sampled_[*sampled];
  if (at_->column == nullptr)
    at_->column = &originals_.needles_->column(fmt::format("{}.{}", table_, *sampled));
}

void OriginalsRecorder::add_text(std::string_view utf8, size_t bytes_min) {
  text_.read(utf8);
  if (is_short_number(text_.whole())) return add_scalar(kind_, text_.whole());
  uint64_t number = 0;
  if (!text_.number().empty()) {
    number = originals_.digest(Originals::kNumber, text_.number());
    add(number);
  }
  if (text_.whole().empty() || text_.whole().size() < bytes_min) return;
  const size_t size = text_.whole().size();
  for (size_t longest = originals_.longest_.load(std::memory_order_relaxed); longest < size;)
    originals_.longest_.compare_exchange_weak(longest, size);
  const uint64_t digest = originals_.digest(Originals::kText, text_.whole());
  if (add(digest)) sample(digest, number, utf8);
}

void OriginalsRecorder::add_text_stored_as(std::string_view utf8, std::string_view stored) {
  add_text(utf8);
  sample(originals_.digest(Originals::kBytes, stored), originals_.digest(Originals::kText, text_.whole()),
         stored);
}

void OriginalsRecorder::sample(uint64_t digest, uint64_t other_digest, std::string_view stored) {
  if (at_ == nullptr || stored.size() < NeedleSamples::kBytesMin || !at_->column->wants(digest)) return;
  constexpr size_t kTogether = 64;
  at_->values.push_back({.digest = digest,
                         .other_digest = other_digest,
                         .bytes = std::string(stored.substr(0, NeedleSamples::kBytesMax))});
  if (at_->values.size() >= kTogether) originals_.needles_->add(*at_->column, at_->values);
}

void OriginalsRecorder::add_pair(std::string_view first, std::string_view second, size_t bytes_min) {
  pair_.assign(first);
  pair_.push_back(' ');
  pair_.append(second);
  add_text(pair_, bytes_min);
}

void OriginalsRecorder::add_scalar(std::string_view kind, std::string_view canonical) {
  if (!kind.empty()) add(originals_.digest(Originals::kScalar, scalar_of_kind(kind, canonical, pair_)));
  if (is_long_number(canonical)) add(originals_.digest(Originals::kNumber, digits_of(canonical)));
}

void OriginalsRecorder::add_bytes(std::string_view bytes) {
  if (bytes.size() < kBytesMin) return;
  const uint64_t digest = originals_.digest(Originals::kBytes, bytes);
  const bool is_new = add(digest);
  if (is_text(bytes)) return add_text(bytes);
  if (is_new) sample(digest, 0, bytes);
}

bool OriginalsRecorder::add(uint64_t digest) {
  uint64_t& recent = recent_[digest % kRecent];
  if (recent == digest && digest != 0) return false;
  recent = digest;
  originals_.filter_.add(digest);
  pending_.push_back(digest);
  ++recorded_;
  if (pending_.size() >= kPendingMax) give();
  return true;
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
  if (is_scalar(type)) return {.form = Form::kScalar, .array = array, .type = type, .kind = kind_of(name)};
  const bool json = type == ValueType::kJson || type == ValueType::kJsonb;
  const Form form = json                        ? Form::kJson
                    : type == ValueType::kBytea ? Form::kBytes
                    : type == ValueType::kBool  ? Form::kNothing
                                                : Form::kText;
  const bool text = base_type == "text" || base_type == "varchar" || base_type == "bpchar";
  return {.form = form, .array = array, .text = text && !array, .kind = kind_of(name)};
}

// ----------------------------------------------------------------------------------------------- candidates

void SurvivorCandidates::add(uint64_t digest, uint32_t place, uint64_t count) {
  std::lock_guard lock(mutex_);
  const Key key{digest, place};
  auto there = found_.find(key);
  if (there != found_.end()) {
    there->second += count;
    return;
  }
  if (found_.size() >= max_) {
    complete_ = false;
    return;
  }
  found_.emplace(key, count);
  confirmed_.emplace(digest, false);
}

void SurvivorCandidates::confirm(std::span<const uint64_t> digests) {
  if (confirmed_.empty()) return;
  for (const uint64_t digest : digests) {
    auto there = confirmed_.find(digest);
    if (there != confirmed_.end()) there->second = true;
  }
}

std::map<uint32_t, uint64_t> SurvivorCandidates::survivors() const {
  std::map<uint32_t, uint64_t> counts;
  for (const auto& [key, count] : found_) {
    if (confirmed_.at(key.digest)) counts[key.place] += count;
  }
  return counts;
}

// ------------------------------------------------------------------------------------------------ searching

OriginalsSearch::OriginalsSearch(const Originals& originals, SurvivorCandidates& candidates)
    : originals_(originals), candidates_(candidates) {}

void OriginalsSearch::look(uint32_t place, std::string_view utf8, SearchDepth depth) {
  constexpr size_t kPiece = NormalText::kTextMax;
  look_at_piece(place, utf8.substr(0, kPiece), depth);
  if (depth == SearchDepth::kWhole) return;
  for (size_t end = kPiece; end < utf8.size(); end += kPiece - kOverlapBytes) {
    look_at_piece(place, utf8.substr(end - kOverlapBytes, kPiece), depth);
  }
}

void OriginalsSearch::look_at_piece(uint32_t place, std::string_view utf8, SearchDepth depth, Words which) {
  const size_t longest = originals_.longest_.load(std::memory_order_relaxed);
  text_.read(utf8, depth == SearchDepth::kWhole ? longest : NormalText::kTextMax);
  const size_t words = text_.words();
  if (!text_.number().empty()) ask(place, originals_.digest(Originals::kNumber, text_.number()));
  if (words == 0) return;
  const bool told = which == Words::kAll || words > 1;
  if (told && text_.whole().size() <= longest) ask(place, originals_.digest(Originals::kText, text_.whole()));
  if (depth == SearchDepth::kWhole) return;
  if (text_.number().empty()) {
    NormalText::for_each_number(
        utf8, [&](std::string_view number) { ask(place, originals_.digest(Originals::kNumber, number)); });
  }
  const size_t phrase_max = depth == SearchDepth::kPhrases ? size_t{kPhraseWords} : 1;
  for (size_t first = 0; first < words; ++first) {
    const bool skipped = which == Words::kNoneOfLetters && is_all_letters(text_.phrase(first, 1));
    for (size_t count = skipped ? 2 : 1; count <= std::min(phrase_max, words - first); ++count) {
      if (count == words) break;  // the whole was asked for
      ask(place, originals_.digest(Originals::kText, text_.phrase(first, count)));
    }
    const size_t chunk = text_.chunk_words(first);
    if (chunk > phrase_max && chunk < words) {
      ask(place, originals_.digest(Originals::kText, text_.phrase(first, chunk)));
    }
  }
}

void OriginalsSearch::look_json(uint32_t place, std::string_view utf8, SearchDepth depth) {
  if (depth != SearchDepth::kWhole) look(place, utf8, depth);
  for_each_json_string(utf8, MemberNames::kWith, [&](std::string_view inside) {
    const bool escaped = inside.find('\\') != std::string_view::npos;
    // The document's own words and phrases were asked for.
    if (!escaped && depth != SearchDepth::kWhole && !is_longer_than_phrases(inside)) return;
    said_.clear();
    append_unescaped_json(inside, said_);
    look(place, said_, escaped ? depth : SearchDepth::kWhole);
  });
}

void OriginalsSearch::look(uint32_t place, const ColumnLook& column, std::string_view value,
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
      return look(place, value, depth);
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
  if (depth != SearchDepth::kWhole) look_at_piece(place, around_, depth, Words::kNoneOfLetters);
}

void OriginalsSearch::look_scalar(uint32_t place, const ColumnLook& column, std::string_view value) {
  bytes_.clear();
  if (!append_canonical_scalar(column.type, Wire::kText, value, bytes_)) return;
  ask_scalar(place, column.kind, bytes_);
  if (is_long_number(bytes_)) ask(place, originals_.digest(Originals::kNumber, digits_of(bytes_)));
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

// Asked together, a little later: by then the memory that each needs has come.
void OriginalsSearch::ask(uint32_t place, uint64_t digest) {
  originals_.filter_.prefetch(digest);
  batch_[waiting_++] = {digest, place};
  if (waiting_ == kBatch) ask_batch();
}

void OriginalsSearch::ask_batch() {
  for (size_t i = 0; i < waiting_; ++i) {
    const auto& [digest, place] = batch_[i];
    if (originals_.filter_.may_hold(digest)) candidates_.add(digest, place, 1);
  }
  waiting_ = 0;
}

void OriginalsSearch::finish() { ask_batch(); }

}  // namespace ytb::masking
