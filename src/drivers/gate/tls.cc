#include "drivers/gate/tls.h"

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "drivers/gate/openssl_handles.h"

namespace ytb::gate {
namespace {

using Context = std::unique_ptr<SSL_CTX, FreedBy<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, FreedBy<SSL_free>>;

constexpr std::string_view kProtocol = "postgresql";  // of ALPN, as IANA has it

Error bad_identity(std::string message, std::string hint) {
  return Error{.code = Code::kConfig, .message = std::move(message), .hint = std::move(hint)};
}

// ------------------------------------------------------------------------------------------------ the socket

// OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE, and reads as long as there is
// something.
struct Socket {
  int fd = -1;
  size_t readable = 0;      // how many bytes may still be read
  bool more_later = false;  // what comes after them stays for the next call; else it is an error
  bool ended = false;
};

Socket& socket_of(BIO* bio) { return *static_cast<Socket*>(BIO_get_data(bio)); }

int read_socket(BIO* bio, char* to, int size) {
  Socket& socket = socket_of(bio);
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  if (socket.readable == 0) {
    if (socket.more_later) BIO_set_retry_read(bio);
    return -1;
  }
  const size_t wanted = std::min(static_cast<size_t>(size), socket.readable);
  const ssize_t count = recv(socket.fd, to, wanted, 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (count == 0) socket.ended = true;
  if (count > 0) socket.readable -= static_cast<size_t>(count);
  return static_cast<int>(count);
}

int write_socket(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  const ssize_t count = send(socket_of(bio).fd, bytes, static_cast<size_t>(size), MSG_NOSIGNAL);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(count);
}

long control_socket(BIO* bio, int command, long /*number*/, void* /*data*/) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return socket_of(bio).ended ? 1 : 0;
  return 0;
}

// Made once: a process has 127 numbers for kinds of BIO. Null where it could not be made.
const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const kept = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "a client's socket");
    if (method != nullptr) {
      BIO_meth_set_read(method, read_socket);
      BIO_meth_set_write(method, write_socket);
      BIO_meth_set_ctrl(method, control_socket);
    }
    return method;
  }();
  return kept;
}

// ------------------------------------------------------------------------------------------------ the
// context

// Called where a client offers protocols. `offered`: each with its length before it (RFC 7301), checked by
// OpenSSL.
int choose_protocol(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned int offered_size, void* /*data*/) {
  for (size_t at = 0; at < offered_size;) {
    const size_t size = offered[at];
    if (size > offered_size - at - 1) break;
    if (std::string_view(reinterpret_cast<const char*>(offered + at + 1), size) == kProtocol) {
      *chosen = offered + at + 1;
      *chosen_size = static_cast<unsigned char>(size);
      return SSL_TLSEXT_ERR_OK;
    }
    at += 1 + size;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// False: OpenSSL lacks something that every version of it has.
bool configure(SSL_CTX* context) {
  SSL_CTX_set_security_level(context, 2);
  SSL_CTX_set_options(context,
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                          // Clients of databases just close, and each message says its own length: an end
                          // without close_notify hides nothing. As an error it would end our writing, too.
                          SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  // One message that is not data (KeyUpdate), and SSL_read returns, instead of reading them for as long as
  // they come.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  // Only whole records leave the socket: poll() knows of whatever is left.
  SSL_CTX_set_read_ahead(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  // Not the groups of finite fields, which cost a server milliseconds for a client's few bytes
  // (CVE-2002-20001). The first list is for OpenSSL 3.5 and later.
  if (SSL_CTX_set1_groups_list(context, "X25519MLKEM768:X25519:P-256:P-384") != 1 &&
      SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") != 1) {
    return false;
  }
  // OpenSSL's own list less what lets the key decrypt what was recorded (TLS 1.2 with RSA key exchange).
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_num_tickets(context, 0) == 1 &&
         SSL_CTX_set_cipher_list(context, "DEFAULT:!kRSA:@SECLEVEL=2") == 1;
}

// ----------------------------------------------------------------------------------------------- the
// identity

Result<std::vector<Certificate>> read_chain(std::string_view pem) {
  const char* const hint = "give PEM, -----BEGIN CERTIFICATE-----, the server's certificate first";
  if (pem.size() > kPemBytesMax) {
    return bad_identity(fmt::format("the TLS certificates are larger than {}", human_bytes(kPemBytesMax)),
                        hint);
  }
  const Bio text = reading(pem);
  std::vector<Certificate> chain;
  ERR_clear_error();
  for (;;) {
    Certificate next(PEM_read_bio_X509(text.get(), nullptr, no_passphrase, nullptr));
    if (next == nullptr) break;
    if (chain.size() == kChainMax) {
      return bad_identity(fmt::format("more than {} TLS certificates are given", kChainMax),
                          "give the server's and those that issued it, not a list of authorities");
    }
    chain.push_back(std::move(next));
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return bad_identity(fmt::format("TLS certificate {} is damaged: {}", chain.size() + 1, openssl_reason()),
                        hint);
  }
  ERR_clear_error();
  if (chain.empty()) return bad_identity("there is no TLS certificate", hint);
  return chain;
}

Result<PrivateKey> read_key(const Secret& pem) {
  if (pem.reveal().size() > kPemBytesMax) {
    return bad_identity(fmt::format("the TLS key is larger than {}", human_bytes(kPemBytesMax)),
                        "give one key");
  }
  const Bio text = reading(pem.reveal());
  ERR_clear_error();
  PrivateKey key(PEM_read_bio_PrivateKey(text.get(), nullptr, no_passphrase, nullptr));
  if (key != nullptr) return key;
  if (pem.reveal().find("ENCRYPTED") != std::string_view::npos) {
    return bad_identity("the TLS key has a passphrase",
                        "take it off: openssl pkey -in KEY -out KEY.plain (and keep that file to yourself)");
  }
  return bad_identity(fmt::format("the TLS key cannot be read: {}", openssl_reason()),
                      "give PEM, -----BEGIN PRIVATE KEY-----, without a passphrase");
}

Result<Instant> check_validity(const X509* certificate, Instant now) {
  const std::optional<Instant> begin = instant_of(X509_get0_notBefore(certificate));
  const std::optional<Instant> end = instant_of(X509_get0_notAfter(certificate));
  const std::string subject = subject_of(certificate);
  if (!begin || !end) {
    return bad_identity(fmt::format("the TLS certificate of {} does not say until when it is valid", subject),
                        "have it issued again");
  }
  if (*end <= now) {
    return bad_identity(fmt::format("the TLS certificate of {} expired at {}", subject, to_iso(*end)),
                        "have it renewed; clients that verify refuse it");
  }
  if (*begin > now) {
    return bad_identity(
        fmt::format("the TLS certificate of {} is valid only from {}", subject, to_iso(*begin)),
        fmt::format("wait until then, or set this machine's clock, which says {}", to_iso(now)));
  }
  return *end;
}

}  // namespace

// --------------------------------------------------------------------------------------------------
// TlsServer

struct TlsServer::Parts {
  Context context;
};

TlsServer::TlsServer(std::unique_ptr<Parts> parts, Instant not_after)
    : parts_(std::move(parts)), not_after_(not_after) {}
TlsServer::~TlsServer() = default;

Result<std::shared_ptr<const TlsServer>> TlsServer::make(const TlsIdentity& identity, Instant now) {
  YTB_ASSIGN(const std::vector<Certificate> chain, read_chain(identity.chain_pem));
  YTB_ASSIGN(const PrivateKey key, read_key(identity.key_pem));
  X509* const own = chain.front().get();
  YTB_ASSIGN(const Instant not_after, check_validity(own, now));
  ERR_clear_error();
  if (X509_check_private_key(own, key.get()) != 1) {
    ERR_clear_error();
    return bad_identity(fmt::format("the TLS key does not fit the certificate of {}", subject_of(own)),
                        "put the server's own certificate first; openssl x509 -in CHAIN -noout -pubkey and "
                        "openssl pkey -in KEY "
                        "-pubout print the same where they fit");
  }
  auto parts = std::make_unique<Parts>();
  parts->context.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const context = parts->context.get();
  if (context == nullptr || !configure(context)) {
    return Error{.code = Code::kInternal,
                 .message = fmt::format("TLS cannot be set up: {}", openssl_reason()),
                 .hint = "OpenSSL 3.0 or later is needed, and an openssl.cnf that it can read"};
  }
  ERR_clear_error();  // of groups that this OpenSSL does not have
  bool used = SSL_CTX_use_certificate(context, own) == 1 && SSL_CTX_use_PrivateKey(context, key.get()) == 1;
  for (size_t i = 1; used && i < chain.size(); ++i) {
    used = SSL_CTX_add1_chain_cert(context, chain[i].get()) == 1;
  }
  if (!used) {
    return bad_identity(
        fmt::format("the TLS certificate of {} cannot be used: {}", subject_of(own), openssl_reason()),
        "RSA keys need 2048 bits, signatures SHA-256, in the whole chain");
  }
  return std::shared_ptr<const TlsServer>(new TlsServer(std::move(parts), not_after));
}

// -----------------------------------------------------------------------------------------------
// ClientStream

struct ClientStream::Tls {
  std::shared_ptr<const TlsServer> server;
  Socket socket;
  Ssl ssl;
  bool direct = false;
  bool ready = false;  // the handshake is over
  bool broken = false;
  short read_waits_for = POLLIN;  // or the handshake
  short write_waits_for = POLLOUT;
};

ClientStream::ClientStream(os::Descriptor socket) : socket_(std::move(socket)) {}
ClientStream::~ClientStream() = default;
ClientStream::ClientStream(ClientStream&&) noexcept = default;
ClientStream& ClientStream::operator=(ClientStream&& other) noexcept {
  tls_ = std::move(other.tls_);
  socket_ = std::move(other.socket_);
  return *this;
}

bool ClientStream::handshaking() const { return tls_ != nullptr && !tls_->ready; }

Status ClientStream::begin_tls(std::shared_ptr<const TlsServer> server, bool direct) {
  YTB_CHECK(tls_ == nullptr && server != nullptr);
  ERR_clear_error();
  auto tls = std::make_unique<Tls>();
  tls->socket = {.fd = socket_.get(), .readable = kHandshakeBytesMax};
  tls->direct = direct;
  tls->ssl.reset(SSL_new(server->parts_->context.get()));
  BIO* const bio = BIO_new(socket_method());
  if (tls->ssl == nullptr || bio == nullptr) {
    BIO_free(bio);
    return Error{.code = Code::kSpace,
                 .message = fmt::format("TLS cannot begin: {}", openssl_reason()),
                 .hint = "memory is short",
                 .retry = Retry::kLater};
  }
  BIO_set_data(bio, &tls->socket);
  BIO_set_init(bio, 1);
  SSL_set_bio(tls->ssl.get(), bio, bio);
  SSL_set_accept_state(tls->ssl.get());
  tls->server = std::move(server);
  tls_ = std::move(tls);
  return {};
}

// Of a call of OpenSSL's that returned `result`.
ClientStream::Moved ClientStream::outcome(int result, short& waits_for) {
  switch (SSL_get_error(tls_->ssl.get(), result)) {
    case SSL_ERROR_NONE:
      return Moved::kSome;
    case SSL_ERROR_WANT_READ:
      waits_for = POLLIN;
      return Moved::kWait;
    case SSL_ERROR_WANT_WRITE:
      waits_for = POLLOUT;
      return Moved::kWait;
    case SSL_ERROR_ZERO_RETURN:
      return Moved::kEnd;
    default:
      tls_->broken = true;
      ERR_clear_error();
      return Moved::kBroken;
  }
}

ClientStream::Moved ClientStream::handshake() {
  YTB_CHECK(handshaking());
  if (tls_->broken) return Moved::kBroken;
  ERR_clear_error();
  const Moved moved = outcome(SSL_accept(tls_->ssl.get()), tls_->read_waits_for);
  if (moved != Moved::kSome) return moved;
  const unsigned char* protocol = nullptr;
  unsigned int protocol_size = 0;
  SSL_get0_alpn_selected(tls_->ssl.get(), &protocol, &protocol_size);
  if (tls_->direct && protocol_size == 0) {
    tls_->broken = true;
    return Moved::kBroken;
  }
  tls_->socket.more_later = true;
  tls_->read_waits_for = POLLIN;
  tls_->ready = true;
  return Moved::kSome;
}

ClientStream::Moved ClientStream::read(char* to, size_t capacity, size_t& count) {
  count = 0;
  if (tls_ == nullptr) {
    const ssize_t got = recv(socket_.get(), to, capacity, 0);
    if (got == 0) return Moved::kEnd;
    if (got < 0) return errno == EAGAIN || errno == EINTR ? Moved::kWait : Moved::kBroken;
    count = static_cast<size_t>(got);
    return Moved::kSome;
  }
  YTB_CHECK(tls_->ready && capacity >= kRecordBytesMax);
  if (tls_->broken) return Moved::kBroken;
  ERR_clear_error();
  tls_->socket.readable = kSocketBytesPerReadMax;
  tls_->read_waits_for = POLLIN;
  // Not again for a second record: it could be the end, of which poll() would not tell once it is read.
  return outcome(SSL_read_ex(tls_->ssl.get(), to, capacity, &count), tls_->read_waits_for);
}

ClientStream::Moved ClientStream::write(std::string_view bytes, size_t& count) {
  count = 0;
  if (bytes.empty()) return Moved::kSome;
  if (tls_ == nullptr) {
    const ssize_t sent = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR ? Moved::kWait : Moved::kBroken;
    count = static_cast<size_t>(sent);
    return Moved::kSome;
  }
  YTB_CHECK(tls_->ready);
  if (tls_->broken) return Moved::kBroken;
  tls_->write_waits_for = POLLOUT;
  // One record each time, so at most one for every kRecordBytesMax of what there is.
  while (count < bytes.size()) {
    ERR_clear_error();
    size_t written = 0;
    const int result = SSL_write_ex(tls_->ssl.get(), bytes.data() + count, bytes.size() - count, &written);
    const Moved moved = outcome(result, tls_->write_waits_for);
    count += written;
    if (moved == Moved::kWait) return count == 0 ? Moved::kWait : Moved::kSome;
    if (moved != Moved::kSome) return moved;
  }
  return Moved::kSome;
}

void ClientStream::shut_write() {
  if (tls_ != nullptr && tls_->ready && !tls_->broken) {
    ERR_clear_error();
    // 0: sent, and the client's own has not come. What did not fit is lost: the end of the socket says the
    // same.
    if (SSL_shutdown(tls_->ssl.get()) < 0) ERR_clear_error();
  }
  shutdown(socket_.get(), SHUT_WR);
}

short ClientStream::events(bool wants_read, bool wants_write) const {
  if (handshaking()) return tls_->read_waits_for;
  short events = 0;
  if (wants_read) events |= tls_ == nullptr ? short{POLLIN} : tls_->read_waits_for;
  if (wants_write) events |= tls_ == nullptr ? short{POLLOUT} : tls_->write_waits_for;
  return events;
}

bool ClientStream::is_for_read(short found) const {
  const short awaited = tls_ == nullptr ? short{POLLIN} : tls_->read_waits_for;
  return (found & (awaited | POLLHUP | POLLERR)) != 0;
}

}  // namespace ytb::gate
