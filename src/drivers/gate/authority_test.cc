// The authority before OpenSSL's own judgement of certificates, and its folder before mistakes and crashes.
#include "drivers/gate/authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "drivers/gate/openssl_handles.h"
#include "drivers/os/files.h"
#include "support/temporary.h"

namespace ytb::gate {
namespace {

using ::testing::HasSubstr;
using tests::get;
using tests::put;

const Instant kNow = *from_iso("2026-11-22T06:00:00Z");

Certificate certificate_of(const std::string& pem) {
  const Bio text = reading(pem);
  Certificate certificate(PEM_read_bio_X509(text.get(), nullptr, no_passphrase, nullptr));
  EXPECT_NE(certificate, nullptr);
  return certificate;
}

// What a client that trusts `authority` says to a server's certificate at `now`: OpenSSL's words, "ok".
std::string judged(const std::string& authority, const std::string& pem, Instant now,
                   const char* host = nullptr) {
  const std::unique_ptr<X509_STORE, FreedBy<X509_STORE_free>> store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), certificate_of(authority).get());
  const Certificate certificate = certificate_of(pem);
  const std::unique_ptr<X509_STORE_CTX, FreedBy<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), certificate.get(), nullptr);
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
  X509_VERIFY_PARAM_set_auth_level(rules, 2);
  X509_VERIFY_PARAM_set_time(
      rules, std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(now)));
  if (host != nullptr) X509_VERIFY_PARAM_set1_host(rules, host, 0);
  X509_verify_cert(context.get());
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

mode_t mode_of(const std::string& path) {
  struct stat found {};
  EXPECT_EQ(stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 07777;
}

class AuthorityTest : public ::testing::Test {
 protected:
  Result<Authority> open(Instant now = kNow) {
    return Authority::open(folder_, "Yesterdaytabase at test", now);
  }
  Authority opened(Instant now = kNow) {
    Result<Authority> authority = open(now);
    if (!authority.ok()) ADD_FAILURE() << to_string(authority.error());
    return std::move(authority).value();
  }
  // What opening says of what is there now.
  std::string refusal(Code code) {
    const Result<Authority> authority = open();
    if (authority.ok()) return "";
    EXPECT_EQ(authority.error().code, code) << authority.error().message;
    EXPECT_NE(authority.error().hint, "");
    return authority.error().message;
  }

  tests::TemporaryFolder parent_;
  std::string folder_ = parent_ / "tls";
  std::string key_ = folder_ + "/ca.key";
  std::string certificate_ = folder_ + "/ca.crt";
};

TEST_F(AuthorityTest, IsMadeOnce) {
  const Authority first = opened();
  EXPECT_EQ(mode_of(folder_), 0700U);
  EXPECT_EQ(mode_of(key_), 0600U);
  EXPECT_EQ(get(certificate_), first.certificate_pem());
  const std::string key = get(key_);
  const Authority second = opened(kNow + std::chrono::days(100));
  EXPECT_EQ(second.certificate_pem(), first.certificate_pem());
  EXPECT_EQ(get(key_), key);
  EXPECT_EQ(first.not_after(), kNow - kBackdating + kAuthorityLife);
  EXPECT_EQ(second.not_after(), first.not_after());
  EXPECT_FALSE(first.ends_soon(kNow));
  EXPECT_FALSE(first.ends_soon(first.not_after() - std::chrono::days(30)));
  EXPECT_TRUE(first.ends_soon(first.not_after() - std::chrono::days(29)));
  EXPECT_TRUE(first.ends_soon(first.not_after() + std::chrono::days(1)));

  const Certificate certificate = certificate_of(first.certificate_pem());
  EXPECT_EQ(subject_of(certificate.get()), "CN = Yesterdaytabase at test");
  EXPECT_EQ(X509_check_ca(certificate.get()), 1);
  EXPECT_EQ(X509_get_pathlen(certificate.get()), 0);
  EXPECT_EQ(X509_get_key_usage(certificate.get()), uint32_t{KU_KEY_CERT_SIGN | KU_CRL_SIGN});
  EXPECT_EQ(X509_get_signature_nid(certificate.get()), NID_ecdsa_with_SHA256);
}

TEST_F(AuthorityTest, IsOneForAllWhoComeAtOnce) {
  constexpr int kProcesses = 6;
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const Result<Authority> authority = open();
      if (authority.ok()) put(parent_ / std::to_string(getpid()), authority->certificate_pem());
      _exit(authority.ok() ? 0 : 1);
    }
    children.push_back(child);
  }
  std::set<std::string> seen;
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    seen.insert(get(parent_ / std::to_string(child)));
  }
  EXPECT_EQ(seen, std::set<std::string>{opened().certificate_pem()});
}

TEST_F(AuthorityTest, CertificatesAreWhatClientsVerify) {
  const Authority authority = opened();
  Result<TlsIdentity> identity =
      authority.issue({"staging.example.com", "*.copies.example.com", "db", "10.0.0.5", "2001:db8::5"}, kNow);
  ASSERT_TRUE(identity.ok()) << identity.error().message;
  const std::string& pem = identity->chain_pem;
  const Certificate certificate = certificate_of(pem);
  EXPECT_EQ(subject_of(certificate.get()), "CN = staging.example.com");
  for (const char* host : {"staging.example.com", "STAGING.example.com", "one.copies.example.com", "db"}) {
    EXPECT_EQ(X509_check_host(certificate.get(), host, 0, 0, nullptr), 1) << host;
    EXPECT_EQ(judged(authority.certificate_pem(), pem, kNow, host), "ok") << host;
  }
  for (const char* host : {"example.com", "a.staging.example.com", "a.b.copies.example.com",
                           "copies.example.com", "10.0.0.5", "db.example.com"}) {
    EXPECT_EQ(X509_check_host(certificate.get(), host, 0, 0, nullptr), 0) << host;
    EXPECT_EQ(judged(authority.certificate_pem(), pem, kNow, host), "hostname mismatch") << host;
  }
  for (const char* address : {"10.0.0.5", "2001:db8::5", "2001:db8:0::0:5"}) {
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), address, 0), 1) << address;
  }
  for (const char* address : {"10.0.0.6", "2001:db8::6", "::ffff:10.0.0.5"}) {
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), address, 0), 0) << address;
  }
  EXPECT_EQ(X509_get_key_usage(certificate.get()), uint32_t{KU_DIGITAL_SIGNATURE});
  EXPECT_EQ(X509_get_extended_key_usage(certificate.get()), uint32_t{XKU_SSL_SERVER});
  EXPECT_EQ(X509_check_ca(certificate.get()), 0);

  const auto day = std::chrono::days(1);
  EXPECT_EQ(judged(authority.certificate_pem(), pem, kNow - std::chrono::hours(23)), "ok");
  EXPECT_EQ(judged(authority.certificate_pem(), pem, kNow - 2 * day), "certificate is not yet valid");
  EXPECT_EQ(judged(authority.certificate_pem(), pem, kNow + 395 * day), "ok");
  EXPECT_EQ(judged(authority.certificate_pem(), pem, kNow + 397 * day), "certificate has expired");

  // Another authority of the same name is another one.
  const Result<Authority> stranger = Authority::open(parent_ / "other", "Yesterdaytabase at test", kNow);
  ASSERT_TRUE(stranger.ok());
  EXPECT_NE(judged(stranger->certificate_pem(), pem, kNow), "ok");
  // What was issued issues nothing.
  EXPECT_NE(judged(pem, pem, kNow), "ok");
}

TEST_F(AuthorityTest, KeysAndSerialsAreFreshAndNotKept) {
  const Authority authority = opened();
  std::set<std::string> keys;
  std::set<std::string> serials;
  for (int i = 0; i < 5; ++i) {
    Result<TlsIdentity> identity = authority.issue({"localhost"}, kNow);
    ASSERT_TRUE(identity.ok());
    EXPECT_TRUE(TlsServer::make(*identity, kNow).ok());
    keys.emplace(identity->key_pem.reveal());
    const Certificate certificate = certificate_of(identity->chain_pem);
    const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate.get());
    EXPECT_LE(ASN1_STRING_length(serial), 17);
    serials.emplace(reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
                    static_cast<size_t>(ASN1_STRING_length(serial)));
  }
  EXPECT_EQ(keys.size(), 5U);
  EXPECT_EQ(serials.size(), 5U);
  const Result<std::vector<os::FileInfo>> files = os::list_folder(folder_);
  ASSERT_TRUE(files.ok());
  std::vector<std::string> names;
  for (const os::FileInfo& file : *files) {
    names.push_back(file.name);
    for (const std::string& key : keys)
      EXPECT_EQ(get(folder_ + "/" + file.name).find(key.substr(40, 60)), std::string::npos);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"ca.crt", "ca.key", "ca.lock"}));
}

TEST_F(AuthorityTest, NamesAreChecked) {
  const Authority authority = opened();
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  for (const std::string& good :
       {std::string("a"), std::string("xn--mnchen-3ya.de"), std::string("_db.internal"),
        std::string("1.example"), label, longest, std::string("::1")}) {
    const Result<TlsIdentity> identity = authority.issue({good}, kNow);
    ASSERT_TRUE(identity.ok()) << good;
    EXPECT_EQ(subject_of(certificate_of(identity->chain_pem).get()), "CN = " + good.substr(0, 64));
  }
  for (const std::string& bad : {std::string(),
                                 std::string("*"),
                                 std::string("*."),
                                 std::string("a.*.b"),
                                 std::string("**.b"),
                                 std::string("*a.b"),
                                 std::string("*.*.b"),
                                 std::string("a..b"),
                                 std::string(".a"),
                                 std::string("a."),
                                 std::string("-a"),
                                 std::string("a-"),
                                 std::string("a b"),
                                 std::string("a\n"),
                                 std::string("a\0b", 3),
                                 std::string("10.0.0.5\0", 9),
                                 std::string("10.0.0.256"),
                                 std::string("10.0.0.0/8"),
                                 std::string("[::1]"),
                                 std::string("fe80::1%eth0"),
                                 std::string("a:5432"),
                                 std::string("m\xc3\xbcnchen.de"),
                                 label + "a",
                                 longest + "b",
                                 std::string("a,DNS:b"),
                                 std::string("*.10")}) {
    const Result<TlsIdentity> identity = authority.issue({"good", bad}, kNow);
    ASSERT_FALSE(identity.ok()) << bad;
    EXPECT_EQ(identity.error().code, Code::kConfig);
    EXPECT_THAT(identity.error().message, HasSubstr("is neither a host name nor an address"));
  }
  EXPECT_EQ(authority.issue({}, kNow).error().code, Code::kConfig);
  EXPECT_EQ(authority.issue(std::vector<std::string>(kNamesMax + 1, "a"), kNow).error().code, Code::kConfig);
  EXPECT_TRUE(authority.issue(std::vector<std::string>(kNamesMax, "a"), kNow).ok());
  for (const std::string& bad :
       {std::string(), std::string(65, 'a'), std::string("a\nb"), std::string("\xff")}) {
    EXPECT_EQ(Authority::open(parent_ / "named", bad, kNow).error().code, Code::kConfig);
  }
  EXPECT_FALSE(os::exists(parent_ / "named"));
}

TEST_F(AuthorityTest, EndsInTheEnd) {
  const Authority authority = opened();
  const Instant end = authority.not_after();
  // Not longer than the authority.
  Result<TlsIdentity> last = authority.issue({"localhost"}, end - std::chrono::days(10));
  ASSERT_TRUE(last.ok());
  EXPECT_EQ((*TlsServer::make(*last, end - std::chrono::days(10)))->not_after(), end);
  // It is opened, as its end is to be told.
  const Authority expired = opened(end);
  EXPECT_TRUE(expired.ends_soon(end));
  const Result<TlsIdentity> refused = expired.issue({"localhost"}, end);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kConfig);
  EXPECT_EQ(refused.error().message,
            "the certificate authority in " + folder_ + " expired at " + to_iso(end));
  EXPECT_THAT(refused.error().hint, HasSubstr("every client that verifies needs"));
}

TEST_F(AuthorityTest, AKeyThatOthersMayReadIsRefused) {
  (void)opened();
  for (const mode_t mode : {0640U, 0604U, 0620U, 0610U}) {
    chmod(key_.c_str(), mode);
    EXPECT_THAT(refusal(Code::kRefused), HasSubstr("is open to other users (mode 0"));
  }
  chmod(key_.c_str(), 0400);
  EXPECT_EQ(refusal(Code::kRefused), "");
  // An open folder is closed again.
  chmod(folder_.c_str(), 0755);
  EXPECT_EQ(refusal(Code::kRefused), "");
  EXPECT_EQ(mode_of(folder_), 0700U);
  // What a link leads to is somebody's.
  rename(key_.c_str(), (parent_ / "elsewhere").c_str());
  ASSERT_EQ(symlink((parent_ / "elsewhere").c_str(), key_.c_str()), 0);
  EXPECT_THAT(refusal(Code::kRefused), HasSubstr("is not a file"));
}

TEST_F(AuthorityTest, OfSomebodyElseItIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  (void)opened();
  ASSERT_EQ(chown(folder_.c_str(), 4711, 4711), 0);
  ASSERT_EQ(chown(key_.c_str(), 4712, 4712), 0);
  // Root owns everything anyway; somebody else does not.
  EXPECT_EQ(refusal(Code::kRefused), "");
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (setuid(4711) != 0) _exit(2);
    const Result<Authority> authority = open();
    _exit(!authority.ok() && authority.error().code == Code::kRefused &&
                  authority.error().message.find("belongs to somebody else (uid 4712)") != std::string::npos
              ? 0
              : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(AuthorityTest, DamageIsTold) {
  const std::string made = opened().certificate_pem();
  const std::string key = get(key_);
  const auto restore = [&] {
    put(key_, key);
    put(certificate_, made);
    chmod(key_.c_str(), 0600);
  };
  unlink(key_.c_str());
  EXPECT_EQ(refusal(Code::kCorrupt), key_ + " is missing");
  restore();
  unlink(certificate_.c_str());
  EXPECT_EQ(refusal(Code::kCorrupt), certificate_ + " is missing");
  EXPECT_FALSE(os::exists(certificate_));
  restore();
  for (const size_t size : {size_t{0}, key.size() / 2}) {
    put(key_, key.substr(0, size));
    EXPECT_THAT(refusal(Code::kCorrupt), HasSubstr(key_ + " is damaged"));
  }
  restore();
  for (const size_t size : {size_t{0}, made.size() / 2}) {
    put(certificate_, made.substr(0, size));
    EXPECT_THAT(refusal(Code::kCorrupt), HasSubstr(certificate_ + " is damaged"));
  }
  restore();
  // Another's certificate, one for a server, and one with another signature.
  const Result<Authority> other = Authority::open(parent_ / "other", "other", kNow);
  ASSERT_TRUE(other.ok());
  put(certificate_, other->certificate_pem());
  EXPECT_THAT(refusal(Code::kCorrupt), HasSubstr("does not fit"));
  Result<TlsIdentity> identity = other->issue({"localhost"}, kNow);
  ASSERT_TRUE(identity.ok());
  put(certificate_, identity->chain_pem);
  put(key_, identity->key_pem.reveal());
  EXPECT_THAT(refusal(Code::kCorrupt), HasSubstr("not an authority's certificate"));
  restore();
  EXPECT_EQ(opened().certificate_pem(), made);
}

// What is left where the process ended between any two of its steps.
TEST_F(AuthorityTest, AnInterruptedBeginningIsCompleted) {
  const std::string made = opened().certificate_pem();
  // Both are written, the key has not its name yet.
  ASSERT_EQ(rename(key_.c_str(), (folder_ + "/ca.key.new").c_str()), 0);
  EXPECT_EQ(opened().certificate_pem(), made);
  EXPECT_FALSE(os::exists(folder_ + "/ca.key.new"));
  // Only the key is written: nobody has seen a certificate of it.
  ASSERT_EQ(rename(key_.c_str(), (folder_ + "/ca.key.new").c_str()), 0);
  unlink(certificate_.c_str());
  EXPECT_NE(opened().certificate_pem(), made);
  EXPECT_FALSE(os::exists(folder_ + "/ca.key.new"));
}

}  // namespace
}  // namespace ytb::gate
