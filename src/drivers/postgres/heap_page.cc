#include "drivers/postgres/heap_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "drivers/postgres/stored_bytes.h"

namespace ytb::postgres {
namespace {

// PageHeaderData
constexpr size_t kPageHeaderBytes = 24;
constexpr size_t kChecksumAt = 8;
constexpr size_t kFlagsAt = 10;
constexpr size_t kLowerAt = 12;
constexpr size_t kUpperAt = 14;
constexpr size_t kSpecialAt = 16;
constexpr size_t kVersionAt = 18;
constexpr uint16_t kLayout = kPageBytes | 4;
constexpr uint16_t kAllVisible = 0x0004;

// ItemIdData: offset 15 bits, state 2, length 15.
constexpr size_t kItemBytes = 4;
constexpr uint32_t kItemNormal = 1;

// HeapTupleHeaderData
constexpr size_t kTupleHeaderBytes = 23;
constexpr size_t kXmaxAt = 4;
constexpr size_t kCtidAt = 12;
constexpr size_t kInfomask2At = 18;
constexpr size_t kInfomaskAt = 20;
constexpr size_t kHoffAt = 22;
constexpr uint16_t kAttributesMask = 0x07ff;
constexpr uint16_t kHasNull = 0x0001;
constexpr uint16_t kHasVarwidth = 0x0002;
constexpr uint16_t kXmaxExclusive = 0x0040;
constexpr uint16_t kXmaxLockOnly = 0x0080;
constexpr uint16_t kXmaxShare = 0x0010;
constexpr uint16_t kXminCommitted = 0x0100;
constexpr uint16_t kXminInvalid = 0x0200;
constexpr uint16_t kXminFrozen = kXminCommitted | kXminInvalid;
constexpr uint16_t kXmaxCommitted = 0x0400;
constexpr uint16_t kXmaxInvalid = 0x0800;
constexpr uint16_t kXmaxIsMulti = 0x1000;
constexpr uint16_t kOfOldVersions = 0x0008 | 0x4000 | 0x8000;  // WITH OIDS; moved by VACUUM FULL before 9.0
constexpr uint32_t kFrozenTransaction = 2;
constexpr size_t kTuplesInPageMax = 291;  // MaxHeapTuplesPerPage

constexpr size_t kVarlenaHeaderBytes = 4;
constexpr size_t kShortVarlenaMax = 0x7f;
constexpr size_t kExternalBytes = 18;  // of an on-disk TOAST pointer

template <typename T>
void put(char* bytes, size_t at, T value) {
  std::memcpy(bytes + at, &value, sizeof value);
}
constexpr size_t kMaxAlign = 8;

bool starts_short(StoredField field) { return (static_cast<unsigned char>(field[0]) & 1U) != 0; }

size_t data_align(const Attribute& attribute, StoredField field) {
  return attribute.length == -1 && starts_short(field) ? 1 : attribute.align;
}

}  // namespace

std::string segment_path(const std::string& path, uint64_t segment) {
  return segment == 0 ? path : fmt::format("{}.{}", path, segment);
}

size_t varlena_size(std::string_view bytes) {
  if (bytes.empty()) return 0;
  auto first = static_cast<unsigned char>(bytes[0]);
  if (first == 1) return kExternalBytes;
  if ((first & 1U) != 0) return first >> 1U;
  if (bytes.size() < kVarlenaHeaderBytes) return 0;
  size_t size = get<uint32_t>(bytes, 0) >> 2U;
  return size < kVarlenaHeaderBytes ? 0 : size;  // its header counts
}

Varlena varlena_of(StoredField field) {
  auto first = static_cast<unsigned char>(field[0]);
  if (first == 1) return Varlena::kExternal;
  if ((first & 1U) != 0) return Varlena::kShort;
  return (first & 3U) == 0 ? Varlena::kPlain : Varlena::kCompressed;
}

std::string_view payload_of(StoredField field) {
  return field.substr(varlena_of(field) == Varlena::kShort ? 1 : kVarlenaHeaderBytes);
}

void append_varlena(std::string_view payload, std::string& out) {
  if (payload.size() + 1 <= kShortVarlenaMax) {
    out += static_cast<char>((payload.size() + 1) << 1U | 1U);
  } else {
    auto header = static_cast<uint32_t>((payload.size() + kVarlenaHeaderBytes) << 2U);
    out.append(std::bit_cast<std::array<char, sizeof header>>(header).data(), sizeof header);
  }
  out += payload;
}

std::optional<PageView> PageView::open(std::string_view bytes) {
  YTB_CHECK(bytes.size() == kPageBytes);
  PageView page;
  page.bytes_ = bytes;
  auto upper = get<uint16_t>(bytes, kUpperAt);
  if (upper == 0) {  // PageIsNew
    if (bytes.find_first_not_of('\0') != std::string_view::npos) return std::nullopt;
    return page;
  }
  auto lower = get<uint16_t>(bytes, kLowerAt);
  if (get<uint16_t>(bytes, kVersionAt) != kLayout || get<uint16_t>(bytes, kSpecialAt) != kPageBytes ||
      lower < kPageHeaderBytes || lower > upper || upper > kPageBytes ||
      (lower - kPageHeaderBytes) % kItemBytes != 0) {
    return std::nullopt;
  }
  page.items_ = (lower - kPageHeaderBytes) / kItemBytes;
  page.all_visible_ = (get<uint16_t>(bytes, kFlagsAt) & kAllVisible) != 0;
  return page;
}

std::optional<std::string_view> PageView::tuple(size_t item) const {
  auto pointer = get<uint32_t>(bytes_, kPageHeaderBytes + item * kItemBytes);
  if ((pointer >> 15U & 3U) != kItemNormal) return std::string_view();
  size_t offset = pointer & 0x7fffU;
  size_t size = pointer >> 17U;
  if (offset < kPageHeaderBytes || size <= kTupleHeaderBytes || offset + size > kPageBytes) {
    return std::nullopt;
  }
  return bytes_.substr(offset, size);
}

namespace {
// HeapTupleSatisfiesMVCC, for a snapshot in which every transaction has ended. Each: whether the transaction
// that made it, and the one that deleted it, was committed; nullopt: nobody knows.
template <typename Maker, typename Deleter>
Seen judge(std::string_view tuple, const Maker& made, const Deleter& deleted) {
  const auto mask = get<uint16_t>(tuple, kInfomaskAt);
  if ((mask & kXminFrozen) == kXminInvalid) return Seen::kDead;
  const std::optional<bool> is_made = (mask & kXminCommitted) != 0 ? true : made(get<uint32_t>(tuple, 0));
  if (!is_made) return Seen::kUndecided;
  if (!*is_made) return Seen::kDead;
  if ((mask & kXmaxInvalid) != 0) return Seen::kVisible;
  const bool locked_only =
      (mask & kXmaxLockOnly) != 0 || (mask & (kXmaxIsMulti | kXmaxExclusive | kXmaxShare)) == kXmaxExclusive;
  if (locked_only) return Seen::kVisible;
  if ((mask & kXmaxIsMulti) != 0) return Seen::kUndecided;
  const std::optional<bool> is_deleted =
      (mask & kXmaxCommitted) != 0 ? true : deleted(get<uint32_t>(tuple, kXmaxAt));
  if (!is_deleted) return Seen::kUndecided;
  return *is_deleted ? Seen::kDead : Seen::kVisible;
}
}  // namespace

Seen PageView::seen(std::string_view tuple) const {
  if ((get<uint16_t>(tuple, kInfomaskAt) & kOfOldVersions) != 0) return Seen::kUndecided;
  if (all_visible_) return Seen::kVisible;
  const auto nobody_knows = [](uint32_t) { return std::optional<bool>(); };
  return judge(tuple, nobody_knows, nobody_knows);
}

Seen PageView::seen(std::string_view tuple, const Ask& maker_may_be, const Ask& deleter_is) const {
  if ((get<uint16_t>(tuple, kInfomaskAt) & kOfOldVersions) != 0) return Seen::kUndecided;
  if (all_visible_) return Seen::kVisible;
  // No transaction has the number 0: nobody deleted it.
  return judge(
      tuple, [&](uint32_t maker) { return std::optional(maker_may_be(maker)); },
      [&](uint32_t deleter) { return std::optional(deleter != 0 && deleter_is(deleter)); });
}

std::optional<uint32_t> PageView::undecided_maker(std::string_view tuple) const {
  const auto mask = get<uint16_t>(tuple, kInfomaskAt);
  if (seen(tuple) != Seen::kUndecided || (mask & (kOfOldVersions | kXminCommitted)) != 0) return std::nullopt;
  return get<uint32_t>(tuple, 0);
}

bool read_fields(std::string_view tuple, std::span<const Attribute> attributes,
                 std::vector<StoredField>& fields) {
  size_t count = get<uint16_t>(tuple, kInfomask2At) & kAttributesMask;
  bool has_null = (get<uint16_t>(tuple, kInfomaskAt) & kHasNull) != 0;
  size_t at = static_cast<unsigned char>(tuple[kHoffAt]);
  size_t bitmap_bytes = has_null ? (count + 7) / 8 : 0;
  if (count > attributes.size() || at < kTupleHeaderBytes + bitmap_bytes || at > tuple.size()) return false;
  fields.assign(attributes.size(), StoredField());
  for (size_t i = 0; i < count; ++i) {
    if (has_null && (static_cast<unsigned char>(tuple[kTupleHeaderBytes + i / 8]) >> (i % 8) & 1U) == 0) {
      continue;
    }
    const Attribute& attribute = attributes[i];
    // att_align_pointer: padding is zero, and a varlena that stands unaligned never begins with a zero.
    if (attribute.length != -1 || (at < tuple.size() && tuple[at] == 0)) at = aligned(at, attribute.align);
    if (at > tuple.size()) return false;
    std::string_view rest = tuple.substr(at);
    size_t size = 0;
    if (attribute.length > 0) {
      size = static_cast<size_t>(attribute.length);
    } else if (attribute.length == -1) {
      size = varlena_size(rest);
    } else {
      size = rest.find('\0') + 1;  // npos + 1 is 0
    }
    if (size == 0 || size > rest.size()) return false;
    fields[i] = rest.substr(0, size);
    at += size;
  }
  return true;
}

void build_tuple(std::span<const Attribute> attributes, std::span<const StoredField> fields,
                 std::string& out) {
  YTB_CHECK(fields.size() == attributes.size() && attributes.size() <= kAttributesMask);
  bool has_null = false;
  bool has_varwidth = false;
  for (size_t i = 0; i < fields.size(); ++i) {
    bool null = is_null(fields[i]) || attributes[i].dropped;
    has_null = has_null || null;
    has_varwidth = has_varwidth || (!null && attributes[i].length < 0);
  }
  size_t bitmap_bytes = has_null ? (fields.size() + 7) / 8 : 0;
  size_t hoff = aligned(kTupleHeaderBytes + bitmap_bytes, kMaxAlign);
  out.assign(hoff, '\0');
  put(out.data(), 0, kFrozenTransaction);
  put(out.data(), kInfomask2At, static_cast<uint16_t>(fields.size()));
  put(out.data(), kInfomaskAt,
      static_cast<uint16_t>(kXminFrozen | kXmaxInvalid | (has_null ? kHasNull : 0) |
                            (has_varwidth ? kHasVarwidth : 0)));
  put(out.data(), kHoffAt, static_cast<uint8_t>(hoff));
  for (size_t i = 0; i < fields.size(); ++i) {
    if (is_null(fields[i]) || attributes[i].dropped) continue;
    if (has_null) {
      char& bits = out[kTupleHeaderBytes + i / 8];
      bits = static_cast<char>(static_cast<unsigned char>(bits) | 1U << (i % 8));
    }
    out.resize(aligned(out.size(), data_align(attributes[i], fields[i])), '\0');
    out += fields[i];
  }
}

uint16_t page_checksum(std::string_view page, uint64_t block) {
  constexpr size_t kLanes = 32;
  constexpr uint32_t kPrime = 16777619;
  static constexpr std::array<uint32_t, kLanes> kSeeds = {
      0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
      0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
      0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
      0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756};
  auto mix = [](uint32_t sum, uint32_t word) {
    uint32_t both = sum ^ word;
    return (both * kPrime) ^ (both >> 17U);
  };
  std::array<uint32_t, kLanes> sums = kSeeds;
  std::array<uint32_t, kLanes> words{};
  for (size_t at = 0; at < kPageBytes; at += sizeof words) {
    std::memcpy(words.data(), page.data() + at, sizeof words);
    if (at == 0) words[kChecksumAt / 4] &= 0xffff0000U;  // the checksum's own place counts as zero
    for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] = mix(sums[lane], words[lane]);
  }
  for (int round = 0; round < 2; ++round) {
    for (uint32_t& sum : sums) sum = mix(sum, 0);
  }
  uint32_t folded = 0;
  for (uint32_t sum : sums) folded ^= sum;
  folded ^= static_cast<uint32_t>(block);
  return static_cast<uint16_t>(folded % 65535 + 1);
}

bool has_valid_checksum(std::string_view page, uint64_t block) {
  if (get<uint16_t>(page, kUpperAt) == 0) return true;
  return get<uint16_t>(page, kChecksumAt) == page_checksum(page, block);
}

namespace {
void begin_page(char* page, uint16_t lower, uint16_t flags) {
  put(page, kFlagsAt, flags);
  put(page, kLowerAt, lower);
  put(page, kUpperAt, static_cast<uint16_t>(kPageBytes));
  put(page, kSpecialAt, static_cast<uint16_t>(kPageBytes));
  put(page, kVersionAt, kLayout);
}
}  // namespace

bool PageBuilder::add(std::string_view tuple) {
  size_t need = aligned(tuple.size(), kMaxAlign);
  if (need + kItemBytes + kPageHeaderBytes > kPageBytes) return false;
  auto room = [&](size_t keep_free) {
    std::string_view page(page_, kPageBytes);
    size_t lower = get<uint16_t>(page, kLowerAt);
    return lower + kItemBytes + need + keep_free <= get<uint16_t>(page, kUpperAt) &&
           (lower - kPageHeaderBytes) / kItemBytes < kTuplesInPageMax;
  };
  // A tuple that is alone in its page may use what fillfactor would leave free (RelationGetBufferForTuple).
  if (page_ == nullptr || !room(free_bytes_)) {
    bytes_.append(kPageBytes, '\0');
    page_ = bytes_.data() + bytes_.size() - kPageBytes;
    begin_page(page_, kPageHeaderBytes, kAllVisible);
  }
  std::string_view page(page_, kPageBytes);
  size_t lower = get<uint16_t>(page, kLowerAt);
  size_t upper = get<uint16_t>(page, kUpperAt) - need;
  put(page_, lower,
      static_cast<uint32_t>(upper | kItemNormal << 15U | static_cast<uint32_t>(tuple.size()) << 17U));
  std::memcpy(page_ + upper, tuple.data(), tuple.size());
  put(page_, kLowerAt, static_cast<uint16_t>(lower + kItemBytes));
  put(page_, kUpperAt, static_cast<uint16_t>(upper));
  return true;
}

std::string_view PageBuilder::finish(uint64_t first_block) {
  for (size_t i = 0; i < pages(); ++i) {
    char* page = bytes_.data() + i * kPageBytes;
    std::string_view view(page, kPageBytes);
    uint64_t block = first_block + i;
    size_t items = (get<uint16_t>(view, kLowerAt) - kPageHeaderBytes) / kItemBytes;
    for (size_t item = 0; item < items; ++item) {
      char* tuple = page + (get<uint32_t>(view, kPageHeaderBytes + item * kItemBytes) & 0x7fffU);
      put(tuple, kCtidAt, static_cast<uint16_t>(block >> 16U));
      put(tuple, kCtidAt + 2, static_cast<uint16_t>(block));
      put(tuple, kCtidAt + 4, static_cast<uint16_t>(item + 1));
    }
    if (checksums_) put(page, kChecksumAt, page_checksum(view, block));
  }
  return bytes_;
}

void PageBuilder::clear() {
  bytes_.clear();
  page_ = nullptr;
}

std::string frozen_visibility_map(uint64_t heap_pages, bool checksums) {
  constexpr uint64_t kBitsOfPage = 2;  // all-visible, all-frozen
  constexpr uint64_t kMapped = (kPageBytes - kPageHeaderBytes) * 8 / kBitsOfPage;
  std::string map;
  for (uint64_t first = 0; first < heap_pages; first += kMapped) {
    uint64_t count = std::min(kMapped, heap_pages - first);
    size_t at = map.size();
    map.append(kPageBytes, '\0');
    begin_page(map.data() + at, kPageHeaderBytes, 0);
    for (uint64_t i = 0; i < count; ++i) {
      char& bits = map[at + kPageHeaderBytes + i / 4];
      bits = static_cast<char>(static_cast<unsigned char>(bits) | 3U << (i % 4 * 2));
    }
    if (checksums) {
      put(map.data() + at, kChecksumAt,
          page_checksum(std::string_view(map).substr(at, kPageBytes), at / kPageBytes));
    }
  }
  return map;
}

}  // namespace ytb::postgres
