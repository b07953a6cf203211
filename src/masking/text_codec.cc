#include "masking/text_codec.h"

#include <fmt/format.h>
#include <iconv.h>
#include <utf8proc.h>

#include <cstring>
#include <vector>

namespace ytb::masking {
namespace {

struct SingleByteEncoding {
  std::string_view postgres;
  const char* iconv;
};
// PostgreSQL's single-byte encodings (src/backend/utils/mb, table "Character Sets" of its manual).
constexpr SingleByteEncoding kSingleByte[] = {
    {"LATIN1", "ISO-8859-1"},     {"LATIN2", "ISO-8859-2"},     {"LATIN3", "ISO-8859-3"},
    {"LATIN4", "ISO-8859-4"},     {"LATIN5", "ISO-8859-9"},     {"LATIN6", "ISO-8859-10"},
    {"LATIN7", "ISO-8859-13"},    {"LATIN8", "ISO-8859-14"},    {"LATIN9", "ISO-8859-15"},
    {"LATIN10", "ISO-8859-16"},   {"ISO_8859_5", "ISO-8859-5"}, {"ISO_8859_6", "ISO-8859-6"},
    {"ISO_8859_7", "ISO-8859-7"}, {"ISO_8859_8", "ISO-8859-8"}, {"KOI8R", "KOI8-R"},
    {"KOI8U", "KOI8-U"},          {"WIN866", "CP866"},          {"WIN874", "CP874"},
    {"WIN1250", "CP1250"},        {"WIN1251", "CP1251"},        {"WIN1252", "CP1252"},
    {"WIN1253", "CP1253"},        {"WIN1254", "CP1254"},        {"WIN1255", "CP1255"},
    {"WIN1256", "CP1256"},        {"WIN1257", "CP1257"},        {"WIN1258", "CP1258"},
};

constexpr unsigned char kAsciiMax = 0x7f;

// One byte of the encoding as UTF-8; empty where it stands for nothing.
std::string convert_byte(iconv_t converter, unsigned char byte) {
  char in = static_cast<char>(byte);
  char* from = &in;
  size_t in_left = 1;
  char buffer[16];
  char* to = buffer;
  size_t out_left = sizeof buffer;
  iconv(converter, nullptr, nullptr, nullptr, nullptr);
  if (iconv(converter, &from, &in_left, &to, &out_left) == static_cast<size_t>(-1)) return {};
  // Some decoders hold a character back to see whether a combining one follows (CP1255, CP1258).
  if (iconv(converter, nullptr, nullptr, &to, &out_left) == static_cast<size_t>(-1)) return {};
  return std::string(buffer, to);
}

void append_codepoint(utf8proc_int32_t codepoint, std::string& out) {
  utf8proc_uint8_t buffer[4];
  utf8proc_ssize_t size = utf8proc_encode_char(codepoint, buffer);
  out.append(reinterpret_cast<const char*>(buffer), static_cast<size_t>(size));
}

// Bytes at the beginning that are UTF-8 of characters that `admits` lets pass.
template <typename Admits>
size_t utf8_prefix(std::string_view text, Admits admits) {
  const auto* begin = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  size_t at = 0;
  while (at < text.size()) {
    utf8proc_int32_t codepoint = 0;
    utf8proc_ssize_t size =
        utf8proc_iterate(begin + at, static_cast<utf8proc_ssize_t>(text.size() - at), &codepoint);
    if (size <= 0 || !admits(codepoint)) break;
    at += static_cast<size_t>(size);
  }
  return at;
}

bool valid_utf8(std::string_view text) {
  return utf8_prefix(text, [](utf8proc_int32_t) { return true; }) == text.size();
}

bool append_nfc(std::string_view utf8, std::string& out) {
  constexpr auto kForm = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  thread_local std::vector<utf8proc_int32_t> codepoints;  // grows to the longest value, then stays
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(utf8.data());
  auto size = static_cast<utf8proc_ssize_t>(utf8.size());
  for (int pass = 0; pass < 2; ++pass) {
    auto room = static_cast<utf8proc_ssize_t>(codepoints.size());
    utf8proc_ssize_t needed = utf8proc_decompose(bytes, size, codepoints.data(), room, kForm);
    if (needed < 0) return false;
    if (needed < room) {  // reencode wants one element more than it is given
      utf8proc_ssize_t written = utf8proc_reencode(codepoints.data(), needed, kForm);
      if (written < 0) return false;
      out.append(reinterpret_cast<const char*>(codepoints.data()), static_cast<size_t>(written));
      return true;
    }
    codepoints.resize(static_cast<size_t>(needed) + 1);
  }
  return false;
}

}  // namespace

bool is_ascii(std::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  const char* at = text.data();
  size_t left = text.size();
  while (left >= sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, at, sizeof word);
    if ((word & kHighBits) != 0) return false;
    at += sizeof word;
    left -= sizeof word;
  }
  for (; left > 0; --left, ++at) {
    if (static_cast<unsigned char>(*at) > kAsciiMax) return false;
  }
  return true;
}

size_t character_start(std::string_view utf8, size_t at) {
  if (at >= utf8.size()) return utf8.size();
  constexpr size_t kCharacterMax = 4;
  size_t start = at;
  while (start > 0 && at - start < kCharacterMax && (utf8[start] & 0xc0) == 0x80) --start;
  return (utf8[start] & 0xc0) == 0x80 ? at : start;  // else it is no UTF-8 here
}

size_t text_prefix(std::string_view bytes) {
  return utf8_prefix(bytes, [](utf8proc_int32_t codepoint) {
    return (codepoint >= ' ' && codepoint != 0x7f) || codepoint == '\t' || codepoint == '\n' ||
           codepoint == '\r';
  });
}

void fold_case(std::string& utf8, size_t from) {
  size_t ascii_end = from;
  while (ascii_end < utf8.size() && static_cast<unsigned char>(utf8[ascii_end]) <= kAsciiMax) {
    char& c = utf8[ascii_end];
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    ++ascii_end;
  }
  if (ascii_end == utf8.size()) return;
  std::string rest = utf8.substr(ascii_end);
  utf8.resize(ascii_end);
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(rest.data());
  auto left = static_cast<utf8proc_ssize_t>(rest.size());
  while (left > 0) {
    utf8proc_int32_t codepoint = 0;
    utf8proc_ssize_t size = utf8proc_iterate(at, left, &codepoint);
    if (size <= 0) {
      utf8.append(reinterpret_cast<const char*>(at), static_cast<size_t>(left));
      return;
    }
    append_codepoint(utf8proc_tolower(codepoint), utf8);
    at += size;
    left -= size;
  }
}

Result<TextCodec> TextCodec::make(std::string_view encoding) {
  TextCodec codec;
  if (encoding == "UTF8") return codec;
  if (encoding == "SQL_ASCII") {
    codec.kind_ = Kind::kBytes;
    return codec;
  }
  for (const SingleByteEncoding& known : kSingleByte) {
    if (known.postgres != encoding) continue;
    iconv_t converter = iconv_open("UTF-8", known.iconv);
    if (converter == reinterpret_cast<iconv_t>(-1)) break;
    for (size_t i = 0; i < codec.upper_half_.size(); ++i) {
      codec.upper_half_[i] = convert_byte(converter, static_cast<unsigned char>(kAsciiMax + 1 + i));
    }
    iconv_close(converter);
    codec.kind_ = Kind::kTable;
    return codec;
  }
  return Error{.code = Code::kUnsupported,
               .message = fmt::format("text in the database encoding {} cannot be masked", encoding),
               .hint = "masked are UTF8, SQL_ASCII and the single-byte encodings (LATIN1 …, WIN1252 …)"};
}

bool TextCodec::append_utf8(std::string_view text, std::string& out) const {
  switch (kind_) {
    case Kind::kBytes:
      out.append(text);
      return true;
    case Kind::kUtf8:
      if (!is_ascii(text) && !valid_utf8(text)) return false;
      out.append(text);
      return true;
    case Kind::kTable: {
      const size_t start = out.size();
      for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (byte <= kAsciiMax) {
          out.push_back(c);
          continue;
        }
        const std::string& utf8 = upper_half_[byte - kAsciiMax - 1];
        if (utf8.empty()) {
          out.resize(start);
          return false;
        }
        out.append(utf8);
      }
      return true;
    }
  }
  return false;
}

void TextCodec::append_readable(std::string_view text, std::string& out) const {
  constexpr std::string_view kReplacement = "\xef\xbf\xbd";
  if (append_utf8(text, out)) return;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte <= kAsciiMax) {
      out.push_back(text[at]);
      continue;
    }
    const std::string& utf8 = upper_half_[byte - kAsciiMax - 1];
    out.append(utf8.empty() ? kReplacement : std::string_view(utf8));
  }
}

bool TextCodec::append_canonical(std::string_view text, std::string& out) const {
  if (kind_ == Kind::kBytes || is_ascii(text)) {
    out.append(text);
    return true;
  }
  if (kind_ == Kind::kUtf8) return append_nfc(text, out);
  std::string utf8;
  return append_utf8(text, utf8) && append_nfc(utf8, out);
}

bool TextCodec::append_encoded(std::string_view utf8, std::string& out) const {
  if (kind_ != Kind::kTable || is_ascii(utf8)) {
    if (kind_ != Kind::kBytes && !valid_utf8(utf8)) return false;
    out.append(utf8);
    return true;
  }
  while (!utf8.empty()) {
    if (static_cast<unsigned char>(utf8.front()) <= kAsciiMax) {
      out.push_back(utf8.front());
      utf8.remove_prefix(1);
      continue;
    }
    size_t i = 0;
    while (i < upper_half_.size() && (upper_half_[i].empty() || !utf8.starts_with(upper_half_[i]))) ++i;
    if (i == upper_half_.size()) return false;
    out.push_back(static_cast<char>(static_cast<unsigned char>(kAsciiMax + 1 + i)));
    utf8.remove_prefix(upper_half_[i].size());
  }
  return true;
}

size_t TextCodec::characters(std::string_view text) const {
  if (kind_ != Kind::kUtf8) return text.size();
  size_t count = 0;
  for (char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  return count;
}

}  // namespace ytb::masking
