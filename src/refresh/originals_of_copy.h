// OriginalsOfCopy: what one masking of one copy remembers, until the copy is proven: keys and samples in
// memory, the digests in a file that no name leads to, and for the search a filter of them. All of it is gone
// with this process.
#pragma once

#include <cstdint>
#include <functional>
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
  // `folder`: where the spool lies, some 16 bytes for each cell that is masked.
  static Result<std::unique_ptr<OriginalsOfCopy>> make(const model::CopyId& copy, const std::string& folder,
                                                       const masking::MaskingPlan& plan);

  [[nodiscard]] const model::CopyId& copy() const { return copy_; }
  [[nodiscard]] masking::Originals& originals() { return originals_; }
  // A sample of the values themselves, to be searched for in files.
  [[nodiscard]] const masking::NeedleSamples& samples() const { return samples_; }
  // Once everything is masked: makes the filter. Memory: 51 bits each.
  Status be_ready_to_search();
  // Lets the whole spool pass by the candidates.
  Status confirm(masking::SurvivorCandidates& candidates);
  [[nodiscard]] uint64_t recorded() const;

 private:
  OriginalsOfCopy(model::CopyId copy, os::Descriptor spool, std::string folder, uint64_t columns);
  Status keep(std::span<const uint64_t> digests);
  Status read_all(const std::function<void(std::span<const uint64_t>)>& take);

  model::CopyId copy_;
  os::Descriptor spool_;
  std::string folder_;
  mutable std::mutex mutex_;
  uint64_t bytes_ = 0;
  masking::NeedleSamples samples_;
  masking::Originals originals_;
};

}  // namespace ytb::refresh
