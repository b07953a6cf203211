// PostgresCluster: a real PostgreSQL server for tests, started in a temporary folder on a free loopback port.
//
// As root the server runs as the user `postgres` (or `nobody`), else as ourselves. Everything is removed when
// the object goes, and only what it started is stopped. A failed step is a test failure, told by ADD_FAILURE.
// Not thread-safe, but its sessions are ordinary ones: open your own for concurrent work.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ytb::testing {

// The binaries in $YTB_TEST_POSTGRES, else the newest installed server's, e.g. "/usr/lib/postgresql/15/bin";
// empty where there is none: skip.
std::string postgres_bin_dir();
int postgres_major();
// The user that servers run as: "" when it is ourselves.
std::string server_user();

struct RunResult {
  int status = -1;  // exit status; 128 + signal
  std::string out;
  std::string err;
};
// Keeps what our program printed in a test, for the last test of a run (tests/support/secrets_test), which
// searches all of it for the secrets that tests plant. A test failure at once where one is in it.
void keep_output(const RunResult& result);
// Runs a program and waits, as `user` where that is not "" (needs root). Never through a shell. Keeps our own
// output.
RunResult run_program(const std::vector<std::string>& argv, const std::string& user = {},
                      const std::string& input = {}, const std::vector<std::string>& environment = {});

// A folder under $TMPDIR or /tmp that the server's user may enter; removed with all it holds at the end.
class TempFolder {
 public:
  // Below `base`, default TMPDIR: a short one where paths of sockets come out of what a user would have.
  explicit TempFolder(const std::string& base = "");
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  // Makes a sub-folder that belongs to the server's user, mode 0700.
  [[nodiscard]] std::string make_for_server(const std::string& name) const;

 private:
  std::string path_;
};

// Ports on which nothing listened a moment ago, for this process's life: no other process of tests gets them,
// nor does whoever connects. Of a block, the first.
constexpr uint16_t kPortBlock = 20;
uint16_t free_port_block();
uint16_t free_port();

// What keeps this host from making the namespaces of a sealed copy; "" : nothing. Tests that need a seal are
// skipped with it, and what can do without writes `isolation: {none: …}`.
std::string why_no_seal();

class PostgresCluster {
 public:
  struct Options {
    std::map<std::string, std::string> settings;  // added to postgresql.conf, values as written there
    std::string locale = "C";
    std::string encoding = "UTF8";
    bool checksums = false;  // initdb --data-checksums
    int wal_segment_mb = 0;  // initdb --wal-segsize; 0: its default
    std::string superuser = "postgres";
    // Made before the first start, and what is made that way is made once: "" is none. With `drops_postgres`
    // the database postgres is gone.
    std::string database;
    bool drops_postgres = false;
    std::string waldir;    // a folder outside of data, made by initdb
    bool amazons = false;  // with what Amazon's server does otherwise (support/rds_superuser.c)
    bool start = true;
  };
  // Superuser as in the options, trust authentication on the socket and on 127.0.0.1. Null and a failure on
  // error.
  static std::unique_ptr<PostgresCluster> make() { return make(Options{}); }
  static std::unique_ptr<PostgresCluster> make(const Options& options);
  // A server over a data directory made elsewhere (a restored backup); it is not removed at the end.
  static std::unique_ptr<PostgresCluster> adopt(const std::string& data, const Options& options);
  ~PostgresCluster();
  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;

  bool start();
  void stop(std::string_view mode = "fast");
  [[nodiscard]] bool running() const;

  [[nodiscard]] const std::string& data() const { return data_; }
  [[nodiscard]] const std::string& socket_directory() const { return sockets_; }
  [[nodiscard]] const std::string& folder() const { return temp_.path(); }
  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] std::string server_log() const;
  // "host=… port=… user=… dbname=…" for libpq; `user` "": the superuser.
  [[nodiscard]] std::string connection(std::string_view database = "postgres",
                                       std::string_view user = {}) const;

  // Runs a script (several statements, each on its own unless it says BEGIN); a failure on any error.
  void run(std::string_view database, std::string_view script);
  // Whether a script runs through; no failure when it does not. `error`: what the server said.
  bool try_run(std::string_view database, std::string_view script, std::string* error = nullptr,
               std::string_view user = {});
  // First column of the first row; "" for none or NULL.
  std::string value(std::string_view database, std::string_view query);
  std::vector<std::vector<std::string>> rows(std::string_view database, std::string_view query);
  // pg_dump --schema-only of one database, without the random \restrict lines and comments.
  std::string dump_schema(std::string_view database);
  // pg_basebackup of this cluster into `destination` (made by it), WAL streamed. `extra`: more arguments.
  bool base_backup(const std::string& destination, const std::vector<std::string>& extra = {});

 private:
  PostgresCluster();
  // The lines of postgresql.conf that make it Amazon's; none up to 15.
  [[nodiscard]] std::string amazons_lines() const;
  TempFolder temp_;
  std::string data_;
  std::string sockets_;
  std::string superuser_ = "postgres";
  uint16_t port_ = 0;
};

// `pg_dump --schema-only` through any connection string, cleaned as above.
std::string dump_schema_of(const std::string& connection);

}  // namespace ytb::testing
