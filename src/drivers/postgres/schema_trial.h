// PostgresSchemaTrial: production's types and functions in a sealed server of its own, for a moment.
//
// pg_dump reads the definitions of the databases concerned but those of relations, so that it locks none of
// them and needs a right to none, and pg_restore makes what stands before the data there (--section=pre-data:
// no event trigger). Both speak to servers alone: no text of production's is ever given to psql, whose
// commands could be in it. Databases have their names and locales, roles their names, memberships and
// settings, but no right of the server's and no login.
//
// Each constraint is tried on a table of its own, with the columns concerned as production has them, that
// constraint and no other, in a session of the owner of production's table (owner_session.h). Code that does
// not end takes its server with it.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "model/copy.h"
#include "model/isolation.h"
#include "ports/schema_trial.h"

namespace ytb::postgres {

struct SchemaTrialOptions {
  std::string production;  // its name
  std::string directory;   // of copies: the server lies in it as .try-<production> while it is asked
  std::string run_as;
  uint16_t port = 0;  // the number of a socket file
  std::string bin_dir;
  model::Isolation isolation = {};  // of copies: without a seal no code of production's is run here
  // Where pg_dump and pg_restore lie.
  std::function<Result<std::string>(const std::string& name)> find_client;
};

class PostgresSchemaTrial final : public ports::SchemaTrial {
 public:
  // `clock` must outlive this.
  PostgresSchemaTrial(SchemaTrialOptions options, const Clock& clock)
      : options_(std::move(options)), clock_(clock) {}

  Result<std::vector<masking::TrialAnswer>> ask(const ports::SessionTarget& production, int engine_major,
                                                const Trials& trials, ports::Progress& progress,
                                                const StopFlag& stop) override;
  Status clean_up() override;

 private:
  [[nodiscard]] std::string folder() const;

  SchemaTrialOptions options_;
  const Clock& clock_;
};

}  // namespace ytb::postgres
