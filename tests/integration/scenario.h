// Scenario: a production of its own, a place for snapshots and copies, a config, and the built program, all
// in one temporary folder that is removed at the end. What an end-to-end test is written with.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "postgres_cluster.h"

namespace ytb::testing {

class Scenario {
 public:
  struct Options {
    PostgresCluster::Options production = {};
    std::string database = "shop";
    int spare_copies = 0;
    std::string drain = "1s";
    std::string access;           // YAML under `access:`; "" for the role `staging`
    std::string extra;            // more YAML lines of the production's block, indented by 4
    std::string copies_extra;     // more YAML lines of copies.local, indented by 8
    std::string masking_extra;    // more YAML lines of `masking`, indented by 6
    std::string alias_extra;      // more YAML lines of alias.socket, indented by 8
    bool with_connection = true;  // source.connection names production
    std::string connection;       // in its place; "" for the superuser's
    bool keeps_postgres = false;  // production has the database `postgres`: a seventh of a refresh's time
  };

  static Options with_postgres() {
    Options options;
    options.keeps_postgres = true;
    return options;
  }

  Scenario() : Scenario(Options{}) {}
  explicit Scenario(Options options);
  ~Scenario();
  Scenario(const Scenario&) = delete;
  Scenario& operator=(const Scenario&) = delete;

  [[nodiscard]] PostgresCluster& production() { return *production_; }
  [[nodiscard]] const std::string& home() const { return home_; }
  [[nodiscard]] std::string snapshots() const { return home_ + "/snapshots"; }
  [[nodiscard]] std::string copies() const { return home_ + "/copies"; }
  [[nodiscard]] std::string alias() const { return home_ + "/alias/shop-yesterday"; }
  [[nodiscard]] std::string policy_file() const { return home_ + "/policy.yaml"; }
  [[nodiscard]] std::string config_file() const { return home_ + "/yesterdaytabase.yaml"; }
  [[nodiscard]] uint16_t first_port() const { return first_port_; }
  [[nodiscard]] uint16_t last_port() const { return static_cast<uint16_t>(first_port_ + kPortBlock - 1); }
  [[nodiscard]] const std::string& password() const { return password_; }

  // The program with --config and these arguments, to its end.
  RunResult ytb(std::vector<std::string> arguments);
  // The same as a line for a shell; `arguments` need no quotes.
  [[nodiscard]] std::string ytb_line(std::string_view arguments) const;
  // The program that kills itself at a point; `at`: see crashing_main.cc.
  RunResult crashing_ytb(const std::string& at, std::vector<std::string> arguments);
  // The program that runs `sql` there, as the superuser of the one copy that is closed, and goes on.
  RunResult betrayed_ytb(const std::string& at, const std::string& sql, std::vector<std::string> arguments);

  void write_config();
  // From here on production cannot be asked: what is wrong with it has to be found in its snapshot.
  void forget_connection() {
    options_.with_connection = false;
    write_config();
  }
  Options& options() { return options_; }
  // Writes the policy: `tables` is YAML under databases.<database>, indented by 4. template1 (and
  // postgres, where it is there) are kept.
  void write_policy(std::string_view tables, std::string_view more_databases = {});
  // `policy accept --yes`; a failure when it fails.
  void accept();
  // A base backup of production under snapshots()/<name>.
  void take_snapshot(const std::string& name, const std::vector<std::string>& extra = {});
  // A table of a hundred users in database shop, whose addresses a policy masks, and a first snapshot,
  // "monday".
  void prepare_users();
  // `refresh`; a failure with its whole output when the status is not `status`.
  RunResult refresh(int status = 0, std::vector<std::string> extra = {});

  // Through the alias, as staging users connect. `session_options`: server settings, which win over what the
  // database sets ("-c statement_timeout=0").
  std::string session_options;
  [[nodiscard]] std::string staging(std::string_view database, std::string_view user = "staging") const;
  // First column of the first row, read through the alias; "<error: …>" where that fails.
  std::string staging_value(std::string_view query, std::string_view database = {});
  std::vector<std::vector<std::string>> staging_rows(std::string_view query, std::string_view database = {});
  // The alias's target: the live copy's id, or "".
  std::string live_copy() const;
  // Ids of all folders in the copies' directory.
  std::vector<std::string> copy_ids() const;
  // The live copy's proof as JSON text.
  std::string proof();
  // Command lines of processes that work below copies().
  std::vector<std::string> processes() const;

 private:
  Options options_;
  TempFolder temp_;
  std::string home_;
  std::string password_ = "planted-staging";
  std::unique_ptr<PostgresCluster> production_;
  uint16_t first_port_ = 0;
};

// The program that is tested: $YTB_TEST_PROGRAM, else the one that was built.
std::string program();
// Names, modes, links, sizes and contents of a folder, as one digest.
std::string digest_of_tree(const std::string& folder);
// Whether this connection string can log in and run SELECT 1.
bool can_log_in(const std::string& connection);
// First column of the first row, or the error's text.
std::string ask(PGconn* connection, const char* query);

}  // namespace ytb::testing
