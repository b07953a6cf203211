// What is expensive to find out and stays so while something else does: kept by a key that names all of it.
// Thread-safe; whoever asks for what another is finding out waits for it. Failures are not kept.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "base/result.h"

namespace ytb {

template <class Value>
class Remembered {
 public:
  Result<Value> get(const std::string& key, const std::function<Result<Value>()>& find_out) {
    std::lock_guard lock(mutex_);
    if (auto known = known_.find(key); known != known_.end()) return known->second;
    Result<Value> found = find_out();
    if (!found.ok()) return found;
    if (known_.size() >= kKeysMax) known_.clear();
    known_.emplace(key, *found);
    return found;
  }

 private:
  static constexpr size_t kKeysMax = 100;
  std::mutex mutex_;
  std::map<std::string, Value> known_;
};

}  // namespace ytb
