#include "masking/originals.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "masking/json_text.h"

namespace ytb::masking {
namespace {

constexpr size_t kRecent = 4096;  // a power of two
constexpr size_t kPendingMax = 8192;

}  // namespace

Originals::Originals(const Secret& key, uint64_t expected, uint64_t filter_bytes_max, DigestSink sink)
    : filter_(expected, filter_bytes_max), sink_(std::move(sink)) {
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

uint64_t Originals::digest_integer(uint32_t kind, int64_t value) const {
  std::array<char, sizeof(kind) + sizeof(value)> bytes{};
  std::memcpy(bytes.data(), &kind, sizeof(kind));
  std::memcpy(bytes.data() + sizeof(kind), &value, sizeof(value));
  return digest(kInteger, {bytes.data(), bytes.size()});
}

// ----------------------------------------------------------------------------------------------- recording

OriginalsRecorder::OriginalsRecorder(Originals& originals) : originals_(originals), recent_(kRecent) {
  pending_.reserve(kPendingMax);
}

void OriginalsRecorder::add_text(std::string_view utf8, size_t bytes_min) {
  text_.read(utf8);
  if (!text_.number().empty()) add(originals_.digest(Originals::kNumber, text_.number()));
  if (text_.whole().empty() || text_.whole().size() < bytes_min) return;
  add(originals_.digest(Originals::kText, text_.whole()));
}

void OriginalsRecorder::add_pair(std::string_view first, std::string_view second, size_t bytes_min) {
  pair_.assign(first);
  pair_.push_back(' ');
  pair_.append(second);
  add_text(pair_, bytes_min);
}

void OriginalsRecorder::add_integer(uint32_t kind, int64_t value) {
  add(originals_.digest_integer(kind, value));
}

void OriginalsRecorder::add(uint64_t digest) {
  uint64_t& recent = recent_[digest % kRecent];
  if (recent == digest && digest != 0) return;
  recent = digest;
  originals_.filter_.add(digest);
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
  return given_;
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

void OriginalsSearch::look_at_piece(uint32_t place, std::string_view utf8, SearchDepth depth) {
  text_.read(utf8);
  const size_t words = text_.words();
  if (!text_.number().empty()) ask(place, originals_.digest(Originals::kNumber, text_.number()));
  if (words == 0) return;
  ask(place, originals_.digest(Originals::kText, text_.whole()));
  if (depth == SearchDepth::kWhole) return;
  if (text_.number().empty()) {
    NormalText::for_each_number(
        utf8, [&](std::string_view number) { ask(place, originals_.digest(Originals::kNumber, number)); });
  }
  const size_t longest = depth == SearchDepth::kPhrases ? kPhraseWords : 1;
  for (size_t first = 0; first < words; ++first) {
    for (size_t count = 1; count <= std::min(longest, words - first); ++count) {
      if (count == words) break;  // the whole was asked for
      ask(place, originals_.digest(Originals::kText, text_.phrase(first, count)));
    }
    const size_t chunk = text_.chunk_words(first);
    if (chunk > longest && chunk < words) {
      ask(place, originals_.digest(Originals::kText, text_.phrase(first, chunk)));
    }
  }
}

void OriginalsSearch::look_json(uint32_t place, std::string_view utf8, SearchDepth depth) {
  look(place, utf8, depth == SearchDepth::kWhole ? SearchDepth::kWords : depth);
  for_each_json_string(utf8, MemberNames::kWith, [&](std::string_view inside) {
    if (inside.find('\\') == std::string_view::npos && depth != SearchDepth::kWhole) return;
    std::string said;
    append_unescaped_json(inside, said);
    look(place, said, depth);
  });
}

void OriginalsSearch::look_integer(uint32_t place, uint32_t kind, int64_t value) {
  ask(place, originals_.digest_integer(kind, value));
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
