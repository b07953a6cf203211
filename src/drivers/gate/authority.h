// Authority: a small certificate authority of our own, for clients that verify (sslmode=verify-full) where
// nobody gave us a certificate. Made on first use, kept in a folder, and never changed: clients are given its
// ca.crt.
//
// ECDSA on P-256 with SHA-256. Thread-safe once opened.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "drivers/gate/tls.h"

namespace ytb::gate {

constexpr auto kAuthorityLife = std::chrono::days(3652);  // ten years
// Clients take a server's certificate for 398 days at most (CA/Browser Forum, baseline requirements 6.3.2).
constexpr auto kServerCertificateLife = std::chrono::days(397);
constexpr auto kAuthorityNotice = std::chrono::days(30);
// Lives begin this long before a certificate is made: clients' clocks are not ours.
constexpr auto kBackdating = std::chrono::days(1);
constexpr size_t kNamesMax = 100;

class Authority {
 public:
  // Of a folder, whose parent must exist: made with mode 0700 and in it ca.key (0600) and ca.crt, or opened
  // where they are there. Both appear together or not at all, and who opens it at the same time gets the same
  // one. `common_name`, 1 to 64 characters of ASCII, is what clients show of a new one; it changes nothing
  // about one that is there. Error{kCorrupt}: one of the two files is missing, damaged, or not of the other.
  // Error{kRefused}: the key may be read by others, or the folder or the key belongs to somebody else.
  // Error{kConfig}: the name. One that has expired is opened all the same.
  static Result<Authority> open(const std::string& folder, std::string_view common_name, Instant now);
  ~Authority();
  Authority(Authority&&) noexcept;
  Authority& operator=(Authority&&) noexcept;

  // What clients put into sslrootcert.
  [[nodiscard]] const std::string& certificate_pem() const { return certificate_pem_; }
  // It does not renew itself, as every client needs the next one.
  [[nodiscard]] Instant not_after() const { return not_after_; }
  // Within kAuthorityNotice, or already: time to tell people.
  [[nodiscard]] bool ends_soon(Instant now) const { return not_after_ - now < kAuthorityNotice; }

  // A fresh key and a certificate for a server that is called by any of `names`: host names, "*.example.com"
  // for one label, IPv4 and IPv6 addresses; at least one, at most kNamesMax. Valid for
  // kServerCertificateLife, at most for as long as the authority. Nothing of it is kept. Error{kConfig}: a
  // name, or the authority has expired.
  [[nodiscard]] Result<TlsIdentity> issue(const std::vector<std::string>& names, Instant now) const;

 private:
  struct Held;
  explicit Authority(std::unique_ptr<Held> held);
  static Result<Authority> read(const std::string& folder);

  std::unique_ptr<Held> held_;
  std::string certificate_pem_;
  Instant not_after_;
};

}  // namespace ytb::gate
