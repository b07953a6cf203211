// PostgresBackend: real PostgreSQL servers behind the fake's instances, as RDS shows them.
//
// - An instance is a copy of a snapshot's data directory, started on a loopback address of its own and a free
//   port. The endpoint's Address is that address: clients need no resolver, and a CNAME may point at it.
// - TLS only, by a certificate for the address from a test CA (ca_bundle()).
// - The superuser is `rdsadmin`, whom nobody can log in as; its database `rdsadmin` refuses everybody. The
//   master is NOSUPERUSER, CREATEROLE, CREATEDB, a member of rds_superuser. That he may give and take any
//   role is CREATEROLE's doing up to PostgreSQL 15, from 16 on Amazon's (tests/support/rds_superuser.c). What
//   rds_superuser may do on RDS by other patches to PostgreSQL (untrusted extensions, subscriptions) it may
//   not do here.
// - A member of rds_iam, directly or by a group, gets in by a token alone, and nobody else by one: what RDS's
//   PAM module is asked there, an LDAP bind is asked here ("LDAP authentication failed for user …").
// - A security group is a set of source addresses (allow()); others are refused by pg_hba.conf, also when
//   groups change; connections that are open stay, as on AWS. Clients on this machine come from 127.0.0.1; a
//   Door makes them come from elsewhere.
// Not thread-safe but for what FakeAws does with it. Servers stop and files go with the object.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/fakes/aws/instance_backend.h"
#include "tests/fakes/aws/ldap_binds.h"
#include "tests/postgres_cluster.h"

namespace ytb::fakes::aws {

class PostgresBackend final : public InstanceBackend {
 public:
  PostgresBackend();
  ~PostgresBackend() override;

  // "" where PostgreSQL and openssl are installed, else why not.
  static std::string available();
  // "" where the server was built with LDAP, else why nobody gets in by a token.
  static std::string why_no_tokens();
  // PEM, for sslrootcert.
  [[nodiscard]] std::string ca_bundle() const { return files_.path() + "/ca.pem"; }
  // Connections from these addresses pass the group: "127.0.0.1".
  void allow(const std::string& group, const std::vector<std::string>& sources) { sources_[group] = sources; }

  // A stopped production server for SnapshotSeed::data: its master, one database that he owns, and what the
  // script makes in it as him, then `admin_script` as rdsadmin. Empty and a test failure on error.
  std::string make_data(const std::string& master, const std::string& password, const std::string& database,
                        const std::string& script, const std::string& admin_script = {});
  // For assertions: libpq's connection string as rdsadmin, by the socket. "" where there is no such instance.
  [[nodiscard]] std::string admin_connection(const std::string& id, const std::string& database) const;

  Result<InstanceEndpoint> start(const InstanceSpec& spec) override;
  Status set_password(const std::string& id, const std::string& master, const std::string& password) override;
  Status set_security_groups(const std::string& id, const std::vector<std::string>& groups) override;
  Result<std::string> snapshot(const std::string& id) override;
  void remove(const std::string& id) override;
  void set_token_judge(TokenJudge judge) override;

 private:
  struct Instance {
    std::string address, data;
    std::unique_ptr<testing::PostgresCluster> server;
  };
  Status write_files(const Instance& instance, const InstanceSpec& spec);
  Status make_certificate(const std::string& data, const std::string& address);
  [[nodiscard]] std::string hba_of(const std::string& id, const std::vector<std::string>& groups) const;
  bool bind(const std::string& name, const std::string& password);
  Status run_sql(const std::string& id, const std::string& sql);
  std::string fresh_folder(const std::string& prefix);

  testing::TempFolder files_;
  std::map<std::string, std::vector<std::string>> sources_;
  std::mutex judge_mutex_;
  TokenJudge judge_;
  LdapBinds binds_{
      [this](const std::string& name, const std::string& password) { return bind(name, password); }};
  std::map<std::string, Instance> instances_;
  int made_ = 0;
};

// A port on 127.0.0.1 whose connections reach `address`:`port` from the loopback address `source`. With
// libpq: host=<address> hostaddr=127.0.0.1 port=<door>, so that the certificate is checked for the real
// address.
class Door {
 public:
  Door(std::string source, std::string address, uint16_t port);
  ~Door();
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  void serve();
  void carry(int client) const;
  std::string source_, address_;
  uint16_t target_port_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> carriers_;
  std::thread thread_;
};

}  // namespace ytb::fakes::aws
