#include "drivers/postgres/connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "base/json.h"
#include "base/text.h"
#include "drivers/os/occupant.h"
#include "drivers/pgfiles/refusal.h"
#include "drivers/postgres/server_messages.h"
#include "drivers/postgres/session_settings.h"
#include "model/engine_versions.h"

namespace ytb::postgres {
namespace {

constexpr int kPollMs = 100;  // how soon a stop is noticed
constexpr int kConnectTimeoutS = 15;
constexpr int kResultsMax = 100'000;  // of one query string

void ignore_notice(void*, const PGresult*) {}

bool is_ascii(std::string_view text) {
  for (char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

std::string double_quoted(std::string_view name) {
  std::string out = "\"";
  for (char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace

int Rows::count() const { return PQntuples(result_.get()); }
int Rows::columns() const { return PQnfields(result_.get()); }
bool Rows::is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
std::string_view Rows::at(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}
int64_t Rows::integer(int row, int column) const {
  int64_t number = 0;
  std::string_view field = at(row, column);
  std::from_chars(field.data(), field.data() + field.size(), number);
  return number;
}
uint64_t Rows::affected() const {
  uint64_t number = 0;
  std::string_view field = PQcmdTuples(result_.get());
  std::from_chars(field.data(), field.data() + field.size(), number);
  return number;
}
void Rows::Clear::operator()(pg_result* result) const { PQclear(result); }
void Connection::Finish::operator()(pg_conn* connection) const { PQfinish(connection); }

std::vector<std::string> json_strings(std::string_view json) {
  std::vector<std::string> out;
  auto parsed = parse_json(json);
  if (!parsed.is_array()) return out;
  for (const auto& element : parsed) {
    if (element.is_string()) out.push_back(element.get<std::string>());
  }
  return out;
}

std::string to_connection_string(const std::map<std::string, std::string>& parameters) {
  std::string out;
  for (const auto& [key, value] : parameters) {
    std::string quoted;
    for (char c : value) {
      if (c == '\'' || c == '\\') quoted += '\\';
      quoted += c;
    }
    out += fmt::format("{}{}='{}'", out.empty() ? "" : " ", key, quoted);
  }
  return out;
}

std::string database_of(const std::string& connection) {
  std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(connection.c_str(), nullptr), PQconninfoFree);
  if (options == nullptr) return {};
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (std::string_view(option->keyword) == "dbname" && option->val != nullptr) return option->val;
  }
  return {};
}

namespace internal {

StateMeaning meaning_of(std::string_view state) {
  std::string_view group = state.substr(0, 2);
  if (state == "53100") return {Code::kSpace, Retry::kLater};
  if (group == "08" || state == "57P01" || state == "57P02" || state == "57P03" || state == "53300") {
    return {Code::kConnection, Retry::kLater};
  }
  if (group == "28" || group == "3D") return {Code::kConnection, Retry::kNever};
  if (group == "40" || state == "55P03") return {Code::kBusy, Retry::kLater};
  if (group == "53" || group == "57" || group == "58") return {Code::kExternal, Retry::kLater};
  if (state == "XX001" || state == "XX002") return {Code::kCorrupt, Retry::kNever};
  return {Code::kExternal, Retry::kNever};
}

std::string ascii_identifier(std::string_view name) {
  if (is_ascii(name)) return double_quoted(name);
  std::string out = "U&\"";
  for (size_t i = 0; i < name.size();) {
    auto byte = static_cast<unsigned char>(name[i]);
    size_t length = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    if (length == 1 || i + length > name.size()) {
      if (byte == '"' || byte == '\\') out += static_cast<char>(byte);
      out += static_cast<char>(byte);
      ++i;
      continue;
    }
    uint32_t point = byte & (0xffU >> (length + 1));
    for (size_t k = 1; k < length; ++k)
      point = point << 6 | (static_cast<unsigned char>(name[i + k]) & 0x3fU);
    out += fmt::format("\\+{:06x}", point);
    i += length;
  }
  return out + '"';
}

}  // namespace internal

Result<Connection> Connection::open(const ports::SessionTarget& target, const std::string& database,
                                    SessionKind kind, const StopFlag* stop) {
  YTB_ASSIGN(Connection made, connect(target, database, kind, stop, 0));
  const int major = made.major();  // libpq forgets it with the connection
  Status prepared = made.prepare_session();
  // A timeout of production's, set for this database, may end a session before its first statement.
  const bool ended = !prepared.ok() && (made.last_state_ == "57014" ||  // query_canceled
                                        PQstatus(made.connection_.get()) != CONNECTION_OK);
  if (ended && (stop == nullptr || !stop->requested())) {
    YTB_ASSIGN(made, connect(target, database, kind, stop, major));
    prepared = made.prepare_session();
  }
  YTB_TRY(std::move(prepared));
  return made;
}

Result<Connection> Connection::connect(const ports::SessionTarget& target, const std::string& database,
                                       SessionKind kind, const StopFlag* stop, int major) {
  std::map<std::string, std::string> values = target.parameters;
  // Production's whole connection string comes under "connection"; what we say beside it wins.
  std::string whole;
  if (auto found = values.find("connection"); found != values.end()) {
    whole = found->second;
    values.erase(found);
  }
  if (!database.empty()) values["dbname"] = database;
  if (whole.empty() && !values.contains("dbname")) values["dbname"] = "postgres";
  values["client_encoding"] = "UTF8";
  values["connect_timeout"] = std::to_string(kConnectTimeoutS);
  values["application_name"] = "yesterdaytabase";
  if (kind == SessionKind::kMaster) {
    // Networks forget a connection over which nothing is said for minutes; building an index takes hours.
    values.try_emplace("keepalives_idle", "60");
    values.try_emplace("keepalives_interval", "15");
  }
  // Poolers before production refuse options: it gets them only in the second try.
  if (kind != SessionKind::kProduction || major > 0) values["options"] = startup_options(kind, major);
  std::vector<const char*> keys;
  std::vector<const char*> texts;
  if (!whole.empty()) {  // expanded first, so that what follows wins
    keys.push_back("dbname");
    texts.push_back(whole.c_str());
  }
  for (const auto& [key, text] : values) {
    keys.push_back(key.c_str());
    texts.push_back(text.c_str());
  }
  std::string password(target.password.reveal());
  if (!password.empty()) {
    keys.push_back("password");
    texts.push_back(password.c_str());
  }
  keys.push_back(nullptr);
  texts.push_back(nullptr);
  Connection made(PQconnectdbParams(keys.data(), texts.data(), whole.empty() ? 0 : 1));
  std::fill(password.begin(), password.end(), '\0');
  made.label_ = target.label;
  made.stop_ = stop;
  made.kind_ = kind;
  if (PQstatus(made.connection_.get()) != CONNECTION_OK) {
    // libpq's text names host, port and reason; passwords are never in it.
    std::string said(trim(PQerrorMessage(made.connection_.get())));
    bool refused = said.find("authentication failed") != std::string::npos ||
                   said.find("does not exist") != std::string::npos;
    return Error{
        .code = Code::kConnection,
        .message = fmt::format("cannot connect to {}: {}", target.label, pgfiles::text_of_refusal(said)),
        .hint = target.parameters.contains("connection") ? pgfiles::hint_of_refusal(said)
                                                         : "check that the server runs and admits this user",
        .retry = refused ? Retry::kNever : Retry::kLater};
  }
  if (target.local_copy) YTB_TRY(made.check_server(target.folder));
  PQsetNoticeReceiver(made.connection_.get(), ignore_notice, nullptr);
  if (!model::is_tested_major(made.major())) return model::untested_major(target.label, made.major());
  return made;
}

// auth.c, auth_failed(): "%s authentication failed for user \"%s\"", where the method is "password" for MD5
// and SCRAM alike, "PAM", "LDAP", … for the others. Of the startup libpq keeps no SQLSTATE.
bool is_overruled(const Error& error) {
  constexpr std::string_view kFailed = " authentication failed for user \"";
  const size_t end = error.message.find(kFailed);
  if (error.code != Code::kConnection || end == std::string::npos) return false;
  const size_t space = error.message.rfind(' ', end - 1);
  const size_t begin = space == std::string::npos ? 0 : space + 1;
  return begin < end && error.message.substr(begin, end - begin) != "password";
}

Status Connection::prepare_session() {
  const char* encoding = PQparameterStatus(connection_.get(), "server_encoding");
  server_encoding_ = encoding != nullptr ? encoding : "UTF8";
  if (kind_ == SessionKind::kProduction) {
    YTB_TRY(execute(kProductionFirst));
    return execute(kProductionValues);
  }
  if (kind_ == SessionKind::kMaster) return prepare_master();
  if (kind_ == SessionKind::kOwner) {
    return execute(
        "SELECT pg_catalog.set_config(known.name, '0', false) FROM pg_catalog.pg_settings AS known WHERE "
        "known.name IN ('idle_session_timeout', 'transaction_timeout')");
  }
  return execute(kResetSettings, {"{user,superuser}"});
}

// A role's or database's default may stand in the way of what only a superuser could override at the start;
// rds_superuser may set some of it afterwards.
Status Connection::prepare_master() {
  YTB_TRY(execute(kResetSettings, {"{user}"}));
  YTB_ASSIGN(std::string role, value("SHOW session_replication_role"));
  if (role == "origin" || execute("SET session_replication_role = origin").ok()) return {};
  return Error{.code = Code::kUnsupported,
               .message = fmt::format("production sets session_replication_role = {} for the master of {}",
                                      role, label_),
               .hint = "reset it in production: ALTER ROLE … RESET session_replication_role"};
}

Result<pid_t> Connection::server_process() const {
  // Of whoever called listen(), as we see it: unix(7), SO_PEERCRED. Over TCP the number is 0.
  ucred listener{};
  socklen_t size = sizeof listener;
  int fd = PQsocket(connection_.get());
  if (fd >= 0 && ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listener, &size) == 0 && listener.pid > 0)
    return listener.pid;
  return Error{.code = Code::kUnsupported, .message = "the session has no Unix socket", .hint = {}};
}

Status Connection::check_server(const std::string& folder) const {
  YTB_ASSIGN(const pid_t listener, server_process());
  YTB_ASSIGN(const std::optional<os::Occupant> occupant, os::Occupant::find(folder));
  if (occupant && occupant->pid() == listener) return {};
  return Error{.code = Code::kRefused,
               .message = fmt::format("it is not the server of {} that answers at its socket, but process {}",
                                      label_, listener),
               .hint = fmt::format("see who put it there: ps -fp {}; then ytb status", listener),
               .retry = Retry::kLater};
}

std::map<std::string, std::string> Connection::parameters() const {
  std::map<std::string, std::string> out;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(PQconninfo(connection_.get()),
                                                                             PQconninfoFree);
  for (const PQconninfoOption* option = options.get(); option != nullptr && option->keyword != nullptr;
       ++option) {
    // What a service said has been taken over; `options` and encodings are each program's own.
    constexpr std::string_view kLeft[] = {
        "password", "dbname",          "service",          "servicefile",
        "options",  "client_encoding", "application_name", "fallback_application_name"};
    if (option->val == nullptr || *option->val == '\0') continue;
    // What is compiled in need not be said, and an older program does not know every name.
    if (option->compiled != nullptr && std::string_view(option->compiled) == option->val) continue;
    if (std::find(std::begin(kLeft), std::end(kLeft), option->keyword) != std::end(kLeft)) continue;
    out.emplace(option->keyword, option->val);
  }
  return out;
}

Secret Connection::password() const {
  const char* said = PQpass(connection_.get());
  return Secret(said != nullptr ? said : "");
}

bool Connection::is_open() const { return PQstatus(connection_.get()) == CONNECTION_OK; }

int Connection::major() const { return PQserverVersion(connection_.get()) / 10000; }

std::string Connection::identifier(std::string_view name) const {
  return ascii_statements_ ? internal::ascii_identifier(name) : double_quoted(name);
}

std::string Connection::qualified(std::string_view schema, std::string_view name) const {
  return identifier(schema) + "." + identifier(name);
}

std::string Connection::literal(std::string_view text) const {
  std::unique_ptr<char, void (*)(void*)> quoted(PQescapeLiteral(connection_.get(), text.data(), text.size()),
                                                PQfreemem);
  return quoted ? std::string(quoted.get()) : std::string("NULL");
}

Status Connection::use_server_encoding() {
  if (server_encoding_ == "UTF8") return {};
  if (PQsetClientEncoding(connection_.get(), server_encoding_.c_str()) != 0) return lost();
  // A SQL_ASCII database keeps names as the bytes they came in: they go back as they are.
  ascii_statements_ = server_encoding_ != "SQL_ASCII";
  return {};
}

Status Connection::use_utf8() {
  if (server_encoding_ == "UTF8") return {};
  ascii_statements_ = false;
  if (PQsetClientEncoding(connection_.get(), "UTF8") != 0) return lost();
  return {};
}

Error Connection::lost() {
  std::string said(trim(PQerrorMessage(connection_.get())));
  last_state_.clear();
  return Error{.code = Code::kConnection,
               .message = fmt::format("lost the connection to {}: {}", label_, pgfiles::one_line(said)),
               .hint = "look at the server's log",
               .retry = committing_ ? Retry::kInDoubt : Retry::kLater};
}

Error Connection::error_of(const pg_result* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  if (state == nullptr) return lost();
  last_state_ = state;
  if (cancelled_ && last_state_ == "57014") {
    if (stop_ != nullptr && stop_->requested()) return stop_->check().error();
  }
  auto field = [result](int code) {
    const char* text = PQresultErrorField(result, code);
    return std::string_view(text != nullptr ? text : "");
  };
  last_named_ = {.schema = std::string(field(PG_DIAG_SCHEMA_NAME)),
                 .table = std::string(field(PG_DIAG_TABLE_NAME)),
                 .constraint = std::string(field(PG_DIAG_CONSTRAINT_NAME))};
  std::string about;
  for (const char code : {PG_DIAG_SCHEMA_NAME, PG_DIAG_TABLE_NAME, PG_DIAG_COLUMN_NAME, PG_DIAG_DATATYPE_NAME,
                          PG_DIAG_CONSTRAINT_NAME}) {
    if (!field(code).empty()) about += fmt::format("{}{}", about.empty() ? "" : ".", field(code));
  }
  const ShownError said = shown({.state = last_state_,
                                 .message = field(PG_DIAG_MESSAGE_PRIMARY),
                                 .context = field(PG_DIAG_CONTEXT),
                                 .source_file = field(PG_DIAG_SOURCE_FILE),
                                 .about = about},
                                statement_);
  // What production's code calls a full disk or a deadlock is not one.
  internal::StateMeaning meaning{Code::kExternal, Retry::kNever};
  if (said.from_server) meaning = internal::meaning_of(last_state_);
  if (committing_ && !is_open()) meaning.retry = Retry::kInDoubt;
  const char* database = PQdb(connection_.get());
  return Error{.code = meaning.code,
               .message = fmt::format("{} (SQLSTATE {}{}{}) in database {} on {}", said.text, said.state,
                                      said.about.empty() ? "" : " about ", said.about,
                                      printable(database != nullptr ? database : ""), label_),
               .hint = said.from_server ? hint_of_shortage(said.text, last_state_) : std::string(),
               .retry = meaning.retry};
}

Status Connection::wait_readable() {
  for (;;) {  // bounded by the server's own timeouts, the stop flag and the death of either side
    if (stop_ != nullptr && stop_->requested() && !cancelled_) {
      cancelled_ = true;
      std::array<char, 256> ignored{};
      std::unique_ptr<PGcancel, void (*)(PGcancel*)> cancel(PQgetCancel(connection_.get()), PQfreeCancel);
      if (cancel) PQcancel(cancel.get(), ignored.data(), static_cast<int>(ignored.size()));
    }
    pollfd watched{.fd = PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
    int ready = poll(&watched, 1, kPollMs);
    if (ready < 0 && errno != EINTR) return lost();
    if (ready <= 0) continue;
    if (PQconsumeInput(connection_.get()) == 0) return lost();
    return {};
  }
}

namespace {
// Rows hides its pointer; the raw loop below needs it only here.
struct Raw {
  explicit Raw(PGresult* r) : result(r, PQclear) {}
  std::unique_ptr<PGresult, void (*)(PGresult*)> result;
};
}  // namespace

// Reads all results of a query; the last good one is the answer, the first error wins.
Result<Rows> Connection::finish_results() {
  std::optional<Error> failed;
  PGresult* last = nullptr;
  for (int i = 0; i < kResultsMax; ++i) {
    while (PQisBusy(connection_.get()) != 0) {
      if (Status waited = wait_readable(); !waited.ok()) {
        PQclear(last);
        return std::move(waited).error();
      }
    }
    PGresult* result = PQgetResult(connection_.get());
    if (result == nullptr) break;
    ExecStatusType status = PQresultStatus(result);
    bool fine = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
    if (!fine && !failed) failed = error_of(result);
    if (fine) {
      PQclear(last);
      last = result;
    } else {
      PQclear(result);
      if (!is_open()) break;
      // A COPY that a plain query was not meant to start would never end.
      if (status == PGRES_COPY_OUT || status == PGRES_COPY_IN || status == PGRES_COPY_BOTH) break;
    }
  }
  if (failed || last == nullptr) {
    PQclear(last);
    if (failed) return std::move(*failed);
    return lost();
  }
  last_state_.clear();
  return Rows(last);
}

Result<Rows> Connection::query(std::string_view sql, std::span<const std::string> parameters) {
  if (stop_ != nullptr) YTB_TRY(stop_->check());
  cancelled_ = false;
  statement_ = sql;
  int sent = 0;
  if (parameters.empty()) {
    sent = PQsendQuery(connection_.get(), statement_.c_str());
  } else {
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
    sent = PQsendQueryParams(connection_.get(), statement_.c_str(), static_cast<int>(values.size()), nullptr,
                             values.data(), nullptr, nullptr, 0);
  }
  if (sent == 0) return lost();
  return finish_results();
}

Result<Rows> Connection::query(std::string_view sql, std::initializer_list<std::string> parameters) {
  return query(sql, std::span<const std::string>(parameters.begin(), parameters.size()));
}

Status Connection::execute(std::string_view sql, std::span<const std::string> parameters) {
  auto done = query(sql, parameters);
  if (!done.ok()) return std::move(done).error();
  return {};
}

Status Connection::execute(std::string_view sql, std::initializer_list<std::string> parameters) {
  return execute(sql, std::span<const std::string>(parameters.begin(), parameters.size()));
}

Result<std::string> Connection::value(std::string_view sql, std::initializer_list<std::string> parameters) {
  YTB_ASSIGN(Rows rows, query(sql, parameters));
  if (rows.empty()) {
    return Error{.code = Code::kInternal, .message = "a query that must give a row gave none", .hint = {}};
  }
  return rows.text(0, 0);
}

Status Connection::commit() {
  committing_ = true;
  Status done = execute("COMMIT");
  committing_ = false;
  return done;
}

void Connection::roll_back() {
  if (!is_open()) return;
  if (PQtransactionStatus(connection_.get()) == PQTRANS_IDLE) return;
  PQclear(PQexec(connection_.get(), "ROLLBACK"));  // also when stopping: not through query()
}

void Connection::drain() {
  for (int i = 0; i < kResultsMax; ++i) {
    PGresult* result = PQgetResult(connection_.get());
    if (result == nullptr) return;
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    if (status == PGRES_COPY_OUT) {
      char* row = nullptr;
      while (PQgetCopyData(connection_.get(), &row, 0) > 0) PQfreemem(row);
    }
    if (!is_open()) return;
  }
}

Status Connection::copy_out(std::string_view sql, const std::function<Status(std::string_view)>& sink) {
  if (stop_ != nullptr) YTB_TRY(stop_->check());
  cancelled_ = false;
  statement_ = sql;
  if (PQsendQuery(connection_.get(), statement_.c_str()) == 0) return lost();
  while (PQisBusy(connection_.get()) != 0) YTB_TRY(wait_readable());
  Raw started(PQgetResult(connection_.get()));
  if (PQresultStatus(started.result.get()) != PGRES_COPY_OUT) {
    Error failed = error_of(started.result.get());
    drain();
    return failed;
  }
  Status sunk;
  for (;;) {  // bounded by the table
    char* row = nullptr;
    int size = PQgetCopyData(connection_.get(), &row, 1);
    if (size > 0) {
      sunk = sink(std::string_view(row, static_cast<size_t>(size)));
      PQfreemem(row);
      if (!sunk.ok()) {
        std::array<char, 256> ignored{};
        std::unique_ptr<PGcancel, void (*)(PGcancel*)> cancel(PQgetCancel(connection_.get()), PQfreeCancel);
        if (cancel) PQcancel(cancel.get(), ignored.data(), static_cast<int>(ignored.size()));
        drain();
        return sunk;
      }
    } else if (size == 0) {
      YTB_TRY(wait_readable());
    } else {
      break;
    }
  }
  auto done = finish_results();
  if (!done.ok()) return std::move(done).error();
  return {};
}

Result<uint64_t> Connection::copy_in(std::string_view sql,
                                     const std::function<Status(std::string&)>& source) {
  if (stop_ != nullptr) YTB_TRY(stop_->check());
  cancelled_ = false;
  statement_ = sql;
  if (PQsendQuery(connection_.get(), statement_.c_str()) == 0) return lost();
  while (PQisBusy(connection_.get()) != 0) YTB_TRY(wait_readable());
  Raw started(PQgetResult(connection_.get()));
  if (PQresultStatus(started.result.get()) != PGRES_COPY_IN) {
    Error failed = error_of(started.result.get());
    drain();
    return failed;
  }
  Status fed;
  std::string chunk;
  for (;;) {  // bounded by the source
    chunk.clear();
    fed = stop_ != nullptr ? stop_->check() : Status();
    if (fed.ok()) fed = source(chunk);
    if (!fed.ok() || chunk.empty()) break;
    if (PQputCopyData(connection_.get(), chunk.data(), static_cast<int>(chunk.size())) != 1) break;
  }
  if (PQputCopyEnd(connection_.get(), fed.ok() ? nullptr : "the source of the rows failed") != 1)
    return lost();
  auto done = finish_results();
  if (!fed.ok()) return std::move(fed).error();
  if (!done.ok()) return std::move(done).error();
  return done->affected();
}

Status in_transaction(Connection& session, const std::function<Status()>& work) {
  YTB_TRY(session.execute("BEGIN"));
  Status done = work();
  if (done.ok()) done = session.commit();
  session.roll_back();
  return done;
}

}  // namespace ytb::postgres
