// PostgresEngine: what is done inside a PostgreSQL server, with a superuser's rights in copies of our own, or
// with a cloud master's. Everything that changes anything refuses (kRefused) a server that is not a closed
// copy of the profile's kind. Holds no state; one call at a time, and on RDS a second one anywhere is told
// kBusy.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ports/engine.h"

namespace ytb::postgres {

enum class Profile {
  kSuperuser,  // our own local server
  kRds,        // RDS and Aurora: NOSUPERUSER, member of rds_superuser; copies carry a mark (rds_session.h)
};

// A production is named by SessionTarget::parameters; a whole libpq connection string goes under the key
// "connection", and whatever else is given wins over it.
class PostgresEngine final : public ports::Engine {
 public:
  explicit PostgresEngine(Profile profile = Profile::kSuperuser) : profile_(profile) {}

  Result<masking::Catalog> catalog(const ports::SessionTarget& target) override;
  Result<ports::MadeSince> made_since(const ports::SessionTarget& production,
                                      const ports::SnapshotPoint& point) override;
  Result<ports::TakenSamples> sample(const ports::SessionTarget& target, const masking::Catalog& catalog,
                                     int rows_max) override;
  Result<std::vector<std::vector<std::optional<std::string>>>> rows(const ports::SessionTarget& target,
                                                                    std::string_view database,
                                                                    const masking::Table& table,
                                                                    int rows_max) override;
  Result<model::Evidence> defuse(const ports::SessionTarget& target,
                                 const std::vector<model::AccessRole>& access) override;
  Result<model::Evidence> mask(const ports::SessionTarget& target, const ports::MaskRequest& request,
                               ports::Progress& progress, const StopFlag& stop) override;
  // Local storage needs none.
  Result<std::vector<std::string>> warm_up(const ports::SessionTarget& target,
                                           const ports::WarmUpRequest& request, ports::Progress& progress,
                                           const StopFlag& stop) override;
  Result<std::vector<model::Check>> verify(const ports::SessionTarget& target,
                                           const ports::VerifyRequest& request, ports::Progress& progress,
                                           const StopFlag& stop) override;

 private:
  Profile profile_;
};

}  // namespace ytb::postgres
