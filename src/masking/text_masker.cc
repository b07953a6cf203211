#include "masking/text_masker.h"

#include <algorithm>

#include "base/check.h"
#include "masking/originals.h"

namespace ytb::masking {
namespace {

// How often a pseudonym that equals its input is derived anew. Short ones need a few; in two of 32 letters
// even one character differs after 16 but for one case in 10^24, which differ_from() then settles.
constexpr uint8_t kDerivationsMax = 16;

char lower_ascii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower_ascii(x) == lower_ascii(y); });
}

std::string_view without_padding(std::string_view value) {
  size_t end = value.find_last_not_of(' ');
  return value.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

bool is_blank_of(char c, Likeness likeness) {
  return likeness == Likeness::kDigits ? c < '0' || c > '9' : c == ' ' || c == '\t';
}

}  // namespace

bool TextMasker::canonicalise(std::string_view value, std::string& out) const {
  if (!options_.codec.append_canonical(value, out)) return false;
  if (options_.case_insensitive || options_.likeness != Likeness::kExact) fold_case(out);
  if (options_.likeness == Likeness::kDigits || options_.likeness == Likeness::kCompact) {
    auto dropped = [&](char c) { return is_blank_of(c, options_.likeness); };
    if (!std::all_of(out.begin(), out.end(), dropped)) {
      out.erase(std::remove_if(out.begin(), out.end(), dropped), out.end());
    }
  }
  return true;
}

void TextMasker::remember(std::string_view value, RowFields row) const {
  if (row.originals == nullptr) return;
  thread_local std::string utf8;
  utf8.clear();
  if (options_.codec.append_utf8(value, utf8)) row.originals->add_text(utf8);
}

Applied TextMasker::apply(std::string_view value, RowFields row, std::string& out) const {
  thread_local std::string canonical;
  std::string_view bare = options_.blank_padded ? without_padding(value) : value;
  if (bare.empty()) {
    out.append(value);
    return Applied::kBlank;
  }
  canonical.clear();
  if (!canonicalise(bare, canonical)) return Applied::kInvalid;
  remember(bare, row);
  const size_t start = out.size();
  const size_t canonical_size = canonical.size();
  for (uint8_t derivation = 0; derivation < kDerivationsMax; ++derivation) {
    if (derivation > 0) {  // value ‖ 0 ‖ n: no text holds a zero byte, so this is no other value's
      canonical.resize(canonical_size);
      canonical.push_back('\0');
      canonical.push_back(static_cast<char>(derivation));
    }
    Digest digest = options_.key->pseudonym(options_.domain, canonical);
    write(digest, {bare, std::string_view(canonical).substr(0, canonical_size)}, out);
    YTB_CHECK(out.size() > start && out.size() - start <= options_.length_max);
    if (!same_ignoring_case(std::string_view(out).substr(start), bare)) return Applied::kReplaced;
    if (derivation + 1 < kDerivationsMax) out.resize(start);
  }
  out[start] = lower_ascii(out[start]) == 'a' ? 'b' : 'a';
  return Applied::kReplaced;
}

}  // namespace ytb::masking
