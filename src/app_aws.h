// The AWS part of the wiring: who we are there, and the drivers of a production that lives there.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app_lambda.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/stop.h"
#include "cli/services.h"
#include "config/config.h"
#include "drivers/aws/caller.h"
#include "model/action.h"
#include "ports/adoption.h"
#include "ports/patience.h"
#include "ports/vault.h"
#include "refresh/drivers.h"

namespace ytb {

// Credentials, transport and retries for one `aws:` block, as ourselves or as a production's role.
class AwsSession;

// The sessions of this process, each made at its first need: what asks for a secret and what restores a copy
// share credentials and the retry quota. Thread-safe; outlives what it gave.
class AwsSessions {
 public:
  AwsSessions(Clock& clock, const StopFlag& stop);
  ~AwsSessions();
  AwsSessions(const AwsSessions&) = delete;
  AwsSessions& operator=(const AwsSessions&) = delete;

  // kConfig where no region is known, or a file of certificates is not there. No call is made. `role`: the
  // production's that it is for, which counts where roles are assumed.
  Result<AwsSession*> get(const config::AwsConfig& aws, const std::string& role = {});

  // From here on a production's role is assumed: by a function, whose own role may do next to nothing. A task
  // and the command line act as themselves.
  void assume_roles() { assumes_ = true; }

  // From here on what open_aws_vault() is to remember is given again for so long, or until it is forgotten.
  void remember_secrets(Duration longest);
  void forget_secrets();
  std::optional<Secret> remembered(const model::SecretRef& reference);
  void remember(const model::SecretRef& reference, const Secret& secret);

 private:
  static constexpr size_t kSecretsMax = 100;
  struct Remembered {
    Secret secret;
    Instant at;
  };
  struct Made {
    config::AwsConfig aws;
    std::string role;
    std::unique_ptr<AwsSession> session;
  };
  Result<AwsSession*> own(const config::AwsConfig& aws);  // these two under the lock
  AwsSession* find(const config::AwsConfig& aws, const std::string& role) const;
  Clock& clock_;
  const StopFlag& stop_;
  std::mutex mutex_;
  std::vector<Made> sessions_;
  std::atomic<bool> assumes_{false};
  Duration remembers_{};
  std::map<std::pair<int, std::string>, Remembered> secrets_;
};

// The way to AWS's services in the session of this block, and of a production's role.
Result<aws::Caller*> caller_of(AwsSessions& sessions, const config::AwsConfig& aws,
                               const std::string& role = {});

// Secrets and documents of this machine, and with AWS, which is asked only for what lies there, as `role`.
// `remembered`: the one secret that the sessions may keep (the signing key, which every tick needs, and which
// is one for all productions of a config); none: nothing is kept.
std::unique_ptr<ports::Vault> open_aws_vault(AwsSessions& sessions, const config::AwsConfig& aws,
                                             const std::string& role = {},
                                             const model::SecretRef& remembered = {});

// Source, host, engine and alias; notifier and journal are not AWS's matter.
struct AwsWiring {
  AwsSessions& sessions;
  Clock& clock;
  const StopFlag& stop;
  ports::Patience patience = ports::Patience::kWait;
};
Status add_aws_drivers(const AwsWiring& wiring, const config::Config& config,
                       const config::ProductionConfig& production, const Secret& signing_key,
                       refresh::Drivers& drivers);

// What the room lambda is given: drivers by `make_drivers`, which wait for nothing that AWS does; all else by
// the secrets, buckets and clients of `sessions`, which outlive it. `version`: what proofs say made them.
using MakeDrivers = std::function<Result<refresh::Drivers>(const AwsWiring&, const config::Config&,
                                                           const config::ProductionConfig&)>;
LambdaWiring lambda_wiring(AwsSessions& sessions, Clock& clock, MakeDrivers make_drivers,
                           lambda::Environment environment, std::string version, std::ostream& log);

// What the stack of this restore is made of, as the original's answer has it. Only looks.
Result<std::string> aws_stack_args(AwsSessions& sessions, const config::AwsConfig& aws,
                                   const config::ProductionConfig& production, const model::Action& restore);

// The lines of `check` that only these drivers can know. Only looks; what may not be looked at is a line.
std::vector<cli::CheckLine> check_aws_place(const AwsWiring& wiring, const config::Config& config,
                                            const config::ProductionConfig& production,
                                            const cli::MaskedTables& tables);

// `adopt`. kUnsupported for a production that the original cannot have had.
Result<std::unique_ptr<ports::Adoption>> open_aws_adoption(const AwsWiring& wiring,
                                                           const config::Config& config,
                                                           const config::ProductionConfig& production);

}  // namespace ytb
