// OriginalsOfCopy: what one masking of one copy remembers, until the copy is proven: the keys and the filter
// in memory, the digests in a file that no name leads to. All of it is gone with this process.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "base/result.h"
#include "drivers/os/descriptor.h"
#include "masking/needles.h"
#include "masking/originals.h"
#include "masking/plan.h"
#include "model/ids.h"

namespace ytb::refresh {

class OriginalsOfCopy {
 public:
  // `folder`: where the spool lies, a few bytes for each original. `plan`: says how many there will be.
  static Result<std::unique_ptr<OriginalsOfCopy>> make(const model::CopyId& copy, const std::string& folder,
                                                       const masking::MaskingPlan& plan);

  [[nodiscard]] const model::CopyId& copy() const { return copy_; }
  [[nodiscard]] masking::Originals& originals() { return originals_; }
  // A sample of the values themselves, to be searched for in files.
  [[nodiscard]] const masking::NeedleSamples& samples() const { return samples_; }
  // Lets the whole spool pass by the candidates.
  Status confirm(masking::SurvivorCandidates& candidates);
  [[nodiscard]] uint64_t recorded() const;

 private:
  OriginalsOfCopy(model::CopyId copy, os::Descriptor spool, std::string folder, uint64_t expected,
                  uint64_t columns);
  Status keep(std::span<const uint64_t> digests);

  model::CopyId copy_;
  os::Descriptor spool_;
  std::string folder_;
  mutable std::mutex mutex_;
  uint64_t bytes_ = 0;
  masking::NeedleSamples samples_;
  masking::Originals originals_;
};

}  // namespace ytb::refresh
