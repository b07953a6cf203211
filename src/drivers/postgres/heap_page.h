// Heap pages as they lie on disk: read tuples out of them, build new ones. Layout version 4, which PostgreSQL
// 8.3 to 18 share, with 8 kB blocks on a little-endian machine (bufpage.h, itemid.h, htup_details.h,
// varatt.h).
//
// Pure: bytes in, bytes out; nothing here opens a file. Bytes that are not what they should be are told,
// never followed. Thread rule: values belong to one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ytb::postgres {

constexpr size_t kPageBytes = 8192;
constexpr uint64_t kSegmentPages = 131072;  // RELSEG_SIZE: a file of a relation has at most 1 GB
// The file of a segment. `path`: of the first one.
std::string segment_path(const std::string& path, uint64_t segment);

// What of pg_attribute says how a field lies in a tuple.
struct Attribute {
  int length = -1;   // attlen: bytes; -1 varlena, -2 C string
  size_t align = 1;  // attalign as bytes: 1, 2, 4, 8
  bool dropped = false;
};

// A field as stored, its varlena header included; no bytes: NULL.
using StoredField = std::string_view;
inline bool is_null(StoredField field) { return field.data() == nullptr; }

// The size of the varlena at the start of `bytes`, header included; 0: that cannot be one.
size_t varlena_size(std::string_view bytes);
enum class Varlena { kShort, kPlain, kCompressed, kExternal };
Varlena varlena_of(StoredField field);
// The value of a short or plain one, without its header.
std::string_view payload_of(StoredField field);
// Appends a varlena with the shorter header that its size allows.
void append_varlena(std::string_view payload, std::string& out);

// Whether a tuple is part of the table when no transaction runs. Undecided: its hint bits do not say.
enum class Seen { kVisible, kDead, kUndecided };

// One page that was read. `bytes` (kPageBytes of them) must outlive it.
class PageView {
 public:
  // nullopt: not a heap page of this layout, or its header contradicts itself. A page of zeros (extended,
  // never used) is one without tuples.
  static std::optional<PageView> open(std::string_view bytes);
  [[nodiscard]] size_t items() const { return items_; }
  // The tuple behind a line pointer; empty where there is none (unused, dead, redirected). nullopt: it points
  // out of the page.
  [[nodiscard]] std::optional<std::string_view> tuple(size_t item) const;
  [[nodiscard]] Seen seen(std::string_view tuple) const;
  // The same, by what is known of transactions where the hint bits do not say it: whether the one that made a
  // row may be committed, and whether the one that deleted it surely is. Undecided is still what several
  // transactions locked and changed, or a server before 9.0 moved.
  using Ask = std::function<bool(uint32_t transaction)>;
  [[nodiscard]] Seen seen(std::string_view tuple, const Ask& maker_may_be, const Ask& deleter_is) const;
  // Where an undecided one's hint bits do not even say whether the transaction that made it was committed:
  // which that was.
  [[nodiscard]] std::optional<uint32_t> undecided_maker(std::string_view tuple) const;

 private:
  std::string_view bytes_;
  size_t items_ = 0;
  bool all_visible_ = false;
};

// Takes a tuple apart. Attributes beyond those that the tuple was written with are NULL. False: it is no
// tuple of such attributes.
bool read_fields(std::string_view tuple, std::span<const Attribute> attributes,
                 std::vector<StoredField>& fields);
// Replaces `out` by a frozen tuple of these fields. Dropped attributes become NULL, whatever is given. A
// tuple that does not fit a page is left for PageBuilder to refuse.
void build_tuple(std::span<const Attribute> attributes, std::span<const StoredField> fields,
                 std::string& out);

// FNV-1a in 32 lanes, folded with the block number (checksum_impl.h). `page`: kPageBytes.
uint16_t page_checksum(std::string_view page, uint64_t block);
// Whether a page that was read bears its checksum; one that was never used (pd_upper 0) bears none.
bool has_valid_checksum(std::string_view page, uint64_t block);

// Fills pages with frozen tuples, in the order they come.
class PageBuilder {
 public:
  // `free_bytes`: left free in each page (fillfactor).
  PageBuilder(size_t free_bytes, bool checksums) : free_bytes_(free_bytes), checksums_(checksums) {}
  // False: it is larger than a page takes.
  bool add(std::string_view tuple);
  [[nodiscard]] size_t pages() const { return bytes_.size() / kPageBytes; }
  // The pages, once it is known where they go: their tuples name themselves. Call it once.
  std::string_view finish(uint64_t first_block);
  void clear();

 private:
  char* page_ = nullptr;  // the last one, inside bytes_
  std::string bytes_;
  size_t free_bytes_;
  bool checksums_;
};

// The visibility map of a relation of `heap_pages` pages, every one of them all-visible and all-frozen.
std::string frozen_visibility_map(uint64_t heap_pages, bool checksums);

}  // namespace ytb::postgres
