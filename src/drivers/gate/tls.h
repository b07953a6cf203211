// TLS at the gate: who we are (TlsServer), and a client's socket that is read and written in clear or within
// TLS (ClientStream).
//
// TLS 1.2 and 1.3, forward secrecy only, no client certificates, no sessions to resume, no renegotiation, no
// compression. The handshake and each call do bounded work on whatever bytes a stranger sends: see
// kHandshakeBytesMax and ClientStream::read. No write raises SIGPIPE.
//
// OpenSSL's memory for a connection, measured with 3.0: 10 kB when idle, 27 kB with half of a record, 40 kB
// during the handshake, 230 kB where its first message claims to be as long as OpenSSL takes (128 kB).
//
// A TlsServer never changes and may be shared by threads; a ClientStream belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "drivers/os/descriptor.h"

namespace ytb::gate {

// The longest chain of certificates, and file of one, that is taken.
constexpr size_t kChainMax = 16;
constexpr size_t kPemBytesMax = 256 * 1024;
// What a client may send before its handshake is over, and what one read() takes from the socket at most.
// Clients need about 2 kB for a handshake; OpenSSL itself would take a first message of 128 kB, and any
// number of empty ones.
constexpr size_t kHandshakeBytesMax = 32 * 1024;
constexpr size_t kSocketBytesPerReadMax = 64 * 1024;
// A record of TLS in clear (RFC 8446, section 5.1).
constexpr size_t kRecordBytesMax = 16 * 1024;

// Both in PEM; the key without a passphrase.
struct TlsIdentity {
  std::string chain_pem;  // the server's certificate first, then who issued it, and so on
  Secret key_pem;
};

class TlsServer {
 public:
  // Error{kConfig}: no certificate or key, one that is damaged, too weak (OpenSSL's security level 2), not of
  // each other, expired or not yet valid at `now`.
  static Result<std::shared_ptr<const TlsServer>> make(const TlsIdentity& identity, Instant now);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  // When the server's certificate expires.
  [[nodiscard]] Instant not_after() const { return not_after_; }

 private:
  friend class ClientStream;
  struct Parts;
  TlsServer(std::unique_ptr<Parts> parts, Instant not_after);
  std::unique_ptr<Parts> parts_;
  Instant not_after_;
};

class ClientStream {
 public:
  // `socket`: connected and nonblocking, in clear for now. Without one, of no use until another is moved
  // here.
  explicit ClientStream(os::Descriptor socket = os::Descriptor());
  ~ClientStream();  // closes the socket; says nothing
  ClientStream(ClientStream&&) noexcept;
  ClientStream& operator=(ClientStream&&) noexcept;
  ClientStream(const ClientStream&) = delete;
  ClientStream& operator=(const ClientStream&) = delete;

  [[nodiscard]] int fd() const { return socket_.get(); }

  // From here on TLS, beginning with the client's handshake, of which nothing may have been taken from the
  // socket (MSG_PEEK takes nothing). `direct`: the client began it without an SSLRequest and must agree on
  // "postgresql" by ALPN, so that no other protocol's client can be led here; after an SSLRequest it may
  // leave ALPN out, but not offer only others (PostgreSQL 17, be-secure-openssl.c and backend_startup.c).
  // Once. Error{kSpace}: no memory.
  Status begin_tls(std::shared_ptr<const TlsServer> server, bool direct);
  // Whether begin_tls was called; then, whether its handshake has yet to succeed.
  [[nodiscard]] bool encrypted() const { return tls_ != nullptr; }
  [[nodiscard]] bool handshaking() const;

  enum class Moved {
    kSome,
    kWait,    // for what events() says
    kEnd,     // the other side has said all
    kBroken,  // nothing can be read or written any more
  };

  // Goes on with the handshake; only while handshaking(). kSome: it is done. kEnd: the client left in the
  // middle. kBroken: no handshake, one that is refused, or more than kHandshakeBytesMax; an alert was sent
  // where there is one.
  Moved handshake();

  // Up to `capacity` bytes, at least kRecordBytesMax within TLS: so OpenSSL keeps nothing back, of which
  // poll() would not know. kSome: `count` of them, at least one. kEnd: an end with or without close_notify;
  // writing goes on. Within TLS one call reads one record at most, and answers or passes over what is not
  // data for no more than kSocketBytesPerReadMax. Not while handshaking().
  Moved read(char* to, size_t capacity, size_t& count);

  // Writes what the socket takes of `bytes`. kSome: `count` of them. After kWait, or a `count` below
  // bytes.size(), the next call must begin with the same bytes, as the rest may be encrypted already; they
  // may have moved. Not while handshaking().
  Moved write(std::string_view bytes, size_t& count);

  // After the last write: close_notify where the socket takes it at once, then shutdown(SHUT_WR). Reading
  // goes on.
  void shut_write();

  // What poll() is to look for: TLS may have to write before it can read, and the reverse. 0: nothing.
  [[nodiscard]] short events(bool wants_read, bool wants_write) const;
  // Whether what poll() found is what read() waits for. A write may be tried at any time.
  [[nodiscard]] bool is_for_read(short found) const;

 private:
  struct Tls;
  Moved outcome(int result, short& waits_for);

  os::Descriptor socket_;
  std::unique_ptr<Tls> tls_;  // gone before the socket
};

}  // namespace ytb::gate
