// What is expensive to find out and stays so while something else does: kept by a key that names all of it.
// Thread-safe; whoever asks for what another is finding out waits for it, and for nothing else. Failures are
// not kept.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"

namespace ytb {

template <class Value>
class Remembered {
 public:
  Result<Value> get(const std::string& key, const std::function<Result<Value>()>& find_out) {
    const std::shared_ptr<Entry> entry = entry_of(key);
    std::lock_guard lock(entry->mutex);
    if (entry->value) return *entry->value;
    Result<Value> found = find_out();
    if (found.ok()) entry->value = *found;
    return found;
  }

 private:
  struct Entry {
    std::mutex mutex;
    std::optional<Value> value;
  };

  std::shared_ptr<Entry> entry_of(const std::string& key) {
    std::lock_guard lock(mutex_);
    if (entries_.size() >= kKeysMax && !entries_.contains(key)) entries_.clear();
    std::shared_ptr<Entry>& entry = entries_[key];
    if (entry == nullptr) entry = std::make_shared<Entry>();
    return entry;
  }

  static constexpr size_t kKeysMax = 100;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
};

}  // namespace ytb
