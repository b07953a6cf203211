// What tests of the engine share: a production, a closed copy of it, the engine's calls. For tests only.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "drivers/postgres/connection.h"
#include "drivers/postgres/engine.h"
#include "drivers/postgres/instance.h"
#include "tests/postgres_cluster.h"

namespace ytb::postgres {

using testing::PostgresCluster;
using testing::TempFolder;

using Maskers = std::map<std::string, std::string>;  // "public.t.column" → masker

// A plan that keeps everything but `maskers`; tables in `emptied` ("public.t") are emptied, databases in
// `omitted` omitted.
inline masking::MaskingPlan plan_for(const masking::Catalog& catalog, const Maskers& maskers,
                                     const std::vector<std::string>& emptied = {},
                                     const std::vector<std::string>& omitted = {}) {
  masking::MaskingPlan plan;
  for (const masking::Database& database : catalog.databases) {
    masking::DatabasePlan here{.database = database, .omitted = false, .tables = {}};
    here.omitted = std::count(omitted.begin(), omitted.end(), database.name) > 0;
    for (const masking::Table& table : database.tables) {
      if (table.kind != masking::RelationKind::kTable) continue;
      masking::TablePlan entry{.table = table, .treatment = masking::Treatment::kKeep, .columns = {}};
      std::string name = table.name.schema + "." + table.name.name;
      if (std::count(emptied.begin(), emptied.end(), name) > 0 || here.omitted)
        entry.treatment = masking::Treatment::kEmpty;
      for (const masking::Column& column : table.columns) {
        masking::MaskerSpec spec;
        spec.name = "keep";
        if (auto found = maskers.find(name + "." + column.name); found != maskers.end()) {
          spec.name = found->second;
          entry.treatment = masking::Treatment::kMask;
        }
        entry.columns.push_back({.column = column, .masker = spec, .judged_by = "test"});
      }
      here.tables.push_back(std::move(entry));
    }
    plan.databases.push_back(std::move(here));
  }
  return plan;
}

inline const model::Check* find_check(const std::vector<model::Check>& checks, const std::string& name) {
  auto found = std::find_if(checks.begin(), checks.end(), [&](const auto& c) { return c.name == name; });
  return found == checks.end() ? nullptr : &*found;
}

inline std::string failures(const std::vector<model::Check>& checks) {
  std::string out;
  for (const model::Check& check : checks) {
    if (check.outcome != model::Outcome::kPassed) out += check.name + ": " + check.detail + "\n";
  }
  return out;
}

// The engine's calls on one copy.
class EngineCalls : public ::testing::Test {
 protected:
  explicit EngineCalls(Profile profile, std::string admin_role)
      : engine_(profile), admin_role_(std::move(admin_role)) {
    spool_ = folder_.path() + "/spool";
    std::filesystem::create_directories(spool_);
  }
  static void must(const Status& status) { ASSERT_TRUE(status.ok()) << to_string(status.error()); }
  model::Evidence defuse(const std::vector<model::AccessRole>& access = {}) {
    auto evidence = engine_.defuse(target_, access);
    EXPECT_TRUE(evidence.ok()) << (evidence.ok() ? "" : to_string(evidence.error()));
    return evidence.ok() ? *evidence : model::Evidence{};
  }
  Result<model::Evidence> mask(const masking::MaskingPlan& plan) {
    return engine_.mask(target_,
                        {.plan = plan,
                         .key = key_,
                         .spool_directory = spool_,
                         .workers = 2,
                         .pages_bytes_min = pages_bytes_min_},
                        progress_, stop_);
  }
  std::vector<model::Check> verify(const masking::MaskingPlan* plan, const model::Evidence& evidence,
                                   std::vector<model::SqlCheck> own = {},
                                   std::vector<model::AccessRole> access = {}) {
    auto checks = engine_.verify(target_,
                                 {.plan = plan,
                                  .evidence = evidence,
                                  .sql_checks = std::move(own),
                                  .access = std::move(access),
                                  .admin_role = admin_role_},
                                 progress_, stop_);
    EXPECT_TRUE(checks.ok()) << (checks.ok() ? "" : to_string(checks.error()));
    return checks.ok() ? *checks : std::vector<model::Check>{};
  }

  TempFolder folder_;
  PostgresEngine engine_;
  std::string admin_role_;
  ports::SessionTarget target_;
  masking::MaskingKey key_{Secret("0123456789abcdef0123456789abcdef")};
  std::string spool_;
  uint64_t pages_bytes_min_ = 0;  // whatever can be masked by its pages is
  ports::NoProgress progress_;
  StopFlag stop_;
};

class EngineTest : public EngineCalls {
 protected:
  EngineTest() : EngineCalls(Profile::kSuperuser, "ytb_admin_0123456789") {}
  ports::SessionTarget production_target() const {
    return {.parameters = {{"connection", production_->connection()}}, .password = {}, .label = "p"};
  }
  void make_production(std::map<std::string, std::string> settings = {}) {
    PostgresCluster::Options options;
    options.settings = std::move(settings);
    production_ = PostgresCluster::make(options);
    ASSERT_NE(production_, nullptr);
  }
  // Base backup → closed copy, running.
  void restore(const std::vector<std::string>& extra = {}) {
    spec_.root = folder_.make_for_server("copy");
    chmod(spec_.root.c_str(), 0755);
    for (std::string part : {"/run", "/spool", "/log", "/tablespaces"}) {
      ASSERT_FALSE(folder_.make_for_server("copy" + part).empty());
    }
    spec_.copy_id = "shop-yesterday-20260101-000000-1";
    spec_.data_as_of = "2026-01-01T00:00:00Z";
    spec_.engine_major = testing::postgres_major();
    spec_.bin_dir = testing::postgres_bin_dir();
    spec_.port = testing::free_port();
    spec_.run_as = testing::server_user();
    spec_.admin_role = admin_role_;
    if (const std::string lacks = testing::why_no_seal(); !lacks.empty())
      spec_.isolation = {.kind = model::Isolation::Kind::kNone, .reason = lacks};
    ASSERT_TRUE(production_->base_backup(spec_.data(), extra));
    must(kind_.neutralise(spec_));
    must(kind_.recover(spec_, progress_, stop_));
    must(kind_.start_closed(spec_));
    target_ = std::move(kind_.session(spec_)).value();
  }
  std::string copy_value(const std::string& database, const std::string& sql) {
    auto session = Connection::open(target_, database, SessionKind::kCopy);
    if (!session.ok()) return to_string(session.error());
    auto found = session->value(sql);
    return found.ok() ? *found : to_string(found.error());
  }
  std::string dump_copy(const std::string& database) {
    return testing::dump_schema_of("host=" + spec_.run() + " port=" + std::to_string(spec_.port) +
                                   " user=" + spec_.admin_role + " dbname=" + database +
                                   " password=" + std::string(kind_.session(spec_)->password.reveal()));
  }
  void TearDown() override {
    if (!spec_.root.empty()) {
      EXPECT_TRUE(kind_.stop(spec_).ok());
    }
  }

  std::unique_ptr<PostgresCluster> production_;
  ports::InstanceSpec spec_;
  PostgresInstance kind_;
};

}  // namespace ytb::postgres
