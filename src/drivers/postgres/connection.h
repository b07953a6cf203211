// Connection: one libpq session, owned, with every wait bounded by the caller's StopFlag and every error
// mapped.
//
// What the server says is not repeated blindly: DETAIL, HINT and CONTEXT are dropped, and of the message only
// what server_messages.h shows is kept, so that no row of production reaches a log. A Connection belongs to
// one thread at a time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "ports/instance.h"

struct pg_conn;
struct pg_result;

namespace ytb::postgres {

// A query's answer in text form. Views stay valid as long as the object.
class Rows {
 public:
  explicit Rows(pg_result* result) : result_(result) {}
  [[nodiscard]] int count() const;
  [[nodiscard]] bool empty() const { return count() == 0; }
  [[nodiscard]] bool is_null(int row, int column) const;
  [[nodiscard]] std::string_view at(int row, int column) const;  // "" for NULL
  [[nodiscard]] std::string text(int row, int column) const { return std::string(at(row, column)); }
  [[nodiscard]] int64_t integer(int row, int column) const;  // 0 for NULL
  [[nodiscard]] bool truth(int row, int column) const { return at(row, column) == "t"; }
  // Rows an UPDATE, DELETE or COPY touched.
  [[nodiscard]] uint64_t affected() const;
  [[nodiscard]] int columns() const;

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

// Elements of an array of text as array_to_json prints it ("[\"a\",null]"); for names, never for user data.
std::vector<std::string> json_strings(std::string_view json);

// A connection string of keywords and values.
std::string to_connection_string(const std::map<std::string, std::string>& parameters);

// The database that a connection string names ("host=db dbname=shop", "postgresql://db/shop"); "" where it
// names none, or cannot be read.
std::string database_of(const std::string& connection);

enum class SessionKind {
  kCopy,        // our superuser in a closed copy: everything production may have set is overridden
  kMaster,      // the same as a cloud's master, without what only a superuser may set
  kOwner,       // a role of production's in a closed copy, with its own settings and rights
  kProduction,  // read-only, short timeouts; nothing that needs a right
};

class Connection {
 public:
  // `database`: "" takes the one of `target`, else "postgres". `stop` may be null and must outlive this.
  static Result<Connection> open(const ports::SessionTarget& target, const std::string& database,
                                 SessionKind kind, const StopFlag* stop = nullptr);
  Connection(Connection&&) noexcept = default;
  Connection& operator=(Connection&&) noexcept = default;

  // One statement, or with no parameters several (in one transaction unless they say otherwise). $1… are
  // text.
  Result<Rows> query(std::string_view sql, std::span<const std::string> parameters = {});
  Result<Rows> query(std::string_view sql, std::initializer_list<std::string> parameters);
  Status execute(std::string_view sql, std::span<const std::string> parameters = {});
  Status execute(std::string_view sql, std::initializer_list<std::string> parameters);
  // First column of the first row; none: kInternal.
  Result<std::string> value(std::string_view sql, std::initializer_list<std::string> parameters = {});
  // COMMIT; a connection lost on the way is in doubt: look before doing it again.
  Status commit();
  // ROLLBACK where a transaction is open; errors are of no interest, the caller has one already.
  void roll_back();

  // COPY … TO STDOUT: `sink` gets the rows one by one. An error of the sink cancels the rest.
  Status copy_out(std::string_view sql, const std::function<Status(std::string_view)>& sink);
  // COPY … FROM STDIN: `source` fills its argument with the next bytes, nothing at the end. Its error ends
  // the COPY without effect. Returns the rows loaded.
  Result<uint64_t> copy_in(std::string_view sql, const std::function<Status(std::string&)>& source);

  // Quoted, for any name and whatever the client encoding: "a ""b""", U&"\00e9".
  [[nodiscard]] std::string identifier(std::string_view name) const;
  [[nodiscard]] std::string qualified(std::string_view schema, std::string_view name) const;
  [[nodiscard]] std::string literal(std::string_view text) const;

  // Bytes as the server keeps them, for the length of a COPY; statements then need identifier(), and
  // parameters must be ASCII.
  Status use_server_encoding();
  Status use_utf8();
  [[nodiscard]] const std::string& server_encoding() const { return server_encoding_; }
  [[nodiscard]] int major() const;
  // False: the server has ended the session, or went.
  [[nodiscard]] bool is_open() const;
  // The process that listens at the other end of the session's Unix socket; kUnsupported over TCP.
  [[nodiscard]] Result<pid_t> server_process() const;
  [[nodiscard]] SessionKind kind() const { return kind_; }
  // SQLSTATE of the last error, "" where there was none or no server to say.
  [[nodiscard]] const std::string& last_state() const { return last_state_; }
  // What the last error names, as production calls it; "" where it names none.
  struct Named {
    std::string schema;
    std::string table;
    std::string constraint;
  };
  [[nodiscard]] const Named& last_named() const { return last_named_; }
  // What another program of libpq's needs to connect as this session did, but for the database and the
  // password: keywords and values, with what the environment and service files said.
  [[nodiscard]] std::map<std::string, std::string> parameters() const;
  [[nodiscard]] Secret password() const;

 private:
  struct Finish {
    void operator()(pg_conn* connection) const;
  };
  explicit Connection(pg_conn* connection) : connection_(connection) {}
  static Result<Connection> connect(const ports::SessionTarget& target, const std::string& database,
                                    SessionKind kind, const StopFlag* stop, int major);
  // kRefused: another program than the server of this copy's folder listens there.
  Status check_server(const std::string& folder) const;
  Status prepare_session();
  Status prepare_master();
  Status wait_readable();
  Result<Rows> finish_results();
  Error error_of(const pg_result* result);
  Error lost();
  void drain();

  std::unique_ptr<pg_conn, Finish> connection_;
  std::string label_;
  std::string server_encoding_;
  std::string last_state_;
  Named last_named_;
  std::string statement_;  // the last one sent
  SessionKind kind_ = SessionKind::kProduction;
  const StopFlag* stop_ = nullptr;
  bool cancelled_ = false;
  bool committing_ = false;
  bool ascii_statements_ = false;  // the client encoding is not UTF8: names are written in ASCII escapes
};

// Of an error of Connection::open: whether the server asked something else than the password about this user.
bool is_overruled(const Error& error);

namespace internal {
// What an SQLSTATE means for the caller; for tests.
struct StateMeaning {
  Code code;
  Retry retry;
};
StateMeaning meaning_of(std::string_view sqlstate);
// A name in ASCII: plain quotes, or U&"…" where it has other characters (UTF-8 in).
std::string ascii_identifier(std::string_view name);
}  // namespace internal

// Runs `work` between BEGIN and COMMIT; whatever fails, nothing of it stays.
Status in_transaction(Connection& session, const std::function<Status()>& work);

}  // namespace ytb::postgres
