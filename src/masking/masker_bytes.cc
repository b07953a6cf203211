// hash of uuid and bytea, and ip of inet and cidr.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"
#include "masking/address.h"
#include "masking/build.h"
#include "masking/draw.h"
#include "masking/originals.h"
#include "masking/value.h"

namespace ytb::masking {
namespace {

constexpr char kDerivationsMax = 16;

// value ‖ 0 ‖ n for the n-th derivation after the first, as text maskers do it.
void next_derivation(std::string& canonical, size_t canonical_size, char n) {
  canonical.resize(canonical_size);
  canonical.push_back('\0');
  canonical.push_back(n);
}

class HashUuid final : public Masker {
 public:
  HashUuid(Wire wire, const MaskingKey& key, std::string domain)
      : wire_(wire), key_(key), domain_(std::move(domain)) {}
  Applied apply(std::string_view value, RowFields row, std::string& out) const override {
    std::optional<std::string> bytes = read_uuid(wire_, value);
    if (!bytes) return Applied::kInvalid;
    thread_local std::string canonical;
    canonical.clear();
    append_uuid_text(*bytes, canonical);
    if (row.originals != nullptr) row.originals->add_text(canonical);
    std::string masked;
    append_uuid_bytes(key_.pseudonym(domain_, canonical), masked);
    if (masked == *bytes) {  // one in 2^122
      next_derivation(canonical, canonical.size(), 1);
      masked.clear();
      append_uuid_bytes(key_.pseudonym(domain_, canonical), masked);
    }
    if (wire_ == Wire::kBinary) {
      out.append(masked);
    } else {
      append_uuid_text(masked, out);
    }
    return Applied::kReplaced;
  }
  [[nodiscard]] Uniqueness uniqueness() const override { return Uniqueness::kHighEntropy; }
  [[nodiscard]] bool must_change() const override { return true; }

 private:
  Wire wire_;
  const MaskingKey& key_;
  std::string domain_;
};

// The digest itself, 32 bytes, or the first `length` of them.
class HashBytes final : public Masker {
 public:
  static constexpr size_t kSizeMax = 32;
  static constexpr size_t kSizeUnique = 12;
  HashBytes(Wire wire, const MaskingKey& key, std::string domain, size_t size)
      : wire_(wire), key_(key), domain_(std::move(domain)), size_(size) {}
  Applied apply(std::string_view value, RowFields /*row*/, std::string& out) const override {
    thread_local std::string bytes;
    bytes.clear();
    if (!read(value, bytes)) return Applied::kInvalid;
    if (bytes.empty()) {
      out.append(value);
      return Applied::kBlank;
    }
    const size_t bytes_size = bytes.size();
    Digest digest = key_.pseudonym(domain_, bytes);
    for (char n = 1; n < kDerivationsMax && same(digest, std::string_view(bytes).substr(0, bytes_size));
         ++n) {
      next_derivation(bytes, bytes_size, n);
      digest = key_.pseudonym(domain_, bytes);
    }
    if (same(digest, std::string_view(bytes).substr(0, bytes_size))) digest[0] ^= 1;
    if (wire_ == Wire::kBinary) {
      out.append(reinterpret_cast<const char*>(digest.data()), size_);
    } else {
      out.append("\\x");
      append_hex(digest, 2 * size_, out);
    }
    return Applied::kReplaced;
  }
  [[nodiscard]] Uniqueness uniqueness() const override {
    return size_ >= kSizeUnique ? Uniqueness::kHighEntropy : Uniqueness::kNone;
  }
  [[nodiscard]] bool must_change() const override { return true; }

 private:
  [[nodiscard]] bool same(const Digest& digest, std::string_view bytes) const {
    return bytes.size() == size_ && std::memcmp(digest.data(), bytes.data(), size_) == 0;
  }
  // bytea_output = hex, which is what our sessions set.
  bool read(std::string_view value, std::string& bytes) const {
    if (wire_ == Wire::kBinary) {
      bytes.append(value);
      return true;
    }
    return read_hex_bytes(value, bytes);
  }
  Wire wire_;
  const MaskingKey& key_;
  std::string domain_;
  size_t size_;
};

class Inet final : public Masker {
 public:
  Inet(ValueType type, Wire wire, const MaskingKey& key, std::string domain, int version)
      : is_cidr_(type == ValueType::kCidr),
        wire_(wire),
        key_(key),
        domain_(std::move(domain)),
        version_(version) {}

  Applied apply(std::string_view value, RowFields row, std::string& out) const override {
    std::optional<Address> address = wire_ == Wire::kBinary ? parse_binary_inet(value) : parse_address(value);
    if (!address) return Applied::kInvalid;
    thread_local std::string canonical;
    canonical.clear();
    append_address(*address, canonical);
    if (row.originals != nullptr) row.originals->add_text(canonical);
    const size_t canonical_size = canonical.size();
    Address like = *address;
    if (version_ != 0 && version_ != address->version) {
      like.version = version_;
      like.prefix = like.prefix_max();
    }
    Address made_address = documentation_address(like, is_cidr_, key_.pseudonym(domain_, canonical));
    for (char n = 1; n < kDerivationsMax && same(made_address, *address); ++n) {
      next_derivation(canonical, canonical_size, n);
      made_address = documentation_address(like, is_cidr_, key_.pseudonym(domain_, canonical));
    }
    // All derivations the same: once in (1/48)^16 for the widest networks, and never for addresses.
    if (same(made_address, *address)) made_address.bytes[3] ^= made_address.version == 4 ? 0x80 : 0;
    write(made_address, out);
    return Applied::kReplaced;
  }
  [[nodiscard]] Uniqueness uniqueness() const override {
    return version_ == 6 && !is_cidr_ ? Uniqueness::kHighEntropy : Uniqueness::kNone;
  }
  [[nodiscard]] bool must_change() const override { return true; }

 private:
  static bool same(const Address& a, const Address& b) {
    return a.version == b.version && a.prefix == b.prefix && a.bytes == b.bytes;
  }
  void write(const Address& address, std::string& out) const {
    if (wire_ == Wire::kBinary) {
      append_inet(address, is_cidr_, out);
      return;
    }
    append_address(address, out);
    if (is_cidr_ || address.prefix != address.prefix_max()) {
      fmt::format_to(std::back_inserter(out), "/{}", address.prefix);
    }
  }
  bool is_cidr_;
  Wire wire_;
  const MaskingKey& key_;
  std::string domain_;
  int version_;
};

}  // namespace

MadeMasker make_uuid_hash(const Build& build) {
  for (std::string_view name : {"format", "length"}) {
    if (build.param(name)) return build.error(fmt::format("hash takes {} for text, not for uuid", name));
  }
  return made<HashUuid>(build.context.wire, build.context.key, build.domain());
}

MadeMasker make_bytes_hash(const Build& build) {
  if (build.param("format")) return build.error("hash takes format for text, not for bytea");
  YTB_ASSIGN(auto length, build.integer("length", 1, static_cast<int64_t>(HashBytes::kSizeMax)));
  size_t size = length ? static_cast<size_t>(*length) : HashBytes::kSizeMax;
  return made<HashBytes>(build.context.wire, build.context.key, build.domain(), size);
}

MadeMasker make_inet(const Build& build) {
  YTB_ASSIGN(auto version, build.integer("version", 4, 6));
  if (version && *version == 5)
    return build.error("version 5 of the internet protocol has no addresses to give");
  return made<Inet>(build.type, build.context.wire, build.context.key, build.domain(),
                    version ? static_cast<int>(*version) : 0);
}

}  // namespace ytb::masking
