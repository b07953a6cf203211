// StackStore: what is kept of copies in S3. Small JSON objects under <prefix>/<production>/. Not there is a
// known state; a bucket that does not answer is an error. attempts.json, which several may write, is written
// only where it is still what was read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/aws/s3.h"
#include "drivers/rds/stack_tags.h"
#include "model/copy.h"

namespace ytb::rds {

class StackStore {
 public:
  // `s3` outlives it.
  StackStore(aws::S3& s3, std::string bucket, std::string prefix, const model::ProductionName& production);

  Result<std::vector<model::Attempt>> attempts();
  // Once more where somebody else has written meanwhile; then kBusy.
  Status add(const model::Attempt& attempt);

  // By the stack's id (an ARN that never comes back).
  Result<std::optional<State>> state(const std::string& stack_id);
  Status store(const std::string& stack_id, const State& state);
  // Success where there is none.
  Status remove_state(const std::string& stack_id);

  // By the instance's resource id.
  Result<std::optional<std::string>> evidence(const std::string& resource_id);
  Status store_evidence(const std::string& resource_id, std::string text);
  Status remove_evidence(const std::string& resource_id);
  Result<std::optional<std::string>> proof(const std::string& resource_id);
  Status store_proof(const std::string& resource_id, std::string text);

 private:
  [[nodiscard]] std::string key_of(std::string_view folder, std::string_view id, std::string_view file) const;
  Status put(std::string key, std::string body);

  aws::S3& s3_;
  std::string bucket_;
  std::string root_;
};

}  // namespace ytb::rds
