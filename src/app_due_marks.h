// S3DueMarks: due marks as small objects in the deployment's bucket,
// <prefix>/due/<production>/<instant>.json.
//
// A mark's name is its instant: taking one away can never take a newer one with it, so that no locks and no
// conditional writes are needed. Of several the newest holds; older ones go with it.
#pragma once

#include <functional>
#include <string>

#include "drivers/aws/s3.h"
#include "lambda/due_marks.h"

namespace ytb {

class S3DueMarks final : public lambda::DueMarks {
 public:
  // The caller, made at the first need; it outlives the marks.
  using CallerSource = std::function<Result<aws::Caller*>()>;
  S3DueMarks(CallerSource caller, std::string bucket, std::string prefix)
      : caller_(std::move(caller)), bucket_(std::move(bucket)), prefix_(std::move(prefix)) {}

  Status mark(const lambda::DueMark& mark) override;
  Result<std::vector<lambda::DueMark>> read() override;
  Status replace(Instant at, const lambda::DueMark& mark) override;
  Status clear(const model::ProductionName& production, Instant at) override;

 private:
  Result<aws::S3> s3() const;
  [[nodiscard]] std::string folder_of(const model::ProductionName& production) const;
  [[nodiscard]] std::string key_of(const model::ProductionName& production, Instant at) const;
  Status put(const std::string& key, const lambda::DueMark& mark) const;

  CallerSource caller_;
  std::string bucket_;
  std::string prefix_;
};

}  // namespace ytb
