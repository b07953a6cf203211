// Adopter: takes the name over from the original's stack, step by step, without a failed lookup.
//
//   held → kept → free → (our alias moves the record: adopted_targets()) → moved → the stack is deleted, if
//   told
//
// Each step is one update of the old stack with its own template, one thing changed, and its own parameters;
// what is done is read off the stack and the record each time, so a run that was killed is gone on with. The
// record itself is never written here. Not thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "drivers/aws/cloudformation.h"
#include "drivers/aws/rds.h"
#include "drivers/aws/route53.h"
#include "drivers/rds/old_stack.h"
#include "model/copy.h"
#include "ports/adoption.h"

namespace ytb::rds {

struct AdoptOptions {
  model::ProductionName production = {};
  OriginalNames names = {};
  std::string zone_id = {};  // as the alias's: one of both
  std::string domain = {};
  // ARN of what CloudFormation deletes the old stack as, where the stack has no role of its own; "":
  // ourselves.
  std::string service_role = {};
  Duration drain = std::chrono::minutes(5);
  Duration wait_max = std::chrono::minutes(60);  // for one step of the stack
};

// Our live copy, as the caller knows it.
struct Serving {
  model::CopyId copy;
  std::string endpoint;  // DNS name
  Instant since;         // it is live
};
using LiveCopy = std::function<Result<std::optional<Serving>>()>;

class Adopter final : public ports::Adoption {
 public:
  Adopter(aws::CloudFormation& stacks, aws::Rds& rds, aws::Route53& route53, AdoptOptions options,
          LiveCopy live, Clock& clock)
      : stacks_(stacks),
        rds_(rds),
        route53_(route53),
        options_(std::move(options)),
        live_(std::move(live)),
        clock_(clock) {}

  Result<ports::AdoptionPlan> plan(bool delete_old) override;
  // kRefused: not the original's, or not yet to be deleted. kExternal: CloudFormation undid a step, with its
  // reason. kBusy (Later): a step has not come to rest within `wait_max`.
  Status carry_out(bool delete_old, ports::Progress& progress, const StopFlag& stop) override;

  // What route53::AliasOptions::adopted_targets takes: where the record may be moved away from. Empty while
  // the stack still holds the record, and once it has moved.
  Result<std::vector<std::string>> adopted_targets();

 private:
  enum class Phase {
    kNothing,  // no stack, and no record of it
    kHeld,     // the stack would delete the record with itself
    kKept,     // the record would outlive the stack
    kFree,     // the record is no part of the stack
    kOrphan,   // no stack; the record still names an instance of it that is gone
  };
  struct Look {
    Phase phase = Phase::kNothing;
    std::optional<OldStack> old;
    std::string status = {};  // of the stack, where it is not at rest or cannot be updated; then no `old`
    std::string endpoint;     // of the old instance
    std::optional<aws::RecordSet> record;
    std::string target = {};  // of the record
    bool moved = false;       // it points at a copy of ours
  };
  Result<Look> look();
  Status look_at_record(Look& look);
  Status look_at_stack(const aws::Stack& stack, Look& look);
  Result<std::optional<aws::Stack>> wait_for_rest(const std::string& name,
                                                  std::optional<Instant> not_this_update,
                                                  const StopFlag& stop);
  Status update(const OldStack& old, std::string body, std::string_view what, ports::Progress& progress,
                const StopFlag& stop);
  Result<std::string> failure_of(const std::string& stack);
  // Why the old stack may not be deleted now; none: it may.
  Result<std::optional<Error>> not_yet(const Look& look);
  Status delete_stack(ports::Progress& progress, const StopFlag& stop);
  Status release(ports::Progress& progress, const StopFlag& stop);

  aws::CloudFormation& stacks_;
  aws::Rds& rds_;
  aws::Route53& route53_;
  AdoptOptions options_;
  LiveCopy live_;
  Clock& clock_;
};

}  // namespace ytb::rds
