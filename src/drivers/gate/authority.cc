#include "drivers/gate/authority.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.h"
#include "drivers/gate/openssl_handles.h"
#include "drivers/os/files.h"
#include "drivers/os/lock.h"

namespace ytb::gate {
namespace {

constexpr size_t kCommonNameBytesMax = 64;  // ub-common-name, RFC 5280, appendix A
constexpr size_t kDnsNameBytesMax = 253;    // RFC 1035, section 2.3.4, without the root's dot
constexpr size_t kLabelBytesMax = 63;
constexpr int kSerialBits = 128;
constexpr Duration kLockPatience = std::chrono::seconds(10);
constexpr long kVersion3 = 2;

using Number = std::unique_ptr<BIGNUM, FreedBy<BN_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, FreedBy<GENERAL_NAMES_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, FreedBy<X509_EXTENSION_free>>;

Error openssl_error(std::string_view doing) {
  return Error{.code = Code::kInternal,
               .message = fmt::format("cannot {}: {}", doing, openssl_reason()),
               .hint = "OpenSSL 3.0 or later is needed"};
}

// ---------------------------------------------------------------------------------------------------- names

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLabelBytesMax && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '_';
         });
}

bool is_dns_name(std::string_view name) {
  if (name.size() > kDnsNameBytesMax) return false;
  const bool wildcard = name.starts_with("*.");
  if (wildcard) name.remove_prefix(2);
  const std::vector<std::string> labels = split(name, '.');
  // An address with a mistake in it is not a name: 10.0.0.256.
  const bool numeric =
      std::all_of(labels.back().begin(), labels.back().end(), [](char c) { return c >= '0' && c <= '9'; });
  return !numeric && (!wildcard || labels.size() >= 2) && std::all_of(labels.begin(), labels.end(), is_label);
}

// The bytes of an IPv4 or IPv6 address; "": it is none.
std::string address_bytes(const std::string& name) {
  std::array<char, sizeof(in6_addr)> bytes{};
  if (inet_pton(AF_INET, name.c_str(), bytes.data()) == 1) return {bytes.data(), sizeof(in_addr)};
  if (inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1) return {bytes.data(), sizeof(in6_addr)};
  return {};
}

Status check_names(const std::vector<std::string>& names) {
  if (names.empty() || names.size() > kNamesMax) {
    return Error{.code = Code::kConfig,
                 .message = fmt::format("a certificate for {} names cannot be issued", names.size()),
                 .hint = fmt::format("give 1 to {}: those that clients connect to", kNamesMax)};
  }
  for (const std::string& name : names) {
    // inet_pton would stop reading at a zero byte.
    if (name.find('\0') == std::string::npos && (!address_bytes(name).empty() || is_dns_name(name))) continue;
    return Error{.code = Code::kConfig,
                 .message = fmt::format("'{}' is neither a host name nor an address", printable(name)),
                 .hint = "e.g. staging.example.com, *.example.com, 10.0.0.5 or 2001:db8::5, without a port"};
  }
  return {};
}

Status check_common_name(std::string_view name) {
  if (!name.empty() && name.size() <= kCommonNameBytesMax &&
      std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; })) {
    return {};
  }
  return Error{.code = Code::kConfig,
               .message = fmt::format("'{}' is not a name for a certificate authority", printable(name)),
               .hint = fmt::format("1 to {} printable ASCII characters", kCommonNameBytesMax)};
}

// Null where memory is short.
Names alternative_names(const std::vector<std::string>& names) {
  Names all(GENERAL_NAMES_new());
  for (const std::string& name : names) {
    const std::string address = address_bytes(name);
    const std::string& bytes = address.empty() ? name : address;
    ASN1_STRING* value = ASN1_STRING_type_new(address.empty() ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING);
    GENERAL_NAME* entry = GENERAL_NAME_new();
    if (all == nullptr || value == nullptr || entry == nullptr ||
        ASN1_STRING_set(value, bytes.data(), static_cast<int>(bytes.size())) != 1) {
      ASN1_STRING_free(value);
      GENERAL_NAME_free(entry);
      return nullptr;
    }
    GENERAL_NAME_set0_value(entry, address.empty() ? GEN_DNS : GEN_IPADD, value);
    if (sk_GENERAL_NAME_push(all.get(), entry) <= 0) {
      GENERAL_NAME_free(entry);
      return nullptr;
    }
  }
  return all;
}

// ---------------------------------------------------------------------------------------------- certificates

bool set_random_serial(X509* certificate) {
  const Number number(BN_new());
  return number != nullptr && BN_rand(number.get(), kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_time(ASN1_TIME* time, Instant instant) {
  return ASN1_TIME_set(time, std::chrono::system_clock::to_time_t(
                                 std::chrono::floor<std::chrono::seconds>(instant))) != nullptr;
}

bool set_common_name(X509* certificate, std::string_view name) {
  return X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(name.data()),
                                    static_cast<int>(name.size()), -1, 0) == 1;
}

struct ExtensionText {
  int nid;
  const char* text;  // as in openssl.cnf; constant: names of others never come this way
};

bool add_extensions(X509* certificate, X509* issuer, std::initializer_list<ExtensionText> extensions) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  for (const auto& [nid, text] : extensions) {
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, text));
    if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) return false;
  }
  return true;
}

// With a serial, times and the key; no extension, and not signed.
Certificate begin_certificate(EVP_PKEY* key, std::string_view common_name, Instant from, Instant to) {
  Certificate certificate(X509_new());
  if (certificate == nullptr || X509_set_version(certificate.get(), kVersion3) != 1 ||
      !set_random_serial(certificate.get()) || !set_time(X509_getm_notBefore(certificate.get()), from) ||
      !set_time(X509_getm_notAfter(certificate.get()), to) ||
      !set_common_name(certificate.get(), common_name) || X509_set_pubkey(certificate.get(), key) != 1) {
    return nullptr;
  }
  return certificate;
}

// Null: see OpenSSL's queue of errors.
Certificate make_authority_certificate(EVP_PKEY* key, std::string_view common_name, Instant now) {
  Certificate certificate =
      begin_certificate(key, common_name, now - kBackdating, now - kBackdating + kAuthorityLife);
  if (certificate == nullptr ||
      X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get())) != 1 ||
      !add_extensions(certificate.get(), certificate.get(),
                      {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                       {NID_key_usage, "critical,keyCertSign,cRLSign"},
                       {NID_subject_key_identifier, "hash"}}) ||
      X509_sign(certificate.get(), key, EVP_sha256()) <= 0) {
    return nullptr;
  }
  return certificate;
}

std::string content_of(BIO* memory) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory, &bytes);
  return {bytes, static_cast<size_t>(size)};
}

// "" on failure.
std::string pem_of(X509* certificate) {
  const Bio out(BIO_new(BIO_s_mem()));
  return out != nullptr && PEM_write_bio_X509(out.get(), certificate) == 1 ? content_of(out.get()) : "";
}

// PKCS #8. Empty on failure. A memory BIO clears its buffer when it is freed or moves.
Secret pem_of(EVP_PKEY* key) {
  const Bio out(BIO_new(BIO_s_mem()));
  const bool written = out != nullptr && PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0,
                                                                       nullptr, nullptr) == 1;
  return written ? Secret(content_of(out.get())) : Secret();
}

// ---------------------------------------------------------------------------------------------------- folder

struct Places {
  explicit Places(const std::string& in)
      : folder(in),
        key(os::join_path(in, "ca.key")),
        certificate(os::join_path(in, "ca.crt")),
        next_key(os::join_path(in, "ca.key.new")),
        lock(os::join_path(in, "ca.lock")) {}
  std::string folder;
  std::string key;
  std::string certificate;
  std::string next_key;  // until its certificate is there
  std::string lock;
};

Error corrupt(const Places& places, std::string message) {
  return Error{.code = Code::kCorrupt,
               .message = std::move(message),
               .hint = fmt::format(
                   "restore ca.key and ca.crt from a backup, or move {} away: a new authority is made, "
                   "whose ca.crt every client that verifies needs",
                   printable(places.folder))};
}

// Like os::resolve_secret: ours, or root's, or anybody's where we are root.
Status check_owner(const std::string& path, const os::FileInfo& found) {
  if (found.uid == ::geteuid() || found.uid == 0 || ::geteuid() == 0) return {};
  return Error{.code = Code::kRefused,
               .message = fmt::format("{} belongs to somebody else (uid {})", printable(path), found.uid),
               .hint = fmt::format("chown {} {}", ::geteuid(), printable(path))};
}

Result<bool> is_there(const std::string& path) {
  YTB_ASSIGN(const std::optional<os::FileInfo> found, os::info_of(path));
  return found.has_value();
}

// The key comes to its name last: once it is there, so is the certificate. What a run that ended in between
// left is a certificate without a key beside `next_key`, which the next one completes.
Status make_where_missing(const Places& places, std::string_view common_name, Instant now) {
  YTB_ASSIGN(const bool has_key, is_there(places.key));
  YTB_ASSIGN(const bool has_certificate, is_there(places.certificate));
  if (has_key && has_certificate) return {};
  YTB_ASSIGN(const bool has_next, is_there(places.next_key));
  if (has_key) return corrupt(places, fmt::format("{} is missing", printable(places.certificate)));
  if (has_certificate && !has_next)
    return corrupt(places, fmt::format("{} is missing", printable(places.key)));
  if (!has_certificate) {
    ERR_clear_error();
    const PrivateKey key(EVP_EC_gen("P-256"));
    const Certificate certificate =
        key == nullptr ? nullptr : make_authority_certificate(key.get(), common_name, now);
    const std::string certificate_pem = certificate == nullptr ? "" : pem_of(certificate.get());
    const Secret key_pem = certificate == nullptr ? Secret() : pem_of(key.get());
    if (certificate_pem.empty() || key_pem.empty()) return openssl_error("make a certificate authority");
    YTB_TRY(os::write_file(places.next_key, key_pem.reveal(), {.mode = 0600}));
    YTB_TRY(os::write_file(places.certificate, certificate_pem, {.mode = 0644}));
  }
  return os::rename_new(places.next_key, places.key);
}

Result<Secret> read_key_file(const Places& places) {
  YTB_ASSIGN(const std::optional<os::FileInfo> found, os::info_of(places.key));
  if (!found) return corrupt(places, fmt::format("{} is missing", printable(places.key)));
  if (found->kind != os::FileKind::kFile) {
    return Error{.code = Code::kRefused,
                 .message = fmt::format("{} is not a file", printable(places.key)),
                 .hint = "put the file itself there, not a link"};
  }
  YTB_TRY(check_owner(places.key, *found));
  if ((found->mode & 077) != 0) {
    return Error{
        .code = Code::kRefused,
        .message = fmt::format("{} is open to other users (mode {:04o})", printable(places.key), found->mode),
        .hint =
            fmt::format("if nobody has read it: chmod 600 {}; else move {} away, and a new authority is made",
                        printable(places.key), printable(places.folder))};
  }
  YTB_ASSIGN(std::string pem, os::read_file(places.key, kPemBytesMax));
  return Secret(std::move(pem));
}

}  // namespace

// --------------------------------------------------------------------------------------------------
// Authority

struct Authority::Held {
  PrivateKey key;
  Certificate certificate;
  std::string folder;
};

Authority::Authority(std::unique_ptr<Held> held) : held_(std::move(held)) {}
Authority::~Authority() = default;
Authority::Authority(Authority&&) noexcept = default;
Authority& Authority::operator=(Authority&&) noexcept = default;

Result<Authority> Authority::open(const std::string& folder, std::string_view common_name, Instant now) {
  YTB_TRY(check_common_name(common_name));
  YTB_TRY(os::make_folder(folder, 0700));
  YTB_ASSIGN(const std::optional<os::FileInfo> found, os::info_of(folder));
  if (found) YTB_TRY(check_owner(folder, *found));
  const Places places(folder);
  YTB_ASSIGN(const bool has_key, is_there(places.key));
  YTB_ASSIGN(const bool has_certificate, is_there(places.certificate));
  if (!has_key || !has_certificate) {
    YTB_ASSIGN(
        const os::FileLock lock,
        os::FileLock::acquire_within(places.lock, "making a certificate authority", now, kLockPatience));
    YTB_TRY(make_where_missing(places, common_name, now));
  }
  return read(folder);
}

Result<Authority> Authority::read(const std::string& folder) {
  const Places places(folder);
  YTB_ASSIGN(const Secret key_pem, read_key_file(places));
  YTB_ASSIGN(const std::string certificate_pem, os::read_file(places.certificate, kPemBytesMax));
  ERR_clear_error();
  auto held = std::make_unique<Held>();
  held->folder = folder;
  const Bio key_text = reading(key_pem.reveal());
  held->key.reset(PEM_read_bio_PrivateKey(key_text.get(), nullptr, no_passphrase, nullptr));
  if (held->key == nullptr) {
    return corrupt(places, fmt::format("{} is damaged: {}", printable(places.key), openssl_reason()));
  }
  const Bio certificate_text = reading(certificate_pem);
  held->certificate.reset(PEM_read_bio_X509(certificate_text.get(), nullptr, no_passphrase, nullptr));
  X509* const certificate = held->certificate.get();
  if (certificate == nullptr) {
    return corrupt(places, fmt::format("{} is damaged: {}", printable(places.certificate), openssl_reason()));
  }
  if (X509_check_private_key(certificate, held->key.get()) != 1) {
    ERR_clear_error();
    return corrupt(places,
                   fmt::format("{} does not fit {}", printable(places.key), printable(places.certificate)));
  }
  const std::optional<Instant> not_after = instant_of(X509_get0_notAfter(certificate));
  if (!not_after || X509_verify(certificate, held->key.get()) != 1 || X509_check_ca(certificate) != 1) {
    ERR_clear_error();
    return corrupt(places,
                   fmt::format("{} is damaged: not an authority's certificate, or its signature is wrong",
                               printable(places.certificate)));
  }
  Authority authority(std::move(held));
  authority.not_after_ = *not_after;
  authority.certificate_pem_ = pem_of(certificate);
  if (authority.certificate_pem_.empty()) return openssl_error("write a certificate");
  return authority;
}

Result<TlsIdentity> Authority::issue(const std::vector<std::string>& names, Instant now) const {
  YTB_TRY(check_names(names));
  if (not_after_ <= now) {
    return Error{
        .code = Code::kConfig,
        .message = fmt::format("the certificate authority in {} expired at {}", printable(held_->folder),
                               to_iso(not_after_)),
        .hint = fmt::format("move {} away: a new one is made, whose ca.crt every client that verifies needs",
                            printable(held_->folder))};
  }
  ERR_clear_error();
  const PrivateKey key(EVP_EC_gen("P-256"));
  const Instant end = std::min<Instant>(now - kBackdating + kServerCertificateLife, not_after_);
  const std::string_view common_name = std::string_view(names.front()).substr(0, kCommonNameBytesMax);
  Certificate certificate =
      key == nullptr ? nullptr : begin_certificate(key.get(), common_name, now - kBackdating, end);
  const Names alternatives = alternative_names(names);
  X509* const issuer = held_->certificate.get();
  if (certificate == nullptr || alternatives == nullptr ||
      X509_set_issuer_name(certificate.get(), X509_get_subject_name(issuer)) != 1 ||
      !add_extensions(certificate.get(), issuer,
                      {{NID_basic_constraints, "critical,CA:FALSE"},
                       {NID_key_usage, "critical,digitalSignature"},
                       {NID_ext_key_usage, "serverAuth"},
                       {NID_subject_key_identifier, "hash"},
                       {NID_authority_key_identifier, "keyid:always"}}) ||
      X509_add1_ext_i2d(certificate.get(), NID_subject_alt_name, alternatives.get(), 0, 0) != 1 ||
      X509_sign(certificate.get(), held_->key.get(), EVP_sha256()) <= 0) {
    return openssl_error("issue a certificate");
  }
  TlsIdentity identity{.chain_pem = pem_of(certificate.get()), .key_pem = pem_of(key.get())};
  if (identity.chain_pem.empty() || identity.key_pem.empty()) return openssl_error("write a certificate");
  return identity;
}

}  // namespace ytb::gate
