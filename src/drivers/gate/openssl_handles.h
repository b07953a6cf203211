// What tls.cc and authority.cc share: OpenSSL's objects as values that free themselves, its errors as words,
// its times as ours. Only for the sources of this room.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <time.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"
#include "base/time.h"

namespace ytb::gate {

template <auto kFree>
struct FreedBy {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Bio = std::unique_ptr<BIO, FreedBy<BIO_free_all>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, FreedBy<X509_free>>;

// Reads from `text`, which must outlive it. A memory BIO clears its own buffer when it is freed, and this one
// has none.
inline Bio reading(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Instead of a passphrase: without this, OpenSSL would ask for one at the terminal and wait.
inline int no_passphrase(char* /*to*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

// Why OpenSSL's last call of this thread failed; empties its queue of errors.
inline std::string openssl_reason() {
  const unsigned long error = ERR_peek_error();
  ERR_clear_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return reason == nullptr ? "OpenSSL does not say why" : reason;
}

// None where it is not a time.
inline std::optional<Instant> instant_of(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return std::chrono::floor<Duration>(std::chrono::system_clock::from_time_t(timegm(&parts)));
}

// "CN = staging.example", printable.
inline std::string subject_of(const X509* certificate) {
  const Bio out(BIO_new(BIO_s_mem()));
  const X509_NAME* name = X509_get_subject_name(certificate);
  char* text = nullptr;
  if (out == nullptr || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_ONELINE) < 0) return "?";
  const long size = BIO_get_mem_data(out.get(), &text);
  return printable({text, static_cast<size_t>(size)});
}

}  // namespace ytb::gate
