// What is said before and around a login in PostgreSQL's protocol, versions 3.0 and 3.2: what a client sends
// first, and of what the server answers, when the login is over, which key cancels its statements, where
// messages end and how a connection does.
//
// Pure; every byte comes from strangers. Source: PostgreSQL's documentation, "Frontend/Backend Protocol",
// "Message Formats"; limits and order as in backend_startup.c.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ytb::gate {

// The longest first packet that a server takes (MAX_STARTUP_PACKET_LENGTH), its length included.
constexpr size_t kStartupBytesMax = 10'000;
// Of a role's or database's name (NAMEDATALEN less one): a server cuts off the rest, and would let in another
// role than the one that was judged.
constexpr size_t kNameBytesMax = 63;

struct FirstPacket {
  enum class Kind {
    kIncomplete,    // more bytes are needed
    kTlsRequest,    // SSLRequest
    kGssRequest,    // GSSENCRequest
    kTlsHandshake,  // TLS begins without a request, as PostgreSQL 17's clients can ask for
    kCancel,
    kLogin,
    kUnknown,  // no client of PostgreSQL's sends this
  };
  Kind kind = Kind::kIncomplete;
  size_t bytes = 0;  // of it; of what follows nothing is read
  // Of a login.
  std::string user;
  std::string database;  // the user's name where the client says none
  bool replication = false;
  // Of a cancel: the process's number and key, as they are sent.
  std::string cancel_key;
  // Why a login is refused before anybody is asked: SQLSTATE and words; "": it is not.
  std::string sqlstate;
  std::string refusal;
};
FirstPacket read_first_packet(std::string_view bytes);

// What a client shows of a connection that is refused: an ErrorResponse of severity FATAL.
std::string fatal_message(std::string_view sqlstate, std::string_view message, std::string_view hint);

// Whether bytes are one message, by which a server that is stopped ends a connection (FATAL, 57P01).
bool is_farewell(std::string_view bytes);

// Reads along with what the server says: when the login is over, and where a message ends. Bytes come in
// pieces of any size.
class ServerWatch {
 public:
  // False: something else than a server of PostgreSQL's speaks there. After the login it is only lost track
  // of.
  bool read(std::string_view bytes);
  [[nodiscard]] bool login_is_over() const { return login_is_over_; }
  // Between two messages: only there another can be put in.
  [[nodiscard]] bool is_between_messages() const { return !lost_ && left_ == 0 && header_.empty(); }
  // Process number and key, as CancelRequest sends them; "": none was told.
  [[nodiscard]] const std::string& cancel_key() const { return cancel_key_; }

 private:
  bool begin_message();

  std::string header_;  // as far as it has come
  size_t left_ = 0;     // of the message at hand
  char type_ = 0;
  bool login_is_over_ = false;
  bool lost_ = false;
  std::string cancel_key_;
};

}  // namespace ytb::gate
