// PostgresSchemaTrial: production's types and functions in a sealed server of its own, for a moment.
//
// All of it belongs to a guest without any power, who alone comes to that database once it is there
// (trial_server.h), also to make extensions, of which there are those that any owner of a database could
// make, but for languages. pg_dump reads the definitions but those of relations, so that it locks none of
// them and needs a right to none; of what it read, pg_restore makes, as the guest, the kinds that a role
// without power may make. Both speak to servers alone: no text of production's is ever given to psql, whose
// commands could be in it.
//
// Each constraint whose code depends on nothing else (trial_definitions.h) is tried in a session of its own,
// which begins with the settings of production's owner, on a table with the columns concerned as production
// has them, that constraint and no other; all that its code may come to has to be there, and whatever is
// there has to be as in production. A server has one database, and goes with what did not end.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "model/copy.h"
#include "model/isolation.h"
#include "ports/schema_trial.h"

namespace ytb::postgres {

// By its name: where a client program of PostgreSQL's lies.
using FindClient = std::function<Result<std::string>(const std::string& name)>;

struct SchemaTrialOptions {
  std::string production;  // its name
  std::string directory;   // of copies: the server lies in it as .try-<production> while it is asked
  std::string run_as;
  uint16_t port = 0;  // the number of a socket file
  std::string bin_dir;
  model::Isolation isolation = {};  // of copies: without a seal no code of production's is run here
  bool off = false;                 // the config wants nothing tried
  FindClient find_client;
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
  [[nodiscard]] ports::InstanceSpec spec(int engine_major) const;

  SchemaTrialOptions options_;
  const Clock& clock_;
};

namespace internal {
// Of what `pg_restore --list` says, the lines that are to be made, for its option -L. Each begins with its
// number and two OIDs, "217; 1255 16390 FUNCTION public slug(text) app": names cannot pass for a kind, as
// they come after it, nor for a line.
std::string made_of(std::string_view list);
// pg_restore of the version that dumps: the one beside pg_dump, or beside what that is a link to, if there is
// one. An older one does not read newer archives.
Result<std::string> restoring_program(const FindClient& find_client);
}  // namespace internal

}  // namespace ytb::postgres
