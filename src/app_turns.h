// S3Turns: whose turn it is, as an object in the deployment's bucket, <prefix>/turns/<production>.json, that
// only one can write: S3's conditional writes (user guide, "Conditional requests") are strongly consistent.
// Thread-safe.
#pragma once

#include <string>

#include "app_due_marks.h"
#include "lambda/turns.h"

namespace ytb {

class S3Turns final : public lambda::Turns {
 public:
  S3Turns(S3DueMarks::CallerSource caller, std::string bucket, std::string prefix)
      : caller_(std::move(caller)), bucket_(std::move(bucket)), prefix_(std::move(prefix)) {}

  // kBusy (Later) where it goes from hand to hand while we look.
  Result<lambda::Turn> take(const model::ProductionName& production, const std::string& holder, Instant until,
                            Instant now) override;
  Status give_back(const model::ProductionName& production, const std::string& holder) override;

 private:
  [[nodiscard]] std::string key_of(const model::ProductionName& production) const;

  S3DueMarks::CallerSource caller_;
  std::string bucket_;
  std::string prefix_;
};

}  // namespace ytb
